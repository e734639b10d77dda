"""Stations over HTTP, for everybody: nothing here is personal."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter

from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.routing import service_router
from gasolinera.station import service
from gasolinera.station.models import (
    MAX_PAGE,
    MAX_RADIUS_KM,
    MIN_RADIUS_KM,
    Fuel,
    NearbyStation,
    Station,
    StationFilter,
    StationPage,
    StationStatus,
)

_MISSPELT = problem_spec(
    HTTPStatus.BAD_REQUEST, "request.unknown_parameter", "the request has an unknown query parameter"
)
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "station.unknown", "there is no station with this code")
_PROBLEMS = {400: _MISSPELT, 422: _INVALID, 503: _UNAVAILABLE}

_SUMMARY_EXAMPLE = {
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
_STATION_EXAMPLE = _SUMMARY_EXAMPLE | {
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
}

_Limit = Annotated[
    int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.", examples=[Example(value=20)])
]


class NearbyStations(msgspec.Struct, frozen=True):
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


def _good(kind: type[msgspec.Struct], description: str, example: object) -> ResponseSpec:
    return ResponseSpec(kind, generate_examples=False, description=description, examples=[Example(value=example)])


@get(
    "/",
    summary="List stations",
    responses={
        200: _good(StationPage, "A page of stations.", {"items": [_SUMMARY_EXAMPLE], "next_cursor": "JSM001"}),
        **_PROBLEMS,
    },
)
async def list_route(
    db: NamedDependency[Database],
    status: Annotated[StationStatus | None, QueryParameter(description="Any status when left out.")] = None,
    # `state` itself is the framework's name for the application's state.
    in_state: Annotated[str | None, _text("Puebla", "Exactly this state or province.", name="state")] = None,
    city: Annotated[str | None, _text("Puebla", "Exactly this city.")] = None,
    fuel: Annotated[Fuel | None, QueryParameter(description="Stations that sell this fuel.")] = None,
    cursor: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="`next_cursor` of the page before.")
    ] = None,
    limit: _Limit = 20,
) -> StationPage:
    wanted = StationFilter(status=status, state=in_state, city=city, fuel=fuel)
    async with db.connection() as conn:
        return await service.list_stations(conn, wanted, after=cursor, limit=limit)


@get(
    "/nearby",
    summary="Find the nearest stations",
    description="Active stations within a radius, nearest first, by great-circle distance.",
    responses={
        200: _good(NearbyStations, "The nearest first.", {"items": [_SUMMARY_EXAMPLE | {"distance_km": 1.234}]}),
        **_PROBLEMS,
    },
)
async def nearby_route(
    db: NamedDependency[Database],
    lat: Annotated[
        float, QueryParameter(ge=-90, le=90, description="Latitude in degrees.", examples=[Example(value=19.43)])
    ],
    lng: Annotated[
        float, QueryParameter(ge=-180, le=180, description="Longitude in degrees.", examples=[Example(value=-99.13)])
    ],
    radius_km: Annotated[float, QueryParameter(ge=MIN_RADIUS_KM, le=MAX_RADIUS_KM, examples=[Example(value=5)])] = 10.0,
    limit: _Limit = 20,
) -> NearbyStations:
    async with db.connection() as conn:
        found = await service.find_nearby(conn, latitude=lat, longitude=lng, radius_km=radius_km, limit=limit)
    return NearbyStations(found)


@get(
    "/{code:str}",
    summary="Look up one station",
    responses={200: _good(Station, "The station.", _STATION_EXAMPLE), 404: _UNKNOWN, **_PROBLEMS},
)
async def station_route(
    db: NamedDependency[Database],
    code: Annotated[str, PathParameter(description="Its code, such as JSM001; case does not matter.")],
) -> Station:
    async with db.connection() as conn:
        return await service.get_station(conn, code)


router = service_router("station", "/api/stations", [list_route, nearby_route, station_route])
