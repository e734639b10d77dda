"""A dry run changes nothing, and what it prints does in psql what the run would have done."""

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.schema import snapshot

MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]

FILES = {
    "V1__a.sql": "CREATE TABLE a (n int, v text DEFAULT '${who}');\nCOPY a FROM STDIN;\n1\tñandú: \\\\x\n2\t\\N\n\\.\n",
    "V2__b.sql": "\ufeffCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$SELECT 1; -- ;\n$$; SET search_path = ''",
    "V3__c.sql": "CREATE INDEX CONCURRENTLY a_n ON a (n) -- the last statement has no semicolon",
    "V4__d.sql": "-- nothing\n",
    "V5__e.sql": "CREATE TABLE e (); SELECT 'a;b', E'it\\'s'; SELECT 2;",
    "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT n FROM a;",
    "U5__e.sql": "DROP TABLE e;", "U3__c.sql": "DROP INDEX CONCURRENTLY a_n;", "U4__d.sql": "",
    "beforeMigrate.sql": "CREATE TABLE IF NOT EXISTS seen (n int GENERATED ALWAYS AS IDENTITY, what text);",
    **{f"{event}.sql": f"INSERT INTO seen (what) VALUES ('{event}')" for event in
       ("beforeEachMigrate", "afterEachMigrate", "afterVersioned", "beforeRepeatables", "afterMigrateApplied",
        "afterMigrate", "afterMigrateOperationFinish", "beforeUndo", "afterEachUndo", "afterUndo")},
}  # fmt: skip
SETTINGS = '[placeholders]\nwho = "me"\n'


def state(url: str) -> tuple[Any, ...]:
    """All that two databases can have in common: the objects, and the rows but for times."""
    with psycopg.connect(url, autocommit=True) as conn:
        objects = snapshot.take(conn, "shop")
        if conn.execute("SELECT to_regclass('shop.flyway_schema_history')").fetchone() == (None,):
            return (objects,)
        history = conn.execute(
            """SELECT installed_rank, version, description, type, script, checksum, installed_by, success
                 FROM shop.flyway_schema_history ORDER BY 1"""
        ).fetchall()
        log = conn.execute(
            "SELECT installed_rank, action, script, fingerprint FROM shop.vuelo_log ORDER BY id"
        ).fetchall()
        seen = conn.execute("SELECT what FROM shop.seen ORDER BY n").fetchall()
        data = conn.execute("SELECT * FROM shop.a").fetchall()
    return objects, history, log, seen, data


def psql(url: str, script: str) -> None:
    program = shutil.which("psql")
    assert program, "psql is not installed: apt-get install postgresql-client"
    command = [program, "-X", "-q", "-f", "-", url]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, encoding="utf-8")
    assert "ERROR" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


@pytest.fixture
def other(new_database: Callable[..., str]) -> str:
    """The conninfo of an equal database, which has no vuelo."""
    return new_database()


@pytest.mark.parametrize("settings", ["", "skip_executing_migrations = true"])
def test_psql_does_with_a_dry_run_s_script_what_the_run_does(
    make_project: MakeProject, cli: Cli, url: str, other: str, settings: str
) -> None:
    project = make_project({"shop": FILES}, f"{settings}\n{SETTINGS}")
    if settings:  # callbacks and the state need what V1 makes
        for address in (url, other):
            with psycopg.connect(address, autocommit=True) as conn:
                conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.a (n int)")
    before = state(url)
    done = cli("migrate", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert state(url) == before
    psql(other, done.stdout)
    vuelo.migrate(project)
    assert state(other) == state(url)
    if settings:
        return
    undo = cli("undo", "--steps", "3", "--dry-run")
    before = state(url)
    psql(other, undo.stdout)
    assert state(url) == before
    vuelo.undo(project, steps=3)
    assert state(other) == state(url)
    again = cli("migrate", "--dry-run")
    psql(other, again.stdout)
    vuelo.migrate(project)
    assert state(other) == state(url)
    assert vuelo.info(project)["shop"].pending == ()


def test_a_group_is_one_transaction(make_project: MakeProject, cli: Cli, url: str, other: str) -> None:
    files = {"V1__a.sql": "CREATE TABLE a (n int);", "V2__b.sql": "SELECT 1/0;", "R__c.sql": "SELECT 1;"}
    make_project({"shop": files}, "group = true")
    done = cli("migrate", "--dry-run")
    command = [shutil.which("psql") or "psql", "-X", "-q", "-f", "-", other]
    run = subprocess.run(command, input=done.stdout, capture_output=True, text=True, check=False)
    assert run.returncode == 3
    assert "division by zero" in run.stderr
    with psycopg.connect(other) as conn:
        assert conn.execute("SELECT to_regclass('shop.a')").fetchone() == (None,)
        assert conn.execute("SELECT count(*) FROM shop.flyway_schema_history WHERE type = 'SQL'").fetchone() == (0,)


@pytest.mark.parametrize(
    "settings",
    ['schemas = ["two", "shop"]', "baseline_on_migrate = true", 'installed_by = "me"', 'init_sql = "SET x.y = 1"'],
)
def test_settings_of_how_a_history_begins_hold(
    make_project: MakeProject, cli: Cli, url: str, other: str, settings: str
) -> None:
    project = make_project(
        {"shop": {**FILES, "V1__a.sql": "CREATE TABLE a (n int, x text DEFAULT 'é');"}}, f"{settings}\n{SETTINGS}"
    )
    if "baseline" in settings:
        for address in (url, other):
            with psycopg.connect(address, autocommit=True) as conn:
                conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.a (n int)")
    done = cli("migrate", "--dry-run")
    psql(other, done.stdout)
    vuelo.migrate(project)
    assert state(other) == state(url)


def test_what_would_refuse_the_run_refuses_the_dry_run(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": {"V1__a.sql": "SELECT 1;\nVACUUM;"}})
    assert (
        "a statement that cannot run in a transaction stands beside one that should"
        in cli("migrate", "--dry-run").stderr
    )
    make_project({"shop": {"V1__b.sql": "SELECT 1;"}})
    assert cli("migrate", "--dry-run").returncode == 1


def test_text_arrives_in_a_database_of_another_encoding(
    make_project: MakeProject, cli: Cli, new_database: Callable[..., str]
) -> None:
    latin = "TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc"
    make_project(
        {"shop": {"V1__a.sql": "CREATE TABLE a AS SELECT 'ñandú'::text AS v;"}}, address=(url := new_database(latin))
    )
    psql(url, cli("migrate", "--dry-run").stdout)
    with psycopg.connect(url, client_encoding="UTF8") as conn:
        assert conn.execute("SELECT v, octet_length(v) FROM shop.a").fetchall() == [("ñandú", 5)]
