"""A process that freezes or draws and is killed, at any step: nothing half done, and the same winners afterwards."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.raffle.drawing import draw
from tests.raffle.draw_steps import Entered, close_raffle, freeze_now, signer, terms, wait_for_round

Admin = psycopg.Connection[Any]
Told = TypeVar("Told")
ENTRIES = [Entered(number % 40, 1 + number % 3) for number in range(80)]
SEQUENCE = """
SELECT draw_position, block_number, point, leaf_index, ticket_number
  FROM raffle_schema.draw_positions WHERE draw_number = 2 ORDER BY draw_position"""

# Each stops for good where the step named by its argument is about to be taken, with everything before it done.
PROCESS = """
import asyncio, os, sys
from gasolinera.config import load_settings
from gasolinera.database import open_database
from gasolinera.raffle import queries_draws as queries
from tests.raffle.draw_steps import draw_now, freeze_now, wait_for_round

async def main(what, step, number):
    made = getattr(queries, step, None)
    async def stopped(*args, **options):
        print("there", flush=True)
        await asyncio.sleep(600)
    if made is not None:
        setattr(queries, step, stopped)
    async with open_database(load_settings(os.environ), "raffle") as db:
        if what == "freeze":
            await freeze_now(db, "T-KILLED")
        else:
            await draw_now(db, "T-KILLED", await wait_for_round(int(number)))
    print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def within(settings: Settings, work: Callable[[Database], Awaitable[Told]]) -> Told:
    async def opened() -> Told:
        async with open_database(settings, "raffle") as db:
            return await work(db)

    return asyncio.run(opened())


def kill_before(settings: Settings, what: str, step: str, number: int = 0) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    environment |= {
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_RAFFLE_DATABASE_URL": settings.service_url("raffle"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, what, step, str(number)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "there\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def rows(admin: Admin, sql: str) -> list[tuple[Any, ...]]:
    return admin.execute(sql.encode()).fetchall()


@pytest.mark.parametrize("step", ["copy_list", "store_tiles", "insert_draw"])
def test_a_freeze_that_is_killed_leaves_nothing_and_is_made_again(settings: Settings, admin: Admin, step: str) -> None:
    close_raffle(admin, "T-KILLED", ENTRIES)
    kill_before(settings, "freeze", step)
    frozen = within(settings, lambda db: freeze_now(db, "T-KILLED"))
    assert frozen.draw_number == 2, "the number was not used up"
    assert rows(admin, "SELECT count(*) FROM raffle_schema.draw_leaf_pages WHERE draw_number = 2") == [(1,)]


def test_a_draw_that_is_killed_at_any_step_gives_the_same_winners_when_it_is_made_again(
    settings: Settings, admin: Admin
) -> None:
    close_raffle(admin, "T-KILLED", ENTRIES, quantities=(3,), alternates=3)
    frozen = within(settings, lambda db: freeze_now(db, "T-KILLED", terms(signer())))
    for step in ("pages_of_points", "mark_drawn", "insert_positions", "insert_winners", "complete_raffle"):
        kill_before(settings, "draw", step, frozen.beacon_round)
        assert rows(admin, "SELECT status FROM raffle_schema.raffles WHERE raffle_code = 'T-KILLED'") == [("CLOSED",)]
        assert rows(admin, "SELECT status FROM raffle_schema.raffle_draws WHERE chain_number = 2") == [("FROZEN",)]
        assert rows(admin, "SELECT count(*) FROM raffle_schema.draw_positions WHERE draw_number = 2") == [(0,)]

    async def draw_twice(db: Database) -> list[list[tuple[Any, ...]]]:
        """Undone, and made again."""
        found = await wait_for_round(frozen.beacon_round)
        async with db.connection() as conn:
            undone = conn.transaction()
            await undone.start()
            await draw(conn, "T-KILLED", found)
            seen = [[tuple(row) for row in await conn.fetch(SEQUENCE)]]
            await undone.rollback()
            async with conn.transaction():
                await draw(conn, "T-KILLED", found)
            seen.append([tuple(row) for row in await conn.fetch(SEQUENCE)])
        return seen

    undone, kept = within(settings, draw_twice)
    assert undone == kept
    assert len(kept) == 6
