"""The raffle of the day as its administrators make it, and the terminals that witness its freeze."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg

from gasolinera.database import load_sql
from gasolinera.permissions import Caller
from gasolinera.raffle.models import ManagedRaffle, Prize, PublishedTerms
from gasolinera.raffle.models_evidence import Witness
from gasolinera.simulation.asking import Api, good
from gasolinera.simulation.expecting_raffles import ALTERNATES, PRIZE_UNITS
from gasolinera.simulation.plan import Plan
from gasolinera.simulation.waiting import until
from gasolinera.station.models_terminals import EnrolmentCode, Terminal
from gasolinera.terminal import device
from gasolinera.terminal.device import Device
from gasolinera.terminal.witnessing import witness

_SQL: Final = load_sql("gasolinera.simulation", "opening.sql")
_WITNESSES: Final = 2
# The first is worth so much that two people look at its winner's document.
_PRIZES: Final = (("Un tanque lleno cada mes", "25000.00"), ("Una tarjeta de regalo", "500.00"))
_SOON_S: Final = 60.0


async def open_raffle(
    api: Api, conn: "asyncpg.Connection[asyncpg.Record]", administrator: Caller, plan: Plan
) -> ManagedRaffle:
    """Published, and known to who issues tickets."""
    now = datetime.now(UTC)
    code = plan.names.raffle
    rules = {
        "raffle_code": code,
        "name": f"Simulation {plan.names.seed}: the raffle",
        "selection_algorithm": "PROVABLY_FAIR",
        "opens_at": now - timedelta(days=1),
        "closes_at": now + timedelta(days=30),
        "draw_at": now + timedelta(days=31),
        "alternate_count": ALTERNATES,
        "claim_days": 30,
        "organizer": "Gasolinera JSM",
        "permit_number": f"SIM-{plan.names.seed:04}",
        "terms_url": "https://gasolinera-jsm.example/simulacion",
        "min_age": None,
        "free_entries_per_day": 1,
    }
    path = f"/api/raffles/{code}"
    good(await api.post(administrator, "/api/raffles", rules), ManagedRaffle)
    terms = {"version": "1", "text": "Un boleto, una oportunidad. Nadie gana dos veces."}
    good(await api.post(administrator, f"{path}/terms", terms), PublishedTerms)
    for rank, ((name, value), units) in enumerate(zip(_PRIZES, PRIZE_UNITS, strict=True), start=1):
        prize = {
            "rank": rank,
            "name": name,
            "prize_type": "GIFT_CARD",
            "prize_value": value,
            "quantity": units,
            "delivery_method": "DIGITAL",
        }
        good(await api.post(administrator, f"{path}/prizes", prize), Prize)
    opened = good(await api.post(administrator, f"{path}/opening", {}), ManagedRaffle)

    async def is_known() -> bool:
        return await conn.fetchval(_SQL["is_raffle_known"], code)

    await until(is_known, "who issues tickets knows the raffle", patience_s=_SOON_S)
    return opened


async def enrol_witnesses(
    api: Api, base_url: str, administrator: Caller, plan: Plan, *, operator: str, folder: Path
) -> list[Device]:
    """Two terminals, each of another station, with keys of their own, which have looked through what was drawn before.
    `operator`: the key that draws are signed with now, in hex.
    """
    terminals: list[Device] = []
    for station in plan.stations[:_WITNESSES]:
        wish = {"name": "Testigo"}
        made = good(await api.post(administrator, f"/api/stations/{station}/terminals/codes", wish), EnrolmentCode)
        terminal = await asyncio.to_thread(device.enrol, folder / station, base_url, made.code)
        await asyncio.to_thread(witness, terminal, now=datetime.now(UTC), operator=operator)
        terminals.append(terminal)
    return terminals


async def retire_witnesses(api: Api, administrator: Caller, terminals: Sequence[Device]) -> None:
    """Nobody keeps their keys: no later manifest shall count on them."""
    for terminal in terminals:
        code, body = terminal.enrolled.terminal_code, {"reason": "the simulated day is over"}
        good(await api.post(administrator, f"/api/raffles/witnesses/{code}/retire", body), Witness)
        good(await api.post(administrator, f"/api/stations/terminals/{code}/revoke", body), Terminal)
