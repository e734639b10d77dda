"""What an advertiser brings to the day: a campaign whose money is for a few, and one that has plenty."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from gasolinera.ads.models_ads import Ad
from gasolinera.ads.models_campaigns import AdCampaign, Advertiser
from gasolinera.permissions import Caller
from gasolinera.simulation.asking import Api, good
from gasolinera.simulation.expecting_raffles import MULTIPLIER, PLENTY_COST, SMALL_COST
from gasolinera.simulation.plan import Plan

# Seconds, and how much of it has to be watched. Who runs ahead of the server's clock is found out from two seconds on:
# the longer one leaves time for that on a busy machine.
_SMALL: Final = (2, 80)
_PLENTY: Final = (9, 36)
_HIGHEST: Final = 10  # so that nobody else's is shown to the viewers of the day


async def open_advertising(api: Api, first: Caller, second: Caller, plan: Plan) -> None:
    """One drafts, the other approves. The campaign of plenty waits until `open_plenty`, so that the small one is shown
    to those whom it is for.
    """
    advertiser = {"advertiser_code": plan.names.advertiser, "name": f"Simulation {plan.names.seed}: who pays"}
    good(await api.post(first, "/api/ads/advertisers", advertiser), Advertiser)
    await _draft(api, first, plan, plan.names.small_ads, SMALL_COST, SMALL_COST * plan.paid_views)
    await _draft(api, first, plan, plan.names.plenty_ads, PLENTY_COST, Decimal(10_000))
    await _approved(api, first, second, plan.names.small_ads, "Un trago", _SMALL)
    # A chain shows none of its advertisements again.
    await _approved(api, first, second, plan.names.plenty_ads, "El camino", _PLENTY)
    await _approved(api, first, second, plan.names.plenty_ads, "El regreso", _PLENTY)
    await _activate(api, first, plan.names.small_ads)


async def open_plenty(api: Api, administrator: Caller, plan: Plan) -> None:
    await _activate(api, administrator, plan.names.plenty_ads)


async def _draft(api: Api, administrator: Caller, plan: Plan, code: str, cost: Decimal, budget: Decimal) -> None:
    now = datetime.now(UTC)
    terms: Mapping[str, object] = {
        "campaign_code": code,
        "advertiser_code": plan.names.advertiser,
        "name": f"Simulation {plan.names.seed}: {budget} for {cost} each",
        "starts_at": now - timedelta(days=1),
        "ends_at": now + timedelta(days=30),
        "priority": _HIGHEST,
        "pacing": "ASAP",
        "total_budget": budget,
        "cost_per_engagement": cost,
        "frequency_cap": 10,
        "targets": [{"dimension": "STATION", "value": station} for station in plan.stations],
    }
    good(await api.post(administrator, "/api/ads/campaigns", terms), AdCampaign)


async def _approved(
    api: Api, first: Caller, second: Caller, campaign: str, title: str, length: tuple[int, int]
) -> None:
    content = {
        "campaign_code": campaign,
        "title": title,
        "ad_format": "TEXT",
        "body_text": f"{title}: una pausa en el camino.",
        "duration_s": length[0],
        "completion_threshold_percent": length[1],
        "ticket_multiplier": MULTIPLIER,
        "languages": ["es", "en"],
    }
    draft = good(await api.post(first, "/api/ads/advertisements", content), Ad)
    path = f"/api/ads/advertisements/{draft.public_id}"
    submitted = good(await api.post(first, f"{path}/submission", {}), Ad)
    good(await api.post(second, f"{path}/review", {"is_approved": True}, version=submitted.version), Ad)
    good(await api.post(first, f"{path}/status", {"status": "ACTIVE"}), Ad)


async def _activate(api: Api, administrator: Caller, code: str) -> None:
    good(await api.post(administrator, f"/api/ads/campaigns/{code}/status", {"status": "ACTIVE"}), AdCampaign)
