"""Views over HTTP: an advertisement to watch, what its player reports, and what may be multiplied."""

from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.ads import chains, views
from gasolinera.ads.models_views import (
    Chain,
    ServedAd,
    ServeWish,
    View,
    ViewProgress,
    ViewReport,
    ViewRules,
    ViewStart,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission

_WATCH: Final = [requires(Permission.ADS_WATCH)]
_EARN: Final = [requires(Permission.ADS_WATCH, fresh=True)]
_READ_RULES: Final = [requires(Permission.ADS_READ)]
_MANAGE: Final = [requires(Permission.ADS_MANAGE, second_factor=True, fresh=True)]
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_OFTEN = problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "rate.limited", "this was asked more often than is allowed")
_NOTHING = problem_spec(HTTPStatus.NOT_FOUND, "ads.nothing_to_show", "there is no advertisement for this person now")
_NO_CHAIN = problem_spec(
    HTTPStatus.CONFLICT, "ads.nothing_to_multiply", "the tickets of this redemption cannot be multiplied now"
)
_USED = problem_spec(HTTPStatus.CONFLICT, "ads.token_used", "this advertisement was started before")
_TOKEN_OVER = problem_spec(HTTPStatus.GONE, "ads.token_over", "this advertisement can be started no more")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "ads.view_unknown", "there is no such view of this person")
_OVER = problem_spec(HTTPStatus.GONE, "ads.view_over", "this view is over")
_NOT_SKIPPABLE = problem_spec(HTTPStatus.CONFLICT, "ads.not_skippable", "this advertisement cannot be skipped now")
_NOT_WATCHED = problem_spec(HTTPStatus.CONFLICT, "ads.not_watched", "not enough of this advertisement was watched yet")
_COMMON = {422: _INVALID, 429: _OFTEN, 503: _UNAVAILABLE}

_VIEW_EXAMPLE: Final[dict[str, object]] = {
    "view_id": "ad000000-0000-4000-8000-000000000042",
    "advertisement_id": "ad100000-0000-4000-8000-000000000001",
    "title": "Luna de limón: la playa",
    "ad_format": "VIDEO",
    "status": "STARTED",
    "transaction_reference": "RDM-20261123-000042",
    "chain_step": 1,
    "started_at": "2026-11-23T18:00:00Z",
    "finished_at": None,
    "duration_s": 15,
    "watched_s": 4.2,
    "completion_percentage": 28.0,
    "needed_percentage": 80,
    "quartile": 1,
    "position_s": 4.2,
    "is_playing": True,
    "is_clicked": False,
    "last_sequence": 2,
    "base_tickets": 3,
    "ticket_multiplier": 2,
    "bonus_tickets": 0,
}
_COMPLETED_EXAMPLE = _VIEW_EXAMPLE | {
    "status": "COMPLETED",
    "finished_at": "2026-11-23T18:00:15Z",
    "watched_s": 15.0,
    "completion_percentage": 100.0,
    "quartile": 4,
    "position_s": None,
    "is_playing": False,
    "bonus_tickets": 3,
}
_SERVED_EXAMPLE: Final[dict[str, object]] = {
    "token": "pZ1Qv0m8o9rB3hXk5tYw2uNcE7aGdJfLs4iTqRxVbCM",
    "expires_at": "2026-11-23T18:10:00Z",
    "reference": "RDM-20261123-000042",
    "chain_step": 1,
    "base_tickets": 3,
    "bonus_tickets": 3,
    "needed_percentage": 80,
    "advertisement": {
        "advertisement_id": "ad100000-0000-4000-8000-000000000001",
        "advertiser_name": "Refrescos Luna",
        "title": "Luna de limón: la playa",
        "description": None,
        "ad_format": "VIDEO",
        "body_text": None,
        "media_url": "/api/ads/media/0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8",
        "media_type": "video/mp4",
        "click_url": "https://www.refrescosluna.example/limon",
        "duration_s": 15,
        "skip_after_s": 5,
    },
}
_CHAIN_EXAMPLE: Final[dict[str, object]] = {
    "reference": "RDM-20261123-000042",
    "base_tickets": 3,
    "station_code": "JSM001",
    "bonus_until": "2026-11-25T17:58:00Z",
    "steps_completed": 1,
    "next_step": 2,
    "bonus_tickets": 3,
}
_RULES_EXAMPLE: Final[dict[str, object]] = {
    "bonus_window_hours": 48,
    "token_seconds": 600,
    "idle_seconds": 120,
    "longest_silence_s": 30,
    "review_score": 40,
    "reject_score": 70,
    "user_views_per_hour": 40,
    "address_views_per_hour": 400,
}
_ViewId: TypeAlias = Annotated[UUID, PathParameter(description="The view's id.")]


class Chains(msgspec.Struct, frozen=True):
    items: tuple[Chain, ...]


def _viewer(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people watch"
    return caller.user_id


@post(
    "/views",
    guards=_EARN,
    opt={"limits": (Limit("user", 30, 60),)},
    summary="Ask for an advertisement to watch",
    description="With the token that starts one view of it, once and soon. With a redemption of the own ones the view "
    "is the next step of its chain, of ten at most: each multiplies the tickets that the redemption itself earned.",
    responses={201: good(ServedAd, "The advertisement.", _SERVED_EXAMPLE), 404: _NOTHING, 409: _NO_CHAIN, **_COMMON},
)
async def serve_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[ServeWish],
) -> ServedAd:
    return await db.run(lambda conn: views.serve(conn, _viewer(caller), data), context)


