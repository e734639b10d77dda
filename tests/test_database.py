"""The pool, transactions with their context, and queries that are read from files."""

import asyncio
from typing import Any

import asyncpg
import msgspec
import psycopg
import pytest

from gasolinera import database
from gasolinera.config import Settings
from gasolinera.database import (
    Connection,
    Database,
    RequestContext,
    fetch_all,
    fetch_one,
    fetch_optional,
    load_sql,
    open_database,
    parse_queries,
)


class Row(msgspec.Struct, frozen=True):
    number: int
    extra: dict[str, Any]


ROWS = "SELECT n::int AS number, jsonb_build_object('n', n) AS extra FROM generate_series(1, $1::int) AS n"


def in_transaction(settings: Settings, work: Any, context: RequestContext | None = None) -> Any:
    async def run() -> Any:
        async with open_database(settings, "station") as db, db.transaction(context) as conn:
            return await work(conn)

    return asyncio.run(run())


def test_the_pool_is_the_services_runtime_role_with_its_limits(settings: Settings) -> None:
    async def work(conn: Connection) -> Any:
        return await conn.fetchrow(
            "SELECT current_user AS role, current_setting('statement_timeout') AS timeout,"
            " current_setting('TimeZone') AS zone, current_setting('application_name') AS name"
        )

    assert dict(in_transaction(settings, work)) == {
        "role": "station_app",
        "timeout": "10s",
        "zone": "UTC",
        "name": "gasolinera-station",
    }


def test_rows_become_structs_with_their_json(settings: Settings) -> None:
    async def work(conn: Connection) -> Any:
        return (
            await fetch_all(conn, Row, ROWS, 2),
            await fetch_optional(conn, Row, ROWS, 0),
            await fetch_one(conn, Row, ROWS, 1),
        )

    two, none, one = in_transaction(settings, work)
    assert two == [Row(1, {"n": 1}), Row(2, {"n": 2})]
    assert none is None
    assert one == Row(1, {"n": 1})


def test_json_goes_in_as_it_comes_out(settings: Settings) -> None:
    value = {"ñ": [1, None, {"deep": "☕"}]}

    async def work(conn: Connection) -> Any:
        return await conn.fetchval("SELECT $1::jsonb", value)

    assert in_transaction(settings, work) == value


def test_a_row_that_does_not_fit_its_struct_is_our_bug(settings: Settings) -> None:
    async def work(conn: Connection) -> Any:
        return await fetch_one(conn, Row, "SELECT 'one' AS number, '{}'::jsonb AS extra")

    with pytest.raises(msgspec.ValidationError):
        in_transaction(settings, work)


RENAME = "UPDATE station_schema.stations SET name = 'Renamed' WHERE station_code = 'JSM001'"
LOGGED = (
    "SELECT actor, correlation_id, host(ip_address), user_agent FROM station_schema.station_audit_log"
    " WHERE event_type = 'STATION_UPDATED'"
)


def test_the_context_reaches_the_audit_log_and_ends_with_its_transaction(
    settings: Settings, admin: psycopg.Connection[Any]
) -> None:
    context = RequestContext("user-1", "abc", "192.0.2.7", "test agent")

    async def run() -> Any:
        async with open_database(settings.model_copy(update={"pool_max_size": 1}), "station") as db:
            async with db.transaction(context) as conn:
                await conn.execute(RENAME)
            async with db.transaction() as conn:
                return await conn.fetchval("SELECT station_schema.request_context('actor')")

    assert asyncio.run(run()) is None
    assert admin.execute(LOGGED).fetchall() == [("user-1", "abc", "192.0.2.7", "test agent")]


def test_a_transaction_that_raises_leaves_nothing(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    async def work(conn: Connection) -> None:
        await conn.execute(RENAME)
        raise RuntimeError("changed my mind")

    with pytest.raises(RuntimeError, match="changed my mind"):
        in_transaction(settings, work)
    assert admin.execute(LOGGED).fetchall() == []


def test_a_statement_that_takes_too_long_is_cut_off(settings: Settings) -> None:
    async def work(conn: Connection) -> None:
        await conn.execute("SELECT pg_sleep(10)")

    with pytest.raises(asyncpg.QueryCanceledError):
        in_transaction(settings.model_copy(update={"statement_timeout_ms": 50}), work)


async def pid_of(conn: Connection) -> int:
    return await conn.fetchval("SELECT pg_backend_pid()")


def test_a_connection_is_used_again_and_what_went_wrong_on_it_is_not_seen(settings: Settings) -> None:
    async def run() -> tuple[int, int, int]:
        async with open_database(settings, "station") as db:
            async with db.connection() as conn:
                first = await pid_of(conn)
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with db.connection() as conn:
                    await conn.execute("BEGIN; SELECT 1 / 0")
            async with db.connection() as conn:
                await conn.execute("BEGIN")  # and forgotten
            async with db.connection() as conn:
                assert not conn.is_in_transaction()
                again = await pid_of(conn)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), db.connection() as conn:
                    await conn.execute("SELECT pg_sleep(5)")
            async with db.connection() as conn:
                return first, again, await conn.fetchval("SELECT 7")

    first, again, answer = asyncio.run(run())
    assert (again, answer) == (first, 7)


