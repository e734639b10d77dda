"""One day from its opening to its reckoning, in an application that listens already."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import asyncpg
import msgspec
import uvloop

from gasolinera.config import Settings
from gasolinera.errors import ConfigError
from gasolinera.keyring import load_keyring
from gasolinera.simulation import reckoning
from gasolinera.simulation.asking import open_api
from gasolinera.simulation.expecting import expected
from gasolinera.simulation.opening import close_day, open_day
from gasolinera.simulation.plan import Plan
from gasolinera.simulation.reckoning import Row
from gasolinera.simulation.telling import Tally
from gasolinera.simulation.visits import serve_all

_NOW: Final = "SELECT now()"


class Day(msgspec.Struct, frozen=True):
    """What came of it. `surprises`: answers that the plan does not know, in words, as far as there is room."""

    seed: int
    stations: int
    customers: int
    seconds: float
    rows: tuple[Row, ...]
    surprises: tuple[str, ...]

    @property
    def is_reconciled(self) -> bool:
        return all(row.agrees for row in self.rows)


class Progress(msgspec.Struct, frozen=True):
    """Called while the day goes on: with the name of each part, and for each customer who was served or asked."""

    begins: Callable[[str, int], None]
    advances: Callable[[], None]


def play(settings: Settings, plan: Plan, base_url: str, progress: Progress) -> Day:
    """Raises ConfigError without the common address, and what the opening and a broken server raise."""
    if settings.database_url is None:
        hint = "set GASOLINERA_DATABASE_URL: the reckoning reads the schemas of all services beside each other"
        raise ConfigError("simulation.database", "the day needs one database for all services", hint)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play(settings, settings.database_url.get_secret_value(), plan, base_url, progress))


async def _play(settings: Settings, database_url: str, plan: Plan, base_url: str, progress: Progress) -> Day:
    started = time.monotonic()
    count = len(list(plan.customers))
    conn = await asyncpg.connect(database_url, server_settings={"application_name": "gasolinera simulate"})
    tally = Tally()
    try:
        began = await conn.fetchval(_NOW)
        async with open_api(base_url, load_keyring(settings)) as api:
            progress.begins("opening", 0)
            opened = await open_day(api, conn, plan)
            points_per_unit = await reckoning.points_per_unit(api, opened)
            progress.begins("serving", count)
            await serve_all(api, plan, opened, tally, progress.advances)
            progress.begins("settling", 0)
            await reckoning.settle(conn, began)
            progress.begins("asking", count)
            told = await reckoning.ask(api, plan, opened, tally.totals(), progress.advances)
            progress.begins("reckoning", 0)
            reported = await reckoning.report(api, conn, plan, opened)
            found = await reckoning.find(conn, plan, began)
    finally:
        await close_day(conn, plan)
        await conn.close()
    return Day(
        seed=plan.names.seed,
        stations=len(plan.stations),
        customers=count,
        seconds=round(time.monotonic() - started, 1),
        rows=reckoning.reckon(expected(plan, points_per_unit=points_per_unit), told, found, reported),
        surprises=tuple(tally.surprises),
    )