@post(
    "/views/start",
    guards=_EARN,
    opt={"limits": (Limit("user", 30, 60),)},
    summary="Start the view of an advertisement",
    description="A person watches one at a time. One of which nothing was heard for half a minute gives way.",
    responses={201: good(View, "The view.", _VIEW_EXAMPLE), 409: _USED, 410: _TOKEN_OVER, **_COMMON},
)
async def start_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[ViewStart],
) -> View:
    return views.refuse(await db.run(lambda conn: views.start(conn, _viewer(caller), data), context))


@post(
    "/views/{view_id:uuid}/reports",
    status_code=200,
    guards=_WATCH,
    opt={"limits": (Limit("user", 300, 60),)},
    summary="Report what a player does",
    description="Every few seconds, and when something changes. Time in which less than half of it was in view (or, of "
    "audio, nothing was to be heard) does not count, nor what is faster than the server's clock, nor more than half a "
    "minute without a report.",
    responses={200: good(View, "The view.", _VIEW_EXAMPLE), 404: _UNKNOWN, 409: _NOT_SKIPPABLE, 410: _OVER, **_COMMON},
)
async def report_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    view_id: _ViewId,
    data: JSONBody[ViewReport],
) -> View:
    # One round trip and no context: what comes every few seconds writes nothing that names a request.
    return views.refuse(
        await db.run_statement(lambda conn: views.report(conn, _viewer(caller), view_id, data), is_idempotent=True)
    )


@post(
    "/views/{view_id:uuid}/complete",
    status_code=200,
    guards=_EARN,
    opt={"limits": (Limit("user", 60, 60),)},
    summary="Complete a view",
    description="Once enough was watched; asked again it answers the same. `REJECTED`: the view was found to be none, "
    "and earns nothing. Where the redemption was cancelled meanwhile `bonus_tickets` is 0.",
    responses={
        200: good(View, "The view, completed or rejected.", _COMPLETED_EXAMPLE),
        404: _UNKNOWN,
        409: _NOT_WATCHED,
        410: _OVER,
        **_COMMON,
    },
)
async def complete_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    view_id: _ViewId,
    data: JSONBody[ViewProgress],
) -> View:
    told = await db.run(lambda conn: views.complete(conn, _viewer(caller), view_id, data), context, is_idempotent=True)
    return views.refuse(told)


@get(
    "/views",
    guards=_WATCH,
    summary="List own views",
    description="The newest first.",
    responses={
        200: good(Page[View], "A page of views.", {"items": [_COMPLETED_EXAMPLE], "next_cursor": None}),
        **_COMMON,
    },
)
async def history_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: Annotated[
        str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 20,
) -> Page[View]:
    async with db.connection() as conn:
        return await views.history(conn, _viewer(caller), cursor=cursor, limit=limit)


@get(
    "/views/current",
    guards=_WATCH,
    summary="Get the view that is under way",
    responses={200: good(View, "The view.", _VIEW_EXAMPLE), 404: _UNKNOWN, **_COMMON},
)
async def current_route(db: NamedDependency[Database], caller: NamedDependency[Caller]) -> View:
    async with db.connection() as conn:
        return await views.current(conn, _viewer(caller))


@get(
    "/views/{view_id:uuid}",
    guards=_WATCH,
    summary="Get an own view",
    responses={200: good(View, "The view.", _VIEW_EXAMPLE), 404: _UNKNOWN, **_COMMON},
)
async def get_route(db: NamedDependency[Database], caller: NamedDependency[Caller], view_id: _ViewId) -> View:
    async with db.connection() as conn:
        return await views.get_view(conn, _viewer(caller), view_id)


@get(
    "/chains",
    guards=_WATCH,
    summary="List own redemptions that views may multiply",
    description="Those first whose time is over soonest.",
    responses={200: good(Chains, "The redemptions.", {"items": [_CHAIN_EXAMPLE]}), **_COMMON},
)
async def chains_route(db: NamedDependency[Database], caller: NamedDependency[Caller]) -> Chains:
    async with db.connection() as conn:
        return Chains(await chains.list_chains(conn, _viewer(caller)))


@get(
    "/view-rules",
    guards=_READ_RULES,
    summary="Get how views are judged",
    responses={200: good(ViewRules, "The rules.", _RULES_EXAMPLE), **_COMMON},
)
async def get_rules_route(db: NamedDependency[Database]) -> ViewRules:
    async with db.connection() as conn:
        return await views.get_rules(conn)


@put(
    "/view-rules",
    guards=_MANAGE,
    summary="Say how views are judged",
    description="For what is decided from then on.",
    responses={200: good(ViewRules, "The rules from now on.", _RULES_EXAMPLE), **_COMMON},
)
async def put_rules_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[ViewRules]
) -> ViewRules:
    async with db.transaction(context) as conn:
        return await views.put_rules(conn, data)


HANDLERS = (
    serve_route,
    start_route,
    report_route,
    complete_route,
    history_route,
    current_route,
    get_route,
    chains_route,
    get_rules_route,
    put_rules_route,
)
