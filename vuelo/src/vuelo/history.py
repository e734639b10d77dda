"""Flyway's history table `flyway_schema_history` and the advisory lock that goes with it.

Columns, types, names and values are those of Flyway 13's PostgreSQL support, so that either engine reads what the
other wrote.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from vuelo.errors import VueloError
from vuelo.migration import Applied, stored_description
from vuelo.watch.blockers import described, holding

_LOCK_BASE = int.from_bytes(b"Flyway")
_LONGEST_SCRIPT = 1000
_POLL_S = (0.05, 1.0)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class HistoryTable:
    """The history table of one schema."""

    schema: str
    name: str = "flyway_schema_history"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def lock_key(self) -> int:
        """Flyway's advisory key: the letters "Flyway" as a number plus Java's hashCode of the quoted table name."""
        encoded = f'"{self.schema}"."{self.name}"'.encode("utf-16-be")
        hash_code = 0
        for at in range(0, len(encoded), 2):
            hash_code = (31 * hash_code + int.from_bytes(encoded[at : at + 2])) & 0xFFFFFFFF
        return _LOCK_BASE + (hash_code - (1 << 32) if hash_code >> 31 else hash_code)


@contextmanager
def locked(conn: Connection, table: HistoryTable, wait_s: float, stop: Event) -> Generator[None]:
    """Hold the service's advisory lock, waiting up to `wait_s` for other runners, Flyway's included.

    It is polled, never waited for in the server: a session that waits inside a statement keeps a snapshot, and
    CREATE INDEX CONCURRENTLY in the other runner would wait for it in turn. Raises VueloError `lock.timeout`.
    """
    lock_again(conn, table, wait_s, stop)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute("SELECT pg_advisory_unlock(%s)", (table.lock_key(),))


def lock_again(conn: Connection, table: HistoryTable, wait_s: float, stop: Event) -> None:
    """Whether or not the session still holds it, as after DISCARD ALL. Raises VueloError `lock.timeout`."""
    _wait_for_lock(conn, "SELECT pg_try_advisory_lock(%s)", table, wait_s, stop)


def try_lock_sql(table: HistoryTable) -> sql.Composed:
    """Take the lock until the open transaction ends, if nobody else has it; says whether it is ours."""
    return sql.SQL("SELECT pg_catalog.pg_try_advisory_xact_lock({})").format(table.lock_key())


def lock_in_transaction(conn: Connection, table: HistoryTable, wait_s: float, stop: Event) -> None:
    """The same lock, held until the open transaction ends. Raises VueloError `lock.timeout`."""
    _wait_for_lock(conn, "SELECT pg_try_advisory_xact_lock(%s)", table, wait_s, stop)


def exists(conn: Connection, table: HistoryTable) -> bool:
    return bool(
        _scalar(
            conn,
            """SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n
               ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s)""",
            table.schema,
            table.name,
        )
    )


def _wait_for_lock(conn: Connection, attempt: LiteralString, table: HistoryTable, wait_s: float, stop: Event) -> None:
    deadline = monotonic() + wait_s
    pause_s = _POLL_S[0]
    while not _scalar(conn, attempt, table.lock_key()):
        if monotonic() > deadline:
            raise VueloError(
                "lock.timeout",
                f"another runner has held the lock of {table.schema} for more than {wait_s:.0f} s",
                described(holding(conn, table.lock_key())) or "it has let go just now: try again",
            )
        if stop.wait(pause_s):
            raise VueloError("interrupted", "stopped while waiting for another runner")
        pause_s = min(pause_s * 2, _POLL_S[1])


def schema_exists(conn: Connection, schema: str) -> bool:
    return bool(_scalar(conn, "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)", schema))


def table_ddl(table: HistoryTable, tablespace: str | None = None) -> tuple[sql.Composed, ...]:
    """Word for word Flyway's own."""
    placed = sql.SQL("") if tablespace is None else sql.SQL(" TABLESPACE {}").format(sql.Identifier(tablespace))
    return (
        sql.SQL(
            """CREATE TABLE {table} (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL
){placed}"""
        ).format(table=table.identifier, placed=placed),
        sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} PRIMARY KEY (installed_rank)").format(
            table.identifier, sql.Identifier(f"{table.name}_pk")
        ),
        sql.SQL("CREATE INDEX {} ON {} (success)").format(sql.Identifier(f"{table.name}_s_idx"), table.identifier),
    )


