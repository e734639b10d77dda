"""The night shift's views of a real server: what they say is what was done to it."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from gasolinera.cli.app import app
from gasolinera.errors import ConflictError, ForbiddenError, UnknownError
from gasolinera.ops.live import Place, places_of
from gasolinera.ops.live_activity import Counters, rates_between, read_activity
from gasolinera.ops.live_locks import (
    FoundSession,
    LockNode,
    LockSession,
    end_session,
    find_session,
    read_locks,
    trees_of,
)
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
AsRole = Callable[[str], Connection]

CODE = "SELECT code_hash FROM auth_schema.otp_codes WHERE phone = '+5215512345678'"


@pytest.fixture(scope="module")
def database(server: Server, clone_of: Clone) -> Generator[str]:
    """One for all of these, which leave nothing behind that another minds."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture
def place(operations: Operations) -> Place:
    (only,) = places_of(operations)
    return only


@pytest.fixture
def environ(server: Server, database: str, ops_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands, which find the test's database."""
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(database))


@contextmanager
def blocked(holder: Connection, waiter: Connection) -> Generator[Thread]:
    """`holder` has a station's row, and `waiter` wants it; ends when `holder` lets go."""
    holder.execute("BEGIN")
    holder.execute("UPDATE station_schema.stations SET name = name WHERE station_code = 'JSM001'")

    def wait() -> None:
        try:
            waiter.execute("UPDATE station_schema.stations SET name = 'Pilar' WHERE station_code = 'JSM001'")
        except psycopg.Error as error:
            ended.append(type(error))

    ended: list[type[psycopg.Error]] = []
    thread = Thread(target=wait)
    thread.start()
    try:
        yield thread
    finally:
        if not holder.broken:
            holder.execute("ROLLBACK")
        thread.join(timeout=20)
        assert not thread.is_alive()


def until_waiting(place: Place) -> Any:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        found = read_locks(place)
        if found.waiting:
            return found
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_who_waits_stands_below_whom_he_waits_for(place: Place, as_role: AsRole) -> None:
    holder, waiter = as_role("station_app"), as_role("station_app")
    assert read_locks(place).trees == ()
    with blocked(holder, waiter):
        found = until_waiting(place)
    (root,) = found.trees
    assert (root.session.pid, root.session.blockers) == (holder.info.backend_pid, ())
    assert root.session.state == "idle in transaction"
    (below,) = root.waiters
    assert (below.session.pid, below.session.blockers) == (waiter.info.backend_pid, (holder.info.backend_pid,))
    assert below.session.statement == "UPDATE station_schema.stations SET name = ? WHERE station_code = ?"
    assert below.session.object == "a row that another transaction has changed"
    assert below.session.wanted == "ShareLock"
    assert 0 <= found.longest_s < 20


def test_a_circle_of_waiters_and_one_that_waits_for_two_are_drawn() -> None:
    circle = trees_of([LockSession(1, blockers=(2,)), LockSession(2, blockers=(1,))])
    assert [shape(one) for one in circle] == [(1, [(2, [])])]
    two = trees_of([LockSession(3), LockSession(4), LockSession(5, blockers=(3, 4)), LockSession(6, blockers=(0,))])
    assert [shape(one) for one in two] == [(3, [(5, [])]), (4, [(5, [])]), (0, [(6, [])])]


def shape(node: LockNode) -> tuple[int, list[Any]]:
    return node.session.pid, [shape(one) for one in node.waiters]


def test_a_cancelled_statement_leaves_its_session_and_the_record_says_who(
    operations: Operations, place: Place, as_role: AsRole, ops: Connection
) -> None:
    holder, waiter = as_role("station_app"), as_role("station_app")
    with blocked(holder, waiter) as thread:
        until_waiting(place)
        end_session(operations, find_session(operations, waiter.info.backend_pid), how="cancel")
        thread.join(timeout=20)
        assert not thread.is_alive(), "it waits no longer"
    assert waiter.execute("SELECT 1").fetchone() == (1,)
    record = ops.execute("SELECT command, outcome, result ->> 'role' FROM ops_schema.runs ORDER BY id").fetchall()
    assert record == [("locks kill", "OK", "station_app")]


def test_a_terminated_session_lets_go_what_it_held(operations: Operations, place: Place, as_role: AsRole) -> None:
    holder, waiter = as_role("station_app"), as_role("station_app")
    with blocked(holder, waiter) as thread:
        until_waiting(place)
        end_session(operations, find_session(operations, holder.info.backend_pid), how="terminate")
        thread.join(timeout=20)
        assert not thread.is_alive(), "it got the row"
        with pytest.raises(psycopg.OperationalError):
            holder.execute("SELECT 1")


def test_only_the_platforms_clients_are_ended(
    operations: Operations, admin: Connection, server: Server, database: str, as_role: AsRole
) -> None:
    with pytest.raises(UnknownError, match="no session 999999"):
        find_session(operations, 999999)
    admin.execute("CREATE ROLE somebody LOGIN")
    admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO somebody").format(sql.Identifier(database)))
    try:
        with (
            psycopg.connect(server.url(database, "somebody")) as other,
            pytest.raises(ForbiddenError, match="is of somebody, not of the platform"),
        ):
            find_session(operations, other.info.backend_pid)
    finally:
        admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM somebody").format(sql.Identifier(database)))
        admin.execute("DROP ROLE somebody")
    gone = as_role("auth_app")
    found = find_session(operations, gone.info.backend_pid)
    gone.close()
    with pytest.raises(ConflictError, match="has ended"):
        end_once_gone(operations, found)


