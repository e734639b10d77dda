"""Two connections that do the same at once: the second one is seen waiting before the first one commits."""

import threading
import time
from collections.abc import Callable

from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import Conn


def wait_until_blocked(admin: Conn, conn: Conn) -> None:
    """Return once a connection waits for a lock that another one holds."""
    for _ in range(500):
        if catalog.number(admin, "SELECT cardinality(pg_blocking_pids(%s))", conn.info.backend_pid):
            return
        time.sleep(0.02)
    raise AssertionError("the second connection never had to wait")


def second_of_two(admin: Conn, first: Conn, second: Conn, act: Callable[[Conn], object]) -> errors.Error | None:
    """Let two connections do the same at once, the first one commit, and return what the second one ran into."""
    outcome: list[errors.Error | None] = []

    def run() -> None:
        try:
            act(second)
            outcome.append(None)
        except errors.Error as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    with first.transaction():
        act(first)
        thread.start()
        wait_until_blocked(admin, second)
    thread.join(timeout=30)
    return outcome[0]
