"""The only reader of `queries_personal.sql`: one typed function a query."""

from datetime import datetime
from uuid import UUID

from gasolinera.database import Connection, fetch_all, load_sql
from gasolinera.redemption.models_personal import (
    ExportedAccountState,
    ExportedAdBonus,
    ExportedAssessment,
    ExportedEmployment,
    ExportedFreeEntry,
    ExportedOfflineRedemption,
    ExportedPoints,
    ExportedRedemption,
    ExportedServing,
    ExportedTicket,
)

_SQL = load_sql("gasolinera.redemption", "queries_personal.sql")
_EXPORT_ACCOUNT_STATES = _SQL["export_account_states"]
_EXPORT_REDEMPTIONS = _SQL["export_redemptions"]
_EXPORT_SERVED = _SQL["export_served"]
_EXPORT_TICKETS = _SQL["export_tickets"]
_EXPORT_AD_BONUSES = _SQL["export_ad_bonuses"]
_EXPORT_FREE_ENTRIES = _SQL["export_free_entries"]
_EXPORT_POINTS = _SQL["export_points"]
_EXPORT_ASSESSMENTS = _SQL["export_assessments"]
_EXPORT_OFFLINE_REDEMPTIONS = _SQL["export_offline_redemptions"]
_EXPORT_EMPLOYMENTS = _SQL["export_employments"]
_NOTE_ERASURE = _SQL["note_erasure"]
_FORGET_PERSON = _SQL["forget_person"]
_FORGET_REFUSED_CODES = _SQL["forget_refused_codes"]


async def export_account_states(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAccountState]:
    return await fetch_all(conn, ExportedAccountState, _EXPORT_ACCOUNT_STATES, user_id, limit)


async def export_redemptions(conn: Connection, user_id: UUID, limit: int) -> list[ExportedRedemption]:
    return await fetch_all(conn, ExportedRedemption, _EXPORT_REDEMPTIONS, user_id, limit)


async def export_served(conn: Connection, user_id: UUID, limit: int) -> list[ExportedServing]:
    return await fetch_all(conn, ExportedServing, _EXPORT_SERVED, str(user_id), limit)


async def export_tickets(conn: Connection, user_id: UUID, limit: int) -> list[ExportedTicket]:
    return await fetch_all(conn, ExportedTicket, _EXPORT_TICKETS, user_id, limit)


async def export_ad_bonuses(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAdBonus]:
    return await fetch_all(conn, ExportedAdBonus, _EXPORT_AD_BONUSES, user_id, limit)


async def export_free_entries(conn: Connection, user_id: UUID, limit: int) -> list[ExportedFreeEntry]:
    return await fetch_all(conn, ExportedFreeEntry, _EXPORT_FREE_ENTRIES, user_id, limit)


async def export_points(conn: Connection, user_id: UUID, limit: int) -> list[ExportedPoints]:
    return await fetch_all(conn, ExportedPoints, _EXPORT_POINTS, user_id, limit)


async def export_assessments(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAssessment]:
    return await fetch_all(conn, ExportedAssessment, _EXPORT_ASSESSMENTS, user_id, limit)


async def export_offline_redemptions(conn: Connection, user_id: UUID, limit: int) -> list[ExportedOfflineRedemption]:
    return await fetch_all(conn, ExportedOfflineRedemption, _EXPORT_OFFLINE_REDEMPTIONS, user_id, limit)


async def export_employments(conn: Connection, user_id: UUID, limit: int) -> list[ExportedEmployment]:
    return await fetch_all(conn, ExportedEmployment, _EXPORT_EMPLOYMENTS, user_id, limit)


async def note_erasure(conn: Connection, user_id: UUID, at: datetime) -> None:
    await conn.execute(_NOTE_ERASURE, user_id, at)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)


async def forget_refused_codes(conn: Connection, at_most: int) -> int:
    return int(await conn.fetchval(_FORGET_REFUSED_CODES, at_most))
