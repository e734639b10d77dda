"""Where the stations are, for everybody: near or by words, as a list and on a map; and the page of one."""

import asyncio
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template

from gasolinera.database import Connection, Database
from gasolinera.limits import Limit
from gasolinera.paging import Page
from gasolinera.station import service
from gasolinera.station.finding import Found, FoundStation, Search, address_of, find, find_by_code, in_order
from gasolinera.station.hours import DAYS
from gasolinera.station.map_view import HEIGHT, MAX_ZOOM, WIDTH, Marker, Place, Window, apart, drawn, labelled
from gasolinera.station.models import Fuel, Service, Station
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.station", "stations")
_LIMITS: Final = (Limit("ip", 300, 60),)
_SHEET_LIMITS: Final = (Limit("ip", 10, 60),)
_COLUMNS: Final = ("code", "name", "address", "regular", "premium", "diesel")
_CLOSER: Final = 2  # what a circle of several stations zooms in by
_PAN: Final = 0.5


class Step(msgspec.Struct, frozen=True):
    """Where a button of the map leads to."""

    name: str
    latitude: float
    longitude: float
    zoom: int


class Day(msgspec.Struct, frozen=True):
    name: str
    windows: tuple[tuple[str, str], ...]  # none: closed
    is_whole: bool
    is_today: bool


@get("/stations", include_in_schema=False, opt={"open": True, "limits": _LIMITS})
async def list_page(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Template:
    form = Form(dict(request.query_params))
    search = form.parsed(Search)
    async with db.connection() as conn:
        found = await find(conn, search or Search(), datetime.now(UTC))
    here = _here(search, found.window)
    values = {
        "form": form,
        "search": search or Search(),
        "found": found,
        "sheet": f"/stations.csv?{request.url.query}" if request.url.query else "/stations.csv",
        "fuels": tuple(Fuel),
        "services": tuple(Service),
        "paper": await asyncio.to_thread(drawn, found.window),
        "markers": _markers(found, here),
        "me": here,
        "steps": _steps(found.window),
        "width": WIDTH,
        "height": HEIGHT,
        "closer": min(found.window.zoom + _CLOSER, MAX_ZOOM),
    }
    status = 200 if search is not None else 422
    return page(request, "station/stations/list.html", values, wording=WORDING, status=status, uses=("location",))


@get("/stations.csv", include_in_schema=False, opt={"open": True, "limits": _SHEET_LIMITS})
async def sheet_page(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Stream:
    """What the same search finds, whatever is near."""
    search = Form(dict(request.query_params)).parsed(Search) or Search()
    language = language_of(request)
    header = [WORDING.text(language, f"sheet-{name}") for name in _COLUMNS]

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[FoundStation]:
        here = msgspec.structs.replace(search, cursor=cursor)
        return await find_by_code(conn, here, datetime.now(UTC), limit=limit)

    def row(one: FoundStation) -> list[object]:
        prices = {price.fuel: f"{price.price} {price.currency}" for price in one.prices}
        return [one.code, one.name, one.address, *(prices.get(fuel, "") for fuel in Fuel)]

    name = "estaciones" if language == "es" else "stations"
    return await csv_of_pages(db, read, row, name=name, header=header, language=language)


@get("/stations/{code:str}", include_in_schema=False, opt={"open": True, "limits": _LIMITS})
async def station_page(request: Request[Any, Any, Any], db: NamedDependency[Database], code: FromPath[str]) -> Template:
    """Raises UnknownError `station.unknown`."""
    now = datetime.now(UTC)
    async with db.connection() as conn:
        station = await service.get_station(conn, code, at=now)
    values = {
        "station": station,
        "prices": in_order(station.prices),
        "address": address_of(station.address, station.postal_code, station.city, station.state),
        "days": days_of(station, now),
    }
    return page(request, "station/stations/one.html", values, wording=WORDING)


def days_of(station: Station, now: datetime) -> tuple[Day, ...]:
    """A week from Monday on; empty where nobody told the hours."""
    if not station.opening_hours:
        return ()
    today = now.astimezone(ZoneInfo(station.time_zone or CHAIN_ZONE)).weekday()
    days: list[Day] = []
    for place, name in enumerate(DAYS):
        windows = tuple((str(begins), str(ends)) for begins, ends in station.opening_hours.get(name, ()))
        days.append(Day(name, windows, windows == (("00:00", "24:00"),), place == today))
    return tuple(days)


def _markers(found: Found, here: tuple[float, float] | None) -> list[Marker]:
    markers: list[Marker] = []
    for spot in found.spots:
        x, y = found.window.on_paper(spot.latitude, spot.longitude)
        place = Place(round(spot.latitude, 5), round(spot.longitude, 5))
        name = spot.name.removeprefix("Gasolinera ")
        markers.append(
            Marker(x=x, y=y, count=spot.count, code=spot.station_code, name=name, is_active=spot.is_active, place=place)
        )
    return labelled(apart(markers), here=here)


def _here(search: Search | None, window: Window) -> tuple[float, float] | None:
    """Where the person is on the paper; None: not known, or not on it."""
    if search is None or search.here is None:
        return None
    x, y = window.on_paper(search.here.latitude, search.here.longitude)
    return (x, y) if 0 <= x <= WIDTH and 0 <= y <= HEIGHT else None


def _steps(window: Window) -> tuple[Step, ...]:
    moved = {
        "map-closer": window.zoomed(1),
        "map-farther": window.zoomed(-1),
        "map-north": window.moved(0, -_PAN),
        "map-south": window.moved(0, _PAN),
        "map-west": window.moved(-_PAN, 0),
        "map-east": window.moved(_PAN, 0),
    }
    return tuple(
        Step(name, round(to.centre.latitude, 5), round(to.centre.longitude, 5), to.zoom)
        for name, to in moved.items()
        if to != window
    )


HANDLERS: Final = (list_page, sheet_page, station_page)
