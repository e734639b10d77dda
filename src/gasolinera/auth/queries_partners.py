"""The only reader of `queries_partners.sql`: one typed function a query."""

from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.auth.models_partners import ApiKey, HistoryEntry, KeyWish, Partner
from gasolinera.authority import REMEMBER_S, KeyHolder
from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql

_SQL = load_sql("gasolinera.auth", "queries_partners.sql")
_CREATE_PARTNER = _SQL["create_partner"]
_CHANGE_PARTNER = _SQL["change_partner"]
_GET_PARTNER = _SQL["get_partner"]
_LIST_PARTNERS = _SQL["list_partners"]
_LOCK_PARTNER = _SQL["lock_partner"]
_CREATE_API_KEY = _SQL["create_api_key"]
_ROTATE_API_KEY = _SQL["rotate_api_key"]
_COUNT_LIVE_KEYS = _SQL["count_live_keys"]
_REVOKE_API_KEY = _SQL["revoke_api_key"]
_LIST_API_KEYS = _SQL["list_api_keys"]
_FIND_API_KEY = _SQL["find_api_key"]
_LIST_PARTNER_HISTORY = _SQL["list_partner_history"]
_REVOKE_SESSION = _SQL["revoke_session"]
_REVOKE_USER = _SQL["revoke_user"]
_LIST_REVOCATIONS = _SQL["list_revocations"]
_FORGET_REVOCATIONS = _SQL["forget_revocations"]


class LockedPartner(msgspec.Struct, frozen=True):
    id: int
    is_active: bool


class _LiveKeys(msgspec.Struct, frozen=True):
    live: int


class RevocationRow(msgspec.Struct, frozen=True):
    """One row, or none but the cursor: then `revoked_at` is None."""

    cursor: str
    user_id: UUID | None
    session_id: UUID | None
    revoked_at: float | None


async def create_partner(conn: Connection, code: str, name: str, contact_email: str | None) -> Partner:
    return await fetch_one(conn, Partner, _CREATE_PARTNER, code, name, contact_email)


async def change_partner(
    conn: Connection,
    code: str,
    *,
    name: str | None,
    contact_email: str | None,
    is_active: bool | None,
    removes_email: bool,
) -> Partner | None:
    return await fetch_optional(conn, Partner, _CHANGE_PARTNER, code, name, contact_email, is_active, removes_email)


async def get_partner(conn: Connection, code: str) -> Partner | None:
    return await fetch_optional(conn, Partner, _GET_PARTNER, code)


async def list_partners(conn: Connection, *, after: str, limit: int) -> list[Partner]:
    return await fetch_all(conn, Partner, _LIST_PARTNERS, after, limit)


async def lock_partner(conn: Connection, code: str) -> LockedPartner | None:
    return await fetch_optional(conn, LockedPartner, _LOCK_PARTNER, code)


async def create_api_key(
    conn: Connection, partner_id: int, wish: KeyWish, *, prefix: str, key_hash: bytes, expires_at: datetime, most: int
) -> ApiKey | None:
    return await fetch_optional(
        conn,
        ApiKey,
        _CREATE_API_KEY,
        partner_id,
        prefix,
        key_hash,
        wish.label,
        sorted(wish.scopes),
        wish.station_code,
        wish.requests_per_minute,
        expires_at,
        most,
    )


async def rotate_api_key(
    conn: Connection,
    partner_id: int,
    old_prefix: str,
    *,
    prefix: str,
    key_hash: bytes,
    overlap_s: float,
    expires_at: datetime,
) -> ApiKey | None:
    return await fetch_optional(
        conn, ApiKey, _ROTATE_API_KEY, partner_id, old_prefix, prefix, key_hash, overlap_s, expires_at
    )


async def count_live_keys(conn: Connection, partner_id: int) -> int:
    return (await fetch_one(conn, _LiveKeys, _COUNT_LIVE_KEYS, partner_id)).live


async def revoke_api_key(conn: Connection, code: str, prefix: str) -> ApiKey | None:
    return await fetch_optional(conn, ApiKey, _REVOKE_API_KEY, code, prefix)


async def list_api_keys(conn: Connection, code: str, limit: int) -> list[ApiKey]:
    return await fetch_all(conn, ApiKey, _LIST_API_KEYS, code, limit)


async def find_api_key(conn: Connection, key_hash: bytes) -> KeyHolder | None:
    return await fetch_optional(conn, KeyHolder, _FIND_API_KEY, key_hash)


async def list_partner_history(conn: Connection, code: str, limit: int) -> list[HistoryEntry]:
    return await fetch_all(conn, HistoryEntry, _LIST_PARTNER_HISTORY, code, limit)


async def revoke_session(conn: Connection, session_id: UUID) -> None:
    await conn.execute(_REVOKE_SESSION, session_id)


async def revoke_user(conn: Connection, user_id: UUID) -> None:
    await conn.execute(_REVOKE_USER, user_id)


async def list_revocations(conn: Connection, cursor: str | None) -> list[RevocationRow]:
    return await fetch_all(conn, RevocationRow, _LIST_REVOCATIONS, cursor, float(REMEMBER_S))


async def forget_revocations(conn: Connection) -> str:
    return await conn.execute(_FORGET_REVOCATIONS)
