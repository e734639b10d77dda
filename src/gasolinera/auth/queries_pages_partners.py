"""The only reader of `queries_pages_partners.sql`: one typed function a query."""

from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.auth.models_webhooks import Endpoint
from gasolinera.database import Connection, fetch_all, load_sql

_SQL = load_sql("gasolinera.auth", "queries_pages_partners.sql")
_PARTNERS = _SQL["list_partners_matching"]
_PARTNERS_BACKWARDS = _SQL["list_partners_matching_backwards"]
_ENDPOINTS = _SQL["list_all_endpoints"]
_ENDPOINTS_NEWEST = _SQL["list_all_endpoints_newest"]
_ENDPOINTS_BY_PARTNER = _SQL["list_all_endpoints_by_partner"]
_ENDPOINTS_BY_PARTNER_BACKWARDS = _SQL["list_all_endpoints_by_partner_backwards"]


class ListedPartner(msgspec.Struct, frozen=True, kw_only=True):
    partner_code: str
    name: str
    contact_email: str | None
    is_active: bool
    created_at: datetime
    live_keys: int
    webhooks: int


class ListedEndpoint(Endpoint, frozen=True, kw_only=True):
    """With whose it is, and how much waits for it."""

    id: int
    partner_code: str
    partner_name: str
    endpoint_id: UUID
    waiting: int


async def list_partners_matching(
    conn: Connection, text: str, *, is_active: bool | None, after: str, limit: int, is_backwards: bool
) -> list[ListedPartner]:
    statement = _PARTNERS_BACKWARDS if is_backwards else _PARTNERS
    return await fetch_all(conn, ListedPartner, statement, after, is_active, text, limit)


async def list_all_endpoints(
    conn: Connection, text: str, *, state: str, after: int, limit: int, is_backwards: bool
) -> list[ListedEndpoint]:
    statement = _ENDPOINTS_NEWEST if is_backwards else _ENDPOINTS
    return await fetch_all(conn, ListedEndpoint, statement, after, text, state, limit)


async def list_all_endpoints_by_partner(
    conn: Connection, text: str, *, state: str, after: tuple[str, int], limit: int, is_backwards: bool
) -> list[ListedEndpoint]:
    """`after`: the partner's code, which is empty on the first page, and the endpoint."""
    statement = _ENDPOINTS_BY_PARTNER_BACKWARDS if is_backwards else _ENDPOINTS_BY_PARTNER
    code, number = after
    return await fetch_all(conn, ListedEndpoint, statement, number, text, state, limit, code)
