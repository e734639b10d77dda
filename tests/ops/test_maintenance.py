"""Maintenance of real tables: what is worn is seen to, what is broken goes, an interruption leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.errors import InputError
from gasolinera.ops import operations_schema
from gasolinera.ops.maintaining import Maintenance, Outcome, closes_at, maintain, parsed_window
from gasolinera.ops.maintaining_plans import Kind, Limits
from gasolinera.ops.maintaining_report import report_indexes
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop
from vuelo import VueloError
from vuelo.embedded import Server
from vuelo.window import Window

Connection = psycopg.Connection[Any]

_SMALL = Limits(least_bytes=64 * 1024)
_TABLE = "coupon_schema.idempotency_keys"


@pytest.fixture(scope="module")
def database(server: Server, clone_of: Clone) -> Generator[str]:
    """One for all tests of this file."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture(scope="module")
def ops_url(server: Server, database: str) -> str:
    url = server.url(database)
    operations_schema.install(url)
    return url


@pytest.fixture(autouse=True)
def _as_before(ops_url: str) -> Generator[None]:
    yield
    with psycopg.connect(ops_url, autocommit=True) as conn:
        conn.execute(f"TRUNCATE {_TABLE}".encode())
        conn.execute("TRUNCATE ops_schema.index_rebuilds")


def fill(admin: Connection, count: int) -> None:
    admin.execute(
        f"""INSERT INTO {_TABLE} (key_hash, fingerprint, status, answer)
            SELECT sha256(('k' || n)::bytea), sha256('f'), 200, '{{}}' FROM generate_series(1, {count}) AS n""".encode()
    )


def flush_statistics(admin: Connection) -> None:
    """What a session has counted is told to the others when it rests; this one says it now."""
    admin.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("SELECT 1")


def done(result: Maintenance, kind: Kind) -> list[str]:
    return [task.object for task in result.tasks if task.kind is kind and task.outcome is Outcome.DONE]


def run(operations: Operations, *kinds: Kind, **rest: Any) -> Maintenance:
    return maintain(operations, services=["coupon"], kinds=kinds, limits=_SMALL, **rest)


