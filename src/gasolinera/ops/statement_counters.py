"""What statements have cost since the server began to count: by pg_stat_statements, where a database has it."""

from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.ops.live import UNREACHABLE, Connection, Place, place_session, sees_others
from gasolinera.ops.masking import masked

STATEMENT_KEPT: Final = 2_000
NO_EXTENSION: Final = "no_extension"
NOT_LOADED: Final = "not_loaded"
OLD_EXTENSION: Final = "old_extension"
HIDDEN: Final = "privilege"
REASONS: Final = {
    NO_EXTENSION: "pg_stat_statements is not in this database: CREATE EXTENSION pg_stat_statements",
    NOT_LOADED: "pg_stat_statements is not loaded: add it to shared_preload_libraries and restart the server",
    OLD_EXTENSION: "pg_stat_statements is of an older server: ALTER EXTENSION pg_stat_statements UPDATE",
    HIDDEN: "the statements of others are hidden from this role: GRANT pg_read_all_stats to it",
    UNREACHABLE: "the database cannot be reached",
    "timeout": "the server took too long to answer: try again",
}
# The extension's schema is where somebody has put it. Its texts are without values, but for commands of old servers.
_COUNTERS: Final = """
SELECT coalesce(r.rolname, s.userid::text)::text AS role, s.queryid AS query_id, s.toplevel AS is_top_level,
       s.query AS statement, s.calls, s.total_exec_time AS total_ms, s.rows, s.shared_blks_hit AS blocks_hit,
       s.shared_blks_read AS blocks_read, s.temp_blks_read + s.temp_blks_written AS temporary_blocks
  FROM {schema}.pg_stat_statements AS s
  LEFT JOIN pg_roles AS r ON r.oid = s.userid
 WHERE s.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
   AND s.queryid IS NOT NULL
 ORDER BY s.total_exec_time DESC
 LIMIT %s
"""
_SINCE: Final = "SELECT i.stats_reset AS since, i.dealloc AS forgotten FROM {schema}.pg_stat_statements_info AS i"
_SCHEMA: Final = """
SELECT n.nspname::text FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
 WHERE e.extname = 'pg_stat_statements'
"""


class Figures(msgspec.Struct, frozen=True):
    """One statement of one role. `statement`: masked. Blocks are of 8 kB."""

    role: str
    query_id: int
    is_top_level: bool
    statement: str
    calls: int
    total_ms: float
    rows: int
    blocks_hit: int
    blocks_read: int
    temporary_blocks: int

    @property
    def key(self) -> tuple[str, int, bool]:
        return self.role, self.query_id, self.is_top_level

    @property
    def mean_ms(self) -> float:
        return self.total_ms / self.calls if self.calls else 0.0


class StatementCounters(msgspec.Struct, frozen=True):
    """Those of one place that took most of the server's time; `reason`: why nothing can be said, a key of REASONS."""

    place: str
    statements: tuple[Figures, ...] = ()
    since: datetime | None = None
    forgotten: int | None = None
    server_version: int = 0
    reason: str | None = None


def read_statements(place: Place, *, limit: int) -> StatementCounters:
    """Never raises for a database that cannot be asked."""
    try:
        with place_session(place) as conn:
            return _read(conn, place.name, limit)
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return StatementCounters(place.name, reason=NOT_LOADED)
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        return StatementCounters(place.name, reason=OLD_EXTENSION)
    except psycopg.errors.InsufficientPrivilege:
        return StatementCounters(place.name, reason=HIDDEN)
    except psycopg.errors.QueryCanceled:
        return StatementCounters(place.name, reason="timeout")
    except psycopg.OperationalError:
        return StatementCounters(place.name, reason=UNREACHABLE)


def _read(conn: Connection, place: str, limit: int) -> StatementCounters:
    row = conn.execute(_SCHEMA).fetchone()
    if row is None:
        return StatementCounters(place, reason=NO_EXTENSION)
    if not sees_others(conn):
        return StatementCounters(place, reason=HIDDEN)
    schema = sql.Identifier(row[0])
    found = conn.execute(sql.SQL(_SINCE).format(schema=schema)).fetchone()
    assert found is not None
    with conn.cursor(row_factory=dict_row) as cursor:
        rows: list[Any] = cursor.execute(sql.SQL(_COUNTERS).format(schema=schema), (limit,)).fetchall()
    return StatementCounters(
        place=place,
        statements=tuple(
            msgspec.convert(each | {"statement": masked(each["statement"], most=STATEMENT_KEPT)}, Figures)
            for each in rows
        ),
        since=found[0],
        forgotten=found[1],
        server_version=conn.info.server_version,
    )
