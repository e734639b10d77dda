"""The database, looked at: where the schemas stand, its health, sizes, partitions, slow statements and backups."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
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
from gasolinera.jobs import Job
from gasolinera.ops import measuring
from gasolinera.ops.checking import CheckResult, Group, Verdict, worst_first
from gasolinera.ops.checking_memory import load_limits, place_key
from gasolinera.ops.checking_platform import kept_results
from gasolinera.ops.checking_rounds import Place, check_place
from gasolinera.ops.checking_rules import RULES
from gasolinera.ops.checking_words import WORDING, amount_text, bytes_text, reason_text
from gasolinera.ops.measuring import About, Backups, Partitions, SlowStatements, TableSize
from gasolinera.ops.schema_states import Comparer, SchemaState, schema_states
from gasolinera.ops.sessions import Connection, looking_session
from gasolinera.parts import Parts
from gasolinera.permissions import Permission
from gasolinera.web.forms import read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.sheets import csv_page
from gasolinera.worker import jobs_of

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
        """None where nobody has looked. What was skipped is no verdict on the database, and advice is good enough, as
        it is for `ops check`.
        """
        seen = [one.verdict for one in self.checks if one.verdict is not Verdict.SKIPPED]
        if not seen:
            return None
        return Verdict.GOOD if seen[0] is Verdict.ADVICE else seen[0]


class GroupLine(msgspec.Struct, frozen=True):
    """How many checks a group has, and how many of them are bad or were skipped."""

    group: Group
    verdict: Verdict
    count: int
    bad: int
    skipped: int


@get("/office/database", guards=_LOOK, include_in_schema=False)
async def database_page(request: Request[Any, Any, Any], state: State, said: Said = "") -> Template:  # noqa: ARG001  shown
    services = list(_databases(state))
    settings: Settings = state["settings"]
    looking = asyncio.to_thread(_look, settings, services, _jobs(state))
    standing = asyncio.to_thread(schema_states, settings, services)
    look, states = await asyncio.gather(_within(looking, Look(reason="timeout")), _within(standing, _unknown(services)))
    sizes = look.sizes or ()
    values = {
        "look": look,
        "states": states,
        "drift": _comparer(state).latest,
        "tables": sizes[:_TABLES_SHOWN],
        "table_count": len(sizes),
        "counts": {str(verdict): sum(one.verdict is verdict for one in look.checks) for verdict in Verdict},
        "groups": _groups(look.checks),
        "amounts": {one.name: amount_text(one.worst, one.unit) for one in look.checks},
        "reasons": {one.name: reason_text(one.reason, language_of(request)) for one in look.checks if one.reason},
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


def _look(settings: Settings, services: list[str], jobs: Sequence[Job]) -> Look:
    """Blocks. What one part cannot tell stops no other."""
    schemas = [schema_of(service) for service in services]
    try:
        with looking_session(settings) as conn:
            return Look(
                about=_told(conn, measuring.about),
                checks=tuple(_checked(conn, settings, services, jobs)),
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


def _checked(conn: Connection, settings: Settings, services: list[str], jobs: Sequence[Job]) -> list[CheckResult]:
    """What this one database tells, with what earlier rounds of `ops check` have kept; nothing is kept by looking."""
    url, _ = settings.jobs_url() or ("", None)
    schemas = tuple(schema_of(service) for service in services)
    place = Place(url, place_key(url), conn.info.dbname, schemas)
    limits = load_limits(conn)
    found = check_place(conn, conn, place, RULES, limits, remembers=False)
    kept = [rule for rule in RULES if rule.group in (Group.BACKUPS, Group.JOBS)]
    return worst_first([*found, *kept_results(conn, services, jobs, kept, limits)])


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


def _jobs(state: State) -> list[Job]:
    parts: Sequence[Parts] = state["parts"]
    return [job for job in jobs_of(parts) if job.is_scheduled(state["settings"])]


def _groups(checks: Sequence[CheckResult]) -> list[GroupLine]:
    """In the order of groups, those that were looked at."""
    lines: list[GroupLine] = []
    for group in Group:
        own = [one for one in checks if one.group is group]
        if own:
            bad = sum(one.verdict in (Verdict.WARNING, Verdict.CRITICAL) for one in own)
            skipped = sum(one.verdict is Verdict.SKIPPED for one in own)
            # What was skipped hides nothing: a group is as bad as what was seen of it.
            seen = [one for one in own if one.verdict is not Verdict.SKIPPED]
            verdict = worst_first(seen)[0].verdict if seen else Verdict.SKIPPED
            lines.append(GroupLine(group, verdict, len(own), bad, skipped))
    return lines


def _comparer(state: State) -> Comparer:
    if "ops_comparer" not in state:
        state["ops_comparer"] = Comparer()
    found: Comparer = state["ops_comparer"]
    return found


def _databases(state: State) -> Mapping[str, Database]:
    found: Mapping[str, Database] = state["databases"]
    return found


HANDLERS = (database_page, compare_page, tables_page)
