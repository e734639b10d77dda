"""The HTTP application: the services' routes and pools, health, and the OpenAPI document."""

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Any, cast

import asyncpg
import structlog
from litestar import Litestar
from litestar.datastructures import State
from litestar.enums import HttpMethod, MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gasolinera import health
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import EXCEPTION_HANDLERS, unavailable
from gasolinera.station import api as station_api
from gasolinera.station import service as station

_MAX_BODY_BYTES = 1_000_000
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

# What each service does when the process starts.
_AT_START: dict[str, Callable[[Database], Coroutine[Any, Any, None]]] = {"station": station.prepare}


def create_app(settings: Settings) -> Litestar:
    """The application of one process. Opens nothing: its lifespan does."""
    app = Litestar(
        route_handlers=[health.router, station_api.router],
        lifespan=[_lifespan(settings)],
        state=State({"settings": settings}),
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=_openapi(),
        request_max_body_size=_MAX_BODY_BYTES,
        logging_config=None,  # ours is set up by the command that runs
        debug=False,
    )
    app.asgi_handler = _answer_head(app.asgi_handler)
    return app


def _answer_head(handler: ASGIApp) -> ASGIApp:
    """Every address that answers GET answers HEAD, with the same headers and no body (RFC 9110, section 9.3.2)."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await handler(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        as_get = cast("Scope", {**scope, "method": HttpMethod.GET})
        await handler(as_get, receive, without_body)

    return answered


def _lifespan(settings: Settings) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            databases: dict[str, Database] = {}
            for service in _AT_START:
                databases[service] = await stack.enter_async_context(open_database(settings, service))
                app.state[service] = databases[service]
            app.state["databases"] = databases
            for service, prepare in _AT_START.items():
                await _prepare(service, prepare(databases[service]))
            yield

    return opened


async def _prepare(service: str, work: Coroutine[Any, Any, None]) -> None:
    """A database that is down or not migrated yet makes us not ready; it must not stop us from starting."""
    try:
        await work
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        trouble = unavailable(error)
        _log.warning("start_incomplete", service=service, reason=trouble.code if trouble else type(error).__name__)


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Gasolinera JSM",
        version=version("gasolinera"),
        description="A digital coupon platform for petrol-station chains. Errors are problem details (RFC 9457); "
        "their `code` is stable.",
        path="/openapi.json",
        render_plugins=[JsonRenderPlugin(path="/", media_type=MediaType.JSON)],
        use_handler_docstrings=False,
    )
