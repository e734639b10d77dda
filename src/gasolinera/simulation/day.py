"""One day from its opening to its reckoning, in an application that listens already."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg
import msgspec
import uvloop

from gasolinera.config import Settings
from gasolinera.errors import ConfigError
from gasolinera.keyring import load_keyring, signing_key
from gasolinera.permissions import Caller, Role
from gasolinera.raffle.bundles import Bundle
from gasolinera.raffle.documents import read_document
from gasolinera.simulation import reckoning
from gasolinera.simulation.asking import accepted, open_api
from gasolinera.simulation.drawing import Hall, draw, freeze, fulfil, open_hall
from gasolinera.simulation.expecting import expected
from gasolinera.simulation.judging import Judgement, fetch_draw, judge
from gasolinera.simulation.opening import close_day, open_day
from gasolinera.simulation.plan import Kind, Plan
from gasolinera.simulation.raffling import retire_witnesses
from gasolinera.simulation.reckoning import Row
from gasolinera.simulation.reckoning_raffles import ask_raffle, report_raffle
from gasolinera.simulation.telling import Tally
from gasolinera.simulation.totals import Totals
from gasolinera.simulation.visits import serve_all
from gasolinera.simulation.watching import watch_all

_NOW: Final = "SELECT now()"


class Day(msgspec.Struct, frozen=True):
    """What came of it. `surprises`: answers that the plan does not know, in words, as far as there is room; `folder`:
    where the draw's bundle is.
    """

    seed: int
    stations: int
    customers: int
    seconds: float
    rows: tuple[Row, ...]
    surprises: tuple[str, ...]
    folder: str
    judgements: tuple[Judgement, ...]

    @property
    def is_reconciled(self) -> bool:
        """And the draw is verified by everybody who was asked."""
        return all(row.agrees for row in self.rows) and all(one.verdict == "verified" for one in self.judgements)


class Progress(msgspec.Struct, frozen=True):
    """Called while the day goes on: with the name of each part, and for each customer who was served or asked."""

    begins: Callable[[str, int], None]
    advances: Callable[[], None]


def play(settings: Settings, plan: Plan, base_url: str, folder: Path, progress: Progress) -> Day:
    """`folder`: where what the draw published is written. Raises ConfigError without the common address, and what the
    opening and a broken server raise.
    """
    if settings.database_url is None:
        hint = "set GASOLINERA_DATABASE_URL: the reckoning reads the schemas of all services beside each other"
        raise ConfigError("simulation.database", "the day needs one database for all services", hint)
    folder.mkdir(parents=True, exist_ok=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_play(settings, plan, base_url, folder, progress))


async def _play(settings: Settings, plan: Plan, base_url: str, folder: Path, progress: Progress) -> Day:
    started = time.monotonic()
    assert settings.database_url is not None
    address = settings.database_url.get_secret_value()
    conn = await asyncpg.connect(address, server_settings={"application_name": "gasolinera simulate"})
    tally, keyring = Tally(), load_keyring(settings)
    operator = signing_key(keyring.current("raffle")).verify_key.encode().hex()
    try:
        began = await conn.fetchval(_NOW)
        with TemporaryDirectory(prefix="terminals-") as terminals:
            async with open_api(base_url, keyring) as api:
                progress.begins("opening", 0)
                # It waits until the application has started: one that is stopped before may not stop at all.
                accepted(
                    await api.get(Caller(role=Role.CUSTOMER, user_id=plan.who(Kind.HOME)[0].user_id), "/health/live")
                )
                opened = await open_day(api, conn, plan, base_url=base_url, operator=operator, folder=Path(terminals))
                points_per_unit = await reckoning.points_per_unit(api, opened)
                progress.begins("serving", plan.count(*Kind))
                await serve_all(api, plan, opened, tally, progress.advances)
                progress.begins("watching", 0)
                await watch_all(api, plan, opened, tally)
                async with open_hall(api, conn, settings, keyring, plan=plan, opened=opened, tally=tally) as hall:
                    rest = await _end(hall, began, folder, progress)
    finally:
        await close_day(conn, plan)
        await conn.close()
    return Day(
        seed=plan.names.seed,
        stations=len(plan.stations),
        customers=plan.count(*Kind),
        seconds=round(time.monotonic() - started, 1),
        rows=reckoning.reckon(expected(plan, points_per_unit=points_per_unit), rest.told, rest.found, rest.reported),
        surprises=tuple(tally.surprises),
        folder=str(folder),
        judgements=rest.judgements,
    )


class _Rest(msgspec.Struct, frozen=True):
    told: Totals
    found: Totals
    reported: Totals
    judgements: tuple[Judgement, ...]


async def _end(hall: Hall, began: datetime, folder: Path, progress: Progress) -> _Rest:
    """From the raffle's close on. While the beacon's round is waited for, everybody is asked what he has."""
    api, conn, plan, opened = hall.api, hall.conn, hall.plan, hall.opened
    progress.begins("settling", 0)
    await reckoning.settle(conn, began)
    progress.begins("freezing", 0)
    evidence = await freeze(hall, folder)
    progress.begins("asking", plan.count(*Kind))
    told = await reckoning.ask(api, plan, opened, hall.tally.totals(), progress.advances)
    progress.begins("drawing", 0)
    await draw(hall)
    winners = await fulfil(hall)
    bundle = await fetch_draw(hall, winners[0], folder)
    await retire_witnesses(api, opened.administrator, opened.witnesses)
    progress.begins("verifying", 0)
    judgements = await judge(folder)
    progress.begins("reckoning", 0)
    await reckoning.settle(conn, began)
    told = await ask_raffle(api, plan, opened, told, winners=winners, evidence=evidence)
    reported = await reckoning.report(api, conn, plan, opened)
    return _Rest(
        told=msgspec.structs.replace(told, surprises=hall.tally.surprise_count),
        found=await reckoning.find(conn, plan, began),
        reported=await report_raffle(api, hall.settings, plan, opened, reported, bundle=read_document(Bundle, bundle)),
        judgements=judgements,
    )
