"""A runner that dies, or loses its connection, at any statement: the next one tells the truth and completes."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo

Connection = psycopg.Connection[Any]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Stopped = Callable[[int], "tuple[subprocess.Popen[str], int]"]

# Each statement that asks the gate stops there for a while when it is the one that is chosen.
_GATE = """
CREATE TABLE public.gate (at int);
CREATE FUNCTION public.gate(here int, id int = 0) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM public.gate WHERE at = here) THEN PERFORM pg_sleep(1.5); END IF;
    RETURN id;
END $$"""
_SCRIPTS = {
    "V1__orders.sql": "CREATE TABLE orders (id int); SELECT public.gate(1); INSERT INTO orders VALUES (7);"
    " SELECT public.gate(2);",
    "V2__indexes.sql": "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_a ON orders (public.gate(3, id));\n"
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_b ON orders (public.gate(4, id));",
    "V3__items.sql": "CREATE TABLE items (id int); SELECT public.gate(5); CREATE TABLE parts (id int);",
    "R__view.sql": "CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders; SELECT public.gate(6);",
}
_STATES = {  # of V1, V2, V3 and R, by the gate at which the runner ended
    1: ["Pending", "Pending", "Pending", "Pending"],
    2: ["Pending", "Pending", "Pending", "Pending"],
    3: ["Success", "Failed", "Pending", "Pending"],
    4: ["Success", "Failed", "Pending", "Pending"],
    5: ["Success", "Success", "Pending", "Pending"],
    6: ["Success", "Success", "Success", "Pending"],
}
_STANDS = {1: set[str](), 2: set[str](), 3: {"orders"}, 4: {"orders"}, 5: {"orders"}, 6: {"orders", "items", "parts"}}
_AT_THE_GATE = """SELECT pid FROM pg_stat_activity
                   WHERE application_name = 'vuelo shop' AND wait_event = 'PgSleep' AND datname = current_database()"""


@pytest.fixture
def stopped_at(make_project: Callable[..., vuelo.Project], conn: Connection, tmp_path: Path) -> Stopped:
    """A runner that stands at a gate, and the process id of its session."""

    def start(gate: int) -> "tuple[subprocess.Popen[str], int]":
        conn.execute(_GATE.encode())
        conn.execute("INSERT INTO public.gate VALUES (%s)", (gate,))
        make_project({"shop": _SCRIPTS})
        command = [Path(sys.executable).with_name("vuelo"), "migrate"]
        runner = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while (found := conn.execute(_AT_THE_GATE).fetchone()) is None:
            assert runner.poll() is None, runner.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return runner, found[0]

    return start


def states(folder: Path) -> list[str]:
    [plan] = vuelo.info(vuelo.Project.load(folder / "vuelo.toml")).values()
    return [entry.state.value for entry in plan.entries if entry.script]


def tables(conn: Connection) -> set[str]:
    query = "SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind = 'r'"
    names = {row[0] for row in conn.execute(query)}
    return {name for name in names if name not in ("flyway_schema_history", "vuelo_log")}


def indexes(conn: Connection) -> dict[str, bool]:
    query = (
        """SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = to_regclass('shop.orders')"""
    )
    return {row[0]: row[1] for row in conn.execute(query)}


def complete(tmp_path: Path, cli: Command, conn: Connection, gate: int) -> None:
    """The way that the messages show: migrate; where a script without a transaction has died, repair first."""
    conn.execute("DELETE FROM public.gate")
    if "Failed" in _STATES[gate]:
        refused = cli("migrate")
        assert refused.returncode == 1
        assert "V2__indexes.sql failed" in refused.stderr
        how_far = {
            3: "none of its statements is known to be done",
            4: "known to be done: 1 of its statements, the last at line 1: CREATE INDEX CONCURRENTLY",
        }
        assert how_far[gate] in refused.stderr
        assert cli("repair").returncode == 0
    assert cli("migrate").returncode == 0
    assert states(tmp_path) == ["Success"] * 4
    assert tables(conn) == {"orders", "items", "parts"}
    assert indexes(conn) == {"shop.orders_a": True, "shop.orders_b": True}
    assert conn.execute("SELECT id FROM shop.open_orders").fetchall() == [(7,)]
    assert cli("validate").returncode == 0


@pytest.mark.parametrize("gate", _STATES)
def test_after_kill_9_the_next_run_tells_the_truth_and_completes(
    stopped_at: Stopped, conn: Connection, cli: Command, tmp_path: Path, gate: int
) -> None:
    runner, pid = stopped_at(gate)
    runner.kill()
    runner.communicate()
    assert states(tmp_path) == _STATES[gate]
    assert tables(conn) == _STANDS[gate]
    deadline = time.monotonic() + 30
    while conn.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
        assert time.monotonic() < deadline, "the dead runner's session stays"
        time.sleep(0.05)
    assert states(tmp_path) == _STATES[gate]
    complete(tmp_path, cli, conn, gate)


@pytest.mark.parametrize("gate", _STATES)
def test_after_a_lost_connection_the_runner_says_so_and_the_next_one_completes(
    stopped_at: Stopped, conn: Connection, cli: Command, tmp_path: Path, gate: int
) -> None:
    runner, pid = stopped_at(gate)
    conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
    _, talk = runner.communicate(timeout=60)
    assert runner.returncode == 1
    assert "terminating connection due to" in talk or "server closed the connection" in talk  # whichever came first
    assert "    --> " in talk or " --> " in talk
    assert "Traceback" not in talk
    assert states(tmp_path) == _STATES[gate]
    assert tables(conn) == _STANDS[gate]
    if gate in (3, 4):
        assert indexes(conn)[{3: "shop.orders_a", 4: "shop.orders_b"}[gate]] is False
    complete(tmp_path, cli, conn, gate)
