"""Waiting for locks without making others wait: a short `lock_timeout`, and again after a pause."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
import psycopg

from gasolinera.errors import UnavailableError

Connection = psycopg.Connection[Any]
Answer = TypeVar("Answer")


class Patience(msgspec.Struct, frozen=True):
    """Everybody who wants the table queues behind us for at most `lock_timeout_ms`; pauses grow up to `pause_s`."""

    lock_timeout_ms: int = 150
    tries: int = 25
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0


def patiently(conn: Connection, what: str, attempt: Callable[[], Answer], patience: Patience | None = None) -> Answer:
    """`conn` is in autocommit; `attempt` opens its own transaction, or is one statement.

    Raises UnavailableError `ops.locked`, which names who was in the way.
    """
    patience = patience or Patience()
    pause_s = patience.first_pause_s
    with lock_timeout(conn, patience.lock_timeout_ms):
        for number in range(1, patience.tries + 1):
            try:
                return attempt()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                if number == patience.tries:
                    raise UnavailableError("ops.locked", f"{what} met a lock {number} times", _busy(conn)) from error
            time.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311  two runs should not keep meeting
            pause_s = min(pause_s * 2, patience.longest_pause_s)
    raise AssertionError("the last try returns or raises")


@contextmanager
def lock_timeout(conn: Connection, milliseconds: int) -> Generator[None]:
    """For the statements inside, of a session in autocommit; 0 waits for good."""
    conn.execute("SELECT set_config('lock_timeout', %s, false)", (str(milliseconds),))
    try:
        yield
    finally:
        if not conn.broken and not conn.closed:
            conn.execute("RESET lock_timeout")


def _busy(conn: Connection) -> str:
    """Who holds locks on tables now is the likeliest to have been in the way. Every role may see that much."""
    rows = conn.execute(
        """SELECT DISTINCT l.pid, coalesce(a.usename, 'nobody')
             FROM pg_locks AS l
             JOIN pg_stat_activity AS a ON a.pid = l.pid
            WHERE l.locktype = 'relation' AND l.granted AND l.relation >= 16384 AND l.pid <> pg_backend_pid()
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            ORDER BY 1 LIMIT 5"""
    ).fetchall()
    if not rows:
        return "run it again; nobody holds a table now"
    named = ", ".join(f"process {pid} of {role}" for pid, role in rows)
    return f"run it again when these have ended their transactions: {named}"
