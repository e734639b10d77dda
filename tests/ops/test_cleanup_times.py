"""Nothing goes a moment too early: not around ends of months, leap days, or the days on which clocks are changed.

What a rule says is computed by PostgreSQL. The oracle here counts forward from the row on the calendar of the rule's
zone, months first, and knows nothing of how it is done there.
"""

import calendar
from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gasolinera.ops.cleaning_batches import Pace, batches
from gasolinera.ops.cleaning_rules import Action, Period, Reason, Rule
from gasolinera.ops.cleaning_targets import Target, cutoff, last_day_over, target_of
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]

# New York and Mexico (until 2022) change at night; Lord Howe by half an hour; Santiago at midnight, so that some days
# begin at one; Samoa left out a day; Costa Rica never changes.
_ZONES = (
    "UTC",
    "America/Mexico_City",
    "America/New_York",
    "America/Costa_Rica",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
)
_PERIODS = (
    Period(0, 0, 300),
    Period(0, 0, 25 * 3600),
    Period(0, 1, 0),
    Period(0, 30, 0),
    Period(1, 0, 0),
    Period(12, 0, 0),
    Period(13, 0, 0),
    Period(48, 0, 0),
    Period(1, 15, 7200),
)
# Where calendars and clocks do what nobody expects; the property looks around them.
_DAYS = (
    datetime(2024, 2, 29, tzinfo=UTC),
    datetime(2023, 2, 28, tzinfo=UTC),
    datetime(2024, 3, 31, tzinfo=UTC),
    datetime(2025, 12, 31, tzinfo=UTC),
    datetime(2022, 10, 30, 7, tzinfo=UTC),  # Mexico's last change
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York: 01:00 to 02:00 comes twice
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # and 02:00 to 03:00 not at all
    datetime(2026, 4, 5, 3, tzinfo=UTC),  # Santiago
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia
)
_NEAR = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3))


def near_to(day: datetime, near: timedelta) -> datetime:
    return day + near


