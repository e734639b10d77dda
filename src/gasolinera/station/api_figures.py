"""Stations in figures, over HTTP."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from gasolinera.authentication import reach_station, requires
from gasolinera.database import Database
from gasolinera.errors import ForbiddenError
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.station import queries_manage, service
from gasolinera.station.api import UNKNOWN
from gasolinera.station.errors import unknown_station
from gasolinera.station.statistics import StationFigures, Statistics

_FIGURES_EXAMPLE = {
    "station_code": "JSM001",
    "active_employees": 3,
    "days_measured": 30,
    "vehicles_30d": 9120,
    "volume_30d_l": "250800.000",
    "transactions_30d": 9400,
    "capacity_used_percent": "63.3",
    "refreshed_at": "2026-11-22T18:00:00Z",
}


@get(
    "/statistics",
    guards=[requires(Permission.STATION_STATISTICS_READ)],
    summary="Stations in figures, by city",
    responses={200: good(Statistics, "By country, state and city.", {"items": []})},
)
async def statistics_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    in_state: Annotated[
        str | None,
        QueryParameter(name="state", min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)"),
    ] = None,
) -> Statistics:
    if caller.reach(Permission.STATION_STATISTICS_READ) is not Reach.ALL:
        raise ForbiddenError("auth.other_station", "this account sees the figures of its own station alone")
    async with db.connection() as conn:
        return Statistics(tuple(await queries_manage.statistics(conn, in_state)))


@get(
    "/{code:str}/summary",
    guards=[requires(Permission.STATION_STATISTICS_READ)],
    summary="One station in figures",
    responses={200: good(StationFigures, "Its figures.", _FIGURES_EXAMPLE), 404: UNKNOWN},
)
async def summary_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: Annotated[str, PathParameter(description="Its code, such as JSM001; case does not matter.")],
) -> StationFigures:
    code = service.normalized_code(code)
    reach_station(caller, Permission.STATION_STATISTICS_READ, code)
    async with db.connection() as conn:
        figures = await queries_manage.summary(conn, code)
    if figures is None:
        raise unknown_station()
    return figures


HANDLERS = (statistics_route, summary_route)
