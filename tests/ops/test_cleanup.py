"""The cleaning on real tables: what goes, what stays, and what others notice of it."""

import threading
import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from gasolinera.errors import ConflictError, InputError, UnavailableError
from gasolinera.ops import operations_schema, upkeep_sessions
from gasolinera.ops.cleaning import Cleaning, Outcome, clean
from gasolinera.ops.cleaning_batches import Pace
from gasolinera.ops.cleaning_rules import Rule, hold, release
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]

_FAST = Pace(rest=0)


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
    """What tests write goes with them."""
    with psycopg.connect(ops_url, autocommit=True) as conn:
        yield
        conn.execute(
            """TRUNCATE coupon_schema.idempotency_keys, coupon_schema.rate_limits, coupon_schema.outbox_events,
                        coupon_schema.dead_letters"""
        )
        conn.execute("DELETE FROM ops_schema.runs")


def fill_keys(admin: Connection, count: int, *, age: str = "30 hours") -> None:
    admin.execute(
        """INSERT INTO coupon_schema.idempotency_keys (key_hash, fingerprint, status, answer, created_at)
           SELECT sha256(('k' || %(age)s || n)::bytea), sha256('f'), 200, '{}', now() - %(age)s::interval
                  - n * interval '1 ms'
             FROM generate_series(1, %(count)s) AS n""",
        {"age": age, "count": count},
    )


def keys(admin: Connection) -> int:
    row = admin.execute("SELECT count(*) FROM coupon_schema.idempotency_keys").fetchone()
    assert row is not None
    return row[0]


def clean_keys(operations: Operations, **rest: Any) -> Cleaning:
    return clean(operations, services=["coupon"], table="idempotency_keys", pace=_FAST, **rest)


def test_old_rows_go_in_batches_and_young_ones_stay(operations: Operations, admin: Connection, ops: Connection) -> None:
    fill_keys(admin, 7000)
    fill_keys(admin, 30, age="20 hours")
    told: list[tuple[str, int]] = []

    def tell(rule: Rule, rows: int, _expected: int | None) -> None:
        told.append((rule.name, rows))

    result = clean_keys(operations, told=tell)
    (rule,) = result.rules
    assert (rule.outcome, rule.rows, keys(admin)) == (Outcome.CLEANED, 7000, 30)
    assert rule.batches >= 3
    assert told[-1] == ("coupon.idempotency_keys", 7000)
    row = ops.execute(
        "SELECT outcome, result -> 'rows', scope FROM ops_schema.runs WHERE command = 'cleanup run'"
    ).fetchone()
    assert row == ("OK", 7000, "coupon idempotency_keys")


def test_a_dry_run_counts_and_changes_nothing(operations: Operations, admin: Connection, ops: Connection) -> None:
    fill_keys(admin, 12)
    result = clean_keys(operations, is_dry_run=True)
    assert (result.rows, keys(admin)) == (12, 12)
    assert ops.execute("SELECT FROM ops_schema.runs").fetchone() is None


def test_what_somebody_holds_is_passed_over_and_goes_the_next_time(
    operations: Operations, admin: Connection, server: Server, database: str
) -> None:
    fill_keys(admin, 40)
    with psycopg.connect(server.url(database)) as other:
        other.execute(
            "SELECT FROM coupon_schema.idempotency_keys ORDER BY created_at DESC LIMIT 5 FOR UPDATE"
        ).fetchall()
        assert clean_keys(operations).rows == 35
        assert keys(admin) == 5
    assert clean_keys(operations).rows == 5


