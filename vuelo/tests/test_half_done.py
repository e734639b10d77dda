"""What a script must not do, and what an earlier try has left: said before, or with what to do about it."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.errors import ScriptError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
TABLE = "CREATE TABLE t (a text);"
INDEX = "CREATE INDEX CONCURRENTLY i ON t (a);"


def failure(project: vuelo.Project) -> ScriptError:
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    error = caught.value.results[0].error
    assert isinstance(error, ScriptError)
    return error


@pytest.mark.parametrize(
    "how",
    ["SET client_encoding = 'LATIN1'", "SET NAMES 'LATIN1'", "SELECT set_config('client_encoding', 'LATIN1', false)",
     "DO $$BEGIN PERFORM set_config('client' || '_encoding', 'LATIN1', false); END$$"],
)  # fmt: skip
def test_a_script_that_changes_the_encoding_is_refused(make_project: MakeProject, conn: Connection, how: str) -> None:
    error = failure(make_project({"shop": {"V1__a.sql": TABLE, "V2__b.sql": f"{how};\nINSERT INTO t VALUES ('é');"}}))
    assert error.code == "script.encoding"
    assert "LATIN1" in error.message
    assert conn.execute("SELECT count(*) FROM shop.t").fetchone() == (0,)


def test_to_say_utf_8_is_no_change(make_project: MakeProject, conn: Connection) -> None:
    script = "SET client_encoding = 'UTF8';\nINSERT INTO t VALUES ('é');"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": TABLE, "V2__b.sql": script}}))
    assert conn.execute("SELECT a FROM shop.t").fetchall() == [("é",)]


def test_an_end_of_a_transaction_is_refused_before_any_of_a_script_without_one(
    make_project: MakeProject, conn: Connection
) -> None:
    files = {"V1__a.sql": f"{TABLE}\nBEGIN;", "V1__a.sql.conf": "executeInTransaction=false"}
    error = failure(make_project({"shop": files}))
    assert error.code == "script.transaction"
    assert conn.execute("SELECT to_regclass('shop.t')").fetchone() == (None,)
    assert conn.execute("SELECT count(*) FROM shop.flyway_schema_history WHERE version = '1'").fetchone() == (0,)


def test_an_index_that_the_server_built_to_its_end_without_us_is_told(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": {"V1__a.sql": TABLE}})
    vuelo.migrate(project)
    conn.execute("CREATE INDEX i ON shop.t (a)")
    error = failure(make_project({"shop": {"V2__b.sql": INDEX}}))
    assert error.hint == "the index is there, perhaps from an earlier try: drop it, or write IF NOT EXISTS"


def test_a_partition_that_is_half_detached_leaves_a_row_and_says_how_to_end_it(
    make_project: MakeProject, conn: Connection
) -> None:
    tables = "CREATE TABLE p (n int) PARTITION BY LIST (n); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);"
    project = make_project({"shop": {"V1__a.sql": tables}}, 'statement_timeout = "1s"\nlock_retries = 0')
    vuelo.migrate(project)
    detach = {"V2__b.sql": "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;"}
    with psycopg.connect(conn.info.dsn) as reader:
        reader.execute("SELECT FROM shop.p")
        error = failure(make_project({"shop": detach}, 'statement_timeout = "1s"\nlock_retries = 0'))
    assert error.hint is not None
    assert "FINALIZE" in error.hint
    query = "SELECT success FROM shop.flyway_schema_history WHERE version = '2'"
    assert conn.execute(query).fetchall() == [(False,)]
