"""Migrations without a transaction, locks that are waited for, groups, and what a run leaves when it is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

import vuelo
from vuelo import executor
from vuelo.errors import ScriptError, VueloError
from vuelo.repairing import repair
from vuelo.session import Run

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
VUELO = Path(sys.executable).with_name("vuelo")
TABLE = "CREATE TABLE t (n int);\nINSERT INTO t SELECT generate_series(1, 1000);\n"
INDEX = "CREATE INDEX CONCURRENTLY t_n ON t (n);"


def failure(project: vuelo.Project, **changed: Any) -> VueloError:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project, **changed)
    [result] = caught.value.results
    assert result.error is not None
    return result.error


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    """Version, or description, and success."""
    query = """SELECT coalesce(version, description), success FROM shop.flyway_schema_history
                WHERE type <> 'SCHEMA' ORDER BY installed_rank"""
    return conn.execute(query).fetchall()


def log(conn: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT script, statements, last_line, last_statement, duration_ms IS NULL FROM shop.vuelo_log ORDER BY id"
    return conn.execute(query).fetchall()


def indexes(conn: Connection) -> list[tuple[str, bool]]:
    query = """SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                WHERE i.indrelid = 'shop.t'::regclass ORDER BY 1"""
    return conn.execute(query).fetchall()


def until(conn: Connection, query: str, timeout_s: float = 30) -> None:
    """Wait for a query to give a row."""
    deadline = time.monotonic() + timeout_s
    while conn.execute(query.encode()).fetchone() is None:
        assert time.monotonic() < deadline, f"this did not happen in {timeout_s} s: {query}"
        time.sleep(0.02)


RUNS = """SELECT FROM pg_stat_activity
           WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE """


@pytest.mark.parametrize(
    "script",
    [INDEX, "VACUUM t; VACUUM ANALYZE t;", "SET maintenance_work_mem = '8MB';\n" + INDEX, "-- why\n\n/* so */ " + INDEX,
     "REINDEX TABLE CONCURRENTLY t;", "CALL in_steps(); CALL shop.in_steps();",
     "DO $$BEGIN INSERT INTO t VALUES (1); COMMIT; END$$;",
     "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;", "ALTER TYPE e ADD VALUE 'two';",
     "ALTER SYSTEM RESET work_mem;"],
)  # fmt: skip
def test_what_cannot_run_in_a_transaction_runs_without_one(
    make_project: MakeProject, conn: Connection, script: str
) -> None:
    before = f"""{TABLE} CREATE TYPE e AS ENUM ('one');
        CREATE TABLE p (n int) PARTITION BY LIST (n); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
        CREATE PROCEDURE in_steps() LANGUAGE plpgsql AS 'BEGIN INSERT INTO t VALUES (1); COMMIT; END';
        CREATE PROCEDURE in_steps(n int) LANGUAGE plpgsql AS 'BEGIN COMMIT; END';"""
    [result] = vuelo.migrate(make_project({"shop": {"V1__a.sql": before, "V2__b.sql": script}}))
    assert [step.version for step in result.steps] == ["1", "2"]
    assert rows(conn) == [("1", True), ("2", True)]
    assert log(conn)[-1][4] is False


def test_a_new_enum_value_beside_other_statements_runs_in_a_transaction(
    make_project: MakeProject, conn: Connection
) -> None:
    script = "ALTER TYPE e ADD VALUE 'two'; SELECT 1/0;"
    failure(make_project({"shop": {"V1__a.sql": "CREATE TYPE e AS ENUM ('one');", "V2__b.sql": script}}))
    assert conn.execute("SELECT enum_range(NULL::shop.e)::text").fetchall() == [("{one}",)]


def test_a_procedure_of_the_same_script_that_commits_gets_a_hint(make_project: MakeProject) -> None:
    script = "CREATE PROCEDURE p() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; CALL p();"
    error = failure(make_project({"shop": {"V1__a.sql": script}}))
    assert isinstance(error, ScriptError)
    assert error.sqlstate == "2D000"
    assert error.hint is not None
    assert "executeInTransaction=false" in error.hint


@pytest.mark.parametrize("script", [f"SELECT nextval('s');\n{INDEX}", f"{INDEX}\nSELECT nextval('s');"])
def test_mixing_is_refused_naming_the_line_before_anything_ran(
    make_project: MakeProject, conn: Connection, script: str
) -> None:
    error = failure(make_project({"shop": {"V1__a.sql": TABLE + "CREATE SEQUENCE s;", "V2__b.sql": script}}))
    assert isinstance(error, ScriptError)
    assert error.code == "script.mixed"
    assert error.place is not None
    assert error.place.line == 2
    assert conn.execute("SELECT is_called FROM shop.s").fetchall() == [(False,)]
    assert indexes(conn) == []
    assert rows(conn) == [("1", True)]


def test_mixed_runs_the_whole_script_without_a_transaction(make_project: MakeProject, conn: Connection) -> None:
    files = {"V1__a.sql": TABLE, "V2__b.sql": f"CREATE TABLE u ();\n{INDEX}\nSELECT 1/0;"}
    error = failure(make_project({"shop": files}, "mixed = true"))
    assert error.hint is not None
    assert "its first 2 statements are done" in error.hint
    assert rows(conn) == [("1", True), ("2", False)]
    assert indexes(conn) == [("t_n", True)]
    assert log(conn)[-1] == ("V2__b.sql", 2, 2, INDEX.removesuffix(";"), True)
    assert conn.execute("SELECT to_regclass('shop.u') IS NOT NULL").fetchall() == [(True,)]


def test_a_first_statement_that_fails_leaves_no_row_and_no_invalid_index(
    make_project: MakeProject, conn: Connection
) -> None:
    files = {"V1__a.sql": f"{TABLE} INSERT INTO t VALUES (7);", "V2__b.sql": INDEX.replace("INDEX", "UNIQUE INDEX")}
    told: list[str] = []
    project = make_project({"shop": files})
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project, tell=lambda service, text: told.append(text))
    error = caught.value.results[0].error
    assert isinstance(error, ScriptError)
    assert (error.sqlstate, error.detail) == ("23505", "Key (n)=(7) is duplicated.")
    assert (rows(conn), indexes(conn), len(log(conn))) == ([("1", True)], [], 1)
    assert told == ["dropped the invalid index t_n, left by a build that failed"]
    conn.execute("DELETE FROM shop.t WHERE n = 7")
    vuelo.migrate(project)
    assert (rows(conn), indexes(conn)) == ([("1", True), ("2", True)], [("t_n", True)])


@pytest.mark.parametrize("third", ["SELECT pg_sleep(600)", "VACUUM FULL t"])
def test_a_killed_run_shows_as_failed_with_the_last_statement_known_until_it_is_repaired(
    make_project: MakeProject, conn: Connection, third: str
) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE}}, "mixed = true")
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": f"{INDEX}\n\nVACUUM t;\n{third};\nSELECT 2;"}}, "mixed = true")
    with psycopg.connect(conn.info.dsn) as reader:
        reader.execute("SELECT * FROM shop.t LIMIT 1")  # in the way of VACUUM FULL alone
        with subprocess.Popen([VUELO, "migrate"], cwd=project.base, stderr=subprocess.DEVNULL) as process:
            until(conn, f"{RUNS} '{third}'")
            os.kill(process.pid, signal.SIGKILL)
    assert rows(conn) == [("1", True), ("2", False)]
    assert log(conn)[-1] == ("V2__b.sql", 2, 3, "VACUUM t", True)
    conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vuelo shop'")
    plan = vuelo.info(project)["shop"]
    assert [entry.state for entry in plan.entries if entry.row and entry.row.version_text == "2"] == [
        vuelo.State.FAILED
    ]
    assert failure(project).code == "validate.failed"
    repair(project)
    assert rows(conn) == [("1", True)]
    conn.execute("DROP INDEX shop.t_n")
    make_project({"shop": {"V2__b.sql": INDEX}})
    vuelo.migrate(project)
    assert rows(conn) == [("1", True), ("2", True)]


def test_an_invalid_index_of_a_killed_build_is_dropped_and_built_again(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE}})
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": INDEX}})
    with psycopg.connect(conn.info.dsn) as reader:
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT * FROM shop.t")
        with subprocess.Popen([VUELO, "migrate"], cwd=project.base, stderr=subprocess.DEVNULL) as process:
            until(conn, RUNS + "'CREATE INDEX%' AND wait_event_type = 'Lock'")
            os.kill(process.pid, signal.SIGKILL)
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vuelo shop'")
        until(conn, "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'vuelo shop')")
    assert (rows(conn), indexes(conn)) == ([("1", True), ("2", False)], [("t_n", False)])
    repair(project)
    vuelo.migrate(project)
    assert (rows(conn), indexes(conn)) == ([("1", True), ("2", True)], [("t_n", True)])


def test_a_concurrent_index_waits_for_a_reader_and_holds_up_nobody_nor_a_second_runner(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE}}, 'lock_timeout = "100ms"')
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": INDEX}}, 'lock_timeout = "100ms"')
    with psycopg.connect(conn.info.dsn) as reader, ThreadPoolExecutor() as pool:
        reader.isolation_level = IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT * FROM shop.t")
        runners = [pool.submit(vuelo.migrate, project) for _ in range(2)]
        until(conn, RUNS + "'CREATE INDEX%' AND wait_event_type = 'Lock'")
        time.sleep(0.5)  # longer than lock_timeout
        assert not any(runner.done() for runner in runners)
        conn.execute("INSERT INTO shop.t VALUES (1)")  # writers go on
        reader.rollback()
        steps = [runner.result(timeout=30)[0].steps for runner in runners]
    assert sorted(len(one) for one in steps) == [0, 1]
    assert (rows(conn), indexes(conn)) == ([("1", True), ("2", True)], [("t_n", True)])


def test_somebody_else_s_build_is_left_alone(make_project: MakeProject, conn: Connection) -> None:
    """It looks invalid until it is done; a script that fails meanwhile cleans up after itself only."""
    project = make_project({"shop": {"V1__a.sql": TABLE}})
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": "VACUUM t;\nSELECT pg_sleep(600);"}}, "mixed = true")
    with (
        psycopg.connect(conn.info.dsn) as reader,
        psycopg.connect(conn.info.dsn, autocommit=True) as other,
        ThreadPoolExecutor() as pool,
    ):
        run = pool.submit(failure, vuelo.Project.load(project.base / "vuelo.toml"))
        until(conn, RUNS + "'SELECT pg_sleep%'")
        reader.execute("SELECT * FROM shop.t")
        build = pool.submit(other.execute, "CREATE INDEX CONCURRENTLY theirs ON shop.t (n)")
        until(conn, RUNS + "'CREATE INDEX%' AND wait_event_type = 'Lock'")
        conn.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
        run.result(timeout=30)
        reader.rollback()
        build.result(timeout=30)
    assert indexes(conn) == [("theirs", True)]


def test_a_lock_is_tried_for_again_until_it_is_free_while_readers_go_on(
    make_project: MakeProject, conn: Connection
) -> None:
    settings = 'lock_timeout = "100ms"\nlock_retries = 50'
    project = make_project({"shop": {"V1__a.sql": TABLE}}, settings)
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": "ALTER TABLE t ADD m int;"}}, settings)
    told: list[str] = []
    longest_s = 0.0
    with psycopg.connect(conn.info.dsn) as reader, ThreadPoolExecutor() as pool:
        reader.execute("SELECT * FROM shop.t")
        run = pool.submit(vuelo.migrate, project, tell=lambda service, text: told.append(text))
        end = time.monotonic() + 2
        while time.monotonic() < end:
            started = time.monotonic()
            conn.execute("SELECT count(*) FROM shop.t")
            longest_s = max(longest_s, time.monotonic() - started)
        reader.rollback()
        assert len(run.result(timeout=30)[0].steps) == 1
    assert longest_s < 1
    assert any(text.startswith("V2__b.sql met a lock that others hold; try 1 of 50 again in 0.") for text in told)


def test_retries_end(make_project: MakeProject, conn: Connection) -> None:
    settings = 'lock_timeout = "50ms"\nlock_retries = 2'
    project = make_project({"shop": {"V1__a.sql": TABLE}}, settings)
    vuelo.migrate(project)
    make_project({"shop": {"V2__b.sql": "ALTER TABLE t ADD m int;"}}, settings)
    told: list[str] = []
    with psycopg.connect(conn.info.dsn) as reader:
        reader.execute("SELECT * FROM shop.t")
        with pytest.raises(vuelo.RunFailedError):
            vuelo.migrate(project, tell=lambda service, text: told.append(text))
    assert len([text for text in told if "met a lock" in text]) == 2
    assert rows(conn) == [("1", True)]


def test_a_run_can_be_stopped_between_two_tries(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE}}, 'lock_timeout = "50ms"')
    vuelo.migrate(project)
    [service] = make_project({"shop": {"V2__b.sql": "ALTER TABLE t ADD m int;"}}, 'lock_timeout = "50ms"').services
    stop = Event()
    with psycopg.connect(conn.info.dsn) as reader:
        reader.execute("SELECT * FROM shop.t")
        run = Run(stop=stop, tell=lambda service, text: stop.set())
        with pytest.raises(VueloError) as caught:
            list(executor.migrate(service, run))
    assert caught.value.code == "interrupted"


def test_a_group_is_all_or_nothing(make_project: MakeProject, conn: Connection) -> None:
    files = {"V1__a.sql": TABLE, "V2__b.sql": "SELECT 1/0;", "R__c.sql": "SELECT 1;"}
    failure(make_project({"shop": files}, "group = true"))
    assert rows(conn) == []
    vuelo.migrate(make_project({"shop": {"V2__b.sql": "SELECT 1;"}}, "group = true"))
    assert rows(conn) == [("1", True), ("2", True), ("c", True)]
    [same] = conn.execute("SELECT count(DISTINCT installed_on) FROM shop.flyway_schema_history WHERE version <> ''")
    assert same == (1,)  # now() of one transaction


def test_a_group_with_a_script_that_can_have_no_transaction_is_refused(
    make_project: MakeProject, conn: Connection
) -> None:
    error = failure(make_project({"shop": {"V1__a.sql": TABLE, "V2__b.sql": INDEX}}), group=True)
    assert (error.code, rows(conn)) == ("group.no_transaction", [])


def test_skipping_execution_writes_rows_alone(make_project: MakeProject, conn: Connection) -> None:
    files = {"V1__a.sql": "SELECT 1/0;", "V2__b.sql": "VACUUM; SELECT 1;", "R__c.sql": "SELEC"}
    vuelo.migrate(make_project({"shop": files}), skip_executing_migrations=True)
    assert rows(conn) == [("1", True), ("2", True), ("c", True)]


def test_an_undo_without_a_transaction(make_project: MakeProject, conn: Connection) -> None:
    files = {"V1__a.sql": TABLE, "V2__b.sql": INDEX, "U2__b.sql": "DROP INDEX CONCURRENTLY t_n;"}
    project = make_project({"shop": files})
    vuelo.migrate(project)
    [result] = vuelo.undo(project)
    assert [step.version for step in result.steps] == ["2"]
    assert indexes(conn) == []
    types = conn.execute("SELECT version, type FROM shop.flyway_schema_history ORDER BY installed_rank").fetchall()
    assert types == [(None, "SCHEMA"), ("1", "SQL"), ("2", "SQL"), ("2", "DELETE")]
    states = [(entry.state, entry.row is not None) for entry in vuelo.info(project)["shop"].entries]
    assert (vuelo.State.UNDONE, True) in states
    vuelo.migrate(project)
    assert indexes(conn) == [("t_n", True)]


def test_an_undo_without_a_transaction_that_fails_leaves_the_migration_standing(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE, "U1__a.sql": "DROP INDEX CONCURRENTLY nope;"}})
    vuelo.migrate(project)
    with suppress(vuelo.RunFailedError):
        vuelo.undo(project)
    assert rows(conn) == [("1", True)]
    assert len(log(conn)) == 1
