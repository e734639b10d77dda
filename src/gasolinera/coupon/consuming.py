"""Coupons used and given back, for the redemption service: what was decided about a redemption stays decided.

Every function but `find` is one statement in a transaction of its own, so it takes the `Database`: a use must not share
its locks with anything that its caller does.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from gasolinera.coupon import codes, display, qr
from gasolinera.coupon import queries_consuming as queries
from gasolinera.coupon.queries_qr import list_qr_keys
from gasolinera.coupon_calls import (
    Answer,
    CouponDesk,
    Found,
    Given,
    Purchase,
    Refused,
    Restoration,
    Restored,
    Shown,
)
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.events import Consumer, Event
from gasolinera.jobs import Job, in_batches
from gasolinera.keyring import Keyring

_FORGOTTEN_AT_ONCE: Final = 10_000
_KEYS_GOOD_FOR_S: Final = 5.0  # how long after its revocation a key may still be taken
_KEYS_ASKED_AGAIN_S: Final = 1.0  # for a number that nobody knew: made-up ones must not ask the database each time
# What bears our own signature is no guess at a code: whoever asks must be able to tell.
_OURS: Final = {"qr.not_live": "NOT_LIVE", "qr.revoked_key": "KEY_REVOKED"}
_SIGNED: Final = frozenset({"QR_SCAN", "NFC", "BARCODE"})
_REPEATED_WITHIN: Final = timedelta(days=1)  # a request may come again, and gets its answer although the coupon is over


class _Keys(msgspec.Struct, frozen=True):
    read_at: float
    by_number: Mapping[int, qr.QrKey]


_keys: WeakKeyDictionary[Database, _Keys] = WeakKeyDictionary()


async def find(db: Database, keyring: Keyring, context: RequestContext, shown: Shown) -> Found | Refused:
    """The coupon that a scanned or typed text means. What is none of ours is recorded, and no coupon is looked for.

    A scanned code is judged by its signature before anything else. Its times the database judges, which knows better
    and what it answered before; but for those that are long over.
    """
    try:
        code, signed = await _code_in(db, keyring, shown)
    except qr.QrError as error:
        return await _refuse(db, context, shown, result=error.attempt_result, error=error.code)
    async with db.connection() as conn:
        known = None if code is None else await queries.find_coupon(conn, code)
    if known is None:
        return await _refuse(db, context, shown, result="INVALID_CODE", code=code)
    # A code from before the coupon got its owner does not say that it has one. A terminal without a connection could
    # not know.
    if known.user_id is not None and signed is not None and signed.display is None and shown.at is None:
        error = display.not_live()
        return await _refuse(db, context, shown, result=error.attempt_result, error=error.code)
    return Found(
        coupon_code=known.coupon_code,
        campaign_code=known.campaign_code,
        currency=known.currency,
        user_id=known.user_id,
        is_signed=signed is not None,
        is_shared=known.is_shared,
    )


async def quote(db: Database, context: RequestContext, purchase: Purchase) -> Answer:
    """What a coupon would give for a purchase now. Reserves nothing; the attempt is recorded."""
    return await _use(db, context, None, purchase)


async def consume(db: Database, context: RequestContext, purchase: Purchase) -> Answer:
    """Use a coupon for a redemption: once for each reference, however often it is asked.

    Locks the reference, the coupon, and what its campaign counts.
    """
    return await _use(db, context, purchase.reference, purchase)


async def restore(db: Database, context: RequestContext, restoration: Restoration) -> Restored:
    """Give the use of a redemption back: once, and by the campaign's policy where it was cancelled."""
    outcome = await db.run_statement(
        lambda conn: queries.restore_use(conn, context, restoration.reference, restoration.reason), is_idempotent=True
    )
    return msgspec.convert({"outcome": outcome}, Restored)


async def _use(db: Database, context: RequestContext, reference: str | None, purchase: Purchase) -> Answer:
    if reference is not None and purchase.amount is None:
        raise InputError("coupon.amount", "a coupon is used for an amount")
    outcome = await db.run_statement(
        lambda conn: queries.use_coupon(conn, context, reference, purchase), is_idempotent=reference is not None
    )
    if outcome.reasons:
        return Refused(outcome.reasons)
    assert outcome.raffle_tickets is not None, "tickets are counted"
    if purchase.amount is None:
        return Given(
            discount_amount=Decimal(0),
            final_amount=Decimal(0),
            raffle_tickets=outcome.raffle_tickets,
            raffle_code=outcome.raffle_code,
        )
    assert outcome.discount_amount is not None, "what is given is an amount"
    assert outcome.final_amount is not None, "what is left to pay is an amount"
    return Given(
        discount_amount=outcome.discount_amount,
        final_amount=outcome.final_amount,
        raffle_tickets=outcome.raffle_tickets,
        raffle_code=outcome.raffle_code,
    )


async def _code_in(db: Database, keyring: Keyring, shown: Shown) -> tuple[str | None, qr.SignedBody | None]:
    """The code, None where the text is none, and how it is signed. Raises QrError."""
    if shown.method not in _SIGNED:
        return codes.normalised(shown.text), None
    signed = qr.read(shown.text)
    body = qr.verify_signature(signed, await _keys_with(db, signed.key_id))
    shown_at = shown.at or keyring.clock()
    if shown_at - body.valid_until > _REPEATED_WITHIN:
        qr.require_time(body, shown_at)
    display.require_live(signed, body.flags, keyring, now=shown_at)
    return codes.code_of(body.coupon), signed


async def _keys_with(db: Database, key_id: int) -> Mapping[int, qr.QrKey]:
    found = _keys.get(db)
    age_s = float("inf") if found is None else monotonic() - found.read_at
    if found is None or age_s > (_KEYS_GOOD_FOR_S if key_id in found.by_number else _KEYS_ASKED_AGAIN_S):
        async with db.connection() as conn:
            rows = await list_qr_keys(conn)
        found = _Keys(monotonic(), {row.key_id: qr.QrKey(row.key_id, row.public_key, row.revoked_at) for row in rows})
        _keys[db] = found
    return found.by_number


async def _refuse(
    db: Database,
    context: RequestContext,
    shown: Shown,
    *,
    result: str,
    code: str | None = None,
    error: str | None = None,
) -> Refused:
    async with db.connection() as conn:
        await queries.record_refused_code(
            conn, context, shown, code=code or _printable(shown.text), result=result, error=error
        )
    return Refused((_OURS.get(error or "", result),))


def _printable(text: str) -> str:
    """Enough of it to see what was tried; never empty, and nothing that PostgreSQL cannot hold."""
    return "".join(character for character in text[:100] if character.isprintable()) or "-"


async def take_redemption_cancelled(conn: Connection, event: Event) -> None:
    """What the cancelling request gives back already, and here what it did not get to."""
    reference = event.data["reference"]
    assert isinstance(reference, str), "the catalogue says so"
    context = RequestContext(actor="service:redemption", correlation_id=event.correlation_id)
    await queries.restore_use(conn, context, reference, "CANCELLED")


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, queries.forget_refused_uses, _FORGOTTEN_AT_ONCE, "{} refusals so far")
    return f"{count} refusals forgotten"


DESK: Final = CouponDesk(find=find, quote=quote, consume=consume, restore=restore)
CONSUMERS: Final = (Consumer("coupon", frozenset({"redemption.cancelled"}), take_redemption_cancelled, is_alone=True),)
FORGET_REFUSED_USES: Final = Job(
    name="coupon.forget_refused_uses",
    service="coupon",
    summary="Forget under which references coupons were refused more than 90 days ago.",
    run=_forget,
    schedule="41 3 * * *",
)
