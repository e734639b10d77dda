"""The history table, byte for byte Flyway's, and the lock that both engines take."""

from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.creation import begin
from vuelo.errors import VueloError
from vuelo.history import HistoryTable, exists, locked
from vuelo.settings import Settings

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]


def test_the_table_has_flyway_s_columns_types_and_nullability(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {}}))
    columns = conn.execute(
        """SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
             FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = 'shop.flyway_schema_history'::regclass AND attnum > 0 ORDER BY attnum"""
    ).fetchall()
    assert columns == [
        ("installed_rank", "integer", True, None),
        ("version", "character varying(50)", False, None),
        ("description", "character varying(200)", True, None),
        ("type", "character varying(20)", True, None),
        ("script", "character varying(1000)", True, None),
        ("checksum", "integer", False, None),
        ("installed_by", "character varying(100)", True, None),
        ("installed_on", "timestamp without time zone", True, "now()"),
        ("execution_time", "integer", True, None),
        ("success", "boolean", True, None),
    ]


def test_the_table_has_flyway_s_key_and_index(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {}}))
    indexes = conn.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'flyway_schema_history' ORDER BY 1")
    assert [definition for [definition] in indexes] == [
        "CREATE INDEX flyway_schema_history_s_idx ON shop.flyway_schema_history USING btree (success)",
        "CREATE UNIQUE INDEX flyway_schema_history_pk ON shop.flyway_schema_history USING btree (installed_rank)",
    ]


def test_a_schema_that_we_made_is_named_in_a_row_of_rank_zero(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__Add_users.sql": "CREATE TABLE t (id int);\n"}}, 'schema = "my shop"'))
    rows = conn.execute(
        """SELECT installed_rank, version, description, type, script, checksum, installed_by, success
             FROM "my shop".flyway_schema_history ORDER BY 1"""
    ).fetchall()
    assert rows == [
        (0, None, "<< Flyway Schema Creation >>", "SCHEMA", '"my shop"', None, "postgres", True),
        (1, "1", "Add users", "SQL", "V1__Add_users.sql", 92137680, "postgres", True),
    ]


def test_a_schema_that_was_there_gets_no_such_row(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "", "V2__b.sql": ""}}))
    ranks = conn.execute("SELECT installed_rank, type FROM shop.flyway_schema_history ORDER BY 1").fetchall()
    assert ranks == [(1, "SQL"), (2, "SQL")]


def test_versions_are_stored_as_written_with_dots(make_project: MakeProject, history: Callable[..., Any]) -> None:
    names = ("V002__a.sql", "V2_1__b.sql", "V3.0.sql", "V20261122103000__c.sql", "R__d_e.sql")
    vuelo.migrate(make_project({"shop": dict.fromkeys(names, "")}))
    assert [(row[1], row[2]) for row in history()[1:]] == [
        ("002", "a"), ("2.1", "b"), ("3.0", ""), ("20261122103000", "c"), (None, "d e"),
    ]  # fmt: skip


def test_long_descriptions_and_paths_are_cut_as_flyway_cuts_them(
    make_project: MakeProject, history: Callable[..., Any], tmp_path: Any
) -> None:
    folder = "/".join("f" * 200 for _ in range(5))
    (tmp_path / "shop" / folder).mkdir(parents=True)
    name = f"V1__{'d' * 240}.sql"
    project = make_project({"shop": {f"{folder}/{name}": ""}})
    vuelo.migrate(project)
    [_, (_, version, description, _, script)] = history()
    full = f"{folder}/{name}"
    assert (version, description) == ("1", "d" * 197 + "...")
    assert script == "..." + full[3:1000]
    assert vuelo.migrate(project)[0].steps == ()


def test_execution_time_and_start_are_recorded(make_project: MakeProject, conn: Connection) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "SELECT pg_sleep(0.2);"}}))
    query = """SELECT execution_time, installed_on <= now() - interval '0.2 s', installed_on > now() - interval '1 min'
                 FROM shop.flyway_schema_history WHERE installed_rank = 1"""
    [[milliseconds, started_before, is_recent]] = conn.execute(query)
    assert 200 <= milliseconds < 10_000
    assert started_before
    assert is_recent