def end_once_gone(operations: Operations, found: FoundSession) -> None:
    """The server takes a moment to notice that a client has left."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            find_session(operations, found.pid)
        except UnknownError:
            break
        time.sleep(0.02)
    end_session(operations, found, how="terminate")


def test_activity_tells_states_the_oldest_transaction_and_waiting_events(
    place: Place, as_role: AsRole, admin: Connection
) -> None:
    admin.execute("UPDATE auth_schema.outbox_events SET published_at = now() WHERE published_at IS NULL")
    before = read_activity(place)
    assert before.rates is None
    idle = as_role("station_app")
    idle.execute("BEGIN")
    idle.execute("SELECT 'Elena' FROM station_schema.stations")
    admin.execute(
        "INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)"
        " VALUES ('user.changed', 'user', 'nobody', '{}')"
    )
    found = read_activity(place, before.counters)
    assert found.reason is None
    assert found.states["idle in transaction"] == 1
    assert found.oldest[0].pid == idle.info.backend_pid
    assert found.oldest[0].statement == "SELECT ? FROM station_schema.stations"
    assert found.rates is not None
    assert found.rates.wal_bytes_per_s > 0, "the event was written"
    assert [(one.waiting, one.oldest_s < 60) for one in found.outboxes if one.service == "auth"] == [(1, True)]
    assert len(found.outboxes) == 6


def test_a_database_out_of_reach_is_said_and_hides_no_other(operations: Operations) -> None:
    gone = Place("gone", "host=127.0.0.1 port=1 dbname=x", {})
    assert read_activity(gone).reason == "unreachable"
    assert read_locks(gone).reason == "unreachable"


def test_a_role_that_is_shown_nothing_is_told_so(server: Server, operations: Operations, database: str) -> None:
    as_reader = Place(
        "reader", server.url(database, "station_ro"), {"station": "station_schema", "auth": "auth_schema"}
    )
    found = read_activity(as_reader)
    assert found.reason == "privilege"
    assert [one.service for one in found.outboxes] in (["station"], []), "another's outbox is closed to it"
    assert read_locks(as_reader).reason == "privilege"


def test_rates_are_growth_by_seconds_and_none_after_a_reset() -> None:
    then = Counters(10.0, 100, 1, 900, 100, 5, 6, 0, 0, 1000.0, 1, False, 100)
    now = Counters(14.0, 180, 3, 1600, 200, 45, 6, 4096, 1, 5000.0, 1, False, 100)
    rates = rates_between(then, now)
    assert rates is not None
    assert (rates.commits_per_s, rates.rollbacks_per_s, rates.rows_read_per_s) == (20.0, 0.5, 10.0)
    assert (rates.wal_bytes_per_s, rates.temporary_bytes_per_s, rates.deadlocks) == (1000.0, 1024.0, 1)
    assert rates.cache_hit_ratio == 0.875
    assert rates_between(now, then) is None


@pytest.mark.usefixtures("environ")
def test_the_views_are_shown_once_and_as_data() -> None:
    shown = CliRunner().invoke(app, ["ops", "top", "--once", "--interval", "0.2"])
    assert shown.exit_code == 0, shown.output
    assert re.search(r"of \d+ sessions", shown.stdout)
    assert "commits/s" in shown.stdout
    told = CliRunner().invoke(app, ["ops", "top", "--json", "--interval", "0.2"])
    (one,) = json.loads(told.stdout)
    assert one["rates"]["seconds"] > 0
    assert CliRunner().invoke(app, ["ops", "locks", "--once"]).stdout.rstrip().endswith(": 0 waiting")
    assert json.loads(CliRunner().invoke(app, ["ops", "locks", "--json"]).stdout)[0]["trees"] == []


@pytest.mark.usefixtures("environ")
def test_killing_asks_first(as_role: AsRole) -> None:
    victim = as_role("auth_app")
    pid = str(victim.info.backend_pid)
    asked = CliRunner().invoke(app, ["ops", "locks", "--kill", pid, "--terminate"])
    assert asked.exit_code != 0
    assert victim.execute("SELECT 1").fetchone() == (1,)
    done = CliRunner().invoke(app, ["ops", "locks", "--kill", pid, "--terminate", "--yes"])
    assert done.exit_code == 0, done.output
    with pytest.raises(psycopg.OperationalError):
        victim.execute("SELECT 1")


@pytest.mark.usefixtures("environ")
def test_on_a_terminal_it_looks_again_until_it_is_interrupted() -> None:
    ours, theirs = pty.openpty()
    command = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
    process = subprocess.Popen(
        [*command, "ops", "locks", "--interval", "0.2"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        said = b""
        end = time.monotonic() + 60
        while said.count(b"0 waiting") < 2 and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 65536)
        assert said.count(b"0 waiting") >= 2, said
        process.send_signal(2)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
