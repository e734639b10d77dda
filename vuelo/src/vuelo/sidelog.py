"""What vuelo remembers beyond Flyway's history table, in a table of its own beside it: nothing that Flyway reads.

One row a script that was run: its rank in the history, how many statements were done and up to which line, the SHA-256
of its file, and whether it was an undo. Flyway neither needs nor notices it; without it only these extras are missing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import LiteralString

from psycopg import errors, sql
from psycopg.rows import class_row

from vuelo import history
from vuelo.errors import VueloError
from vuelo.history import Connection, HistoryTable
from vuelo.migration import Applied, Remembered

USUAL_NAME = "vuelo_log"
_NO_SOURCE = sql.SQL("")


class Action(StrEnum):
    MIGRATE = "MIGRATE"
    UNDO = "UNDO"


@dataclass(frozen=True)
class Logged:
    """A row. Its rank is that of the last row written, and, while an undo is not at its end, of the row that it takes
    back. `statements` and `last_line` say how far a script without a transaction came; durations are in ms."""

    installed_rank: int | None
    action: str
    script: str
    statements: int
    last_line: int
    last_statement: str
    duration_ms: int | None


def table_beside(table: HistoryTable) -> HistoryTable:
    """Two histories in one schema have a log each."""
    usual = table.name == "flyway_schema_history"
    return HistoryTable(table.schema, USUAL_NAME if usual else f"{table.name}_{USUAL_NAME}")


def ddl(table: HistoryTable) -> tuple[sql.Composed, ...]:
    log = table_beside(table)
    create = sql.SQL(
        """CREATE TABLE IF NOT EXISTS {log} (
    id BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT {key} PRIMARY KEY,
    installed_rank INT,
    action VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL,
    fingerprint CHAR(64) NOT NULL,
    statements INT NOT NULL,
    last_line INT NOT NULL,
    last_statement VARCHAR(200) NOT NULL,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    duration_ms INT
)"""
    ).format(log=log.identifier, key=sql.Identifier(f"{log.name}_pk"))
    comment = "What vuelo ran: statements done, fingerprints, undos; not Flyway's."
    return create, sql.SQL("COMMENT ON TABLE {} IS {}").format(log.identifier, comment)


def create(conn: Connection, table: HistoryTable) -> None:
    """Make the table where it is missing; under the lock. Raises VueloError `log.refused`."""
    log = table_beside(table)
    found = conn.execute(
        """SELECT pg_catalog.quote_ident(current_user), pg_catalog.has_table_privilege(c.oid, 'SELECT')
                  AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
                  AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
                  AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
             FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = %s AND c.relname = %s""",
        (log.schema, log.name),
    ).fetchone()
    if found is not None:
        role, may = found
        if not may:
            hint = f"as its owner: GRANT SELECT, INSERT, UPDATE, DELETE ON {log.schema}.{log.name} TO {role}"
            raise VueloError("log.refused", f"{role} may not read and write the table {log.name}", hint)
        return
    try:
        conn.execute(sql.SQL(";\n").join(ddl(table)))
    except errors.InsufficientPrivilege as error:
        message = (
            f"the table {table_beside(table).name} cannot be made beside the history: {error.diag.message_primary}"
        )
        hint = f"GRANT CREATE ON SCHEMA {table.schema} to the role that migrates, or set `role` to the schema's owner"
        raise VueloError("log.refused", message, hint) from error


def entry_sql(
    table: HistoryTable,
    *,
    rank: int | sql.Identifier | None,
    action: Action,
    script: str,
    fingerprint: str,
    statements: int = 0,
    duration_ms: int | None = None,
    source: sql.Composable = _NO_SOURCE,
) -> sql.Composed:
    """The statement that adds a row; its rank may be a column of `source`, a FROM clause."""
    return sql.SQL(
        """INSERT INTO {log} (installed_rank, action, script, fingerprint, statements, last_line, last_statement,
                     duration_ms)