def test_rows_that_change_meanwhile_are_judged_as_they_are_now(
    operations: Operations, admin: Connection, server: Server, database: str
) -> None:
    """Somebody counts in them all the time: each is deleted in the end, and nothing fails."""
    admin.execute(
        """INSERT INTO coupon_schema.rate_limits (
               limit_name, subject, window_s, window_start, request_count, max_requests)
           SELECT 'login', sha256(n::text::bytea), 60,
                  to_timestamp(60 * floor(extract(epoch FROM now() - interval '3 days') / 60)), 1, 5
             FROM generate_series(1, 20) AS n"""
    )
    stop = threading.Event()

    def count_up() -> None:
        with psycopg.connect(server.url(database), autocommit=True) as other:
            while not stop.is_set():
                other.execute(
                    "UPDATE coupon_schema.rate_limits SET request_count = least(request_count + 1, max_requests)"
                )
                time.sleep(0.002)

    thread = threading.Thread(target=count_up)
    thread.start()
    try:
        total, deadline = 0, time.monotonic() + 30
        while total < 20 and time.monotonic() < deadline:
            total += clean(operations, services=["coupon"], table="rate_limits", pace=_FAST).rows
    finally:
        stop.set()
        thread.join()
    assert total == 20


def test_a_lock_of_the_table_ends_one_rule_and_no_other(
    operations: Operations, admin: Connection, server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasolinera.ops.cleaning_batches._TRIES", 2)
    fill_keys(admin, 10)
    admin.execute(
        """INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload, published_at)
           VALUES ('campaign.changed', 'campaign', 'A', '{}', now() - interval '15 days')"""
    )
    with psycopg.connect(server.url(database)) as other:
        other.execute("LOCK TABLE coupon_schema.idempotency_keys IN ACCESS EXCLUSIVE MODE")
        # As the command does it, which asks beforehand about how many there are.
        result = clean(operations, services=["coupon"], pace=_FAST, told=lambda rule, rows, expected: None)
    found = {rule.name: rule for rule in result.rules}
    assert found["coupon.idempotency_keys"].outcome is Outcome.BLOCKED
    assert "lock timeout" in (found["coupon.idempotency_keys"].problem or "")
    assert found["coupon.published_events"].rows == 1
    assert result.is_bad
    assert clean_keys(operations).rows == 10


def test_an_event_that_was_buried_stays_until_it_is_replayed(operations: Operations, admin: Connection) -> None:
    admin.execute(
        """INSERT INTO coupon_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload, published_at)
           SELECT 'campaign.changed', 'campaign', n::text, '{}', now() - interval '15 days'
             FROM generate_series(1, 3) AS n"""
    )
    admin.execute(
        """INSERT INTO coupon_schema.dead_letters
               (event_id, consumer, event_type, aggregate_type, aggregate_key, event, attempts, last_error,
                first_failed_at, last_failed_at)
           SELECT o.event_id, CASE aggregate_key WHEN '1' THEN 'relay' ELSE 'tell' END, o.event_type, o.aggregate_type,
                  o.aggregate_key, '{}', 1, 'x', now(), now()
             FROM coupon_schema.outbox_events AS o WHERE aggregate_key IN ('1', '2')"""
    )
    assert clean(operations, services=["coupon"], table="outbox_events", pace=_FAST).rows == 2
    admin.execute("UPDATE coupon_schema.dead_letters SET replayed_at = now()")
    assert clean(operations, services=["coupon"], table="outbox_events", pace=_FAST).rows == 1


def test_partitions_and_append_only_tables_are_made_anonymous(operations: Operations, admin: Connection) -> None:
    old = datetime.now(UTC) - timedelta(days=400)
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        "SELECT coupon_schema.ensure_month_partitions('coupon_validation_attempts', %s, %s)",
        (old.date(), (old + timedelta(days=40)).date()),
    )
    admin.execute("RESET ROLE")
    for at in (old, datetime.now(UTC)):
        admin.execute(
            """INSERT INTO coupon_schema.coupon_validation_attempts
                   (result, coupon_code, validation_method, device_id, latitude, longitude, created_at)
               VALUES ('INVALID_CODE', 'ABCD', 'QR_SCAN', 'app-1', 19.4, -99.1, %s)""",
            (at,),
        )
    result = clean(operations, services=["coupon"], table="coupon_validation_attempts", pace=_FAST)
    assert result.rows == 1
    rows = admin.execute(
        """SELECT created_at < now() - interval '1 year', num_nonnulls(device_id, latitude, longitude), coupon_code
             FROM coupon_schema.coupon_validation_attempts WHERE coupon_code = 'ABCD' ORDER BY created_at"""
    ).fetchall()
    assert rows == [(True, 0, "ABCD"), (False, 3, "ABCD")]
    assert clean(operations, services=["coupon"], table="coupon_validation_attempts", pace=_FAST).rows == 0


