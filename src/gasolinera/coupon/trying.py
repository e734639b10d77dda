"""The dry run of a campaign: what its rule gives for purchases, what it can cost, what stands beside it.

What is given says the database, by the function that a use asks: the two never differ. The rest is arithmetic.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from gasolinera.coupon import campaigns, offers
from gasolinera.coupon import queries_pages_campaigns as queries
from gasolinera.coupon.models_campaigns import (
    ApprovalLimits,
    Campaign,
    CampaignChange,
    CampaignStatus,
    DiscountType,
    NewCampaign,
)
from gasolinera.coupon.models_offers import Obstacle, Offer, Purchase
from gasolinera.coupon.models_pages import Caution, Example, NeverNamed, Trial
from gasolinera.database import Connection, Database, RequestContext

_AMOUNTS: Final = {"MXN": (200, 500, 1000), "CRC": (5000, 20000, 50000), "USD": (10, 30, 60)}
_UNITS: Final = {"CRC": Decimal(1)}
_CLASHES_SHOWN: Final = 20
_LONGEST_SEARCH: Final = timedelta(days=400)
# A draft is tried as if it were open.
_AS_IF_OPEN: Final = (Obstacle.CAMPAIGN_NOT_ACTIVE,)


class _Tried(Exception):  # noqa: N818  no error: rolls a trial back
    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self.trial = trial


async def try_new(
    db: Database, context: RequestContext, new: NewCampaign, limits: ApprovalLimits, *, created_by: UUID
) -> Trial:
    """Makes the campaign, tries it and takes it back, so that it is judged as it would be. Raises as `create_campaign`
    and its constraints do.
    """
    try:
        async with db.transaction(context) as conn:
            await campaigns.create_campaign(conn, new, created_by=created_by)
            raise _Tried(await try_campaign(conn, await campaigns.get_campaign(conn, new.campaign_code), limits))
    except _Tried as tried:
        return tried.trial


async def try_change(
    db: Database, context: RequestContext, code: str, change: CampaignChange, limits: ApprovalLimits, *, version: int
) -> Trial:
    """The same of a campaign that there is. Raises as `change_campaign` and its constraints do."""
    try:
        async with db.transaction(context) as conn:
            await campaigns.change_campaign(conn, code, change, version=version)
            raise _Tried(await try_campaign(conn, await campaigns.get_campaign(conn, code), limits, is_change=True))
    except _Tried as tried:
        return tried.trial


async def try_campaign(
    conn: Connection, campaign: Campaign, limits: ApprovalLimits, *, is_change: bool = False
) -> Trial:
    now = datetime.now(UTC)
    at = first_open(campaign, now)
    asks_names = is_change or campaign.status is CampaignStatus.DRAFT
    clashes = await queries.clashing(conn, campaign.campaign_code, limit=_CLASHES_SHOWN + 1)
    return Trial(
        tried_at=at,
        examples=() if at is None else await _examples(conn, campaign, at),
        most_cost=most_cost(campaign),
        most_uses=most_uses(campaign),
        least_people=_least_people(campaign),
        needs_second_person=campaign.approved_at is None and _needs_second(campaign, limits),
        cautions=tuple(_cautions(campaign, at, now)),
        never_named=await queries.never_named(conn, campaign.campaign_code) if asks_names else NeverNamed(),
        clashes=tuple(clashes[:_CLASHES_SHOWN]),
        more_clash=len(clashes) > _CLASHES_SHOWN,
    )


def most_cost(campaign: Campaign) -> Decimal | None:
    """The most that all discounts together can come to: the budget, or each use at its largest."""
    each = _largest(campaign)
    bounds = [
        bound
        for bound in (
            campaign.budget_amount,
            None if each is None or campaign.total_usage_limit is None else each * campaign.total_usage_limit,
        )
        if bound is not None
    ]
    return min(bounds, default=None)


def most_uses(campaign: Campaign) -> int | None:
    """With a fixed discount the budget says how often it can be given; a percentage may give next to nothing."""
    bounds = [] if campaign.total_usage_limit is None else [campaign.total_usage_limit]
    if campaign.discount_type is DiscountType.FIXED_AMOUNT and campaign.budget_amount is not None:
        bounds.append(int(campaign.budget_amount // campaign.discount_value))
    return min(bounds, default=None)


def first_open(campaign: Campaign, now: datetime) -> datetime | None:
    """The first moment from now on at which the campaign's days and hours let a coupon be used; None: there is none."""
    zone = ZoneInfo(campaign.time_zone)
    begin = max(campaign.valid_from, now)
    if begin < campaign.valid_until and _is_open(campaign, begin.astimezone(zone)):
        return begin
    day = begin.astimezone(zone).date()
    last = min(campaign.valid_until, begin + _LONGEST_SEARCH).astimezone(zone).date()
    while day <= last:
        for opening in (time(), _clock(campaign.daily_from) or time()):
            moment = datetime.combine(day, opening, zone)
            if begin <= moment.astimezone(UTC) < campaign.valid_until and _is_open(campaign, moment):
                return moment.astimezone(UTC)
        day += timedelta(days=1)
    return None


