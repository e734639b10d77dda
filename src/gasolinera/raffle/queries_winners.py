"""The only reader of `queries_winners.sql`: one typed function a query."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.raffle.models_winners import (
    Delivery,
    DocumentType,
    DoneStep,
    StepWish,
    StoredPrize,
    StoredWinner,
    Thresholds,
    WinnerFilter,
    WinnerStatus,
)

_SQL = load_sql("gasolinera.raffle", "queries_winners.sql")
_NOTIFY_WINNERS = _SQL["notify_winners"]
_HOLD_DRAW_OF = _SQL["hold_draw_of"]
_HOLD_DRAWS_OF_PERSON = _SQL["hold_draws_of_person"]
_HOLD_DUE_DRAWS = _SQL["hold_due_draws"]
_FORFEIT_UNCLAIMED = _SQL["forfeit_unclaimed"]
_HOLD_FOR_CLAIM = _SQL["hold_for_claim"]
_CLAIM_PRIZE = _SQL["claim_prize"]
_WHY_NOT_CLAIMED = _SQL["why_not_claimed"]
_HOLD_CLAIM = _SQL["hold_claim"]
_NOTE_IDENTITY = _SQL["note_identity"]
_NOTE_SECOND_IDENTITY = _SQL["note_second_identity"]
_TAKE_IDENTITY_BACK = _SQL["take_identity_back"]
_CHANGE_DELIVERY = _SQL["change_delivery"]
_ADD_STEP = _SQL["add_step"]
_HOLD_WINNER = _SQL["hold_winner"]
_DISQUALIFY_WINNER = _SQL["disqualify_winner"]
_LIST_PRIZES = _SQL["list_prizes"]
_LIST_WINNERS = _SQL["list_winners"]
_LIST_WINNERS_BACKWARDS = _SQL["list_winners_backwards"]
_GET_DELIVERY = _SQL["get_delivery"]
_LIST_STEPS = _SQL["list_steps"]
_LIST_RESULTS = _SQL["list_results"]
_IS_DRAWN = _SQL["is_drawn"]
_FORGET_DELIVERIES = _SQL["forget_deliveries"]
_MARK_ERASED = _SQL["mark_erased"]
_HOLD_PERSON = _SQL["hold_person"]
_FORGET_PERSON = _SQL["forget_person"]
_EXPORT_PRIZES = _SQL["export_prizes"]


class Refused(msgspec.Struct, frozen=True):
    user_id: UUID
    status: WinnerStatus
    is_late: bool
    delivery_method: str


class HeldClaim(msgspec.Struct, frozen=True):
    id: int
    user_id: UUID
    status: WinnerStatus
    delivery_method: str
    claimed_by: str
    delivery_changed_by: str | None
    needs_second: bool
    document_type: DocumentType | None
    document_key_id: int | None
    document_mac: bytes | None
    identified_by: str | None
    confirmed_by: str | None


class HeldWinner(msgspec.Struct, frozen=True):
    id: int
    user_id: UUID
    status: WinnerStatus
    draw_position: int
    draw_number: int
    manifest_sha256: bytes
    raffle_code: str
    now: datetime


class KeptDelivery(msgspec.Struct, frozen=True):
    delivery: Delivery | None
    document_type: DocumentType | None
    document_end: str | None


class StoredResult(msgspec.Struct, frozen=True):
    draw_position: int
    rank: int | None
    prize_name: str | None
    status: WinnerStatus
    ticket_number: str
    public_name: str | None
    document: str | None
    signature: str | None


class ExportedPrize(msgspec.Struct, frozen=True):
    raffle_code: str
    ticket_number: str
    draw_position: int
    status: WinnerStatus
    rank: int | None
    prize_name: str | None
    delivery_details: dict[str, str]
    public_name: str | None
    document_type: str | None
    document_end: str | None
    notified_at: datetime | None
    claimed_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])


async def notify_winners(conn: Connection, at_most: int) -> int:
    return _count(await conn.execute(_NOTIFY_WINNERS, at_most))


async def forfeit_unclaimed(conn: Connection, at_most: int) -> int:
    """Locks the draws, then the winners and the alternates who move up."""
    draws = [row["id"] for row in await conn.fetch(_HOLD_DUE_DRAWS, at_most)]
    return _count(await conn.execute(_FORFEIT_UNCLAIMED, at_most, draws)) if draws else 0


async def claim_prize(
    conn: Connection,
    winner_id: UUID,
    user_id: UUID | None,
    *,
    staff: UUID | None,
    delivery: Delivery,
    public_name: str | None,
    second_from: Thresholds,
) -> bool:
    await conn.execute(_HOLD_FOR_CLAIM, winner_id)
    limits = (second_from.mxn, second_from.crc, second_from.usd)
    details: dict[str, Any] = msgspec.to_builtins(delivery)
    return await conn.fetchval(_CLAIM_PRIZE, winner_id, user_id, details, public_name, *limits, staff) is not None


async def why_not_claimed(conn: Connection, winner_id: UUID, user_id: UUID | None) -> Refused | None:
    return await fetch_optional(conn, Refused, _WHY_NOT_CLAIMED, winner_id, user_id)


async def hold_claim(conn: Connection, winner_id: UUID) -> HeldClaim | None:
    return await fetch_optional(conn, HeldClaim, _HOLD_CLAIM, winner_id)


async def note_identity(
    conn: Connection, claim_id: int, *, kind: DocumentType, end: str, mac: tuple[int, bytes], by: str
) -> None:
    await conn.execute(_NOTE_IDENTITY, claim_id, kind, end, *mac, by)


async def note_second_identity(conn: Connection, claim_id: int, *, by: str) -> None:
    await conn.execute(_NOTE_SECOND_IDENTITY, claim_id, by)


async def take_identity_back(conn: Connection, claim_id: int) -> bool:
    return await conn.fetchval(_TAKE_IDENTITY_BACK, claim_id) is not None


async def change_delivery(conn: Connection, claim_id: int, delivery: Delivery, *, by: str) -> bool:
    details: dict[str, Any] = msgspec.to_builtins(delivery)
    return await conn.fetchval(_CHANGE_DELIVERY, claim_id, details, by) is not None


async def add_step(conn: Connection, winner_id: UUID, wish: StepWish) -> bool:
    """False: there is no such winner. The guard and the constraints refuse a step that does not follow."""
    receipt = None if wish.receipt_sha256 is None else bytes.fromhex(wish.receipt_sha256)
    added = await conn.fetchval(_ADD_STEP, winner_id, wish.step, wish.carrier, wish.tracking, receipt)
    return added is not None


async def hold_winner(conn: Connection, winner_id: UUID) -> HeldWinner | None:
    """Locks the draw, then the winner."""
    await conn.execute(_HOLD_DRAW_OF, winner_id)
    return await fetch_optional(conn, HeldWinner, _HOLD_WINNER, winner_id)


async def disqualify_winner(conn: Connection, id_: int, *, reason: str, document: bytes, signature: bytes) -> bool:
    return await conn.fetchval(_DISQUALIFY_WINNER, id_, reason, document, signature) is not None


async def list_prizes(conn: Connection, user_id: UUID, *, before: int | None, limit: int) -> list[StoredPrize]:
    return await fetch_all(conn, StoredPrize, _LIST_PRIZES, user_id, before, limit)


async def list_winners(
    conn: Connection, wanted: WinnerFilter, *, winner_id: UUID | None = None, after: int = 0, limit: int
) -> list[StoredWinner]:
    return await fetch_all(
        conn, StoredWinner, _LIST_WINNERS, wanted.raffle_code, wanted.status, winner_id, after, limit, wanted.text
    )


async def list_winners_backwards(
    conn: Connection, wanted: WinnerFilter, *, before: int, limit: int
) -> list[StoredWinner]:
    values = (wanted.raffle_code, wanted.status, None, before, limit, wanted.text)
    return await fetch_all(conn, StoredWinner, _LIST_WINNERS_BACKWARDS, *values)


async def get_delivery(conn: Connection, winner_id: UUID) -> KeptDelivery | None:
    return await fetch_optional(conn, KeptDelivery, _GET_DELIVERY, winner_id)


async def list_steps(conn: Connection, winner_id: UUID) -> list[DoneStep]:
    return await fetch_all(conn, DoneStep, _LIST_STEPS, winner_id)


async def list_results(conn: Connection, raffle_code: str, *, after: int, limit: int) -> list[StoredResult]:
    return await fetch_all(conn, StoredResult, _LIST_RESULTS, raffle_code, after, limit)


async def is_drawn(conn: Connection, raffle_code: str) -> bool | None:
    """None: there is no such raffle."""
    found: bool | None = await conn.fetchval(_IS_DRAWN, raffle_code)
    return found


async def forget_deliveries(conn: Connection, at_most: int, *, days: int) -> int:
    return int(await conn.fetchval(_FORGET_DELIVERIES, at_most, days))


async def mark_erased(conn: Connection, user_id: UUID, as_of: datetime) -> None:
    await conn.execute(_MARK_ERASED, user_id, as_of)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    """Locks the draws of the person, then the winners."""
    await conn.execute(_HOLD_DRAWS_OF_PERSON, user_id)
    await conn.execute(_HOLD_PERSON, user_id)
    await conn.execute(_FORGET_PERSON, user_id)


async def export_prizes(conn: Connection, user_id: UUID, limit: int) -> list[ExportedPrize]:
    return await fetch_all(conn, ExportedPrize, _EXPORT_PRIZES, user_id, limit)
