"""The only reader of `queries.sql`: one typed function a query. A wrong name fails when this module is imported."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import msgspec

from gasolinera.database import Connection, load_sql
from gasolinera.station.models import FuelPrice, Nearest, Station, StationFilter, StationSummary

_SQL = load_sql("gasolinera.station")
_ENSURE_PARTITIONS = _SQL["ensure_partitions"]
_LIST_STATIONS = _SQL["list_stations"]
_GET_STATION = _SQL["get_station"]
FIND_NEARBY = _SQL["find_nearby"]

_Shown = TypeVar("_Shown", bound=StationSummary)
_PRICES = msgspec.json.Decoder(tuple[FuelPrice, ...])


class _Priced(msgspec.Struct, frozen=True):
    fuel: str


_PRICED = msgspec.json.Decoder(tuple[_Priced, ...])


async def ensure_partitions(conn: Connection) -> None:
    await conn.execute(_ENSURE_PARTITIONS)


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


async def find_nearby(conn: Connection, wanted: Nearest) -> bytes:
    """A JSON array of NearbyStation, nearest first. Phones ask this all day, and nobody between PostgreSQL and the
    client looks into it: making the structs first took as long as everything else that the route does.
    """
    found = await conn.fetch(
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
    return msgspec.json.encode([_sent(record) for record in found])


def _sent(record: asyncpg.Record) -> dict[str, Any]:
    """What `_shown` gives, for the encoder; constraints hold what a struct would check."""
    values = dict(record.items())
    prices, fuels = values["prices"], values["fuels"]
    is_as_kept = all(price.fuel in fuels for price in _PRICED.decode(prices))
    values["prices"] = msgspec.Raw(prices.encode()) if is_as_kept else _sold(prices, fuels)
    return values


def _shown(kind: type[_Shown], record: asyncpg.Record) -> _Shown:
    values = dict(record.items())
    values["prices"] = _sold(values["prices"], values["fuels"])
    return msgspec.convert(values, kind)


def _sold(prices: str, fuels: Sequence[str]) -> tuple[FuelPrice, ...]:
    """The price list is kept as it is shown; a fuel that is no longer sold has no price."""
    return tuple(price for price in _PRICES.decode(prices) if price.fuel in fuels)
