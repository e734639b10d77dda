"""PostgreSQL for the services: a pool as the service's runtime role, transactions, and SQL from `queries.sql`.

A use case takes a `Connection` and never commits; the edge opens `Database.transaction()`, or hands the use case to
`Database.run()`, which tries again what failed for no fault of its own.
"""

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from time import monotonic
from typing import Any, TypeAlias, TypeVar, cast

import asyncpg
import msgspec
import structlog
from asyncpg.pool import PoolConnectionProxy

from gasolinera import metrics
from gasolinera.config import Settings
from gasolinera.errors import is_connection_lost
from gasolinera.statements import CountingConnection, named

# Quoted: the classes take parameters only in their stubs.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Struct = TypeVar("Struct", bound=msgspec.Struct)
Result = TypeVar("Result")

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_ACQUIRE_TIMEOUT_S = 5.0
_RELEASE_TIMEOUT_S = 5.0  # a statement that was given up may still have to be cancelled
_CONNECT_TIMEOUT_S = 5.0
_LONGEST_IDLE_S = 240.0  # a firewall may have forgotten it, and nobody would say so
_RENEWED_AFTER_S = 1800.0  # to the pool and back, which closes a connection after many statements
_NAME = re.compile(r"^-- name: *(.*?) *$", re.MULTILINE)
# For one transaction, as the statement that begins one or as a part of it; takes `pairs_of` a context.
SET_CONTEXT = named(
    "set_context",
    "SELECT set_config('gasolinera.' || key, value, true) FROM unnest($1::text[], $2::text[]) AS c (key, value)",
)


class RequestContext(msgspec.Struct, frozen=True):
    """Who does it and in which request: triggers write it into the audit logs and the outboxes."""

    actor: str | None = None
    correlation_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    trace_parent: str | None = None  # W3C Trace Context; an event carries it on to its consumers


_MAX_TRIES = 3
_LONGEST_PAUSE_S = 0.05  # before the second try; twice as long before the third

# The server has undone the transaction, and says that it would have succeeded alone.
_UNDONE = {asyncpg.SerializationError: "serialization", asyncpg.DeadlockDetectedError: "deadlock"}


class _Kept(msgspec.Struct):
    """A connection, since when the pool has lent it, and since when nobody uses it."""

    conn: "PoolConnectionProxy[asyncpg.Record]"
    since: float
    idle_since: float = 0.0


class Database:
    """The pool of one service. Make it with `open_database`."""

    def __init__(self, service: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.service = service
        self._pool = pool
        self._gauges = metrics.PoolGauges(service, pool.get_max_size())
        # What the pool has lent for longer, the warmest last: its own way in and out costs 0.1 ms, as much as a small
        # statement. Nobody waits at the pool while a connection lies here.
        self._idle: list[_Kept] = []
        self._waiting = 0
        self._is_closing = False

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """For reading with single statements, which need no transaction around them."""
        kept = await self._lend()
        self._gauges.in_use.inc()
        is_clean = False
        try:
            yield kept.conn
            is_clean = _is_clean(kept.conn)
        finally:
            self._gauges.in_use.dec()
            now = monotonic()
            if is_clean and not self._waiting and not self._is_closing and now - kept.since < _RENEWED_AFTER_S:
                kept.idle_since = now
                self._idle.append(kept)
                if now - self._idle[0].idle_since > _LONGEST_IDLE_S:
                    await self._drop(self._idle.pop(0))
            else:
                await self._pool.release(kept.conn, timeout=_RELEASE_TIMEOUT_S)

    async def close(self) -> None:
        """Waits for the connections that are lent."""
        self._is_closing = True
        try:
            while self._idle:
                await self._pool.release(self._idle.pop().conn)
            await self._pool.close()
        except BaseException:
            self._pool.terminate()
            raise

    async def _lend(self) -> "_Kept":
        while self._idle and not self._is_closing:
            kept = self._idle.pop()
            if _is_clean(kept.conn) and monotonic() - kept.idle_since < _LONGEST_IDLE_S:
                return kept
            await self._drop(kept)
        self._waiting += 1
        self._gauges.waiting.inc()
        try:
            async with asyncio.timeout(_ACQUIRE_TIMEOUT_S):  # the driver's own waits in a task of its own
                return _Kept(await self._pool.acquire(), since=monotonic())
        finally:
            self._gauges.waiting.dec()
            self._waiting -= 1

    async def _drop(self, kept: "_Kept") -> None:
        """Closes it without a word to the server, which may not hear it."""
        with suppress(asyncpg.InterfaceError):  # the driver has taken back what was lost
            kept.conn.terminate()
        await self._pool.release(kept.conn)

    @asynccontextmanager
    async def transaction(self, context: RequestContext | None = None) -> AsyncGenerator[Connection]:
        """Commits when the block ends, rolls back when it raises."""
        async with self.connection() as conn, conn.transaction():
            await _set_context(conn, context)
            yield conn

    async def run(
        self,
        use_case: Callable[[Connection], Awaitable[Result]],
        context: RequestContext | None = None,
        *,
        is_idempotent: bool = False,
    ) -> Result:
        """A use case in a transaction; the whole of it again, at most three times in all, where that is safe.

        Safe is what the server says it undid (deadlock, serialization) and a connection that was lost before COMMIT
        was sent. After that nobody knows whether it holds: only an idempotent use case runs again. Between tries the
        connection goes back to the pool. What a use case does outside of the database may happen more than once.
        """
        is_committing = False

        async def attempt() -> Result:
            nonlocal is_committing
            is_committing = False
            async with self.transaction(context) as conn:
                result = await use_case(conn)
                is_committing = True
            return result

        return await self._again(attempt, lambda: is_idempotent or not is_committing)

    async def run_statement(
        self, statement: Callable[[Connection], Awaitable[Result]], *, is_idempotent: bool = False
    ) -> Result:
        """Like `run` for one statement alone, which is a transaction of its own: without the round trips of BEGIN and
        COMMIT. A connection that was lost leaves open whether it holds.
        """

        async def attempt() -> Result:
            async with self.connection() as conn:
                return await statement(conn)

        return await self._again(attempt, lambda: is_idempotent)

    async def _again(
        self, attempt_it: Callable[[], Awaitable[Result]], is_safe_when_lost: Callable[[], bool]
    ) -> Result:
        for attempt in range(1, _MAX_TRIES + 1):
            try:
                return await attempt_it()
            except Exception as error:
                reason = _reason_to_retry(error, is_safe_when_lost=is_safe_when_lost())
                if reason is None or attempt == _MAX_TRIES:
                    raise
                metrics.count_retry(self.service, reason)
                _log.info("transaction_retried", service=self.service, reason=reason, attempt=attempt)
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_S * attempt))  # noqa: S311  keeps rivals apart
        raise AssertionError("the last try returns or raises")


