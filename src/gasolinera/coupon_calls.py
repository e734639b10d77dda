"""What the redemption service asks of the coupon service: in this process where that runs here, else over HTTP.

Each question may be asked again: a reference is consumed once and given back once, and what was decided about it stays.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias, TypeVar
from uuid import UUID

import httpx
import msgspec

from gasolinera.calls import Patience, Peer, TokenFor, open_peer
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, UnavailableError
from gasolinera.keyring import Keyring

PATH: Final = "/api/coupons/internal"
_PATIENCE: Final = Patience(try_s=3.0, tries=3)

Method: TypeAlias = Literal["QR_SCAN", "MANUAL_ENTRY", "NFC", "BARCODE"]
RestoreReason: TypeAlias = Literal["CANCELLED", "FAILED", "ADMINISTRATOR"]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What was scanned or typed, and where: for finding the coupon, and for the record of an attempt that failed.

    `at`: when it was shown, if not now: a terminal without a connection has read it. `context`: who asks the service
    that asks this one, where that is another process.
    """

    text: str
    method: Method
    station_code: str | None = None
    employee_number: str | None = None
    user_id: UUID | None = None
    device_id: str | None = None
    at: datetime | None = None
    context: RequestContext | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The coupon that was meant. `is_signed`: a code that the platform signed was shown, not one that was typed.

    `is_shared`: it is good for more uses than one.
    """

    coupon_code: str
    campaign_code: str
    currency: str
    user_id: UUID | None
    is_signed: bool
    is_shared: bool = False


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """What a coupon is to be used for. `reference`: the redemption's, by which the use is known for ever.

    `at`: when, if not now: its hours and periods are judged by it; what is over by now stays so.
    `amount` None: nobody knows it yet, so a quote says nothing of the discount and judges no minimum; a use gives it.
    """

    reference: str
    coupon_code: str
    user_id: UUID
    station_code: str
    amount: Decimal | None
    currency: str
    fuel_type: str | None = None
    employee_number: str | None = None
    method: Method = "QR_SCAN"
    device_id: str | None = None
    at: datetime | None = None
    context: RequestContext | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True, tag="given"):
    """What a coupon gives, or gave: a repeated question has the same answer."""

    discount_amount: Decimal
    final_amount: Decimal
    raffle_tickets: int
    raffle_code: str | None


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Why not: words of coupon_validation_attempts, the one that counts most first; or NOT_LIVE, KEY_REVOKED of a code
    that we signed. It is recorded already.
    """

    reasons: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True):
    """RESTORED; FORFEITED: by the campaign's policy it stays used; NEVER_USED: and it never will be under this
    reference.
    """

    outcome: Literal["RESTORED", "FORFEITED", "NEVER_USED"]


class Restoration(msgspec.Struct, frozen=True):
    reference: str
    reason: RestoreReason
    context: RequestContext | None = None


Answer: TypeAlias = Given | Refused


class Coupons(msgspec.Struct, frozen=True):
    """All raise UnavailableError when the coupon service cannot be asked; whoever asks must not take that for a no.

    `find` has nothing reserved and says only which coupon it is. `quote` says what it would give.
    """

    find: Callable[[RequestContext, Shown], Awaitable[Found | Refused]]
    quote: Callable[[RequestContext, Purchase], Awaitable[Answer]]
    consume: Callable[[RequestContext, Purchase], Awaitable[Answer]]
    restore: Callable[[RequestContext, Restoration], Awaitable[Restored]]


class CouponDesk(msgspec.Struct, frozen=True):
    """The same, as the coupon service gives it to a process that runs it: over its database, with the process' keys."""

    find: Callable[[Database, Keyring, RequestContext, Shown], Awaitable[Found | Refused]]
    quote: Callable[[Database, RequestContext, Purchase], Awaitable[Answer]]
    consume: Callable[[Database, RequestContext, Purchase], Awaitable[Answer]]
    restore: Callable[[Database, RequestContext, Restoration], Awaitable[Restored]]


class FoundAnswer(msgspec.Struct, frozen=True):
    """On the wire a coupon and a refusal are told apart by the field that is there."""

    found: Found | None = None
    refused: Refused | None = None


_FOUND: Final = msgspec.json.Decoder(FoundAnswer)
_ANSWER: Final[msgspec.json.Decoder[Answer]] = msgspec.json.Decoder(Answer)
_RESTORED: Final = msgspec.json.Decoder(Restored)
Told = TypeVar("Told")


def local_coupons(db: Database, keyring: Keyring, desk: CouponDesk) -> Coupons:
    return Coupons(
        find=lambda context, shown: desk.find(db, keyring, context, shown),
        quote=lambda context, purchase: desk.quote(db, context, purchase),
        consume=lambda context, purchase: desk.consume(db, context, purchase),
        restore=lambda context, restoration: desk.restore(db, context, restoration),
    )


@asynccontextmanager
async def remote_coupons(url: str, token_for: TokenFor, patience: Patience = _PATIENCE) -> AsyncGenerator[Coupons]:
    """Asks the coupon service of another process."""
    async with open_peer("coupon", url, token_for, topic="coupons", patience=patience) as peer:

        async def find(context: RequestContext, shown: Shown) -> Found | Refused:
            answer = await _ask(peer, "find", context, shown, _FOUND)
            found = answer.found or answer.refused
            if found is None:
                raise UnavailableError("coupons.misunderstood", "the coupon service answers neither yes nor no")
            return found

        async def quote(context: RequestContext, purchase: Purchase) -> Answer:
            return await _ask(peer, "quote", context, purchase, _ANSWER)

        async def consume(context: RequestContext, purchase: Purchase) -> Answer:
            return await _ask(peer, "consume", context, purchase, _ANSWER)

        async def restore(context: RequestContext, restoration: Restoration) -> Restored:
            return await _ask(peer, "restore", context, restoration, _RESTORED)

        yield Coupons(find=find, quote=quote, consume=consume, restore=restore)


async def _ask(
    peer: Peer,
    what: str,
    context: RequestContext,
    question: Shown | Purchase | Restoration,
    decoder: msgspec.json.Decoder[Told],
) -> Told:
    """With who asked and from where: the records are theirs, and not of the service between."""

    def read(response: httpx.Response) -> Told:
        if response.status_code != HTTPStatus.OK:
            raise msgspec.DecodeError("this says nothing about a coupon")
        return decoder.decode(response.content)

    body = msgspec.json.encode(msgspec.structs.replace(question, context=context))
    return await peer.tell(f"{PATH}/{what}", body, read)


@asynccontextmanager
async def open_coupons(
    settings: Settings,
    here: Mapping[str, Database],
    desk: CouponDesk | None,
    keyring: Keyring,
    token_for: TokenFor,
) -> AsyncGenerator[Coupons]:
    """Of this process' own coupon service where it runs one, else of the one that the settings name."""
    if desk is not None and "coupon" in here:
        yield local_coupons(here["coupon"], keyring, desk)
    elif settings.coupon_url is not None:
        async with remote_coupons(settings.coupon_url, token_for) as coupons:
            yield coupons
    else:
        yield no_coupons()


def no_coupons() -> Coupons:
    """For a process that was told of no coupon service: it starts, and what needs no coupon works."""

    def refuse(*_question: object) -> Awaitable[Any]:
        hint = "serve coupon in this process too, or set GASOLINERA_COUPON_URL"
        raise UnavailableError("coupons.no_address", "this process knows no coupon service to ask", hint)

    return Coupons(find=refuse, quote=refuse, consume=refuse, restore=refuse)
