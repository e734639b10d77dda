"""The HTTP application: the services' routes and pools, health, and the OpenAPI document."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeAlias

import asyncpg
import structlog
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide

from gasolinera import health, idempotency, reference
from gasolinera.ads.parts import PARTS as ADS
from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.authentication import DEPENDENCIES, Gate, authenticate, open_gate, tokens_of
from gasolinera.calls import FindUser, TokenFor, open_users
from gasolinera.config import Settings
from gasolinera.coupon.parts import PARTS as COUPON
from gasolinera.coupon_calls import open_coupons
from gasolinera.database import Database, open_database
from gasolinera.edge import around, layers
from gasolinera.errors import EXCEPTION_HANDLERS, Refusals, unavailable
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.limits import SlidingWindows
from gasolinera.metrics import metrics_route
from gasolinera.observing import finish_observing
from gasolinera.openapi import openapi_config, openapi_route
from gasolinera.ops.pages import ops_router
from gasolinera.partitions import make_partitions
from gasolinera.parts import Parts
from gasolinera.personal_data import ASKER, Elsewhere, open_elsewhere, personal_data_router
from gasolinera.raffle.parts import PARTS as RAFFLE
from gasolinera.redemption.parts import PARTS as REDEMPTION
from gasolinera.requests import provide_context
from gasolinera.station.parts import PARTS as STATION
from gasolinera.terminal_calls import open_terminals
from gasolinera.tracing import exported_traces
from gasolinera.web.assets import asset_route
from gasolinera.web.failures import for_browsers
from gasolinera.web.pages import language_route, template_config

_MAX_BODY_BYTES = 1_000_000
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Lifespan: TypeAlias = Callable[[Litestar], AbstractAsyncContextManager[None]]

_COMMON = (
    health.router,
    metrics_route,
    openapi_route,
    reference.page_route,
    reference.style_route,
    asset_route,
    language_route,
)
ALL_PARTS: tuple[Parts, ...] = (AUTH, STATION, COUPON, REDEMPTION, ADS, RAFFLE)


def create_app(settings: Settings, parts: Sequence[Parts] = ALL_PARTS, *, also: Sequence[Lifespan] = ()) -> Litestar:
    """The application of one process, with these services. Opens nothing: its lifespan does, and after it those `also`
    given, which find the databases in the application's state.
    """
    app = Litestar(
        route_handlers=[*_COMMON, ops_router(), *(router for part in parts for router in _routers(part))],
        lifespan=[_lifespan(parts), *also],
        state=state_of(settings, parts),
        dependencies={"context": Provide(provide_context, sync_to_thread=False), **DEPENDENCIES},
        middleware=layers(settings, authenticate),
        exception_handlers={**for_browsers(EXCEPTION_HANDLERS), **idempotency.EXCEPTION_HANDLERS},
        template_config=template_config(["ops", *(part.name for part in parts if part.has_pages)]),
        openapi_config=openapi_config(),
        request_max_body_size=_MAX_BODY_BYTES,
        logging_config=None,  # ours is set up by the command that runs
        debug=False,
    )
    app.asgi_handler = around(app.asgi_handler, settings)
    return app


def state_of(settings: Settings, parts: Sequence[Parts] = ALL_PARTS) -> State:
    """What an application knows before it opens anything."""
    windows = SlidingWindows()
    return State({"settings": settings, "refusals": refusals_of(parts), "parts": parts, "windows": windows})


def _routers(part: Parts) -> Sequence[Router]:
    if part.export_person is None:
        return part.routers
    return (*part.routers, personal_data_router(part.name, part.export_person))


def _lifespan(parts: Sequence[Parts]) -> Lifespan:
    @asynccontextmanager
    async def opened(app: Litestar) -> AsyncGenerator[None]:
        settings: Settings = app.state["settings"]
        async with AsyncExitStack() as stack:
            stack.callback(finish_observing)
            stack.enter_context(exported_traces(settings))
            databases: dict[str, Database] = {}
            for part in parts:
                databases[part.name] = await stack.enter_async_context(open_database(settings, part.name))
                app.state[part.name] = databases[part.name]
            app.state["databases"] = databases
            here = _find_user(parts, databases)
            keyring = load_keyring(settings)
            app.state["keyring"] = keyring
            app.state["gate"] = await stack.enter_async_context(_gate(settings, keyring, parts, databases))
            users = open_users(here, settings.auth_url, tokens_of(keyring, parts[0].name))
            app.state["users"] = await stack.enter_async_context(users)
            elsewhere = _elsewhere(settings, databases, tokens_of(keyring, ASKER))
            app.state["elsewhere"] = await stack.enter_async_context(elsewhere)
            desk = next((part.coupon_desk for part in parts if part.coupon_desk is not None), None)
            coupons = open_coupons(settings, databases, desk, keyring, tokens_of(keyring, "redemption"))
            app.state["coupons"] = await stack.enter_async_context(coupons)
            verify = next((part.verify_terminal for part in parts if part.verify_terminal is not None), None)
            terminals = open_terminals(settings, databases, verify, keyring, tokens_of(keyring, "redemption"))
            app.state["terminals"] = await stack.enter_async_context(terminals)
            for part in parts:
                if part.opened is not None:
                    shared = await stack.enter_async_context(part.opened(settings, databases[part.name]))
                    app.state[f"{part.name}_opened"] = shared
            for part in parts:
                await _prepare(part.name, make_partitions(databases[part.name], part.schema))
            yield

    return opened


def refusals_of(parts: Sequence[Parts]) -> Refusals:
    return {(part.schema, name): make for part in parts for name, make in part.refusals.items()}


def _gate(
    settings: Settings, keyring: Keyring, parts: Sequence[Parts], databases: Mapping[str, Database]
) -> AbstractAsyncContextManager[Gate]:
    return open_gate(
        keyring,
        next((part.authority(databases[part.name]) for part in parts if part.authority is not None), None),
        settings.auth_url,
        services=[part.name for part in parts],
        is_current={part.name: (databases[part.name], part.is_current) for part in parts if part.is_current},
    )


def _find_user(parts: Sequence[Parts], databases: Mapping[str, Database]) -> tuple[Database, FindUser] | None:
    return next(((databases[part.name], part.find_user) for part in parts if part.find_user is not None), None)


def _elsewhere(
    settings: Settings, databases: Mapping[str, Database], token_for: TokenFor
) -> AbstractAsyncContextManager[Elsewhere]:
    """Of all services, not of those that run here alone: one that this process cannot ask is missed, not left out."""
    exports = {part.name: part.export_person for part in ALL_PARTS if part.export_person is not None}
    return open_elsewhere(exports, databases, {name: settings.peer_url(name) for name in exports}, token_for)


async def _prepare(service: str, work: Awaitable[object]) -> None:
    """A database that is down or not migrated yet makes us not ready; it must not stop us from starting."""
    try:
        await work
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        trouble = unavailable(error)
        _log.warning("start_incomplete", service=service, reason=trouble.code if trouble else type(error).__name__)
