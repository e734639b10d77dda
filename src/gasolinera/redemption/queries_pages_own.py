"""The only reader of `queries_pages_own.sql`: one typed function a query."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.redemption.models_pages_own import (
    FreeEntryRaffle,
    HistoryFilter,
    OverviewLine,
    OwnPosition,
    OwnRedemptionRow,
    OwnTicketRow,
    Sort,
    TicketSearch,
    Total,
)

_SQL = load_sql("gasolinera.redemption", "queries_pages_own.sql")
_LIST_OWN_REDEMPTIONS = _SQL["list_own_redemptions"]
_OWN_TOTALS = _SQL["own_totals"]
_ZONE_OF_STATION = _SQL["zone_of_station"]
_TICKET_OVERVIEW = _SQL["ticket_overview"]
_LIST_OWN_TICKETS = _SQL["list_own_tickets"]
_TICKETS_TO_CHOOSE = _SQL["tickets_to_choose"]
_FREE_ENTRIES_NOW = _SQL["free_entries_now"]


class _Zone(msgspec.Struct, frozen=True):
    time_zone: str | None


class _Number(msgspec.Struct, frozen=True):
    ticket_number: str


async def list_own_redemptions(
    conn: Connection, user_id: UUID, wanted: HistoryFilter, *, after: OwnPosition, limit: int
) -> list[OwnRedemptionRow]:
    words = None if wanted.q is None else wanted.q.strip().upper()
    filters = (wanted.status, wanted.fuel, words, wanted.since, wanted.until)
    place = (wanted.sort is Sort.NEWEST, after.created_at, after.id)
    return await fetch_all(conn, OwnRedemptionRow, _LIST_OWN_REDEMPTIONS, user_id, *filters, *place, limit)


async def own_totals(conn: Connection, user_id: UUID) -> list[Total]:
    return await fetch_all(conn, Total, _OWN_TOTALS, user_id)


async def zone_of_station(conn: Connection, station_code: str) -> str | None:
    found = await fetch_optional(conn, _Zone, _ZONE_OF_STATION, station_code)
    return None if found is None else found.time_zone


async def ticket_overview(conn: Connection, user_id: UUID) -> list[OverviewLine]:
    return await fetch_all(conn, OverviewLine, _TICKET_OVERVIEW, user_id)


async def list_own_tickets(
    conn: Connection, user_id: UUID, wanted: TicketSearch, words: str | None, *, after: OwnPosition, limit: int
) -> list[OwnTicketRow]:
    filters = (wanted.status, wanted.raffle, wanted.source, words)
    place = (wanted.sort is Sort.NEWEST, after.created_at, after.id)
    return await fetch_all(conn, OwnTicketRow, _LIST_OWN_TICKETS, user_id, *filters, *place, limit)


async def tickets_to_choose(conn: Connection, user_id: UUID, raffle_code: str, count: int) -> Sequence[str]:
    found = await fetch_all(conn, _Number, _TICKETS_TO_CHOOSE, user_id, raffle_code, count)
    return tuple(one.ticket_number for one in found)


async def free_entries_now(conn: Connection, user_id: UUID) -> list[FreeEntryRaffle]:
    return await fetch_all(conn, FreeEntryRaffle, _FREE_ENTRIES_NOW, user_id)
