"""Each check is provoked once, and says nothing of a database that is well."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from gasolinera.config import SERVICES, schema_of
from gasolinera.database import load_queries
from gasolinera.ops import measuring
from gasolinera.ops.checking import CheckResult, Rule, Unit, Verdict, judge
from gasolinera.ops.checking_questions import run_checks
from gasolinera.ops.checking_rules import QUESTIONS as RULES

Admin = psycopg.Connection[Any]
Connect = Callable[[str], psycopg.Connection[Any]]
SCHEMAS = [schema_of(service) for service in SERVICES]
# What says more of the machine that the tests run on than of the database.
OF_THE_MACHINE = {"unsafe_settings", "cache_misses", "never_analyzed", "connections", "dead_rows", "long_transactions"}


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


def test_sessions_that_wait_and_those_that_hold_them_up_are_named(admin: Admin, as_role: Connect) -> None:
    holder, waiter = as_role("postgres"), as_role("postgres")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE station_schema.stations IN ACCESS EXCLUSIVE MODE")
    waiter.execute("SET lock_timeout = '20s'")
    waiter.pgconn.send_query(b"SELECT count(*) FROM station_schema.stations")
    rules = [Rule(name="blocked_sessions", unit=Unit.SECONDS, warning=0)]
    rules += [Rule(name=name, unit=Unit.SECONDS, warning=0) for name in ("long_transactions", "idle_in_transaction")]
    found: dict[str, CheckResult] = {}
    try:
        for _ in range(500):
            found = {result.name: result for result in run_checks(admin, SCHEMAS, rules)}
            if found["blocked_sessions"].findings:
                break
        [blocked] = found["blocked_sessions"].findings
        assert str(waiter.info.backend_pid) in blocked.object
        assert str(holder.info.backend_pid) in blocked.object
        for name in ("idle_in_transaction", "long_transactions"):
            assert any(str(holder.info.backend_pid) in finding.object for finding in found[name].findings)
    finally:
        holder.execute("ROLLBACK")
        while waiter.pgconn.get_result() is not None:
            pass


@pytest.mark.parametrize(
    ("check", "statements", "found"),
    [
        (
            "unvalidated_constraints",
            "ALTER TABLE station_schema.stations ADD CONSTRAINT provoked CHECK (pump_count < 1000) NOT VALID",
            "station_schema.stations provoked",
        ),
        (
            "disabled_triggers",
            (
                "CREATE TABLE station_schema.provoked (id int PRIMARY KEY);"
                "CREATE TRIGGER provoked BEFORE UPDATE ON station_schema.provoked FOR EACH ROW"
                " EXECUTE FUNCTION suppress_redundant_updates_trigger();"
                "ALTER TABLE station_schema.provoked DISABLE TRIGGER provoked"
            ),
            "station_schema.provoked provoked",
        ),
        ("tables_without_key", "CREATE TABLE station_schema.provoked (id int)", "station_schema.provoked"),
        (
            "unindexed_foreign_keys",
            "CREATE TABLE station_schema.provoked (id int PRIMARY KEY, of int REFERENCES station_schema.provoked)",
            "station_schema.provoked provoked_of_fkey",
        ),
        (
            "duplicate_indexes",
            (
                "CREATE TABLE station_schema.provoked (id int PRIMARY KEY, n int);"
                "CREATE INDEX ON station_schema.provoked (n);"
                "CREATE INDEX provoked_again ON station_schema.provoked (n)"
            ),
            "station_schema.provoked_again",
        ),
        (
            "sequences",
            (
                "CREATE TABLE station_schema.provoked (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"
                "SELECT setval('station_schema.provoked_id_seq', 32000)"
            ),
            "station_schema.provoked_id_seq",
        ),
        (
            "partitions_ahead",
            (
                "CREATE TABLE station_schema.provoked (at timestamptz) PARTITION BY RANGE (at);"
                "CREATE TABLE station_schema.provoked_2026_01 PARTITION OF station_schema.provoked"
                " FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')"
            ),
            "station_schema.provoked",
        ),
        (
            "never_analyzed",
            (
                "CREATE TABLE station_schema.provoked (id int PRIMARY KEY) WITH (autovacuum_enabled = off);"
                "INSERT INTO station_schema.provoked SELECT generate_series(1, 20000);"
                "SELECT pg_stat_force_next_flush()"
            ),
            "station_schema.provoked",
        ),
        (
            "dead_rows",
            (
                "CREATE TABLE station_schema.provoked (id int PRIMARY KEY) WITH (autovacuum_enabled = off);"
                "INSERT INTO station_schema.provoked SELECT generate_series(1, 20000);"
                "DELETE FROM station_schema.provoked; SELECT pg_stat_force_next_flush()"
            ),
            "station_schema.provoked",
        ),
    ],
)
def test_what_is_wrong_is_found_and_named(admin: Admin, check: str, statements: str, found: str) -> None:
    before = {finding.object for finding in one(admin, check).findings}
    for statement in statements.split(";"):
        admin.execute(statement.encode())
    assert {finding.object for finding in one(admin, check).findings} - before == {found}


def test_an_index_that_failed_while_it_was_made_is_invalid(admin: Admin) -> None:
    admin.execute("CREATE TABLE station_schema.provoked (id int)")
    admin.execute("INSERT INTO station_schema.provoked VALUES (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):
        admin.execute("CREATE UNIQUE INDEX CONCURRENTLY provoked_key ON station_schema.provoked (id)")
    [finding] = one(admin, "invalid_indexes").findings
    assert finding.object == "station_schema.provoked_key"


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
    admin.execute("CREATE TABLE station_schema.provoked (id int)")
    order = [list(Verdict).index(result.verdict) for result in run_checks(admin, SCHEMAS)]
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
    admin.execute("CREATE SCHEMA IF NOT EXISTS ops_schema")
    admin.execute("CREATE TABLE ops_schema.backups (finished_at timestamptz, succeeded boolean)")
    admin.execute("INSERT INTO ops_schema.backups VALUES ('2026-11-20 04:00Z', true), ('2026-11-21 04:00Z', false)")
    assert measuring.backups(admin).last_backup_at == datetime(2026, 11, 20, 4, tzinfo=UTC)


def test_every_question_is_answered_in_its_three_columns(admin: Admin) -> None:
    for query in load_queries("gasolinera.ops", "checks_tables.sql").values():
        cursor = admin.execute(query.sql.encode(), {"schemas": SCHEMAS})
        assert cursor.description is not None
        assert [column.name for column in cursor.description] == ["object", "amount", "why"], query.name
