"""The only reader of `queries_campaigns.sql`."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.ads.models_campaigns import (
    AdCampaign,
    AdCampaignFilter,
    AdCampaignStatus,
    AdCampaignSummary,
    Advertiser,
    AdvertiserStatus,
    AuditEntry,
    NewAdCampaign,
    NewAdvertiser,
    Target,
    Window,
)
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.ads", "queries_campaigns.sql")
_CREATE_ADVERTISER = _SQL["create_advertiser"]
_CHANGE_ADVERTISER = _SQL["change_advertiser"]
_GET_ADVERTISER = _SQL["get_advertiser"]
_LIST_ADVERTISERS = _SQL["list_advertisers"]
_LIST_ADVERTISERS_DOWN = _SQL["list_advertisers_down"]
_CREATE = _SQL["create_campaign"]
_REMOVE_TARGETS = _SQL["remove_targets"]
_ADD_TARGETS = _SQL["add_targets"]
_REMOVE_WINDOWS = _SQL["remove_windows"]
_ADD_WINDOWS = _SQL["add_windows"]
_CHANGE = _SQL["change_campaign"]
_DEAL_AGAIN = _SQL["deal_again"]
_CHANGE_STATUS = _SQL["change_campaign_status"]
_REFUSAL_FACTS = _SQL["refusal_facts"]
_DEAL_MISSING = _SQL["deal_missing"]
_END_DUE = _SQL["end_due"]
_ALERT_BUDGETS = _SQL["alert_budgets"]
_CLOSE_PACED = _SQL["close_paced"]
_GET = _SQL["get_campaign"]
_LIST = _SQL["list_campaigns"]
_EXISTS = _SQL["campaign_exists"]
_AUDIT = _SQL["audit"]


class RefusalFacts(msgspec.Struct, frozen=True):
    status: AdCampaignStatus
    is_past: bool
    advertiser_status: AdvertiserStatus


class BudgetAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What its event tells."""

    campaign_code: str
    currency: str
    total_budget: Decimal
    spent: Decimal
    budget_alert_percent: int


async def create_advertiser(conn: Connection, new: NewAdvertiser) -> None:
    await conn.execute(_CREATE_ADVERTISER, new.advertiser_code, new.name, new.contact_name, new.contact_email)


async def change_advertiser(conn: Connection, code: str, values: Mapping[str, Any]) -> bool:
    return bool(await conn.fetchval(_CHANGE_ADVERTISER, code, dict(values)))


async def get_advertiser(conn: Connection, code: str) -> Advertiser | None:
    return await fetch_optional(conn, Advertiser, _GET_ADVERTISER, code)


async def list_advertisers(
    conn: Connection, *, after: str, limit: int, status: str | None, text: str | None
) -> list[Advertiser]:
    return await fetch_all(conn, Advertiser, _LIST_ADVERTISERS, after, limit, status, text)


async def list_advertisers_down(
    conn: Connection, *, before: str | None, limit: int, status: str | None, text: str | None
) -> list[Advertiser]:
    return await fetch_all(conn, Advertiser, _LIST_ADVERTISERS_DOWN, before, limit, status, text)


async def create_campaign(conn: Connection, new: NewAdCampaign, created_by: UUID) -> int | None:
    made: int | None = await conn.fetchval(
        _CREATE,
        new.campaign_code,
        new.advertiser_code,
        new.name,
        new.description,
        new.starts_at,
        new.ends_at,
        new.time_zone,
        new.priority,
        new.pacing,
        new.total_budget,
        new.daily_budget,
        new.cost_per_engagement,
        new.currency,
        new.budget_alert_percent,
        new.frequency_cap,
        new.frequency_period,
        new.max_bonus_tickets,
        created_by,
    )
    return made


async def set_targets(conn: Connection, campaign_id: int, targets: tuple[Target, ...], *, is_new: bool) -> None:
    document = [msgspec.to_builtins(target) for target in targets]
    if not is_new:
        await conn.execute(_REMOVE_TARGETS, campaign_id, document)
    if document:
        await conn.execute(_ADD_TARGETS, campaign_id, document)


async def set_windows(conn: Connection, campaign_id: int, windows: tuple[Window, ...], *, is_new: bool) -> None:
    document = [msgspec.to_builtins(window) for window in windows]
    if not is_new:
        await conn.execute(_REMOVE_WINDOWS, campaign_id, document)
    if document:
        await conn.execute(_ADD_WINDOWS, campaign_id, document)


async def change_campaign(conn: Connection, code: str, version: int, values: Mapping[str, Any]) -> int | None:
    changed: int | None = await conn.fetchval(_CHANGE, code, version, dict(values))
    return changed


async def deal_again(conn: Connection, campaign_id: int) -> None:
    await conn.execute(_DEAL_AGAIN, campaign_id)


async def change_status(conn: Connection, code: str, status: AdCampaignStatus) -> int | None:
    changed: int | None = await conn.fetchval(_CHANGE_STATUS, code, status)
    return changed


async def refusal_facts(conn: Connection, code: str) -> RefusalFacts | None:
    return await fetch_optional(conn, RefusalFacts, _REFUSAL_FACTS, code)


async def deal_missing(conn: Connection, campaign_id: int | None, limit: int) -> int:
    return int(await conn.fetchval(_DEAL_MISSING, campaign_id, limit))


async def end_due(conn: Connection, limit: int) -> int:
    return len(await conn.fetch(_END_DUE, limit))


async def alert_budgets(conn: Connection, limit: int) -> list[BudgetAlert]:
    return await fetch_all(conn, BudgetAlert, _ALERT_BUDGETS, limit)


async def close_paced(conn: Connection) -> int:
    return int((await conn.execute(_CLOSE_PACED)).split()[-1])


async def get_campaign(conn: Connection, code: str) -> AdCampaign | None:
    return await fetch_optional(conn, AdCampaign, _GET, code)


async def list_campaigns(
    conn: Connection, wanted: AdCampaignFilter, *, after: str, limit: int
) -> list[AdCampaignSummary]:
    values = (wanted.status, wanted.advertiser_code, wanted.text, wanted.is_running)
    return await fetch_all(conn, AdCampaignSummary, _LIST, after, limit, *values)


async def campaign_exists(conn: Connection, code: str) -> bool:
    return bool(await conn.fetchval(_EXISTS, code))


async def audit(conn: Connection, code: str, *, before: tuple[datetime, int] | None, limit: int) -> list[AuditEntry]:
    return await fetch_all(conn, AuditEntry, _AUDIT, code, *(before or (None, None)), limit)
