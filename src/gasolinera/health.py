"""Is the process alive, and may it get traffic? For supervisors and load balancers."""

import asyncio
from typing import Literal

import asyncpg
import msgspec
import psycopg
import structlog
from litestar import Router, get
from litestar.datastructures import State

from gasolinera.config import Settings
from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, UnavailableError, problem_spec
from gasolinera.readiness import pending_migrations
from vuelo import VueloError

_DATABASE_TIMEOUT_S = 3.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Health(msgspec.Struct, frozen=True):
    status: Literal["live", "ready"]


@get("/live", summary="Is the process alive?")
async def live() -> Health:
    return Health("live")


@get(
    "/ready",
    summary="May this process get traffic?",
    description="Good only when the database answers and the schema is what this version of the code expects.",
    responses={
        503: problem_spec(
            HTTPStatus.SERVICE_UNAVAILABLE, "ready.migrations", "the schema is not what this version expects"
        )
    },
)
async def ready(state: State) -> Health:
    databases: dict[str, Database] = state["databases"]
    settings: Settings = state["settings"]
    try:
        async with asyncio.timeout(_DATABASE_TIMEOUT_S):
            for database in databases.values():
                async with database.connection() as conn:
                    await conn.execute("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise UnavailableError("ready.database", "the database does not answer") from error
    try:
        pending = await asyncio.to_thread(pending_migrations, settings, tuple(databases))
    except (VueloError, psycopg.Error) as error:
        _log.warning("readiness_unknown", error=str(error))
        raise UnavailableError("ready.migrations", "the state of the schema cannot be read") from error
    if pending:
        _log.warning("migrations_pending", count=len(pending), first=pending[0])
        raise UnavailableError("ready.migrations", "the schema is not what this version expects", "run vuelo migrate")
    return Health("ready")


router = Router("/health", route_handlers=[live, ready], tags=["health"], opt={"open": True})