def leave_a_leftover(admin: Connection, ops_url: str, index: str) -> set[str]:
    """A REINDEX CONCURRENTLY that is stopped while it waits for a reader."""
    with psycopg.connect(ops_url) as reader, psycopg.connect(ops_url, autocommit=True) as reindexer:
        reader.execute(f"SELECT count(*) FROM {_TABLE}".encode())
        reindexer.execute("SET statement_timeout = '300ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            reindexer.execute(f"REINDEX INDEX CONCURRENTLY coupon_schema.{index}".encode())
    return invalid(admin)


def invalid(admin: Connection) -> set[str]:
    rows = admin.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid").fetchall()
    return {row[0] for row in rows}


def test_dead_rows_are_vacuumed_and_the_planner_learns(operations: Operations, admin: Connection) -> None:
    fill(admin, 3000)
    admin.execute(f"DELETE FROM {_TABLE} WHERE key_hash < '\\x80'".encode())
    flush_statistics(admin)
    planned = run(operations, Kind.VACUUM, is_dry_run=True)
    assert _TABLE in [task.object for task in planned.tasks]
    assert {task.outcome for task in planned.tasks} == {Outcome.PLANNED}
    result = run(operations, Kind.VACUUM)
    assert _TABLE in done(result, Kind.VACUUM)
    row = admin.execute(
        """SELECT n_dead_tup, last_vacuum IS NOT NULL, last_analyze IS NOT NULL
             FROM pg_stat_user_tables WHERE relid = %s::regclass""",
        (_TABLE,),
    ).fetchone()
    assert row == (0, True, True)
    assert _TABLE not in [task.object for task in run(operations, Kind.VACUUM, Kind.ANALYZE).tasks]


def test_a_table_that_the_role_may_not_vacuum_is_told(operations: Operations, admin: Connection) -> None:
    """The server only warns, and does nothing."""
    admin.execute("CREATE TABLE coupon_schema.of_somebody AS SELECT generate_series(1, 2000) AS n")
    try:
        admin.execute("DELETE FROM coupon_schema.of_somebody WHERE n > 10")
        flush_statistics(admin)
        tasks = {task.object: task for task in run(operations, Kind.VACUUM).tasks}
        found = tasks["coupon_schema.of_somebody"]
        assert (found.outcome, "permission denied" in (found.problem or "")) == (Outcome.FAILED, True)
    finally:
        admin.execute("DROP TABLE coupon_schema.of_somebody")


def test_a_table_that_nobody_analyzed_is_analyzed(operations: Operations, admin: Connection) -> None:
    admin.execute("SET ROLE coupon_owner")
    admin.execute("CREATE TABLE coupon_schema.unseen AS SELECT n FROM generate_series(1, 10) AS n")
    admin.execute("RESET ROLE")
    flush_statistics(admin)
    assert "coupon_schema.unseen" in done(run(operations, Kind.ANALYZE), Kind.ANALYZE)
    assert "coupon_schema.unseen" not in done(run(operations, Kind.ANALYZE), Kind.ANALYZE)
    admin.execute("CREATE STATISTICS coupon_schema.unseen_pairs ON n, (n % 2) FROM coupon_schema.unseen")
    assert "coupon_schema.unseen" in done(run(operations, Kind.ANALYZE), Kind.ANALYZE)
    admin.execute("DROP TABLE coupon_schema.unseen")


def test_a_bloated_index_is_made_anew_once(operations: Operations, admin: Connection, ops: Connection) -> None:
    """By the first look it is estimated; from then on what it took when it was new is known."""
    limits = Limits(least_bytes=1024 * 1024)
    fill(admin, 180_000)
    admin.execute(f"DELETE FROM {_TABLE} WHERE key_hash < '\\xf0'".encode())
    admin.execute(f"VACUUM (ANALYZE) {_TABLE}".encode())
    kinds = (Kind.REINDEX,)
    first = maintain(operations, services=["coupon"], kinds=kinds, limits=limits)
    assert "coupon_schema.idempotency_keys_pk" in done(first, Kind.REINDEX)
    assert first.freed > 5 * 1024 * 1024
    row = ops.execute("SELECT result -> 'freed' FROM ops_schema.runs ORDER BY id DESC LIMIT 1").fetchone()
    assert row == (first.freed,)
    assert invalid(admin) == set()
    assert maintain(operations, services=["coupon"], kinds=kinds, limits=limits).tasks == ()


def test_an_index_that_has_grown_since_it_was_new_is_bloated(operations: Operations, admin: Connection) -> None:
    fill(admin, 3000)
    admin.execute(f"VACUUM (ANALYZE) {_TABLE}".encode())
    admin.execute(
        """INSERT INTO ops_schema.index_rebuilds (place, index_name, bytes_before, bytes_after, entries)
           VALUES ('coupon', 'coupon_schema.idempotency_keys_pk', 0, 8192 * 5, 3000)"""
    )
    result = run(operations, Kind.REINDEX)
    (task,) = [one for one in result.tasks if one.object == "coupon_schema.idempotency_keys_pk"]
    assert "since it was made anew" in task.why
    assert task.outcome is Outcome.DONE


def test_what_an_interruption_left_behind_is_dropped(operations: Operations, admin: Connection, ops_url: str) -> None:
    fill(admin, 10)
    left = leave_a_leftover(admin, ops_url, "idempotency_keys_pk")
    assert len(left) == 1
    assert set(done(run(operations, Kind.DROP_LEFTOVER), Kind.DROP_LEFTOVER)) == left
    assert invalid(admin) == set()


def test_a_broken_index_is_made_anew_or_its_reason_is_told(operations: Operations, admin: Connection) -> None:
    fill(admin, 10)
    with pytest.raises(psycopg.errors.UniqueViolation):
        admin.execute(f"CREATE UNIQUE INDEX CONCURRENTLY keys_status_uk ON {_TABLE} (status)".encode())
    (task,) = run(operations, Kind.REBUILD_INVALID).tasks
    assert task.outcome is Outcome.FAILED
    assert "could not create unique index" in (task.problem or "")
    assert invalid(admin) == {"coupon_schema.keys_status_uk"}  # no copy of it beside
    admin.execute(f"DELETE FROM {_TABLE} WHERE key_hash > (SELECT min(key_hash) FROM {_TABLE})".encode())
    assert done(run(operations, Kind.REBUILD_INVALID), Kind.REBUILD_INVALID) == ["coupon_schema.keys_status_uk"]
    assert invalid(admin) == set()
    admin.execute("DROP INDEX coupon_schema.keys_status_uk")


def test_views_are_refreshed_beside_their_readers(operations: Operations, admin: Connection, ops_url: str) -> None:
    before = datetime.now(UTC)
    with psycopg.connect(ops_url) as reader:
        reader.execute("SELECT count(*) FROM coupon_schema.coupon_statistics")
        result = run(operations, Kind.REFRESH)
    assert set(done(result, Kind.REFRESH)) == {
        "coupon_schema.coupon_statistics",
        "coupon_schema.redemption_statistics",
    }
    row = admin.execute("SELECT min(refreshed_at) FROM coupon_schema.coupon_statistics").fetchone()
    assert row is not None
    assert row[0] is None or row[0] >= before


def test_a_view_that_would_keep_its_readers_out_is_told_and_an_empty_one_filled(
    operations: Operations, admin: Connection
) -> None:
    admin.execute("SET ROLE coupon_owner")
    admin.execute("CREATE MATERIALIZED VIEW coupon_schema.keyless AS SELECT 1 AS one")
    admin.execute("CREATE MATERIALIZED VIEW coupon_schema.unfilled AS SELECT 1 AS one WITH NO DATA")
    admin.execute("RESET ROLE")
    found = {task.object: task for task in run(operations, Kind.REFRESH).tasks}
    assert found["coupon_schema.keyless"].outcome is Outcome.SKIPPED
    assert "unique index" in (found["coupon_schema.keyless"].problem or "")
    assert found["coupon_schema.unfilled"].outcome is Outcome.DONE
    assert admin.execute("SELECT one FROM coupon_schema.unfilled").fetchone() == (1,)
    admin.execute("DROP MATERIALIZED VIEW coupon_schema.keyless, coupon_schema.unfilled")


def test_a_table_that_is_locked_is_left_for_the_next_run(
    operations: Operations, admin: Connection, ops_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasolinera.ops.maintaining._LOCK_TIMEOUT", "100ms")
    fill(admin, 200)
    flush_statistics(admin)
    with psycopg.connect(ops_url) as other:
        other.execute(f"LOCK TABLE {_TABLE} IN SHARE UPDATE EXCLUSIVE MODE".encode())
        result = run(operations, Kind.VACUUM, Kind.ANALYZE)
    found = {task.object: task for task in result.tasks}
    assert found[_TABLE].outcome is Outcome.SKIPPED
    assert not result.is_bad
    assert _TABLE in [task.object for task in run(operations, Kind.VACUUM, Kind.ANALYZE).tasks]


def test_outside_of_its_window_nothing_begins(operations: Operations, ops: Connection) -> None:
    ops.execute("DELETE FROM ops_schema.runs")
    now = datetime.now(UTC)
    later, end = now + timedelta(hours=2), now + timedelta(hours=3)
    window = parsed_window(f"{later:%H:%M}-{end:%H:%M} UTC")
    result = maintain(operations, window=window)
    assert result.opens_at == later.replace(second=0, microsecond=0)
    assert result.tasks == ()
    assert ops.execute("SELECT FROM ops_schema.runs").fetchone() is None


def test_what_runs_when_the_window_closes_is_cancelled(
    operations: Operations, admin: Connection, ops_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasolinera.ops.maintaining._LOCK_TIMEOUT", "100ms")

    def soon(_window: Window, now: datetime) -> datetime:
        return now + timedelta(seconds=1)

    monkeypatch.setattr("gasolinera.ops.maintaining.closes_at", soon)
    fill(admin, 3000)
    admin.execute(f"VACUUM (ANALYZE) {_TABLE}".encode())
    admin.execute(
        """INSERT INTO ops_schema.index_rebuilds (place, index_name, bytes_before, bytes_after, entries)
           VALUES ('coupon', 'coupon_schema.idempotency_keys_pk', 0, 8192, 3000)"""
    )
    with psycopg.connect(ops_url) as reader:
        reader.execute(f"SELECT count(*) FROM {_TABLE}".encode())
        result = run(operations, Kind.REINDEX, Kind.REFRESH, window=parsed_window("00:00-24:00 UTC"))
    (task,) = result.tasks  # nothing begins after it
    assert (task.object, task.outcome) == ("coupon_schema.idempotency_keys_pk", Outcome.SKIPPED)
    assert "not done in time" in (task.problem or "")
    assert result.ended_early
    run(operations, Kind.DROP_LEFTOVER)
    assert invalid(admin) == set()


def test_windows_of_every_day_need_no_days() -> None:
    window = parsed_window("02:00-04:30 America/Mexico_City")
    monday = datetime(2026, 11, 23, 8, 10, 30, tzinfo=UTC)  # 02:10 in Mexico
    assert window.contains(monday)
    assert closes_at(window, monday) == datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
    assert not parsed_window("Sun 02:00-04:30 America/Mexico_City").contains(monday)
    with pytest.raises(VueloError):
        parsed_window("at night")


def test_an_interruption_cancels_and_leaves_no_broken_index(
    operations: Operations, admin: Connection, ops: Connection, server: Server, database: str
) -> None:
    """Ctrl-C in the middle of a REINDEX that waits for a reader: the command's own process, its own signal."""
    fill(admin, 30_000)
    admin.execute(f"VACUUM (ANALYZE) {_TABLE}".encode())
    admin.execute(
        """INSERT INTO ops_schema.index_rebuilds (place, index_name, bytes_before, bytes_after, entries)
           VALUES ('coupon', 'coupon_schema.idempotency_keys_pk', 0, 8192, 3000)"""
    )
    ops.execute("DELETE FROM ops_schema.runs")
    command = [Path(sys.executable).with_name("gasolinera"), "ops", "maintenance", "run", "-s", "coupon"]
    with psycopg.connect(server.url(database)) as reader:
        reader.execute(f"SELECT count(*) FROM {_TABLE}".encode())
        process = subprocess.Popen(
            [*command, "--only", "reindex", "--least-mb", "1", "-e", "test"],
            env={**os.environ, "GASOLINERA_DATABASE_URL": server.dsn(database)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 40
        while not invalid(admin) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        waiting = invalid(admin)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=40)
    assert any(name.startswith("coupon_schema.idempotency_keys_pk_cc") for name in waiting), output
    assert process.returncode == 130, output
    running = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'REINDEX%' AND state = 'active'")
    assert running.fetchone() == (0,)
    assert ops.execute("SELECT outcome FROM ops_schema.runs").fetchall() == [("FAILED",)]
    left = invalid(admin)
    if left:  # the reader above was in the way of that too: then the next run begins with it
        assert set(done(run(operations, Kind.DROP_LEFTOVER), Kind.DROP_LEFTOVER)) == left
    assert invalid(admin) == set()


def test_the_report_gives_evidence_and_calls_nothing_unused_too_early(
    operations: Operations, admin: Connection
) -> None:
    fill(admin, 10)
    admin.execute(f"CREATE INDEX keys_again_idx ON {_TABLE} (created_at)".encode())
    report = report_indexes(operations, ["coupon"])
    (line,) = [one for one in report.lines if one.question == "duplicate_indexes"]
    assert line.object == "coupon_schema.keys_again_idx"
    assert line.evidence.twin == "coupon_schema.idempotency_keys_created_at_idx"
    assert "USING btree (created_at)" in (line.evidence.definition or "")
    assert [one for one in report.lines if one.question == "unused_indexes"] == []
    assert "missing_indexes" in [one.question for one in report.unanswered]
    assert {one.reason for one in report.unanswered} == {"statistics_young"}
    admin.execute("DROP INDEX coupon_schema.keys_again_idx")


def test_a_service_that_is_none_is_told(operations: Operations) -> None:
    with pytest.raises(InputError, match="there is no service nobody"):
        maintain(operations, services=["nobody"])
    with pytest.raises(InputError, match="there is no service nobody"):
        report_indexes(operations, ["nobody"])
