"""The only reader of `queries_points.sql`: one typed function a query."""

from decimal import Decimal
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.redemption.models_points import Currency, Entry, EntryType, ExpiringPoints, PointsRule

_SQL = load_sql("gasolinera.redemption", "queries_points.sql")
_EARN_POINTS = _SQL["earn_points"]
_TAKE_POINTS_BACK = _SQL["take_points_back"]
_EXPIRE_POINTS = _SQL["expire_points"]
_FIND_ENTRY = _SQL["find_entry"]
_BOOK_POINTS = _SQL["book_points"]
_GET_BALANCE = _SQL["get_balance"]
_EXPIRING_POINTS = _SQL["expiring_points"]
_LIST_ENTRIES = _SQL["list_entries"]
_LIST_RULES = _SQL["list_rules"]
_PUT_RULE = _SQL["put_rule"]


class _Count(msgspec.Struct, frozen=True):
    count: int


async def earn_points(conn: Connection, reference: str) -> None:
    await conn.execute(_EARN_POINTS, reference)


async def take_points_back(conn: Connection, reference: str) -> None:
    await conn.execute(_TAKE_POINTS_BACK, reference)


async def expire_points(conn: Connection, limit: int = 1, *, user_id: UUID | None = None) -> int:
    return (await fetch_one(conn, _Count, _EXPIRE_POINTS, limit, user_id)).count


async def find_entry(conn: Connection, user_id: UUID, kind: EntryType, reference: str) -> Entry | None:
    return await fetch_optional(conn, Entry, _FIND_ENTRY, user_id, kind, reference)


async def book_points(
    conn: Connection, user_id: UUID, kind: EntryType, points: int, *, reference: str, description: str | None
) -> Entry:
    return await fetch_one(conn, Entry, _BOOK_POINTS, user_id, kind, points, reference, description)


async def get_balance(conn: Connection, user_id: UUID) -> int:
    found = await fetch_optional(conn, _Count, _GET_BALANCE, user_id)
    return 0 if found is None else found.count


async def expiring_points(conn: Connection, user_id: UUID, *, within_days: int) -> list[ExpiringPoints]:
    return await fetch_all(conn, ExpiringPoints, _EXPIRING_POINTS, user_id, within_days)


async def list_entries(conn: Connection, user_id: UUID, *, below: int | None, limit: int) -> list[Entry]:
    return await fetch_all(conn, Entry, _LIST_ENTRIES, user_id, below, limit)


async def list_rules(conn: Connection) -> list[PointsRule]:
    return await fetch_all(conn, PointsRule, _LIST_RULES)


async def put_rule(
    conn: Connection, currency: Currency, points_per_unit: Decimal, *, valid_days: int, is_enabled: bool
) -> PointsRule:
    return await fetch_one(conn, PointsRule, _PUT_RULE, currency, points_per_unit, valid_days, is_enabled)
