"""The only reader of `queries_pages_redemptions.sql`: one typed function a query."""

from datetime import datetime

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.redemption.models_finding import (
    Change,
    Detection,
    EarnedTickets,
    FoundRedemption,
    StationZone,
    Wanted,
)

_SQL = load_sql("gasolinera.redemption", "queries_pages_redemptions.sql")
_NEWEST = _SQL["find_newest"]
_OLDEST = _SQL["find_oldest"]
_ZONE = _SQL["zone_of_station"]
_CHANGES = _SQL["changes_of"]
_TICKETS = _SQL["tickets_of"]
_DETECTIONS = _SQL["detections_of"]


async def find(
    conn: Connection,
    wanted: Wanted,
    *,
    coupon_code: str | None,
    employee_number: str | None,
    begun: tuple[datetime, datetime],
    with_guesses: bool,
    after: tuple[datetime, int],
    limit: int,
) -> list[FoundRedemption]:
    return await fetch_all(
        conn,
        FoundRedemption,
        _NEWEST if wanted.order == "newest" else _OLDEST,
        wanted.station_code,
        coupon_code,
        employee_number,
        wanted.status,
        wanted.fuel,
        *begun,
        with_guesses,
        *after,
        limit,
    )


async def zone_of(conn: Connection, station_code: str) -> str | None:
    found = await fetch_optional(conn, StationZone, _ZONE, station_code)
    return None if found is None else found.time_zone


async def changes_of(conn: Connection, reference: str) -> list[Change]:
    return await fetch_all(conn, Change, _CHANGES, reference)


async def tickets_of(conn: Connection, reference: str) -> list[EarnedTickets]:
    return await fetch_all(conn, EarnedTickets, _TICKETS, reference)


async def detections_of(conn: Connection, reference: str) -> list[Detection]:
    return await fetch_all(conn, Detection, _DETECTIONS, reference)
