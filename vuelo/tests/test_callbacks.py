"""Callbacks: in which transaction they run, what a failing one does, where they are found; their order is Flyway's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import ScriptError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
TELL = "INSERT INTO public.seen (what) VALUES ('{}')"


@pytest.fixture(autouse=True)
def _seen(conn: Connection) -> None:
    conn.execute(
        """CREATE TABLE public.seen (what text, n int GENERATED ALWAYS AS IDENTITY,
                                     at xid8 DEFAULT pg_current_xact_id(),
                                     path text DEFAULT current_setting('search_path'), who text DEFAULT current_user)"""
    )


def telling(*events: str) -> dict[str, str]:
    return {f"{event}.sql": TELL.format(event) for event in events}


def seen(conn: Connection) -> list[str]:
    return [what for [what] in conn.execute("SELECT what FROM public.seen ORDER BY n")]


def error_of(project: vuelo.Project) -> ScriptError:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    [result] = caught.value.results
    assert isinstance(result.error, ScriptError)
    return result.error


def test_those_of_a_migration_share_its_transaction_and_those_of_the_run_have_their_own(
    make_project: MakeProject, conn: Connection
) -> None:
    events = ("beforeMigrate", "beforeEachMigrate", "beforeEachMigrateStatement", "afterEachMigrate", "afterMigrate")
    vuelo.migrate(make_project({"shop": {"V1__a.sql": TELL.format("V1"), **telling(*events)}}))
    assert seen(conn) == [
        "beforeMigrate",
        "beforeEachMigrate",
        "beforeEachMigrateStatement",
        "V1",
        "afterEachMigrate",
        "afterMigrate",
    ]
    transactions = [at for [at] in conn.execute("SELECT at FROM public.seen ORDER BY n")]
    assert len(set(transactions[1:5])) == 1
    assert len(set(transactions)) == 3
    assert conn.execute("SELECT DISTINCT path FROM public.seen").fetchall() == [('shop, "$user", public',)]


def test_several_of_one_event_run_by_description(make_project: MakeProject, conn: Connection) -> None:
    files = telling("afterMigrate__b", "afterMigrate__a", "afterMigrate")
    vuelo.migrate(make_project({"shop": files}))
    assert seen(conn) == ["afterMigrate", "afterMigrate__a", "afterMigrate__b"]


@pytest.mark.parametrize("event", ["beforeEachMigrate", "afterEachMigrate", "afterEachMigrateStatement"])
def test_one_that_fails_takes_its_migration_back(
    make_project: MakeProject, conn: Connection, tmp_path: Path, event: str
) -> None:
    files = {
        "V1__a.sql": "CREATE TABLE a ();",
        f"{event}.sql": "SELECT 1;\nSELECT nope;",
        **telling("afterMigrateError"),
    }
    error = error_of(make_project({"shop": files}))
    assert (error.path, error.place and error.place.line) == (tmp_path / "shop" / f"{event}.sql", 2)
    assert conn.execute("SELECT to_regclass('shop.a')").fetchone() == (None,)
    assert conn.execute("SELECT count(*) FROM shop.flyway_schema_history WHERE type = 'SQL'").fetchone() == (0,)
    assert seen(conn) == ["afterMigrateError"]


def test_one_that_fails_after_an_error_is_told_and_hides_nothing(make_project: MakeProject) -> None:
    told: list[str] = []
    project = make_project({"shop": {"V1__a.sql": "SELECT 1/0;", "afterMigrateError.sql": "SELECT nope;"}})
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project, tell=lambda service, text: told.append(text))
    error = caught.value.results[0].error
    assert error is not None
    assert error.message == "division by zero"
    [text] = [text for text in told if "afterMigrateError failed too" in text]
    assert 'column "nope" does not exist' in text


def test_what_a_callback_sets_reaches_neither_migration_nor_history(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("DROP ROLE IF EXISTS callback_role; CREATE ROLE callback_role")
    files = {
        "V1__a.sql": TELL.format("V1"),
        "V2__b.sql": TELL.format("V2"),
        "beforeMigrate.sql": "SET ROLE callback_role",
        "afterEachMigrate.sql": "SET ROLE callback_role",
    }
    vuelo.migrate(make_project({"shop": files}))
    assert conn.execute("SELECT what, who FROM public.seen").fetchall() == [("V1", "postgres"), ("V2", "postgres")]
    assert conn.execute("SELECT DISTINCT installed_by FROM shop.flyway_schema_history").fetchall() == [("postgres",)]
    conn.execute("DROP ROLE callback_role")


def test_undo_has_events_of_its_own(make_project: MakeProject, conn: Connection) -> None:
    events = [f"{when}{what}" for what in ("Undo", "EachUndo", "EachUndoStatement") for when in ("before", "after")]
    files = {"V1__a.sql": "SELECT 1;", "U1__a.sql": TELL.format("U1"), **telling(*events, "afterUndoOperationFinish")}
    project = make_project({"shop": files})
    vuelo.migrate(project)
    vuelo.undo(project)
    expected = ["beforeUndo", "beforeEachUndo", "beforeEachUndoStatement", "U1", "afterEachUndoStatement",
                "afterEachUndo", "afterUndo", "afterUndoOperationFinish"]  # fmt: skip
    assert seen(conn) == expected


def test_an_undo_that_fails_has_events_too(make_project: MakeProject, conn: Connection) -> None:
    files = {
        "V1__a.sql": "SELECT 1;",
        "U1__a.sql": "SELECT 1/0;",
        **telling("afterEachUndoError", "afterUndoError", "afterUndo"),
    }
    project = make_project({"shop": files})
    vuelo.migrate(project)
    with pytest.raises(vuelo.RunFailedError):
        vuelo.undo(project)
    assert seen(conn) == ["afterEachUndoError", "afterUndoError"]


def test_a_callback_may_have_a_conf(make_project: MakeProject, conn: Connection) -> None:
    files: dict[str, str | bytes] = {
        "beforeMigrate__a.sql": "INSERT INTO public.seen (what) VALUES ('ñ ${who}')".encode("latin-1"),
        "beforeMigrate__a.sql.conf": "encoding=latin-1\nplaceholders.who=me",
        "beforeMigrate__b.sql": TELL.format("${raw}"),
        "beforeMigrate__b.sql.conf": "placeholderReplacement=false",
        "beforeMigrate__c.sql": TELL.format("never"),
        "beforeMigrate__c.sql.conf": "shouldExecute=false",
        "afterMigrate.sql": "VACUUM public.seen;",
        "V1__a.sql": "SELECT 1;",
    }
    vuelo.migrate(make_project({"shop": files}))
    assert seen(conn) == ["ñ me", "${raw}"]


def test_folders_of_callbacks_alone_and_none_at_all(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "afterMigrate.sql").write_text(TELL.format("calls"))
    (tmp_path / "calls" / "V9__no.sql").write_text("SELECT 1/0;")
    files = {"V1__a.sql": "SELECT 1;", **telling("beforeMigrate")}
    project = make_project({"shop": files}, 'callback_locations = ["calls"]')
    vuelo.migrate(project)
    assert seen(conn) == ["beforeMigrate", "calls"]
    [service] = project.services
    quiet = replace(service, settings=replace(service.settings, skip_default_callbacks=True))
    vuelo.migrate(replace(project, services=(quiet,)))
    assert seen(conn) == ["beforeMigrate", "calls"]


@pytest.mark.parametrize("suffix", [".pg.sql", "-run"])
def test_names_follow_the_project_s_own(make_project: MakeProject, conn: Connection, suffix: str) -> None:
    files = {f"V1-a{suffix}": "SELECT 1;", f"afterMigrate-told{suffix}": TELL.format("called")}
    settings = f'sql_migration_separator = "-"\nsql_migration_suffixes = ["{suffix}"]'
    vuelo.migrate(make_project({"shop": files}, settings))
    assert seen(conn) == ["called"]
    query = "SELECT version, description FROM shop.flyway_schema_history WHERE type = 'SQL'"
    assert conn.execute(query).fetchall() == [("1", "a")]


def test_one_with_a_transaction_of_its_own_is_tried_again_when_it_meets_a_lock(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("CREATE TABLE public.held ()")
    files = {"V1__a.sql": "SELECT 1;", "beforeMigrate.sql": "ALTER TABLE public.held ADD m int;"}
    told: list[str] = []
    with psycopg.connect(conn.info.dsn) as reader:
        reader.execute("SELECT FROM public.held")

        def tell(_service: str, text: str) -> None:
            told.append(text)
            reader.rollback()

        vuelo.migrate(make_project({"shop": files}, 'lock_timeout = "50ms"'), tell=tell)
    assert [text.partition(";")[0] for text in told] == ["beforeMigrate.sql met a lock that others hold"]
