"""The only reader of `queries.sql`: one typed function a query. A wrong name fails when this module is imported."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.station.models import (
    FeedPlace,
    FeedPrice,
    Fuel,
    NearbyStation,
    Station,
    StationFilter,
    StationSummary,
)

_SQL = load_sql("gasolinera.station")
_ENSURE_PARTITIONS = _SQL["ensure_partitions"]
_LIST_STATIONS = _SQL["list_stations"]
_GET_STATION = _SQL["get_station"]
FIND_NEARBY = _SQL["find_nearby"]
_BEGIN_IMPORT = _SQL["begin_import"]
_ALLOW_LONG_STATEMENTS = _SQL["allow_long_statements"]
_UPDATE_CHANGED_STATIONS = _SQL["update_changed_stations"]
_INSERT_NEW_STATIONS = _SQL["insert_new_stations"]
_LIST_UNPLACED = _SQL["list_unplaced"]
_LIST_REFUSED_PRICES = _SQL["list_refused_prices"]
_SET_PRICES = _SQL["set_prices"]


class Unplaced(msgspec.Struct, frozen=True):
    """A staged place whose station code belongs to another station."""

    place_id: int
    permit: str
    station_code: str


class RefusedPrice(msgspec.Struct, frozen=True):
    """A staged price that stays out: a newer one is there, or (`has_station` false) its place has no station."""

    permit: str
    fuel: Fuel
    price: Decimal
    has_station: bool


async def ensure_partitions(conn: Connection) -> None:
    await conn.execute(_ENSURE_PARTITIONS)


async def list_stations(conn: Connection, wanted: StationFilter, *, after: str, limit: int) -> list[StationSummary]:
    return await fetch_all(
        conn, StationSummary, _LIST_STATIONS, after, wanted.status, wanted.state, wanted.city, wanted.fuel, limit
    )


async def get_station(conn: Connection, code: str) -> Station | None:
    return await fetch_optional(conn, Station, _GET_STATION, code)


async def find_nearby(
    conn: Connection, *, latitude: float, longitude: float, radius_km: float, limit: int
) -> list[NearbyStation]:
    return await fetch_all(conn, NearbyStation, FIND_NEARBY, latitude, longitude, radius_km, limit)


async def begin_import(conn: Connection) -> None:
    await conn.execute(_ALLOW_LONG_STATEMENTS)
    await conn.execute(_BEGIN_IMPORT)


async def stage_places(conn: Connection, places: Iterable[FeedPlace]) -> None:
    await conn.copy_records_to_table(
        "station_import_places",
        schema_name="station_schema",
        columns=["permit_number", "regulator_place_id", "station_code", "name", "longitude", "latitude", "fuels"],
        records=[(p.permit, p.place_id, p.station_code, p.name, p.longitude, p.latitude, p.fuels) for p in places],
    )


async def stage_prices(conn: Connection, prices: Iterable[FeedPrice]) -> None:
    await conn.copy_records_to_table(
        "station_import_prices",
        schema_name="station_schema",
        columns=["permit_number", "fuel", "price"],
        records=[(p.permit, p.fuel, p.price) for p in prices],
    )


async def update_changed_stations(conn: Connection) -> int:
    return await _count(conn, _UPDATE_CHANGED_STATIONS)


async def insert_new_stations(conn: Connection) -> int:
    return await _count(conn, _INSERT_NEW_STATIONS)


async def list_unplaced(conn: Connection) -> list[Unplaced]:
    return await fetch_all(conn, Unplaced, _LIST_UNPLACED)


async def list_refused_prices(conn: Connection, as_of: date) -> list[RefusedPrice]:
    return await fetch_all(conn, RefusedPrice, _LIST_REFUSED_PRICES, as_of)


async def set_prices(conn: Connection, as_of: date) -> int:
    return await _count(conn, _SET_PRICES, as_of)


async def _count(conn: Connection, sql: str, *values: date) -> int:
    count = await conn.fetchval(sql, *values)
    assert isinstance(count, int), "count(*) gives a number"
    return count
