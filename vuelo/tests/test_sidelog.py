"""vuelo's own table beside Flyway's history: what it remembers, and that nothing depends on it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vuelo

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
FILES = {
    "V1__a.sql": "CREATE TABLE a ();\nSELECT 1;\n",
    "U1__a.sql": "DROP TABLE a;",
    "R__r.sql": "CREATE OR REPLACE VIEW r AS SELECT 1 AS n;",
}


def log(conn: Connection, table: str = "vuelo_log") -> list[tuple[Any, ...]]:
    query = f"SELECT installed_rank, action, script, statements, duration_ms IS NOT NULL FROM shop.{table} ORDER BY id"
    return conn.execute(query.encode()).fetchall()


def test_it_remembers_migrations_and_undos_with_the_ranks_of_their_rows(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    vuelo.undo(project)
    assert log(conn) == [
        (1, "MIGRATE", "V1__a.sql", 2, True),
        (2, "MIGRATE", "R__r.sql", 1, True),
        (3, "UNDO", "U1__a.sql", 1, True),
        (4, "UNDO", "U1__a.sql", 1, True),
    ]
    prints = [name for [name] in conn.execute("SELECT fingerprint FROM shop.vuelo_log ORDER BY id")]
    names = ("V1__a.sql", "R__r.sql", "U1__a.sql", "U1__a.sql")
    assert prints == [hashlib.sha256(FILES[name].encode()).hexdigest() for name in names]
    states = {entry.row.installed_rank: entry.state for entry in vuelo.info(project)["shop"].entries if entry.row}
    assert (states[1], states[2]) == (vuelo.State.UNDONE, vuelo.State.UNDONE)


def test_without_it_an_undo_shows_as_a_deletion(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    vuelo.undo(project)
    conn.execute("DROP TABLE shop.vuelo_log")
    states = {entry.row.installed_rank: entry.state for entry in vuelo.info(project)["shop"].entries if entry.row}
    assert states[1] is vuelo.State.DELETED
    vuelo.migrate(project)
    assert [row[:3] for row in log(conn)] == [(5, "MIGRATE", "V1__a.sql"), (6, "MIGRATE", "R__r.sql")]


def test_a_history_that_has_none_gets_one_and_looking_on_makes_none(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    conn.execute("DROP TABLE shop.vuelo_log")
    assert vuelo.info(project)["shop"].problems == ()
    assert conn.execute("SELECT to_regclass('shop.vuelo_log')").fetchone() == (None,)
    assert vuelo.migrate(project)[0].steps == ()
    assert log(conn) == []


def test_a_history_of_another_name_has_its_own(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": FILES}, 'table = "changes"'))
    assert [row[2] for row in log(conn, "changes_vuelo_log")] == ["V1__a.sql", "R__r.sql"]
    assert conn.execute("SELECT to_regclass('shop.vuelo_log')").fetchone() == (None,)


def test_a_role_that_may_not_make_it_is_told_what_to_grant(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    conn.execute("DROP TABLE shop.vuelo_log")
    conn.execute(
        "DROP ROLE IF EXISTS vuelo_writer; CREATE ROLE vuelo_writer; GRANT USAGE ON SCHEMA shop TO vuelo_writer"
    )
    conn.execute("GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA shop TO vuelo_writer")
    try:
        with pytest.raises(vuelo.RunFailedError) as caught:
            vuelo.migrate(make_project({"shop": {}}, 'role = "vuelo_writer"'))
        error = caught.value.results[0].error
        assert error is not None
        assert error.code == "log.refused"
        assert error.hint is not None
        assert "GRANT CREATE ON SCHEMA shop" in error.hint
    finally:
        conn.execute("DROP OWNED BY vuelo_writer; DROP ROLE vuelo_writer")


def test_whoever_may_read_the_history_alone_can_look_on(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    conn.execute(
        "DROP ROLE IF EXISTS vuelo_reader; CREATE ROLE vuelo_reader LOGIN; GRANT USAGE ON SCHEMA shop TO vuelo_reader"
    )
    conn.execute("GRANT SELECT ON shop.flyway_schema_history TO vuelo_reader")
    try:
        url = make_conninfo(conn.info.dsn, user="vuelo_reader")
        reader = replace(project, services=tuple(replace(one, url=url) for one in project.services))
        assert vuelo.info(reader)["shop"].pending == ()
    finally:
        conn.execute("DROP OWNED BY vuelo_reader; DROP ROLE vuelo_reader")


def test_a_role_that_may_not_write_it_is_told_what_it_lacks(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "SELECT 1;"}}))
    conn.execute("CREATE ROLE no_logger; GRANT ALL ON SCHEMA shop, public TO no_logger")
    conn.execute("GRANT ALL ON shop.flyway_schema_history TO no_logger; GRANT SELECT ON shop.vuelo_log TO no_logger")
    try:
        with pytest.raises(vuelo.RunFailedError) as caught:
            vuelo.migrate(make_project({"shop": {"V2__b.sql": "SELECT 1;"}}, 'role = "no_logger"'))
        error = caught.value.results[0].error
        assert error is not None
        assert error.code == "log.refused"
        assert error.hint is not None
        assert "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.vuelo_log TO no_logger" in error.hint
        conn.execute(error.hint[error.hint.index("GRANT") :].encode())
        vuelo.migrate(make_project({"shop": {}}, 'role = "no_logger"'))
    finally:
        conn.execute("DROP OWNED BY no_logger; DROP ROLE no_logger")
