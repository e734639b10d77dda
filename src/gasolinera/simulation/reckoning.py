"""Every total of the day four times: by the plan, by the application's answers, by SQL of its own, by the reports."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

from gasolinera.coupon.models_campaigns import Campaign
from gasolinera.coupon.models_coupons import WalletCoupon
from gasolinera.coupon.statistics import CampaignFigures
from gasolinera.database import load_sql
from gasolinera.errors import UnavailableError
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Role
from gasolinera.raffle.models import Standing
from gasolinera.redemption.models_points import PointsBalance, PointsRule
from gasolinera.redemption.models_reports import Report
from gasolinera.redemption.models_tickets import BalanceLine, TicketStatus
from gasolinera.simulation import reckoning_raffles
from gasolinera.simulation.asking import Api, good
from gasolinera.simulation.opening import Opened
from gasolinera.simulation.plan import Kind, Plan
from gasolinera.simulation.reckoning_raffles import questions
from gasolinera.simulation.totals import Totals
from gasolinera.simulation.waiting import until

_SQL: Final = load_sql("gasolinera.simulation", "reckoning.sql")
_STATEMENTS: Final = {**_SQL, **reckoning_raffles.SQL}
_AT_ONCE: Final = 32
_PATIENCE_S: Final = 120.0
_IN_RAFFLE: Final = frozenset({TicketStatus.ENTERED, TicketStatus.USED})  # used is what was drawn
_VALID: Final = _IN_RAFFLE | {TicketStatus.ACTIVE}


class Row(msgspec.Struct, frozen=True):
    """One total. What is None was not asked; all that is there has to be the same."""

    total: str
    expected: int | Decimal | None
    told: int | Decimal | None
    found: int | Decimal | None
    reported: int | Decimal | None

    @property
    def agrees(self) -> bool:
        return len({value for value in (self.expected, self.told, self.found, self.reported) if value is not None}) == 1


class _Rules(msgspec.Struct, frozen=True):
    items: tuple[PointsRule, ...]


class _Balance(msgspec.Struct, frozen=True):
    items: tuple[BalanceLine, ...]


class Holdings(msgspec.Struct):
    """What the customers' own applications show at the end of the day, added up."""

    coupons: int = 0
    tickets: int = 0
    tickets_in_raffle: int = 0
    points: int = 0
    entries: int = 0
    raffle_tickets: int = 0


def reckon(expected: Totals, told: Totals, found: Totals, reported: Totals) -> tuple[Row, ...]:
    return tuple(
        Row(name, *(getattr(totals, name) for totals in (expected, told, found, reported)))
        for name in Totals.__struct_fields__
    )


async def points_per_unit(api: Api, opened: Opened) -> Decimal:
    """What a peso earns on the day."""
    rules = good(await api.get(opened.administrator, "/api/points/rules"), _Rules)
    return next(
        (rule.points_per_unit for rule in rules.items if rule.currency == "MXN" and rule.is_enabled), Decimal(0)
    )


async def settle(conn: "asyncpg.Connection[asyncpg.Record]", began: datetime) -> None:
    """Until the events since `began` have had their effects; what takes too long is left to the reckoning."""

    async def is_quiet() -> bool:
        return await conn.fetchval(_SQL["waiting"], began) == 0

    try:
        await until(is_quiet, "all events have had their effects", patience_s=_PATIENCE_S)
    except UnavailableError as error:
        sys.stderr.write(f"{error.message}\n")


async def find(conn: "asyncpg.Connection[asyncpg.Record]", plan: Plan, began: datetime) -> Totals:
    """What the tables hold, at one moment."""
    campaigns, stations = list(plan.names.campaigns), list(plan.stations)
    users = [customer.user_id for customer in plan.customers]
    cheats = [customer.user_id for customer in plan.customers if customer.kind is Kind.DUPLICATE]
    asked: Sequence[tuple[str, tuple[object, ...]]] = (
        ("coupons", (campaigns,)),
        ("shards", (campaigns,)),
        ("attempts", (stations,)),
        ("redemptions", (stations,)),
        ("tickets", (users,)),
        ("points", (users,)),
        ("pump_codes", (stations,)),
        ("assessments", (stations, cheats)),
        ("told_by_coupon", (campaigns,)),
        ("told_by_redemption", (users,)),
        ("told_twice", (campaigns, users)),
        ("told_to_nobody", (began,)),
        ("uses", (campaigns,)),
        ("both_schemas", (stations,)),
        *questions(plan, users),
    )
    found: dict[str, int | Decimal] = {}
    async with conn.transaction(isolation="repeatable_read", readonly=True):
        for name, values in asked:
            row = await conn.fetchrow(_STATEMENTS[name], *values)
            assert row is not None
            found |= dict(row.items())
    return msgspec.convert(found, Totals)


