"""Whether rows of the next weeks find a place: what hides from a look at the last partition alone is told too."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from gasolinera.ops.checking import CheckResult, Finding, Verdict
from gasolinera.ops.checking_partitions import days_missing
from gasolinera.ops.operations_schema import install
from gasolinera.ops.partition_rules import month_of, months_on
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop, project_at
from tests.ops.check_rounds import found
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
NAME = "station_schema.provoked"
BY_TIME: LiteralString = "CREATE TABLE station_schema.provoked (at timestamptz NOT NULL) PARTITION BY RANGE (at)"
RULE: LiteralString = (
    "INSERT INTO ops_schema.partition_rules (service, table_pattern, alert_days, reason, explanation)"
    " VALUES ('station', 'provoked', %s, 'BUSINESS', 'a test')"
)


@pytest.fixture(scope="module")
def ops_url(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share: each of them takes back what it does."""
    name = clone_of("test")
    install(server.url(name))
    yield server.url(name)
    drop(server, name)


@pytest.fixture
def admin(ops_url: str) -> Generator[Admin]:
    with psycopg.connect(ops_url, autocommit=True) as conn:
        yield conn
        conn.execute("DROP TABLE IF EXISTS station_schema.provoked")
        conn.execute("DELETE FROM ops_schema.partition_rules WHERE table_pattern = 'provoked'")


@pytest.fixture
def operations(ops_url: str) -> Operations:
    return Operations(project_at(ops_url, "test"), ops_url)


def look(operations: Operations) -> CheckResult:
    return found(operations, "partitions_ahead")["partitions_ahead"]


def months(admin: Admin, *numbers: int) -> None:
    """Partitions of the months that are so many after this one."""
    now = datetime.now(UTC)
    for number in numbers:
        begin = months_on(month_of(now), number)
        span(admin, f"provoked_{begin:%Y_%m}", begin, months_on(begin, 1))


def span(admin: Admin, name: str, begin: datetime, end: datetime) -> None:
    admin.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF station_schema.provoked FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier("station_schema", name), sql.Literal(begin.isoformat()), sql.Literal(end.isoformat())
        )
    )


def test_the_services_own_partitions_and_months_without_a_hole_are_good(operations: Operations, admin: Admin) -> None:
    assert look(operations).verdict is Verdict.GOOD
    admin.execute(BY_TIME)
    months(admin, 0, 1, 2)
    assert (look(operations).verdict, look(operations).worst) == (Verdict.GOOD, 0)


def test_a_hole_before_the_last_partition_is_found(operations: Operations, admin: Admin) -> None:
    admin.execute(BY_TIME)
    months(admin, 0, 2, 3)
    [finding] = look(operations).findings
    # Up to the end of this month rows find a place; from there to the 45th day there is none.
    left = months_on(month_of(datetime.now(UTC)), 1) - datetime.now(UTC)
    assert (finding.object, finding.amount) == (NAME, (timedelta(days=45) - left).days + 1)
    months(admin, 1)
    assert look(operations).verdict is Verdict.GOOD


def test_a_hole_beyond_what_the_rule_wants_is_none_yet(operations: Operations, admin: Admin) -> None:
    admin.execute(BY_TIME)
    months(admin, 0, 1, 2, 4)
    assert look(operations).verdict is Verdict.GOOD


def test_rows_of_now_that_find_no_partition_are_critical(operations: Operations, admin: Admin) -> None:
    admin.execute(BY_TIME)
    months(admin, 1, 2, 3)
    assert look(operations).findings == (Finding(NAME, 45, Verdict.CRITICAL),)


@pytest.mark.parametrize("kind", ["RANGE (at)", "LIST (at)", "HASH (at)"])
def test_a_table_without_any_partition_refuses_every_row(operations: Operations, admin: Admin, kind: str) -> None:
    admin.execute(f"CREATE TABLE station_schema.provoked (at timestamptz NOT NULL) PARTITION BY {kind}".encode())
    assert look(operations).findings == (Finding(NAME, 45, Verdict.CRITICAL),)


def test_a_table_that_is_not_cut_by_time_has_nothing_ahead(operations: Operations, admin: Admin) -> None:
    admin.execute("CREATE TABLE station_schema.provoked (at int) PARTITION BY RANGE (at)")
    admin.execute(
        "CREATE TABLE station_schema.provoked_1 PARTITION OF station_schema.provoked FOR VALUES FROM (1) TO (2)"
    )
    assert look(operations).verdict is Verdict.GOOD


def test_how_far_ahead_is_enough_is_said_by_the_tables_rule(operations: Operations, admin: Admin) -> None:
    now = datetime.now(UTC)
    admin.execute(BY_TIME)
    span(admin, "provoked_1", now - timedelta(days=1), now + timedelta(days=20, hours=1))
    assert look(operations).findings == (Finding(NAME, 25, Verdict.WARNING),)  # of the 45 of the rule for all
    admin.execute(RULE, (20,))
    assert look(operations).verdict is Verdict.GOOD
    admin.execute("UPDATE ops_schema.partition_rules SET alert_days = 60 WHERE table_pattern = 'provoked'")
    assert look(operations).findings == (Finding(NAME, 40, Verdict.CRITICAL),)


def test_a_table_that_no_rule_matches_and_a_database_without_rules_want_45_days(
    operations: Operations, admin: Admin
) -> None:
    now = datetime.now(UTC)
    admin.execute(BY_TIME)
    span(admin, "provoked_1", now - timedelta(days=1), now + timedelta(days=40, hours=1))
    admin.execute("CREATE TABLE kept AS SELECT * FROM ops_schema.partition_rules")
    admin.execute("DELETE FROM ops_schema.partition_rules")
    try:
        assert look(operations).findings == (Finding(NAME, 5, Verdict.WARNING),)
        admin.execute("ALTER TABLE ops_schema.partition_rules RENAME TO away")
        assert look(operations).findings == (Finding(NAME, 5, Verdict.WARNING),)
    finally:
        admin.execute("ALTER TABLE IF EXISTS ops_schema.away RENAME TO partition_rules")
        admin.execute("INSERT INTO ops_schema.partition_rules SELECT * FROM kept")
        admin.execute("DROP TABLE kept")


NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("bounds", "missing"),
    [
        (["FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"], 0),
        (["DEFAULT"], 45),  # rows are taken in, and no partition can be made for them later without a long lock
        (["FOR VALUES FROM ('2026-11-01 00:00:00+00') TO (MAXVALUE)"], 0),
        (["FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2027-01-07 12:00:00+00')"], 0),
        # A part of a day is one that is missing.
        (["FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2027-01-07 11:00:00+00')"], 1),
    ],
)
def test_days_are_counted_up_to_the_first_moment_without_a_place(bounds: list[str], missing: int) -> None:
    assert days_missing(bounds, "timestamp with time zone", NOW, 45) == missing


def test_an_old_months_own_partitions_are_behind_and_not_ahead() -> None:
    old = ["FOR VALUES FROM ('2026-01-01 00:00:00+00') TO ('2026-02-01 00:00:00+00')"]
    assert days_missing(old, "timestamp with time zone", NOW, 45, is_partition=True) is None
    assert days_missing([], "timestamp with time zone", NOW, 45, is_partition=True) == 45
