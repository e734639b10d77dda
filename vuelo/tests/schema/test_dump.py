"""A dump loads into an empty database and gives the same schema; equal schemas give equal bytes, on every server."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from vuelo import VueloError, embedded
from vuelo.embedded import Server
from vuelo.project import Service
from vuelo.schema import dump, snapshot

EVERYTHING = Path(__file__).with_name("every_object.sql").read_text()
ROLES = ("shop_reader", "shop_owner", "Other Owner")
SHOP = Service(name="shop", url="", schema="shop", locations=())
OWNED = Service(name="shop", url="", schema="shop", locations=(), role="dump_owner")

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def built(server: Server) -> Generator[Connection]:
    """A database with every kind of object."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE dump_tests")
        with psycopg.connect(server.url("dump_tests"), autocommit=True) as conn:
            conn.execute(EVERYTHING.encode())
            yield conn
        admin.execute("DROP DATABASE dump_tests WITH (FORCE)")
        for role in ROLES:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def loaded(conn: Connection, text: str) -> Connection:
    conn.execute("CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing")
    conn.execute(text.encode())
    conn.execute("RESET ALL")
    return conn


def test_a_dump_that_is_loaded_gives_the_same_schema(built: Connection, conn: Connection) -> None:
    again = loaded(conn, dump.schema_sql(built, SHOP))
    assert snapshot.differences(snapshot.take(built, "shop"), snapshot.take(again, "shop")) == []
    assert len(snapshot.take(again, "shop")) > 200


def test_it_is_the_same_when_dumped_again(built: Connection, conn: Connection) -> None:
    text = dump.schema_sql(built, SHOP)
    assert dump.schema_sql(loaded(conn, text), SHOP) == text


@pytest.mark.parametrize("other", [{"version": 16}, {"bin_dir": Path("/usr/lib/postgresql/15/bin")}], ids=["16", "15"])
def test_every_server_version_dumps_the_same_bytes(built: Connection, other: dict[str, Any]) -> None:
    if "bin_dir" in other and not other["bin_dir"].exists():
        pytest.skip("PostgreSQL 15 is not installed")
    with embedded.temporary(**other) as server, psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(EVERYTHING.encode())
        assert dump.schema_sql(conn, SHOP) == dump.schema_sql(built, SHOP)
        assert snapshot.differences(snapshot.take(conn, "shop"), snapshot.take(built, "shop")) == []


def test_the_order_in_which_things_were_made_does_not_show(new_database: Callable[[], str]) -> None:
    tables = [
        "CREATE TABLE shop.b (c int)",
        "CREATE TABLE shop.a (c int)",
        "CREATE FUNCTION shop.f() RETURNS int RETURN 1",
    ]
    dumps: list[str] = []
    for order in (tables, tables[::-1]):
        with psycopg.connect(new_database(), autocommit=True) as conn:
            conn.execute("CREATE SCHEMA shop")
            for statement in order:
                conn.execute(statement.encode())
            dumps.append(dump.schema_sql(conn, SHOP))
    assert dumps[0] == dumps[1]
    assert dumps[0].index("FUNCTION shop.f") < dumps[0].index("TABLE shop.a") < dumps[0].index("TABLE shop.b")


def test_partitions_and_histories_do_not_show(conn: Connection) -> None:
    conn.execute(
        """CREATE SCHEMA shop; CREATE TABLE shop.log (at date) PARTITION BY RANGE (at);
           CREATE TABLE shop.flyway_schema_history (a int);
           CREATE TABLE shop.vuelo_log (id int GENERATED ALWAYS AS IDENTITY)"""
    )
    before = dump.schema_sql(conn, SHOP)
    conn.execute("CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')")
    assert dump.schema_sql(conn, SHOP) == before
    assert "flyway" not in before
    assert "vuelo_log" not in before
    assert "PARTITION BY RANGE (at)" in before


def test_a_service_with_a_role_is_made_as_that_role(conn: Connection, new_database: Callable[[], str]) -> None:
    conn.execute(
        """CREATE ROLE dump_owner; CREATE SCHEMA shop AUTHORIZATION dump_owner; SET ROLE dump_owner;
           CREATE TABLE shop.mine (a int); RESET ROLE; CREATE TABLE shop.yours (a int)"""
    )
    try:
        text = dump.schema_sql(conn, OWNED)
        assert "CREATE SCHEMA shop AUTHORIZATION dump_owner;\nSET ROLE dump_owner;" in text
        assert "ALTER TABLE shop.mine OWNER" not in text
        with psycopg.connect(new_database(), autocommit=True) as again:
            again.execute(text.encode())
            assert snapshot.take(again, "shop") == snapshot.take(conn, "shop")
            again.execute("DROP SCHEMA shop CASCADE")
    finally:
        conn.execute("DROP SCHEMA shop CASCADE; DROP ROLE dump_owner")


def test_check_tells_what_is_stale(
    make_project: Callable[..., Any], cli: Callable[..., Any], server: Server, tmp_path: Path
) -> None:
    make_project({"shop": {"V1__a.sql": "CREATE TABLE a (b int);"}}, 'schema_file = "kept/{service}.sql"')
    scratch = ("--scratch-url", server.url())
    assert cli("dump", "--check", *scratch).returncode == 1
    assert cli("dump", *scratch).returncode == 0
    assert "CREATE TABLE shop.a (\n    b integer\n);" in (tmp_path / "kept" / "shop.sql").read_text()
    assert cli("dump", "--check", *scratch).returncode == 0
    make_project({"shop": {"V2__b.sql": "ALTER TABLE a ADD c text;"}}, 'schema_file = "kept/{service}.sql"')
    stale = cli("dump", "--check", *scratch)
    assert stale.returncode == 1
    assert "+    c text" in stale.stdout
    assert "1 of 1 files are stale" in stale.stdout


def test_the_live_database_can_be_dumped(
    make_project: Callable[..., Any], cli: Callable[..., Any], conn: Connection
) -> None:
    make_project({"shop": {}})
    conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.by_hand (a int)")
    assert "CREATE TABLE shop.by_hand" in cli("dump", "--live").stdout


def test_what_cannot_be_written_is_not_left_out_in_silence(conn: Connection) -> None:
    conn.execute(
        """CREATE SCHEMA shop;
           CREATE OPERATOR CLASS shop.odd FOR TYPE int USING btree AS
               OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int)"""
    )
    with pytest.raises(VueloError) as caught:
        dump.schema_sql(conn, SHOP)
    assert caught.value.code == "dump.unsupported"


def test_a_schema_that_is_not_there_is_an_error(conn: Connection) -> None:
    with pytest.raises(VueloError) as caught:
        dump.schema_sql(conn, SHOP)
    assert caught.value.code == "dump.no_schema"
