"""What a person looks for on the page of stations: a list, near or by words, and the map that shows the same."""

import re
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gasolinera.database import Connection
from gasolinera.paging import Page
from gasolinera.station import queries_pages_stations as queries
from gasolinera.station import service
from gasolinera.station.map_view import MAX_ZOOM, Place, Window, window_around
from gasolinera.station.models import (
    MAX_RADIUS_KM,
    Fuel,
    FuelPrice,
    NearbyStation,
    Nearest,
    Service,
    StationFilter,
    StationStatus,
    StationSummary,
)
from gasolinera.station.queries_pages_stations import Facts, Named, Spot
from gasolinera.texts import text

SHOWN: Final = 20
_ON_MAP: Final = 5  # of the nearest, that the map shows at first
_NOT_FAR_KM: Final = 5.0
_FUELS: Final = tuple(Fuel)
_POSTAL_CODE: Final = re.compile(r"[0-9]{5}")
_NEARBY: Final = msgspec.json.Decoder(tuple[NearbyStation, ...])
# Where nothing says what to show: the middle of Mexico.
_ANYWHERE: Final = Window(Place(22.5, -101.5), 0)

_Latitude = Annotated[float, Meta(ge=-90, le=90)]
_Longitude = Annotated[float, Meta(ge=-180, le=180)]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """`lat` and `lng`: where the person is; `map_…`: what the map was moved to; `only`: these codes alone.
    None means any.
    """

    q: Annotated[str, text(100)] | None = None
    fuel: Fuel | None = None
    service: Service | None = None
    only: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}(,[A-Z0-9]{3,20}){0,29}$(?!\n)")] | None = None
    coupons: bool = False
    open: bool = False
    lat: _Latitude | None = None
    lng: _Longitude | None = None
    map_lat: _Latitude | None = None
    map_lng: _Longitude | None = None
    zoom: Annotated[int, Meta(ge=0, le=MAX_ZOOM)] | None = None
    cursor: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None

    @property
    def here(self) -> Place | None:
        return None if self.lat is None or self.lng is None else Place(self.lat, self.lng)

    @property
    def named(self) -> Named:
        is_postal_code = self.q is not None and _POSTAL_CODE.fullmatch(self.q.strip())
        return Named(
            postal_code=self.q.strip() if self.q is not None and is_postal_code else None,
            codes=tuple(self.only.split(",")) if self.only else None,
        )

    @property
    def has_filter(self) -> bool:
        return bool(self.q or self.only or self.fuel or self.service or self.coupons or self.open)

    def filter(self, at: datetime) -> StationFilter:
        return StationFilter(
            fuel=self.fuel,
            service=self.service,
            text=None if self.named.postal_code else self.q,
            accepts_coupons=True if self.coupons else None,
            open_at=at if self.open else None,
        )


class FoundStation(msgspec.Struct, frozen=True, kw_only=True):
    """One of the list. `is_open` None: nobody knows."""

    code: str
    name: str
    status: StationStatus
    accepts_coupons: bool
    address: str
    prices: tuple[FuelPrice, ...]
    services: tuple[str, ...]
    is_open: bool | None
    distance_km: float | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    stations: tuple[FoundStation, ...]
    next_cursor: str | None
    window: Window
    spots: tuple[Spot, ...]


async def find(conn: Connection, search: Search, at: datetime) -> Found:
    """The nearest where it is known where the person is, else a page by code; words go before the place."""
    here = search.here if search.q is None and search.only is None else None
    summaries, next_cursor = await (_near(conn, search, here, at) if here else _listed(conn, search, at, SHOWN))
    facts = {
        one.station_code: one for one in await queries.facts_of_stations(conn, [s.station_code for s in summaries], at)
    }
    window = await _window(conn, search, summaries, here, at)
    spots = await queries.stations_on_map(conn, window, search.filter(at), search.named)
    stations = tuple(_found(summary, facts[summary.station_code]) for summary in summaries)
    return Found(stations=stations, next_cursor=next_cursor, window=window, spots=tuple(spots))


