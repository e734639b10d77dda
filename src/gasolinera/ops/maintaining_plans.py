"""What there is to maintain in one service: indexes that broke or bloated, tables that are worn, views that are old."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.database import load_queries

Connection = psycopg.Connection[Any]
_Struct = TypeVar("_Struct", bound=msgspec.Struct)

SQL: Final = load_queries("gasolinera.ops", "maintaining.sql")
_ESTIMATE: Final = load_queries("gasolinera.ops", "checks_platform.sql")["index_bloat"].sql.encode()
_MEASURED_UP_TO: Final = 1024**3
_PAGE: Final = 8192
_FULL_LEAF: Final = 90.0  # percent: how full pages of a new B-tree are


class Kind(StrEnum):
    """In the order in which it is done: figures are of now when bloat is judged by them."""

    DROP_LEFTOVER = "DROP_LEFTOVER"
    REBUILD_INVALID = "REBUILD_INVALID"
    VACUUM = "VACUUM"
    ANALYZE = "ANALYZE"
    REINDEX = "REINDEX"
    REFRESH = "REFRESH"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From when on something is worth it. `worn`: of the changes for which autovacuum waits."""

    worn: float = 0.5
    bloat: float = 0.4
    least_bytes: int = 10 * 1024**2


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """`skipped`: why it cannot be done, though it should be. `is_beside`: readers go on meanwhile."""

    kind: Kind
    schema: str
    name: str
    why: str
    bytes: int = 0
    is_beside: bool = True
    is_analyzed_too: bool = False
    skipped: str | None = None

    @property
    def place(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def object(self) -> str:
        return f"{self.schema}.{self.name}"


class Rebuild(msgspec.Struct, frozen=True):
    """What an index took when it was new, and for how many entries."""

    index_name: str
    bytes_after: int
    entries: float


class _Leftover(msgspec.Struct, frozen=True):
    schema: str
    name: str
    bytes: int
    table: str


class _Invalid(msgspec.Struct, frozen=True):
    schema: str
    name: str
    bytes: int
    is_exclusion: bool


class _Worn(msgspec.Struct, frozen=True):
    schema: str
    name: str
    bytes: int
    is_for_vacuum: bool
    is_for_analyze: bool
    dead: int
    inserted: int
    changed: int
    age: int


class _Index(msgspec.Struct, frozen=True):
    id: int
    schema: str
    name: str
    bytes: int
    entries: float
    is_exclusion: bool


class _View(msgspec.Struct, frozen=True):
    schema: str
    name: str
    bytes: int
    is_populated: bool
    has_key: bool


def tasks_of(conn: Connection, schema: str, kind: Kind, limits: Limits, rebuilds: Sequence[Rebuild] = ()) -> list[Task]:
    """By what the statistics say now. `conn`: a session of the schema's owner."""
    match kind:
        case Kind.DROP_LEFTOVER:
            return leftovers(conn, schema)
        case Kind.REBUILD_INVALID:
            return [_rebuild_of(one) for one in _all(conn, _Invalid, "invalid", {"schema": schema})]
        case Kind.VACUUM:
            return [_vacuum_of(one) for one in _worn(conn, schema, limits) if one.is_for_vacuum]
        case Kind.ANALYZE:
            worn = _worn(conn, schema, limits)
            return [_analyze_of(one) for one in worn if one.is_for_analyze and not one.is_for_vacuum]
        case Kind.REINDEX:
            return _bloated(conn, schema, limits, {one.index_name: one for one in rebuilds})
        case Kind.REFRESH:
            return [_refresh_of(one) for one in _all(conn, _View, "views", {"schema": schema})]


def leftovers(conn: Connection, schema: str) -> list[Task]:
    return [
        Task(
            kind=Kind.DROP_LEFTOVER,
            schema=one.schema,
            name=one.name,
            bytes=one.bytes,
            why=f"an index of {one.table} was being made anew and was interrupted",
        )
        for one in _all(conn, _Leftover, "leftovers", {"schema": schema})
    ]


def _rebuild_of(one: _Invalid) -> Task:
    return Task(
        kind=Kind.REBUILD_INVALID,
        schema=one.schema,
        name=one.name,
        bytes=one.bytes,
        why="nobody may read it: making it was interrupted, or met a row that breaks it",
        skipped="a constraint that excludes cannot be made anew beside its readers" if one.is_exclusion else None,
    )


def _worn(conn: Connection, schema: str, limits: Limits) -> list[_Worn]:
    return _all(conn, _Worn, "worn", {"schema": schema, "share": limits.worn})


def _vacuum_of(one: _Worn) -> Task:
    why = f"{one.dead} dead rows, {one.inserted} new ones, the oldest {one.age} transactions old"
    return Task(
        kind=Kind.VACUUM,
        schema=one.schema,
        name=one.name,
        bytes=one.bytes,
        why=why,
        is_analyzed_too=one.is_for_analyze,
    )


def _analyze_of(one: _Worn) -> Task:
    why = f"{one.changed} rows changed since the planner looked, or it never did"
    return Task(kind=Kind.ANALYZE, schema=one.schema, name=one.name, bytes=one.bytes, why=why)


def _refresh_of(one: _View) -> Task:
    is_open = one.is_populated and not one.has_key
    return Task(
        kind=Kind.REFRESH,
        schema=one.schema,
        name=one.name,
        bytes=one.bytes,
        why="its figures are of its last refresh" if one.is_populated else "it has never been filled",
        is_beside=one.is_populated,
        skipped="without a unique index a refresh would keep its readers out" if is_open else None,
    )


def _bloated(conn: Connection, schema: str, limits: Limits, rebuilds: dict[str, Rebuild]) -> list[Task]:
    """By what an index took when it was new, where that is known; else measured; else by the planner's figures."""
    values = {"schema": schema, "least": limits.least_bytes}
    indexes = _all(conn, _Index, "index_sizes", values)
    estimates = {int(row[1]): float(row[2]) for row in conn.execute(_ESTIMATE, {"schemas": [schema]}).fetchall()}
    place = conn.execute(SQL["measuring_place"].sql.encode()).fetchone()
    tasks: list[Task] = []
    for one in indexes:
        rebuild = rebuilds.get(f"{one.schema}.{one.name}")
        if rebuild is not None:
            # An index of few entries is still some pages; what it took then is what it may take now.
            new = rebuild.bytes_after * max(1.0, one.entries / max(1.0, rebuild.entries))
            waste, how = one.bytes - new, "since it was made anew"
        else:
            waste, how = estimates.get(one.id, 0.0), "by estimate"
            if waste >= limits.bloat * one.bytes and place is not None:
                measured = _measured(conn, place[0], one)
                waste, how = (waste, how) if measured is None else (measured, "measured")
        if waste >= limits.least_bytes / 2 and waste >= limits.bloat * one.bytes:
            tasks.append(_reindex_of(one, waste, how))
    return tasks


def _reindex_of(one: _Index, waste: float, how: str) -> Task:
    return Task(
        kind=Kind.REINDEX,
        schema=one.schema,
        name=one.name,
        bytes=one.bytes,
        why=f"{100 * waste / one.bytes:.0f} % of it is empty, {how}",
        skipped="a constraint that excludes cannot be made anew beside its readers" if one.is_exclusion else None,
    )


def _measured(conn: Connection, place: str, one: _Index) -> float | None:
    """Reads the whole index. None where the extension may not be asked, or it would take too long."""
    if one.bytes > _MEASURED_UP_TO:
        return None
    statement = sql.SQL(
        "SELECT leaf_pages * avg_leaf_density / %s + internal_pages + 1 FROM {}.pgstatindex(%s::oid::regclass)"
    )
    try:
        row = conn.execute(statement.format(sql.Identifier(place)), (_FULL_LEAF, one.id)).fetchone()
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return None
    if row is None or row[0] != row[0]:  # NaN: it has no leaves
        return None
    return max(0.0, one.bytes - float(row[0]) * _PAGE)


def _all(conn: Connection, kind: type[_Struct], query: str, values: dict[str, Any]) -> list[_Struct]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL[query].sql.encode(), values).fetchall()
    return [msgspec.convert(row, kind) for row in rows]
