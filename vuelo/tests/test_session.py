"""What a session is given: init_sql, settings that one run needs, and how long a server is waited for."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo import executor
from vuelo.errors import VueloError
from vuelo.session import Run
from vuelo.settings import Phase

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]


def error_of(project: vuelo.Project, **changed: Any) -> VueloError:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project, **changed)
    [result] = caught.value.results
    assert result.error is not None
    return result.error


def test_init_sql_holds_in_every_migration_and_its_role_as_well(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("DROP ROLE IF EXISTS init_role; CREATE ROLE init_role; CREATE SCHEMA shop AUTHORIZATION init_role")
    script = "CREATE TABLE {} AS SELECT current_setting('x.y') AS x, current_user::text AS who; SET x.y = 'changed';"
    files = {"V1__a.sql": script.format("a"), "V2__b.sql": script.format("b")}
    vuelo.migrate(make_project({"shop": files}, "init_sql = \"SET x.y = 'first'; SET ROLE init_role\""))
    assert conn.execute("TABLE shop.a UNION ALL TABLE shop.b").fetchall() == [("first", "init_role")] * 2
    query = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'shop'"
    assert conn.execute(query).fetchall() == [("init_role",)]
    conn.execute("DROP OWNED BY init_role CASCADE; DROP ROLE init_role")


def test_init_sql_that_fails_is_told(make_project: MakeProject) -> None:
    assert error_of(make_project({"shop": {}}, 'init_sql = "SELECT 1/0"')).code == "connect.settings"


def test_installed_by_is_written(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "SELECT 1;"}}, 'installed_by = "the pipeline"'))
    query = "SELECT DISTINCT installed_by FROM shop.flyway_schema_history"
    assert conn.execute(query).fetchall() == [("the pipeline",)]


def test_a_server_that_comes_late_is_waited_for(make_project: MakeProject) -> None:
    """Something listens after a while, and answers with nonsense: it was tried again."""
    with socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        port = late.getsockname()[1]
        answered = Event()

        def answer() -> None:
            time.sleep(0.5)
            late.listen()
            for _ in range(2):
                late.accept()[0].close()
            answered.set()

        Thread(target=answer, daemon=True).start()
        settings = "connect_retries = 2\nconnect_retries_interval = 1"
        started = time.monotonic()
        error = error_of(
            make_project({"shop": {}}, settings, address=f"postgresql://x@127.0.0.1:{port}/x?sslmode=disable")
        )
        assert error.code == "connect.failed"
        assert answered.wait(5)
    assert 2 <= time.monotonic() - started < 20


def test_waiting_for_a_server_can_be_stopped(make_project: MakeProject) -> None:
    address = "postgresql://x@127.0.0.1:1/x"
    [service] = make_project({"shop": {}}, "connect_retries = 1000", address=address).services
    run = Run()
    Thread(target=lambda: (time.sleep(0.3), run.stop.set())).start()
    with pytest.raises(VueloError) as caught:
        list(executor.migrate(service, run))
    assert caught.value.code == "interrupted"


def test_contract_migrations_wait_for_their_phase_and_their_window(
    make_project: MakeProject, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        now_is = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return cls.now_is.astimezone(tz)

    monkeypatch.setattr(executor, "datetime", Clock)
    files = {"V1__a.sql": "CREATE TABLE a ();", "V2__b.sql": "-- vuelo: phase=contract\nDROP TABLE a;"}
    project = make_project({"shop": files}, 'maintenance_window = "Sun 02:00-04:30 UTC"')
    assert [step.version for step in vuelo.migrate(project)[0].steps] == ["1"]
    error = error_of(project, phase=Phase.CONTRACT)
    assert error.code == "migrate.window"
    assert error.hint is not None
    assert "2026-11-29 02:00" in error.hint
    assert conn.execute("SELECT to_regclass('shop.a') IS NOT NULL").fetchone() == (True,)
    Clock.now_is = datetime(2026, 11, 29, 3, tzinfo=UTC)
    assert [step.version for step in vuelo.migrate(project, phase=Phase.CONTRACT)[0].steps] == ["2"]


def test_placeholders_prefixes_and_names_of_a_project_s_own(make_project: MakeProject, conn: Connection) -> None:
    files = {
        "M1-a.pgsql": "CREATE TABLE a AS SELECT '<<who>> <<flyway_table>> ${who}' AS v;",
        "Z1-a.pgsql": "DROP TABLE a;",
        "E-v.pgsql": "CREATE OR REPLACE VIEW v AS SELECT 1 AS n;",
    }
    settings = """sql_migration_prefix = "M"
undo_sql_migration_prefix = "Z"
repeatable_sql_migration_prefix = "E"
sql_migration_separator = "-"
sql_migration_suffixes = [".pgsql"]
placeholder_prefix = "<<"
placeholder_suffix = ">>"
placeholder_separator = "_"
[placeholders]
who = "me"
"""
    project = make_project({"shop": files}, settings)
    vuelo.migrate(project)
    assert conn.execute("SELECT v FROM shop.a").fetchall() == [("me flyway_schema_history ${who}",)]
    assert [step.script for step in vuelo.undo(project)[0].steps] == ["Z1-a.pgsql"]
