"""How large a database is, which partitions it has, which statements cost most, and its backups."""

from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.ops.masking import masked

Connection = psycopg.Connection[Any]
_Struct = TypeVar("_Struct", bound=msgspec.Struct)

_SQL: Final = load_queries("gasolinera.ops", "measures.sql")
_SLOW_SHOWN: Final = 20
_STATEMENT_SHOWN: Final = 400
_SLOW = """
SELECT left(s.query, 4000) AS statement, s.calls,
       s.mean_exec_time::double precision AS mean_ms, s.total_exec_time::double precision AS total_ms,
       s.rows, r.rolname::text AS role
  FROM {}.pg_stat_statements AS s
  LEFT JOIN pg_roles AS r ON r.oid = s.userid
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
 ORDER BY s.total_exec_time DESC
 LIMIT %s
"""
_NEWEST = "SELECT max(t.finished_at) AS at FROM {} AS t WHERE t.succeeded"


class About(msgspec.Struct, frozen=True):
    database: str
    role: str
    version: str
    started_at: datetime
    is_standby: bool
    size: int


class TableSize(msgspec.Struct, frozen=True):
    """`rows` is the planner's estimate; `parts`: tables that hold rows, so partitions each for one."""

    schema: str
    name: str
    parts: int
    rows: int
    table_size: int
    index_size: int

    @property
    def size(self) -> int:
        return self.table_size + self.index_size


class Partitions(msgspec.Struct, frozen=True):
    """`until`: where the last one ends. None: it is not cut by time."""

    schema: str
    name: str
    parts: int
    until: datetime | None
    since: datetime | None
    rows_elsewhere: int


class SlowStatement(msgspec.Struct, frozen=True):
    """Masked: commands such as ALTER ROLE are kept with their values by the server."""

    statement: str
    calls: int
    mean_ms: float
    total_ms: float
    rows: int
    role: str | None


class SlowStatements(msgspec.Struct, frozen=True):
    """Those that took most of the server's time; `reason` why nothing can be said: no_extension, not_loaded,
    privilege.
    """

    statements: tuple[SlowStatement, ...]
    reason: str | None = None


class Backups(msgspec.Struct, frozen=True):
    """When the last good one was; None: none on record."""

    last_backup_at: datetime | None
    last_restore_test_at: datetime | None


def about(conn: Connection) -> About:
    return _all(conn, About, _SQL["about"].sql)[0]


def sizes(conn: Connection, schemas: list[str]) -> list[TableSize]:
    """The largest first. Raises psycopg.errors.LockNotAvailable where a table is being changed meanwhile."""
    return _all(conn, TableSize, _SQL["sizes"].sql, {"schemas": schemas})


def partitions(conn: Connection, schemas: list[str]) -> list[Partitions]:
    return _all(conn, Partitions, _SQL["partitions"].sql, {"schemas": schemas})


def slow_statements(conn: Connection) -> SlowStatements:
    row = conn.execute(_SQL["statements_place"].sql.encode()).fetchone()
    if row is None:
        return SlowStatements((), "no_extension")
    statement = sql.SQL(_SLOW).format(sql.Identifier(row[0]))
    try:
        with conn.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(statement, (_SLOW_SHOWN,)).fetchall()
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return SlowStatements((), "not_loaded")
    except psycopg.errors.InsufficientPrivilege:
        return SlowStatements((), "privilege")
    for one in found:
        one["statement"] = masked(one["statement"], most=_STATEMENT_SHOWN)
    return SlowStatements(tuple(msgspec.convert(one, SlowStatement) for one in found))


def backups(conn: Connection) -> Backups:
    """From the catalogue in `ops_schema`, where it has one."""
    row = conn.execute(_SQL["backups"].sql.encode()).fetchone()
    assert row is not None
    has_backups, has_restore_tests = row
    return Backups(
        _newest(conn, "backups") if has_backups else None,
        _newest(conn, "restore_tests") if has_restore_tests else None,
    )


def _newest(conn: Connection, table: str) -> datetime | None:
    row = conn.execute(sql.SQL(_NEWEST).format(sql.Identifier("ops_schema", table))).fetchone()
    return None if row is None else row[0]


def _all(conn: Connection, kind: type[_Struct], statement: str, values: dict[str, Any] | None = None) -> list[_Struct]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, kind) for row in cursor.execute(statement.encode(), values).fetchall()]
