"""What the routes of all services share: the service's database as `db`, and no query parameter that nobody reads."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from gasolinera.bodies import JsonRequest, only_json
from gasolinera.calls import UserDirectory
from gasolinera.database import Database
from gasolinera.errors import public_name
from gasolinera.idempotency import join
from gasolinera.openapi import describe
from gasolinera.requests import MalformedError
from gasolinera.web.cookies import is_for_programs


def service_router(service: str, path: str, handlers: Sequence[HTTPRouteHandler]) -> Router:
    """The routes of one service, which get the service's own Database and no other."""

    async def database(request: Request[Any, Any, Any]) -> Database:
        return await join(request, request.app.state[service])

    def users(request: Request[Any, Any, Any]) -> UserDirectory:
        found: UserDirectory = request.app.state["users"]
        return found

    return Router(
        path,
        route_handlers=[describe(handler) for handler in handlers],
        dependencies={
            "db": Provide(database),
            "users": Provide(users, sync_to_thread=False),
        },
        middleware=[well_asked],
        request_class=JsonRequest,
        tags=[service],
    )


def well_asked(app: ASGIApp) -> ASGIApp:
    """What a service's routes refuse before anybody's guard. No guards themselves: for each of those the framework
    copies the route's handler, every time, and runs it in a thread unless it is a coroutine.
    """

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        handler = scope["route_handler"]
        only_known_parameters(scope, handler)
        only_json(scope, handler)
        await app(scope, receive, send)

    return checked


def only_known_parameters(scope: Scope, handler: BaseRouteHandler) -> None:
    """A misspelt filter must not silently answer a wider question. Raises MalformedError.

    `opt={"any_parameters": True}` is for a query that somebody else makes, and signs as a whole. Addresses of pages
    travel, and pick up what others add to them.
    """
    if handler.opt.get("any_parameters") or not is_for_programs(scope["path"]):
        return
    query: bytes = scope["query_string"]
    if not query:
        return
    known = _query_names(handler)
    if _are_plainly_known(query, known):
        return
    seen: set[str] = set()
    for name, _ in ASGIConnection[Any, Any, Any, Any](scope).query_params.multi_items():
        if name not in known:
            hint = f"known are {', '.join(sorted(known))}" if known else "this address takes none"
            raise MalformedError("request.unknown_parameter", "the request has an unknown query parameter", hint)
        if name in seen:
            raise MalformedError("request.repeated_parameter", f"the query parameter {name} is given twice")
        seen.add(name)


def _are_plainly_known(query: bytes, known: frozenset[str]) -> bool:
    """Whether each name is written as it is, known and there once; False is no answer yet."""
    names = [part.partition("=")[0] for part in query.decode("latin-1").split("&")]
    return known.issuperset(names) and len(set(names)) == len(names)


def _query_names(handler: BaseRouteHandler) -> frozenset[str]:
    """The handler's arguments that are neither injected nor part of the path; found once.

    Kept at the handler: a cache of this module's would keep every application of a process.
    """
    known = handler.opt.get("query_names")
    if known is None:
        injected = {*handler.resolve_dependencies(), "request", "state"}
        in_path = {part for path in handler.paths for part in _path_names(path)}
        arguments = handler.parsed_fn_signature.parameters.keys() - injected - in_path
        known = handler.opt["query_names"] = frozenset(public_name(handler, argument) for argument in arguments)
    return known


def _path_names(path: str) -> list[str]:
    return [part[1:-1].split(":")[0] for part in path.split("/") if part.startswith("{")]
