"""What follows from a plan, by own arithmetic: nothing of the services computes here."""

from collections import Counter
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from gasolinera.simulation.expecting_raffles import BONUS, expected_of_ads, expected_of_raffle, views_completed
from gasolinera.simulation.plan import (
    LATE_TICKETS,
    ON_PAPER,
    PUMP_TICKET,
    RUSH_AMOUNT,
    WATCHING,
    Customer,
    Kind,
    Plan,
    Purchase,
)
from gasolinera.simulation.totals import Totals

WALLET_PERCENT: Final = Decimal("12.50")
WALLET_AT_MOST: Final = Decimal("60.00")
WALLET_FROM: Final = Decimal("200.00")
WALLET_TICKETS: Final = 2
PAPER_OFF: Final = Decimal("40.00")
PAPER_TICKETS: Final = 3
RUSH_OFF: Final = Decimal("50.00")
RUSH_TICKETS: Final = 1
_GIVEN_BACK: Final = (Kind.CANCELLED, Kind.AGAIN, Kind.UNDOING)
_CENT: Final = Decimal("0.01")

_WALLET: Final = (
    Kind.PLAIN,
    Kind.TYPED,
    Kind.MISTYPED,
    Kind.FORGED,
    Kind.TWO_STEP,
    Kind.TWICE,
    Kind.AGAIN,
    Kind.STRANGE_STATION,
    Kind.DUPLICATE,
    *(kind for kind in WATCHING if kind is not Kind.UNDOING),
)
_FAILING: Final = (Kind.STRANGE_STATION, Kind.TOO_LITTLE, Kind.DUPLICATE, Kind.FORFEITED)


class _Sale(msgspec.Struct, frozen=True):
    """A redemption that completes. `is_kept`: and is not cancelled later."""

    original: Decimal
    discount: Decimal
    tickets: int
    campaign: str | None
    is_kept: bool = True
    litres: Decimal = Decimal()

    @property
    def final(self) -> Decimal:
        return self.original - self.discount


class _Day(msgspec.Struct, frozen=True):
    """`kinds`: how many customers of each there are."""

    plan: Plan
    kinds: Counter[Kind]
    sales: tuple[_Sale, ...]

    @property
    def kept(self) -> list[_Sale]:
        return [sale for sale in self.sales if sale.is_kept]

    @property
    def undone(self) -> list[_Sale]:
        return [sale for sale in self.sales if not sale.is_kept]

    @property
    def losers(self) -> int:
        """For whom the small budget is not enough."""
        return self.kinds[Kind.RUSH] - self.plan.rush_winners

    @property
    def failed(self) -> int:
        return self.count(*_FAILING) + self.losers

    @property
    def with_coupon(self) -> int:
        return sum(sale.campaign is not None for sale in self.sales)

    def count(self, *kinds: Kind) -> int:
        return sum(self.kinds[kind] for kind in kinds)


def expected(plan: Plan, *, points_per_unit: Decimal) -> Totals:
    """`points_per_unit`: what the rule of the currency is on the day."""
    sales = [sale for customer in plan.customers for sale in _sales(plan, customer)]
    sales += [_Sale(RUSH_AMOUNT, RUSH_OFF, RUSH_TICKETS, plan.names.rush)] * plan.rush_winners
    day = _Day(plan, Counter(customer.kind for customer in plan.customers), tuple(sales))
    parts = (
        _of_coupons(day),
        _of_attempts(day),
        _of_redemptions(day, points_per_unit),
        expected_of_ads(plan, day.kinds),
        expected_of_raffle(
            day.kinds,
            own_entries=day.count(*_WALLET, Kind.PAPER, Kind.FREE),
            tickets=_in_raffle(day),
            withdrawn=WALLET_TICKETS * day.count(*_GIVEN_BACK),
        ),
        _of_events(day),
        _NOTHING,
    )
    told = [(name, getattr(part, name)) for part in parts for name in Totals.__struct_fields__]
    return Totals(**{name: value for name, value in told if value is not None})


_NOTHING: Final = Totals(
    redemptions_under_way=0,
    attempts_of_other_kinds=0,
    blocked_falsely=0,
    told_twice=0,
    told_to_nobody=0,
    surprises=0,
    coupons_miscounted=0,
    campaigns_miscounted=0,
    uses_without_redemption=0,
    redemptions_without_use=0,
    amounts_that_differ=0,
    tickets_not_earned=0,
    bonuses_that_differ=0,
    ad_budgets_miscounted=0,
    raffle_tickets_refused=0,
    raffle_miscounted=0,
    raffle_tickets_that_differ=0,
)


def _of_coupons(day: _Day) -> Totals:
    customers = day.kinds.total()
    issued = customers + day.plan.paper_coupons + day.count(Kind.RUSH)
    used = day.count(*_WALLET, *ON_PAPER) + day.plan.rush_winners
    wallet, paper, rush = (_counted(day, name) for name in day.plan.names.campaigns)
    return Totals(
        coupons_issued=issued,
        coupons_available=issued - used,
        coupons_used=used,
        coupons_in_wallets=customers - day.count(*_WALLET),
        wallet_uses=len(wallet),
        wallet_spent=sum(wallet, Decimal()),
        paper_uses=len(paper),
        paper_spent=sum(paper, Decimal()),
        rush_uses=len(rush),
        rush_spent=sum(rush, Decimal()),
        uses_given_back=day.count(*_GIVEN_BACK),
    )


