"""The only reader of `queries_manage.sql`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.station.changes import AuditEntry, AuditWish, NewStation, PastPrice, ScheduledPrice
from gasolinera.station.models import Fuel, StationStatus
from gasolinera.station.statistics import PlaceStatistics, StationFigures

_SQL = load_sql("gasolinera.station", "queries_manage.sql")
_CREATE_STATION = _SQL["create_station"]
_STATION_EXISTS = _SQL["station_exists"]
_CHANGE_STATION = _SQL["change_station"]
_CHANGE_STATUS = _SQL["change_status"]
_SET_HOURS = _SQL["set_hours"]
_SET_PRICE = _SQL["set_price"]
_SCHEDULE_PRICE = _SQL["schedule_price"]
_APPLY_DUE_PRICES = _SQL["apply_due_prices"]
_SCHEDULED_PRICES = _SQL["scheduled_prices"]
_WITHDRAW_PRICE = _SQL["withdraw_price"]
_PRICE_HISTORY = _SQL["price_history"]
_AUDIT = _SQL["audit"]
_REFRESH_SUMMARY = _SQL["refresh_station_summary"]
_STATISTICS = _SQL["statistics"]
_SUMMARY = _SQL["summary"]
_RECORD_METRICS = _SQL["record_metrics"]


class StatusChanged(msgspec.Struct, frozen=True):
    status_before: StationStatus
    is_changed: bool


class MaybePrice(msgspec.Struct, frozen=True):
    """Without a price the station is there and does not sell the fuel."""

    station_code: str
    fuel: Fuel
    price: Decimal | None
    currency: str | None
    valid_from: datetime | None
    is_scheduled: bool


async def create_station(conn: Connection, new: NewStation) -> None:
    await conn.execute(
        _CREATE_STATION,
        new.station_code,
        new.name,
        new.country,
        new.latitude,
        new.longitude,
        new.status,
        new.station_type,
        new.accepts_coupons,
        new.permit_number,
        new.address,
        new.city,
        new.state,
        new.postal_code,
        new.time_zone,
        new.pump_count,
        sorted(new.fuels),
        sorted(new.services_offered),
        new.phone,
        new.email,
        new.opened_on,
    )


async def station_exists(conn: Connection, code: str) -> bool:
    return bool(await conn.fetchval(_STATION_EXISTS, code))


async def change_station(conn: Connection, code: str, version: int, values: Mapping[str, Any]) -> datetime | None:
    return await conn.fetchval(_CHANGE_STATION, code, version, dict(values))


async def change_status(conn: Connection, code: str, status: StationStatus, reason: str | None) -> StatusChanged | None:
    return await fetch_optional(conn, StatusChanged, _CHANGE_STATUS, code, status, reason)


async def set_hours(
    conn: Connection, code: str, version: int, hours: Mapping[str, Any], exceptions: Sequence[Mapping[str, Any]]
) -> datetime | None:
    return await conn.fetchval(_SET_HOURS, code, version, dict(hours), list(exceptions))


async def set_price(
    conn: Connection, code: str, fuel: Fuel, price: Decimal, *, currency: str | None, reason: str | None
) -> MaybePrice | None:
    return await fetch_optional(conn, MaybePrice, _SET_PRICE, code, fuel, price, currency, reason)


async def schedule_price(
    conn: Connection,
    code: str,
    fuel: Fuel,
    price: Decimal,
    *,
    currency: str | None,
    reason: str | None,
    valid_from: datetime,
) -> MaybePrice | None:
    return await fetch_optional(conn, MaybePrice, _SCHEDULE_PRICE, code, fuel, price, currency, reason, valid_from)


async def apply_due_prices(conn: Connection) -> int:
    count = await conn.fetchval(_APPLY_DUE_PRICES)
    assert isinstance(count, int), "count(*) gives a number"
    return count


async def scheduled_prices(conn: Connection, code: str) -> list[ScheduledPrice]:
    return await fetch_all(conn, ScheduledPrice, _SCHEDULED_PRICES, code)


async def withdraw_price(conn: Connection, code: str, fuel: Fuel, valid_from: datetime) -> bool:
    return bool(await conn.fetchval(_WITHDRAW_PRICE, code, fuel, valid_from))


async def price_history(
    conn: Connection, code: str, fuel: Fuel | None, *, before: tuple[datetime, int] | None, limit: int
) -> list[PastPrice]:
    return await fetch_all(conn, PastPrice, _PRICE_HISTORY, code, fuel, *(before or (None, None)), limit)


async def audit(
    conn: Connection, code: str, wish: AuditWish, *, after: tuple[datetime, int] | None, limit: int
) -> list[AuditEntry]:
    values = (*(after or (None, None)), limit, wish.kind, wish.words, wish.oldest_first)
    return await fetch_all(conn, AuditEntry, _AUDIT, code, *values)


async def refresh_station_summary(conn: Connection) -> None:
    await conn.execute(_REFRESH_SUMMARY)


async def statistics(conn: Connection, state: str | None) -> list[PlaceStatistics]:
    return await fetch_all(conn, PlaceStatistics, _STATISTICS, state)


async def summary(conn: Connection, code: str) -> StationFigures | None:
    return await fetch_optional(conn, StationFigures, _SUMMARY, code)


async def record_metrics(
    conn: Connection, code: str, at: datetime, *, vehicles: int, volume_l: Decimal, transactions: int
) -> bool:
    return bool(await conn.fetchval(_RECORD_METRICS, code, at, vehicles, volume_l, transactions))
