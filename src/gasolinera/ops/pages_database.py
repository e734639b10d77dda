"""The database, looked at: where the schemas stand, its health, sizes, partitions, slow statements and backups."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
import psycopg
import structlog
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.params import QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.config import Settings, schema_of
from gasolinera.database import Database
from gasolinera.errors import GasolineraError
from gasolinera.ops import measuring
from gasolinera.ops.checking import CheckResult, Verdict
from gasolinera.ops.checking_questions import run_checks
from gasolinera.ops.checking_words import WORDING, amount_text, bytes_text
from gasolinera.ops.measuring import About, Backups, Partitions, SlowStatements, TableSize
from gasolinera.ops.schema_states import Comparer, SchemaState, schema_states
from gasolinera.ops.sessions import Connection, looking_session
from gasolinera.permissions import Permission
from gasolinera.web.forms import read_form
from gasolinera.web.pages import page
from gasolinera.web.sheets import csv_page

_LOOK: Final = [requires(Permission.JOBS_RUN, second_factor=True)]
_ASK: Final = [requires(Permission.JOBS_RUN, second_factor=True, fresh=True)]
_WITHIN_S: Final = 10.0
_TABLES_SHOWN: Final = 15
_OPS_SCHEMA: Final = "ops_schema"
Said = Annotated[str, QueryParameter(max_length=40, pattern=r"^[a-z-]*$(?!\n)")]
Result = TypeVar("Result")
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one session told. A part that is None could not be told; `reason`: the code of why nothing could."""

    about: About | None = None
    checks: tuple[CheckResult, ...] = ()
    sizes: tuple[TableSize, ...] | None = None
    partitions: tuple[Partitions, ...] | None = None
    slow: SlowStatements | None = None
    backups: Backups | None = None
    reason: str | None = None

    @property
    def worst(self) -> Verdict | None:
        """None where nobody has looked."""
        return self.checks[0].verdict if self.checks else None


@get("/office/database", guards=_LOOK, include_in_schema=False)
async def database_page(request: Request[Any, Any, Any], state: State, said: Said = "") -> Template:  # noqa: ARG001  shown
    services = list(_databases(state))
    looking = asyncio.to_thread(_look, state["settings"], [schema_of(service) for service in services])
    standing = asyncio.to_thread(schema_states, state["settings"], services)
    look, states = await asyncio.gather(_within(looking, Look(reason="timeout")), _within(standing, _unknown(services)))
    sizes = look.sizes or ()
    values = {
        "look": look,
        "states": states,
        "drift": _comparer(state).latest,
        "tables": sizes[:_TABLES_SHOWN],
        "table_count": len(sizes),
        "counts": {str(verdict): sum(one.verdict is verdict for one in look.checks) for verdict in Verdict},
        "amounts": {one.name: amount_text(one.worst, one.unit) for one in look.checks},
        "amount_of": amount_text,
        "bytes_of": bytes_text,
    }
    return page(request, "ops/database.html", values, wording=WORDING)


@post("/office/database/compare", guards=_ASK, include_in_schema=False, status_code=303)
async def compare_page(request: Request[Any, Any, Any], state: State) -> Redirect:
    """In the background; asked for again while it is under way, nothing more is done."""
    await read_form(request)
    _comparer(state).begin(state["settings"], list(_databases(state)))
    return Redirect("/office/database?said=comparing#drift", status_code=303)


@get("/office/database/tables.csv", guards=_LOOK, include_in_schema=False)
async def tables_page(state: State) -> Stream:
    services = list(_databases(state))
    schemas = [*map(schema_of, services), _OPS_SCHEMA]
    settings: Settings = state["settings"]

    def sizes() -> list[TableSize]:
        with looking_session(settings) as conn:
            return measuring.sizes(conn, schemas)

    found = await asyncio.to_thread(sizes)

    async def rows() -> AsyncGenerator[tuple[object, ...]]:
        for one in found:
            yield (one.schema, one.name, one.rows, one.parts, one.table_size, one.index_size)

    return await csv_page("tables", ("schema", "table", "rows", "parts", "table_bytes", "index_bytes"), rows())


def _look(settings: Settings, schemas: list[str]) -> Look:
    """Blocks. What one part cannot tell stops no other."""
    try:
        with looking_session(settings) as conn:
            return Look(
                about=_told(conn, measuring.about),
                checks=tuple(run_checks(conn, schemas)),
                sizes=_told(conn, lambda one: tuple(measuring.sizes(one, [*schemas, _OPS_SCHEMA]))),
                partitions=_told(conn, lambda one: tuple(measuring.partitions(one, schemas))),
                slow=_told(conn, measuring.slow_statements),
                backups=_told(conn, measuring.backups),
            )
    except GasolineraError as error:
        return Look(reason=error.code)
    except psycopg.Error as error:
        _log.warning("database_unlooked", error=type(error).__name__)
        return Look(reason="database.unavailable")


def _told(conn: Connection, tell: Callable[[Connection], Result]) -> Result | None:
    try:
        return tell(conn)
    except psycopg.DatabaseError as error:
        if conn.broken:
            raise
        _log.warning("database_part_unlooked", error=type(error).__name__)
        return None


async def _within(work: Awaitable[Result], otherwise: Result) -> Result:
    """The thread goes on to its own time limits; nobody waits for it longer than this."""
    try:
        return await asyncio.wait_for(work, _WITHIN_S)
    except TimeoutError:
        return otherwise


def _unknown(services: list[str]) -> list[SchemaState]:
    return [SchemaState(service, schema_of(service), reason="timeout") for service in services]


def _comparer(state: State) -> Comparer:
    if "ops_comparer" not in state:
        state["ops_comparer"] = Comparer()
    found: Comparer = state["ops_comparer"]
    return found


def _databases(state: State) -> Mapping[str, Database]:
    found: Mapping[str, Database] = state["databases"]
    return found


HANDLERS = (database_page, compare_page, tables_page)
