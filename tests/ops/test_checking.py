"""Each check is provoked once, and says nothing of a database that is well."""

from collections.abc import Callable, Generator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from gasolinera.config import SERVICES, schema_of
from gasolinera.database import load_queries
from gasolinera.ops import measuring
from gasolinera.ops.checking import Against, CheckResult, Rule, Threshold, Unit, Verdict, compared, judge
from gasolinera.ops.checking_questions import run_checks
from gasolinera.ops.checking_rules import BY_NAME
from gasolinera.ops.checking_rules import QUESTIONS as RULES
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
Connect = Callable[[str], psycopg.Connection[Any]]
SCHEMAS = [schema_of(service) for service in SERVICES]
# What says more of the machine that the tests run on than of the database.
OF_THE_MACHINE = {"unsafe_settings", "cache_misses", "never_analyzed", "connections", "dead_rows", "long_transactions"}


@pytest.fixture(scope="module")
def migrated(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture
def admin(server: Server, migrated: str) -> Generator[Admin]:
    with psycopg.connect(server.url(migrated), autocommit=True) as conn:
        yield conn


@pytest.fixture
def as_role(server: Server, migrated: str) -> Generator[Connect]:
    with ExitStack() as stack:

        def connect(role: str) -> Admin:
            return stack.enter_context(psycopg.connect(server.url(migrated, role), autocommit=True))

        yield connect


def checked(conn: Admin, *names: str) -> dict[str, CheckResult]:
    rules = [rule for rule in RULES if not names or rule.name in names]
    return {result.name: result for result in run_checks(conn, SCHEMAS, rules)}


def one(conn: Admin, name: str) -> CheckResult:
    return checked(conn, name)[name]


def test_a_migrated_database_is_well(as_role: Connect) -> None:
    found = checked(as_role("ops"))
    assert set(found) == {rule.name for rule in RULES}
    bad = {
        name: [finding.object for finding in result.findings]
        for name, result in found.items()
        if result.verdict in (Verdict.WARNING, Verdict.CRITICAL) and name not in OF_THE_MACHINE
    }
    assert bad == {}
    assert [result.reason for result in found.values() if result.reason and result.reason.startswith("failed")] == []


def test_who_may_not_see_sessions_is_told_that_nobody_looked(as_role: Connect) -> None:
    found = checked(as_role("station_ro"))
    for rule in RULES:
        if rule.sees_all:
            assert (found[rule.name].verdict, found[rule.name].reason) == (Verdict.SKIPPED, "privilege")
    assert found["invalid_indexes"].verdict is Verdict.GOOD


@pytest.mark.parametrize(
    ("amount", "verdict"),
    [(9.9, Verdict.GOOD), (10, Verdict.ADVICE), (20, Verdict.WARNING), (29.9, Verdict.WARNING), (30, Verdict.CRITICAL)],
)
def test_an_amount_is_held_against_the_limits(amount: float, verdict: Verdict) -> None:
    rule = Rule(name="any", unit=Unit.ROWS, advice=10, warning=20, critical=30)
    result = judge(rule, [("small", 1.0, None), ("this", amount, None)])
    assert (result.verdict, result.worst) == (verdict, amount)
    assert [finding.object for finding in result.findings] == ([] if verdict is Verdict.GOOD else ["this"])


def test_what_nothing_can_be_said_of_is_skipped_and_not_good() -> None:
    rule = Rule(name="any", critical=1)
    assert judge(rule, [("all", None, "too_little")]).reason == "too_little"
    assert judge(rule, [("all", None, "too_little"), ("one", 2.0, None)]).verdict is Verdict.CRITICAL
    assert judge(rule, []).verdict is Verdict.GOOD


def test_a_check_that_breaks_or_takes_too_long_stops_no_other(admin: Admin, as_role: Connect) -> None:
    holder = as_role("postgres")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE station_schema.stations IN ACCESS EXCLUSIVE MODE")
    holder.execute("LOCK TABLE pg_catalog.pg_trigger IN ACCESS EXCLUSIVE MODE")
    admin.execute("SET statement_timeout = '100ms'")
    found = checked(admin, "disabled_triggers", "sequences")
    holder.execute("ROLLBACK")
    assert (found["disabled_triggers"].verdict, found["disabled_triggers"].reason) == (Verdict.SKIPPED, "timeout")
    assert found["sequences"].verdict is Verdict.GOOD


def test_the_worst_comes_first(admin: Admin) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE TABLE station_schema.provoked (id int)")
        order = [list(Verdict).index(result.verdict) for result in run_checks(admin, SCHEMAS)]
    assert len(set(order)) > 2
    assert order == sorted(order, reverse=True)


def test_sizes_count_a_table_with_its_partitions(admin: Admin, as_role: Connect) -> None:
    admin.execute("ANALYZE station_schema.stations")
    sizes = {(size.schema, size.name): size for size in measuring.sizes(as_role("ops"), SCHEMAS)}
    stations = sizes["station_schema", "stations"]
    rows = admin.execute("SELECT count(*) FROM station_schema.stations").fetchone()
    assert (stations.parts, stations.rows) == (1, rows[0] if rows else None)
    assert sizes["station_schema", "station_audit_log"].parts > 1
    assert not any("_2026_" in name for _, name in sizes)


def test_partitions_reach_for_months(as_role: Connect) -> None:
    found = measuring.partitions(as_role("ops"), SCHEMAS)
    assert len(found) > 5
    assert all(one.until is None or one.until > datetime.now(UTC) for one in found)


def test_without_the_extension_nothing_is_said_of_statements(as_role: Connect) -> None:
    assert measuring.slow_statements(as_role("ops")) == measuring.SlowStatements((), "no_extension")


def test_backups_are_none_until_somebody_records_one(admin: Admin) -> None:
    assert measuring.backups(admin) == measuring.Backups(None, None)
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE SCHEMA ops_schema")
        admin.execute("CREATE TABLE ops_schema.backups (finished_at timestamptz, succeeded boolean)")
        admin.execute("INSERT INTO ops_schema.backups VALUES ('2026-11-20 04:00Z', true), ('2026-11-21 04:00Z', false)")
        assert measuring.backups(admin).last_backup_at == datetime(2026, 11, 20, 4, tzinfo=UTC)


def test_every_question_is_answered_in_its_three_columns(admin: Admin) -> None:
    for file in ("sessions", "vacuum", "tables", "copies", "safety"):
        for query in load_queries("gasolinera.ops", f"checks_{file}.sql").values():
            name = query.name.removesuffix("_before_17").removesuffix("_with_less")
            if name == "requested_checkpoints" and (name == query.name) != (admin.info.server_version >= 170000):
                continue  # of another server
            cursor = admin.execute(query.sql.encode(), {"schemas": SCHEMAS})
            assert cursor.description is not None
            third = "why" if BY_NAME[name].against is None else "whole"
            assert [column.name for column in cursor.description] == ["object", "amount", third], query.name


def test_the_longest_pattern_that_fits_an_object_sets_its_limits() -> None:
    rule = Rule(name="any", unit=Unit.ROWS, warning=10)
    limits = [
        Threshold(check_name="any", object_pattern="*", critical=100),
        Threshold(check_name="any", object_pattern="coupon_schema.*", warning=1),
        Threshold(check_name="any", object_pattern="coupon_schema.coupons", is_off=True),
        Threshold(check_name="other", object_pattern="coupon_schema.campaigns", warning=0),
    ]
    rows = [("coupon_schema.coupons", 5.0), ("coupon_schema.campaigns", 5.0), ("ads", 50.0), ("raffles", 100.0)]
    result = judge(rule, [(thing, amount, None) for thing, amount in rows], limits)
    assert [(one.object, one.verdict) for one in result.findings] == [
        ("raffles", Verdict.CRITICAL), ("coupon_schema.campaigns", Verdict.WARNING)]  # fmt: skip
    off = [Threshold(check_name="any", is_off=True)]
    assert judge(rule, [("raffles", 1e9, None)], off).reason == "switched_off"


def test_where_small_amounts_are_bad_the_smallest_is_the_worst() -> None:
    rule = Rule(name="any", unit=Unit.DAYS, warning=30, critical=7, falls=True)
    result = judge(rule, [("a", 31.0, None), ("b", 30.0, None), ("c", 3.0, None)])
    assert (result.verdict, result.worst, result.count) == (Verdict.CRITICAL, 3.0, 2)
    assert [one.object for one in result.findings] == ["c", "b"]


@pytest.mark.parametrize(
    ("against", "before", "now", "seconds", "told"),
    [
        (Against.MORE, (10, None), (13, None), 60, (3, None)),
        (Against.PER_MINUTE, (10, None), (13, None), 180, (1, None)),
        (Against.PER_MINUTE, (10, None), (13, None), 2, (3, None)),  # two seconds are no minute of 90
        (Against.PER_HOUR, (0, None), (100, None), 1800, (100, None)),
        (Against.PER_HOUR, (0, None), (100, None), 7200, (50, None)),
        (Against.SHARE, (5, 1000), (15, 1100), 60, (10, None)),
        (Against.SHARE, (5, 1000), (15, 1099), 60, (None, "too_little")),
        (Against.MORE, (13, None), (10, None), 60, (None, "statistics_reset")),
        (Against.SHARE, (5, 1000), (6, 900), 60, (None, "statistics_reset")),
        (Against.CHANGED, (1, None), (0, None), 60, (1, None)),
        (Against.CHANGED, (1, None), (1, None), 60, (0, None)),
    ],
)
def test_a_counter_is_told_by_what_came_since_an_earlier_look(
    against: Against,
    before: tuple[float, float | None],
    now: tuple[float, float | None],
    seconds: float,
    told: tuple[float | None, str | None],
) -> None:
    rule = Rule(name="any", warning=1, against=against, least=100)
    assert compared(rule, {"a": now}, {"any": {"a": before}}, seconds) == [("a", *told)]
    assert compared(rule, {"a": now}, None, seconds) == [("", None, "first_look")]


def test_what_was_there_and_is_no_more_is_gone() -> None:
    rule = Rule(name="any", critical=1, against=Against.GONE)
    rows = compared(rule, {"new": (1, None), "kept": (1, None)}, {"any": {"kept": (1, None), "left": (1, None)}}, 60)
    assert rows == [("kept", 0, None), ("left", 1, None), ("new", 0, None)]
