"""The only reader of `queries_personal.sql`."""

from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, load_sql

_SQL = load_sql("gasolinera.raffle", "queries_personal.sql")
_EXPORT_ENTRIES = _SQL["export_entries"]
_EXPORT_REFUSED = _SQL["export_refused"]
_EXPORT_AGES = _SQL["export_ages"]
_EXPORT_EXCLUSIONS = _SQL["export_exclusions"]
_EXPORT_EMPLOYMENTS = _SQL["export_employments"]
_EXPORT_ACCOUNT_STATES = _SQL["export_account_states"]
_FORGET_PERSON = _SQL["forget_person"]


class ExportedEntry(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    issuance_id: UUID
    source: str
    ticket_count: int
    owner_tag: str
    entered_at: datetime
    created_at: datetime


class ExportedRefusal(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    issuance_id: UUID
    reason: str
    ticket_numbers: tuple[str, ...]
    created_at: datetime


class ExportedAge(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    min_age: int
    created_at: datetime


class ExportedExclusion(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str | None
    kind: str
    note: str | None
    created_at: datetime


class ExportedEmployment(msgspec.Struct, frozen=True, kw_only=True):
    employee_number: str
    is_active: bool
    as_of: datetime


class ExportedAccountState(msgspec.Struct, frozen=True, kw_only=True):
    is_active: bool
    is_erased: bool
    role: str
    as_of: datetime


async def export_entries(conn: Connection, user_id: UUID, limit: int) -> list[ExportedEntry]:
    return await fetch_all(conn, ExportedEntry, _EXPORT_ENTRIES, user_id, limit)


async def export_refused(conn: Connection, user_id: UUID, limit: int) -> list[ExportedRefusal]:
    return await fetch_all(conn, ExportedRefusal, _EXPORT_REFUSED, user_id, limit)


async def export_ages(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAge]:
    return await fetch_all(conn, ExportedAge, _EXPORT_AGES, user_id, limit)


async def export_exclusions(conn: Connection, user_id: UUID, limit: int) -> list[ExportedExclusion]:
    return await fetch_all(conn, ExportedExclusion, _EXPORT_EXCLUSIONS, user_id, limit)


async def export_employments(conn: Connection, user_id: UUID, limit: int) -> list[ExportedEmployment]:
    return await fetch_all(conn, ExportedEmployment, _EXPORT_EMPLOYMENTS, user_id, limit)


async def export_account_states(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAccountState]:
    return await fetch_all(conn, ExportedAccountState, _EXPORT_ACCOUNT_STATES, user_id, limit)


async def forget_person(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_FORGET_PERSON, user_id)
