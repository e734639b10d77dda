"""After a year nobody reads in a log from where something was done, in any service; what was done stays."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.app import ALL_PARTS
from gasolinera.config import Settings, schema_of
from gasolinera.database import open_database
from gasolinera.ops import jobs_schema
from gasolinera.worker import jobs_of

Conn = psycopg.Connection[Any]

# Entries of this many days ago; the year that they are kept has 365 or 366.
OLD, KEPT = (800, 500, 400, 368), (363, 30, 0)
WRITE = {
    "auth": "auth_audit_log (event_type, phone_hash, ip_address, user_agent, reason, created_at)"
    " SELECT 'OTP_FAILED', sha256('phone'), '203.0.113.7', 'old phone', 'WRONG',",
    "station": "station_audit_log (event_type, entity_type, entity_reference, new_values, ip_address, user_agent,"
    " created_at) SELECT 'STATION_UPDATED', 'STATION', 'JSM001', '{\"name\": \"x\"}', '203.0.113.7', 'old phone',",
    "coupon": "coupon_validation_attempts (coupon_code, result, validation_method, ip_address, user_agent, created_at)"
    " SELECT 'NONE', 'INVALID_CODE', 'MANUAL_ENTRY', '203.0.113.7', 'old phone',",
    "redemption": "fraud_detection_log (detection_id, risk_score, action_taken, ip_address, user_agent, created_at)"
    " SELECT gen_random_uuid(), 0, 'ALLOWED', '203.0.113.7', 'old phone',",
    "ads": "ad_audit_log (action, subject_type, subject_reference, ip_address, user_agent, created_at)"
    " SELECT 'UPDATE', 'ad_campaigns', 'ADC-REFRESCO', '203.0.113.7', 'old phone',",
    "raffle": "raffle_audit_log (event_type, raffle_code, ip_address, user_agent, created_at)"
    " SELECT 'RAFFLE_OPEN', 'MONTHLY-2026-12', '203.0.113.7', 'old phone',",
}
PERSONAL = dict.fromkeys(WRITE, "(ip_address, user_agent)") | {"auth": "(ip_address, user_agent, phone_hash)"}


def filled(admin: Conn, service: str) -> str:
    """Fills the log, whose months of then are made; gives its name."""
    schema = schema_of(service)
    log = WRITE[service].split(" ", 1)[0]
    admin.execute(
        f"SELECT {schema}.ensure_month_partitions(%s, (now() - interval '3 years')::date, now()::date)".encode(), (log,)
    )
    admin.execute(
        f"INSERT INTO {schema}.{WRITE[service]} now() - make_interval(days => d) FROM unnest(%s::int[]) AS d".encode(),
        ([*OLD, *KEPT],),
    )
    return f"{schema}.{log}"


def with_address(admin: Conn, log: str, service: str) -> int:
    row = admin.execute(
        f"SELECT count(*) FROM {log} WHERE user_agent = 'old phone' OR {PERSONAL[service]} IS NOT NULL".encode()
    ).fetchone()
    assert row is not None
    return int(row[0])


def run(settings: Settings, service: str, *, at_once: int = 100, times: int = 1) -> list[str]:
    async def together() -> list[str]:
        async with open_database(settings, service) as database:
            job = address_upkeep_job(service, schema_of(service), at_once=at_once)
            return await asyncio.gather(*(job.run(database, {}) for _ in range(times)))

    return asyncio.run(together())


def test_every_service_with_addresses_brings_the_job() -> None:
    jobs = {job.name: job.schedule for job in jobs_of(ALL_PARTS) if job.name.endswith(".forget_addresses")}
    assert {f"{service}.forget_addresses" for service in WRITE} <= jobs.keys()
    assert None not in jobs.values()


@pytest.mark.parametrize("service", list(WRITE))
def test_addresses_older_than_a_year_go_in_small_batches_and_nothing_else_does(
    service: str, settings: Settings, admin: Conn
) -> None:
    log = filled(admin, service)
    kept = f"SELECT id, to_jsonb(a) - ARRAY['ip_address', 'user_agent', 'phone_hash'] FROM {log} AS a ORDER BY id"
    before = admin.execute(kept.encode()).fetchall()
    assert run(settings, service, at_once=1) == [f"took the addresses out of {len(OLD)} entries of the log"]
    assert with_address(admin, log, service) == len(KEPT)
    assert admin.execute(kept.encode()).fetchall() == before
    assert run(settings, service) == ["took the addresses out of 0 entries of the log"]


@pytest.mark.parametrize("service", list(WRITE))
def test_two_at_the_same_time_do_the_work_once(service: str, settings: Settings, admin: Conn) -> None:
    log = filled(admin, service)
    said = run(settings, service, at_once=2, times=2)
    counts = [int(sentence.split()[5]) for sentence in said]
    assert sum(counts) == len(OLD)
    assert with_address(admin, log, service) == len(KEPT)


ERASED_MEANWHILE = "UPDATE {log} SET {nothing} WHERE created_at < now() - interval '700 days'"


@pytest.mark.parametrize("service", list(WRITE))
@pytest.mark.parametrize("other", ["SELECT {schema}.forget_addresses(2)", ERASED_MEANWHILE], ids=["job", "erasure"])
def test_fewer_than_asked_for_means_that_none_are_left_whoever_else_cleared_some_meanwhile(
    service: str, other: str, admin: Conn, as_role: Callable[[str], Conn]
) -> None:
    log, app = filled(admin, service), as_role(f"{service}_app")
    nothing = ", ".join(f"{column.strip()} = NULL" for column in PERSONAL[service].strip("()").split(","))
    done: list[Any] = []

    def forget() -> None:
        done.append(app.execute(f"SELECT {schema_of(service)}.forget_addresses(3)".encode()).fetchone())

    waiting = threading.Thread(target=forget)
    with admin.transaction():
        admin.execute("SELECT set_config('gasolinera.maintenance', 'on', true)")
        admin.execute(other.format(schema=schema_of(service), log=log, nothing=nothing).encode())
        waiting.start()
        until_it_waits(admin)
    waiting.join()
    left = len(OLD) - (2 if "forget" in other else 1)
    assert done == [(left,)]
    assert with_address(admin, log, service) == len(KEPT)


def until_it_waits(admin: Conn) -> None:
    ends = time.monotonic() + 20
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while time.monotonic() < ends:
        admin.execute("SELECT pg_stat_clear_snapshot()")
        if admin.execute(waits).fetchone() == (1,):
            return
        time.sleep(0.02)
    raise AssertionError("it does not wait")


@pytest.mark.parametrize("service", list(WRITE))
def test_the_log_is_as_closed_as_before_in_the_same_transaction(
    service: str, admin: Conn, as_role: Callable[[str], Conn]
) -> None:
    log, schema = filled(admin, service), schema_of(service)
    with admin.transaction(force_rollback=True):
        admin.execute(f"SELECT {schema}.forget_addresses(10)".encode())
        with pytest.raises(errors.RestrictViolation):
            admin.execute(f"UPDATE {log} SET ip_address = NULL".encode())
    app = as_role(f"{service}_app")
    app.execute("SELECT set_config('gasolinera.maintenance', 'on', false)")
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(f"UPDATE {log} SET ip_address = NULL".encode())
    with pytest.raises(errors.InsufficientPrivilege):
        as_role(f"{service}_ro").execute(f"SELECT {schema}.forget_addresses(10)".encode())
    for limit in (0, -1, 1_000_000):
        with pytest.raises(errors.InvalidParameterValue):
            app.execute(f"SELECT {schema}.forget_addresses(%s)".encode(), (limit,))


def test_the_oldest_are_found_by_an_index(admin: Conn) -> None:
    filled(admin, "auth")
    admin.execute("SET enable_seqscan = off")
    plan = admin.execute(
        "EXPLAIN SELECT a.created_at FROM auth_schema.auth_audit_log AS a WHERE a.created_at < now() - interval '1 y'"
        " AND (a.ip_address IS NOT NULL OR a.user_agent IS NOT NULL OR a.phone_hash IS NOT NULL)"
        " ORDER BY a.created_at LIMIT 10"
    ).fetchall()
    assert not [line for (line,) in plan if "Sort" in line], plan


def test_the_command_line_runs_it(admin: Conn, database_url: str) -> None:
    log = filled(admin, "auth")
    jobs_schema.install(database_url)
    done = subprocess.run(
        [sys.executable, "-c", "from gasolinera.cli.main import main; main()", "jobs", "run", "auth.forget_addresses"],
        env={"GASOLINERA_ENVIRONMENT": "test", "GASOLINERA_DATABASE_URL": database_url, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"took the addresses out of {len(OLD)} entries of the log\n"
    assert with_address(admin, log, "auth") == len(KEPT)
