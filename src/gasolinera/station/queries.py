"""The only reader of `queries.sql`: one typed function a query. A wrong name fails when this module is imported."""

from datetime import datetime
from typing import TypeVar

import asyncpg
import msgspec

from gasolinera.database import Connection, load_sql
from gasolinera.station.models import FuelPrice, Nearest, Station, StationFilter, StationSummary

_SQL = load_sql("gasolinera.station")
_LIST_STATIONS = _SQL["list_stations"]
_GET_STATION = _SQL["get_station"]
FIND_NEARBY = _SQL["find_nearby"]

_Shown = TypeVar("_Shown", bound=StationSummary)
_PRICES = msgspec.json.Decoder(tuple[FuelPrice, ...])


async def list_stations(conn: Connection, wanted: StationFilter, *, after: str, limit: int) -> list[StationSummary]:
    found = await conn.fetch(
        _LIST_STATIONS,
        after,
        limit,
        wanted.status,
        wanted.state,
        wanted.city,
        wanted.fuel,
        wanted.service,
        wanted.text,
        wanted.accepts_coupons,
        wanted.open_at,
    )
    return [_shown(StationSummary, record) for record in found]


async def get_station(conn: Connection, code: str, *, at: datetime) -> Station | None:
    record = await conn.fetchrow(_GET_STATION, code, at)
    return None if record is None else _shown(Station, record)


async def find_nearby(conn: Connection, wanted: Nearest) -> str:
    """A JSON array of NearbyStation, nearest first."""
    return await conn.fetchval(
        FIND_NEARBY,
        wanted.latitude,
        wanted.longitude,
        wanted.radius_km,
        wanted.limit,
        wanted.fuel,
        wanted.service,
        wanted.accepts_coupons,
        wanted.open_at,
    )


def _shown(kind: type[_Shown], record: asyncpg.Record) -> _Shown:
    values = dict(record.items())
    values["prices"] = _PRICES.decode(values["prices"])
    return msgspec.convert(values, kind)
