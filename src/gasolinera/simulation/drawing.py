"""How the raffle of the day ends: closed, frozen before witnesses, drawn by the beacon; claimed, and not claimed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from gasolinera.config import Settings
from gasolinera.database import Database, load_sql, open_database
from gasolinera.keyring import Keyring
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Role
from gasolinera.raffle import draw_keeping
from gasolinera.raffle.models import ManagedRaffle, RaffleStatus
from gasolinera.raffle.models_evidence import EvidenceReport
from gasolinera.raffle.models_winners import Prize, Result, Winner, WinnerStatus
from gasolinera.raffle.timestamps import COLLECT_TIMESTAMPS
from gasolinera.raffle.winners import JOBS
from gasolinera.simulation import authority
from gasolinera.simulation.asking import Answer, Api, accepted, good
from gasolinera.simulation.opening import Opened
from gasolinera.simulation.plan import Kind, Plan
from gasolinera.simulation.telling import Tally
from gasolinera.simulation.waiting import until
from gasolinera.terminal.witnessing import witness

GAP_S: Final = 2  # from the last evidence to the round; everywhere but in a simulation it is minutes
QUORUM: Final = 2
# The raffle waits 30 s for what is on its way; the last `GAP_S` are too late for evidence.
_DRAW_IN: Final = timedelta(seconds=45)
_SOON_S: Final = 60.0
_SQL: Final = load_sql("gasolinera.simulation", "drawing.sql")
_NOTIFY, _FORFEIT = JOBS


class Hall(msgspec.Struct, frozen=True):
    """Where the draw is held. `raffles`: the raffle service's database, for what its worker does on its own."""

    api: Api
    conn: "asyncpg.Connection[asyncpg.Record]"
    settings: Settings
    keyring: Keyring
    raffles: Database
    plan: Plan
    opened: Opened
    tally: Tally

    @property
    def path(self) -> str:
        return f"/api/raffles/{self.plan.names.raffle}"


@asynccontextmanager
async def open_hall(
    api: Api,
    conn: "asyncpg.Connection[asyncpg.Record]",
    settings: Settings,
    keyring: Keyring,
    *,
    plan: Plan,
    opened: Opened,
    tally: Tally,
) -> AsyncGenerator[Hall]:
    async with open_database(settings, "raffle") as raffles:
        yield Hall(api, conn, settings, keyring, raffles, plan, opened, tally)


async def freeze(hall: Hall, folder: Path) -> EvidenceReport:
    """Over, closed, frozen, stamped by our own authority and signed by the terminals; nothing is drawn yet.

    The authority's root is written to `folder`.
    """
    async with hall.conn.transaction():
        await hall.conn.execute(_SQL["past_triggers"])
        await hall.conn.execute(_SQL["allow_a_near_round"])
        await hall.conn.execute(_SQL["end_raffle"], hall.plan.names.raffle, _DRAW_IN)

    async def is_closed() -> bool:
        answer = await hall.api.post(hall.opened.administrator, f"{hall.path}/closing", {})
        return answer.problem != "raffle.entries_waiting" and bool(good(answer, ManagedRaffle))

    await until(is_closed, "every ticket that came in time is in the raffle", patience_s=_SOON_S)
    await _keep_draws(hall)
    stamping = authority.make_authority(datetime.now(UTC))
    roots = folder / "timestamp-root.pem"
    roots.write_bytes(stamping.root_pem)
    with authority.served(stamping, lambda: datetime.now(UTC)) as url:
        await asyncio.gather(
            COLLECT_TIMESTAMPS.run(hall.raffles, {"urls": url, "roots": str(roots)}),
            *(asyncio.to_thread(witness, terminal, now=datetime.now(UTC)) for terminal in hall.opened.witnesses),
        )
    return good(await hall.api.get(hall.opened.administrator, f"{hall.path}/evidence"), EvidenceReport)


