"""The only reader of `queries_raffles.sql`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.raffle.models import (
    AuditEntry,
    AuditFilter,
    AuditPosition,
    ManagedRaffle,
    NewPrize,
    NewRaffle,
    PublishedTerms,
    RaffleFacts,
    RaffleFilter,
    RafflePosition,
    RaffleStatus,
    RaffleSummary,
)

_SQL = load_sql("gasolinera.raffle", "queries_raffles.sql")
_CREATE = _SQL["create_raffle"]
_CHANGE = _SQL["change_raffle"]
_DELETE_DRAFT = _SQL["delete_draft"]
_DELETE_EMPTIED = _SQL["delete_emptied_draft"]
_CHANGE_STATUS = _SQL["change_status"]
_STATUS_FACTS = _SQL["status_facts"]
_DUE_TO_OPEN = _SQL["due_to_open"]
_CLOSE_DUE = _SQL["close_due"]
_CLOSE_OVERDUE = _SQL["close_overdue"]
_FORGET_REFUSED = _SQL["forget_refused_tickets"]
_WITHDRAW_CANCELLED = _SQL["withdraw_cancelled"]
_GET = _SQL["get_raffle"]
_LIST = _SQL["list_raffles"]
_PUT_TERMS = _SQL["put_terms"]
_GET_TERMS = _SQL["get_terms"]
_ADD_PRIZE = _SQL["add_prize"]
_PUT_PRIZE = _SQL["put_prize"]
_REMOVE_PRIZE = _SQL["remove_prize"]
_AUDIT = _SQL["audit"]
_AUDIT_UP = _SQL["audit_up"]


class StatusFacts(msgspec.Struct, frozen=True):
    """What a raffle has of what its next state needs. `is_over`: its closes_at has passed."""

    status: RaffleStatus
    has_prize: bool
    has_dates: bool
    has_terms: bool
    is_over: bool


class FoundTerms(PublishedTerms, frozen=True, kw_only=True):
    is_draft: bool


class ListedRaffle(RaffleSummary, frozen=True, kw_only=True):
    """With its place in the list."""

    created_at: datetime
    id: int


class _Deleted(msgspec.Struct, frozen=True):
    id: int
    prizes: int


class _Hash(msgspec.Struct, frozen=True):
    sha256: str


class _Code(msgspec.Struct, frozen=True):
    raffle_code: str


class _Count(msgspec.Struct, frozen=True):
    count: int


async def create_raffle(conn: Connection, new: NewRaffle) -> None:
    await conn.execute(
        _CREATE,
        new.raffle_code,
        new.name,
        new.description,
        new.raffle_type,
        new.selection_algorithm,
        new.opens_at,
        new.closes_at,
        new.draw_at,
        new.time_zone,
        new.max_tickets_per_user,
        new.min_tickets_per_user,
        new.allows_multiple_wins,
        new.alternate_count,
        new.claim_days,
        new.organizer,
        new.permit_number,
        new.terms_url,
        new.min_age,
        new.excludes_employees,
        new.requires_active_account,
        new.takes_choices,
        new.free_entries_per_day,
        new.opens_by_itself,
        None if new.source_weights is None else dict(new.source_weights),
    )


async def change_raffle(conn: Connection, code: str, version: int, values: Mapping[str, Any]) -> bool:
    return await conn.fetchval(_CHANGE, code, version, dict(values)) is True


async def delete_draft(conn: Connection, code: str) -> bool:
    """Locks the raffle."""
    found = await fetch_optional(conn, _Deleted, _DELETE_DRAFT, code)
    if found is None:
        return False
    await conn.execute(_DELETE_EMPTIED, found.id)
    return True


async def change_status(
    conn: Connection, code: str, status: RaffleStatus, before: tuple[RaffleStatus, ...], reason: str | None = None
) -> RaffleFacts | None:
    return await fetch_optional(conn, RaffleFacts, _CHANGE_STATUS, code, status, list(before), reason)


async def status_facts(conn: Connection, code: str) -> StatusFacts | None:
    """Locks the raffle, so that what is found is so until the transaction ends."""
    return await fetch_optional(conn, StatusFacts, _STATUS_FACTS, code)


async def due_to_open(conn: Connection, at_most: int, *, ahead_s: float) -> list[str]:
    """Codes, the longest due first."""
    return [one.raffle_code for one in await fetch_all(conn, _Code, _DUE_TO_OPEN, at_most, ahead_s)]


async def close_due(
    conn: Connection, at_most: int, *, settle_s: float, grace_s: float, code: str | None = None
) -> list[RaffleFacts]:
    """Waits for those who hold what is over since `grace_s`; passes over others that are held."""
    overdue = await fetch_all(conn, RaffleFacts, _CLOSE_OVERDUE, at_most, grace_s, code)
    left = at_most - len(overdue)
    due = await fetch_all(conn, RaffleFacts, _CLOSE_DUE, left, settle_s, code) if left else []
    return overdue + due


async def withdraw_cancelled(conn: Connection, at_most: int) -> int:
    return (await fetch_one(conn, _Count, _WITHDRAW_CANCELLED, at_most)).count


async def forget_refused_tickets(conn: Connection, at_most: int) -> int:
    return (await fetch_one(conn, _Count, _FORGET_REFUSED, at_most)).count


async def get_raffle(conn: Connection, code: str, *, with_refused: bool) -> ManagedRaffle | None:
    return await fetch_optional(conn, ManagedRaffle, _GET, code, with_refused)


async def list_raffles(
    conn: Connection, wanted: RaffleFilter, *, before: RafflePosition | None, limit: int
) -> list[ListedRaffle]:
    return await fetch_all(
        conn,
        ListedRaffle,
        _LIST,
        None if before is None else before.created_at,
        None if before is None else before.id,
        None if wanted.statuses is None else list(wanted.statuses),
        wanted.raffle_type,
        wanted.text,
        wanted.with_drafts,
        limit,
    )


async def put_terms(conn: Connection, code: str, version: str, text: str) -> str | None:
    found = await fetch_optional(conn, _Hash, _PUT_TERMS, code, version, text)
    return None if found is None else found.sha256


async def get_terms(conn: Connection, code: str, version: str | None) -> FoundTerms | None:
    return await fetch_optional(conn, FoundTerms, _GET_TERMS, code, version)


async def add_prize(conn: Connection, code: str, prize: NewPrize) -> bool:
    return await conn.fetchval(_ADD_PRIZE, code, *_columns(prize)) is True


async def put_prize(conn: Connection, code: str, prize: NewPrize) -> bool:
    return await conn.fetchval(_PUT_PRIZE, code, *_columns(prize)) is True


def _columns(prize: NewPrize) -> tuple[Any, ...]:
    return (
        prize.rank,
        prize.name,
        prize.description,
        prize.prize_type,
        prize.prize_value,
        prize.currency,
        prize.quantity,
        prize.delivery_method,
        prize.image_url,
        prize.sponsor,
    )


async def remove_prize(conn: Connection, code: str, rank: int) -> bool:
    return await conn.fetchval(_REMOVE_PRIZE, code, rank) is True


async def audit(
    conn: Connection, code: str, wanted: AuditFilter, *, before: AuditPosition | None, limit: int
) -> list[AuditEntry]:
    moment, number = (None, None) if before is None else (before.created_at, before.id)
    return await fetch_all(conn, AuditEntry, _AUDIT, code, moment, number, limit, wanted.event_type, wanted.subject)


async def audit_up(
    conn: Connection, code: str, wanted: AuditFilter, *, after: AuditPosition | None, limit: int
) -> list[AuditEntry]:
    moment, number = (None, None) if after is None else (after.created_at, after.id)
    return await fetch_all(conn, AuditEntry, _AUDIT_UP, code, moment, number, limit, wanted.event_type, wanted.subject)
