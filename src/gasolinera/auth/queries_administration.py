"""The only reader of `queries_administration.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.auth.models_administration import (
    AuditEntry,
    AuditFilter,
    Erasure,
    ErasureOutcome,
    ExportedAccount,
    ExportedAct,
    ExportedCode,
    ExportedEmployment,
    ExportedNotification,
    ExportedSession,
    FactorUse,
    GrantedAdmin,
    OwnAuditEntry,
    User,
    UserFilter,
    UserRow,
)
from gasolinera.calls import UserSummary
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.permissions import Role

_SQL = load_sql("gasolinera.auth", "queries_administration.sql")
_LIST_USERS = _SQL["list_users"]
_FIND_USERS_BY_PHONE = _SQL["find_users_by_phone"]
_FIND_USERS_BY_NAME = _SQL["find_users_by_name"]
_GET_USER = _SQL["get_user"]
_SET_ROLE = _SQL["set_role"]
_SET_ACTIVE = _SQL["set_active"]
_UNLOCK = _SQL["unlock"]
_GRANT_ADMIN = _SQL["grant_admin"]
_PUT_SECOND_FACTOR = _SQL["put_second_factor"]
_GET_SECOND_FACTOR = _SQL["get_second_factor"]
_PROVE_SECOND_FACTOR = _SQL["prove_second_factor"]
_REPLACE_RECOVERY_CODES = _SQL["replace_recovery_codes"]
_REMOVE_SECOND_FACTOR = _SQL["remove_second_factor"]
_SEARCH_AUDIT = _SQL["search_audit"]
_SEARCH_AUDIT_OF_USER = _SQL["search_audit_of_user"]
_SEARCH_AUDIT_OF_REQUEST = _SQL["search_audit_of_request"]
_LIST_OWN_AUDIT = _SQL["list_own_audit"]
_EXPORT_LOG = _SQL["export_log"]
_EXPORT_ACCOUNT = _SQL["export_account"]
_EXPORT_SESSIONS = _SQL["export_sessions"]
_EXPORT_CODES = _SQL["export_codes"]
_EXPORT_EMPLOYMENTS = _SQL["export_employments"]
_EXPORT_ACTS = _SQL["export_acts"]
_EXPORT_NOTIFICATIONS = _SQL["export_notifications"]
_RECORD_EXPORT = _SQL["record_export"]
_RECORD_LIST_EXPORT = _SQL["record_list_export"]
_TRY_OWN_CODE = _SQL["try_own_code"]
_GET_OWN_PHONE = _SQL["get_own_phone"]
_LOCK_PHONE = _SQL["lock_phone"]
_ERASE_USER = _SQL["erase_user"]
_LIST_ERASURES = _SQL["list_erasures"]


class StoredFactor(msgspec.Struct, frozen=True):
    secret: bytes | None
    key_id: int | None


class FactorOutcome(msgspec.Struct, frozen=True):
    outcome: str
    retry_after_s: int
    role: Role | None
    station_code: str | None
    employee_number: str | None
    recovery_codes_left: int
    issued_at: datetime


class CodeTry(msgspec.Struct, frozen=True):
    outcome: str
    retry_after_s: int
    tries_left: int


async def list_users(conn: Connection, wanted: UserFilter, *, after: int, limit: int) -> list[UserRow]:
    return await fetch_all(conn, UserRow, _LIST_USERS, after, wanted.role, wanted.is_active, limit)


async def find_users_by_phone(conn: Connection, phone_number: str) -> list[UserRow]:
    return await fetch_all(conn, UserRow, _FIND_USERS_BY_PHONE, phone_number)


async def find_users_by_name(
    conn: Connection, wanted: UserFilter, *, first: str, beyond: str, after: int, limit: int
) -> list[UserRow]:
    return await fetch_all(
        conn, UserRow, _FIND_USERS_BY_NAME, after, wanted.role, wanted.is_active, limit, first, beyond
    )


async def get_user(conn: Connection, public_id: UUID) -> User | None:
    return await fetch_optional(conn, User, _GET_USER, public_id)


async def set_role(conn: Connection, public_id: UUID, role: Role) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _SET_ROLE, public_id, role)


async def set_active(conn: Connection, public_id: UUID, *, is_active: bool) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _SET_ACTIVE, public_id, is_active)


async def unlock(conn: Connection, public_id: UUID) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _UNLOCK, public_id)


async def grant_admin(conn: Connection, phone_number: str, *, first_name: str, last_name: str) -> GrantedAdmin | None:
    return await fetch_optional(conn, GrantedAdmin, _GRANT_ADMIN, phone_number, first_name, last_name)


async def put_second_factor(conn: Connection, user_id: UUID, secret: bytes, key_id: int) -> str | None:
    label: str | None = await conn.fetchval(_PUT_SECOND_FACTOR, user_id, secret, key_id)
    return label


async def get_second_factor(conn: Connection, user_id: UUID) -> StoredFactor | None:
    return await fetch_optional(conn, StoredFactor, _GET_SECOND_FACTOR, user_id)


async def prove_second_factor(
    conn: Connection,
    user_id: UUID,
    session_id: UUID | None,
    *,
    secret: bytes | None,
    step: int | None,
    recovery_hash: bytes | None,
    use: FactorUse,
) -> FactorOutcome:
    return await fetch_one(
        conn, FactorOutcome, _PROVE_SECOND_FACTOR, user_id, session_id, secret, step, recovery_hash, use
    )


async def replace_recovery_codes(conn: Connection, user_id: UUID, hashes: Sequence[bytes]) -> None:
    await conn.execute(_REPLACE_RECOVERY_CODES, user_id, hashes)


async def remove_second_factor(conn: Connection, user_id: UUID, *, keeps_login: bool) -> bool:
    removed: bool = await conn.fetchval(_REMOVE_SECOND_FACTOR, user_id, keeps_login)
    return removed


async def search_audit(
    conn: Connection, wanted: AuditFilter, *, before: tuple[datetime, int], limit: int
) -> list[AuditEntry]:
    values = (wanted.since, wanted.until, *before, wanted.event_type, wanted.ip_address, limit)
    if wanted.correlation_id is not None:
        return await fetch_all(
            conn, AuditEntry, _SEARCH_AUDIT_OF_REQUEST, *values, wanted.correlation_id, wanted.user_id
        )
    if wanted.user_id is not None:
        return await fetch_all(conn, AuditEntry, _SEARCH_AUDIT_OF_USER, *values, wanted.user_id)
    return await fetch_all(conn, AuditEntry, _SEARCH_AUDIT, *values)


async def list_own_audit(
    conn: Connection, user_id: UUID, *, before: tuple[datetime, int], limit: int
) -> list[OwnAuditEntry]:
    return await fetch_all(conn, OwnAuditEntry, _LIST_OWN_AUDIT, user_id, *before, limit)


async def export_log(conn: Connection, user_id: UUID, phone_hashes: Sequence[bytes], limit: int) -> list[OwnAuditEntry]:
    return await fetch_all(conn, OwnAuditEntry, _EXPORT_LOG, user_id, phone_hashes, limit)


async def export_account(conn: Connection, user_id: UUID) -> ExportedAccount | None:
    return await fetch_optional(conn, ExportedAccount, _EXPORT_ACCOUNT, user_id)


async def export_sessions(conn: Connection, user_id: UUID, limit: int) -> list[ExportedSession]:
    return await fetch_all(conn, ExportedSession, _EXPORT_SESSIONS, user_id, limit)


async def export_codes(conn: Connection, user_id: UUID, limit: int) -> list[ExportedCode]:
    return await fetch_all(conn, ExportedCode, _EXPORT_CODES, user_id, limit)


async def export_employments(conn: Connection, user_id: UUID, limit: int) -> list[ExportedEmployment]:
    return await fetch_all(conn, ExportedEmployment, _EXPORT_EMPLOYMENTS, user_id, limit)


async def export_acts(conn: Connection, user_id: UUID, limit: int) -> list[ExportedAct]:
    return await fetch_all(conn, ExportedAct, _EXPORT_ACTS, user_id, limit)


async def export_notifications(conn: Connection, user_id: UUID, limit: int) -> list[ExportedNotification]:
    return await fetch_all(conn, ExportedNotification, _EXPORT_NOTIFICATIONS, user_id, limit)


async def record_export(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_RECORD_EXPORT, user_id)


async def record_list_export(conn: Connection, what: str) -> None:
    await conn.execute(_RECORD_LIST_EXPORT, what)


async def try_own_code(conn: Connection, user_id: UUID, *, session_hash: bytes, code_hash: bytes) -> CodeTry:
    return await fetch_one(conn, CodeTry, _TRY_OWN_CODE, session_hash, code_hash, user_id)


async def get_own_phone(conn: Connection, user_id: UUID) -> str | None:
    phone: str | None = await conn.fetchval(_GET_OWN_PHONE, user_id)
    return phone


async def lock_phone(conn: Connection, user_id: UUID) -> str | None:
    phone: str | None = await conn.fetchval(_LOCK_PHONE, user_id)
    return phone


async def erase_user(conn: Connection, user_id: UUID, reason: str, phone_hashes: Sequence[bytes]) -> ErasureOutcome:
    return await fetch_one(conn, ErasureOutcome, _ERASE_USER, user_id, reason, phone_hashes)


async def list_erasures(conn: Connection, since: datetime) -> list[Erasure]:
    return await fetch_all(conn, Erasure, _LIST_ERASURES, since)