async def _examples(conn: Connection, campaign: Campaign, at: datetime) -> tuple[Example, ...]:
    unit = _UNITS.get(campaign.currency, Decimal("0.01"))
    amounts = {Decimal(amount) for amount in _AMOUNTS[campaign.currency]}
    if campaign.minimum_purchase > 0:
        amounts |= {amount for amount in (campaign.minimum_purchase - unit, campaign.minimum_purchase) if amount > 0}
    station = campaign.stations[0] if campaign.stations else None
    return tuple(
        [
            Example(amount, await _offer(conn, campaign, _purchase(campaign, at, amount, station)))
            for amount in sorted(amounts)
        ]
    )


def _purchase(campaign: Campaign, at: datetime, amount: Decimal, station: str | None) -> Purchase:
    return Purchase(
        at=at, station_code=station, fuel_type=campaign.fuel_types[0], amount=amount, currency=campaign.currency
    )


async def _offer(conn: Connection, campaign: Campaign, purchase: Purchase) -> Offer:
    return as_if_open(await offers.offer_of_campaign(conn, campaign.campaign_code, purchase))


def as_if_open(offer: Offer) -> Offer:
    """Without the one reason that ends when somebody opens the campaign."""
    reasons = tuple(reason for reason in offer.reasons if reason not in _AS_IF_OPEN)
    return msgspec.structs.replace(offer, reasons=reasons, is_usable=not reasons)


def _largest(campaign: Campaign) -> Decimal | None:
    """The largest discount of one use; None: as large as the purchase."""
    return campaign.discount_value if campaign.discount_type is DiscountType.FIXED_AMOUNT else campaign.maximum_discount


def _least_people(campaign: Campaign) -> int | None:
    uses = most_uses(campaign)
    return None if uses is None or not campaign.per_user_usage_limit else -(-uses // campaign.per_user_usage_limit)


def _needs_second(campaign: Campaign, limits: ApprovalLimits) -> bool:
    alone = {"MXN": limits.mxn, "CRC": limits.crc, "USD": limits.usd}[campaign.currency]
    return campaign.budget_amount is None or campaign.budget_amount > alone


def _cautions(campaign: Campaign, at: datetime | None, now: datetime) -> Sequence[Caution]:
    found = {
        Caution.PAST: campaign.valid_until <= now,
        Caution.NEVER_OPEN: at is None and campaign.valid_until > now,
        Caution.UNBOUNDED: campaign.budget_amount is None and campaign.total_usage_limit is None,
        Caution.NO_STATION: campaign.stations == (),
        Caution.UNCAPPED: _largest(campaign) is None,
        Caution.TICKETS_WITHOUT_RAFFLE: campaign.raffle_tickets_per_coupon > 0 and campaign.raffle_code is None,
        Caution.RAFFLE_WITHOUT_TICKETS: campaign.raffle_tickets_per_coupon == 0 and campaign.raffle_code is not None,
    }
    return [caution for caution, is_there in found.items() if is_there]


def _is_open(campaign: Campaign, moment: datetime) -> bool:
    """Hours over midnight belong to the day on which they begin."""
    begins, ends = _clock(campaign.daily_from), _clock(campaign.daily_until)
    day: date = moment.date()
    if begins is None:
        return day.isoweekday() in campaign.weekdays
    at = moment.time()
    if ends is None or begins < ends:
        return day.isoweekday() in campaign.weekdays and begins <= at and (ends is None or at < ends)
    if at < ends:
        return (day - timedelta(days=1)).isoweekday() in campaign.weekdays
    return day.isoweekday() in campaign.weekdays and at >= begins


def _clock(text: str | None) -> time | None:
    """24:00 is no time of a clock: None, the end of the day."""
    return None if text is None or text == "24:00" else time.fromisoformat(text)
