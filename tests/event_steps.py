"""What tests of events share: a table of effects in station's schema, and consumers that write into it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg

from gasolinera.config import Settings
from gasolinera.database import Connection, Database, RequestContext, open_database
from gasolinera.events import Consumer, Event, Outbox
from gasolinera.inbox import Inbox
from gasolinera.parts import Parts
from gasolinera.polling import RetryPolicy
from gasolinera.relay import InboxTransport, Relay

Admin = psycopg.Connection[Any]
USER_EVENTS = frozenset({"user.registered", "user.changed"})
AUTH = Outbox("auth_schema")
SOON = RetryPolicy(attempts=3, first_s=0.0, longest_s=0.0)
Handle = Callable[[Connection, Event], Awaitable[None]]

_NOTE = """
INSERT INTO station_schema.effects (subject, number, correlation_id)
VALUES ($1, $2, station_schema.request_context('correlation_id'))"""


def make_effects(admin: Admin) -> None:
    admin.execute(
        "CREATE TABLE station_schema.effects (id bigint GENERATED ALWAYS AS IDENTITY, subject text, number integer,"
        " correlation_id text)"
    )
    admin.execute("GRANT INSERT, SELECT ON station_schema.effects TO station_app")
    for table in ("auth_schema.outbox_events", "auth_schema.inbox_events", "auth_schema.dead_letters"):
        admin.execute(f"DELETE FROM {table}".encode())
    admin.execute("DELETE FROM station_schema.inbox_events")


async def note(conn: Connection, event: Event) -> None:
    """The effect of every test: a row of its own, so that doing it twice shows."""
    await conn.execute(_NOTE, event.subject, event.data["n"])


def listener(handle: Handle = note) -> Consumer:
    return Consumer("station", USER_EVENTS, handle, "note")


def parts(handle: Handle = note) -> tuple[Parts, ...]:
    return (
        Parts(name="auth", schema="auth_schema", routers=(), outbox=AUTH),
        Parts(name="station", schema="station_schema", routers=(), consumers=(listener(handle),)),
    )


@asynccontextmanager
async def databases(settings: Settings) -> AsyncGenerator[Mapping[str, Database]]:
    async with open_database(settings, "auth") as auth, open_database(settings, "station") as station:
        yield {"auth": auth, "station": station}


async def publish(db: Database, subject: str, number: int, *, correlation_id: str | None = None) -> UUID:
    async with db.transaction(RequestContext(correlation_id=correlation_id)) as conn:
        return await AUTH.publish(conn, "user.changed", aggregate="user", subject=subject, data={"n": number})


def straight(dbs: Mapping[str, Database], handle: Handle = note) -> tuple[Relay, Inbox]:
    """Auth's relay into station's inbox."""
    inbox = Inbox("station", "station_schema", [listener(handle)])
    return Relay("auth", "auth_schema", InboxTransport([(inbox, dbs["station"], asyncio.Event())])), inbox


async def drain(dbs: Mapping[str, Database], relay: Relay, inbox: Inbox, retries: RetryPolicy = SOON) -> None:
    """Until a round does nothing more."""
    while await relay.work(dbs["auth"], retries=retries) + await inbox.work(dbs["station"], retries=retries):
        pass


def effects(admin: Admin) -> dict[str, list[int]]:
    """Per subject, in the order they happened."""
    found: dict[str, list[int]] = {}
    for subject, number in admin.execute("SELECT subject, number FROM station_schema.effects ORDER BY id").fetchall():
        found.setdefault(subject, []).append(number)
    return found


def count(admin: Admin, of: str) -> int:
    row = admin.execute(f"SELECT count(*) FROM {of}".encode()).fetchone()
    assert row is not None
    return int(row[0])


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  the database has no event to wait for
            await asyncio.sleep(0.02)