SELECT {rank}, {action}, left({script}, 1000), {fingerprint}, {statements}, 0, '', {duration} {source}
RETURNING id, installed_rank"""
    ).format(
        log=table_beside(table).identifier, rank=rank, action=action.value, script=script, fingerprint=fingerprint,
        statements=statements, duration=duration_ms, source=source,
    )  # fmt: skip


def advance(conn: Connection, table: HistoryTable, entry: int, statements: int, line: int, text: str) -> None:
    """A statement outside a transaction is done: what is known of a run that dies after it."""
    conn.execute(
        sql.SQL("UPDATE {} SET statements = {}, last_line = {}, last_statement = left({}, 200) WHERE id = {}").format(
            table_beside(table).identifier, statements, line, text, entry
        )
    )


def finish(conn: Connection, table: HistoryTable, entry: int, duration_ms: int, rank: int | None) -> None:
    conn.execute(
        sql.SQL("UPDATE {} SET duration_ms = {}, installed_rank = coalesce({}, installed_rank) WHERE id = {}").format(
            table_beside(table).identifier, duration_ms, rank, entry
        )
    )


def remove(conn: Connection, table: HistoryTable, entry: int) -> None:
    conn.execute(sql.SQL("DELETE FROM {} WHERE id = {}").format(table_beside(table).identifier, entry))


def forget_unfinished(conn: Connection, table: HistoryTable, rank: int) -> None:
    """A repair has cleared up what a script without a transaction left half done."""
    log = table_beside(table)
    if history.exists(conn, log):
        query = sql.SQL("DELETE FROM {} WHERE installed_rank = {} AND duration_ms IS NULL")
        conn.execute(query.format(log.identifier, rank))


def remembered(conn: Connection, table: HistoryTable, applied: Sequence[Applied]) -> Remembered:
    """Nothing where there is no log, or the session may not read it: whoever may read the history sees that much.

    The history may be another one by now, restored or begun anew: an entry counts only where its row is of its kind.
    """
    if all(row.is_synthetic and not row.takes_back for row in applied):
        return Remembered()
    logged = [row for row in _rows(conn, table, "action = 'UNDO' OR duration_ms IS NULL") if row.installed_rank]
    known = {row.installed_rank: row for row in applied}
    undone: set[int] = set()
    unfinished: dict[int, str] = {}
    half_undone: dict[int, str] = {}
    for entry in logged:
        row = known.get(entry.installed_rank or 0)
        if row is None:
            continue
        if entry.duration_ms is not None:
            if row.takes_back:
                undone.add(row.installed_rank)
        elif entry.action == Action.UNDO:
            half_undone[row.installed_rank] = f"{entry.script}, {_how_far(entry)}"
        elif entry.script == row.script:
            unfinished[row.installed_rank] = _how_far(entry)
    return Remembered(frozenset(undone), unfinished, half_undone)


def _how_far(row: Logged) -> str:
    if not row.statements:
        return "none of its statements is known to be done"
    first_line = row.last_statement.splitlines()[0]
    return f"known to be done: {row.statements} of its statements, the last at line {row.last_line}: {first_line}"


def last_runs(conn: Connection, table: HistoryTable) -> Mapping[str, Logged]:
    """The latest run of each script."""
    return {row.script: row for row in _rows(conn, table, "true")}


def _rows(conn: Connection, table: HistoryTable, condition: LiteralString) -> list[Logged]:
    log = table_beside(table)
    readable = conn.execute(
        """SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = %s AND c.relname = %s AND pg_catalog.has_table_privilege(c.oid, 'SELECT')""",
        (log.schema, log.name),
    ).fetchone()
    if readable is None:
        return []
    query = sql.SQL(
        """SELECT installed_rank, action, script, statements, last_line, last_statement, duration_ms
             FROM {} WHERE {} ORDER BY id"""
    ).format(log.identifier, sql.SQL(condition))
    with conn.cursor(row_factory=class_row(Logged)) as cursor:
        return cursor.execute(query).fetchall()


def fingerprint(path: Path) -> str:
    """SHA-256 of a script's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