_MOMENTS = st.builds(near_to, st.sampled_from(_DAYS), _NEAR) | st.integers(1_200_000_000, 2_050_000_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def may_go(row: datetime, period: Period, zone: str, now: datetime) -> bool:
    """Whether the whole period has passed for a row, by every reading of the clocks on the walls."""
    rest = timedelta(seconds=period.seconds)
    if not period.months and not period.days:
        return row + rest <= now
    local = row.astimezone(ZoneInfo(zone))
    day = months_later(local.date(), period.months) + timedelta(days=period.days)
    end = datetime.combine(day, local.time(), ZoneInfo(zone))
    return any(end.replace(fold=fold).astimezone(UTC) + rest <= now for fold in (0, 1))


def rule_of(period: Period, zone: str, column: str = "at") -> Rule:
    return Rule(
        name="ops.times",
        service="ops",
        table="times",
        action=Action.DELETE,
        reason=Reason.PRIVACY,
        explanation="",
        time_column=column,
        keep=period,
        time_zone=zone,
        conditions=(),
        cleared_columns=(),
        function=None,
        job=None,
        batch_size=50,
        is_enabled=True,
        held_since=None,
        held_because=None,
    )


@pytest.fixture(scope="module")
def conn(server: Server) -> Generator[Connection]:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("SET timezone = 'UTC'")
        conn.execute("CREATE SCHEMA retention_times")
        conn.execute("CREATE TABLE retention_times.times (at timestamptz NOT NULL, day date NOT NULL)")
        conn.execute("CREATE INDEX times_at_idx ON retention_times.times (at)")
        yield conn
        conn.execute("DROP SCHEMA retention_times CASCADE")


def cleaned(conn: Connection, rule: Rule, now: datetime, rows: list[datetime]) -> tuple[set[datetime], Target]:
    """Which of the rows are gone after a cleaning at `now`."""
    conn.execute("TRUNCATE retention_times.times")
    conn.execute("INSERT INTO retention_times.times SELECT a, a::date FROM unnest(%s::timestamptz[]) AS a", (rows,))
    target = target_of(conn, rule, "retention_times", now)
    assert isinstance(target, Target)
    for leaf in target.leaves:
        for _ in batches(conn, rule, target, leaf, Pace(rest=0)):
            pass
    column = "at" if rule.time_column == "at" else "day"
    left = {row[0] for row in conn.execute(f"SELECT {column} FROM retention_times.times".encode()).fetchall()}
    return {row for row in rows if (row if column == "at" else row.date()) not in left}, target


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    now=_MOMENTS,
    period=st.sampled_from(_PERIODS),
    zone=st.sampled_from(_ZONES),
    others=st.lists(_MOMENTS, max_size=5),
    near=st.lists(st.timedeltas(timedelta(hours=-30), timedelta(hours=30)), min_size=2, max_size=6),
)
@example(  # the last days of February, a month before the end of March
    now=datetime(2026, 3, 31, 12, tzinfo=UTC), period=Period(1, 0, 0), zone="UTC", others=[], near=[timedelta(0)]
)
@example(  # a leap day, four years and one year later
    now=datetime(2025, 2, 28, 12, tzinfo=UTC), period=Period(12, 0, 0), zone="UTC", others=[], near=[timedelta(0)]
)
@example(  # the hour that comes twice
    now=datetime(2026, 11, 2, 6, 30, tzinfo=UTC),
    period=Period(0, 1, 0),
    zone="America/New_York",
    others=[],
    near=[timedelta(0), timedelta(minutes=-30), timedelta(minutes=-90)],
)
def test_nothing_younger_goes_and_what_is_clearly_older_does(
    conn: Connection, now: datetime, period: Period, zone: str, others: list[datetime], near: list[timedelta]
) -> None:
    rule = rule_of(period, zone)
    until = cutoff(conn, rule, now)
    tick = timedelta(microseconds=1)
    rows = sorted({*others, *(until + one for one in near), until - tick, until, until + tick, now, now + tick})
    gone, _ = cleaned(conn, rule, now, rows)
    assert [row for row in gone if not may_go(row, period, zone, now)] == []
    # A month is at most three days shorter than another, and clocks are changed by a day at most.
    slack = timedelta(days=3 if period.months else 0) + timedelta(days=1 if period.days or period.months else 0)
    assert [row for row in rows if may_go(row + slack + tick, period, zone, now) and row not in gone] == []
    assert gone == {row for row in rows if row < until}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    now=_MOMENTS,
    period=st.sampled_from([Period(0, 1, 0), Period(0, 100, 0), Period(1, 0, 0), Period(12, 0, 0)]),
    zone=st.sampled_from(_ZONES),
    near=st.lists(st.integers(-4, 4), min_size=1, max_size=5),
)
def test_a_day_goes_when_it_has_ended_everywhere(
    conn: Connection, now: datetime, period: Period, zone: str, near: list[int]
) -> None:
    rule = rule_of(period, zone, "day")
    until = cutoff(conn, rule, now)
    rows = sorted({until + timedelta(days=days) for days in near})
    gone, _ = cleaned(conn, rule, now, rows)
    last_to_begin = ZoneInfo("Etc/GMT+12")
    for row in gone:
        ended = datetime.combine(row.date() + timedelta(days=1), datetime.min.time(), last_to_begin)
        assert may_go(ended.astimezone(UTC), period, zone, now)
    assert {row.date() for row in rows if row.date() < until.date() - timedelta(days=2)} <= {r.date() for r in gone}
    assert all(row.date() < last_day_over(until) for row in gone)


def test_the_hour_that_comes_twice_counts_from_its_first_time(conn: Connection) -> None:
    """A day before 01:30 in New York on the day after the change is 01:30, which was there at 05:30 and 06:30 UTC."""
    rule = rule_of(Period(0, 1, 0), "America/New_York")
    assert cutoff(conn, rule, datetime(2026, 11, 2, 6, 30, tzinfo=UTC)) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    in_utc = msgspec.structs.replace(rule, time_zone="UTC")
    assert cutoff(conn, in_utc, datetime(2026, 11, 2, 6, 30, tzinfo=UTC)) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def test_hours_pass_whatever_the_clocks_say(conn: Connection) -> None:
    rule = rule_of(Period(0, 0, 25 * 3600), "America/New_York")
    now = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    assert cutoff(conn, rule, now) == now - timedelta(hours=25)
