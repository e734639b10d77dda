"""Events over NATS JetStream: a real server, which is stopped and started again, repeats itself and is lied to."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from gasolinera.config import Settings
from gasolinera.database import Connection, Database
from gasolinera.event_flow import run_events
from gasolinera.events import Event, decode_event, encode_event
from gasolinera.inbox import Inbox
from gasolinera.nats import STREAM, ensure_stream, open_nats, publisher, run_receiver
from gasolinera.relay import Relay, UnfitError
from tests.event_steps import count, databases, effects, listener, make_effects, note, parts, publish, until

Admin = psycopg.Connection[Any]
UNSETTLED = "station_schema.inbox_events WHERE settled_at IS NULL"


class NatsServer:
    """The server of the wheel, on a port and in a folder that it keeps when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        binary = Path(sys.executable).with_name("nats-server")
        command = [str(binary), "-js", "-sd", str(self._folder), "-a", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until_s = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                assert time.monotonic() < until_s, "nats-server does not start"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def nats(tmp_path: Path) -> Generator[NatsServer]:
    server = NatsServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture(autouse=True)
def _effects(admin: Admin) -> None:
    make_effects(admin)


@asynccontextmanager
async def flow(
    settings: Settings, url: str, handle: Callable[..., Any] = note
) -> AsyncGenerator[Mapping[str, Database]]:
    """Everything running over NATS, and stopped in the end."""
    stop = asyncio.Event()
    async with databases(settings) as dbs:
        running = asyncio.create_task(run_events(dbs, parts(handle), stop, nats_url=url))
        try:
            yield dbs
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await running


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[tuple[Client, JetStreamContext]]:
    async with open_nats(url, asyncio.Event()) as client:
        assert client is not None
        yield client, JetStreamContext(client)


def test_events_go_through_the_stream_in_order_and_have_their_effects_once(
    settings: Settings, admin: Admin, nats: NatsServer
) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs:
            for number in range(30):
                await asyncio.gather(*(publish(dbs["auth"], f"u{n}", number) for n in range(4)))
            await until(lambda: count(admin, "station_schema.effects") == 120)
        async with connected(nats.url) as (_, stream):
            info = await stream.stream_info(STREAM)
            assert info.state.messages == 120
            message = await stream.get_msg(STREAM, 1)
            assert message.subject == "gasolinera.user.changed"
            headers = cast("dict[str, str]", message.headers)  # pyright: ignore[reportUnknownMemberType]  a bare Dict
            assert headers["Nats-Msg-Id"] == str(decode_event(message.data or b"").id)

    asyncio.run(run())
    assert effects(admin) == {f"u{n}": list(range(30)) for n in range(4)}


def test_a_server_that_is_killed_and_comes_back_loses_nothing_and_no_order(
    settings: Settings, admin: Admin, nats: NatsServer
) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs:
            for number in range(20):
                await publish(dbs["auth"], "u1", number)
            await until(lambda: count(admin, "station_schema.effects") > 0)
            nats.kill()
            for number in range(20, 40):
                await publish(dbs["auth"], "u1", number)
            await asyncio.sleep(0.5)
            nats.start()
            await until(lambda: count(admin, "station_schema.effects") == 40, within_s=60)

    asyncio.run(run())
    assert effects(admin) == {"u1": list(range(40))}


def test_a_server_that_lost_its_stream_gets_a_new_one(settings: Settings, admin: Admin, nats: NatsServer) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await until(lambda: count(admin, "station_schema.effects") == 1)
            async with connected(nats.url) as (_, stream):
                await stream.delete_stream(STREAM)
            await publish(dbs["auth"], "u1", 2)
            await until(lambda: count(admin, "station_schema.effects") == 2, within_s=60)

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 2]}


def test_what_the_stream_holds_twice_has_one_effect(settings: Settings, admin: Admin, nats: NatsServer) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs, connected(nats.url) as (_, stream):
            await publish(dbs["auth"], "u1", 1)
            await until(lambda: count(admin, "station_schema.effects") == 1)
            first = await stream.get_msg(STREAM, 1)
            for _ in range(3):  # without an id, so that the server does not know it either
                await stream.publish("gasolinera.user.changed", first.data or b"")
            await publish(dbs["auth"], "u1", 2)
            await until(lambda: count(admin, "station_schema.effects") >= 2)
            await until(lambda: count(admin, UNSETTLED) == 0)

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 2]}


