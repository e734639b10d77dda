"""The only reader of `queries_pages_till.sql`: one typed function a query."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.redemption.queries import PumpCode

_SQL = load_sql("gasolinera.redemption", "queries_pages_till.sql")
_LIST_RECENT = _SQL["list_recent"]
_SUM_TODAY = _SQL["sum_today"]
_LIST_TODAY = _SQL["list_today"]
_FIND_SHOWN_CODE = _SQL["find_shown_code"]
_FIND_SCANNED_CODE = _SQL["find_scanned_code"]
_FIND_STATION_ZONE = _SQL["find_station_zone"]


class Recent(msgspec.Struct, frozen=True):
    employee_number: str
    dispenser_code: str | None
    fuel_type: str | None
    price_per_litre: Decimal | None


class DaySum(msgspec.Struct, frozen=True):
    """Of one currency; None of none: nothing was redeemed yet. `first_moment`: when the day began there."""

    time_zone: str
    first_moment: datetime
    currency: str | None
    completed: int
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    tickets: int
    cancelled: int


class TodayRow(msgspec.Struct, frozen=True):
    id: int
    transaction_reference: str
    status: str
    coupon_code: str | None
    campaign_code: str | None
    employee_number: str
    dispenser_code: str | None
    validation_method: str
    fuel_type: str | None
    fuel_litres: Decimal | None
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    currency: str
    tickets_earned: int
    failure_code: str | None
    created_at: datetime
    sort_key: Decimal


class TodayWish(msgspec.Struct, frozen=True, kw_only=True):
    """`order`: time, amount or discount."""

    employee_number: str | None = None
    status: str | None = None
    fuel_type: str | None = None
    search: str | None = None
    order: str = "time"
    is_ascending: bool = False


class CodeState(PumpCode, frozen=True, kw_only=True):
    """With what came of it."""

    transaction_reference: str | None
    redemption_status: str | None


async def list_recent(conn: Connection, station_code: str) -> list[Recent]:
    return await fetch_all(conn, Recent, _LIST_RECENT, station_code)


async def sum_today(conn: Connection, station_code: str, employee_number: str | None) -> list[DaySum]:
    return await fetch_all(conn, DaySum, _SUM_TODAY, station_code, employee_number)


async def list_today(
    conn: Connection,
    station_code: str,
    since: datetime,
    wish: TodayWish,
    *,
    after: tuple[Decimal, int] | None,
    limit: int,
) -> list[TodayRow]:
    return await fetch_all(
        conn,
        TodayRow,
        _LIST_TODAY,
        station_code,
        since,
        wish.employee_number,
        wish.status,
        wish.fuel_type,
        wish.search,
        wish.order,
        wish.is_ascending,
        *(after or (None, None)),
        limit,
    )


async def find_shown_code(conn: Connection, nonce: UUID, station_code: str) -> CodeState | None:
    return await fetch_optional(conn, CodeState, _FIND_SHOWN_CODE, nonce, station_code)


async def find_scanned_code(conn: Connection, nonce: UUID, user_id: UUID) -> CodeState | None:
    return await fetch_optional(conn, CodeState, _FIND_SCANNED_CODE, nonce, user_id)


async def find_station_zone(conn: Connection, station_code: str) -> str | None:
    return await conn.fetchval(_FIND_STATION_ZONE, station_code)
