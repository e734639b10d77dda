"""Connections that cost without asking: they are ended, and whoever asks is answered meanwhile."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest
import uvicorn

from gasolinera.config import Settings
from gasolinera.connections import MAX_HEAD_BYTES, PatientProtocol
from gasolinera.serving import Plan, server_of

SOON_S = 0.5
WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class Hasty(PatientProtocol):
    head_within_s = SOON_S
    max_connections = 5


async def app(_scope: Any, receive: Any, send: Any) -> None:
    """Answers after a second, and reads no body."""
    if _scope["type"] == "http":
        await asyncio.sleep(1.0 if _scope["path"] == "/slow" else 0)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def served() -> Generator[int]:
    server = uvicorn.Server(
        uvicorn.Config(app, http=Hasty, ws="none", lifespan="off", log_config=None, timeout_keep_alive=1)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Thread(target=server.run, kwargs={"sockets": [listener]})
        serving.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            serving.join()


def ended_after(connection: socket.socket) -> float:
    """Seconds until the server ends it."""
    started = monotonic()
    connection.settimeout(10)
    try:
        while connection.recv(1000):
            pass
    except ConnectionResetError:
        pass
    return monotonic() - started


def connect(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(data)
    return connection


@pytest.mark.parametrize("data", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_connection_that_never_asks_is_ended(data: bytes) -> None:
    with served() as port, connect(port, data) as connection:
        assert SOON_S / 2 < ended_after(connection) < 5


def test_a_head_that_drips_is_ended_though_each_byte_comes_in_time() -> None:
    with served() as port, connect(port, b"GET / HTTP/1.1\r\n") as connection:
        started = monotonic()
        with suppress(OSError):
            while monotonic() - started < 5:
                connection.sendall(b"x: y\r\n")
                sleep(0.05)
        assert SOON_S / 2 < monotonic() - started < 5


@pytest.mark.parametrize("second", [b"\r\n", b"GET / HTTP/1.1\r\n"])
def test_the_head_of_a_second_request_has_no_more_time(second: bytes) -> None:
    with served() as port, connect(port, WHOLE) as connection:
        assert connection.recv(1000).endswith(b"ok")
        sleep(0.7)  # between requests the server is patient
        connection.sendall(second)
        assert SOON_S / 2 < ended_after(connection) < 5


def test_an_answer_may_take_longer_than_a_head() -> None:
    with served() as port, connect(port, WHOLE.replace(b"/ ", b"/slow ", 1)) as connection:
        assert connection.recv(1000).endswith(b"ok")
        connection.sendall(WHOLE)
        assert connection.recv(1000).endswith(b"ok")


def test_a_head_without_end_is_refused() -> None:
    with served() as port, connect(port, b"GET / HTTP/1.1\r\nx: ") as connection:
        connection.sendall(b"y" * (MAX_HEAD_BYTES + 1))
        connection.settimeout(5)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_more_connections_than_a_process_bears_are_ended_at_once() -> None:
    with served() as port:
        open_ones = [connect(port) for _ in range(5)]
        sleep(0.1)
        with connect(port) as one_more:
            assert ended_after(one_more) < SOON_S / 2
        for connection in open_ones:
            connection.close()
        sleep(0.1)
        with connect(port, WHOLE) as later:
            assert later.recv(1000).endswith(b"ok")


def test_the_server_is_served_with_it(settings: Settings) -> None:
    assert server_of(Plan(settings, ())).config.http is PatientProtocol
