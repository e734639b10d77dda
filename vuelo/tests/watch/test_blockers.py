"""Who is in the way: real sessions that hold and wait for real locks."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from vuelo.errors import VueloError
from vuelo.history import HistoryTable, locked
from vuelo.watch.blockers import Blocker, blocking, described, duration, holding, shortened

Connection = psycopg.Connection[Any]


@contextmanager
def waiting(url: str, statement: bytes) -> Generator[int]:
    """A session that waits inside `statement`; gives its pid once it does."""
    with psycopg.connect(url, autocommit=True) as conn, psycopg.connect(url, autocommit=True) as onlooker:

        def run() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                conn.execute(statement)

        thread = threading.Thread(target=run)
        thread.start()
        pid = conn.info.backend_pid
        try:
            deadline = time.monotonic() + 20
            while onlooker.execute("SELECT FROM pg_locks WHERE pid = %s AND NOT granted", (pid,)).fetchone() is None:
                assert time.monotonic() < deadline, "it does not wait"
                time.sleep(0.02)
            yield pid
        finally:
            conn.cancel_safe()
            thread.join()


@pytest.fixture
def holder(url: str) -> Generator[Connection]:
    with psycopg.connect(make_conninfo(url, application_name="till")) as conn:
        conn.execute("CREATE TABLE orders (id int, note text)")
        conn.commit()
        yield conn


def test_the_session_in_the_way_is_named_with_its_lock_and_query(
    url: str, conn: Connection, holder: Connection
) -> None:
    holder.execute("SELECT id\n  FROM orders WHERE note = 'Ana''s secret'")
    with waiting(url, b"ALTER TABLE orders ADD total int") as pid:
        [blocker] = blocking(conn, pid)
    assert (blocker.pid, blocker.application, blocker.user) == (holder.info.backend_pid, "till", "postgres")
    assert (blocker.state, blocker.mode, blocker.relation) == ("idle in transaction", "AccessShareLock", "orders")
    assert blocker.open_s is not None
    assert 0 <= blocker.open_s < 60
    assert blocker.since is not None
    age = duration(blocker.open_s)
    assert described((blocker,)) == (
        f"process {blocker.pid} (till, user postgres, idle in transaction, begun {age} ago)"
        " has AccessShareLock on orders: SELECT id FROM orders WHERE note = '…'"
    )


def test_a_session_that_queues_ahead_is_told_from_the_one_that_holds(
    url: str, conn: Connection, holder: Connection
) -> None:
    holder.execute("SELECT FROM orders")
    with (
        waiting(url, b"ALTER TABLE orders ADD total int") as first,
        waiting(url, b"ALTER TABLE orders ADD tip int") as second,
    ):
        found = blocking(conn, second)
    assert [(one.pid, one.holds) for one in found] == [(holder.info.backend_pid, True), (first, False)]
    assert f"process {first}" in described(found)
    assert "waits for AccessExclusiveLock on orders: ALTER TABLE orders ADD total int" in described(found)


def test_a_row_that_is_locked_is_a_transaction_waited_for(url: str, conn: Connection, holder: Connection) -> None:
    holder.execute("INSERT INTO orders VALUES (1)")
    holder.commit()
    holder.execute("UPDATE orders SET note = 'x'")
    with waiting(url, b"UPDATE orders SET note = 'y'") as pid:
        [blocker] = blocking(conn, pid)
    assert (blocker.pid, blocker.mode, blocker.relation) == (holder.info.backend_pid, "ExclusiveLock", None)
    assert described((blocker,)).endswith(": UPDATE orders SET note = '…'")


def test_who_waits_for_nobody_is_blocked_by_nobody(conn: Connection, holder: Connection) -> None:
    assert blocking(conn, holder.info.backend_pid) == ()
    assert described(()) == ""


def test_a_stranger_sees_the_process_and_is_told_how_to_see_more(
    url: str, conn: Connection, holder: Connection
) -> None:
    conn.execute("DROP ROLE IF EXISTS stranger")
    conn.execute("CREATE ROLE stranger LOGIN")
    holder.execute("SELECT FROM orders")
    try:
        with (
            waiting(url, b"ALTER TABLE orders ADD total int") as pid,
            psycopg.connect(make_conninfo(url, user="stranger"), autocommit=True) as other,
        ):
            [blocker] = blocking(other, pid)
    finally:
        conn.execute("DROP ROLE stranger")
    assert (blocker.pid, blocker.is_hidden, blocker.state) == (holder.info.backend_pid, True, None)
    assert described((blocker,)) == (
        f"process {blocker.pid} (till, user postgres) has AccessShareLock on orders\n"
        "a member of pg_read_all_stats sees the queries of other users"
    )


@pytest.mark.parametrize("key", [5, -5, 77431701 << 32 | 3000000000, -(2**63), 2**63 - 1])
def test_the_holder_of_an_advisory_lock_is_named_whatever_its_number(
    conn: Connection, holder: Connection, key: int
) -> None:
    assert holding(conn, key) == ()
    holder.execute("SELECT pg_advisory_lock(%s)", (key,))
    [found] = holding(conn, key)
    assert found.pid == holder.info.backend_pid
    assert holding(conn, key + 1 if key < 0 else key - 1) == ()
    assert holding(holder, key) == ()


def test_the_same_number_in_another_database_is_another_lock(
    conn: Connection, new_database: Callable[..., str]
) -> None:
    with psycopg.connect(new_database(), autocommit=True) as elsewhere:
        elsewhere.execute("SELECT pg_advisory_lock(7)")
        assert holding(conn, 7) == ()


def test_a_query_is_one_short_line_without_texts() -> None:
    assert shortened("SELECT 'a''b',\n\t'c' || x, 1") == "SELECT '…', '…' || x, 1"
    assert shortened("SELECT 'cut off by the serv") == "SELECT '…'"
    assert shortened("SELECT " + "x" * 100) == "SELECT " + "x" * 72 + "…"


def test_a_prepared_transaction_has_no_process() -> None:
    blocker = Blocker(0, None, None, None, None, None, None, None, None, holds=True)
    assert described((blocker,)) == "a prepared transaction (see pg_prepared_xacts)"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_runner_that_waited_in_vain_names_the_other(conn: Connection, holder: Connection) -> None:
    table = HistoryTable("shop")
    holder.execute("SELECT pg_advisory_lock(%s)", (table.lock_key(),))
    with pytest.raises(VueloError) as caught, locked(conn, table, 0.1, threading.Event()):
        pass
    assert caught.value.code == "lock.timeout"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"process {holder.info.backend_pid} (till, user postgres, idle in transaction")