def test_everybody_gets_a_turn_at_fewer_connections(settings: Settings) -> None:
    few = settings.model_copy(update={"pool_max_size": 2})

    async def run() -> list[int]:
        async with open_database(few, "station") as db:

            async def one() -> int:
                async with db.connection() as conn:
                    await conn.execute("SELECT pg_sleep(0.002)")
                    return await pid_of(conn)

            return await asyncio.gather(*(one() for _ in range(100)))

    pids = asyncio.run(run())
    assert len(pids) == 100
    assert len(set(pids)) == 2


def test_a_connection_that_lay_idle_for_long_is_not_trusted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[int, int]:
        async with open_database(settings, "station") as db:
            async with db.connection() as conn:
                first = await pid_of(conn)
            monkeypatch.setattr(database, "_LONGEST_IDLE_S", 0.0)
            async with db.connection() as conn:
                return first, await pid_of(conn)

    first, second = asyncio.run(run())
    assert first != second


async def together(db: Database, count: int) -> set[int]:
    """The connections of so many who are at it at once."""
    everybody = asyncio.Barrier(count)

    async def one() -> int:
        async with db.connection() as conn:
            await everybody.wait()
            return await pid_of(conn)

    return set(await asyncio.gather(*(one() for _ in range(count))))


def test_nobody_notices_that_idle_connections_were_lost(settings: Settings, admin: psycopg.Connection[Any]) -> None:
    async def run() -> None:
        async with open_database(settings, "station") as db:
            lost = await together(db, 4)
            admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [list(lost)])
            await asyncio.sleep(0.3)  # until the news is here
            for _ in range(6):
                async with db.connection() as conn:
                    assert await pid_of(conn) not in lost

    asyncio.run(run())


def test_connections_that_only_a_rush_needed_are_closed(
    settings: Settings, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def alive(pids: set[int]) -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s::int[])"
        row = admin.execute(query, [list(pids)]).fetchone()
        assert row is not None
        return row[0]

    async def run() -> None:
        async with open_database(settings, "station") as db:
            rush = await together(db, 4)
            monkeypatch.setattr(database, "_LONGEST_IDLE_S", 0.05)
            for _ in range(6):
                async with db.connection() as conn:
                    await pid_of(conn)
                await asyncio.sleep(0.02)
            for _ in range(50):
                if alive(rush) <= 1:
                    return
                await asyncio.sleep(0.02)
            raise AssertionError("they stay open")

    asyncio.run(run())


def test_a_closing_that_is_cancelled_closes_all_the_same(settings: Settings) -> None:
    async def run() -> None:
        async with open_database(settings, "station") as db:
            await together(db, 4)
            closing = asyncio.create_task(db.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            with pytest.raises(asyncpg.InterfaceError):
                async with db.connection():
                    pass

    asyncio.run(run())


def test_opening_connects_to_nothing_until_somebody_asks() -> None:
    nowhere = Settings.model_validate({"station_database_url": "postgresql://x@127.0.0.1:1/x"})

    async def run() -> None:
        async with open_database(nowhere, "station") as db:
            with pytest.raises(OSError, match="Connect call failed"):
                async with db.connection():
                    pass

    asyncio.run(run())


GOOD = (
    "-- A file.\n\n-- name: one\n-- The first.\nSELECT 1;\n\n-- name: two_2\n-- The second,\n-- at length.\nSELECT 2\n;"
)


def test_queries_have_names_descriptions_and_no_semicolon() -> None:
    found = parse_queries(GOOD)
    assert [(q.name, q.description, q.sql) for q in found.values()] == [
        ("one", "The first.", "SELECT 1"),
        ("two_2", "The second, at length.", "SELECT 2\n"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 0;\n" + GOOD, "before the first"),
        (GOOD + "\n-- name: one\n-- Again.\nSELECT 1;", "exists twice"),
        ("-- name: one\nSELECT 1;", "no description"),
        ("-- name: one\n-- The first.\nSELECT 1", "semicolon"),
        ("-- name: one\n-- The first.\n", "semicolon"),
        ("-- name: One-A\n-- The first.\nSELECT 1;", "no name"),
    ],
)
def test_a_file_of_queries_that_breaks_the_format_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_queries(text)


def test_a_wrong_name_is_an_error_where_it_is_looked_up() -> None:
    sql = load_sql("gasolinera.station")
    assert "stations" in sql["list_stations"]
    with pytest.raises(KeyError):
        sql["list_statoins"]
