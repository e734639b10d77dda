"""The only reader of `queries.sql`: one typed function a query. A wrong name fails when this module is imported."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.auth.models import Device, Employment, Language, Profile, ProfileChange, Purpose, Registration, Session
from gasolinera.calls import UserSummary
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.permissions import Role

_SQL = load_sql("gasolinera.auth")
_REQUEST_CODE = _SQL["request_code"]
_FIND_RESENDABLE = _SQL["find_resendable"]
_RECORD_UNDELIVERED = _SQL["record_undelivered"]
_PUT_INTO_INBOX = _SQL["put_into_inbox"]
_LOG_IN = _SQL["log_in"]
_CHANGE_PHONE = _SQL["change_phone"]
_ROTATE = _SQL["rotate_refresh_token"]
_END_SESSIONS = _SQL["end_sessions"]
_LIST_SESSIONS = _SQL["list_sessions"]
_GET_PROFILE = _SQL["get_profile"]
_CHANGE_PROFILE = _SQL["change_profile"]
_ACCEPT_TERMS = _SQL["accept_terms"]
_FIND_USER = _SQL["find_user"]
_PUT_EMPLOYMENT = _SQL["put_employment"]
_LOCK_USER = _SQL["lock_user"]
_SET_ROLE = _SQL["set_role_by_employment"]


class CodeLimit(msgspec.Struct, frozen=True):
    """At most so many codes in a window; `scope` is one of the table's."""

    scope: str
    subject: str
    window_s: int
    max_requests: int


class NewCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code on its way into the database, which sees MACs and hashes of it alone."""

    session_hash: bytes
    phone_number: str
    phone_hash: bytes
    purpose: Purpose
    channel: str
    user_id: UUID | None
    code_hash: bytes
    decoy: bytes
    pepper_id: int
    limits: Sequence[CodeLimit]
    registration: Registration | None
    resend_of: bytes | None


class CodeOutcome(msgspec.Struct, frozen=True):
    outcome: str
    retry_after_s: int
    is_to_be_sent: bool
    language: Language | None


class Resendable(msgspec.Struct, frozen=True):
    phone_number: str
    purpose: Purpose
    user_id: UUID | None


class LoginOutcome(msgspec.Struct, frozen=True):
    """Empty below `tries_left` unless the outcome is GOOD."""

    outcome: str
    retry_after_s: int
    tries_left: int
    is_new: bool
    user_id: UUID | None
    role: Role | None
    first_name: str | None
    last_name: str | None
    preferred_language: Language | None
    terms_version: str | None
    has_second_factor: bool
    family_id: UUID | None
    station_code: str | None
    employee_number: str | None
    issued_at: datetime


class PhoneOutcome(msgspec.Struct, frozen=True):
    outcome: str
    retry_after_s: int
    tries_left: int
    old_phone: str | None
    language: Language | None


class RotationOutcome(msgspec.Struct, frozen=True):
    outcome: str
    user_id: UUID | None
    role: Role | None
    first_name: str | None
    last_name: str | None
    preferred_language: Language | None
    terms_version: str | None
    has_second_factor: bool
    family_id: UUID | None
    is_second_factor_proved: bool
    expires_in_s: int | None
    station_code: str | None
    employee_number: str | None
    issued_at: datetime


class _SessionId(msgspec.Struct, frozen=True):
    session_id: UUID


class _UserId(msgspec.Struct, frozen=True):
    user_id: UUID


async def request_code(conn: Connection, new: NewCode) -> CodeOutcome:
    return await fetch_one(
        conn,
        CodeOutcome,
        _REQUEST_CODE,
        new.session_hash,
        new.phone_number,
        new.phone_hash,
        new.purpose,
        new.channel,
        new.user_id,
        new.code_hash,
        new.decoy,
        new.pepper_id,
        new.limits,
        new.registration,
        new.resend_of,
    )


async def find_resendable(conn: Connection, session_hash: bytes) -> Resendable | None:
    return await fetch_optional(conn, Resendable, _FIND_RESENDABLE, session_hash)


async def record_undelivered(conn: Connection, session_hash: bytes) -> None:
    await conn.execute(_RECORD_UNDELIVERED, session_hash)


async def put_into_inbox(conn: Connection, message_id: UUID, phone_number: str, text: str) -> None:
    await conn.execute(_PUT_INTO_INBOX, message_id, phone_number, text)


async def log_in(
    conn: Connection, session_hash: bytes, code_hash: bytes, refresh_hash: bytes, device: Device, *, is_page: bool
) -> LoginOutcome:
    return await fetch_one(
        conn,
        LoginOutcome,
        _LOG_IN,
        session_hash,
        code_hash,
        refresh_hash,
        device.device_id,
        device.device_name,
        is_page,
    )


async def change_phone(
    conn: Connection, session_hash: bytes, code_hash: bytes, *, user_id: UUID, session_id: UUID | None
) -> PhoneOutcome:
    return await fetch_one(conn, PhoneOutcome, _CHANGE_PHONE, session_hash, code_hash, user_id, session_id)


async def rotate_refresh_token(conn: Connection, token_hash: bytes, new_hash: bytes) -> RotationOutcome:
    return await fetch_one(conn, RotationOutcome, _ROTATE, token_hash, new_hash)


async def end_sessions(
    conn: Connection, user_id: UUID, reason: str, *, only: UUID | None = None, kept: UUID | None = None
) -> list[UUID]:
    found = await fetch_all(conn, _SessionId, _END_SESSIONS, user_id, reason, only, kept)
    return [row.session_id for row in found]


async def list_sessions(conn: Connection, user_id: UUID, current: UUID | None) -> list[Session]:
    return await fetch_all(conn, Session, _LIST_SESSIONS, user_id, current)


async def get_profile(conn: Connection, user_id: UUID) -> Profile | None:
    return await fetch_optional(conn, Profile, _GET_PROFILE, user_id)


async def change_profile(conn: Connection, user_id: UUID, change: ProfileChange) -> Profile | None:
    return await fetch_optional(
        conn,
        Profile,
        _CHANGE_PROFILE,
        user_id,
        change.first_name,
        change.last_name,
        change.email,
        change.preferred_language,
        change.removes_email,
    )


async def accept_terms(conn: Connection, user_id: UUID, version: str, *, confirms_age: bool) -> None:
    await conn.execute(_ACCEPT_TERMS, user_id, version, confirms_age)


async def find_user(conn: Connection, public_id: UUID) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _FIND_USER, public_id)


async def lock_user(conn: Connection, public_id: UUID) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _LOCK_USER, public_id)


async def put_employment(conn: Connection, employment: Employment, as_of: datetime) -> list[UUID]:
    found = await fetch_all(
        conn,
        _UserId,
        _PUT_EMPLOYMENT,
        employment.employee_number,
        employment.user_id,
        employment.station_code,
        employment.role,
        employment.permissions,
        employment.active,
        as_of,
        employment.version,
    )
    return [row.user_id for row in found]


async def set_role_by_employment(conn: Connection, user_id: UUID) -> UserSummary | None:
    return await fetch_optional(conn, UserSummary, _SET_ROLE, user_id)
