"""Advertisers and campaigns from the draft to the end; budgets dealt, watched and paced."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from gasolinera.ads import queries_campaigns as queries
from gasolinera.ads.errors import (
    advertiser_inactive,
    campaign_over,
    campaign_past,
    no_advertiser,
    stale,
    unknown_campaign,
    version_needed,
    wrong_campaign_status,
)
from gasolinera.ads.models_campaigns import (
    AdCampaign,
    AdCampaignChange,
    AdCampaignFilter,
    AdCampaignStatus,
    AdCampaignSummary,
    AdvertiserStatus,
    AuditEntry,
    Dimension,
    NewAdCampaign,
    Targets,
)
from gasolinera.ads.models_serving import Segment
from gasolinera.ads.queries_campaigns import BudgetAlert
from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.paging import Page, Position, decode_cursor, page_of

_ETAG = re.compile(r'"([0-9]{1,18})"')
_MONEY = ("total_budget", "daily_budget", "cost_per_engagement")
_OF_THE_BUDGET = frozenset((*_MONEY, "time_zone"))
_DEALT_AT_ONCE = 500


class AdCampaignPosition(Position, frozen=True):
    code: str


class AdCampaignAuditPosition(Position, frozen=True):
    created_at: datetime
    id: int


def parse_version(if_match: str | None) -> int:
    """The version that a change is of. Raises VersionNeededError without one, StaleError for what is none."""
    if if_match is None:
        raise version_needed()
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise stale()
    return int(found[1])


async def create_campaign(conn: Connection, new: NewAdCampaign, *, created_by: UUID) -> None:
    """A draft. Raises ConflictError `ad_campaign.advertiser`, InputError; the constraints refuse the rest."""
    _check_segments(new.targets)
    _check(new.time_zone, [getattr(new, name) for name in _MONEY], [new.starts_at, new.ends_at])
    campaign_id = await queries.create_campaign(conn, new, created_by)
    if campaign_id is None:
        raise no_advertiser()
    await queries.set_targets(conn, campaign_id, new.targets, is_new=True)
    await queries.set_windows(conn, campaign_id, new.windows, is_new=True)


async def change_campaign(conn: Connection, code: str, change: AdCampaignChange, *, version: int) -> None:
    """Raises StaleError, ConflictError `ad_campaign.over` and `ad_campaign.budget_below_spent`, UnknownError.

    A changed budget is dealt again at once. Running views keep the tickets and the length they began with.
    """
    if change.targets is not UNSET:
        _check_segments(change.targets)
    values: dict[str, Any] = msgspec.to_builtins(change)
    values.pop("targets", None)
    values.pop("windows", None)
    moments = [change.starts_at, change.ends_at]
    _check(values.get("time_zone"), [getattr(change, name) for name in _MONEY], moments)
    campaign_id = await queries.change_campaign(conn, code, version, values)
    if campaign_id is None:
        known = await queries.refusal_facts(conn, code)
        if known is None:
            raise unknown_campaign()
        is_over = known.status in (AdCampaignStatus.COMPLETED, AdCampaignStatus.CANCELLED)
        raise campaign_over(known.status) if is_over else stale()
    if change.targets is not UNSET:
        await queries.set_targets(conn, campaign_id, change.targets, is_new=False)
    if change.windows is not UNSET:
        await queries.set_windows(conn, campaign_id, change.windows, is_new=False)
    if not _OF_THE_BUDGET.isdisjoint(values):
        await queries.deal_again(conn, campaign_id)


async def change_status(conn: Connection, code: str, status: AdCampaignStatus) -> None:
    """What becomes ACTIVE has its budget dealt. Raises ConflictError `ad_campaign.status`, `ad_campaign.past` and
    `ad_campaign.advertiser`, UnknownError.
    """
    campaign_id = await queries.change_status(conn, code, status)
    if campaign_id is None:
        known = await queries.refusal_facts(conn, code)
        if known is None:
            raise unknown_campaign()
        if status is AdCampaignStatus.ACTIVE and known.status in (AdCampaignStatus.DRAFT, AdCampaignStatus.PAUSED):
            if known.is_past:
                raise campaign_past()
            if known.advertiser_status is not AdvertiserStatus.ACTIVE:
                raise advertiser_inactive(known.advertiser_status)
        raise wrong_campaign_status(known.status, status)
    if status is AdCampaignStatus.ACTIVE:
        await queries.deal_missing(conn, campaign_id, _DEALT_AT_ONCE)


async def end_due(conn: Connection, at_once: int) -> int:
    """Ends campaigns whose schedule is over; how many."""
    return await queries.end_due(conn, at_once)


async def deal_missing(conn: Connection, at_once: int) -> int:
    """Deals what nobody has dealt of active campaigns: today's shares and tomorrow's; how many budgets."""
    return await queries.deal_missing(conn, None, at_once)


async def alert_budgets(conn: Connection, at_once: int) -> list[BudgetAlert]:
    """Active campaigns that have spent `budget_alert_percent` of their budget, each once."""
    return await queries.alert_budgets(conn, at_once)


async def get_campaign(conn: Connection, code: str) -> AdCampaign:
    """Raises UnknownError."""
    found = await queries.get_campaign(conn, code)
    if found is None:
        raise unknown_campaign()
    return found


async def list_campaigns(
    conn: Connection, wanted: AdCampaignFilter, *, cursor: str | None, limit: int
) -> Page[AdCampaignSummary]:
    """In order of the code. Raises InputError `request.cursor`."""
    position = decode_cursor(AdCampaignPosition, cursor)
    after = "" if position is None else position.code
    found = await queries.list_campaigns(conn, wanted, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: AdCampaignPosition(one.campaign_code))


async def audit(conn: Connection, code: str, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """The latest first. Raises UnknownError, InputError `request.cursor`."""
    position = decode_cursor(AdCampaignAuditPosition, cursor)
    before = None if position is None else (position.created_at, position.id)
    found = await queries.audit(conn, code, before=before, limit=limit + 1)
    if not found and not await queries.campaign_exists(conn, code):
        raise unknown_campaign()
    return page_of(found, limit=limit, position=lambda entry: AdCampaignAuditPosition(entry.created_at, entry.id))


def _check_segments(targets: Targets) -> None:
    """A segment that nobody is ever in would show the campaign to nobody, or to those whom it excludes."""
    known = {str(segment) for segment in Segment}
    if any(target.dimension is Dimension.SEGMENT and target.value not in known for target in targets):
        raise InputError("ad_campaign.target", "there is no such segment", f"one of {', '.join(Segment)}")


def _check(zone: str | None, amounts: list[Any], moments: list[Any]) -> None:
    """What the columns would round, the constraint would fail at or the driver cannot say."""
    for moment in moments:
        if isinstance(moment, datetime) and not 1900 < moment.year < 9000:
            raise InputError("ad_campaign.moment", "a moment is between the years 1901 and 8999")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = "such as America/Mexico_City"
        raise InputError("ad_campaign.time_zone", "nobody knows this time zone", hint) from None
    for amount in amounts:
        if isinstance(amount, Decimal) and not (
            amount.is_finite() and 0 <= amount < 10**10 and amount == round(amount, 2)
        ):
            raise InputError("ad_campaign.amount", "an amount is not below zero, with two decimals at most")
