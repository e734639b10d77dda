"""The only reader of `queries_pages_office.sql`: one typed function a query."""

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.station.models_employees import Shift
from gasolinera.station.models_office import (
    EmployeeLine,
    EmployeeOrder,
    EmployeeWish,
    OfficePosition,
    Sorting,
    StationBackground,
    StationChoice,
    StationCounts,
    StationOrder,
    StationRow,
    StationWish,
    TerminalOrder,
    TerminalRow,
    TerminalWish,
)

_SQL = load_sql("gasolinera.station", "queries_pages_office.sql")
_STATIONS = _SQL["office_stations"]
_COUNT_STATIONS = _SQL["count_stations"]
_STATES = _SQL["station_states"]
_CHOICES = _SQL["station_choices"]
_BACKGROUND = _SQL["station_background"]
_EMPLOYEES = _SQL["office_employees"]
_SHIFTS = _SQL["shifts_of_employee"]
_ZONE = _SQL["zone_of_employee"]
_TERMINALS = _SQL["office_terminals"]


class _Zone(msgspec.Struct, frozen=True):
    time_zone: str


def _after(position: OfficePosition | None) -> tuple[str | None, str | None]:
    return (None, None) if position is None else (position.value, position.code)


async def office_stations(
    conn: Connection, wish: StationWish, order: Sorting[StationOrder], position: OfficePosition | None, limit: int
) -> list[StationRow]:
    filters = (wish.words, wish.status, wish.state, wish.accepts_coupons, wish.fuel, wish.only)
    values = (order.by, order.is_descending, *_after(position), limit, *filters)
    return await fetch_all(conn, StationRow, _STATIONS, *values)


async def count_stations(conn: Connection, only: str | None) -> StationCounts:
    return await fetch_one(conn, StationCounts, _COUNT_STATIONS, only)


async def station_states(conn: Connection) -> list[str]:
    return [record["state"] for record in await conn.fetch(_STATES)]


async def station_choices(conn: Connection, only: str | None, limit: int) -> list[StationChoice]:
    return await fetch_all(conn, StationChoice, _CHOICES, only, limit)


async def station_background(conn: Connection, code: str) -> StationBackground:
    return await fetch_one(conn, StationBackground, _BACKGROUND, code)


async def office_employees(
    conn: Connection, wish: EmployeeWish, order: Sorting[EmployeeOrder], position: OfficePosition | None, limit: int
) -> list[EmployeeLine]:
    filters = (wish.only, wish.number, wish.status, wish.role, wish.position, wish.station)
    values = (order.by, order.is_descending, *_after(position), limit, *filters)
    return await fetch_all(conn, EmployeeLine, _EMPLOYEES, *values)


async def shifts_of_employee(conn: Connection, number: str) -> list[Shift]:
    return await fetch_all(conn, Shift, _SHIFTS, number)


async def zone_of_employee(conn: Connection, number: str) -> str | None:
    found = await fetch_optional(conn, _Zone, _ZONE, number)
    return None if found is None else found.time_zone


async def office_terminals(
    conn: Connection, wish: TerminalWish, order: Sorting[TerminalOrder], position: OfficePosition | None, limit: int
) -> list[TerminalRow]:
    filters = (wish.only, wish.words, wish.state, wish.station)
    values = (order.by, order.is_descending, *_after(position), limit, *filters)
    return await fetch_all(conn, TerminalRow, _TERMINALS, *values)