def _of_attempts(day: _Day) -> Totals:
    return Totals(
        attempts_good=day.with_coupon + day.count(Kind.TWO_STEP),  # the first step asks too
        attempts_budget_exhausted=day.losers,
        attempts_invalid_code=day.count(Kind.MISTYPED),
        attempts_invalid_signature=day.count(Kind.FORGED),
        attempts_minimum_not_met=day.count(Kind.TOO_LITTLE),
        attempts_other_station=day.count(Kind.STRANGE_STATION),
        assessed=len(day.sales) + day.failed + day.count(Kind.TWO_STEP),  # the second step with what was pumped
        used_coupons_refused=day.count(Kind.FORFEITED, Kind.DUPLICATE),
    )


def _of_redemptions(day: _Day, points_per_unit: Decimal) -> Totals:
    late = LATE_TICKETS * day.count(Kind.LATE)
    tickets = sum(sale.tickets for sale in day.sales) + late
    taken_back = sum(sale.tickets for sale in day.undone) + late
    free = day.count(Kind.FREE)
    bonus = BONUS * views_completed(day.kinds)
    bonus_back = BONUS * day.count(Kind.UNDOING)
    # Of what was cancelled nothing stays, whether its points came before or not.
    points = sum(int((sale.final * points_per_unit).to_integral_value(ROUND_FLOOR)) for sale in day.kept)
    return Totals(
        redemptions_completed=len(day.kept),
        redemptions_failed=day.failed,
        redemptions_cancelled=len(day.undone) + day.count(Kind.LATE),
        original_amount=sum((sale.original for sale in day.kept), Decimal()),
        discount_amount=sum((sale.discount for sale in day.kept), Decimal()),
        final_amount=sum((sale.final for sale in day.kept), Decimal()),
        fuel_litres=sum((sale.litres for sale in day.kept), Decimal()),
        tickets_issued=tickets + free + bonus,
        tickets_of_redemptions=tickets,
        tickets_taken_back=taken_back,
        tickets_valid=tickets + free + bonus - taken_back - bonus_back,
        tickets_in_raffle=_in_raffle(day),
        points=points,
        points_in_ledger=points,
        pump_codes_completed=day.count(Kind.PUMP, Kind.PUMP_COUPON),
    )


def _in_raffle(day: _Day) -> int:
    """What a wallet's coupon and its views earn goes there by itself; what paper earns is sent."""
    own = WALLET_TICKETS * day.count(*_WALLET) + PAPER_TICKETS * day.count(Kind.PAPER) + day.count(Kind.FREE)
    return own + BONUS * (views_completed(day.kinds) - day.count(Kind.UNDOING))


def _of_events(day: _Day) -> Totals:
    undone = len(day.undone) + day.count(Kind.LATE)
    return Totals(
        told_coupon_issued=day.kinds.total() + 2,  # two batches besides
        told_coupon_consumed=day.with_coupon,
        told_coupon_restored=day.count(*_GIVEN_BACK),
        told_redemption_completed=len(day.sales),
        told_redemption_cancelled=undone,
        # Those of paper once more, when they are sent to a raffle.
        told_tickets_issued=len(day.sales) + day.count(Kind.FREE, Kind.LATE, Kind.PAPER) + views_completed(day.kinds),
        told_tickets_revoked=undone + day.count(Kind.UNDOING),  # its own tickets, and those of the view
    )


def _counted(day: _Day, campaign: str) -> list[Decimal]:
    """What the campaign counts for each use: one of a coupon on paper is not given back."""
    is_forfeit = campaign == day.plan.names.paper
    return [sale.discount for sale in day.sales if sale.campaign == campaign and (sale.is_kept or is_forfeit)]


def _sales(plan: Plan, customer: Customer) -> list[_Sale]:
    base = customer.pump_tickets
    pumped = base * PUMP_TICKET
    sales: list[_Sale] = []
    match customer.kind:
        case Kind.PAPER | Kind.FORFEITED:
            sales.append(_on_paper(plan, customer))
        case Kind.PUMP:
            sales.append(_Sale(pumped, Decimal(), base, None))
        case Kind.PUMP_COUPON:
            sales.append(_Sale(pumped, PAPER_OFF, base + PAPER_TICKETS, plan.names.paper))
        case Kind.CANCELLED | Kind.UNDOING:
            sales.append(_by_wallet(plan, customer.purchase, is_kept=False))
        case kind if kind in _WALLET:
            if kind is Kind.AGAIN:
                sales.append(_by_wallet(plan, customer.other, is_kept=False))
            sales.append(_by_wallet(plan, customer.purchase))
        case _:
            pass
    return sales


def _on_paper(plan: Plan, customer: Customer) -> _Sale:
    bought = customer.purchase
    is_kept = customer.kind is Kind.PAPER
    return _Sale(bought.amount, PAPER_OFF, PAPER_TICKETS, plan.names.paper, is_kept, bought.litres)


def _by_wallet(plan: Plan, bought: Purchase, *, is_kept: bool = True) -> _Sale:
    off = min((bought.amount * WALLET_PERCENT / 100).quantize(_CENT, ROUND_HALF_UP), WALLET_AT_MOST)
    return _Sale(bought.amount, off, WALLET_TICKETS, plan.names.wallet, is_kept, bought.litres)
