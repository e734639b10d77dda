"""The only reader of `queries_pages_dashboard.sql`: one typed function a query."""

from datetime import datetime

from gasolinera.database import Connection, fetch_all, fetch_one, load_sql
from gasolinera.redemption.models_dashboard import DashboardState, DayLine, LastWeekLine, StationLine

_SQL = load_sql("gasolinera.redemption", "queries_pages_dashboard.sql")
_DAYS = _SQL["dashboard_days"]
_STATIONS = _SQL["dashboard_stations"]
_LAST_WEEK = _SQL["dashboard_last_week"]
_STATE = _SQL["dashboard_state"]


async def days(conn: Connection, station_code: str | None) -> list[DayLine]:
    return await fetch_all(conn, DayLine, _DAYS, station_code)


async def stations(conn: Connection, station_code: str | None, *, limit: int) -> list[StationLine]:
    return await fetch_all(conn, StationLine, _STATIONS, station_code, limit)


async def last_week(conn: Connection, station_code: str | None, until: datetime | None) -> list[LastWeekLine]:
    return await fetch_all(conn, LastWeekLine, _LAST_WEEK, station_code, until)


async def state(conn: Connection, station_code: str | None) -> DashboardState:
    return await fetch_one(conn, DashboardState, _STATE, station_code)
