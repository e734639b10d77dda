"""What follows from a plan, by own arithmetic: nothing of the services computes here."""

from collections import Counter
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Final

import msgspec

from gasolinera.simulation.plan import LATE_TICKETS, ON_PAPER, PUMP_TICKET, RUSH_AMOUNT, Customer, Kind, Plan, Purchase
from gasolinera.simulation.totals import Totals

WALLET_PERCENT: Final = Decimal("12.50")
WALLET_AT_MOST: Final = Decimal("60.00")
WALLET_FROM: Final = Decimal("200.00")
WALLET_TICKETS: Final = 2
PAPER_OFF: Final = Decimal("40.00")
PAPER_TICKETS: Final = 3
RUSH_OFF: Final = Decimal("50.00")
RUSH_TICKETS: Final = 1
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


def expected(plan: Plan, *, points_per_unit: Decimal) -> Totals:
    """`points_per_unit`: what the rule of the currency is on the day."""
    sales = [sale for customer in plan.customers for sale in _sales(plan, customer)]
    sales += [_Sale(RUSH_AMOUNT, RUSH_OFF, RUSH_TICKETS, plan.names.rush)] * plan.rush_winners
    kinds = Counter(customer.kind for customer in plan.customers)
    kept = [sale for sale in sales if sale.is_kept]
    cancelled = len(sales) - len(kept)
    losers = kinds[Kind.RUSH] - plan.rush_winners
    failed = sum(kinds[kind] for kind in _FAILING) + losers
    used = sum(kinds[kind] for kind in (*_WALLET, *ON_PAPER)) + plan.rush_winners
    issued = sum(kinds.values()) + plan.paper_coupons + kinds[Kind.RUSH]
    given_back = kinds[Kind.CANCELLED] + kinds[Kind.AGAIN]
    spent = {name: sum((s.discount for s in _counted(plan, sales, name)), Decimal()) for name in plan.names.campaigns}
    uses = {name: len(_counted(plan, sales, name)) for name in plan.names.campaigns}
    tickets = sum(sale.tickets for sale in sales) + kinds[Kind.FREE] + LATE_TICKETS * kinds[Kind.LATE]
    taken_back = sum(sale.tickets for sale in sales if not sale.is_kept) + LATE_TICKETS * kinds[Kind.LATE]
    # Of what was cancelled nothing stays, whether its points came before or not.
    points = sum(int((sale.final * points_per_unit).to_integral_value(ROUND_FLOOR)) for sale in kept)
    in_raffle = WALLET_TICKETS * sum(kinds[kind] for kind in _WALLET) + PAPER_TICKETS * kinds[Kind.PAPER]
    coupons_used = sum(sale.campaign is not None for sale in sales)
    return Totals(
        coupons_issued=issued,
        coupons_available=issued - used,
        coupons_used=used,
        coupons_in_wallets=sum(kinds.values()) - sum(kinds[kind] for kind in _WALLET),
        wallet_uses=uses[plan.names.wallet],
        wallet_spent=spent[plan.names.wallet],
        paper_uses=uses[plan.names.paper],
        paper_spent=spent[plan.names.paper],
        rush_uses=uses[plan.names.rush],
        rush_spent=spent[plan.names.rush],
        uses_given_back=given_back,
        attempts_good=coupons_used + kinds[Kind.TWO_STEP],  # the first step asks too
        attempts_already_used=kinds[Kind.FORFEITED],
        attempts_budget_exhausted=losers,
        attempts_invalid_code=kinds[Kind.MISTYPED],
        attempts_invalid_signature=kinds[Kind.FORGED],
        attempts_minimum_not_met=kinds[Kind.TOO_LITTLE],
        attempts_other_station=kinds[Kind.STRANGE_STATION],
        attempts_of_other_kinds=0,
        redemptions_completed=len(kept),
        redemptions_failed=failed,
        redemptions_cancelled=cancelled + kinds[Kind.LATE],
        redemptions_under_way=0,
        original_amount=sum((sale.original for sale in kept), Decimal()),
        discount_amount=sum((sale.discount for sale in kept), Decimal()),
        final_amount=sum((sale.final for sale in kept), Decimal()),
        fuel_litres=sum((sale.litres for sale in kept), Decimal()),
        tickets_issued=tickets,
        tickets_of_redemptions=tickets - kinds[Kind.FREE],
        tickets_taken_back=taken_back,
        tickets_valid=tickets - taken_back,
        tickets_in_raffle=in_raffle + kinds[Kind.FREE],
        points=points,
        points_in_ledger=points,
        pump_codes_completed=kinds[Kind.PUMP] + kinds[Kind.PUMP_COUPON],
        assessed=len(sales) + failed + kinds[Kind.TWO_STEP],  # the second step with what was pumped
        blocked=kinds[Kind.DUPLICATE],
        blocked_falsely=0,
        told_coupon_issued=sum(kinds.values()) + 2,  # two batches besides
        told_coupon_consumed=coupons_used,
        told_coupon_restored=given_back,
        told_redemption_completed=len(sales),
        told_redemption_cancelled=cancelled + kinds[Kind.LATE],
        told_tickets_issued=len(sales) + kinds[Kind.FREE] + kinds[Kind.LATE] + kinds[Kind.PAPER],
        told_tickets_revoked=cancelled + kinds[Kind.LATE],
        told_twice=0,
        told_to_nobody=0,
        surprises=0,
        coupons_miscounted=0,
        campaigns_miscounted=0,
        uses_without_redemption=0,
        redemptions_without_use=0,
        amounts_that_differ=0,
        tickets_not_earned=0,
    )


def _counted(plan: Plan, sales: list[_Sale], campaign: str) -> list[_Sale]:
    """Those that the campaign counts: a coupon on paper is not given back."""
    return [sale for sale in sales if sale.campaign == campaign and (sale.is_kept or campaign == plan.names.paper)]


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
        case Kind.CANCELLED:
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
