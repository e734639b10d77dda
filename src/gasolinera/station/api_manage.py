"""Running stations over HTTP: making and changing them, their hours and prices, and what was done to them."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from litestar import Response, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from gasolinera.authentication import reach_station, requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.station import managing, service
from gasolinera.station.api import INVALID, STATION_EXAMPLE, UNAVAILABLE, UNKNOWN, shown
from gasolinera.station.changes import (
    AuditEntry,
    HoursChange,
    NewStation,
    PastPrice,
    PriceChange,
    PriceSet,
    ScheduledPrice,
    StationChange,
    StatusChange,
)
from gasolinera.station.models import MAX_PAGE, Fuel, Station

_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.other_station", "this account may not do that at this station")
_STALE = problem_spec(HTTPStatus.PRECONDITION_FAILED, "station.stale", "somebody changed the station since it was read")
_NO_VERSION = problem_spec(
    HTTPStatus.PRECONDITION_REQUIRED, "station.version_needed", "the change does not say which version it is of"
)
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "station.code_taken", "another station has this code")
_STATUS = problem_spec(
    HTTPStatus.CONFLICT, "station.status", "a station that is PERMANENTLY_CLOSED cannot become ACTIVE"
)
_NOT_SOLD = problem_spec(HTTPStatus.CONFLICT, "station.not_sold", "the station does not sell this fuel")
_NOT_SCHEDULED = problem_spec(
    HTTPStatus.NOT_FOUND, "station.no_scheduled_price", "no price of this fuel is scheduled for that moment"
)
_PROBLEMS = {401: _NO_LOGIN, 403: _FORBIDDEN, 404: UNKNOWN, 422: INVALID, 503: UNAVAILABLE}

_PRICE_EXAMPLE = {
    "station_code": "JSM001",
    "fuel": "REGULAR",
    "price": "23.490",
    "currency": "MXN",
    "valid_from": "2026-11-22T18:00:00Z",
    "is_scheduled": False,
}
_SCHEDULED_EXAMPLE = {
    "station_code": "JSM001",
    "fuel": "REGULAR",
    "price": "23.490",
    "currency": "MXN",
    "valid_from": "2026-12-01T06:00:00Z",
    "reason": "new month",
    "scheduled_by": "a0000000-0000-4000-8000-000000000011",
    "scheduled_at": "2026-11-22T18:00:00.123456Z",
}
_PAST_EXAMPLE = {
    "id": 71,
    "fuel": "REGULAR",
    "price": "23.490",
    "currency": "MXN",
    "as_of": "2026-11-22",
    "valid_from": "2026-11-22T18:00:00Z",
    "previous_price": "23.190",
    "reason": "new delivery",
    "actor": "a0000000-0000-4000-8000-000000000011",
    "set_at": "2026-11-22T18:00:00.123456Z",
}
_AUDIT_EXAMPLE = {
    "id": 80,
    "event_type": "STATION_UPDATED",
    "old_values": {"pump_count": 8},
    "new_values": {"pump_count": 10},
    "actor": "a0000000-0000-4000-8000-000000000011",
    "correlation_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "ip_address": "192.0.2.7",
    "user_agent": "Mozilla/5.0",
    "created_at": "2026-11-22T18:00:00.123456Z",
}

_Code: TypeAlias = Annotated[str, PathParameter(description="Its code, such as JSM001; case does not matter.")]
_FuelInPath: TypeAlias = Annotated[Fuel, PathParameter(description="Which fuel.")]
_IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=40, description="The ETag of the station that the change is of."),
]
_Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]


@post(
    "/",
    guards=[requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)],
    opt={"idempotent": True},
    summary="Open a station",
    responses={201: good(Station, "The new station.", STATION_EXAMPLE), 409: _TAKEN, **_PROBLEMS},
)
async def create_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    data: JSONBody[NewStation],
) -> Response[Station]:
    async with db.transaction(context) as conn:
        await managing.create_station(conn, data)
        station = await service.get_station(conn, data.station_code)
    return shown(station, status=201)


@patch(
    "/{code:str}",
    guards=[requires(Permission.STATION_UPDATE, fresh=True)],
    summary="Change a station",
    description="What is left out stays. The chain alone changes where a station is and whether it takes coupons.",
    responses={
        200: good(Station, "The station as it is now.", STATION_EXAMPLE),
        409: _TAKEN,
        412: _STALE,
        428: _NO_VERSION,
        **_PROBLEMS,
    },
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _Code,
    data: JSONBody[StationChange],
    if_match: _IfMatch = None,
) -> Response[Station]:
    code = service.normalized_code(code)
    reach_station(caller, Permission.STATION_UPDATE, code)
    version = managing.parse_version(if_match)
    is_of_chain = caller.reach(Permission.STATIONS_MANAGE) is not None
    async with db.transaction(context) as conn:
        await managing.change_station(conn, code, data, version=version, is_of_chain=is_of_chain)
        station = await service.get_station(conn, code)
    return shown(station)


@post(
    "/{code:str}/status",
    status_code=200,
    guards=[requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)],
    summary="Open, pause or close a station",
    description="CONSTRUCTION, ACTIVE, INACTIVE and MAINTENANCE may follow each other as far as that makes sense; "
    "PERMANENTLY_CLOSED is the end.",
    responses={200: good(Station, "The station as it is now.", STATION_EXAMPLE), 409: _STATUS, **_PROBLEMS},
)
async def status_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    data: JSONBody[StatusChange],
) -> Response[Station]:
    async with db.transaction(context) as conn:
        await managing.change_status(conn, code, data)
        station = await service.get_station(conn, code)
    return shown(station)


@put(
    "/{code:str}/hours",
    guards=[requires(Permission.STATION_UPDATE, fresh=True)],
    summary="Set the opening hours",
    description="In the station's zone. Hours over midnight are given once, at the day on which they begin.",
    responses={
        200: good(Station, "The station as it is now.", STATION_EXAMPLE),
        412: _STALE,
        428: _NO_VERSION,
        **_PROBLEMS,
    },
)
async def hours_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _Code,
    data: JSONBody[HoursChange],
    if_match: _IfMatch = None,
) -> Response[Station]:
    code = service.normalized_code(code)
    reach_station(caller, Permission.STATION_UPDATE, code)
    version = managing.parse_version(if_match)
    async with db.transaction(context) as conn:
        await managing.set_hours(conn, code, data, version=version)
        station = await service.get_station(conn, code)
    return shown(station)


@put(
    "/{code:str}/prices/{fuel:str}",
    guards=[requires(Permission.PRICES_SET, fresh=True)],
    summary="Set what a litre costs",
    description="At once, or from a moment to come on, at most 90 days ahead.",
    responses={200: good(PriceSet, "The price.", _PRICE_EXAMPLE), 409: _NOT_SOLD, **_PROBLEMS},
)
async def price_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _Code,
    fuel: _FuelInPath,
    data: JSONBody[PriceChange],
) -> PriceSet:
    code = service.normalized_code(code)
    reach_station(caller, Permission.PRICES_SET, code)
    async with db.transaction(context) as conn:
        return await managing.set_price(conn, code, fuel, data, now=datetime.now(UTC))


@get(
    "/{code:str}/prices/scheduled",
    guards=[requires(Permission.PRICES_SET)],
    summary="What a litre will cost",
    description="The prices that wait for their moment, the soonest first.",
    responses={
        200: good(Page[ScheduledPrice], "The prices to come.", {"items": [_SCHEDULED_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def scheduled_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], code: _Code
) -> Page[ScheduledPrice]:
    code = service.normalized_code(code)
    reach_station(caller, Permission.PRICES_SET, code)
    async with db.connection() as conn:
        return Page(tuple(await managing.scheduled_prices(conn, code)), None)


@delete(
    "/{code:str}/prices/scheduled/{fuel:str}",
    guards=[requires(Permission.PRICES_SET, fresh=True)],
    summary="Withdraw a price that is to come",
    responses={**_PROBLEMS, 404: _NOT_SCHEDULED},
)
async def withdraw_price_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: _Code,
    fuel: _FuelInPath,
    valid_from: Annotated[
        Annotated[datetime, Meta(tz=True)],
        QueryParameter(description="The moment it would come, as the list tells it."),
    ],
) -> None:
    code = service.normalized_code(code)
    reach_station(caller, Permission.PRICES_SET, code)
    async with db.transaction(context) as conn:
        await managing.withdraw_price(conn, code, fuel, valid_from)


@get(
    "/{code:str}/prices/history",
    guards=[requires(Permission.PRICES_SET)],
    summary="What a litre cost",
    description="The latest first.",
    responses={
        200: good(Page[PastPrice], "A page of prices.", {"items": [_PAST_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def history_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: _Code,
    fuel: Annotated[Fuel | None, QueryParameter(description="Of any fuel when left out.")] = None,
    cursor: _Cursor = None,
    limit: _Limit = 20,
) -> Page[PastPrice]:
    code = service.normalized_code(code)
    reach_station(caller, Permission.PRICES_SET, code)
    async with db.connection() as conn:
        return await managing.price_history(conn, code, fuel, cursor=cursor, limit=limit)


@get(
    "/{code:str}/audit",
    guards=[requires(Permission.STATION_AUDIT_READ)],
    summary="What was done to a station",
    description="Who changed what, when and from where; the latest first.",
    responses={
        200: good(Page[AuditEntry], "A page of the log.", {"items": [_AUDIT_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def audit_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: _Code,
    cursor: _Cursor = None,
    limit: _Limit = 20,
) -> Page[AuditEntry]:
    code = service.normalized_code(code)
    reach_station(caller, Permission.STATION_AUDIT_READ, code)
    async with db.connection() as conn:
        return await managing.audit(conn, code, cursor=cursor, limit=limit)


HANDLERS = (
    create_route,
    change_route,
    status_route,
    hours_route,
    price_route,
    scheduled_route,
    withdraw_price_route,
    history_route,
    audit_route,
)
