"""From an outbox to the effects, in one process: once, in order, whatever fails and however many work at it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Connection, Database
from gasolinera.errors import ConfigError, UnavailableError
from gasolinera.event_flow import run_events
from gasolinera.events import Event
from gasolinera.polling import RetryPolicy
from tests.event_steps import (
    SOON,
    count,
    databases,
    drain,
    effects,
    make_effects,
    note,
    parts,
    publish,
    straight,
    until,
)

Admin = psycopg.Connection[Any]
LATER = RetryPolicy(first_s=60.0, longest_s=60.0)


@pytest.fixture(autouse=True)
def _effects(admin: Admin) -> None:
    make_effects(admin)


def test_an_event_has_its_effect_with_the_request_that_it_came_from(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 7, correlation_id="c-7")
            await publish(dbs["auth"], "u2", 8)
            await drain(dbs, *straight(dbs))

    asyncio.run(run())
    rows = admin.execute("SELECT subject, number, correlation_id FROM station_schema.effects ORDER BY id").fetchall()
    assert rows == [("u1", 7, "c-7"), ("u2", 8, None)]
    assert count(admin, "auth_schema.outbox_events WHERE published_at IS NULL") == 0
    assert count(admin, "station_schema.inbox_events WHERE settled_at IS NULL") == 0


def test_an_event_that_is_delivered_again_has_no_second_effect(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 1)
            relay, inbox = straight(dbs)
            await drain(dbs, relay, inbox)
            # As after a relay that died between handing over and marking.
            admin.execute("UPDATE auth_schema.outbox_events SET published_at = NULL")
            await asyncio.gather(*(relay.work(dbs["auth"]) for _ in range(4)))
            await asyncio.gather(*(inbox.work(dbs["station"]) for _ in range(4)))

    asyncio.run(run())
    assert effects(admin) == {"u1": [1]}


def test_a_failing_event_holds_back_its_own_aggregate_and_no_other(settings: Settings, admin: Admin) -> None:
    async def fail_once_marked(conn: Connection, event: Event) -> None:
        if event.subject == "bad" and event.data["n"] == 2:
            raise LookupError
        await note(conn, event)

    async def run() -> None:
        async with databases(settings) as dbs:
            for number in (1, 2, 3):
                for subject in ("good", "bad"):
                    await publish(dbs["auth"], subject, number)
            relay, inbox = straight(dbs, fail_once_marked)
            await drain(dbs, relay, inbox, LATER)
            assert effects(admin) == {"good": [1, 2, 3], "bad": [1]}
            # Its time comes, and the consumer is mended.
            admin.execute("UPDATE station_schema.inbox_events SET next_attempt_at = now()")
            _, mended = straight(dbs)
            await drain(dbs, relay, mended)

    asyncio.run(run())
    assert effects(admin) == {"good": [1, 2, 3], "bad": [1, 2, 3]}
    assert count(admin, "station_schema.dead_letters") == 0


def test_a_poison_event_becomes_a_dead_letter_and_its_aggregate_goes_on(settings: Settings, admin: Admin) -> None:
    async def refuse_two(conn: Connection, event: Event) -> None:
        await note(conn, event)
        if event.data["n"] == 2:
            await conn.execute("INSERT INTO station_schema.inbox_events DEFAULT VALUES")

    async def run() -> None:
        async with databases(settings) as dbs:
            for number in (1, 2, 3):
                await publish(dbs["auth"], "u1", number, correlation_id=f"c-{number}")
            await drain(dbs, *straight(dbs, refuse_two))

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 3]}
    row = admin.execute(
        "SELECT consumer, event_type, aggregate_key, event #>> '{data,n}', correlation_id, attempts, last_error,"
        " replayed_at FROM station_schema.dead_letters"
    ).fetchall()
    assert row == [("note", "user.changed", "u1", "2", "c-2", SOON.attempts, "NotNullViolationError", None)]


def test_an_error_that_a_consumer_hides_is_the_failure_of_its_event_alone(settings: Settings, admin: Admin) -> None:
    async def hide(conn: Connection, event: Event) -> None:
        await note(conn, event)
        if event.subject == "bad":
            try:
                await conn.execute("SELECT 1 / 0")
            except asyncpg.DivisionByZeroError:
                return

    async def run() -> None:
        async with databases(settings) as dbs:
            for subject in ("a", "bad", "b"):
                await publish(dbs["auth"], subject, 1)
            await drain(dbs, *straight(dbs, hide))

    asyncio.run(run())
    assert effects(admin) == {"a": [1], "b": [1]}
    assert count(admin, "station_schema.dead_letters WHERE aggregate_key = 'bad'") == 1


def test_what_is_refused_at_the_commit_is_the_failure_of_its_event_alone(settings: Settings, admin: Admin) -> None:
    admin.execute(
        "ALTER TABLE station_schema.effects ADD CONSTRAINT effects_subject_key UNIQUE (subject)"
        " DEFERRABLE INITIALLY DEFERRED"
    )

    async def run() -> None:
        async with databases(settings) as dbs:
            for subject, number in (("a", 1), ("b", 1), ("b", 2), ("c", 1)):
                await publish(dbs["auth"], subject, number)
            await drain(dbs, *straight(dbs))

    asyncio.run(run())
    assert effects(admin) == {"a": [1], "b": [1], "c": [1]}
    letters = admin.execute("SELECT event #>> '{data,n}', last_error FROM station_schema.dead_letters").fetchall()
    assert letters == [("2", "UniqueViolationError effects_subject_key")]


@pytest.mark.parametrize(
    "trouble",
    [
        UnavailableError("calls.unavailable", "not there"),
        TimeoutError(),
        asyncpg.QueryCanceledError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.SerializationError(),
        asyncpg.TooManyConnectionsError(),
        asyncpg.ConnectionDoesNotExistError(),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_what_is_only_away_is_waited_for_and_never_given_up(
    settings: Settings, admin: Admin, trouble: Exception
) -> None:
    calls = 0

    async def away(conn: Connection, event: Event) -> None:
        nonlocal calls
        calls += 1
        if calls <= 3 * SOON.attempts:
            raise trouble
        await note(conn, event)

    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await drain(dbs, *straight(dbs, away))

    asyncio.run(run())
    assert effects(admin) == {"u1": [1]}
    assert count(admin, "station_schema.dead_letters") == 0


def test_what_waits_for_a_lock_lets_the_others_pass_and_is_never_given_up(settings: Settings, admin: Admin) -> None:
    async def held(conn: Connection, event: Event) -> None:
        if event.subject == "u1":
            raise asyncpg.LockNotAvailableError
        await note(conn, event)

    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await publish(dbs["auth"], "u2", 2)
            await drain(dbs, *straight(dbs, held))

    asyncio.run(run())
    assert effects(admin) == {"u2": [2]}
    assert count(admin, "station_schema.dead_letters") == 0


def test_a_lock_that_others_hold_for_long_loses_no_event(settings: Settings, admin: Admin) -> None:
    hurried = settings.model_copy(update={"statement_timeout_ms": 300})

    async def run() -> None:
        async with databases(hurried) as dbs:
            await publish(dbs["auth"], "u1", 1)
            relay, inbox = straight(dbs)
            await relay.work(dbs["auth"])
            with admin.transaction():
                admin.execute("LOCK TABLE station_schema.effects IN ACCESS EXCLUSIVE MODE")
                for _ in range(2 * SOON.attempts):
                    await inbox.work(dbs["station"], retries=SOON)
            await drain(dbs, relay, inbox)

    asyncio.run(run())
    assert effects(admin) == {"u1": [1]}
    assert count(admin, "station_schema.dead_letters") == 0


def test_what_follows_an_event_that_no_row_can_hold_waits_for_it(settings: Settings, admin: Admin) -> None:
    admin.execute(
        "ALTER TABLE station_schema.inbox_events ADD CONSTRAINT inbox_events_unfit_check"
        " CHECK (event #>> '{data,n}' <> '2')"
    )

    async def run() -> None:
        async with databases(settings) as dbs:
            for number in (1, 2, 3):
                await publish(dbs["auth"], "bad", number)
                await publish(dbs["auth"], "good", number + 10)
            relay, inbox = straight(dbs)
            await relay.work(dbs["auth"], retries=SOON)
            assert count(admin, "station_schema.inbox_events WHERE aggregate_key = 'bad'") == 1
            assert count(admin, "station_schema.inbox_events WHERE aggregate_key = 'good'") == 3
            admin.execute("ALTER TABLE station_schema.inbox_events DROP CONSTRAINT inbox_events_unfit_check")
            await drain(dbs, relay, inbox)

    asyncio.run(run())
    assert effects(admin) == {"bad": [1, 2, 3], "good": [11, 12, 13]}


def test_many_relays_and_consumers_at_once_keep_order_and_have_each_effect_once(
    settings: Settings, admin: Admin
) -> None:
    subjects, numbers = [f"u{n}" for n in range(12)], list(range(25))

    async def flaky(conn: Connection, event: Event) -> None:
        await note(conn, event)
        await asyncio.sleep(0)
        if hash((event.id, "fails")) % 11 == 0 and event.id not in failed:
            failed.add(event.id)
            raise LookupError

    failed: set[Any] = set()

    async def run() -> None:
        async with databases(settings) as one, databases(settings) as two:
            for number in numbers:
                await asyncio.gather(*(publish(one["auth"], subject, number) for subject in subjects))
            pairs = [(dbs, *straight(dbs, flaky)) for dbs in (one, two) for _ in range(3)]
            await asyncio.gather(*(_work(dbs, relay, inbox) for dbs, relay, inbox in pairs))

    async def _work(dbs: Mapping[str, Database], relay: Any, inbox: Any) -> None:
        while count(admin, "station_schema.inbox_events WHERE settled_at IS NOT NULL") < 300:
            await relay.work(dbs["auth"], batch=7)
            await inbox.work(dbs["station"], batch=5, retries=SOON)

    asyncio.run(run())
    assert failed
    assert effects(admin) == dict.fromkeys(subjects, numbers)


def test_a_consumer_whose_database_is_away_delays_only_what_is_for_it(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        elsewhere = settings.model_copy(update={"station_database_url": settings.auth_database_url})
        async with databases(settings) as dbs, databases(elsewhere) as wrong:
            await publish(dbs["auth"], "u1", 1)
            async with dbs["auth"].transaction() as conn:
                await conn.execute(
                    "INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)"
                    " VALUES ('user.erased', 'user', 'u2', '{}')"
                )
            relay, inbox = straight(wrong)
            await relay.work(dbs["auth"], retries=SOON)
            assert count(admin, "auth_schema.outbox_events WHERE published_at IS NULL AND aggregate_key = 'u1'") == 1
            assert count(admin, "auth_schema.outbox_events WHERE published_at IS NULL") == 1
            good, inbox = straight(dbs)
            await drain(dbs, good, inbox)

    asyncio.run(run())
    assert effects(admin) == {"u1": [1]}


def test_the_whole_flow_runs_until_it_is_told_to_stop(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        async with databases(settings) as dbs:
            flow = asyncio.create_task(run_events(dbs, parts(), stop))
            for number in range(20):
                await publish(dbs["auth"], "u1", number)
            await until(lambda: count(admin, "station_schema.effects") == 20)
            stop.set()
            async with asyncio.timeout(2):
                await flow

    asyncio.run(run())
    assert effects(admin) == {"u1": list(range(20))}


def test_the_flow_goes_on_after_the_server_ended_every_connection(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        async with databases(settings) as dbs:
            flow = asyncio.create_task(run_events(dbs, parts(), stop))
            await publish(dbs["auth"], "u1", 1)
            await until(lambda: count(admin, "station_schema.effects") == 1)
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'gasolinera-%'"
            )
            await asyncio.sleep(0.1)
            async with databases(settings) as again:
                await publish(again["auth"], "u1", 2)
            await until(lambda: count(admin, "station_schema.effects") == 2)
            stop.set()
            await flow

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 2]}


def test_a_relay_that_does_not_reach_a_listener_refuses_to_begin(settings: Settings) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            await run_events({"auth": dbs["auth"]}, parts(), asyncio.Event())

    with pytest.raises(ConfigError) as refused:
        asyncio.run(run())
    assert refused.value.code == "events.listener_elsewhere"
