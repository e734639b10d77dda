"""The only reader of `queries_import.sql`."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from gasolinera.database import Connection, fetch_all, load_sql
from gasolinera.station.models import FeedPlace, FeedPrice, Fuel

_SQL = load_sql("gasolinera.station", "queries_import.sql")
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
