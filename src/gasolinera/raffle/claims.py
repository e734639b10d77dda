"""Prizes are claimed by who won them, and people look whether that is who he says."""

import hmac
from typing import Final
from uuid import UUID

import structlog

from gasolinera.config import Settings
from gasolinera.database import Connection
from gasolinera.errors import ConflictError, GoneError, InputError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller
from gasolinera.raffle import errors_fulfilment as errors
from gasolinera.raffle import queries_winners as queries
from gasolinera.raffle.models_winners import (
    ClaimWish,
    Delivery,
    DeliveryWish,
    IdentityWish,
    Thresholds,
    WinnerStatus,
    masked_name,
    normalized_document,
)

_SHOWN: Final = 4
_log: Final[structlog.stdlib.BoundLogger] = structlog.get_logger(__name__)


def thresholds_of(settings: Settings) -> Thresholds:
    return Thresholds(
        settings.prize_second_person_from_mxn,
        settings.prize_second_person_from_crc,
        settings.prize_second_person_from_usd,
    )


async def claim(
    conn: Connection,
    winner_id: UUID,
    wish: ClaimWish,
    *,
    holder: UUID | None,
    staff: UUID | None = None,
    second_from: Thresholds,
) -> None:
    """By `holder`, or by `staff` for whoever else won (no holder), until the deadline; the statement looks at all that.

    Raises UnknownError `prize.unknown`, also for another's prize, ForbiddenError `prize.own_case`, GoneError
    `prize.late`, ConflictError `prize.claimed`, `prize.not_claimable`, InputError `prize.destination`. Locks the
    winner.
    """
    name = masked_name(wish.delivery.recipient) if wish.shows_name else None
    if await queries.claim_prize(
        conn, winner_id, holder, staff=staff, delivery=wish.delivery, public_name=name, second_from=second_from
    ):
        return
    why = await queries.why_not_claimed(conn, winner_id, holder)
    if why is None:
        raise errors.unknown_prize()
    if why.user_id == staff:
        raise errors.own_case()
    if why.status in (WinnerStatus.CLAIMED, WinnerStatus.DELIVERED):
        raise ConflictError("prize.claimed", "this prize was claimed already")
    if why.status is WinnerStatus.FORFEITED or why.is_late:
        raise GoneError("prize.late", "the time to claim this prize is over")
    if not goes_somewhere(wish.delivery, why.delivery_method):
        raise errors.no_destination(why.delivery_method)
    raise errors.not_claimable()


def goes_somewhere(delivery: Delivery, method: str) -> bool:
    """Whether a prize of this delivery method can be brought there; as `claim_prize` says it."""
    if method in ("DIGITAL", "CREDIT"):
        return delivery.account is not None
    return method == "AUTOMATIC" or delivery.address is not None or delivery.station_code is not None


async def change_delivery(
    conn: Connection, caller: Caller, winner_id: UUID, wish: DeliveryWish, *, is_holder: bool
) -> None:
    """Until the prize is prepared: by its holder; by staff only while nobody has looked at the document.

    Otherwise one person of staff could send elsewhere what others have confirmed. Raises UnknownError `prize.unknown`,
    ForbiddenError `prize.own_case`, ConflictError `prize.not_claimed`, `prize.identified`, `prize.prepared`, InputError
    `prize.destination`. Locks the winner.
    """
    claim = await queries.hold_claim(conn, winner_id)
    if claim is None or (is_holder and claim.user_id != caller.user_id):
        raise errors.unknown_prize()
    if not is_holder and claim.user_id == caller.user_id:
        raise errors.own_case()
    if claim.status is not WinnerStatus.CLAIMED:
        raise errors.not_claimed()
    if not is_holder and claim.identified_by is not None:
        hint = "the winner can change it himself; or take the look at the document back first"
        raise ConflictError("prize.identified", "somebody has seen the document already", hint)
    if not goes_somewhere(wish.delivery, claim.delivery_method):
        raise errors.no_destination(claim.delivery_method)
    if not await queries.change_delivery(conn, claim.id, wish.delivery, by=caller.actor):
        raise errors.prepared()


async def take_identity_back(conn: Connection, caller: Caller, winner_id: UUID) -> None:
    """The first look, when something was written wrong: until it is confirmed, and nothing was done for the prize.

    Raises UnknownError `prize.unknown`, ForbiddenError `prize.own_case`, ConflictError `prize.not_claimed`,
    `prize.not_seen`. Locks the winner.
    """
    claim = await queries.hold_claim(conn, winner_id)
    if claim is None:
        raise errors.unknown_prize()
    if claim.user_id == caller.user_id:
        raise errors.own_case()
    if claim.status is not WinnerStatus.CLAIMED:
        raise errors.not_claimed()
    if not await queries.take_identity_back(conn, claim.id):
        raise ConflictError("prize.not_seen", "there is no first look that could be taken back any more")


async def confirm_identity(
    conn: Connection, caller: Caller, keyring: Keyring, winner_id: UUID, seen: IdentityWish
) -> None:
    """What a member of staff saw; where the prize is worth much, a second one must have seen the same document.

    Raises UnknownError `prize.unknown`, InputError `prize.not_the_winner`, ForbiddenError `prize.own_case`,
    ConflictError `prize.not_claimed`, `prize.claimer`, `prize.identified`, `prize.second_person`,
    `prize.other_document`. Locks the winner.
    """
    if not (seen.is_of_age and seen.is_the_holder):
        hint = "disqualify him with the reason, so that the next alternate moves up"
        raise InputError("prize.not_the_winner", "nobody who is not of age or not the holder gets the prize", hint)
    claim = await queries.hold_claim(conn, winner_id)
    if claim is None:
        raise errors.unknown_prize()
    if claim.user_id == caller.user_id:
        raise errors.own_case()
    if claim.status is not WinnerStatus.CLAIMED:
        raise errors.not_claimed()
    if caller.actor in (claim.claimed_by, claim.delivery_changed_by):
        hint = "another person than the one who claimed for the winner has to look"
        raise ConflictError("prize.claimer", "whoever said where the prize goes does not confirm the identity", hint)
    number = normalized_document(seen.document_number)
    document = f"prize-document/{seen.document_type}/{number}".encode()
    if claim.identified_by is None:
        mac = keyring.mac("raffle", document)
        await queries.note_identity(
            conn, claim.id, kind=seen.document_type, end=number[-_SHOWN:], mac=mac, by=caller.actor
        )
        return
    if not claim.needs_second or claim.confirmed_by is not None:
        raise ConflictError("prize.identified", "the identity is confirmed already")
    if claim.identified_by == caller.actor:
        raise ConflictError("prize.second_person", "another person than the first one has to look")
    assert claim.document_key_id is not None
    assert claim.document_mac is not None
    if not hmac.compare_digest(keyring.mac_with("raffle", claim.document_key_id, document), claim.document_mac):
        _log.warning("prize_other_document", winner=str(winner_id))
        raise ConflictError("prize.other_document", "this is not the document that the first person saw")
    await queries.note_second_identity(conn, claim.id, by=caller.actor)
