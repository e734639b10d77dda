"""Finding stations. Rules and order of things; no SQL, no HTTP, no commit."""

import re

from gasolinera.database import Connection, Database
from gasolinera.errors import UnknownError
from gasolinera.station import queries
from gasolinera.station.models import NearbyStation, Station, StationFilter, StationPage

_CODE = re.compile(r"[A-Z0-9]{3,20}")


async def prepare(db: Database) -> None:
    """What the service does when a process starts: this month's partitions and the next ones exist."""
    async with db.transaction() as conn:
        await queries.ensure_partitions(conn)


async def list_stations(conn: Connection, wanted: StationFilter, *, after: str | None, limit: int) -> StationPage:
    """One page by code. Asks for one row more than the page holds: it tells whether another page follows."""
    found = await queries.list_stations(conn, wanted, after=after or "", limit=limit + 1)
    items = tuple(found[:limit])
    return StationPage(items, items[-1].station_code if len(found) > limit else None)


async def get_station(conn: Connection, code: str) -> Station:
    """Raises UnknownError `station.unknown`. Codes are typed by people: case does not matter."""
    normalized = code.strip().upper()
    station = await queries.get_station(conn, normalized) if _CODE.fullmatch(normalized) else None
    if station is None:
        raise UnknownError("station.unknown", "there is no station with this code")
    return station


async def find_nearby(
    conn: Connection, *, latitude: float, longitude: float, radius_km: float, limit: int
) -> tuple[NearbyStation, ...]:
    """Active stations by true distance, nearest first; equally near ones by code."""
    found = await queries.find_nearby(conn, latitude=latitude, longitude=longitude, radius_km=radius_km, limit=limit)
    return tuple(found)
