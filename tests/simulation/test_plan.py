"""The plan of a day, and what follows from it by hand."""

from collections import Counter
from decimal import Decimal

import msgspec

from gasolinera.simulation.expecting import expected
from gasolinera.simulation.plan import Kind, Plan, Purchase, everybody, make_plan
from gasolinera.simulation.reckoning import reckon
from gasolinera.simulation.totals import Totals


def test_the_same_seed_is_the_same_day_and_another_one_shares_nothing_with_it() -> None:
    one, same, other = (make_plan(seed, stations=4, customers=300) for seed in (5, 5, 6))
    assert one == same
    for wanted in (0, 2):
        assert not {person[wanted] for person in everybody(one)} & {person[wanted] for person in everybody(other)}
    assert not set(one.stations) & set(other.stations)
    assert not set(one.names.campaigns) & set(other.names.campaigns)


def test_every_kind_comes_and_no_attendant_sees_too_many_wrong_codes() -> None:
    for stations, customers in ((2, 40), (2, 5000), (12, 5000), (50, 40)):
        plan = make_plan(1, stations=stations, customers=customers)
        assert Counter(customer.kind for customer in plan.customers).keys() == set(Kind)
        assert sum(1 for _ in plan.customers) == customers
        wrong = (Kind.FORGED, Kind.MISTYPED)
        assert max(sum(c.kind in wrong for c in till.customers) for till in plan.tills) <= 7


def _of(plan: Plan, *kinds: Kind) -> Plan:
    """20 litres at 23.490 for each."""
    customer = next(iter(plan.customers))
    purchase = Purchase(Decimal("20.000"), Decimal("23.490"))
    came = tuple(msgspec.structs.replace(customer, kind=kind, purchase=purchase, pump_tickets=2) for kind in kinds)
    return msgspec.structs.replace(plan, tills=(msgspec.structs.replace(plan.tills[0], customers=came),))


def test_what_follows_from_a_small_plan_is_what_one_gets_by_hand() -> None:
    kinds = (Kind.PLAIN, Kind.CANCELLED, Kind.PAPER, Kind.PUMP, Kind.RUSH, Kind.TOO_LITTLE, Kind.DUPLICATE, Kind.FREE)
    totals = expected(_of(make_plan(1, stations=2, customers=40), *kinds), points_per_unit=Decimal("0.5"))
    # 469.80 gives 58.725, so 58.73; twice. On paper 40 off; at the pump 400 for two tickets; in the rush 50 off 500.
    assert totals.original_amount == Decimal("2309.40")
    assert totals.discount_amount == Decimal("207.46")
    assert totals.final_amount == Decimal("2101.94")
    # 411.07 and 429.80 and 400 and 450, halved and rounded down each.
    assert totals.points == 205 + 205 + 214 + 200 + 225
    assert (totals.tickets_issued, totals.tickets_taken_back, totals.tickets_valid) == (13, 2, 11)
    assert (totals.redemptions_completed, totals.redemptions_cancelled, totals.redemptions_failed) == (5, 1, 2)
    assert (totals.wallet_uses, totals.wallet_spent, totals.uses_given_back) == (2, Decimal("117.46"), 1)
    assert (totals.coupons_in_wallets, totals.used_coupons_refused, totals.told_redemption_completed) == (6, 1, 6)


def test_what_is_watched_and_enters_the_raffle_is_what_one_gets_by_hand() -> None:
    three_at_once = (Kind.SPONSORED, Kind.SPONSORED, Kind.SPONSORED)
    kinds = (*three_at_once, Kind.CHAINING, Kind.UNDOING, Kind.HASTY, Kind.HIDING, Kind.PAPER, Kind.FREE, Kind.RUSH)
    totals = expected(_of(make_plan(1, stations=2, customers=40), *kinds), points_per_unit=Decimal("0.5"))
    # One of the three is paid for, 5.00; of the other campaign two in a chain and the one that is undone, 2.50 each.
    assert (totals.views_started, totals.views_completed, totals.views_unbilled) == (8, 6, 2)
    assert (totals.views_rejected, totals.views_abandoned) == (1, 1)
    assert (totals.small_ads_spent, totals.plenty_ads_spent) == (Decimal("5.00"), Decimal("7.50"))
    assert (totals.bonus_tickets, totals.bonus_tickets_taken_back) == (24, 4)
    # Six wallets of two tickets that stay, paper's three, a free one, and four for each of five views that stay.
    assert (totals.raffle_tickets, totals.tickets_in_raffle) == (36, 36)
    assert (totals.raffle_participants, totals.raffle_entries) == (8, 13)
    assert totals.raffle_tickets_withdrawn == 2 + 4
    assert (totals.positions_drawn, totals.prizes_awarded, totals.alternates_left) == (6, 3, 2)


def test_a_total_agrees_where_everybody_who_speaks_of_it_says_the_same() -> None:
    rows = reckon(
        Totals(blocked=1, points=3, original_amount=Decimal("5.00")),
        Totals(points=3, original_amount=Decimal(5)),
        Totals(blocked=1, points=4),
        Totals(),
    )
    judged = {row.total: row.agrees for row in rows}
    assert (judged["blocked"], judged["original_amount"], judged["points"]) == (True, True, False)
    assert judged["assessed"] is False, "a total that nobody speaks of is not reconciled"