def test_a_poison_event_ends_as_a_dead_letter_and_the_others_go_on(
    settings: Settings, admin: Admin, nats: NatsServer
) -> None:
    async def refuse(conn: Connection, event: Event) -> None:
        if event.subject == "bad" and event.data["n"] == 1:
            raise LookupError
        await note(conn, event)

    async def run() -> None:
        async with flow(settings, nats.url, refuse) as dbs:
            for number in (1, 2):
                for subject in ("bad", "good"):
                    await publish(dbs["auth"], subject, number)
            await until(lambda: count(admin, f"{UNSETTLED} AND attempts > 0") == 1)
            await until(lambda: effects(admin) == {"good": [1, 2]})
            # Its last attempt is near, so that the test need not wait for the others.
            admin.execute(
                "UPDATE station_schema.inbox_events SET attempts = 9, next_attempt_at = now()"
                " WHERE attempts > 0 AND settled_at IS NULL"
            )
            await until(lambda: effects(admin) == {"good": [1, 2], "bad": [2]})

    asyncio.run(run())
    letters = admin.execute("SELECT aggregate_key, last_error FROM station_schema.dead_letters").fetchall()
    assert letters == [("bad", "LookupError")]


def test_what_others_write_into_the_stream_stops_nobody(settings: Settings, admin: Admin, nats: NatsServer) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs, connected(nats.url) as (_, stream):
            await publish(dbs["auth"], "u1", 1)
            await until(lambda: count(admin, "station_schema.effects") == 1)
            first = (await stream.get_msg(STREAM, 1)).data or b""
            await stream.publish("gasolinera.user.changed", b"\xff no event")
            await stream.publish("gasolinera.user.changed", first.replace(b'"user"', b'"NO AGGREGATE"'))
            await publish(dbs["auth"], "u1", 2)
            await until(lambda: count(admin, "station_schema.effects") == 2)

    asyncio.run(run())
    assert effects(admin) == {"u1": [1, 2]}


def test_what_a_process_had_fetched_when_it_died_is_stored_before_what_came_later(
    settings: Settings, admin: Admin, nats: NatsServer
) -> None:
    async def run() -> None:
        stop = asyncio.Event()
        inbox = Inbox("station", "station_schema", [listener()])
        async with databases(settings) as dbs, connected(nats.url) as (client, stream):
            receiver = asyncio.create_task(run_receiver(client, inbox, dbs["station"], stop, ack_within_s=1.0))
            relay = Relay("auth", "auth_schema", publisher(client))
            await publish(dbs["auth"], "u1", 0)
            await relay.work(dbs["auth"])
            await until(lambda: count(admin, "station_schema.inbox_events") == 1)
            stop.set()
            await receiver
            for number in (1, 2, 3):
                await publish(dbs["auth"], "u1", number)
            await relay.work(dbs["auth"])
            dead = await stream.pull_subscribe_bind("station", STREAM)
            assert len(await dead.fetch(2)) == 2
            stop.clear()
            receiver = asyncio.create_task(run_receiver(client, inbox, dbs["station"], stop, ack_within_s=1.0))
            await until(lambda: count(admin, "station_schema.inbox_events") == 4)
            stop.set()
            await receiver

    asyncio.run(run())
    order = admin.execute("SELECT event #>> '{data,n}' FROM station_schema.inbox_events ORDER BY id").fetchall()
    assert order == [("0",), ("1",), ("2",), ("3",)]


def test_two_processes_of_a_service_share_the_work_and_keep_the_order(
    settings: Settings, admin: Admin, nats: NatsServer
) -> None:
    async def run() -> None:
        async with flow(settings, nats.url) as dbs, flow(settings, nats.url):
            for number in range(40):
                await asyncio.gather(*(publish(dbs["auth"], f"u{n}", number) for n in range(3)))
            await until(lambda: count(admin, "station_schema.effects") == 120, within_s=60)

    asyncio.run(run())
    assert effects(admin) == {f"u{n}": list(range(40)) for n in range(3)}


def test_a_server_that_is_not_there_yet_is_waited_for(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    server = NatsServer(tmp_path)

    async def run() -> None:
        async with flow(settings, server.url):
            await asyncio.sleep(0.2)  # stopped before any server came: the flow ends all the same
        async with flow(settings, server.url) as dbs:
            await publish(dbs["auth"], "u1", 1)
            await asyncio.sleep(0.2)
            server.start()
            await until(lambda: count(admin, "station_schema.effects") == 1, within_s=30)

    try:
        asyncio.run(run())
    finally:
        server.kill()


def test_an_event_too_large_for_the_server_is_told_as_unfit(nats: NatsServer) -> None:
    event = decode_event(
        b'{"specversion":"1.0","id":"6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10","source":"urn:gasolinera:auth",'
        b'"type":"user.changed","subject":"u1","time":"2026-01-02T03:04:05Z","datacontenttype":"application/json",'
        b'"aggregatetype":"user","schemaversion":1,"data":{"text":"' + b"x" * 1_100_000 + b'"}}'
    )

    async def run() -> Mapping[Any, Exception]:
        async with connected(nats.url) as (client, stream):
            await ensure_stream(stream)
            return await publisher(client)([event])

    failed = asyncio.run(run())
    assert [type(error) for error in failed.values()] == [UnfitError]
    assert len(encode_event(event)) > 1_048_576
