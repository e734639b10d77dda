"""`Database.run`: what failed for no fault of its own runs again, and never twice what may hold already."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Connection, Database, RequestContext, open_database
from gasolinera.metrics import REGISTRY

TOUCH = "UPDATE station_schema.stations SET pump_count = pump_count + 1 WHERE station_code = $1"
COUNT = "SELECT pump_count FROM station_schema.stations WHERE station_code = $1"
END_BACKEND = "SELECT pg_terminate_backend(%s)"

Admin = psycopg.Connection[Any]


def with_database(settings: Settings, work: Callable[[Database], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with open_database(settings, "station") as db:
            return await work(db)

    return asyncio.run(run())


def retries(reason: str) -> float:
    return REGISTRY.get_sample_value("db_transaction_retries_total", {"service": "station", "reason": reason}) or 0.0


def pumps(admin: Admin, code: str = "JSM001") -> int:
    row = admin.execute(COUNT.replace("$1", "%s"), [code]).fetchone()
    assert row is not None
    return row[0]


def test_two_transactions_in_deadlock_both_succeed(settings: Settings, admin: Admin) -> None:
    before = (pumps(admin, "JSM001"), pumps(admin, "JSM002"), retries("deadlock"))
    both_hold_one = asyncio.Barrier(2)

    def use_case(first: str, second: str) -> Callable[[Connection], Awaitable[None]]:
        tries = 0

        async def work(conn: Connection) -> None:
            nonlocal tries
            tries += 1
            await conn.execute(TOUCH, first)
            if tries == 1:
                await both_hold_one.wait()
            await conn.execute(TOUCH, second)

        return work

    async def race(db: Database) -> None:
        await asyncio.gather(db.run(use_case("JSM001", "JSM002")), db.run(use_case("JSM002", "JSM001")))

    with_database(settings, race)
    after = (pumps(admin, "JSM001"), pumps(admin, "JSM002"), retries("deadlock"))
    assert after == (before[0] + 2, before[1] + 2, before[2] + 1)


def test_two_serializable_transactions_that_cross_both_succeed(settings: Settings, admin: Admin) -> None:
    before, counted = pumps(admin), retries("serialization")
    both_have_read = asyncio.Barrier(2)

    def use_case() -> Callable[[Connection], Awaitable[None]]:
        tries = 0

        async def work(conn: Connection) -> None:
            nonlocal tries
            tries += 1
            await conn.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            count = await conn.fetchval(COUNT, "JSM001")
            if tries == 1:
                await both_have_read.wait()
            await conn.execute(
                "UPDATE station_schema.stations SET pump_count = $1 WHERE station_code = 'JSM001'", count + 1
            )

        return work

    async def race(db: Database) -> None:
        await asyncio.gather(db.run(use_case()), db.run(use_case()))

    with_database(settings, race)
    assert (pumps(admin), retries("serialization")) == (before + 2, counted + 1)


def test_a_connection_lost_before_the_commit_is_replaced(settings: Settings, admin: Admin) -> None:
    before, counted = pumps(admin), retries("connection")
    actors: list[str] = []

    async def use_case(conn: Connection) -> str:
        await conn.execute(TOUCH, "JSM001")
        actors.append(await conn.fetchval("SELECT station_schema.request_context('actor')"))
        if len(actors) == 1:
            pid = await conn.fetchval("SELECT pg_backend_pid()")
            await asyncio.to_thread(admin.execute, END_BACKEND, [pid])
        await conn.execute("SELECT 1")
        return "done"

    outcome = with_database(settings, lambda db: db.run(use_case, RequestContext(actor="user-1")))
    assert (outcome, actors) == ("done", ["user-1", "user-1"])
    assert (pumps(admin), retries("connection")) == (before + 1, counted + 1)


def test_a_connection_that_ended_while_it_was_idle_is_replaced(settings: Settings, admin: Admin) -> None:
    before = pumps(admin)

    async def work(db: Database) -> None:
        async with db.connection() as conn:
            pid = await conn.fetchval("SELECT pg_backend_pid()")
        await asyncio.to_thread(admin.execute, END_BACKEND, [pid])
        await db.run(lambda conn: conn.execute(TOUCH, "JSM001"))

    with_database(settings, work)
    assert pumps(admin) == before + 1


@pytest.mark.parametrize("is_idempotent", [False, True])
def test_what_is_lost_while_committing_runs_again_only_if_that_does_no_harm(
    is_idempotent: bool, settings: Settings, admin: Admin
) -> None:
    """A deferred trigger keeps the first COMMIT busy until its backend is ended."""
    admin.execute("""
        CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.name = 'Slow' THEN PERFORM pg_sleep(8); END IF;
            RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON station_schema.stations
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.linger()
    """)
    names = iter(["Slow", "Fast"])
    pids: list[int] = []

    async def use_case(conn: Connection) -> None:
        pids.append(await conn.fetchval("SELECT pg_backend_pid()"))
        rename = "UPDATE station_schema.stations SET name = $1 WHERE station_code = 'JSM001'"
        await conn.execute(rename, next(names))

    async def end_the_first(db: Database) -> None:
        busy = "SELECT FROM pg_stat_activity WHERE query = 'COMMIT;' AND wait_event = 'PgSleep'"
        while (await asyncio.to_thread(admin.execute, busy)).rowcount == 0:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.01)
        await asyncio.to_thread(admin.execute, END_BACKEND, [pids[0]])

    async def work(db: Database) -> None:
        ending = asyncio.create_task(end_the_first(db))
        try:
            await db.run(use_case, is_idempotent=is_idempotent)
        finally:
            await ending

    if is_idempotent:
        with_database(settings, work)
        assert len(pids) == 2
    else:
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, ConnectionError)):
            with_database(settings, work)
        assert len(pids) == 1


def test_statements_in_deadlock_both_succeed_and_are_counted(settings: Settings, admin: Admin) -> None:
    """Two statements of one transaction each, that take two rows in opposite orders, and pause between them."""
    admin.execute("""
        CREATE FUNCTION station_schema.touch(p_first text, p_second text) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE station_schema.stations SET pump_count = pump_count + 1 WHERE station_code = p_first;
            PERFORM pg_sleep(0.3);
            UPDATE station_schema.stations SET pump_count = pump_count + 1 WHERE station_code = p_second;
        END $$
    """)
    before = (pumps(admin, "JSM001"), pumps(admin, "JSM002"), retries("deadlock"))

    async def race(db: Database) -> None:
        touch = "SELECT station_schema.touch($1, $2)"
        await asyncio.gather(
            db.run_statement(lambda conn: conn.execute(touch, "JSM001", "JSM002")),
            db.run_statement(lambda conn: conn.execute(touch, "JSM002", "JSM001")),
        )

    with_database(settings, race)
    after = (pumps(admin, "JSM001"), pumps(admin, "JSM002"), retries("deadlock"))
    assert after == (before[0] + 2, before[1] + 2, before[2] + 1)


@pytest.mark.parametrize("is_idempotent", [False, True])
def test_a_statement_whose_connection_is_lost_runs_again_only_if_that_does_no_harm(
    is_idempotent: bool, settings: Settings, admin: Admin
) -> None:
    tries = 0

    async def statement(conn: Connection) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        await conn.execute(TOUCH, "JSM001")

    before = pumps(admin)
    if is_idempotent:
        with_database(settings, lambda db: db.run_statement(statement, is_idempotent=True))
    else:
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, ConnectionError)):
            with_database(settings, lambda db: db.run_statement(statement))
    assert (tries, pumps(admin) - before) == ((2, 1) if is_idempotent else (1, 0))


def test_after_three_tries_the_error_comes_out(settings: Settings) -> None:
    tries = 0

    async def use_case(conn: Connection) -> None:
        nonlocal tries
        tries += 1
        await conn.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

    with pytest.raises(asyncpg.SerializationError):
        with_database(settings, lambda db: db.run(use_case))
    assert tries == 3


@pytest.mark.parametrize("statement", ["SELECT 1 / 0", "SELECT nothing"])
def test_what_would_fail_again_is_not_tried_again(statement: str, settings: Settings) -> None:
    tries = 0

    async def use_case(conn: Connection) -> None:
        nonlocal tries
        tries += 1
        await conn.execute(statement)

    with pytest.raises(asyncpg.PostgresError):
        with_database(settings, lambda db: db.run(use_case))
    assert tries == 1
