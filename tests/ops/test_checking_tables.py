"""What can be wrong with tables, indexes, rights and functions: each provoked, found and named, and gone again."""

from collections.abc import Generator
from typing import Any, LiteralString

import psycopg
import pytest

from gasolinera.config import SERVICES, schema_of
from gasolinera.ops.checking import CheckResult, Rule, Threshold, Verdict
from gasolinera.ops.checking_questions import Memory, run_checks
from gasolinera.ops.checking_rules import BY_NAME
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
SCHEMAS = [schema_of(service) for service in SERVICES]
TRIGGER: LiteralString = (
    "CREATE TRIGGER provoked BEFORE UPDATE ON station_schema.provoked FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)
IN_STATION: LiteralString = "CREATE TABLE station_schema.provoked (id int PRIMARY KEY, n int)"


@pytest.fixture(scope="module")
def migrated(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share: each of them takes back what it does."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture
def admin(server: Server, migrated: str) -> Generator[Admin]:
    with psycopg.connect(server.url(migrated), autocommit=True) as conn:
        yield conn


def one(conn: Admin, rule: Rule | str, *thresholds: Threshold) -> CheckResult:
    rule = BY_NAME[rule] if isinstance(rule, str) else rule
    [result] = run_checks(conn, SCHEMAS, [rule], Memory(thresholds))
    assert result.reason is None or not result.reason.startswith("failed"), result
    return result


def objects(result: CheckResult) -> set[str]:
    return {finding.object for finding in result.findings}


PROVOKED: list[tuple[str, list[LiteralString], str]] = [
    (
        "unvalidated_constraints",
        ["ALTER TABLE station_schema.stations ADD CONSTRAINT provoked CHECK (pump_count < 1000) NOT VALID"],
        "station_schema.stations provoked",
    ),
    (
        "disabled_triggers",
        [
            IN_STATION,
            TRIGGER,
            "ALTER TABLE station_schema.provoked DISABLE TRIGGER provoked",
        ],
        "station_schema.provoked provoked",
    ),
    ("tables_without_key", ["CREATE TABLE station_schema.provoked (id int)"], "station_schema.provoked"),
    (
        "unindexed_foreign_keys",
        ["CREATE TABLE station_schema.provoked (id int PRIMARY KEY, of int REFERENCES station_schema.provoked)"],
        "station_schema.provoked provoked_of_fkey",
    ),
    (
        "duplicate_indexes",
        [
            IN_STATION,
            "CREATE INDEX ON station_schema.provoked (n)",
            "CREATE INDEX provoked_again ON station_schema.provoked (n)",
        ],
        "station_schema.provoked_again",
    ),
    (
        "sequences",
        [
            "CREATE TABLE station_schema.provoked (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
            "SELECT setval('station_schema.provoked_id_seq', 32000)",
        ],
        "station_schema.provoked_id_seq",
    ),
    (
        # The sequence itself would last for long: its column does not.
        "sequences",
        [
            "CREATE SEQUENCE station_schema.provoked_seq",
            "CREATE TABLE station_schema.provoked (id int PRIMARY KEY DEFAULT nextval('station_schema.provoked_seq'))",
            "ALTER SEQUENCE station_schema.provoked_seq OWNED BY station_schema.provoked.id",
            "SELECT setval('station_schema.provoked_seq', 2000000000)",
        ],
        "station_schema.provoked_seq",
    ),
    (
        "autovacuum_off",
        [IN_STATION, "ALTER TABLE station_schema.provoked SET (autovacuum_enabled = off)"],
        "station_schema.provoked",
    ),
    ("foreign_rights", ["GRANT USAGE ON SCHEMA coupon_schema TO station_app"], "station_app → coupon_schema"),
    ("foreign_rights", ["GRANT coupon_owner TO ads_ro"], "ads_ro → coupon_schema"),
    ("public_rights", ["GRANT SELECT ON station_schema.stations TO PUBLIC"], "station_schema.stations select"),
    ("public_rights", ["GRANT USAGE ON SCHEMA raffle_schema TO PUBLIC"], "raffle_schema usage"),
    ("public_rights", ["GRANT CREATE ON SCHEMA public TO PUBLIC"], "public create"),
    (
        "public_rights",
        ["CREATE FUNCTION station_schema.provoked() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
        "station_schema.provoked() execute",
    ),
    ("powerful_roles", ["ALTER ROLE station_app CREATEROLE BYPASSRLS"], "station_app createrole, bypassrls"),
    ("powerful_roles", ["CREATE ROLE provoked LOGIN SUPERUSER"], "provoked superuser"),
    (
        "unpinned_functions",
        ["CREATE FUNCTION station_schema.provoked() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"],
        "station_schema.provoked()",
    ),
    (
        "weak_passwords",
        [
            "SET LOCAL password_encryption = 'md5'",
            "SET LOCAL client_min_messages = 'error'",
            "CREATE ROLE provoked LOGIN PASSWORD 'p'",
        ],
        "provoked",
    ),
    ("password_encryption", ["SET LOCAL password_encryption = 'md5'"], "password_encryption = md5"),
    ("unsafe_settings", ["SET LOCAL zero_damaged_pages = on"], "zero_damaged_pages = on"),
]


@pytest.mark.parametrize(("check", "statements", "found"), PROVOKED, ids=[f"{one[0]}-{one[2]}" for one in PROVOKED])
def test_what_is_wrong_is_found_and_named_and_nothing_else(
    admin: Admin, check: str, statements: list[LiteralString], found: str
) -> None:
    before = objects(one(admin, check))
    with admin.transaction(force_rollback=True):
        for statement in statements:
            admin.execute(statement)
        result = one(admin, check)
        assert objects(result) - before == {found}
        assert result.verdict in (Verdict.ADVICE, Verdict.WARNING, Verdict.CRITICAL)
    assert objects(one(admin, check)) == before


def test_an_order_of_text_that_is_not_that_of_the_indexes_is_told(admin: Admin, migrated: str) -> None:
    row = admin.execute(
        "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    before = one(admin, "collations")
    with admin.transaction(force_rollback=True):
        admin.execute("UPDATE pg_database SET datcollversion = 'older' WHERE datname = current_database()")
        result = one(admin, "collations")
    if row[0] is None:  # an order that the operating system gives no version
        assert before.reason == result.reason == "collation_unversioned"
    else:
        assert (before.verdict, before.worst) == (Verdict.GOOD, 0)
        assert (result.verdict, objects(result)) == (Verdict.CRITICAL, {f"database {migrated}"})


def test_an_index_that_failed_while_it_was_made_is_invalid(admin: Admin) -> None:
    assert one(admin, "invalid_indexes").verdict is Verdict.GOOD
    admin.execute("CREATE TABLE station_schema.provoked (id int)")
    try:
        admin.execute("INSERT INTO station_schema.provoked VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            admin.execute("CREATE UNIQUE INDEX CONCURRENTLY provoked_key ON station_schema.provoked (id)")
        [finding] = one(admin, "invalid_indexes").findings
        assert finding.object == "station_schema.provoked_key"
    finally:
        admin.execute("DROP TABLE station_schema.provoked")


def test_a_partition_whose_detaching_stopped_half_way_is_found(admin: Admin, server: Server, migrated: str) -> None:
    admin.execute("CREATE TABLE station_schema.provoked (at int) PARTITION BY RANGE (at)")
    admin.execute(
        "CREATE TABLE station_schema.provoked_1 PARTITION OF station_schema.provoked FOR VALUES FROM (1) TO (2)"
    )
    try:
        with psycopg.connect(server.url(migrated)) as reader:
            reader.execute("SELECT count(*) FROM station_schema.provoked")
            admin.execute("SET lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                admin.execute(
                    "ALTER TABLE station_schema.provoked DETACH PARTITION station_schema.provoked_1 CONCURRENTLY"
                )
        assert objects(one(admin, "pending_detach")) == {"station_schema.provoked_1"}
        admin.execute("ALTER TABLE station_schema.provoked DETACH PARTITION station_schema.provoked_1 FINALIZE")
        assert one(admin, "pending_detach").verdict is Verdict.GOOD
    finally:
        admin.execute("DROP TABLE station_schema.provoked")
        admin.execute("DROP TABLE IF EXISTS station_schema.provoked_1")


def test_rows_of_the_default_partition_are_counted(admin: Admin) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE TABLE station_schema.provoked (at int) PARTITION BY RANGE (at)")
        admin.execute("CREATE TABLE station_schema.provoked_rest PARTITION OF station_schema.provoked DEFAULT")
        assert one(admin, "default_partition_rows").verdict is Verdict.GOOD
        admin.execute("INSERT INTO station_schema.provoked VALUES (1), (2)")
        # As after a restore: nothing has counted them yet.
        assert objects(one(admin, "default_partition_rows")) == {"station_schema.provoked_rest"}
        admin.execute("ANALYZE station_schema.provoked_rest")
        [finding] = one(admin, "default_partition_rows").findings
        assert (finding.object, finding.amount) == ("station_schema.provoked_rest", 2)


@pytest.fixture
def churned(admin: Admin) -> Generator[Admin]:
    """A table that nobody cleans, with 20,000 rows, all of them dead, after 60 readings from end to end."""
    admin.execute("CREATE TABLE station_schema.provoked (id int PRIMARY KEY, n int) WITH (autovacuum_enabled = off)")
    admin.execute("INSERT INTO station_schema.provoked SELECT i, i FROM generate_series(1, 20000) AS i")
    yield admin
    admin.execute("DROP TABLE station_schema.provoked")


def test_what_statistics_tell_of_a_table_that_nobody_cleans(churned: Admin) -> None:
    for _ in range(60):
        churned.execute("SELECT count(*) FROM station_schema.provoked WHERE n < 0")
    churned.execute("SELECT pg_stat_force_next_flush()")
    assert "station_schema.provoked" in objects(one(churned, "never_analyzed"))
    assert "station_schema.provoked" in objects(one(churned, "missing_indexes"))
    assert "station_schema.provoked" not in objects(one(churned, "dead_rows"))
    churned.execute("DELETE FROM station_schema.provoked")
    churned.execute("SELECT pg_stat_force_next_flush()")
    assert "station_schema.provoked" in objects(one(churned, "dead_rows"))
    # No day has passed since the server began: the limit comes down to see that the table is there at all.
    at_once = Threshold(check_name="overdue_vacuum", object_pattern="station_schema.provoked", warning=0)
    assert objects(one(churned, "overdue_vacuum", at_once)) == {"station_schema.provoked"}
    churned.execute("VACUUM ANALYZE station_schema.provoked")
    churned.execute("SELECT pg_stat_force_next_flush()")
    for check in ("never_analyzed", "dead_rows", "overdue_vacuum"):
        assert "station_schema.provoked" not in objects(one(churned, check, at_once)), check


def test_an_index_that_nobody_reads_is_told_only_where_statistics_are_old_enough(admin: Admin) -> None:
    with admin.transaction(force_rollback=True):
        admin.execute("CREATE TABLE station_schema.provoked AS SELECT i AS n FROM generate_series(1, 100000) AS i")
        admin.execute("CREATE INDEX provoked_n ON station_schema.provoked (n)")
        result = one(admin, "unused_indexes")
        assert (result.verdict, result.reason) == (Verdict.SKIPPED, "statistics_young")


@pytest.mark.parametrize("check", ["transaction_age", "multixact_age"])
def test_ages_are_told_of_every_database_that_lets_somebody_in(admin: Admin, migrated: str, check: str) -> None:
    # Thousands of millions of transactions cannot be had in a test: that the limit is one of age is seen at zero.
    at_once = Threshold(check_name=check, warning=0)
    found = objects(one(admin, check, at_once))
    assert {migrated, "postgres", "template1"} <= found
    assert "template0" not in found
    assert one(admin, check).verdict is Verdict.GOOD