def _is_clean(conn: "PoolConnectionProxy[asyncpg.Record]") -> bool:
    try:
        return not (conn.is_closed() or conn.is_in_transaction())
    except asyncpg.InterfaceError:  # it was lost, and the driver has taken it back
        return False


def _reason_to_retry(error: Exception, *, is_safe_when_lost: bool) -> str | None:
    for kind, reason in _UNDONE.items():
        if isinstance(error, kind):
            return reason
    return "connection" if is_safe_when_lost and is_connection_lost(error) else None


async def _set_context(conn: Connection, context: RequestContext | None) -> None:
    if context is not None:
        await conn.execute(SET_CONTEXT, *pairs_of(context))


def pairs_of(context: RequestContext) -> tuple[list[str], list[str]]:
    """The names and the values of what is known."""
    known = {key: value for key, value in msgspec.structs.asdict(context).items() if value is not None}
    return list(known), list(known.values())


@asynccontextmanager
async def open_database(settings: Settings, service: str) -> AsyncGenerator[Database]:
    """A service's pool, closed at the end. Opens no connection until one is needed, unless `pool_min_size` says so."""
    role = settings.service_role(service)
    pool = await asyncpg.create_pool(
        settings.service_url(service),
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        reset=_keep,
        init=partial(_prepare_connection, service),
        connection_class=CountingConnection,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={
            "application_name": application_name(service, settings.release),
            "statement_timeout": str(settings.statement_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            **({"role": role} if role else {}),
        },
    )
    db = Database(service, pool)
    try:
        yield db
    finally:
        await db.close()


def application_name(service: str, release: str | None) -> str:
    """What the server shows of a session: whose it is and, where the process was told, of which deployment."""
    return f"gasolinera-{service}@{release}" if release else f"gasolinera-{service}"


async def _keep(_conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No session state is ever set, so nothing is reset: the default costs a round trip on each release."""


async def _prepare_connection(service: str, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    conn = cast("CountingConnection", conn)
    conn.service = service
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),  # the version byte of jsonb's binary form
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


async def fetch_all(conn: Connection, kind: type[Struct], sql: str, *values: Any) -> list[Struct]:
    return [_as_struct(kind, record) for record in await conn.fetch(sql, *values)]


async def fetch_optional(conn: Connection, kind: type[Struct], sql: str, *values: Any) -> Struct | None:
    record = await conn.fetchrow(sql, *values)
    return None if record is None else _as_struct(kind, record)


async def fetch_one(conn: Connection, kind: type[Struct], sql: str, *values: Any) -> Struct:
    """For statements that always give a row: an aggregate, an INSERT … RETURNING."""
    record = await conn.fetchrow(sql, *values)
    assert record is not None, "a statement that always gives a row gave none"
    return _as_struct(kind, record)


def _as_struct(kind: type[Struct], record: asyncpg.Record) -> Struct:
    return msgspec.convert(dict(record.items()), kind)


class Query(msgspec.Struct, frozen=True):
    """One statement of a `queries.sql`, and what its comment says about it."""

    name: str
    description: str
    sql: str


def load_queries(package: str, file: str = "queries.sql") -> Mapping[str, Query]:
    """All of a `queries*.sql` beside a package's modules. Raises ValueError where the file breaks its format."""
    return parse_queries(files(package).joinpath(file).read_text(encoding="utf-8"))


def load_sql(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """The statements of such a file by name. A wrong name is a KeyError where the module is imported."""
    return {name: named(name, query.sql) for name, query in load_queries(package, file).items()}


def parse_queries(text: str) -> Mapping[str, Query]:
    """Blocks of `-- name: x`, comment lines that describe it, and one statement that ends with a semicolon."""
    head, *blocks = _NAME.split(text)
    if any(line.strip() and not line.startswith("--") for line in head.splitlines()):
        raise ValueError("there is SQL before the first '-- name:'")
    queries: dict[str, Query] = {}
    for name, body in zip(blocks[::2], blocks[1::2], strict=True):
        if name in queries:
            raise ValueError(f"query {name!r} exists twice")
        queries[name] = _query(name, body.strip().splitlines())
    return queries


def _query(name: str, lines: list[str]) -> Query:
    end = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    description = " ".join(line.removeprefix("--").strip() for line in lines[:end])
    sql = "\n".join(lines[end:]).strip()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of a query: lower case, digits and underscores")
    if not description:
        raise ValueError(f"query {name!r} has no description")
    if not sql.endswith(";") or sql == ";":
        raise ValueError(f"query {name!r} is no statement that ends with a semicolon")
    return Query(name, description, sql.removesuffix(";"))
