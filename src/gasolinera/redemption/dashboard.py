"""The dashboard: today beside the same day of last week by the same hour, from the roll-ups; no table is recounted."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from gasolinera.database import Connection
from gasolinera.errors import ForbiddenError
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries_pages_dashboard as queries
from gasolinera.redemption.models_dashboard import DAYS, Dashboard, Day, DayLine, LastWeekLine

_STATIONS_SHOWN: Final = 50


async def read(conn: Connection, caller: Caller, station_code: str | None, *, now: datetime, zone: str) -> Dashboard:
    """A station's administrator sees the own station alone. `zone`: in which the days are named where there is no one
    station. Raises ForbiddenError `auth.other_station`.
    """
    station_code = in_sight(caller, station_code)
    state = await queries.state(conn, station_code)
    today = now.astimezone(ZoneInfo(state.time_zone or zone)).date()
    days = _days_of(await queries.days(conn, station_code), today)
    before = await queries.last_week(conn, station_code, state.as_of or now)
    stations = () if station_code is not None else tuple(await queries.stations(conn, None, limit=_STATIONS_SHOWN))
    return Dashboard(state=state, days=days, last_week=_summed(today - timedelta(days=7), before), stations=stations)


async def read_days(conn: Connection, caller: Caller, station_code: str | None, *, zone: str) -> tuple[Day, ...]:
    """The days of the charts. Raises ForbiddenError `auth.other_station`."""
    station_code = in_sight(caller, station_code)
    state = await queries.state(conn, station_code)
    today = datetime.now(UTC).astimezone(ZoneInfo(state.time_zone or zone)).date()
    return _days_of(await queries.days(conn, station_code), today)


def in_sight(caller: Caller, station_code: str | None) -> str | None:
    """The station that the caller's reports end at; None: no bound. Raises ForbiddenError `auth.other_station`."""
    if caller.reach(Permission.REPORTS_READ) is Reach.ALL:
        return station_code
    if caller.station_code is None or station_code not in (None, caller.station_code):
        raise ForbiddenError("auth.other_station", "this account may not see the reports of that station")
    return caller.station_code


def change_percent(now: Decimal | int, before: Decimal | int) -> int | None:
    """How much more than before, in whole per cent; None where there was nothing to compare with."""
    return None if before == 0 else round(100 * (Decimal(now) - Decimal(before)) / Decimal(before))


def _days_of(lines: Sequence[DayLine], today: date) -> tuple[Day, ...]:
    return tuple(
        _summed(today - timedelta(days=ago), [line for line in lines if line.days_ago == ago])
        for ago in reversed(range(DAYS))
    )


def _summed(day: date, lines: Iterable[DayLine | LastWeekLine]) -> Day:
    found = list(lines)
    full = [line for line in found if isinstance(line, DayLine)]
    return Day(
        day=day,
        completed=sum(line.completed for line in found),
        cancelled=sum(line.cancelled for line in full),
        tickets=sum(line.tickets for line in found),
        fuel_litres=sum((line.fuel_litres for line in full), Decimal(0)),
        discounts={line.currency: line.discount_amount for line in found},
    )
