"""What the routes of all services share: the service's database as `db`, and no query parameter that nobody reads."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from litestar import Request, Router
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler

from gasolinera.bodies import JsonRequest, only_json
from gasolinera.calls import UserDirectory
from gasolinera.database import Database
from gasolinera.errors import public_name
from gasolinera.idempotency import join
from gasolinera.openapi import describe
from gasolinera.requests import MalformedError


def service_router(service: str, path: str, handlers: Sequence[HTTPRouteHandler]) -> Router:
    """The routes of one service, which get the service's own Database and no other."""

    async def database(request: Request[Any, Any, Any], state: State) -> Database:
        return await join(request, state[service])

    def users(state: State) -> UserDirectory:
        found: UserDirectory = state["users"]
        return found

    return Router(
        path,
        route_handlers=[describe(handler) for handler in handlers],
        dependencies={
            "db": Provide(database),
            "users": Provide(users, sync_to_thread=False),
        },
        guards=[only_known_parameters, only_json],
        request_class=JsonRequest,
        tags=[service],
    )


def only_known_parameters(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A misspelt filter must not silently answer a wider question. Raises MalformedError."""
    known = _query_names(handler)
    seen: set[str] = set()
    for name, _ in connection.query_params.multi_items():
        if name not in known:
            hint = f"known are {', '.join(sorted(known))}" if known else "this address takes none"
            raise MalformedError("request.unknown_parameter", "the request has an unknown query parameter", hint)
        if name in seen:
            raise MalformedError("request.repeated_parameter", f"the query parameter {name} is given twice")
        seen.add(name)


@cache
def _query_names(handler: BaseRouteHandler) -> frozenset[str]:
    """The handler's arguments that are neither injected nor part of the path."""
    injected = {*handler.resolve_dependencies(), "request", "state"}
    in_path = {part for path in handler.paths for part in _path_names(path)}
    arguments = handler.parsed_fn_signature.parameters
    return frozenset(public_name(handler, argument) for argument in arguments.keys() - injected - in_path)


def _path_names(path: str) -> list[str]:
    return [part[1:-1].split(":")[0] for part in path.split("/") if part.startswith("{")]