async def _near(
    conn: Connection, search: Search, here: Place, at: datetime
) -> tuple[tuple[StationSummary, ...], str | None]:
    wanted = search.filter(at)
    nearest = Nearest(
        latitude=here.latitude,
        longitude=here.longitude,
        radius_km=MAX_RADIUS_KM,
        limit=SHOWN,
        fuel=wanted.fuel,
        service=wanted.service,
        accepts_coupons=wanted.accepts_coupons,
        open_at=wanted.open_at,
    )
    return _NEARBY.decode(await service.find_nearby(conn, nearest)), None


async def _listed(
    conn: Connection, search: Search, at: datetime, limit: int
) -> tuple[tuple[StationSummary, ...], str | None]:
    wanted = search.filter(at)
    named = search.named
    if named.postal_code is None and named.codes is None:
        page = await service.list_stations(conn, wanted, after=search.cursor, limit=limit)
        return page.items, page.next_cursor
    found = await queries.list_named(conn, named, wanted, after=search.cursor or "", limit=limit + 1)
    items = tuple(found[:limit])
    return items, items[-1].station_code if len(found) > limit else None


async def _window(
    conn: Connection, search: Search, summaries: tuple[StationSummary, ...], here: Place | None, at: datetime
) -> Window:
    """What somebody moved to; else the person and the nearest few; else all that the search finds."""
    if search.map_lat is not None and search.map_lng is not None:
        return Window(Place(search.map_lat, search.map_lng), 4 if search.zoom is None else search.zoom)
    if here is not None:
        return window_around([here, *_close(summaries)]) or _ANYWHERE
    extent = await queries.extent_of_stations(conn, search.filter(at), search.named)
    if extent.west is None or extent.south is None or extent.east is None or extent.north is None:
        return _ANYWHERE
    corners = (Place(extent.south, extent.west), Place(extent.north, extent.east))
    return window_around(corners) or _ANYWHERE


def _close(summaries: tuple[StationSummary, ...]) -> list[Place]:
    """The nearest, and what is not much farther."""
    near = [one for one in summaries if isinstance(one, NearbyStation)][:_ON_MAP]
    reach = max((4 * one.distance_km for one in near[:1]), default=0.0) + _NOT_FAR_KM
    return [
        Place(one.latitude, one.longitude) for place, one in enumerate(near) if not place or one.distance_km <= reach
    ]


def _found(summary: StationSummary, facts: Facts) -> FoundStation:
    return FoundStation(
        code=summary.station_code,
        name=summary.name,
        status=summary.status,
        accepts_coupons=summary.accepts_coupons,
        address=address_of(facts.address, facts.postal_code, summary.city, summary.state),
        prices=in_order(summary.prices),
        services=facts.services_offered,
        is_open=facts.is_open,
        distance_km=summary.distance_km if isinstance(summary, NearbyStation) else None,
    )


def in_order(prices: tuple[FuelPrice, ...]) -> tuple[FuelPrice, ...]:
    """As the boards of stations have them."""
    return tuple(sorted(prices, key=lambda price: _FUELS.index(price.fuel)))


def address_of(street: str | None, postal_code: str | None, city: str | None, state: str | None) -> str:
    """On one line, as it stands on a letter; a state that has its city's name is said once."""
    place = " ".join(part for part in (postal_code, city) if part)
    parts = (street, place, state if state != city else None)
    return ", ".join(part for part in parts if part)


async def find_by_code(conn: Connection, search: Search, at: datetime, *, limit: int) -> Page[FoundStation]:
    """What a search finds, by code, wherever it is: for a sheet."""
    summaries, following = await _listed(conn, search, at, limit)
    codes = [summary.station_code for summary in summaries]
    facts = {one.station_code: one for one in await queries.facts_of_stations(conn, codes, at)}
    return Page(tuple(_found(summary, facts[summary.station_code]) for summary in summaries), following)
