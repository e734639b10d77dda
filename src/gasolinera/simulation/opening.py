"""What there is when the day begins: people, stations with their staff, campaigns, and a coupon in each wallet."""

import asyncio
import csv
import io
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from gasolinera.bringing_in import SheetResult
from gasolinera.coupon.models_campaigns import Campaign
from gasolinera.coupon.models_coupons import Batch, BatchStatus
from gasolinera.database import load_sql
from gasolinera.errors import ConflictError
from gasolinera.permissions import Caller, Role
from gasolinera.simulation.advertising import open_advertising
from gasolinera.simulation.asking import Api, good
from gasolinera.simulation.expecting import (
    PAPER_OFF,
    PAPER_TICKETS,
    RUSH_OFF,
    RUSH_TICKETS,
    WALLET_AT_MOST,
    WALLET_FROM,
    WALLET_PERCENT,
    WALLET_TICKETS,
)
from gasolinera.simulation.plan import LATE_AMOUNT, LATE_BY, LATE_TICKETS, Kind, Plan, everybody
from gasolinera.simulation.raffling import enrol_witnesses, open_raffle
from gasolinera.simulation.waiting import until
from gasolinera.station.models import Station
from gasolinera.station.models_employees import Employee
from gasolinera.terminal.device import Device

_SQL: Final = load_sql("gasolinera.simulation", "opening.sql")
_IN_ONE_TABLE: Final = 2_000
_ALL_FUELS: Final = ("REGULAR", "PREMIUM", "DIESEL")


class Opened(msgspec.Struct, frozen=True):
    """`employees` and `managers` as they log in, the former by user, the latter by station; codes on paper as QR texts;
    `late`: who bought an hour ago, and under which reference. `approver`: the second administrator.
    """

    administrator: Caller
    approver: Caller
    witnesses: tuple[Device, ...]
    employees: dict[UUID, Caller]
    managers: dict[str, Caller]
    paper: tuple[str, ...]
    rush: tuple[str, ...]
    late: dict[UUID, str]


async def open_day(
    api: Api, conn: "asyncpg.Connection[asyncpg.Record]", plan: Plan, *, base_url: str, operator: str, folder: Path
) -> Opened:
    """`folder`: where the terminals keep their keys; `operator`: the key that draws are signed with, in hex.

    Raises ConflictError `simulation.seed_used` when this seed had its day in this database already.
    """
    first, second = (_administrator(user) for user in plan.administrators)
    people = everybody(plan)
    try:
        await conn.execute(_SQL["add_people"], *map(list, zip(*people, strict=True)), plan.names.seed)
    except asyncpg.UniqueViolationError:
        hint = "choose another --seed: a day is made once"
        raise ConflictError("simulation.seed_used", f"seed {plan.names.seed} had its day here", hint) from None
    await _stations(api, first, plan)
    staff = await _staff(api, first, plan)
    await open_raffle(api, conn, first, plan)
    witnesses = await enrol_witnesses(api, base_url, first, plan, operator=operator, folder=folder)
    await _campaigns(api, first, second, plan)
    await open_advertising(api, first, second, plan)
    paper = await _issue(api, first, plan.names.paper, plan.paper_coupons)
    rush = await _issue(api, first, plan.names.rush, plan.count(Kind.RUSH))
    await _fill_wallets(api, conn, first, plan)
    everyone = [*plan.managers, *(till.user_id for till in plan.tills)]

    async def is_known() -> bool:
        return await conn.fetchval(_SQL["count_known_staff"], everyone) == 2 * len(everyone)

    await until(is_known, "the services know who is employed")
    await asyncio.sleep(1.0)  # until every process has heard whose older tokens ended with that
    late = await _late(conn, plan, staff)
    return Opened(
        administrator=first,
        approver=second,
        witnesses=tuple(witnesses),
        employees={till.user_id: staff[till.user_id] for till in plan.tills},
        managers={code: staff[user] for code, user in zip(plan.stations, plan.managers, strict=True)},
        paper=paper,
        rush=rush,
        late=late,
    )


async def close_day(conn: "asyncpg.Connection[asyncpg.Record]", plan: Plan) -> None:
    """Says so where it cannot: what ended the day before its end is what its caller has to hear of."""
    try:
        if await conn.execute(_SQL["retire_administrators"], list(plan.administrators)) == "INSERT 0 0":
            sys.stderr.write("the administrators of the day stay active: there is no other one\n")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        sys.stderr.write(f"the administrators of the day stay active: {error}\n")


def _administrator(user: UUID) -> Caller:
    return Caller(role=Role.SYSTEM_ADMIN, user_id=user, has_second_factor=True)


async def _stations(api: Api, administrator: Caller, plan: Plan) -> None:
    """A few streets apart, so that nobody travels faster than a car."""
    for number, code in enumerate(plan.stations):
        body = {
            "station_code": code,
            "name": f"Simulation {plan.names.seed} No. {number + 1}",
            "country": "MX",
            "latitude": 20.6 + 0.001 * number,
            "longitude": -100.4,
            "address": f"Calle de la Simulación {number + 1}",
            "city": "Querétaro",
            "state": "Querétaro",
            "time_zone": "America/Mexico_City",
            "status": "ACTIVE",
            "accepts_coupons": True,
            "pump_count": 8,
            "fuels": _ALL_FUELS,
        }
        good(await api.post(administrator, "/api/stations", body), Station)


