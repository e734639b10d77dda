"""The only reader of `queries_pages_stations.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, load_sql
from gasolinera.station.map_view import CELL, Window
from gasolinera.station.models import FuelPrice, StationFilter, StationSummary

_SQL = load_sql("gasolinera.station", "queries_pages_stations.sql")
_FACTS_OF_STATIONS = _SQL["facts_of_stations"]
_LIST_NAMED = _SQL["list_named"]
_EXTENT_OF_STATIONS = _SQL["extent_of_stations"]
_STATIONS_ON_MAP = _SQL["stations_on_map"]
_PRICES = msgspec.json.Decoder(tuple[FuelPrice, ...])


class Named(msgspec.Struct, frozen=True):
    """Stations by what only they have; None: not so."""

    postal_code: str | None = None
    codes: tuple[str, ...] | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    station_code: str
    address: str | None
    postal_code: str | None
    time_zone: str | None
    services_offered: tuple[str, ...]
    is_open: bool | None


class Extent(msgspec.Struct, frozen=True):
    west: float | None
    south: float | None
    east: float | None
    north: float | None


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """One circle of the map; code and name are those of its only station, else of one of them."""

    count: int
    latitude: float
    longitude: float
    station_code: str
    name: str
    is_active: bool


async def facts_of_stations(conn: Connection, codes: Sequence[str], at: datetime) -> list[Facts]:
    return await fetch_all(conn, Facts, _FACTS_OF_STATIONS, codes, at)


async def list_named(
    conn: Connection, named: Named, wanted: StationFilter, *, after: str, limit: int
) -> list[StationSummary]:
    values = (wanted.fuel, wanted.service, wanted.accepts_coupons, wanted.open_at)
    found = await conn.fetch(_LIST_NAMED, named.postal_code, after, limit, *values, named.codes)
    rows = (dict(record.items()) for record in found)
    return [msgspec.convert(row | {"prices": _PRICES.decode(row["prices"])}, StationSummary) for row in rows]


async def extent_of_stations(conn: Connection, wanted: StationFilter, named: Named) -> Extent:
    values = (wanted.fuel, wanted.service, wanted.accepts_coupons, wanted.text, named.postal_code, named.codes)
    return await fetch_one(conn, Extent, _EXTENT_OF_STATIONS, *values)


async def stations_on_map(conn: Connection, window: Window, wanted: StationFilter, named: Named) -> list[Spot]:
    frame = (window.west, window.south, window.east, window.north, window.units, CELL)
    values = (wanted.fuel, wanted.service, wanted.accepts_coupons, wanted.open_at, wanted.text)
    return await fetch_all(conn, Spot, _STATIONS_ON_MAP, *frame, *values, named.postal_code, named.codes)
