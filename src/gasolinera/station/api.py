"""Stations over HTTP, for everybody: nothing here is personal."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.station import service
from gasolinera.station.models import (
    MAX_PAGE,
    MAX_RADIUS_KM,
    MIN_RADIUS_KM,
    Fuel,
    NearbyStation,
    Nearest,
    Service,
    Station,
    StationFilter,
    StationPage,
    StationStatus,
)

MISSPELT = problem_spec(
    HTTPStatus.BAD_REQUEST, "request.unknown_parameter", "the request has an unknown query parameter"
)
INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "station.unknown", "there is no station with this code")
LIMITED = problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "rate.limited", "this was asked more often than is allowed")
PROBLEMS = {400: MISSPELT, 422: INVALID, 429: LIMITED, 503: UNAVAILABLE}

_SUMMARY_EXAMPLE: dict[str, object] = {
    "station_code": "JSM001",
    "name": "Gasolinera JSM Centro Histórico",
    "status": "ACTIVE",
    "station_type": "FULL_SERVICE",
    "accepts_coupons": True,
    "city": "Ciudad de México",
    "state": "Ciudad de México",
    "country": "MX",
    "latitude": 19.427,
    "longitude": -99.1332,
    "fuels": ["REGULAR", "PREMIUM"],
    "prices": [{"fuel": "REGULAR", "price": "23.490", "currency": "MXN", "as_of": "2026-11-20"}],
}
STATION_EXAMPLE: dict[str, object] = _SUMMARY_EXAMPLE | {
    "permit_number": None,
    "address": "Av. Fray Servando Teresa de Mier 120",
    "postal_code": "06080",
    "time_zone": "America/Mexico_City",
    "pump_count": 8,
    "services_offered": ["AIR", "RESTROOM"],
    "opening_hours": {"mon": [["06:00", "22:00"]]},
    "phone": "+525555000101",
    "email": "jsm001@gasolinera-jsm.mx",
    "customer_rating": "4.0",
    "exceptions": [{"day": "2026-12-25", "hours": [["08:00", "14:00"]], "note": "Navidad"}],
    "is_open": True,
    "updated_at": "2026-11-22T18:00:00.123456Z",
}

# Per process and address, behind which many phones may be: a map that follows a finger asks once a second.
_LIMITS = (Limit("ip", 300, 60),)

_Offers = Annotated[Service | None, QueryParameter(name="service", description="Stations that offer this.")]
_AnyFuel = Annotated[Fuel | None, QueryParameter(description="Stations that sell this fuel.")]
_Programme = Annotated[bool | None, QueryParameter(description="Whether coupons are taken there.")]
_OpenNow = Annotated[bool, QueryParameter(description="Only active stations known to be open at this moment.")]
_Limit = Annotated[
    int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.", examples=[Example(value=20)])
]


class NearbyStations(msgspec.Struct, frozen=True):
    """What the route answers, put together from parts that are JSON already."""

    items: tuple[NearbyStation, ...]


def _text(example: str, description: str, *, name: str | None = None) -> QueryParameter:
    """A filter by text that PostgreSQL takes: not empty, no control characters."""
    return QueryParameter(
        name=name,
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description=description,
        examples=[Example(value=example)],
    )


@get(
    "/",
    opt={"open": True, "limits": _LIMITS},
    summary="List stations",
    description="In order of the code. City and state match without regard to case and accents, and so do the words of "
    "`q`, each of which begins a word of the code, name, address, city or state.",
    responses={
        200: good(StationPage, "A page of stations.", {"items": [_SUMMARY_EXAMPLE], "next_cursor": "JSM001"}),
        **PROBLEMS,
    },
)
async def list_route(  # noqa: PLR0913, PLR0917  a filter is an argument
    db: NamedDependency[Database],
    status: Annotated[StationStatus | None, QueryParameter(description="Any status when left out.")] = None,
    # `state` itself is the framework's name for the application's state.
    in_state: Annotated[str | None, _text("Puebla", "This state or province.", name="state")] = None,
    city: Annotated[str | None, _text("Puebla", "This city.")] = None,
    fuel: _AnyFuel = None,
    offers: _Offers = None,
    q: Annotated[str | None, _text("merida centro", "Words to look for.")] = None,
    accepts_coupons: _Programme = None,
    open_now: _OpenNow = False,
    cursor: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="`next_cursor` of the page before.")
    ] = None,
    limit: _Limit = 20,
) -> StationPage:
    wanted = StationFilter(
        status=status,
        state=in_state,
        city=city,
        fuel=fuel,
        service=offers,
        text=q,
        accepts_coupons=accepts_coupons,
        open_at=datetime.now(UTC) if open_now else None,
    )
    async with db.connection() as conn:
        return await service.list_stations(conn, wanted, after=cursor, limit=limit)


@get(
    "/nearby",
    opt={"open": True, "limits": _LIMITS},
    summary="Find the nearest stations",
    description="Active stations within a radius, nearest first, by great-circle distance.",
    responses={
        200: good(NearbyStations, "The nearest first.", {"items": [_SUMMARY_EXAMPLE | {"distance_km": 1.234}]}),
        **PROBLEMS,
    },
)
async def nearby_route(  # noqa: PLR0913, PLR0917  a filter is an argument
    db: NamedDependency[Database],
    lat: Annotated[
        float, QueryParameter(ge=-90, le=90, description="Latitude in degrees.", examples=[Example(value=19.43)])
    ],
    lng: Annotated[
        float, QueryParameter(ge=-180, le=180, description="Longitude in degrees.", examples=[Example(value=-99.13)])
    ],
    radius_km: Annotated[float, QueryParameter(ge=MIN_RADIUS_KM, le=MAX_RADIUS_KM, examples=[Example(value=5)])] = 10.0,
    fuel: _AnyFuel = None,
    offers: _Offers = None,
    accepts_coupons: _Programme = None,
    open_now: _OpenNow = False,
    limit: _Limit = 20,
) -> Response[bytes]:
    wanted = Nearest(
        latitude=lat,
        longitude=lng,
        radius_km=radius_km,
        limit=limit,
        fuel=fuel,
        service=offers,
        accepts_coupons=accepts_coupons,
        open_at=datetime.now(UTC) if open_now else None,
    )
    async with db.connection() as conn:
        found = await service.find_nearby(conn, wanted)
    return Response(f'{{"items":{found}}}'.encode(), media_type=MediaType.JSON)


@get(
    "/{code:str}",
    opt={"open": True, "limits": _LIMITS},
    summary="Look up one station",
    description="Its ETag is the version that a change must name.",
    responses={200: good(Station, "The station.", STATION_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def station_route(
    db: NamedDependency[Database],
    code: Annotated[str, PathParameter(description="Its code, such as JSM001; case does not matter.")],
) -> Response[Station]:
    async with db.connection() as conn:
        return shown(await service.get_station(conn, code))


def shown(station: Station, *, status: int = 200) -> Response[Station]:
    """With the version that a change must name."""
    return Response(station, status_code=status, headers={"etag": f'"{station.version}"'})


HANDLERS = (list_route, nearby_route, station_route)
