"""Watching advertisements to multiply tickets: what may be multiplied, the player, and what it asks and reports.

The player's module posts JSON with the form's token in a header; everything else works without a script.
"""

from collections.abc import Awaitable
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Template
from msgspec import Meta

from gasolinera.ads import chains, views
from gasolinera.ads.models_views import (
    Chain,
    ServedAd,
    ServeWish,
    View,
    ViewProgress,
    ViewReport,
    ViewStart,
    ViewStatus,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import UnknownError
from gasolinera.limits import Limit
from gasolinera.paging import MAX_CURSOR
from gasolinera.permissions import Caller, Permission
from gasolinera.web.forms import Form, check_form
from gasolinera.web.pages import page
from gasolinera.web.refusing import refused
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.ads", "watch")
_WATCH: Final = [requires(Permission.ADS_WATCH)]
_EARN: Final = [requires(Permission.ADS_WATCH, fresh=True)]
_LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_STARTS: Final = {"limits": (Limit("user", 30, 60),)}
_ENDS: Final = {"limits": (Limit("user", 60, 60),)}
_REPORTS: Final = {"limits": (Limit("user", 300, 60),)}
_SHOWN: Final = 20
_Told = TypeVar("_Told", ServedAd, View)


class _Asked(msgspec.Struct, frozen=True):
    cursor: Annotated[str, Meta(max_length=MAX_CURSOR)] | None = None


class Refusal(msgspec.Struct, frozen=True):
    """Why not, by its stable code: what a player must expect is no failed request."""

    refused: str


async def _told(request: Request[Any, Any, Any], work: Awaitable[_Told]) -> _Told | Refusal:
    made: list[_Told | Refusal] = []

    async def kept() -> None:
        try:
            made.append(await work)
        except UnknownError as error:
            made.append(Refusal(error.code))

    error = await refused(request, kept())
    return made[0] if error is None else Refusal(error.code)


def _viewer(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people watch"
    return caller.user_id


@get("/watch", guards=_WATCH, opt=_LIMITS, include_in_schema=False)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    asked = Form(dict(request.query_params)).parsed(_Asked) or _Asked()
    async with db.connection() as conn:
        found = await chains.list_chains(conn, _viewer(caller))
        seen = await views.history(conn, _viewer(caller), cursor=asked.cursor, limit=_SHOWN)
    values = {
        "chains": found,
        "longest": views.LONGEST_CHAIN,
        "items": seen.items,
        "next_cursor": seen.next_cursor,
        "statuses": ViewStatus,
    }
    return page(request, "ads/watch/list.html", values, wording=WORDING)


@get("/watch/{reference:str}", guards=_WATCH, opt=_LIMITS, include_in_schema=False)
async def player_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    reference: FromPath[str],
) -> Template:
    """Of an own redemption that may be multiplied; of another the page says why there is nothing to watch."""
    async with db.connection() as conn:
        found = await chains.list_chains(conn, _viewer(caller))
    wanted = reference.strip().upper()
    chain: Chain | None = next((one for one in found if one.reference == wanted), None)
    values = {"chain": chain, "longest": views.LONGEST_CHAIN}
    return page(request, "ads/watch/player.html", values, wording=WORDING, status=200 if chain else 404)


@post("/watch/ads", status_code=200, guards=_EARN, opt=_STARTS, include_in_schema=False)
async def serve_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[ServeWish],
) -> ServedAd | Refusal:
    check_form(request)
    return await _told(request, db.run(lambda conn: views.serve(conn, _viewer(caller), data), context))


@post("/watch/views", status_code=200, guards=_EARN, opt=_STARTS, include_in_schema=False)
async def start_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[ViewStart],
) -> View | Refusal:
    check_form(request)

    async def started() -> View:
        return views.refuse(await db.run(lambda conn: views.start(conn, _viewer(caller), data), context))

    return await _told(request, started())


@post("/watch/views/{view_id:uuid}/reports", status_code=200, guards=_WATCH, opt=_REPORTS, include_in_schema=False)
async def report_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    view_id: FromPath[UUID],
    data: JSONBody[ViewReport],
) -> View | Refusal:
    check_form(request)

    async def reported() -> View:
        # One round trip and no context: what comes every few seconds writes nothing that names a request.
        return views.refuse(
            await db.run_statement(lambda conn: views.report(conn, _viewer(caller), view_id, data), is_idempotent=True)
        )

    return await _told(request, reported())


@post("/watch/views/{view_id:uuid}/complete", status_code=200, guards=_EARN, opt=_ENDS, include_in_schema=False)
async def complete_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    view_id: FromPath[UUID],
    data: JSONBody[ViewProgress],
) -> View | Refusal:
    check_form(request)

    async def completed() -> View:
        viewer = _viewer(caller)
        return views.refuse(
            await db.run(lambda conn: views.complete(conn, viewer, view_id, data), context, is_idempotent=True)
        )

    return await _told(request, completed())


HANDLERS: Final = (list_page, player_page, serve_action, start_action, report_action, complete_action)