async def ask(api: Api, plan: Plan, opened: Opened, told: Totals, asked: Callable[[], None] = lambda: None) -> Totals:
    """Adds to what the day's answers told what campaigns and every customer are told now. `asked`: one more was."""
    holdings = Holdings()
    places = asyncio.Semaphore(_AT_ONCE)

    async def look(caller: Caller) -> None:
        async with places:
            await _look(api, caller, plan.names.raffle, holdings)
        asked()

    await asyncio.gather(*(look(Caller(role=Role.CUSTOMER, user_id=customer.user_id)) for customer in plan.customers))
    wallet, paper, rush = [
        good(await api.get(opened.administrator, f"/api/campaigns/{code}"), Campaign) for code in plan.names.campaigns
    ]
    return msgspec.structs.replace(
        told,
        wallet_uses=wallet.used,
        wallet_spent=wallet.spent,
        paper_uses=paper.used,
        paper_spent=paper.spent,
        rush_uses=rush.used,
        rush_spent=rush.spent,
        tickets_valid=holdings.tickets,
        tickets_in_raffle=holdings.tickets_in_raffle,
        points=holdings.points,
        raffle_entries=holdings.entries,
        raffle_tickets=holdings.raffle_tickets,
        coupons_in_wallets=holdings.coupons,
    )


async def _look(api: Api, caller: Caller, raffle: str, holdings: Holdings) -> None:
    """Answers are added in one go: nobody else adds in between."""
    coupons = good(await api.get(caller, "/api/coupons/mine"), Page[WalletCoupon])
    tickets = good(await api.get(caller, "/api/tickets/balance"), _Balance)
    points = good(await api.get(caller, "/api/points"), PointsBalance)
    standing = good(await api.get(caller, f"/api/raffles/{raffle}/standing"), Standing)
    holdings.coupons += len(coupons.items)
    holdings.tickets += sum(line.count for line in tickets.items if line.status in _VALID)
    holdings.tickets_in_raffle += sum(line.count for line in tickets.items if line.status in _IN_RAFFLE)
    holdings.points += points.balance
    holdings.entries += standing.entries
    holdings.raffle_tickets += standing.tickets


async def report(api: Api, conn: "asyncpg.Connection[asyncpg.Record]", plan: Plan, opened: Opened) -> Totals:
    """What the reports say when they are brought up to date: the campaigns', and each station's of its redemptions."""
    await conn.execute(_SQL["refresh_statistics"])
    while await conn.fetchval(_SQL["refresh_reports"]):
        pass
    wallet, paper, rush = [
        good(await api.get(opened.administrator, f"/api/campaigns/{code}/statistics"), CampaignFigures)
        for code in plan.names.campaigns
    ]
    figures = (wallet, paper, rush)
    reports = [
        good(await api.get(manager, "/api/reports/redemptions?by=station"), Report)
        for manager in opened.managers.values()
    ]
    lines = [line for report in reports for line in report.items]
    return Totals(
        coupons_issued=sum(one.coupons for one in figures),
        coupons_available=sum(one.active_coupons for one in figures),
        coupons_used=sum(one.used_coupons for one in figures),
        wallet_uses=wallet.redemptions,
        wallet_spent=wallet.discount_amount,
        paper_uses=paper.redemptions,
        paper_spent=paper.discount_amount,
        rush_uses=rush.redemptions,
        rush_spent=rush.discount_amount,
        uses_given_back=sum(one.restored for one in figures),
        redemptions_completed=sum(line.completed - line.cancelled for line in lines),
        redemptions_cancelled=sum(line.cancelled for line in lines),
        original_amount=sum((line.original_amount for line in lines), Decimal()),
        discount_amount=sum((line.discount_amount for line in lines), Decimal()),
        final_amount=sum((line.final_amount for line in lines), Decimal()),
        fuel_litres=sum((line.fuel_litres for line in lines), Decimal()),
        tickets_of_redemptions=sum(line.tickets_earned for line in lines),
        tickets_taken_back=sum(line.tickets_taken_back for line in lines),
    )
