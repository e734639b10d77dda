"""`vuelo test` finds what an undo leaves behind, loses or cannot do, and tells which locks a migration takes."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.embedded import Server
from vuelo.schema import rehearsal, scratch
from vuelo.schema.rehearsal import Rehearsal

MakeProject = Callable[..., vuelo.Project]
ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, note text);"
DROP = "DROP TABLE orders;"
FUNCTION = "CREATE FUNCTION f() RETURNS int LANGUAGE"
SAMPLE = "INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'b') ON CONFLICT DO NOTHING;"
BASE = {"V1__orders.sql": ORDERS, "U1__orders.sql": DROP, "R__sample.sql": SAMPLE}


@pytest.fixture
def rehearse(make_project: MakeProject, server: Server) -> Callable[[Mapping[str, str]], Rehearsal]:
    def run(files: Mapping[str, str]) -> Rehearsal:
        with scratch.opened(make_project({"shop": files}), server.url()) as opened:
            return rehearsal.rehearse(opened)[0]

    return run


Rehearse = Callable[[Mapping[str, str]], Rehearsal]


def codes(result: Rehearsal) -> set[tuple[str, str]]:
    return {(finding.code, finding.script) for finding in result.findings}


def test_migrations_that_undo_cleanly_are_good(rehearse: Rehearse) -> None:
    good = {
        **BASE,
        "V2__total.sql": "ALTER TABLE orders ADD total int DEFAULT 0; CREATE VIEW totals AS SELECT total FROM orders;",
        "U2__total.sql": "DROP VIEW totals; ALTER TABLE orders DROP total;",
    }
    result = rehearse(good)
    assert result.findings == []
    assert result.notes == []
    assert result.rows == 2
    assert [timed.script for timed in result.timed] == [
        "V1__orders.sql", "V2__total.sql", "R__sample.sql", "U2__total.sql", "U1__orders.sql",
    ]  # fmt: skip


def test_an_undo_that_leaves_something_is_found(rehearse: Rehearse) -> None:
    result = rehearse(
        {**BASE, "V2__i.sql": "CREATE INDEX i ON orders (note); CREATE SEQUENCE s;", "U2__i.sql": "DROP INDEX i;"}
    )
    left = next(finding for finding in result.findings if finding.code == "undo.schema")
    assert left.script == "V2__i.sql"
    assert "sequence shop.s" in {difference.object for difference in left.differences}
    assert not any("index" in difference.object for difference in left.differences)


def test_what_stays_after_the_last_undo_is_found(rehearse: Rehearse) -> None:
    result = rehearse({"V1__a.sql": "CREATE TABLE a (b int); CREATE DOMAIN d AS int;", "U1__a.sql": "DROP TABLE a;"})
    assert {one.object for one in result.findings[0].differences} >= {"type shop.d"}
    assert ("undo.schema", "V1__a.sql") in codes(result)


def test_an_undo_that_brings_a_column_back_empty_is_found_though_schemas_are_equal(rehearse: Rehearse) -> None:
    result = rehearse(
        {**BASE, "V2__drop.sql": "ALTER TABLE orders DROP note;", "U2__drop.sql": "ALTER TABLE orders ADD note text;",
         "R__sample.sql": "INSERT INTO orders VALUES (1) ON CONFLICT DO NOTHING; DO $$ BEGIN "
                          "UPDATE orders SET note = 'x' || id; EXCEPTION WHEN undefined_column THEN NULL; END $$;"}
    )  # fmt: skip
    assert codes(result) == {("undo.rows", "V2__drop.sql")}
    assert result.findings[0].details == ("table orders: other values in note (1 rows)",)


def test_what_is_found_on_the_way_up_and_on_the_way_down_is_told_once(rehearse: Rehearse) -> None:
    undo = {"V2__note.sql": "ALTER TABLE orders ADD n int;", "U2__note.sql": "UPDATE orders SET note = 'lost'; "
            "ALTER TABLE orders DROP n;"}  # fmt: skip
    findings = rehearse({**BASE, **undo}).findings
    assert [(one.code, one.script) for one in findings] == [("undo.rows", "V2__note.sql")]


def test_an_undo_that_removes_rows_is_found_even_when_only_the_whole_schema_takes_the_sample_data(
    rehearse: Rehearse,
) -> None:
    result = rehearse(
        {**BASE, "V2__kind.sql": "ALTER TABLE orders ADD kind text;",
         "U2__kind.sql": "DELETE FROM orders; ALTER TABLE orders DROP kind;",
         "R__sample.sql": "INSERT INTO orders VALUES (1, 'a', 'k') ON CONFLICT DO NOTHING;"}
    )  # fmt: skip
    assert codes(result) == {("undo.rows", "U2__kind.sql")}
    assert result.findings[0].details == ("table orders had 1 rows and has 0",)


def test_rows_that_a_migration_added_may_go_with_its_undo(rehearse: Rehearse) -> None:
    more = {"V2__row.sql": "INSERT INTO orders VALUES (9, 'z');", "U2__row.sql": "DELETE FROM orders WHERE id = 9;"}
    assert rehearse({**BASE, **more}).findings == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"V2__bad.sql": "ALTER TABLE orders ADD n int NOT NULL;", "U2__bad.sql": ""}, ("up.failed", "V2__bad.sql")),
        ({"V2__a.sql": "CREATE TABLE a ();", "U2__a.sql": "DROP TABLE b;"}, ("undo.failed", "the undo of V2__a.sql")),
        ({"V2__a.sql": "CREATE TABLE a (); CREATE TABLE IF NOT EXISTS c ();", "U2__a.sql": "DROP TABLE c;"},
         ("again.failed", "V2__a.sql")),
        ({"R__sample.sql": "INSERT INTO orders SELECT coalesce(max(id), 0) + 1 FROM orders;"},
         ("repeat.rows", "repeatables")),
        ({"R__view.sql": "CREATE VIEW v AS SELECT 1;"}, ("repeat.failed", "repeatables")),
        ({"V2__v.sql": "CREATE VIEW v AS SELECT 1 / 0 AS a;", "U2__v.sql": "DROP VIEW v;"}, ("body", "view shop.v")),
        ({"V2__f.sql": f"SET check_function_bodies = off; {FUNCTION} sql AS 'SELECT a FROM gone';",
          "U2__f.sql": "DROP FUNCTION f;"}, ("body", "function shop.f()")),
        ({"V2__f.sql": f"{FUNCTION} plpgsql AS 'BEGIN RETURN (SELECT max(a) FROM gone); END';",
          "U2__f.sql": "DROP FUNCTION f;"}, ("body", "function shop.f()")),
        ({"V2__f.sql": f"{FUNCTION} plpgsql AS 'DECLARE n int; BEGIN n := (SELECT missing()); RETURN n; END';",
          "U2__f.sql": "DROP FUNCTION f;"}, ("body", "function shop.f()")),
    ],
    ids=["rows in the way", "undo", "again", "sample data twice", "view twice", "view", "sql function", "plpgsql",
         "assignment"],
)  # fmt: skip
def test_what_fails_is_found(rehearse: Rehearse, files: Mapping[str, str], found: tuple[str, str]) -> None:
    assert found in codes(rehearse({**BASE, **files}))


def test_functions_that_can_run_are_not_complained_of(rehearse: Rehearse) -> None:
    functions = """
        CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.note IS NULL THEN NEW.note := (SELECT max(note) FROM orders WHERE id = NEW.id); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
        CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM count(*) FROM added; RETURN NULL; END $$;
        CREATE TRIGGER c AFTER INSERT ON orders REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION counted();
        CREATE FUNCTION work(a int) RETURNS int LANGUAGE plpgsql AS $$
        DECLARE n int; r record;
        BEGIN
            CREATE TEMP TABLE scratchpad (x int);
            INSERT INTO scratchpad VALUES (a);
            FOR r IN SELECT id FROM orders LOOP n := r.id + a; END LOOP;
            RETURN n;
        END $$;"""
    undo = "DROP FUNCTION work; DROP FUNCTION counted CASCADE; DROP FUNCTION stamp CASCADE;"
    result = rehearse({**BASE, "V2__f.sql": functions, "U2__f.sql": undo})
    assert result.findings == []
    assert result.checked == 3


def test_locks_on_what_was_there_before_are_told(rehearse: Rehearse) -> None:
    slow = "ALTER TABLE orders ADD n int; SELECT pg_sleep(0.2); CREATE TABLE mine (a int REFERENCES orders);"
    result = rehearse({**BASE, "V2__slow.sql": slow, "U2__slow.sql": "DROP TABLE mine; ALTER TABLE orders DROP n;"})
    by_script = {timed.script: timed for timed in result.timed}
    assert by_script["V1__orders.sql"].locks == ()
    (lock,) = by_script["V2__slow.sql"].locks
    assert (lock.table, lock.mode, lock.keeps_waiting) == ("shop.orders", "AccessExclusiveLock", "readers, writers")
    assert lock.held_ms >= 200


def test_a_migration_without_an_undo_is_noted(rehearse: Rehearse) -> None:
    result = rehearse({"V1__orders.sql": ORDERS, "R__sample.sql": SAMPLE})
    assert result.findings == []
    assert "V1__orders.sql" in result.notes[0]


def test_the_command_tells_and_fails(make_project: MakeProject, cli: Callable[..., Any], server: Server) -> None:
    make_project({"shop": {**BASE, "V2__t.sql": "CREATE TABLE t (a int);", "U2__t.sql": ""}, "depot": {}})
    done = cli("test", "--scratch-url", server.url())
    assert done.returncode == 1, done.stderr
    assert "+ table shop.t" in done.stdout
    data = json.loads(cli("test", "--json", "--scratch-url", server.url()).stdout)
    assert not data["good"]
    shop, depot = data["services"]
    assert depot["findings"] == []
    assert {finding["code"] for finding in shop["findings"]} >= {"undo.schema"}


def test_nothing_is_left_on_the_scratch_server(rehearse: Rehearse, server: Server) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        count = "SELECT count(*) FROM pg_database WHERE datname LIKE 'vuelo_scratch%'"
        rehearse(BASE)
        assert conn.execute(count).fetchone() == (0,)
