"""The rules that come with the platform: they fit its tables, and say what its jobs do."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from gasolinera.app import ALL_PARTS
from gasolinera.config import SERVICES, Settings
from gasolinera.database import open_database
from gasolinera.errors import ConfigError, UnknownError
from gasolinera.job_queue import run_here
from gasolinera.ops import operations_schema
from gasolinera.ops.cleaning import Outcome, clean
from gasolinera.ops.cleaning_rules import Period, hold, read_rules, release
from gasolinera.ops.partition_rules import hold_table, release_table
from gasolinera.ops.reaching import Operations
from gasolinera.worker import jobs_of
from tests.conftest import Clone, drop
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]

_NOW = datetime.now(UTC)


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
        conn.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM ops_schema.retention_rules")
        yield
        conn.execute("DELETE FROM ops_schema.retention_rules")
        conn.execute("DELETE FROM ops_schema.runs")
        conn.execute("INSERT INTO ops_schema.retention_rules SELECT * FROM kept")


def test_every_rule_that_comes_with_the_platform_fits_its_tables(operations: Operations) -> None:
    counted = clean(operations, is_dry_run=True)
    assert [rule for rule in counted.rules if rule.outcome is not Outcome.COUNTED] == []
    assert {rule.service for rule in counted.rules} == {*SERVICES, "ops"}


def test_each_rule_names_a_job_that_exists(ops: Connection) -> None:
    jobs = {job.name for job in jobs_of(ALL_PARTS)}
    named = {rule.job for rule in read_rules(ops)} - {None}
    assert named <= jobs
    # A job that forgets has a rule, so that the list is whole.
    forgetting = {name for name in jobs if ".forget" in name or ".purge" in name}
    without = {"raffle.forget_deliveries", "ads.forget_unused_media"}  # they judge by what uses a row, not by its age
    assert forgetting - named == without


def test_a_rule_goes_by_the_same_time_as_the_job(operations: Operations, admin: Connection) -> None:
    """The function of the job takes all that the rule would, and no more of it."""
    admin.execute(
        """INSERT INTO coupon_schema.idempotency_keys (key_hash, fingerprint, status, answer, created_at)
           SELECT sha256(('k' || n)::bytea), sha256(('f' || n)::bytea), 200, '{}', now() - n * interval '5 hours'
             FROM generate_series(0, 9) AS n""",
    )
    before = clean(operations, services=["coupon"], table="idempotency_keys", is_dry_run=True).rows
    row = admin.execute("SELECT coupon_schema.forget_old_requests(1000)").fetchone()
    assert row == (before,) == (5,)  # those of 25 hours ago and before
    assert clean(operations, services=["coupon"], table="idempotency_keys").rows == 0


# A row of each table that a rule and a job are about, at the moment that the rule goes by.
PLANTS = {
    "coupon.rate_limits": """(limit_name, subject, window_s, window_start, request_count, max_requests)
        SELECT 'login', sha256('plant'), 60, to_timestamp(60 * floor(extract(epoch FROM {at}) / 60)), 1, 5""",
    "coupon.published_events": """(event_type, aggregate_type, aggregate_key, payload, published_at)
        SELECT 'campaign.changed', 'campaign', 'A', '{{}}', {at}""",
    "coupon.settled_events": """(event_id, consumer, event_type, aggregate_type, aggregate_key, event, created_at,
                                 settled_at)
        SELECT gen_random_uuid(), 'c', 'tickets.issued', 'ticket', 'k', '{{}}', {at}, {at}""",
    "coupon.replayed_dead_letters": """(event_id, consumer, event_type, aggregate_type, aggregate_key, event, attempts,
                                        last_error, first_failed_at, last_failed_at, replayed_at)
        SELECT gen_random_uuid(), 'c', 'coupon.issued', 'coupon', 'c-1', '{{}}', 8, 'Unfit', {at}, {at}, {at}""",
    "auth.login_codes": """(session_token_hash, phone_number, purpose, code_hash, pepper_id, created_at, expires_at,
                            voided_at, void_reason)
        SELECT sha256(gen_random_uuid()::text::bytea), '+525512345678', 'LOGIN', sha256(''), 1,
               {at} - interval '5 minutes', {at}, {at}, 'EXPIRED'""",
    "auth.refresh_tokens": """(user_id, token_hash, issued_at, expires_at, family_expires_at)
        SELECT id, sha256(gen_random_uuid()::text::bytea), {at} - interval '1 hour', {at}, {at}
          FROM auth_schema.users ORDER BY id LIMIT 1""",
    "auth.code_limits": """(scope, subject, window_s, window_start, request_count, max_requests)
        SELECT 'IP', '192.0.2.7', 60, to_timestamp(60 * floor(extract(epoch FROM {at}) / 60)), 1, 5""",
    "auth.phone_lockouts": """(phone_hash, failed_attempts, created_at, updated_at)
        SELECT sha256(gen_random_uuid()::text::bytea), 1, {at}, {at}""",
    "auth.development_messages": """(message_id, phone_number, message_text, created_at)
        SELECT gen_random_uuid(), '+525512345678', '123456', {at}""",
    "auth.access_revocations": "(user_id, revoked_at) SELECT gen_random_uuid(), {at}",
    "auth.notifications": """(event_id, user_id, channel, category, template, status, sent_at, created_at)
        SELECT gen_random_uuid(), public_id, 'IN_APP', 'ACCOUNT', 'welcome', 'SENT', {at}, {at}
          FROM auth_schema.users ORDER BY id LIMIT 1""",
}


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_a_rule_and_the_job_that_does_the_same_take_the_same_rows(
    operations: Operations, settings: Settings, ops: Connection, admin: Connection, name: str
) -> None:
    """One row is a little older than the rule keeps it, one a little younger; the job judges by itself."""
    rule = next(one for one in read_rules(ops) if one.name == name)
    job = next(one for one in jobs_of(ALL_PARTS) if one.name == rule.job)
    assert rule.keep is not None
    keep = f"make_interval(months => {rule.keep.months}, days => {rule.keep.days}, secs => {rule.keep.seconds})"

    async def run_job() -> None:
        async with open_database(settings, rule.service) as db:
            await job.run(db, {})

    def due() -> int:
        return clean(operations, services=[rule.service], table=rule.table, is_dry_run=True).rows

    schema = operations.service(rule.service).schema
    asyncio.run(run_job())
    assert due() == 0
    admin.execute("SET session_replication_role = replica")  # rows of the past
    for moment in (f"now() - {keep} - interval '90 minutes'", f"now() - {keep} + interval '20 minutes'"):
        columns = PLANTS[name].format(at=f"({moment})")
        admin.execute(f"INSERT INTO {schema}.{rule.table} {columns}".encode())
    admin.execute("SET session_replication_role = origin")
    before = admin.execute(f"SELECT count(*) FROM {schema}.{rule.table}".encode()).fetchone()
    assert due() == 1
    asyncio.run(run_job())
    after = admin.execute(f"SELECT count(*) FROM {schema}.{rule.table}".encode()).fetchone()
    assert before is not None
    assert after == (before[0] - 1,)
    assert due() == 0


def test_periods_are_told_in_words() -> None:
    assert str(Period(13, 0, 0)) == "1 year 1 month"
    assert str(Period(0, 1, 5400)) == "1 day 1 hour 30 minutes"


def test_a_rule_with_sql_in_it_is_refused(ops: Connection) -> None:
    for column, value in (
        ("table_name", "outbox_events; DROP TABLE x"),
        ("time_column", 'created_at" OR true --'),
        ("time_zone", "UTC'; --"),
        ("keep", "-1 day"),
        ("keep", "1 month -40 days"),
        ("service", "nobody"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation):
            ops.execute(
                f"UPDATE ops_schema.retention_rules SET {column} = %s WHERE name = 'auth.login_codes'".encode(),
                (value,),
            )


def test_a_condition_outside_of_the_vocabulary_is_refused(ops: Connection) -> None:
    ops.execute(
        """UPDATE ops_schema.retention_rules SET conditions = '[{"is": "sql", "text": "true"}]'
            WHERE name = 'auth.login_codes'"""
    )
    with pytest.raises(ConfigError, match=r"auth\.login_codes is not understood"):
        read_rules(ops)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("table_name = 'no_such_table'", "there is no auth_schema.no_such_table.expires_at"),
        ("time_column = 'phone_number'", "phone_number is text"),
        ("time_zone = 'Mars/Olympus'", "'Mars/Olympus' is no time zone"),
        ("""conditions = '[{"is": "one_of", "column": "id", "values": ["1"]}]'""", "id is no text"),
        ("action = 'ANONYMISE', cleared_columns = '{code_hash}'", "code_hash cannot be cleared: NOT NULL"),
    ],
)
def test_a_rule_that_does_not_fit_is_told_and_nothing_goes(
    operations: Operations, ops: Connection, change: str, problem: str
) -> None:
    ops.execute(f"UPDATE ops_schema.retention_rules SET {change} WHERE name = 'auth.login_codes'".encode())
    result = clean(operations, services=["auth"], now=_NOW + timedelta(days=4000))
    found = next(rule for rule in result.rules if rule.name == "auth.login_codes")
    assert found.outcome is Outcome.FAILED
    assert problem in (found.problem or "")
    assert found.rows == 0
    assert result.is_bad
    row = ops.execute("SELECT outcome, result FROM ops_schema.runs WHERE command = 'cleanup run'").fetchone()
    assert row is not None
    assert row[0] == "WARNING"
    assert msgspec.convert(row[1]["rules"], list[dict[str, Any]])


def test_a_held_rule_keeps_everything_until_it_is_released(
    operations: Operations, ops: Connection, admin: Connection
) -> None:
    admin.execute(
        """INSERT INTO auth_schema.access_revocations (user_id, revoked_at)
           VALUES (gen_random_uuid(), now() - interval '9 hours')"""
    )
    held = hold(ops, "auth.access_revocations", "case 12")
    assert held.held_because == "case 12"
    assert hold(ops, "auth.access_revocations", "case 13").held_because == "case 12"
    (result,) = clean(operations, services=["auth"], table="access_revocations").rules
    assert (result.outcome, result.rows, result.problem) == (Outcome.HELD, 0, "case 12")
    assert release(ops, "auth.access_revocations").held_since is None
    (result,) = clean(operations, services=["auth"], table="access_revocations").rules
    assert (result.outcome, result.rows) == (Outcome.CLEANED, 1)


def test_a_rule_that_nobody_knows_is_told(ops: Connection) -> None:
    with pytest.raises(UnknownError):
        hold(ops, "auth.nothing", "case 12")
    with pytest.raises(UnknownError):
        read_rules(ops, ["auth"], "no_table")


def test_a_table_on_hold_holds_its_rules_and_the_jobs_that_follow_them(
    operations: Operations, settings: Settings, ops: Connection, admin: Connection
) -> None:
    jobs = {job.name: job for job in jobs_of(ALL_PARTS)}

    async def run(name: str) -> str:
        async with open_database(settings, name.partition(".")[0]) as db:
            return await run_here(settings, jobs[name], db, {})

    hold_table(ops, "auth", "auth_audit_log", "the court")
    hold_table(ops, "ads", "ad_engagement_events", "the court")
    try:
        found = {rule.name: rule for rule in clean(operations, services=["auth"]).rules}
        assert (found["auth.addresses"].outcome, found["auth.addresses"].problem) == (Outcome.HELD, "the court")
        assert found["auth.access_revocations"].outcome is Outcome.CLEANED
        assert asyncio.run(run("auth.forget_addresses")) == "rests: auth.addresses on hold"
        assert asyncio.run(run("ads.drop_view_events")) == "rests: ad_engagement_events on hold"
        assert not asyncio.run(run("auth.forget_revocations")).startswith("rests")
    finally:
        release_table(ops, "auth", "auth_audit_log")
        release_table(ops, "ads", "ad_engagement_events")
    assert not asyncio.run(run("ads.drop_view_events")).startswith("rests")


def test_a_job_rests_while_a_rule_that_it_follows_is_held(
    settings: Settings, ops: Connection, admin: Connection
) -> None:
    admin.execute(
        """INSERT INTO auth_schema.access_revocations (user_id, revoked_at)
           VALUES (gen_random_uuid(), now() - interval '9 hours')"""
    )
    job = next(job for job in jobs_of(ALL_PARTS) if job.name == "auth.forget_revocations")

    async def run() -> str:
        async with open_database(settings, "auth") as db:
            return await run_here(settings, job, db, {})

    hold(ops, "auth.access_revocations", "case 12")
    assert asyncio.run(run()) == "rests: auth.access_revocations on hold"
    assert admin.execute("SELECT count(*) FROM auth_schema.access_revocations").fetchone() == (1,)
    release(ops, "auth.access_revocations")
    asyncio.run(run())
    assert admin.execute("SELECT count(*) FROM auth_schema.access_revocations").fetchone() == (0,)
