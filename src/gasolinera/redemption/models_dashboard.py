"""What the dashboard tells: a day beside the same day of last week, and the days between. No SQL, no HTTP."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

DAYS: Final = 14
MOST: Final = 1000  # of what waits for a person: more is told as "more than"


class DayLine(msgspec.Struct, frozen=True, kw_only=True):
    """A day in one currency. What was cancelled since counts in `cancelled` alone."""

    days_ago: int
    currency: str
    completed: int
    cancelled: int
    discount_amount: Decimal
    final_amount: Decimal
    fuel_litres: Decimal
    tickets: int


class StationLine(msgspec.Struct, frozen=True, kw_only=True):
    """`completed_before`: on the whole same day of last week."""

    station_code: str
    currency: str
    completed: int
    discount_amount: Decimal
    tickets: int
    completed_before: int


class LastWeekLine(msgspec.Struct, frozen=True, kw_only=True):
    """By the same hour, without what was cancelled since."""

    currency: str
    completed: int
    discount_amount: Decimal
    tickets: int


class DashboardState(msgspec.Struct, frozen=True, kw_only=True):
    """`as_of` None: the roll-ups were never brought up to date. `time_zone`: of the one station that was asked for."""

    as_of: datetime | None
    time_zone: str | None
    open_reviews: int
    open_blocked: int
    open_conflicts: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """All currencies of a day; money by currency, never added up."""

    day: date
    completed: int
    cancelled: int
    tickets: int
    fuel_litres: Decimal
    discounts: Mapping[str, Decimal]


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """`days`: the oldest first, today last. `last_week`: the same day of last week, by this hour."""

    state: DashboardState
    days: tuple[Day, ...]
    last_week: Day
    stations: tuple[StationLine, ...]

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def currencies(self) -> tuple[str, ...]:
        """Of all days shown, in a fixed order."""
        return tuple(sorted({currency for one in (*self.days, self.last_week) for currency in one.discounts}))