@pytest.mark.parametrize(
    ("schema", "table", "key"),
    [
        ("public", "flyway_schema_history", 77433833903597),  # seen in pg_locks while the real Flyway ran
        ("a", "b", 77431708279161 + 34 * 31**6 + 97 * 31**5 + 34 * 31**4 + 46 * 31**3 + 34 * 31**2 + 98 * 31 + 34),
    ],
)
def test_the_lock_key_is_flyway_s(schema: str, table: str, key: int) -> None:
    wrapped = (key - 77431708279161 + 2**31) % 2**32 - 2**31 + 77431708279161
    assert HistoryTable(schema, table).lock_key() == wrapped


def test_the_lock_is_seen_in_pg_locks_as_flyway_s_while_a_migration_runs(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("CREATE SCHEMA other; CREATE TABLE other.seen (classid bigint, objid bigint, objsubid int)")
    script = """INSERT INTO other.seen SELECT classid::bigint, objid::bigint, objsubid
        FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();"""
    vuelo.migrate(make_project({"shop": {"V1__a.sql": script}}, 'schema = "public"'))
    assert conn.execute("SELECT DISTINCT * FROM other.seen").fetchall() == [(18028, 4163491309, 1)]
    assert conn.execute("SELECT FROM pg_locks WHERE locktype = 'advisory'").fetchall() == []


def test_a_runner_that_waits_too_long_says_so(make_project: MakeProject, conn: Connection) -> None:
    [service] = make_project({"shop": {}}, "wait_s = 0.2").services
    project = make_project({"shop": {}}, "wait_s = 0.2")
    with locked(conn, HistoryTable(service.schema), 0, Event()), pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    error = caught.value.results[0].error
    assert error is not None
    assert error.code == "lock.timeout"
    assert vuelo.migrate(project)[0].error is None


def test_a_runner_that_waits_can_be_stopped(conn: Connection, url: str) -> None:
    stop = Event()
    stop.set()
    table = HistoryTable("shop")
    with (
        psycopg.connect(url, autocommit=True) as other,
        locked(other, table, 0, Event()),
        pytest.raises(VueloError) as caught,
        locked(conn, table, 60, stop),
    ):
        pytest.fail("the lock is held by another")
    assert caught.value.code == "interrupted"


@pytest.mark.parametrize(
    "objects",
    ["TABLE shop.a (n int)", "MATERIALIZED VIEW shop.a AS SELECT 1", "TABLE shop.a (n int) PARTITION BY LIST (n)",
     "TYPE shop.a AS ENUM ('b')", "FUNCTION shop.a() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
)  # fmt: skip
def test_a_schema_that_somebody_else_has_filled_gets_no_history(conn: Connection, objects: str) -> None:
    conn.execute(f"CREATE SCHEMA shop; CREATE {objects}".encode())
    table = HistoryTable("shop")
    with pytest.raises(VueloError, match="shop is not empty") as caught:
        begin(conn, table, Settings(), 1, Event())
    assert caught.value.code == "migrate.not_empty"
    assert not exists(conn, table)


def test_versions_that_flyway_wrote_in_other_digits_are_numbers(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.flyway_schema_history SET version = U&'\\0661' WHERE version = '1'")
    assert vuelo.info(project)["shop"].pending == ()


def test_a_version_that_is_none_is_told_with_its_rank(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.flyway_schema_history SET version = 'abc' WHERE version = '1'")
    with pytest.raises(VueloError, match="the row of rank 1 has the version 'abc'") as caught:
        vuelo.info(project)
    assert caught.value.code == "history.unreadable"


def test_a_time_that_cannot_be_read_is_told(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    conn.execute("UPDATE shop.flyway_schema_history SET installed_on = 'infinity'")
    with pytest.raises(VueloError, match="too large") as caught:
        vuelo.info(project)
    assert (caught.value.code, "may read it" in (caught.value.hint or "")) == ("history.unreadable", False)


def test_where_only_our_log_is_left_a_history_begins_again(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    conn.execute("DROP TABLE shop.flyway_schema_history")
    [result] = vuelo.migrate(project)
    assert [step.version for step in result.steps] == ["1"]