def rows(conn: Connection, table: HistoryTable) -> list[Applied]:
    """All rows in the order in which they were written."""
    query = sql.SQL(
        """SELECT installed_rank, version AS version_text, description, type, script, checksum, installed_by,
                  installed_on, execution_time, success
             FROM {} ORDER BY installed_rank"""
    ).format(table.identifier)
    with conn.cursor(row_factory=class_row(Applied)) as cursor:
        return cursor.execute(query).fetchall()


def last_rank(conn: Connection, table: HistoryTable) -> int:
    """0 where there is no row."""
    row = conn.execute(last_rank_sql(table)).fetchone()
    assert row is not None
    return row[0]


def last_rank_sql(table: HistoryTable) -> sql.Composed:
    return sql.SQL("SELECT coalesce(max(installed_rank), 0) FROM {}").format(table.identifier)


@dataclass(frozen=True)
class NewRow:
    """A row to be written; its rank is the next one, its time and (unless given) its author the server's."""

    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    execution_ms: int = 0
    success: bool = True
    installed_by: str | None = None


def insert_sql(table: HistoryTable, row: NewRow) -> sql.Composed:
    """The statement that appends a row and returns its rank; nothing where another has taken that rank meanwhile."""
    description, script = stored_description(row.description), row.script
    if len(script) > _LONGEST_SCRIPT:
        script = "..." + script[3:_LONGEST_SCRIPT]
    return sql.SQL(
        """INSERT INTO {table} (installed_rank, version, description, type, script, checksum, installed_by,
                     execution_time, success)
SELECT coalesce(max(installed_rank) + 1, CASE WHEN {type} = 'SCHEMA' THEN 0 ELSE 1 END),
       {version}, {description}, {type}, {script}, {checksum}, coalesce({author}, current_user), {execution_ms},
       {success}
  FROM {table}
    ON CONFLICT DO NOTHING
RETURNING installed_rank"""
    ).format(
        table=table.identifier, version=row.version, description=description, type=row.type, script=script,
        checksum=row.checksum, author=row.installed_by, execution_ms=row.execution_ms, success=row.success,
    )  # fmt: skip


def insert(conn: Connection, table: HistoryTable, row: NewRow) -> int:
    """Append a row in the caller's transaction and under the lock; gives its rank.

    A Flyway that has made the schema writes that row of its own without the lock: when it takes our rank, ours is one
    more.
    """
    query = insert_sql(table, row)
    while (inserted := conn.execute(query).fetchone()) is None:
        pass
    return inserted[0]


def settle(conn: Connection, table: HistoryTable, rank: int, execution_ms: int) -> None:
    """A migration without a transaction has ended well: its row, written as failed before it began, says so."""
    conn.execute(
        sql.SQL("UPDATE {} SET success = true, execution_time = {} WHERE installed_rank = {}").format(
            table.identifier, execution_ms, rank
        )
    )


def align(conn: Connection, table: HistoryTable, rank: int, description: str, type_: str, checksum: int) -> None:
    """The row says of its migration what the file says now."""
    conn.execute(
        sql.SQL("UPDATE {} SET description = {}, type = {}, checksum = {} WHERE installed_rank = {}").format(
            table.identifier, stored_description(description), type_, checksum, rank
        )
    )


def forget(conn: Connection, table: HistoryTable, rank: int) -> None:
    """A migration without a transaction has failed and left nothing behind: neither does its row stay."""
    conn.execute(sql.SQL("DELETE FROM {} WHERE installed_rank = {} AND NOT success").format(table.identifier, rank))


def _scalar(conn: Connection, query: LiteralString, *values: object) -> object:
    row = conn.execute(query, values).fetchone()
    assert row is not None
    return row[0]
