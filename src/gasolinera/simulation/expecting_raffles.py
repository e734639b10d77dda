"""What follows from a plan for advertisements and the raffle, by own arithmetic like `expecting`."""

from collections import Counter
from decimal import Decimal
from typing import Final

from gasolinera.simulation.plan import WATCHING, Kind, Plan
from gasolinera.simulation.totals import Totals

SMALL_COST: Final = Decimal("5.00")
PLENTY_COST: Final = Decimal("2.50")
MULTIPLIER: Final = 3
BONUS: Final = 4  # of a view: twice the two tickets of a wallet's coupon
# Of the raffle: how many units each prize has, how many are drawn besides, and who does not claim.
PRIZE_UNITS: Final = (1, 2)
ALTERNATES: Final = 3
FORFEITED: Final = 1


def views_completed(kinds: Counter[Kind]) -> int:
    return kinds[Kind.SPONSORED] + _paid_by_plenty(kinds)


def expected_of_ads(plan: Plan, kinds: Counter[Kind]) -> Totals:
    return Totals(
        views_started=sum(kinds[kind] for kind in WATCHING) + kinds[Kind.CHAINING],
        views_completed=views_completed(kinds),
        views_unbilled=max(0, kinds[Kind.SPONSORED] - plan.paid_views),
        views_rejected=kinds[Kind.HIDING],
        views_abandoned=kinds[Kind.HASTY],
        small_ads_spent=SMALL_COST * min(kinds[Kind.SPONSORED], plan.paid_views),
        plenty_ads_spent=PLENTY_COST * _paid_by_plenty(kinds),
        bonus_tickets=BONUS * views_completed(kinds),
        bonus_tickets_taken_back=BONUS * kinds[Kind.UNDOING],
        told_view_completed=views_completed(kinds),
    )


def expected_of_raffle(kinds: Counter[Kind], *, own_entries: int, tickets: int, withdrawn: int) -> Totals:
    """`own_entries`: one for each person; a view that is kept makes another. `withdrawn`: of cancelled purchases."""
    units = sum(PRIZE_UNITS)
    positions = min(units + ALTERNATES, own_entries)  # nobody wins twice
    return Totals(
        raffle_entries=own_entries + views_completed(kinds) - kinds[Kind.UNDOING],
        raffle_tickets=tickets,
        raffle_participants=own_entries,
        raffle_tickets_withdrawn=withdrawn + BONUS * kinds[Kind.UNDOING],
        positions_drawn=positions,
        prizes_awarded=units,
        winners_notified=units + FORFEITED,
        prizes_claimed=1,
        prizes_delivered=1,
        prizes_forfeited=FORFEITED,
        alternates_left=positions - units - FORFEITED,
        freezes_evidenced=2,
        told_winner_selected=units + FORFEITED,
    )


def _paid_by_plenty(kinds: Counter[Kind]) -> int:
    return kinds[Kind.WATCHING] + 2 * kinds[Kind.CHAINING] + kinds[Kind.UNDOING]
