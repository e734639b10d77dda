"""The only reader of `queries_pages_people.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.auth.models_administration import AuditEntry, AuditFilter, UserFilter, UserRow
from gasolinera.database import Connection, fetch_all, load_sql

_SQL = load_sql("gasolinera.auth", "queries_pages_people.sql")
_NEWEST = _SQL["list_users_newest"]
_BY_NAME = _SQL["list_users_by_name"]
_BY_NAME_BACKWARDS = _SQL["list_users_by_name_backwards"]
_NAMES = _SQL["list_names"]
_OF_ACTOR = _SQL["search_audit_of_actor"]
_OLDEST = _SQL["search_audit_oldest"]
_OLDEST_OF_USER = _SQL["search_audit_of_user_oldest"]
_OLDEST_OF_REQUEST = _SQL["search_audit_of_request_oldest"]
_OLDEST_OF_ACTOR = _SQL["search_audit_of_actor_oldest"]


class NamedRow(UserRow, frozen=True, kw_only=True):
    """`sort_key`: as the database compares it, whose small letters may be other than ours."""

    sort_key: str


class Called(msgspec.Struct, frozen=True):
    public_id: UUID
    first_name: str | None
    last_name: str | None


async def list_users_newest(conn: Connection, wanted: UserFilter, *, before: int, limit: int) -> list[UserRow]:
    return await fetch_all(conn, UserRow, _NEWEST, before, wanted.role, wanted.is_active, limit)


async def list_users_by_name(
    conn: Connection, wanted: UserFilter, *, after: tuple[str, int], limit: int, is_backwards: bool
) -> list[NamedRow]:
    statement = _BY_NAME_BACKWARDS if is_backwards else _BY_NAME
    name, number = after
    return await fetch_all(conn, NamedRow, statement, number, wanted.role, wanted.is_active, limit, name)


async def list_names(conn: Connection, public_ids: Sequence[UUID]) -> list[Called]:
    return await fetch_all(conn, Called, _NAMES, public_ids)


async def search_audit_of_actor(
    conn: Connection, wanted: AuditFilter, actor: str, *, before: tuple[datetime, int], limit: int
) -> list[AuditEntry]:
    return await fetch_all(
        conn,
        AuditEntry,
        _OF_ACTOR,
        wanted.since,
        wanted.until,
        *before,
        wanted.event_type,
        wanted.ip_address,
        limit,
        actor,
    )


async def search_audit_oldest(
    conn: Connection, wanted: AuditFilter, actor: str | None, *, after: tuple[datetime, int], limit: int
) -> list[AuditEntry]:
    """`actor`: what that one did to others, whomever and whichever request."""
    values = (wanted.since, wanted.until, *after, wanted.event_type, wanted.ip_address, limit)
    if actor is not None:
        return await fetch_all(conn, AuditEntry, _OLDEST_OF_ACTOR, *values, actor)
    if wanted.correlation_id is not None:
        return await fetch_all(conn, AuditEntry, _OLDEST_OF_REQUEST, *values, wanted.correlation_id, wanted.user_id)
    if wanted.user_id is not None:
        return await fetch_all(conn, AuditEntry, _OLDEST_OF_USER, *values, wanted.user_id)
    return await fetch_all(conn, AuditEntry, _OLDEST, *values)
