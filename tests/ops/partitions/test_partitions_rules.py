"""When a partition may go: nothing that is younger than its rule says, in any zone and by any way to count months."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gasolinera.ops.partition_plans import partition_name, plan_table
from gasolinera.ops.partition_rules import Action, PartitionRule, RuleBook, is_past, rule_for
from gasolinera.ops.partition_tables import Partition, PartitionedTable, Span, span_of

ZONES = (
    "UTC", "America/Mexico_City", "America/Tijuana", "America/Costa_Rica", "Europe/Madrid", "Australia/Lord_Howe",
    "Pacific/Kiritimati", "Etc/GMT+12", "America/Santiago",
)  # fmt: skip
moments = st.datetimes(datetime(2015, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def _edge(year: int, month: int, back: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC) - timedelta(hours=back)


edges = st.builds(_edge, st.integers(2015, 2040), st.integers(1, 12), st.integers(-30, 30))
months = st.integers(1, 72)


def by_days(day: int, month: int, year: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


@given(until=moments | edges, now=moments | edges, keep=months, zone=st.sampled_from(ZONES))
@example(until=by_days(31, 1, 2023), now=by_days(1, 3, 2023), keep=1, zone="UTC")
@example(until=by_days(1, 3, 2024), now=by_days(29, 3, 2024), keep=1, zone="Pacific/Kiritimati")
@example(until=by_days(29, 2, 2024), now=by_days(28, 2, 2025), keep=12, zone="UTC")
@example(until=by_days(31, 10, 2026, 2), now=by_days(30, 11, 2026, 2), keep=1, zone="Europe/Madrid")
@settings(max_examples=600, deadline=None)
def test_nothing_younger_than_its_limit_goes(until: datetime, now: datetime, keep: int, zone: str) -> None:
    if not is_past(until, keep, now):
        return
    youngest = (until - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    wall = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert youngest + relativedelta(months=keep) <= wall
    assert youngest <= wall - relativedelta(months=keep)


@given(until=moments | edges, keep=months, later=st.timedeltas(timedelta(days=4), timedelta(days=3000)))
@settings(max_examples=200, deadline=None)
def test_what_is_days_past_its_limit_goes(until: datetime, keep: int, later: timedelta) -> None:
    assert is_past(until, keep, until + relativedelta(months=keep) + later)


@given(now=moments | edges, keep=months, ahead=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_a_plan_takes_whole_months_that_are_past_and_no_other(now: datetime, keep: int, ahead: int) -> None:
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    spans = [Span(first + relativedelta(months=back), first + relativedelta(months=back + 1)) for back in range(-80, 2)]
    rule = PartitionRule(action=Action.DROP, keep_months=keep, months_ahead=ahead)
    plan = plan_table(_table([span for span in spans if span.lower and span.lower.year >= 2010]), rule, now)
    for one in plan.due:
        assert one.span is not None
        assert one.span.upper is not None
        assert one.span.upper <= now - relativedelta(months=keep)
    kept = [one for one in plan.table.partitions if one not in plan.due]
    oldest = min(one.span.upper for one in kept if one.span is not None and one.span.upper is not None)
    assert oldest > now - relativedelta(months=keep) - timedelta(days=4)
    assert [span.lower for span in plan.ahead] == [first + relativedelta(months=n) for n in range(2, ahead + 1)]


def test_a_hold_and_a_rule_that_keeps_take_nothing() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    old = _table([Span(None, datetime(2000, 1, 1, tzinfo=UTC))])
    dropping = PartitionRule(action=Action.DROP, keep_months=1)
    held = PartitionRule(action=Action.DROP, keep_months=1, legal_hold="a court asked for it")
    assert [len(plan_table(old, rule, now).due) for rule in (dropping, held, PartitionRule())] == [1, 0, 0]


def test_the_rule_that_says_most_of_a_table_wins() -> None:
    rules = [
        PartitionRule(service="*", table_pattern="*", explanation="all"),
        PartitionRule(service="*", table_pattern="*_audit_log", explanation="logs"),
        PartitionRule(service="*", table_pattern="coupon_audit_log", explanation="named"),
        PartitionRule(service="coupon", table_pattern="coupon_*", explanation="of the service"),
    ]
    assert rule_for(rules, "auth", "users_log").explanation == "all"
    assert rule_for(rules, "auth", "auth_audit_log").explanation == "logs"
    assert rule_for(rules, "raffle", "coupon_audit_log").explanation == "named"
    assert rule_for(rules, "coupon", "coupon_audit_log").explanation == "of the service"
    assert rule_for([], "coupon", "anything").action is Action.KEEP


def test_a_hold_of_many_tables_is_not_undone_by_a_closer_rule() -> None:
    wide = PartitionRule(table_pattern="*_log", legal_hold="the court")
    close = PartitionRule(service="auth", table_pattern="auth_audit_log", action=Action.DROP, keep_months=12)
    found = RuleBook((wide, close), {("auth", "users"): "case 12"}).of("auth", "auth_audit_log")
    assert (found.action, found.legal_hold) == (Action.DROP, "the court")
    assert RuleBook((wide, close), {("auth", "users"): "case 12"}).of("auth", "users").legal_hold == "case 12"
    assert RuleBook((wide, close), {}).of("auth", "users").legal_hold is None


def test_holes_are_filled_between_what_is_there_and_cut_where_months_begin() -> None:
    day = datetime(2026, 11, 23, tzinfo=UTC)
    spans = [
        Span(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)),
        Span(datetime(2026, 8, 15, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)),
        Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ]
    plan = plan_table(_table(spans), PartitionRule(months_ahead=2), day)
    found = [(f"{span.lower:%m-%d}", f"{span.upper:%m-%d}") for span in plan.gaps]
    assert found == [("07-01", "08-01"), ("08-01", "08-15"), ("09-01", "10-01")]
    assert [f"{span.lower:%Y-%m-%d}" for span in plan.ahead] == ["2027-01-01"]
    assert plan.until == datetime(2027, 1, 1, tzinfo=UTC)
    assert plan.is_short
    assert partition_name("scans", plan.gaps[0]) == "scans_2026_07"
    assert partition_name("scans", plan.gaps[1]) == "scans_2026_08_01"


def test_gaps_that_would_go_at_once_are_not_filled() -> None:
    spans = [
        Span(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        Span(datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)),
    ]
    rule = PartitionRule(action=Action.DROP, keep_months=4)
    gaps = plan_table(_table(spans), rule, datetime(2026, 11, 23, tzinfo=UTC)).gaps
    assert [f"{span.lower:%Y-%m}" for span in gaps] == ["2026-07", "2026-08"]


NOVEMBER = Span(by_days(1, 11, 2026), by_days(1, 12, 2026))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ("FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-12-01 00:00:00+00')", NOVEMBER),
        ("FOR VALUES FROM ('2026-11-01') TO ('2026-12-01')", NOVEMBER),
        ("FOR VALUES FROM (MINVALUE) TO ('2026-12-01')", Span(None, by_days(1, 12, 2026))),
        ("FOR VALUES FROM ('infinity') TO (MAXVALUE)", None),
        ("FOR VALUES FROM (1) TO (2)", None),
        ("FOR VALUES IN ('MX')", None),
        ("DEFAULT", None),
    ],
)  # fmt: skip
def test_bounds_are_read_as_moments_or_not_at_all(bound: str, expected: Span | None) -> None:
    assert span_of(bound) == expected


def _table(spans: list[Span]) -> PartitionedTable:
    partitions = tuple(
        Partition(
            oid=number, schema="s", name=f"p{number}", span=span, is_default=False, is_pending=False, is_plain=True,
            size_bytes=0, rows=0,
        )
        for number, span in enumerate(spans)
    )  # fmt: skip
    return PartitionedTable(
        service="coupon", schema="s", name="scans", oid=1, key_column="created_at",
        key_type="timestamp with time zone", is_by_time=True, partitions=partitions,
    )  # fmt: skip
