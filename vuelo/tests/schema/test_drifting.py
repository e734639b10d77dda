"""What was changed by hand is found, object by object, and the SQL that is proposed puts it right."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.embedded import Server
from vuelo.schema import drifting

MakeProject = Callable[..., vuelo.Project]
Connection = psycopg.Connection[Any]

FIRST = """
    CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, total numeric(8, 2) DEFAULT 0 NOT NULL,
                         note text, CONSTRAINT total_check CHECK (total >= 0));
    CREATE TABLE items (order_id bigint CONSTRAINT items_fk REFERENCES orders, n int);
    CREATE TABLE log (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
    CREATE INDEX orders_note_idx ON orders (note);
    CREATE VIEW totals AS SELECT sum(total) AS total FROM orders;
    CREATE FUNCTION twice(a int) RETURNS int LANGUAGE sql AS 'SELECT a * 2';
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER orders_stamp BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
    ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
    CREATE POLICY orders_policy ON orders USING (total > 0);
    GRANT SELECT ON orders TO pg_monitor;
    COMMENT ON TABLE orders IS 'Orders';
"""
FILES = {"V1__first.sql": FIRST, "R__view.sql": "CREATE OR REPLACE VIEW notes AS SELECT note FROM orders;"}

CHANGES = [
    ("ALTER TABLE shop.orders ADD extra int", "+ column shop.orders.extra"),
    ("ALTER TABLE shop.items DROP n", "- column shop.items.n"),
    ("ALTER TABLE shop.items ALTER n TYPE bigint", "~ column shop.items.n"),
    ("ALTER TABLE shop.items ALTER n SET DEFAULT 4", "~ column shop.items.n"),
    ("ALTER TABLE shop.orders ALTER total DROP DEFAULT, ALTER total DROP NOT NULL", "~ column shop.orders.total"),
    ("ALTER TABLE shop.orders DROP CONSTRAINT total_check", "- constraint shop.orders.total_check"),
    ("ALTER TABLE shop.items DROP CONSTRAINT items_fk", "- constraint shop.items.items_fk"),
    ("DROP INDEX shop.orders_note_idx", "- index shop.orders.orders_note_idx"),
    ("CREATE INDEX by_hand ON shop.items (n)", "+ index shop.items.by_hand"),
    ("CREATE TABLE shop.by_hand (a int PRIMARY KEY, b text)", "+ table shop.by_hand"),
    ("DROP TABLE shop.items", "- table shop.items"),
    ("CREATE VIEW shop.by_hand AS SELECT 1 AS a", "+ view shop.by_hand"),
    ("CREATE OR REPLACE VIEW shop.totals AS SELECT max(total) AS total FROM shop.orders", "~ view shop.totals"),
    ("CREATE OR REPLACE FUNCTION shop.twice(a int) RETURNS int LANGUAGE sql AS 'SELECT a'",
     "~ function shop.twice(a integer)"),
    ("DROP FUNCTION shop.twice", "- function shop.twice(a integer)"),
    ("DROP TRIGGER orders_stamp ON shop.orders", "- trigger shop.orders.orders_stamp"),
    ("DROP POLICY orders_policy ON shop.orders", "- policy shop.orders.orders_policy"),
    ("ALTER POLICY orders_policy ON shop.orders USING (true)", "~ policy shop.orders.orders_policy"),
    ("ALTER TABLE shop.orders DISABLE TRIGGER orders_stamp", "~ trigger shop.orders.orders_stamp"),
    ("ALTER TABLE shop.items DISABLE TRIGGER ALL", "~ constraint shop.items.items_fk"),
    ("ALTER TABLE shop.items ALTER n SET STATISTICS 50", "~ column shop.items.n"),
    ("ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY", "~ table shop.orders"),
    ("ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY", "~ table shop.orders"),
    ("ALTER TABLE shop.items REPLICA IDENTITY FULL", "~ table shop.items"),
    ("COMMENT ON TABLE shop.orders IS 'other'", "~ table shop.orders"),
    ("COMMENT ON VIEW shop.totals IS 'new'", "~ view shop.totals"),
    ("ALTER TABLE shop.items OWNER TO pg_monitor", "~ table shop.items"),
    ("REVOKE SELECT ON shop.orders FROM pg_monitor", "- grant on table shop.orders to pg_monitor"),
    ("GRANT INSERT ON shop.orders TO pg_monitor", "~ grant on table shop.orders to pg_monitor"),
    ("GRANT SELECT (note) ON shop.orders TO pg_monitor", "+ grant on column shop.orders.note to pg_monitor"),
    ("REVOKE EXECUTE ON FUNCTION shop.twice FROM PUBLIC", "- grant on function shop.twice(a integer) to public"),
]  # fmt: skip


@pytest.fixture
def migrated(make_project: MakeProject) -> vuelo.Project:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    return project


def objects(one: drifting.Drift) -> set[str]:
    signs = {(True, False): "+", (False, True): "-", (False, False): "~"}
    return {f"{signs[d.before is None, d.after is None]} {d.object}" for d in one.differences}


def test_what_was_only_migrated_has_no_drift(migrated: vuelo.Project, server: Server) -> None:
    (found,) = drifting.drift(migrated, server.url())
    assert found == drifting.Drift("shop", "1", (), (), ())


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change for change, _ in CHANGES])
def test_a_change_by_hand_is_found_and_its_sql_puts_it_right(
    migrated: vuelo.Project, server: Server, conn: Connection, change: str, expected: str
) -> None:
    conn.execute(change.encode())
    (found,) = drifting.drift(migrated, server.url())
    assert expected in objects(found)
    conn.execute("\n".join(found.sql).encode())
    (again,) = drifting.drift(migrated, server.url())
    left = {name for name in objects(again) if not name.startswith("~ column")}  # a column comes back at the end
    assert left == set()


def test_partitions_and_histories_are_no_drift(migrated: vuelo.Project, server: Server, conn: Connection) -> None:
    conn.execute("CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')")
    conn.execute("UPDATE shop.flyway_schema_history SET installed_by = 'x'")
    assert drifting.drift(migrated, server.url())[0].differences == ()


def test_what_is_not_applied_yet_is_no_drift(
    make_project: MakeProject, migrated: vuelo.Project, server: Server
) -> None:
    more = make_project(
        {"shop": {"V2__b.sql": "CREATE TABLE b (a int);", "R__c.sql": "CREATE VIEW c AS SELECT 1 AS a;"}}
    )
    (found,) = drifting.drift(more, server.url())
    assert (found.version, found.differences) == ("1", ())


def test_a_changed_repeatable_is_noted(make_project: MakeProject, migrated: vuelo.Project, server: Server) -> None:
    changed = {"R__view.sql": "CREATE OR REPLACE VIEW notes AS SELECT note || 'x' AS note FROM orders;"}
    (found,) = drifting.drift(make_project({"shop": changed}), server.url())
    assert objects(found) == {"~ view shop.notes"}
    assert "R__view.sql" in found.notes[0]


def test_a_baseline_counts_as_applied(make_project: MakeProject, server: Server, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.a (b int)")
    files = {"V1__a.sql": "CREATE TABLE a (b int);", "V2__c.sql": "ALTER TABLE a ADD c int;"}
    project = make_project({"shop": files}, 'baseline_on_migrate = true\nbaseline_version = "1"')
    vuelo.migrate(project)
    (found,) = drifting.drift(project, server.url())
    assert (found.version, found.differences) == ("2", ())


def test_a_database_without_a_history_has_nothing_to_compare_with(make_project: MakeProject, server: Server) -> None:
    (found,) = drifting.drift(make_project({"shop": FILES}), server.url())
    assert (found.version, found.differences) == (None, ())


def test_owners_are_those_who_migrate_on_a_server_of_our_own_too(
    make_project: MakeProject, server: Server, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE ROLE drift_harold LOGIN SUPERUSER")
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a (b int);"}}, address=f"{url} user=drift_harold")
    try:
        vuelo.migrate(project)
        assert drifting.drift(project)[0].differences == ()
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DROP OWNED BY drift_harold; DROP ROLE drift_harold")


def test_the_command_shows_it_and_fails(
    migrated: vuelo.Project, cli: Callable[..., Any], server: Server, conn: Connection
) -> None:
    assert cli("drift", "--scratch-url", server.url()).returncode == 0
    conn.execute("ALTER TABLE shop.items ADD by_hand int")
    done = cli("drift", "--scratch-url", server.url())
    assert done.returncode == 1
    assert "+ column shop.items.by_hand" in done.stdout
    assert "ALTER TABLE shop.items DROP COLUMN by_hand;" in done.stdout
    data = json.loads(cli("drift", "--json", "--scratch-url", server.url()).stdout)
    assert data["drift"]
    assert data["services"][0]["differences"][0]["kind"] == "added"
