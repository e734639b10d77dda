"""The only reader of `queries_personal.sql`: one typed function a query."""

from datetime import datetime
from uuid import UUID

from gasolinera.coupon.models_personal import (
    ExportedAttempt,
    ExportedCampaignUse,
    ExportedCoupon,
    ExportedGrant,
    ExportedScan,
    ExportedUse,
)
from gasolinera.database import Connection, fetch_all, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_personal.sql")
_EXPORT_COUPONS = _SQL["export_coupons"]
_EXPORT_USES = _SQL["export_uses"]
_EXPORT_ATTEMPTS = _SQL["export_attempts"]
_EXPORT_SCANS = _SQL["export_scans"]
_EXPORT_CAMPAIGN_USES = _SQL["export_campaign_uses"]
_EXPORT_GRANTS = _SQL["export_grants"]
_NOTE_ERASURE = _SQL["note_erasure"]
_FORGET_PERSON = _SQL["forget_person"]
_FORGET_ENDED_PERIODS = _SQL["forget_ended_periods"]


async def export_coupons(conn: Connection, user_id: UUID, limit: int) -> list[ExportedCoupon]:
    return await fetch_all(conn, ExportedCoupon, _EXPORT_COUPONS, user_id, limit)


async def export_uses(conn: Connection, user_id: UUID, limit: int) -> list[ExportedUse]:
    return await fetch_all(conn, ExportedUse, _EXPORT_USES, user_id, limit)


async def export_attempts(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAttempt]:
    return await fetch_all(conn, ExportedAttempt, _EXPORT_ATTEMPTS, user_id, limit)


async def export_scans(conn: Connection, user_id: UUID, limit: int) -> list[ExportedScan]:
    return await fetch_all(conn, ExportedScan, _EXPORT_SCANS, str(user_id), limit)


async def export_campaign_uses(conn: Connection, user_id: UUID, limit: int) -> list[ExportedCampaignUse]:
    return await fetch_all(conn, ExportedCampaignUse, _EXPORT_CAMPAIGN_USES, user_id, limit)


async def export_grants(conn: Connection, user_id: UUID, limit: int) -> list[ExportedGrant]:
    return await fetch_all(conn, ExportedGrant, _EXPORT_GRANTS, user_id, limit)


async def note_erasure(conn: Connection, user_id: UUID, at: datetime) -> None:
    await conn.execute(_NOTE_ERASURE, user_id, at)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)


async def forget_ended_periods(conn: Connection, at_most: int) -> int:
    return int(await conn.fetchval(_FORGET_ENDED_PERIODS, at_most))
