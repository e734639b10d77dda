"""What was given up is listed, shown and replayed: once, by however many, and from the command line."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.app import ALL_PARTS
from gasolinera.config import Settings
from gasolinera.database import Connection, Database
from gasolinera.dead_letters import DeadLetter, Replay, get_dead_letter, list_dead_letters, replay
from gasolinera.errors import ConfigError, ConflictError, InputError, UnknownError
from gasolinera.event_upkeep import purge, read_lag
from gasolinera.events import Consumer, Event
from gasolinera.inbox import Inbox
from gasolinera.relay import Relay, UnfitError
from tests.event_steps import (
    SOON,
    count,
    databases,
    drain,
    effects,
    listener,
    make_effects,
    note,
    publish,
    straight,
)

Admin = psycopg.Connection[Any]
SCHEMA = "station_schema"


@pytest.fixture(autouse=True)
def _effects(admin: Admin) -> None:
    make_effects(admin)


async def refuse(_conn: Connection, _event: Event) -> None:
    raise LookupError


def mended() -> Inbox:
    return Inbox("station", SCHEMA, [listener()])


async def give_up(dbs: Mapping[str, Database], *numbers: int) -> list[DeadLetter]:
    for number in numbers:
        await publish(dbs["auth"], f"u{number}", number)
    await drain(dbs, *straight(dbs, refuse))
    async with dbs["station"].connection() as conn:
        return await list_dead_letters(conn, SCHEMA)


def test_a_replay_has_the_effect_once_however_many_ask_for_it(settings: Settings, admin: Admin) -> None:
    async def run() -> list[Replay]:
        async with databases(settings) as dbs:
            [letter] = await give_up(dbs, 1)
            outcomes = await asyncio.gather(*(replay(dbs["station"], mended(), letter.id) for _ in range(6)))
            async with dbs["station"].connection() as conn:
                assert await list_dead_letters(conn, SCHEMA) == []
                [again] = await list_dead_letters(conn, SCHEMA, with_replayed=True)
                assert again.replayed_at is not None
            return outcomes

    outcomes = asyncio.run(run())
    assert sorted(outcomes) == sorted([Replay.DONE, *[Replay.DONE_BEFORE] * 5])
    assert effects(admin) == {"u1": [1]}


def test_a_replay_that_fails_changes_nothing_but_the_count(settings: Settings, admin: Admin) -> None:
    async def note_and_fail(conn: Connection, event: Event) -> None:
        await note(conn, event)
        raise LookupError

    async def run() -> None:
        async with databases(settings) as dbs:
            [letter] = await give_up(dbs, 1)
            inbox = Inbox("station", SCHEMA, [listener(note_and_fail)])
            with pytest.raises(ConflictError, match="failed again: LookupError"):
                await replay(dbs["station"], inbox, letter.id)
            async with dbs["station"].connection() as conn:
                after = await get_dead_letter(conn, SCHEMA, letter.id)
            assert (after.attempts, after.replayed_at) == (SOON.attempts + 1, None)
            assert after.event is not None
            assert after.event["data"] == {"n": 1}

    asyncio.run(run())
    assert effects(admin) == {}


def test_what_cannot_be_replayed_is_said(settings: Settings) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            [letter] = await give_up(dbs, 1)
            with pytest.raises(UnknownError):
                await replay(dbs["station"], mended(), letter.id + 1000)
            with pytest.raises(InputError, match="has no consumer note any more"):
                await replay(dbs["station"], Inbox("station", SCHEMA, []), letter.id)

    asyncio.run(run())


def test_an_event_that_no_transport_carries_is_given_up_and_queued_again(settings: Settings, admin: Admin) -> None:
    async def unfit(events: Any, /) -> Mapping[Any, Exception]:
        return {event.id: UnfitError("event.unfit", "too large") for event in events if event.subject == "big"}

    async def run() -> None:
        async with databases(settings) as dbs:
            for subject in ("big", "small"):
                await publish(dbs["auth"], subject, 1)
            relay = Relay("auth", "auth_schema", unfit)
            for _ in range(SOON.attempts):
                await relay.work(dbs["auth"], retries=SOON)
            assert count(admin, "auth_schema.outbox_events WHERE published_at IS NULL") == 0
            async with dbs["auth"].connection() as conn:
                [letter] = await list_dead_letters(conn, "auth_schema")
            assert (letter.consumer, letter.aggregate_key) == ("relay", "big")
            admin.execute("UPDATE auth_schema.outbox_events SET published_at = now() - interval '15 days'")
            assert await purge(dbs["auth"], "auth_schema") == 1  # what its letter still needs stays
            auth = Inbox("auth", "auth_schema", [])
            assert await replay(dbs["auth"], auth, letter.id) is Replay.QUEUED
            await drain(dbs, *straight(dbs))

    asyncio.run(run())
    assert effects(admin) == {"big": [1]}


def test_lag_tells_what_waits_and_how_long(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await publish(dbs["auth"], "u1", 2)
            admin.execute("UPDATE auth_schema.outbox_events SET created_at = now() - interval '1 minute'")
            async with dbs["auth"].connection() as conn:
                lag = await read_lag(conn, "auth_schema")
            assert (lag.unpublished, lag.unsettled, lag.dead_letters) == (2, 0, 0)
            assert 60 <= lag.oldest_unpublished_s < 90
            relay, _ = straight(dbs)
            await relay.work(dbs["auth"])
            async with dbs["station"].connection() as conn:
                assert (await read_lag(conn, SCHEMA)).unsettled == 2

    asyncio.run(run())


def test_old_rows_are_purged_and_what_waits_stays(settings: Settings, admin: Admin) -> None:
    async def run() -> None:
        async with databases(settings) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await drain(dbs, *straight(dbs))
            await publish(dbs["auth"], "u1", 2)
            admin.execute("UPDATE auth_schema.outbox_events SET published_at = published_at - interval '15 days'")
            admin.execute("UPDATE station_schema.inbox_events SET settled_at = settled_at - interval '29 days'")
            assert await purge(dbs["auth"], "auth_schema") == 1
            assert await purge(dbs["station"], SCHEMA) == 0
            admin.execute("UPDATE station_schema.inbox_events SET settled_at = settled_at - interval '2 days'")
            assert await purge(dbs["station"], SCHEMA) == 1
            await drain(dbs, *straight(dbs))

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 2]}


@pytest.mark.parametrize("name", ["relay", "Note", "9", "x" * 101])
def test_a_consumer_needs_a_name_that_the_inbox_can_hold(name: str) -> None:
    with pytest.raises(ConfigError):
        Inbox("station", SCHEMA, [Consumer("station", frozenset({"user.changed"}), note, name)])


def test_two_consumers_of_a_service_need_two_names() -> None:
    with pytest.raises(ConfigError):
        Inbox("station", SCHEMA, [listener(), listener(refuse)])


def test_the_command_lists_shows_and_replays(
    settings: Settings, admin: Admin, database_url: str, tmp_path: Path
) -> None:
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": "6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10",
        "source": "urn:gasolinera:auth",
        "type": "user.changed",
        "subject": "0b8f",
        "time": "2026-01-02T03:04:05Z",
        "datacontenttype": "application/json",
        "aggregatetype": "user",
        "schemaversion": 1,
        "data": {},
    }
    admin.execute(
        "INSERT INTO auth_schema.dead_letters (event_id, consumer, event_type, aggregate_type, aggregate_key, event,"
        " attempts, last_error, first_failed_at, last_failed_at)"
        " VALUES (%s, 'nobody', 'user.changed', 'user', '0b8f', %s, 10, 'LookupError', now(), now())",
        [document["id"], json.dumps(document)],
    )

    def events(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("gasolinera")), "events", *arguments]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
        environ |= {"GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environ, check=False)

    listed = json.loads(events("dead-letters", "list", "--json").stdout)
    assert [(row["service"], row["consumer"], row["attempts"]) for row in listed] == [("auth", "nobody", 10)]
    assert "event" not in listed[0]
    number = str(listed[0]["id"])
    assert json.loads(events("dead-letters", "show", "auth", number, "--json").stdout)["event"] == document
    assert "0b8f" in events("dead-letters", "list").stdout
    lags = {row["service"]: row["dead_letters"] for row in json.loads(events("lag", "--json").stdout)}
    assert lags == {part.name: int(part.name == "auth") for part in ALL_PARTS if part.outbox is not None}
    failed = events("dead-letters", "replay", "auth", "--all", "--json")
    assert failed.returncode == 1
    assert "no consumer nobody any more" in failed.stderr
    assert json.loads(failed.stdout) == [{"service": "auth", "id": int(number), "outcome": "failed"}]
    assert events("dead-letters", "replay", "auth").returncode == 2
    assert "no service" in events("dead-letters", "show", "nowhere", "1").stderr
