"""Campaigns from the draft to the end: made, changed, approved by a second person, opened, paused and closed."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from gasolinera.config import Settings
from gasolinera.coupon import queries_campaigns as queries
from gasolinera.coupon.errors import (
    approval_needed,
    has_begun,
    is_past,
    no_station,
    over,
    own_approval,
    stale,
    unbounded,
    version_needed,
    wrong_status,
)
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.events import OUTBOX
from gasolinera.coupon.models_campaigns import (
    ApprovalLimits,
    AuditEntry,
    Campaign,
    CampaignChange,
    CampaignFilter,
    CampaignStatus,
    CampaignSummary,
    NewCampaign,
)
from gasolinera.coupon.queries_campaigns import CampaignFacts, RefusalFacts
from gasolinera.coupon.statistics import CampaignFigures
from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.paging import Page, Position, decode_cursor, page_of

DUE_AT_ONCE = 200
_ETAG = re.compile(r'"([0-9]{1,18})"')
_MONEY = ("discount_value", "maximum_discount", "minimum_purchase", "budget_amount")
_NOBODY = ApprovalLimits(mxn=Decimal(0), crc=Decimal(0), usd=Decimal(0))


class CampaignPosition(Position, frozen=True):
    code: str


class FiguresPosition(Position, frozen=True):
    code: str


class CampaignAuditPosition(Position, frozen=True):
    created_at: str
    id: int


def parse_version(if_match: str | None) -> int:
    """The version that a change is of. Raises VersionNeededError without one, StaleError for what is none."""
    if if_match is None:
        raise version_needed()
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise stale()
    return int(found[1])


def approval_limits(settings: Settings) -> ApprovalLimits:
    return ApprovalLimits(
        mxn=settings.campaign_approval_above_mxn,
        crc=settings.campaign_approval_above_crc,
        usd=settings.campaign_approval_above_usd,
    )


async def create_campaign(conn: Connection, new: NewCampaign, *, created_by: UUID) -> None:
    """A draft. Raises InputError `campaign.time_zone`, `campaign.amount`, `campaign.moment`; the constraints refuse the
    rest.
    """
    _check(new.time_zone, [getattr(new, name) for name in _MONEY], [new.valid_from, new.valid_until])
    facts = await queries.create_campaign(conn, new, created_by)
    assert facts is not None, "an INSERT without ON CONFLICT gives a row or fails"
    await _publish(conn, facts)


async def change_campaign(conn: Connection, code: str, change: CampaignChange, *, version: int) -> None:
    """Raises StaleError when somebody changed it meanwhile, ConflictError `campaign.over`, UnknownError.

    A raised budget ends the approval: a running campaign that needs one is refused by its constraint.
    """
    values: dict[str, Any] = msgspec.to_builtins(change)
    moments = [change.valid_from, change.valid_until]
    _check(values.get("time_zone"), [getattr(change, name) for name in _MONEY], moments)
    stations = None if change.stations is UNSET or change.stations is None else sorted(change.stations)
    for name in ("weekdays", "fuel_types"):
        if name in values:
            values[name] = sorted(values[name])
    facts = await queries.change_campaign(
        conn, code, version, values, sets_stations=change.stations is not UNSET, stations=stations
    )
    if facts is None:
        known = await _refusal_facts(conn, code, _NOBODY)
        raise over(known.status) if _is_over(known.status) else stale()
    await _publish(conn, facts)


async def change_status(conn: Connection, code: str, status: CampaignStatus, limits: ApprovalLimits) -> None:
    """Raises ConflictError `campaign.status`, and for what cannot open yet `campaign.approval_needed`,
    `campaign.unbounded`, `campaign.no_station` or `campaign.past`; UnknownError.
    """
    facts = await queries.change_status(conn, code, status, limits)
    if facts is None:
        known = await _refusal_facts(conn, code, limits)
        opens = status is CampaignStatus.ACTIVE and known.status in (CampaignStatus.DRAFT, CampaignStatus.PAUSED)
        if opens and known.is_past:
            raise is_past()
        if opens:
            _require_openable(known)
        raise wrong_status(known.status, status)
    await _publish(conn, facts)


async def set_opening(conn: Connection, code: str, limits: ApprovalLimits, *, opens_by_clock: bool) -> None:
    """Raises ConflictError as `change_status` does for what cannot open, `campaign.has_begun`, UnknownError."""
    if not await queries.set_opening(conn, code, limits, opens_by_clock=opens_by_clock):
        known = await _refusal_facts(conn, code, limits)
        if known.status is not CampaignStatus.DRAFT:
            raise wrong_status(known.status, CampaignStatus.ACTIVE)
        if known.has_begun:
            raise has_begun()
        _require_openable(known)
        raise stale()


async def approve_campaign(conn: Connection, code: str, *, version: int, approved_by: UUID) -> None:
    """What was read, and nothing else. Raises ForbiddenError `campaign.own_approval`, ConflictError `campaign.over`,
    StaleError, UnknownError.
    """
    if not await queries.approve_campaign(conn, code, version, approved_by):
        known = await _refusal_facts(conn, code, _NOBODY, approved_by)
        if _is_over(known.status):
            raise over(known.status)
        raise own_approval() if known.is_own else stale()


async def keep_to_the_clock(conn: Connection) -> tuple[int, int]:
    """Opens drafts whose time has come, closes what is over; how many of each, `DUE_AT_ONCE` at most."""
    opened = await queries.open_due(conn, DUE_AT_ONCE)
    closed = await queries.close_due(conn, DUE_AT_ONCE)
    for facts in (*opened, *closed):
        await _publish(conn, facts)
    return len(opened), len(closed)


async def get_campaign(conn: Connection, code: str) -> Campaign:
    """Raises UnknownError."""
    found = await queries.get_campaign(conn, code)
    if found is None:
        raise unknown_campaign()
    return found


async def list_campaigns(
    conn: Connection, wanted: CampaignFilter, *, cursor: str | None, limit: int
) -> Page[CampaignSummary]:
    """In order of the code. Raises InputError `request.cursor`."""
    position = decode_cursor(CampaignPosition, cursor)
    after = "" if position is None else position.code
    found = await queries.list_campaigns(conn, wanted, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: CampaignPosition(one.campaign_code))


async def audit(conn: Connection, code: str, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """Raises UnknownError, InputError `request.cursor`."""
    position = decode_cursor(CampaignAuditPosition, cursor)
    before = None if position is None else (_moment(position.created_at), position.id)
    found = await queries.audit(conn, code, before=before, limit=limit + 1)
    if not found and not await queries.campaign_exists(conn, code):
        raise unknown_campaign()
    return page_of(
        found, limit=limit, position=lambda entry: CampaignAuditPosition(entry.created_at.isoformat(), entry.id)
    )


async def figures(conn: Connection, *, cursor: str | None, limit: int) -> Page[CampaignFigures]:
    """In order of the code. Raises InputError `request.cursor`."""
    position = decode_cursor(FiguresPosition, cursor)
    after = "" if position is None else position.code
    found = await queries.campaign_statistics(conn, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: FiguresPosition(one.campaign_code))


async def _publish(conn: Connection, facts: CampaignFacts) -> None:
    await OUTBOX.publish(
        conn,
        "campaign.changed",
        aggregate="campaign",
        subject=facts.campaign_code,
        data=msgspec.to_builtins(facts),
    )


async def _refusal_facts(
    conn: Connection, code: str, limits: ApprovalLimits, user_id: UUID | None = None
) -> RefusalFacts:
    known = await queries.refusal_facts(conn, code, limits, user_id)
    if known is None:
        raise unknown_campaign()
    return known


def _require_openable(known: RefusalFacts) -> None:
    if not known.is_bounded:
        raise unbounded()
    if not known.is_approved:
        raise approval_needed()
    if not known.has_stations:
        raise no_station()


def _is_over(status: CampaignStatus) -> bool:
    return status in (CampaignStatus.COMPLETED, CampaignStatus.CANCELLED)


def require_moment(moment: datetime) -> None:
    """Raises InputError `campaign.moment` for the ends of the calendar, which the driver cannot bring into UTC."""
    if not 1900 < moment.year < 9000:
        raise InputError("campaign.moment", "a moment is between the years 1901 and 8999")


def _check(zone: str | None, amounts: list[Any], moments: list[Any]) -> None:
    """What the columns would round, the constraint would fail at or the driver cannot say."""
    for moment in moments:
        if isinstance(moment, datetime):
            require_moment(moment)
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError("campaign.time_zone", "nobody knows this time zone", "such as America/Mexico_City") from None
    for amount in amounts:
        if isinstance(amount, Decimal) and not (
            amount.is_finite() and 0 <= amount < 10**10 and amount == round(amount, 2)
        ):
            raise InputError("campaign.amount", "an amount is not below zero, with two decimals at most")


def _moment(text: str) -> datetime:
    """Of a cursor. Raises InputError `request.cursor`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2200:
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    return moment
