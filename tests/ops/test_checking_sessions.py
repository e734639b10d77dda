"""Sessions that wait, hold others up, do nothing, or take all there is: real ones."""

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from gasolinera.config import SERVICES, schema_of
from gasolinera.ops.checking import CheckResult, Threshold, Verdict
from gasolinera.ops.checking_questions import Memory, run_checks
from gasolinera.ops.checking_rules import BY_NAME
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]
Connect = Callable[[str], Admin]
SCHEMAS = [schema_of(service) for service in SERVICES]
WITHIN_S = 30


def one(conn: Admin, check: str, *, warning: float | None = None) -> CheckResult:
    limits = () if warning is None else (Threshold(check_name=check, warning=warning),)
    [result] = run_checks(conn, SCHEMAS, [BY_NAME[check]], Memory(limits))
    return result


def until_found(conn: Admin, check: str, part: str, *, warning: float = 0) -> CheckResult:
    deadline = time.monotonic() + WITHIN_S
    while True:
        result = one(conn, check, warning=warning)
        if any(part in finding.object for finding in result.findings):
            return result
        assert time.monotonic() < deadline, f"{check} has not found {part}: {result}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def migrated(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share: none of them changes what is in it."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture
def admin(server: Server, migrated: str) -> Generator[Admin]:
    with psycopg.connect(server.url(migrated), autocommit=True) as conn:
        yield conn


@pytest.fixture
def as_role(server: Server, migrated: str) -> Generator[Connect]:
    with ExitStack() as stack:

        def connect(role: str) -> Admin:
            return stack.enter_context(psycopg.connect(server.url(migrated, role), autocommit=True))

        yield connect


def test_who_waits_and_who_holds_whom_up_are_named(admin: Admin, as_role: Connect) -> None:
    holder, first, second = (as_role("postgres") for _ in range(3))
    pid = str(holder.info.backend_pid)
    for conn in (first, second):
        conn.execute("SET lock_timeout = '60s'")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE station_schema.stations IN ACCESS EXCLUSIVE MODE")
    try:
        first.pgconn.send_query(b"SELECT count(*) FROM station_schema.stations")
        blocked = until_found(admin, "blocked_sessions", f"pid {first.info.backend_pid} ")
        assert any(pid in finding.object for finding in blocked.findings)
        second.pgconn.send_query(b"SELECT count(*) FROM station_schema.stations")
        until_found(admin, "blocked_sessions", f"pid {second.info.backend_pid} ")
        [head] = one(admin, "blocking_sessions").findings
        assert (head.amount, f"pid {pid} " in head.object) == (2, True)
        for check in ("idle_in_transaction", "long_transactions"):
            assert any(f"pid {pid} " in found.object for found in one(admin, check, warning=0).findings), check
        assert any(f"pid {first.info.backend_pid} " in found.object
                   for found in one(admin, "long_statements", warning=0).findings)  # fmt: skip
    finally:
        holder.execute("ROLLBACK")
        for conn in (first, second):
            while conn.pgconn.get_result() is not None:
                pass
    for check in ("blocked_sessions", "blocking_sessions"):
        assert one(admin, check, warning=0).findings == (), check
    assert not any(f"pid {pid} " in found.object for found in one(admin, "idle_in_transaction", warning=0).findings)


def test_a_role_that_has_taken_its_connections_is_told(admin: Admin, as_role: Connect) -> None:
    admin.execute("ALTER ROLE station_ro CONNECTION LIMIT 2")
    try:
        first = as_role("station_ro")
        assert one(admin, "role_connections").verdict is Verdict.GOOD
        second = as_role("station_ro")
        result = one(admin, "role_connections")
        assert (result.verdict, result.worst) == (Verdict.CRITICAL, 100)
        first.close()
        second.close()
    finally:
        admin.execute("ALTER ROLE station_ro CONNECTION LIMIT -1")


def test_a_pool_whose_connections_all_work_is_told(admin: Admin, server: Server, migrated: str) -> None:
    pool = [psycopg.connect(server.url(migrated), application_name="gasolinera-station") for _ in range(4)]
    try:
        for conn in pool[:3]:
            conn.execute("SELECT 1")  # and the transaction stays open
        assert one(admin, "busy_pools").worst == 75
        assert one(admin, "busy_pools").verdict is Verdict.GOOD
        pool[3].execute("SELECT 1")
        assert one(admin, "busy_pools").verdict is Verdict.ADVICE
    finally:
        for conn in pool:
            conn.close()


def test_locks_and_connections_are_told_as_shares_of_what_there_is(admin: Admin, as_role: Connect) -> None:
    row = admin.execute(
        "SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int"
        " + current_setting('max_prepared_transactions')::int)"
    ).fetchone()
    assert row is not None
    locks = one(admin, "locks").worst or 0
    holder = as_role("postgres")
    holder.execute("BEGIN")
    holder.execute("SELECT pg_advisory_xact_lock(i) FROM generate_series(1, 1000) AS i")
    result = one(admin, "locks", warning=1000 / row[0] * 50)
    assert result.verdict is Verdict.WARNING
    assert (result.worst or 0) - locks > 1000 / row[0] * 50
    holder.execute("ROLLBACK")
    assert one(admin, "locks").verdict is Verdict.GOOD
    few = one(admin, "connections", warning=0.01)
    assert (few.verdict, 0 < (few.worst or 0) < 100) == (Verdict.WARNING, True)


def test_who_keeps_dead_rows_is_named(admin: Admin, as_role: Connect) -> None:
    holder = as_role("postgres")
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.execute("SELECT 1")
    for _ in range(3):
        admin.execute("CREATE TABLE station_schema.provoked (id int PRIMARY KEY)")
        admin.execute("DROP TABLE station_schema.provoked")
    result = one(admin, "xmin_horizon", warning=3)
    assert any(f"pid {holder.info.backend_pid} " in finding.object for finding in result.findings)
    holder.execute("ROLLBACK")
    held = one(admin, "xmin_horizon", warning=3).findings
    assert not any(f"pid {holder.info.backend_pid} " in finding.object for finding in held)


def test_a_server_that_has_just_begun_is_told(admin: Admin) -> None:
    limit = 60.0 * 60 * 24 * 365
    young = run_checks(
        admin, SCHEMAS, [BY_NAME["restarted"]], Memory((Threshold(check_name="restarted", warning=limit),))
    )
    old = run_checks(admin, SCHEMAS, [BY_NAME["restarted"]], Memory((Threshold(check_name="restarted", warning=0),)))
    assert (young[0].verdict, old[0].verdict) == (Verdict.WARNING, Verdict.GOOD)


def test_reads_are_judged_when_there_were_enough(admin: Admin) -> None:
    admin.execute("SELECT pg_stat_reset()")
    assert one(admin, "cache_misses").reason == "too_little"
    pages = admin.execute("SELECT pg_relation_size('pg_attribute') / 8192").fetchone()
    assert pages is not None
    for _ in range(100_000 // pages[0] + 1):
        admin.execute("SELECT count(*) FROM pg_attribute WHERE attstorage = 'x' AND attlen = 3")
    admin.execute("SELECT pg_stat_force_next_flush()")
    result = one(admin, "cache_misses", warning=0)
    assert (result.reason, result.verdict, (result.worst or 0) < 100) == (None, Verdict.WARNING, True)