def test_a_partition_that_is_dropped_meanwhile_stops_nothing(operations: Operations, admin: Connection) -> None:
    first, last = datetime(2023, 1, 10, tzinfo=UTC), datetime(2023, 3, 10, tzinfo=UTC)
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        "SELECT coupon_schema.ensure_month_partitions('coupon_validation_attempts', %s, %s)",
        (first.date(), last.date()),
    )
    admin.execute("RESET ROLE")
    for month in (1, 2, 3):
        admin.execute(
            """INSERT INTO coupon_schema.coupon_validation_attempts
                   (result, coupon_code, validation_method, device_id, created_at)
               VALUES ('INVALID_CODE', 'ABCE', 'QR_SCAN', 'app-1', %s)""",
            (first.replace(month=month),),
        )

    def drop_one(_rule: Rule, rows: int, _expected: int | None) -> None:
        if rows == 1:
            admin.execute("DROP TABLE IF EXISTS coupon_schema.coupon_validation_attempts_2023_02")

    result = clean(operations, services=["coupon"], table="coupon_validation_attempts", pace=_FAST, told=drop_one)
    assert [(rule.outcome, rule.rows) for rule in result.rules] == [(Outcome.CLEANED, 2)]


def test_a_table_without_an_index_by_time_is_walked_through(operations: Operations, admin: Connection) -> None:
    admin.execute("DROP INDEX coupon_schema.idempotency_keys_created_at_idx")
    fill_keys(admin, 9000)
    fill_keys(admin, 50, age="1 hour")
    result = clean_keys(operations)
    assert (result.rows, keys(admin)) == (9000, 50)
    assert result.rules[0].batches > 2
    admin.execute("CREATE INDEX idempotency_keys_created_at_idx ON coupon_schema.idempotency_keys (created_at)")


def test_a_cleaning_that_is_killed_is_finished_by_the_next(
    operations: Operations, admin: Connection, ops: Connection
) -> None:
    """The server ends its sessions in the middle, as for a process that was killed."""
    fill_keys(admin, 5000)

    def kill(_rule: Rule, rows: int, _expected: int | None) -> None:
        if rows > 500:
            admin.execute(
                """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                    WHERE application_name LIKE 'gasolinera-ops%' AND pid <> pg_backend_pid()
                      AND datname = current_database() AND application_name = 'gasolinera-ops cleanup'"""
            )

    with pytest.raises(UnavailableError) as caught:
        clean_keys(operations, told=kill)
    assert caught.value.code == "ops.unreachable"
    left = keys(admin)
    assert 0 < left < 4500
    assert ops.execute("SELECT outcome FROM ops_schema.runs").fetchall() == [("FAILED",)]
    assert clean_keys(operations).rows == left


def test_without_operations_nobody_knows_of_holds_and_nothing_more_goes(
    operations: Operations, admin: Connection
) -> None:
    fill_keys(admin, 3000)

    def cut_off(_rule: Rule, _rows: int, _expected: int | None) -> None:
        admin.execute(
            """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                WHERE application_name = 'gasolinera-ops' AND datname = current_database()"""
        )

    with pytest.raises(UnavailableError, match="the database of operations") as caught:
        clean_keys(operations, told=cut_off)
    assert caught.value.code == "ops.unreachable"
    left = keys(admin)
    assert 2000 < left < 3000
    assert clean_keys(operations).rows == left


