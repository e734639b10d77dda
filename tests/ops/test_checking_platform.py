"""Checks of what is the platform's own: events, jobs, backups, migrations; each provoked, and quiet before."""

from collections.abc import Generator
from typing import Any, LiteralString

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gasolinera.app import ALL_PARTS
from gasolinera.ops.checking import Verdict
from gasolinera.ops.operations_schema import install
from gasolinera.ops.reaching import Operations
from gasolinera.worker import jobs_of
from tests.conftest import Clone, drop, project_at
from tests.ops.check_rounds import EVENT, found, objects, whole_round
from vuelo.embedded import Server

Admin = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def ops_url(server: Server, clone_of: Clone) -> Generator[str]:
    """A database that these tests share: each of them takes back what it does."""
    name = clone_of("test")
    install(server.url(name))
    yield server.url(name)
    drop(server, name)


@pytest.fixture
def operations(ops_url: str) -> Operations:
    return Operations(project_at(ops_url, "test"), ops_url)


@pytest.fixture
def admin(ops_url: str) -> Generator[Admin]:
    with psycopg.connect(ops_url, autocommit=True) as conn:
        yield conn
        conn.execute("TRUNCATE ops_schema.check_samples, ops_schema.check_sizes, ops_schema.thresholds")


LETTER: LiteralString = (
    "INSERT INTO coupon_schema.dead_letters (event_id, consumer, event_type, aggregate_type, aggregate_key, event,"
    " attempts, last_error, first_failed_at, last_failed_at)"
    " VALUES (gen_random_uuid(), 'relay', 'coupon.issued', 'coupon', 'c-1', '{}', 8, 'Unfit', now(), now())"
)


def test_events_that_wait_or_were_given_up_are_told_by_service(operations: Operations, admin: Admin) -> None:
    admin.execute("UPDATE station_schema.outbox_events SET published_at = now()")
    admin.execute("UPDATE redemption_schema.outbox_events SET published_at = now()")
    quiet = found(operations, "outbox_lag", "inbox_lag", "dead_letters")
    assert {one.verdict for one in quiet.values()} == {Verdict.GOOD}
    admin.execute(EVENT)
    admin.execute(LETTER)
    admin.execute(
        "INSERT INTO raffle_schema.inbox_events (event_id, consumer, event_type, aggregate_type, aggregate_key, event,"
        " created_at) VALUES (gen_random_uuid(), 'c', 'tickets.issued', 'ticket', 'k', '{}',"
        " now() - interval '2 minutes')"
    )
    try:
        told = found(operations, "outbox_lag", "inbox_lag", "dead_letters")
        assert (told["outbox_lag"].verdict, objects(told["outbox_lag"])) == (Verdict.CRITICAL, {"coupon_schema"})
        assert (told["inbox_lag"].verdict, objects(told["inbox_lag"])) == (Verdict.WARNING, {"raffle_schema"})
        assert (told["dead_letters"].worst, objects(told["dead_letters"])) == (1, {"coupon_schema"})
    finally:
        admin.execute("DELETE FROM coupon_schema.outbox_events")
        admin.execute("DELETE FROM coupon_schema.dead_letters")
        admin.execute("DELETE FROM raffle_schema.inbox_events")


def test_jobs_that_are_late_failed_or_wait_are_told(operations: Operations, admin: Admin) -> None:
    hourly = [job for job in jobs_of(ALL_PARTS) if job.name == "station.refresh_summary"]
    daily = msgspec.structs.replace(hourly[0], name="station.daily", schedule="0 3 * * *")
    names = ("late_jobs", "failed_jobs", "waiting_jobs")
    assert {one.verdict for one in found(operations, *names, jobs=[daily]).values()} == {Verdict.GOOD}
    admin.execute("UPDATE ops_schema.job_library_scripts SET applied_at = now() - interval '3 days'")
    admin.execute(
        "INSERT INTO ops_schema.procrastinate_jobs (queue_name, task_name, status)"
        " VALUES ('station', 'station.import_feed', 'succeeded'), ('station', 'station.import_feed', 'failed'),"
        "        ('coupon', 'coupon.expire', 'failed'), ('coupon', 'coupon.expire', 'succeeded')"
    )
    admin.execute("SET search_path = ops_schema")  # where the job library's triggers find its tables
    admin.execute(
        "INSERT INTO ops_schema.procrastinate_jobs (queue_name, task_name, status, scheduled_at)"
        " VALUES ('raffle', 'raffle.close', 'todo', now() - interval '1 hour'),"
        "        ('ads', 'ads.roll_up', 'todo', now() + interval '1 hour')"
    )
    try:
        told = found(operations, *names, jobs=[daily])
        assert objects(told["late_jobs"]) == {"station.daily"}
        assert objects(told["failed_jobs"]) == {"station.import_feed"}
        assert (objects(told["waiting_jobs"]), told["waiting_jobs"].verdict) == ({"raffle"}, Verdict.WARNING)
    finally:
        admin.execute("TRUNCATE ops_schema.procrastinate_jobs CASCADE")
        admin.execute("UPDATE ops_schema.job_library_scripts SET applied_at = now()")


