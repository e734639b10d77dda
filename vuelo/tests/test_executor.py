"""One service's run: what a migration may contain, that it is whole or not at all, and what an error says."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo import executor
from vuelo.errors import ScriptError, VueloError
from vuelo.session import Run

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
History = Callable[..., list[tuple[Any, ...]]]


def failure(project: vuelo.Project) -> VueloError:
    """The error of the only service; the run has to fail."""
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    [result] = caught.value.results
    assert result.error is not None
    return result.error


def script_failure(project: vuelo.Project) -> ScriptError:
    error = failure(project)
    assert isinstance(error, ScriptError)
    return error


def place(error: ScriptError) -> tuple[int, int, str]:
    assert error.place is not None
    return error.place.line, error.place.column, error.place.source


def tables(conn: Connection, schema: str = "shop") -> list[str]:
    query = """SELECT tablename FROM pg_tables WHERE schemaname = %s
                AND tablename NOT IN ('flyway_schema_history', 'vuelo_log') ORDER BY 1"""
    return [name for [name] in conn.execute(query, (schema,))]


def sessions(conn: Connection) -> int:
    """How many are left over; a server process takes a moment to go once its client has."""
    deadline = time.monotonic() + 10
    while True:
        row = conn.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'vuelo %'").fetchone()
        assert row is not None
        if row[0] == 0 or time.monotonic() > deadline:
            return row[0]
        time.sleep(0.02)


def test_versions_run_in_order_and_repeatables_after_them_by_description(
    make_project: MakeProject, conn: Connection
) -> None:
    files = {f"{name}.sql": f"INSERT INTO public.seen VALUES ('{name}');" for name in
             ("R__b", "V10__x", "V2__x", "V1_10__x", "V1_9__x", "R__a", "V20261122103000__x")}  # fmt: skip
    conn.execute("CREATE TABLE public.seen (name text, n int GENERATED ALWAYS AS IDENTITY)")
    [result] = vuelo.migrate(make_project({"shop": files}))
    expected = ["V1_9__x", "V1_10__x", "V2__x", "V10__x", "V20261122103000__x", "R__a", "R__b"]
    assert [name for [name] in conn.execute("SELECT name FROM public.seen ORDER BY n")] == expected
    assert [step.script for step in result.steps] == [f"{name}.sql" for name in expected]


def test_a_second_run_finds_nothing_to_do(make_project: MakeProject) -> None:
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();", "R__b.sql": "SELECT 1;"}})
    assert len(vuelo.migrate(project)[0].steps) == 2
    assert vuelo.migrate(project)[0].steps == ()


def test_a_changed_repeatable_runs_again_an_unchanged_one_does_not(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE TABLE public.seen (name text)")
    files = {"R__a.sql": "INSERT INTO public.seen VALUES ('a');", "R__b.sql": "INSERT INTO public.seen VALUES ('b');"}
    vuelo.migrate(make_project({"shop": files}))
    vuelo.migrate(make_project({"shop": {"R__b.sql": "INSERT INTO public.seen VALUES ('b2');"}}))
    assert [name for [name] in conn.execute("SELECT name FROM public.seen ORDER BY 1")] == ["a", "b", "b2"]


def test_a_repeatable_runs_again_when_a_placeholder_in_it_gets_another_value(make_project: MakeProject) -> None:
    files = {"shop": {"R__a.sql": "SELECT '${who}';", "R__b.sql": "SELECT 1;"}}
    vuelo.migrate(make_project(files, '[placeholders]\nwho = "me"'))
    [result] = vuelo.migrate(make_project(files, '[placeholders]\nwho = "you"'))
    assert [step.script for step in result.steps] == ["R__a.sql"]


@pytest.mark.parametrize("last", ["SELECT 1/0;", "SELEC 1;", "SELECT 'open", "COMMIT;", "SELECT ${nope};", "\\d"])
def test_a_failed_migration_leaves_nothing_behind_and_the_ones_before_it_stand(
    make_project: MakeProject, conn: Connection, history: History, last: str
) -> None:
    failing = f"CREATE TABLE b ();\nINSERT INTO a VALUES (1);\n{last}"
    error = failure(make_project({"shop": {"V1__a.sql": "CREATE TABLE a (n int);", "V2__b.sql": failing}}))
    assert error.code in ("script.failed", "script.unreadable", "script.transaction", "placeholder.unknown")
    assert tables(conn) == ["a"]
    assert conn.execute("SELECT * FROM shop.a").fetchall() == []
    assert [row[1] for row in history()] == [None, "1"]
    assert sessions(conn) == 0
    vuelo.migrate(make_project({"shop": {"V2__b.sql": "CREATE TABLE b ();"}}))
    assert tables(conn) == ["a", "b"]


def test_an_error_says_file_line_column_sqlstate_detail_hint_and_shows_the_line(
    make_project: MakeProject, tmp_path: Path
) -> None:
    script = "CREATE TABLE a (n int);\n\n  SELECT 1; SELECT 'é', nn FROM a; SELECT 2;\n"
    error = script_failure(make_project({"shop": {"V1__a.sql": script}}))
    assert error.path == tmp_path / "shop" / "V1__a.sql"
    assert place(error) == (3, 25, "  SELECT 1; SELECT 'é', nn FROM a; SELECT 2;")
    assert error.sqlstate == "42703"
    assert error.message == 'column "nn" does not exist'
    assert error.hint == 'Perhaps you meant to reference the column "a.n".'


def test_detail_and_context_of_the_database_are_passed_on(make_project: MakeProject) -> None:
    script = "CREATE TABLE a (n int PRIMARY KEY);\nDO $$\nBEGIN\n  INSERT INTO a VALUES (1), (1);\nEND $$;"
    error = script_failure(make_project({"shop": {"V1__a.sql": script}}))
    assert error.sqlstate == "23505"
    assert error.detail == "Key (n)=(1) already exists."
    assert error.context is not None
    assert "PL/pgSQL function inline_code_block line 3" in error.context
    assert place(error) == (2, 1, "DO $$")


def test_what_fails_at_the_commit_is_told_with_file_sqlstate_and_detail(
    make_project: MakeProject, conn: Connection, tmp_path: Path
) -> None:
    script = """CREATE TABLE a (n int PRIMARY KEY, up int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO a VALUES (1, 2);"""
    error = script_failure(make_project({"shop": {"V1__a.sql": script}}))
    assert (error.path, error.place, error.sqlstate) == (tmp_path / "shop" / "V1__a.sql", None, "23503")
    assert error.detail == 'Key (up)=(2) is not present in table "a".'
    assert tables(conn) == []


def test_what_fails_at_the_history_row_is_told_with_the_file(make_project: MakeProject, tmp_path: Path) -> None:
    script = "ALTER TABLE flyway_schema_history ADD CHECK (installed_rank < 1);"
    error = script_failure(make_project({"shop": {"V1__a.sql": script}}))
    assert (error.path, error.place, error.sqlstate) == (tmp_path / "shop" / "V1__a.sql", None, "23514")
    assert error.detail is not None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(make_project: MakeProject, end: str) -> None:
    script = end.join(["SELECT 1;", "", "SELECT", "  2,", "  nope", ";"])
    assert place(script_failure(make_project({"shop": {"V1__a.sql": script}}))) == (5, 3, "  nope")


def test_an_error_in_a_string_s_middle_line_after_a_placeholder_points_into_the_line_as_sent(
    make_project: MakeProject,
) -> None:
    settings = '[placeholders]\nwho = "somebody"'
    project = make_project({"shop": {"V1__a.sql": "\ufeffSELECT '${who}', nope;"}}, settings)
    assert place(script_failure(project)) == (1, 20, "SELECT 'somebody', nope;")


@pytest.mark.parametrize("head", ["COPY a FROM STDIN;", "COPY a\nFROM STDIN\n\n-- why\n;"])
def test_an_error_in_copied_data_points_to_its_line(make_project: MakeProject, head: str) -> None:
    data = "".join(f"{n}\n" for n in range(5000)) + "x\n" + "6\n" * 5000
    script = f"CREATE TABLE a (n int);\n{head}\n{data}\\.\n"
    error = script_failure(make_project({"shop": {"V1__a.sql": script}}))
    assert place(error) == (1 + len(head.split("\n")) + 5001, 1, "x")
    assert error.sqlstate == "22P02"


def test_a_migration_cannot_end_its_transaction_but_may_use_savepoints(
    make_project: MakeProject, conn: Connection
) -> None:
    script = """CREATE TABLE a (n int); SAVEPOINT s; INSERT INTO a VALUES (1); ROLLBACK /* only */ TO s;
        ROLLBACK WORK TO SAVEPOINT s; RELEASE s; INSERT INTO a VALUES (2);"""
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}))
    assert conn.execute("SELECT n FROM shop.a").fetchall() == [(2,)]


@pytest.mark.parametrize(
    "statement",
    ["BEGIN", "begin work", "COMMIT", "Commit and chain", "END", "ABORT", "START /* a */ TRANSACTION", "ROLLBACK",
     "ROLLBACK AND CHAIN", "ROLLBACK PREPARED 'x'", "PREPARE /* a */ TRANSACTION 'x'", "COMMIT PREPARED 'x'"],
)  # fmt: skip
def test_statements_that_end_the_transaction_are_refused(
    make_project: MakeProject, conn: Connection, statement: str
) -> None:
    error = script_failure(make_project({"shop": {"V1__a.sql": f"CREATE TABLE a ();\n  {statement};"}}))
    assert error.code == "script.transaction"
    assert place(error) == (2, 3, f"  {statement};")
    assert tables(conn) == []


def test_what_a_migration_sets_does_not_reach_the_next_one(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("DROP ROLE IF EXISTS vuelo_other")
    conn.execute("CREATE ROLE vuelo_other")
    first = """CREATE TABLE a (); SET search_path = ''; SET statement_timeout = '1ms'; SET lock_timeout = 0;
        SET ROLE vuelo_other; SET SESSION AUTHORIZATION vuelo_other;"""
    second = """CREATE TABLE b AS SELECT current_user::text AS who, session_user::text AS session,
        current_setting('search_path') AS path, current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock;"""
    project = make_project(
        {"shop": {"V1__a.sql": first, "V2__b.sql": second}}, 'lock_timeout = "3s"\nstatement_timeout = "5min"'
    )
    vuelo.migrate(project)
    expected = ("postgres", "postgres", 'shop, "$user", public', "5min", "3s")
    assert conn.execute("SELECT * FROM shop.b").fetchall() == [expected]
    conn.execute("DROP ROLE vuelo_other")


def test_without_settings_a_lock_is_waited_for_ten_seconds_and_statements_have_no_limit(
    make_project: MakeProject, conn: Connection
) -> None:
    script = "CREATE TABLE a AS SELECT current_setting('lock_timeout'), current_setting('statement_timeout') AS s"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}))
    assert conn.execute("SELECT * FROM shop.a").fetchall() == [("1s", "0")]


def test_a_lock_that_is_not_given_in_time_fails_the_migration(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}))
    project = make_project(
        {"shop": {"V2__b.sql": "ALTER TABLE a ADD b int;"}}, 'lock_timeout = "100ms"\nlock_retries = 1'
    )
    with conn.transaction():
        conn.execute("SELECT * FROM shop.a")
        error = script_failure(project)
    assert error.sqlstate == "55P03"
    assert len(vuelo.migrate(project)[0].steps) == 1


def test_a_statement_over_its_time_fails_the_migration(make_project: MakeProject) -> None:
    error = script_failure(make_project({"shop": {"V1__a.sql": "SELECT pg_sleep(60);"}}, 'statement_timeout = "50ms"'))
    assert error.sqlstate == "57014"


def test_objects_belong_to_the_service_s_role(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("DROP ROLE IF EXISTS vuelo_owner")
    conn.execute("CREATE ROLE vuelo_owner")
    conn.execute("CREATE SCHEMA shop AUTHORIZATION vuelo_owner")
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "CREATE TABLE a ();"}}, 'role = "vuelo_owner"'))
    owners = conn.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'shop'").fetchall()
    assert owners == [("vuelo_owner",)]
    assert conn.execute("SELECT DISTINCT installed_by FROM shop.flyway_schema_history").fetchall() == [("vuelo_owner",)]
    conn.execute("DROP OWNED BY vuelo_owner CASCADE")
    conn.execute("DROP ROLE vuelo_owner")


def test_a_role_that_does_not_exist_is_named(make_project: MakeProject) -> None:
    error = failure(make_project({"shop": {}}, 'role = "nobody_here"'))
    assert error.code == "connect.role"
    assert "nobody_here" in error.message


def test_a_setting_that_the_database_refuses_is_not_blamed_on_the_role(make_project: MakeProject) -> None:
    [service] = make_project({"shop": {}}, 'role = "postgres"').services
    with pytest.raises(VueloError, match='invalid value for parameter "lock_timeout"') as caught:
        list(executor.migrate(replace(service, lock_timeout="abc"), Run()))
    assert caught.value.code == "connect.settings"


def test_text_arrives_in_a_database_of_another_encoding(
    make_project: MakeProject, new_database: Callable[..., str]
) -> None:
    url = new_database("TEMPLATE template0 ENCODING latin1 LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
    script = "CREATE TABLE a (v text);\nINSERT INTO a VALUES ('ñandú');\nCOPY a FROM STDIN;\nañil\n\\.\n"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}, address=url))
    with psycopg.connect(url, client_encoding="UTF8") as conn:
        assert conn.execute("SELECT v, octet_length(v) FROM shop.a ORDER BY 1 DESC").fetchall() == [
            ("ñandú", 5), ("añil", 4),
        ]  # fmt: skip


def test_a_repeated_statement_follows_the_script_s_own_changes(make_project: MakeProject) -> None:
    """A driver that keeps plans of repeated statements fails here: "cached plan must not change result type"."""
    repeated = "SELECT * FROM a;\n" * 10
    script = f"CREATE TABLE a (n int);\n{repeated}DO 'BEGIN ALTER TABLE a ADD m int; END';\n{repeated}"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}))


def test_a_string_that_goes_on_keeps_its_escapes(make_project: MakeProject, conn: Connection) -> None:
    script = "CREATE TABLE a AS SELECT E'one\\''\n  ' two\\';'  -- goes; on'\n  ' three;' AS v;"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}))
    assert conn.execute("SELECT v FROM shop.a").fetchall() == [("one' two'; three;",)]


def test_an_empty_script_and_one_of_comments_are_migrations(make_project: MakeProject, history: History) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "", "V2__b.sql": "-- later\n"}}))
    assert [row[1] for row in history()] == [None, "1", "2"]


def test_flyway_s_placeholders_have_values(make_project: MakeProject, conn: Connection) -> None:
    names = ("defaultSchema", "database", "table", "filename", "workingDirectory", "user", "timestamp", "environment")
    columns = ", ".join(f"'${{flyway:{name}}}' AS {name.lower()}" for name in names)
    vuelo.migrate(make_project({"shop": {"V1__a.sql": f"CREATE TABLE a AS SELECT {columns};"}}))
    [[schema, database, table, filename, folder, user, timestamp, environment]] = conn.execute("SELECT * FROM shop.a")
    assert (schema, database, table) == ("shop", conn.info.dbname, "flyway_schema_history")
    assert (filename, folder, user, environment) == ("V1__a.sql", str(Path.cwd()), "postgres", "default")
    assert len(timestamp) == len("2026-11-22 10:30:00")


def test_a_run_that_is_told_to_stop_rolls_back_what_it_has_begun(
    make_project: MakeProject, conn: Connection, history: History
) -> None:
    files: Mapping[str, str] = {"V1__a.sql": "CREATE TABLE a ();", "V2__b.sql": "CREATE TABLE b ();"}
    [service] = make_project({"shop": files}).services
    run = Run()

    def stop_at_second(progress: vuelo.Progress) -> None:
        if progress.done == 1:
            run.stop.set()

    with pytest.raises(VueloError) as caught:
        list(executor.migrate(service, Run(stop_at_second, run.stop)))
    assert caught.value.code == "interrupted"
    assert tables(conn) == ["a"]
    assert [row[1] for row in history()] == [None, "1"]
    assert sessions(conn) == 0