async def _staff(api: Api, administrator: Caller, plan: Plan) -> dict[UUID, Caller]:
    wanted = [
        *((code, user, Role.STATION_ADMIN) for code, user in zip(plan.stations, plan.managers, strict=True)),
        *((till.station_code, till.user_id, Role.EMPLOYEE) for till in plan.tills),
    ]
    hired: dict[UUID, Caller] = {}
    for code, user, role in wanted:
        body = {
            "user_id": user,
            "position": "MANAGER" if role is Role.STATION_ADMIN else "ATTENDANT",
            "role": role,
            "may_process_transactions": True,
        }
        employee = good(await api.post(administrator, f"/api/stations/{code}/employees", body), Employee)
        hired[user] = Caller(role=role, user_id=user, station_code=code, employee_number=employee.employee_number)
    return hired


async def _campaigns(api: Api, first: Caller, second: Caller, plan: Plan) -> None:
    """One drafts and opens, the other approves; what has no limit of its own has a budget."""
    for terms in _terms(plan):
        code = str(terms["campaign_code"])
        draft = good(await api.post(first, "/api/campaigns", terms), Campaign)
        good(await api.post(second, f"/api/campaigns/{code}/approval", {}, version=draft.version), Campaign)
        good(await api.post(first, f"/api/campaigns/{code}/status", {"status": "ACTIVE"}), Campaign)


def _terms(plan: Plan) -> Sequence[Mapping[str, object]]:
    now = datetime.now(UTC)
    always = {"valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=30)}
    plenty = Decimal(100) * len(list(plan.customers))
    return (
        always
        | {
            "campaign_code": plan.names.wallet,
            "name": f"Simulation {plan.names.seed}: everybody's coupon",
            "discount_type": "PERCENTAGE",
            "discount_value": WALLET_PERCENT,
            "maximum_discount": WALLET_AT_MOST,
            "minimum_purchase": WALLET_FROM,
            "stations": plan.stations[:-1],
            "budget_amount": plenty,
            "raffle_tickets_per_coupon": WALLET_TICKETS,
            "raffle_code": plan.names.raffle,
            "cancellation_policy": "RESTORE",
        },
        always
        | {
            "campaign_code": plan.names.paper,
            "name": f"Simulation {plan.names.seed}: coupons on paper",
            "discount_type": "FIXED_AMOUNT",
            "discount_value": PAPER_OFF,
            "minimum_purchase": Decimal(100),
            "budget_amount": plenty,
            "raffle_tickets_per_coupon": PAPER_TICKETS,
            "cancellation_policy": "FORFEIT",
        },
        always
        | {
            "campaign_code": plan.names.rush,
            "name": f"Simulation {plan.names.seed}: a small budget",
            "discount_type": "FIXED_AMOUNT",
            "discount_value": RUSH_OFF,
            "budget_amount": RUSH_OFF * plan.rush_winners,
            "raffle_tickets_per_coupon": RUSH_TICKETS,
        },
    )


async def _issue(api: Api, administrator: Caller, campaign: str, count: int) -> tuple[str, ...]:
    """A batch for everybody; what its codes say, read from its export."""
    asked = await api.post(administrator, "/api/coupons/batches", {"campaign_code": campaign, "count": count})
    batch_id = good(asked, Batch).batch_id

    async def is_issued() -> bool:
        batch = good(await api.get(administrator, f"/api/coupons/batches/{batch_id}"), Batch)
        return batch.status is BatchStatus.COMPLETED

    await until(is_issued, f"the coupons of {campaign} are issued")
    table = await api.get(administrator, f"/api/coupons/batches/{batch_id}/export.csv")
    lines = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))
    return tuple(line["qr"] for line in lines)


async def _fill_wallets(
    api: Api, conn: "asyncpg.Connection[asyncpg.Record]", administrator: Caller, plan: Plan
) -> None:
    """By lists, as the marketing brings them."""
    customers = plan.customers
    while part := tuple(islice(customers, _IN_ONE_TABLE)):
        table = "user_id\r\n" + "".join(f"{customer.user_id}\r\n" for customer in part)
        path = f"/api/coupons/assign?campaign={plan.names.wallet}"
        result = good(await api.send_table(administrator, path, table.encode()), SheetResult)
        assert result.inserted == len(part), "each of them is new and active"
    count = len(list(plan.customers))

    async def is_full() -> bool:
        return await conn.fetchval(_SQL["count_wallets"], plan.names.wallet) == count

    await until(is_full, "everybody's coupon is issued")


async def _late(conn: "asyncpg.Connection[asyncpg.Record]", plan: Plan, staff: dict[UUID, Caller]) -> dict[UUID, str]:
    """Purchases of an hour ago, as rows: nobody can ask a server to have been there then."""
    late: dict[UUID, str] = {}
    for till in plan.tills:
        attendant = staff[till.user_id]
        for customer in (one for one in till.customers if one.kind is Kind.LATE):
            key = f"simulation-{customer.user_id}"
            async with conn.transaction():
                reference = await conn.fetchval(
                    _SQL["begin_late"],
                    customer.user_id,
                    till.station_code,
                    attendant.employee_number,
                    LATE_AMOUNT,
                    key,
                    LATE_BY,
                )
                await conn.execute(_SQL["complete_late"], reference, LATE_TICKETS)
            late[customer.user_id] = reference
    return late