BACKUP: LiteralString = (
    "INSERT INTO ops_schema.backups (label, kind, engine, services, location, started_at, finished_at, succeeded,"
    " error, server_version) VALUES (%s, 'SERVICE', 'PG_DUMP', %s, '/b', now() - %s * interval '1 hour',"
    " now() - %s * interval '1 hour', %s, %s, '18')"
)


def backup(admin: Admin, label: str, services: list[str], hours: float, *, error: str | None = None) -> None:
    admin.execute(BACKUP, (label, services, hours, hours, error is None, error))


def test_backups_that_are_old_failed_damaged_or_untested_are_told(operations: Operations, admin: Admin) -> None:
    names = ("backup_age", "backup_failures", "restore_test_age", "restore_test_failures")
    everything = [service.name for service in operations.project.services]
    assert {one.verdict for one in found(operations, *names).values()} == {Verdict.GOOD}
    # A platform that is a month old, without any backup at all.
    admin.execute("UPDATE ops_schema.flyway_schema_history SET installed_on = installed_on - interval '32 days'")
    try:
        never = found(operations, *names)
        assert objects(never["backup_age"]) == set(everything)
        assert (never["backup_age"].verdict, never["restore_test_age"].verdict) == (Verdict.CRITICAL, Verdict.CRITICAL)
        backup(admin, "all", everything, 30)
        backup(admin, "coupon", ["coupon"], 1)
        told = found(operations, *names)
        assert (told["backup_age"].verdict, objects(told["backup_age"])) == (
            Verdict.WARNING,
            {*everything} - {"coupon"},
        )
        assert told["backup_failures"].verdict is Verdict.GOOD
        backup(admin, "again", everything, 2, error="the disk is full")
        assert objects(found(operations, *names)["backup_failures"]) == {"again failed"}
        backup(admin, "now", everything, 1)
        admin.execute("UPDATE ops_schema.backups SET verified_at = now(), is_intact = false WHERE label = 'coupon'")
        told = found(operations, *names)
        assert objects(told["backup_failures"]) == {"coupon damaged"}
        assert told["backup_age"].verdict is Verdict.GOOD
        admin.execute(
            "INSERT INTO ops_schema.restore_tests (backup_id, started_at, finished_at, succeeded, error)"
            " SELECT id, now() - interval '9 days', now() - interval '9 days', true, NULL FROM ops_schema.backups"
            "  WHERE label = 'all' UNION ALL"
            " SELECT id, now(), now(), false, 'rows differ' FROM ops_schema.backups WHERE label = 'now'"
        )
        told = found(operations, *names)
        assert (told["restore_test_age"].verdict, round(told["restore_test_age"].worst or 0)) == (Verdict.WARNING, 9)
        assert objects(told["restore_test_failures"]) == {"now"}
    finally:
        admin.execute("TRUNCATE ops_schema.backups, ops_schema.restore_tests CASCADE")
        admin.execute("UPDATE ops_schema.flyway_schema_history SET installed_on = now()")


def test_migrations_that_wait_or_were_changed_are_told(operations: Operations, admin: Admin) -> None:
    names = ("migrations", "migration_problems")
    assert {one.verdict for one in found(operations, *names).values()} == {Verdict.GOOD}
    with psycopg.connect(admin.info.dsn, autocommit=True) as other:
        row = other.execute(
            "SELECT installed_rank, checksum FROM raffle_schema.flyway_schema_history"
            " WHERE checksum IS NOT NULL AND version IS NOT NULL ORDER BY 1 DESC LIMIT 1"
        ).fetchone()
        assert row is not None
        change = "UPDATE raffle_schema.flyway_schema_history SET checksum = %s WHERE installed_rank = %s"
        other.execute(change, (row[1] ^ 1, row[0]))
        told = found(operations, *names)
        other.execute(change, (row[1], row[0]))
    assert told["migration_problems"].verdict is Verdict.CRITICAL
    assert [one.split(":")[0] for one in objects(told["migration_problems"])] == ["raffle"]
    admin.execute("CREATE DATABASE nothing_yet")
    try:
        url = make_conninfo(operations.ops_url, dbname="nothing_yet")
        told = found(Operations(project_at(url, "test").only(["ads"]), operations.ops_url), *names)
        assert (told["migrations"].verdict, objects(told["migrations"])) == (Verdict.WARNING, {"ads"})
    finally:
        admin.execute("DROP DATABASE nothing_yet")


@pytest.mark.long
def test_what_was_changed_by_hand_is_told_where_it_is_asked_for(operations: Operations, admin: Admin) -> None:
    assert "drift" not in whole_round(operations)
    assert found(operations, "drift")["drift"].verdict is Verdict.GOOD
    admin.execute("ALTER TABLE station_schema.stations ADD COLUMN provoked int")
    try:
        told = found(operations, "drift")["drift"]
        assert [one.split(":")[0] for one in objects(told)] == ["station"]
    finally:
        admin.execute("ALTER TABLE station_schema.stations DROP COLUMN provoked")
