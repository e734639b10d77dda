"""The only reader of `queries_campaigns.sql`."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.coupon.models_campaigns import (
    ApprovalLimits,
    AuditEntry,
    Campaign,
    CampaignFilter,
    CampaignStatus,
    CampaignSummary,
    NewCampaign,
)
from gasolinera.coupon.models_offers import ActiveCampaign, Explained, Purchase
from gasolinera.coupon.statistics import CampaignFigures, DayFigures
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_campaigns.sql")
_CREATE = _SQL["create_campaign"]
_CHANGE = _SQL["change_campaign"]
_REFUSAL_FACTS = _SQL["refusal_facts"]
_CHANGE_STATUS = _SQL["change_campaign_status"]
_SET_OPENING = _SQL["set_opening"]
_APPROVE = _SQL["approve_campaign"]
_OPEN_DUE = _SQL["open_due"]
_CLOSE_DUE = _SQL["close_due"]
_GET = _SQL["get_campaign"]
_LIST = _SQL["list_campaigns"]
_ACTIVE = _SQL["active_campaigns"]
_EXISTS = _SQL["campaign_exists"]
_AUDIT = _SQL["audit"]
_EXPLAIN_CAMPAIGN = _SQL["explain_campaign"]
_EXPLAIN_COUPON = _SQL["explain_coupon"]
_ALLOW_HALF_AN_HOUR = _SQL["allow_half_an_hour"]
_REFRESH_STATISTICS = _SQL["refresh_statistics"]
_STATISTICS = _SQL["campaign_statistics"]
_ONE_CAMPAIGNS_STATISTICS = _SQL["one_campaigns_statistics"]
_REDEMPTION_STATISTICS = _SQL["redemption_statistics"]


class CampaignFacts(msgspec.Struct, frozen=True):
    """What others are told of a campaign that changed."""

    campaign_code: str
    status: CampaignStatus
    currency: str
    valid_from: datetime
    valid_until: datetime
    cancellation_policy: str
    raffle_code: str | None


class RefusalFacts(msgspec.Struct, frozen=True):
    """`is_approved`: by another person, or small enough to need none. `is_own`: who asks made or raised it."""

    status: CampaignStatus
    is_past: bool
    has_begun: bool
    is_approved: bool
    is_bounded: bool
    has_stations: bool
    is_own: bool


async def create_campaign(conn: Connection, new: NewCampaign, created_by: UUID) -> CampaignFacts | None:
    return await fetch_optional(
        conn,
        CampaignFacts,
        _CREATE,
        new.campaign_code,
        new.name,
        new.description,
        new.discount_type,
        new.discount_value,
        new.maximum_discount,
        new.minimum_purchase,
        new.currency,
        new.time_zone,
        new.valid_from,
        new.valid_until,
        sorted(new.weekdays),
        new.daily_from,
        new.daily_until,
        sorted(new.fuel_types),
        None if new.stations is None else sorted(new.stations),
        new.audience,
        new.loyal_after_redemptions,
        new.total_usage_limit,
        new.per_user_usage_limit,
        new.per_user_period,
        new.per_user_period_limit,
        new.budget_amount,
        new.raffle_tickets_per_coupon,
        new.raffle_code,
        new.cancellation_policy,
        created_by,
    )


async def change_campaign(
    conn: Connection,
    code: str,
    version: int,
    values: Mapping[str, Any],
    *,
    sets_stations: bool,
    stations: Sequence[str] | None,
) -> CampaignFacts | None:
    return await fetch_optional(conn, CampaignFacts, _CHANGE, code, version, dict(values), sets_stations, stations)


async def refusal_facts(
    conn: Connection, code: str, limits: ApprovalLimits, user_id: UUID | None
) -> RefusalFacts | None:
    return await fetch_optional(conn, RefusalFacts, _REFUSAL_FACTS, code, limits.mxn, limits.crc, limits.usd, user_id)


async def change_status(
    conn: Connection, code: str, status: CampaignStatus, limits: ApprovalLimits
) -> CampaignFacts | None:
    return await fetch_optional(conn, CampaignFacts, _CHANGE_STATUS, code, status, limits.mxn, limits.crc, limits.usd)


async def set_opening(conn: Connection, code: str, limits: ApprovalLimits, *, opens_by_clock: bool) -> bool:
    return bool(await conn.fetchval(_SET_OPENING, code, opens_by_clock, limits.mxn, limits.crc, limits.usd))


async def approve_campaign(conn: Connection, code: str, version: int, approved_by: UUID) -> bool:
    return bool(await conn.fetchval(_APPROVE, code, version, approved_by))


async def open_due(conn: Connection, limit: int) -> list[CampaignFacts]:
    return await fetch_all(conn, CampaignFacts, _OPEN_DUE, limit)


async def close_due(conn: Connection, limit: int) -> list[CampaignFacts]:
    return await fetch_all(conn, CampaignFacts, _CLOSE_DUE, limit)


async def get_campaign(conn: Connection, code: str) -> Campaign | None:
    return await fetch_optional(conn, Campaign, _GET, code)


async def list_campaigns(conn: Connection, wanted: CampaignFilter, *, after: str, limit: int) -> list[CampaignSummary]:
    values = (wanted.status, wanted.station_code, wanted.text, wanted.is_running)
    return await fetch_all(conn, CampaignSummary, _LIST, after, limit, *values)


async def active_campaigns(
    conn: Connection, station_code: str | None, *, after: str, limit: int
) -> list[ActiveCampaign]:
    return await fetch_all(conn, ActiveCampaign, _ACTIVE, after, limit, station_code)


async def campaign_exists(conn: Connection, code: str) -> bool:
    return bool(await conn.fetchval(_EXISTS, code))


async def audit(conn: Connection, code: str, *, before: tuple[datetime, int] | None, limit: int) -> list[AuditEntry]:
    return await fetch_all(conn, AuditEntry, _AUDIT, code, *(before or (None, None)), limit)


async def explain_campaign(conn: Connection, code: str, purchase: Purchase) -> Explained | None:
    return await fetch_optional(conn, Explained, _EXPLAIN_CAMPAIGN, code, *_values_of(purchase))


async def explain_coupon(
    conn: Connection, coupon_code: str, purchase: Purchase, *, only_own: bool, campaign_code: str | None
) -> Explained | None:
    return await fetch_optional(
        conn, Explained, _EXPLAIN_COUPON, coupon_code, *_values_of(purchase), only_own, campaign_code
    )


def _values_of(purchase: Purchase) -> tuple[Any, ...]:
    return (
        purchase.user_id,
        purchase.station_code,
        purchase.fuel_type,
        purchase.amount,
        purchase.currency,
        purchase.at,
    )


async def refresh_statistics(conn: Connection) -> None:
    await conn.execute(_ALLOW_HALF_AN_HOUR)
    await conn.execute(_REFRESH_STATISTICS)


async def campaign_statistics(conn: Connection, *, after: str, limit: int) -> list[CampaignFigures]:
    return await fetch_all(conn, CampaignFigures, _STATISTICS, after, limit)


async def one_campaigns_statistics(conn: Connection, code: str) -> CampaignFigures | None:
    return await fetch_optional(conn, CampaignFigures, _ONE_CAMPAIGNS_STATISTICS, code)


async def redemption_statistics(conn: Connection, code: str, *, first: date, last: date) -> list[DayFigures]:
    return await fetch_all(conn, DayFigures, _REDEMPTION_STATISTICS, code, first, last)
