"""PostgreSQL for the services: a pool as the service's runtime role, transactions, and SQL from `queries.sql`.

A use case takes a `Connection` and never commits; the edge opens `Database.transaction()`.
"""

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from gasolinera.config import Settings

# Quoted: the classes take parameters only in their stubs.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Struct = TypeVar("Struct", bound=msgspec.Struct)

_ACQUIRE_TIMEOUT_S = 5.0
_CONNECT_TIMEOUT_S = 5.0
_NAME = re.compile(r"^-- name: *(.*?) *$", re.MULTILINE)
_SET_CONTEXT = """
SELECT set_config('gasolinera.' || key, value, true) FROM unnest($1::text[], $2::text[]) AS c (key, value)
"""


class RequestContext(msgspec.Struct, frozen=True):
    """Who does it and in which request: triggers write it into the audit logs and the outboxes."""

    actor: str | None = None
    correlation_id: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    trace_parent: str | None = None  # W3C Trace Context; an event carries it on to its consumers


class Database:
    """The pool of one service. Make it with `open_database`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """For reading with single statements, which need no transaction around them."""
        async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_S) as conn:
            yield conn

    @asynccontextmanager
    async def transaction(self, context: RequestContext | None = None) -> AsyncGenerator[Connection]:
        """Commits when the block ends, rolls back when it raises."""
        async with self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_S) as conn, conn.transaction():
            if context is not None:
                known = {key: value for key, value in msgspec.structs.asdict(context).items() if value is not None}
                await conn.execute(_SET_CONTEXT, list(known), list(known.values()))
            yield conn


@asynccontextmanager
async def open_database(settings: Settings, service: str) -> AsyncGenerator[Database]:
    """A service's pool, closed at the end. Opens no connection until one is needed, unless `pool_min_size` says so."""
    role = settings.service_role(service)
    pool = await asyncpg.create_pool(
        settings.service_url(service),
        min_size=settings.pool_min_size,
        max_size=settings.pool_max_size,
        reset=_keep,
        init=_prepare_connection,
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={
            "application_name": f"gasolinera-{service}",
            "statement_timeout": str(settings.statement_timeout_ms),
            "idle_in_transaction_session_timeout": "60000",
            "timezone": "UTC",
            **({"role": role} if role else {}),
        },
    )
    try:
        yield Database(pool)
    finally:
        await pool.close()


async def _keep(_conn: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No session state is ever set, so nothing is reset: the default costs a round trip on each release."""


async def _prepare_connection(conn: "asyncpg.Connection[asyncpg.Record]") -> None:
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
    return {name: query.sql for name, query in load_queries(package, file).items()}


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