async def draw(hall: Hall) -> None:
    """As soon as the round is there. Whoever finds it drawn leaves it so."""

    async def is_drawn() -> bool:
        await _keep_draws(hall)
        raffle = good(await hall.api.get(hall.opened.administrator, f"{hall.path}/managed"), ManagedRaffle)
        return raffle.status is RaffleStatus.COMPLETED

    await until(is_drawn, "the raffle is drawn", patience_s=_SOON_S)


async def fulfil(hall: Hall) -> tuple[Winner, ...]:
    """Winners are told; the first prize is claimed and delivered; one of the others is not claimed, and goes to the
    next alternate. All positions as the staff sees them in the end.
    """
    await _tell_winners(hall)
    told = [one for one in await winners_of(hall) if one.status is WinnerStatus.NOTIFIED]
    first, second, *_ = told
    await _claim(hall, first)
    await _deliver(hall, first)
    async with hall.conn.transaction():
        await hall.conn.execute(_SQL["past_triggers"])
        await hall.conn.execute(_SQL["miss_deadline"], second.winner_id)
    late = await _claims(hall, second)
    hall.tally.same("prize.late", late.problem)
    await _FORFEIT.run(hall.raffles, {})
    await _tell_winners(hall)
    return await winners_of(hall)


async def winners_of(hall: Hall) -> tuple[Winner, ...]:
    """As staff sees them; everybody sees the same states."""
    query = f"raffle={hall.plan.names.raffle}&limit=100"
    staff = good(await hall.api.get(hall.opened.administrator, f"/api/raffles/winners?{query}"), Page[Winner]).items
    public = good(await hall.api.get(hall.opened.administrator, f"{hall.path}/winners?limit=100"), Page[Result]).items
    hall.tally.same([one.status for one in staff], [one.status for one in public])
    return tuple(staff)


async def _claims(hall: Hall, winner: Winner) -> Answer:
    holder = Caller(role=Role.CUSTOMER, user_id=winner.user_id)
    wish = {"delivery": {"recipient": "Simulation Person", "account": "SIM"}, "shows_name": True}
    return await hall.api.post(holder, f"/api/raffles/prizes/{winner.winner_id}/claim", wish)


async def _claim(hall: Hall, winner: Winner) -> None:
    """By its holder, once; nobody else can."""
    holder = Caller(role=Role.CUSTOMER, user_id=winner.user_id)
    own = good(await hall.api.get(holder, "/api/raffles/prizes"), Page[Prize]).items
    hall.tally.same([winner.winner_id], [prize.winner_id for prize in own])
    stranger = msgspec.structs.replace(winner, user_id=hall.plan.who(Kind.HOME)[0].user_id)
    hall.tally.same("prize.unknown", (await _claims(hall, stranger)).problem)
    accepted(await _claims(hall, winner))
    hall.tally.same("prize.claimed", (await _claims(hall, winner)).problem)


async def _deliver(hall: Hall, winner: Winner) -> None:
    """Two people look at the document, and then it goes its way."""
    path = f"/api/raffles/winners/{winner.winner_id}"
    seen = {"document_type": "PASSPORT", "document_number": "SIM000001", "is_of_age": True, "is_the_holder": True}
    for administrator in (hall.opened.administrator, hall.opened.approver):
        accepted(await hall.api.post(administrator, f"{path}/identity", seen))
    for step in ({"step": "PREPARED"}, {"step": "SENT", "tracking": "SIM-1"}):
        accepted(await hall.api.post(hall.opened.administrator, f"{path}/steps", step))


async def _keep_draws(hall: Hall) -> None:
    """What a worker does every few seconds, at once."""
    await draw_keeping.keep(hall.raffles, hall.settings, hall.keyring)


async def _tell_winners(hall: Hall) -> None:
    """Now, and not when the job's minute comes; where that has just come, it tells them."""

    async def are_told() -> bool:
        await _NOTIFY.run(hall.raffles, {})
        return all(one.status is not WinnerStatus.SELECTED for one in await winners_of(hall))

    await until(are_told, "all winners are told", patience_s=_SOON_S)
