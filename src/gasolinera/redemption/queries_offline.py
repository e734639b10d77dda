"""The only reader of `queries_offline.sql`: one typed function a query."""

from datetime import datetime
from decimal import Decimal
from typing import cast
from uuid import UUID

import msgspec

from gasolinera.database import Connection, RequestContext, fetch_all, fetch_one, fetch_optional, load_sql, pairs_of
from gasolinera.redemption.models import Redemption
from gasolinera.redemption.models_offline import Chain, EntryState, Lease, Limits, LimitsWish, OfflineRedemption

_SQL = load_sql("gasolinera.redemption", "queries_offline.sql")
_OPEN_LEASE = _SQL["open_lease"]
_GET_LEASE = _SQL["get_lease"]
_TAKE_ENTRIES = _SQL["take_entries"]
_BREAK_CHAIN = _SQL["break_chain"]
_LIST_UNSETTLED = _SQL["list_unsettled"]
_CLAIM_UNSETTLED = _SQL["claim_unsettled"]
_BEGIN_ENTRY = _SQL["begin_entry"]
_REFUSE_ENTRY = _SQL["refuse_entry"]
_USED_AT = _SQL["used_at"]
_LIST_STATES = _SQL["list_states"]
_GET_HEAD = _SQL["get_head"]
_LIST_CHAINS = _SQL["list_chains"]
_LIST_CONFLICTS = _SQL["list_conflicts"]
_LIST_CONFLICTS_UP = _SQL["list_conflicts_up"]
_GET_ENTRY = _SQL["get_entry"]
_RESOLVE_CONFLICT = _SQL["resolve_conflict"]
_ACCEPT_CONFLICT = _SQL["accept_conflict"]
_PUT_LIMITS = _SQL["put_limits"]
_GET_LIMITS = _SQL["get_limits"]
_FORGET_LEASES = _SQL["forget_leases"]


class OpenedLease(msgspec.Struct, frozen=True):
    outcome: str
    lease_id: UUID | None


class Head(msgspec.Struct, frozen=True):
    head_sequence: int
    head_sha256: bytes


class TakenEntry(msgspec.Struct, frozen=True):
    """`sequence` is 0 where the outcome is about all."""

    sequence: int
    outcome: str


