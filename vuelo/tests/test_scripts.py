"""Statements sent ahead of their answers: what failed is named all the same, and nothing after it has run."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import ScriptError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]

MANY = 300  # more than are sent before the answers are awaited


def failure_of(project: vuelo.Project) -> ScriptError:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    error = caught.value.results[0].error
    assert isinstance(error, ScriptError)
    return error


@pytest.mark.parametrize("bad", [1, 2, 63, 64, 65, 200, MANY])
@pytest.mark.parametrize(
    ("statement", "sqlstate", "column"),
    [("INSERT INTO t VALUES (0 / (n - n)) FROM t", "42601", 36), ("INSERT  INTO  nowhere VALUES (1)", "42P01", 15),
     ("SELECT 1 / count(*) FROM nothing", "22012", 1)],
)  # fmt: skip
def test_the_statement_that_failed_is_the_one_that_is_named(
    make_project: MakeProject, bad: int, statement: str, sqlstate: str, column: int
) -> None:
    lines = ["CREATE TABLE t (n int); CREATE TABLE nothing ();", *(f"INSERT INTO t VALUES ({n});" for n in range(MANY))]
    lines[bad] = f"{statement};"
    error = failure_of(make_project({"shop": {"V1__many.sql": "\n".join(lines)}}))
    assert error.sqlstate == sqlstate
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.source) == (bad + 1, column, f"{statement};")


def test_an_error_of_the_database_comes_before_a_later_one_of_the_text(make_project: MakeProject) -> None:
    script = "SELECT 1;\nSELECT nonsense;\nSELECT 2;\nSELECT 'never ends;\n"
    error = failure_of(make_project({"shop": {"V1__two_mistakes.sql": script}}))
    assert (error.sqlstate, error.place and error.place.line) == ("42703", 2)


@pytest.mark.parametrize("more", ["", "SELECT 'unended"])
def test_a_failure_is_told_once_and_by_us_alone(
    make_project: MakeProject, caplog: pytest.LogCaptureFixture, more: str
) -> None:
    error = failure_of(
        make_project({"shop": {"V1__a.sql": f"CREATE TABLE a (); DROP TABLE b; CREATE TABLE c ();{more}"}})
    )
    assert 'table "b" does not exist' in error.message
    assert caplog.records == []


def test_an_error_of_the_text_is_told_when_what_stands_before_it_is_right(make_project: MakeProject) -> None:
    error = failure_of(make_project({"shop": {"V1__open.sql": "SELECT 1;\nSELECT 'never ends;\n"}}))
    assert (error.code, error.place and error.place.line) == ("script.unreadable", 2)


def test_data_between_statements_find_what_was_sent_before_them(make_project: MakeProject, conn: Connection) -> None:
    script = "".join(
        f"CREATE TABLE t{n} (v text);\nCOPY t{n} FROM stdin;\nrow {n}\n\\.\nUPDATE t{n} SET v = v || ';';\n"
        f"COPY t{n} TO stdout;\n"
        for n in range(80)
    )
    vuelo.migrate(make_project({"shop": {"V1__mixed.sql": script}}))
    for n in range(80):
        assert conn.execute(f"SELECT v FROM shop.t{n}".encode()).fetchall() == [(f"row {n};",)]


def test_what_a_placeholder_brought_does_not_move_the_place(make_project: MakeProject) -> None:
    settings = '[placeholders]\nheader = """-- one\n-- two\n"""'
    script = "${header}SELECT 1;\nSELECT 2,\n  nonsense;\n"
    error = failure_of(make_project({"shop": {"V1__header.sql": script}}, settings))
    assert error.place is not None
    assert (error.place.line, error.place.column, error.place.source) == (3, 3, "  nonsense;")


def test_a_migration_may_change_its_session_in_every_way_and_is_recorded(
    make_project: MakeProject, history: Callable[..., list[tuple[Any, ...]]]
) -> None:
    script = "SET synchronous_commit = on; SET search_path = pg_catalog; SET statement_timeout = '1ms'; RESET ALL;"
    vuelo.migrate(make_project({"shop": {"V1__odd.sql": script, "V2__next.sql": "CREATE TABLE here (n int);"}}))
    assert [row[1] for row in history()] == [None, "1", "2"]


def test_after_a_run_its_commits_are_on_disk(make_project: MakeProject, conn: Connection) -> None:
    """No commit waits by itself; before the run ends the log is written up to all of them."""
    conn.execute(f"ALTER DATABASE {conn.info.dbname} SET synchronous_commit = on".encode())  # off for other tests
    files = {f"V{n}__t.sql": f"CREATE TABLE t{n} (v int);" for n in range(1, 6)}
    vuelo.migrate(make_project({"shop": files}))
    unwritten = conn.execute("SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn()").fetchone()
    assert unwritten is not None
    assert unwritten[0] < 1000  # a table alone is several times that


@pytest.mark.parametrize(
    ("script", "more"),
    [
        (b"vac${rest} t;", {}),
        (b"create index ${how} i on t (n);", {}),
        ("VACUUM t;".encode("utf-16"), {"V2__b.sql.conf": "encoding=UTF-16"}),
    ],
)
def test_a_script_is_known_to_need_no_transaction_by_what_is_sent(
    make_project: MakeProject, script: bytes, more: dict[str, str]
) -> None:
    files = {"V1__a.sql": "CREATE TABLE t (n int);", "V2__b.sql": script, **more}
    settings = '[placeholders]\nrest = "uum"\nhow = "concurrently"'
    [result] = vuelo.migrate(make_project({"shop": files}, settings))
    assert [step.version for step in result.steps] == ["1", "2"]


def test_results_are_not_kept(make_project: MakeProject) -> None:
    """The process stays far below what the rows of all the queries together take."""
    rows = "SELECT repeat('x', 1000) FROM generate_series(1, 100000);\n"
    script = rows + "WITH w AS (SELECT 1)\n" + rows + "VALUES (1);\n" + rows + rows
    project = make_project({"shop": {"V1__many_rows.sql": script}})
    code = (
        "import pathlib, vuelo; vuelo.migrate(vuelo.Project.load(pathlib.Path('vuelo.toml')));"
        # Not getrusage: its peak begins with that of the process that started this one.
        "print(pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.base, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 300_000  # KiB; one result takes 110,000


def test_what_a_script_raises_is_told(make_project: MakeProject) -> None:
    script = "DO $$BEGIN RAISE NOTICE 'half way'; RAISE WARNING 'odd % rows', 3; END$$; DROP TABLE IF EXISTS nothing;"
    told: list[tuple[str, str]] = []
    project = make_project({"shop": {"V1__a.sql": script}})
    vuelo.migrate(project, tell=lambda service, text: told.append((service, text)))
    assert told == [
        ("shop", "V1__a.sql: NOTICE: half way"),
        ("shop", "V1__a.sql: WARNING: odd 3 rows"),
        ("shop", 'V1__a.sql: NOTICE: table "nothing" does not exist, skipping'),
    ]


def test_strings_end_where_the_splitter_sees_it_whatever_the_database_is_set_to(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute(f"ALTER DATABASE {conn.info.dbname} SET standard_conforming_strings = off".encode())
    script = r"CREATE TABLE t AS SELECT 'a\' AS v; INSERT INTO t VALUES ('; x');"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}))
    assert conn.execute("SELECT v FROM shop.t").fetchall() == [("a\\",), ("; x",)]