def test_a_server_without_room_ends_the_run_and_says_so(operations: Operations, admin: Connection) -> None:
    fill_keys(admin, 10)
    admin.execute(
        """CREATE FUNCTION coupon_schema.fail_full() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"""
    )
    admin.execute(
        """CREATE TRIGGER fail_full BEFORE DELETE ON coupon_schema.idempotency_keys
               FOR EACH ROW EXECUTE FUNCTION coupon_schema.fail_full()"""
    )
    admin.execute("GRANT EXECUTE ON FUNCTION coupon_schema.fail_full() TO coupon_owner")
    with pytest.raises(UnavailableError, match="no room left") as caught:
        clean_keys(operations)
    assert caught.value.code == "ops.disk_full"
    assert keys(admin) == 10
    admin.execute("DROP TRIGGER fail_full ON coupon_schema.idempotency_keys")
    assert clean_keys(operations).rows == 10


def test_a_clock_that_is_wrong_deletes_nothing(
    operations: Operations, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_keys(admin, 3, age="1 hour")

    class Slow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) - timedelta(days=2)

    monkeypatch.setattr(upkeep_sessions, "datetime", Slow)
    with pytest.raises(ConflictError) as caught:
        clean_keys(operations)
    assert caught.value.code == "ops.clock"
    assert keys(admin) == 3


def test_a_hold_that_comes_while_rows_go_ends_it_with_the_batch(
    operations: Operations, admin: Connection, ops: Connection
) -> None:
    fill_keys(admin, 3000)

    def court(rule: Rule, _rows: int, _expected: int | None) -> None:
        hold(ops, rule.name, "the court")

    try:
        (result,) = clean_keys(operations, told=court).rules
        assert (result.outcome, result.batches, result.problem) == (Outcome.HELD, 1, "the court")
        assert keys(admin) == 3000 - (result.rows or 0) > 0
    finally:
        release(ops, "coupon.idempotency_keys")
    assert clean_keys(operations).rows == 3000 - (result.rows or 0)


def test_without_an_index_no_batch_is_larger_than_the_rule_says(operations: Operations, admin: Connection) -> None:
    """Pages of young rows make it take many pages at once; then it comes to the old ones."""
    admin.execute("DROP INDEX coupon_schema.idempotency_keys_created_at_idx")
    admin.execute("UPDATE ops_schema.retention_rules SET batch_size = 500 WHERE name = 'coupon.idempotency_keys'")
    try:
        fill_keys(admin, 6000, age="1 hour")
        fill_keys(admin, 4000)
        gone = [0]

        def note(_rule: Rule, rows: int, _expected: int | None) -> None:
            gone.append(rows)

        (result,) = clean_keys(operations, told=note).rules
        assert (result.rows, keys(admin)) == (4000, 6000)
        assert max(after - before for before, after in pairwise(gone)) <= 500
    finally:
        admin.execute("CREATE INDEX idempotency_keys_created_at_idx ON coupon_schema.idempotency_keys (created_at)")
        admin.execute("UPDATE ops_schema.retention_rules SET batch_size = 5000 WHERE name = 'coupon.idempotency_keys'")


def test_two_cleanings_of_one_kind_do_not_run_at_once(operations: Operations, admin: Connection) -> None:
    fill_keys(admin, 2000)
    second: list[str] = []

    def try_another(_rule: Rule, _rows: int, _expected: int | None) -> None:
        if not second:
            with pytest.raises(ConflictError) as caught:
                clean_keys(operations)
            second.append(caught.value.code)

    assert clean_keys(operations, told=try_another).rows == 2000
    assert second == ["ops.running"]


def test_a_service_that_is_none_is_told(operations: Operations) -> None:
    with pytest.raises(InputError, match="there is no service coupons"):
        clean(operations, services=["coupons"])


def test_runs_of_operations_are_cleaned_too(operations: Operations, ops: Connection) -> None:
    for age in ("14 months", "1 month"):
        ops.execute(
            """INSERT INTO ops_schema.runs (command, started_at, finished_at, outcome)
               VALUES ('check', now() - %(age)s::interval, now() - %(age)s::interval, 'OK')""",
            {"age": age},
        )
    assert clean(operations, services=["ops"], table="runs", pace=_FAST).rows == 1
