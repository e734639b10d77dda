"""Runs of operations commands on record: one of a command and scope at a time, with what came of it."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from gasolinera.errors import ConflictError

Connection = psycopg.Connection[Any]
Outcome = Literal["OK", "WARNING", "FAILED"]
_MOST_ERROR = 2000


class Run(msgspec.Struct):
    """What the command says of itself while it runs: `result` is kept as JSON, so it holds no personal data."""

    id: int
    outcome: Outcome = "OK"
    result: dict[str, Any] = {}


@contextmanager
def recorded_run(conn: Connection, command: str, scope: str = "") -> Generator[Run]:
    """`conn` is a session in autocommit with the role ops; it holds the lock of command and scope until the end.

    An exception ends the run as FAILED and goes on. A process that is killed leaves a run without an end, which the
    next one of its command ends. Raises ConflictError `ops.running` where another process is at it.
    """
    row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (_lock(command, scope),)).fetchone()
    assert row is not None
    if not row[0]:
        what = f"{command} {scope}".strip()
        raise ConflictError("ops.running", f"another process runs `{what}`", "wait for it, or look for it in `ops top`")
    try:
        run = Run(_begin(conn, command, scope))
        try:
            yield run
        except BaseException as error:
            run.outcome = "FAILED"
            if not conn.broken:
                _end(conn, run, told_of(error)[:_MOST_ERROR])
            raise
        _end(conn, run, None)
    finally:
        if not conn.broken:
            conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (_lock(command, scope),))


def told_of(error: BaseException) -> str:
    """What may be kept: the details that a server gives to an error quote the row that it is about."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return f"{error.diag.message_primary} ({error.sqlstate})"
    return str(error).strip() or type(error).__name__


def _lock(command: str, scope: str) -> str:
    return f"ops {command} {scope}"


def _begin(conn: Connection, command: str, scope: str) -> int:
    conn.execute(
        """UPDATE ops_schema.runs SET finished_at = clock_timestamp(), outcome = 'FAILED', error = 'the process ended'
            WHERE command = %s AND scope = %s AND finished_at IS NULL""",
        (command, scope),
    )
    row = conn.execute(
        "INSERT INTO ops_schema.runs (command, scope) VALUES (%s, %s) RETURNING id", (command, scope)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _end(conn: Connection, run: Run, error: str | None) -> None:
    conn.execute(
        """UPDATE ops_schema.runs SET finished_at = clock_timestamp(), outcome = %s, result = %s, error = %s
            WHERE id = %s""",
        (run.outcome, Jsonb(run.result), error if run.outcome == "FAILED" else None, run.id),
    )