class Unsettled(msgspec.Struct, frozen=True):
    """An entry that waits for the saga; `entry` as it was signed."""

    terminal_code: str
    sequence: int
    entry: str


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the statement takes it: bytes as hex, since a batch travels as JSON."""

    sequence: int
    previous_sha256: str
    entry_sha256: str
    entry: str
    signature: str
    lease_id: UUID
    employee_number: str
    user_id: UUID | None
    dispenser_code: str | None
    fuel_type: str
    fuel_litres: Decimal | None
    price_per_litre: Decimal | None
    amount: Decimal
    discount_amount: Decimal
    currency: str
    used_at: datetime


async def open_lease(
    conn: Connection,
    context: RequestContext,
    terminal_code: str,
    station_code: str,
    *,
    public_key: bytes,
    head: Head,
) -> OpenedLease:
    return await fetch_one(
        conn,
        OpenedLease,
        _OPEN_LEASE,
        *pairs_of(context),
        terminal_code,
        station_code,
        public_key,
        head.head_sequence,
        head.head_sha256,
    )


async def get_lease(conn: Connection, lease_id: UUID) -> Lease:
    return await fetch_one(conn, Lease, _GET_LEASE, lease_id)


async def take_entries(
    conn: Connection, context: RequestContext, terminal_code: str, rows: tuple[EntryRow, ...]
) -> list[TakenEntry]:
    return await fetch_all(
        conn, TakenEntry, _TAKE_ENTRIES, *pairs_of(context), terminal_code, msgspec.to_builtins(rows)
    )


async def break_chain(conn: Connection, terminal_code: str, entry: str) -> None:
    await conn.execute(_BREAK_CHAIN, terminal_code, entry)


async def list_unsettled(conn: Connection, terminal_code: str, sequences: list[int]) -> list[Unsettled]:
    return await fetch_all(conn, Unsettled, _LIST_UNSETTLED, terminal_code, sequences)


async def claim_unsettled(conn: Connection, limit: int) -> list[Unsettled]:
    return await fetch_all(conn, Unsettled, _CLAIM_UNSETTLED, limit)


async def begin_entry(
    conn: Connection,
    context: RequestContext,
    entry: Unsettled,
    *,
    user_id: UUID | None,
    coupon_code: str,
    campaign_code: str,
    currency: str,
) -> Redemption | None:
    """None: the entry is a conflict."""
    facts = await conn.fetchval(
        _BEGIN_ENTRY,
        *pairs_of(context),
        entry.terminal_code,
        entry.sequence,
        user_id,
        coupon_code,
        campaign_code,
        currency,
    )
    return None if facts is None else msgspec.convert(facts, Redemption)


async def refuse_entry(conn: Connection, context: RequestContext, entry: Unsettled, reason: str) -> None:
    await conn.execute(_REFUSE_ENTRY, *pairs_of(context), entry.terminal_code, entry.sequence, reason)


async def used_at(conn: Connection, reference: str) -> datetime | None:
    return cast("datetime | None", await conn.fetchval(_USED_AT, reference))


async def list_states(conn: Connection, terminal_code: str, sequences: list[int]) -> list[EntryState]:
    return await fetch_all(conn, EntryState, _LIST_STATES, terminal_code, sequences)


async def get_head(conn: Connection, terminal_code: str) -> Head | None:
    return await fetch_optional(conn, Head, _GET_HEAD, terminal_code)


async def list_chains(conn: Connection, station_code: str | None, *, after: str, limit: int) -> list[Chain]:
    return await fetch_all(conn, Chain, _LIST_CHAINS, station_code, after, limit)


async def list_conflicts(
    conn: Connection,
    station_code: str | None,
    *,
    is_resolved: bool,
    before: tuple[datetime, str, int],
    limit: int,
) -> list[OfflineRedemption]:
    return await fetch_all(conn, OfflineRedemption, _LIST_CONFLICTS, station_code, is_resolved, *before, limit)


async def list_conflicts_up(
    conn: Connection,
    station_code: str | None,
    *,
    is_resolved: bool,
    after: tuple[datetime, str, int],
    limit: int,
) -> list[OfflineRedemption]:
    return await fetch_all(conn, OfflineRedemption, _LIST_CONFLICTS_UP, station_code, is_resolved, *after, limit)


async def get_entry(
    conn: Connection, terminal_code: str, sequence: int, station_code: str | None
) -> OfflineRedemption | None:
    return await fetch_optional(conn, OfflineRedemption, _GET_ENTRY, terminal_code, sequence, station_code)


async def resolve_conflict(
    conn: Connection, terminal_code: str, sequence: int, *, resolution: str, by: UUID, notes: str
) -> bool:
    return await conn.execute(_RESOLVE_CONFLICT, terminal_code, sequence, resolution, by, notes) == "UPDATE 1"


async def accept_conflict(conn: Connection, terminal_code: str, sequence: int, *, by: UUID, notes: str) -> bool:
    return await conn.execute(_ACCEPT_CONFLICT, terminal_code, sequence, by, notes) == "UPDATE 1"


async def put_limits(conn: Connection, station_code: str, wish: LimitsWish) -> Limits:
    return await fetch_one(
        conn,
        Limits,
        _PUT_LIMITS,
        station_code,
        wish.is_enabled,
        wish.currency,
        wish.max_amount,
        wish.max_discount,
        wish.max_count,
        wish.max_total,
        wish.max_hours,
        wish.campaign_codes,
    )


async def get_limits(conn: Connection, station_code: str) -> Limits | None:
    return await fetch_optional(conn, Limits, _GET_LIMITS, station_code)


async def forget_leases(conn: Connection, at_most: int) -> int:
    return int(await conn.fetchval(_FORGET_LEASES, at_most))
