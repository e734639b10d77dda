"""The totals of advertisements and of the raffle, as `reckoning` has the others."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ads.analytics import ANALYTICS_JOBS
from gasolinera.ads.models_analytics import AdReport
from gasolinera.ads.models_campaigns import AdCampaign
from gasolinera.config import Settings
from gasolinera.database import load_sql, open_database
from gasolinera.raffle.bundles import Bundle
from gasolinera.raffle.models import Raffle
from gasolinera.raffle.models_evidence import EvidenceReport
from gasolinera.raffle.models_winners import Winner, WinnerStatus
from gasolinera.simulation.asking import Api, good
from gasolinera.simulation.drawing import QUORUM
from gasolinera.simulation.opening import Opened
from gasolinera.simulation.plan import Plan
from gasolinera.simulation.totals import Totals

SQL: Final = load_sql("gasolinera.simulation", "reckoning_raffles.sql")
_REFRESH, _ = ANALYTICS_JOBS
_HELD: Final = frozenset({WinnerStatus.SELECTED, WinnerStatus.NOTIFIED, WinnerStatus.CLAIMED, WinnerStatus.DELIVERED})


def questions(plan: Plan, users: Sequence[UUID]) -> Sequence[tuple[str, tuple[object, ...]]]:
    """The statements of SQL, and what each is asked about."""
    raffle = plan.names.raffle
    return (
        ("views", (users,)),
        ("ad_budgets", ([plan.names.small_ads, plan.names.plenty_ads],)),
        ("bonuses", (users,)),
        ("raffle", (raffle,)),
        ("draw", (raffle, QUORUM)),
        ("told_of_raffles", (users, raffle)),
    )


async def ask_raffle(
    api: Api, plan: Plan, opened: Opened, told: Totals, *, winners: Sequence[Winner], evidence: EvidenceReport
) -> Totals:
    """Adds to what was told what the campaigns, the raffle and its positions are now."""
    raffle = good(await api.get(opened.administrator, f"/api/raffles/{plan.names.raffle}"), Raffle)
    small, plenty = [
        good(await api.get(opened.administrator, f"/api/ads/campaigns/{code}"), AdCampaign)
        for code in (plan.names.small_ads, plan.names.plenty_ads)
    ]
    ended = Counter(winner.status for winner in winners)
    return msgspec.structs.replace(
        told,
        small_ads_spent=small.spent,
        plenty_ads_spent=plenty.spent,
        raffle_participants=raffle.participants,
        positions_drawn=len(winners),
        prizes_awarded=len({(one.rank, one.unit_number) for one in winners if one.status in _HELD}),
        winners_notified=sum(winner.notified_at is not None for winner in winners),
        prizes_claimed=sum(winner.claimed_at is not None for winner in winners),
        prizes_delivered=ended[WinnerStatus.DELIVERED],
        prizes_forfeited=ended[WinnerStatus.FORFEITED],
        alternates_left=ended[WinnerStatus.ALTERNATE],
        freezes_evidenced=len(evidence.held),
    )


async def report_raffle(
    api: Api, settings: Settings, plan: Plan, opened: Opened, reported: Totals, *, bundle: Bundle
) -> Totals:
    """Adds what the figures of advertisements say, brought up to date, and what the draw published."""
    async with open_database(settings, "ads") as ads:
        await _REFRESH.run(ads, {})
    path = f"/api/ads/reports/views?by=campaign&advertiser={plan.names.advertiser}"
    lines = good(await api.get(opened.administrator, path), AdReport).items
    cost = {line.campaign_code: line.cost for line in lines}
    manifest, positions = bundle.manifest, bundle.positions
    return msgspec.structs.replace(
        reported,
        views_started=sum(line.starts for line in lines),
        views_completed=sum(line.completions for line in lines),
        views_rejected=sum(line.rejections for line in lines),
        views_abandoned=sum(line.abandons for line in lines),
        bonus_tickets=sum(line.bonus_tickets for line in lines),
        small_ads_spent=cost.get(plan.names.small_ads, Decimal()),
        plenty_ads_spent=cost.get(plan.names.plenty_ads, Decimal()),
        raffle_entries=manifest.entries.leaves,
        raffle_tickets=manifest.entries.tickets,
        raffle_participants=manifest.entries.owners,
        positions_drawn=len(positions),
        prizes_awarded=sum(position.role == "PRIZE" for position in positions),
    )
