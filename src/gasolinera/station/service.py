"""Finding stations. Rules and order of things; no SQL, no HTTP, no commit."""

import re
from datetime import UTC, datetime

from gasolinera.database import Connection
from gasolinera.station import queries
from gasolinera.station.errors import unknown_station
from gasolinera.station.models import Nearest, Station, StationFilter, StationPage

_CODE = re.compile(r"[A-Z0-9]{3,20}")


async def list_stations(conn: Connection, wanted: StationFilter, *, after: str | None, limit: int) -> StationPage:
    """One page by code. Asks for one row more than the page holds: it tells whether another page follows."""
    found = await queries.list_stations(conn, wanted, after=after or "", limit=limit + 1)
    items = tuple(found[:limit])
    return StationPage(items, items[-1].station_code if len(found) > limit else None)


async def get_station(conn: Connection, code: str, *, at: datetime | None = None) -> Station:
    """Raises UnknownError `station.unknown`. `at`: the moment that `is_open` is about; now when nobody says."""
    station = await queries.get_station(conn, normalized_code(code), at=at or datetime.now(UTC))
    if station is None:
        raise unknown_station()
    return station


async def find_nearby(conn: Connection, wanted: Nearest) -> str:
    """Active stations by true distance, nearest first, equally near ones by code: a JSON array of NearbyStation."""
    return await queries.find_nearby(conn, wanted)


def normalized_code(code: str) -> str:
    """Codes are typed by people: case does not matter. Raises UnknownError for what can be none."""
    normalized = code.strip().upper()
    if not _CODE.fullmatch(normalized):
        raise unknown_station()
    return normalized
