"""Sending, against a real HTTP server that fails, hangs, says no and recovers; and the code that nobody got."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from gasolinera.auth.models import Message
from gasolinera.auth.senders import (
    DeliveryError,
    Patience,
    gateway_client,
    gateway_sender,
    inbox_sender,
    make_courier,
    write_to_terminal,
)
from gasolinera.config import Environment, Settings
from gasolinera.database import open_database
from gasolinera.errors import ConfigError
from tests.applications import create_app
from tests.auth.journeys import ANA, ANA_PHONE, Conn, events_of, good, post, problem, until_undelivered

SECRET = b"the gateway and we know it"
QUICK = Patience(try_s=0.3, tries=3, wait_s=0.01)


class Gateway:
    """A real server on a free port; `answers` says what it does about each request, the last again and again."""

    def __init__(self, *answers: int | float) -> None:
        self.answers = answers
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            answer = self.answers[min(len(self.seen), len(self.answers) - 1)]
            self.seen.append((headers, body))
            if answer == 0:
                return  # hangs up without a word
            if isinstance(answer, float):
                await asyncio.sleep(answer)
                answer = 200
            writer.write(f"HTTP/1.1 {answer} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client gave up
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"


def message() -> Message:
    return Message(uuid4(), ANA_PHONE, "Tu código es 123456")


def sent_through(gateway: Gateway, sent: Message) -> None:
    async def main() -> None:
        async with gateway.running() as url:
            await through(url, sent)

    asyncio.run(main())


async def through(url: str, sent: Message) -> None:
    async with gateway_client() as client:
        await gateway_sender(client, url, SECRET, QUICK)(sent)


def test_the_gateway_can_check_who_sent_it_and_when() -> None:
    gateway, sent = Gateway(202), message()
    sent_through(gateway, sent)
    headers, body = gateway.seen[0]
    assert json.loads(body) == {"message_id": str(sent.message_id), "to": ANA_PHONE, "text": "Tu código es 123456"}
    timestamp = headers["x-gasolinera-timestamp"]
    assert abs(int(timestamp) - time.time()) < 5
    expected = hmac.digest(SECRET, timestamp.encode() + b"." + body, hashlib.sha256).hex()
    assert headers["x-gasolinera-signature"] == f"v1={expected}"
    assert headers["idempotency-key"] == str(sent.message_id)


@pytest.mark.parametrize("trouble", [(500, 503, 200), (429, 200), (0, 200), (5.0, 200), (0, 5.0, 200)])
def test_a_gateway_that_recovers_gets_the_same_message_again(trouble: tuple[int | float, ...]) -> None:
    gateway = Gateway(*trouble)
    sent_through(gateway, message())
    assert len(gateway.seen) == len(trouble)
    assert len({headers["idempotency-key"] for headers, _ in gateway.seen}) == 1
    assert len({body for _, body in gateway.seen}) == 1


@pytest.mark.parametrize(
    ("trouble", "tries"), [((500,), 3), ((5.0,), 3), ((0,), 3), ((400,), 1), ((401,), 1), ((302,), 1)]
)
def test_a_gateway_that_does_not_recover_is_given_up(trouble: tuple[int | float, ...], tries: int) -> None:
    gateway, begun = Gateway(*trouble), time.monotonic()
    with pytest.raises(DeliveryError) as failed:
        sent_through(gateway, message())
    assert len(gateway.seen) == tries
    assert time.monotonic() - begun < 3
    assert ANA_PHONE not in str(failed.value)
    assert "123456" not in str(failed.value)


def test_a_gateway_that_is_not_there_is_a_failed_delivery() -> None:
    with pytest.raises(DeliveryError, match="ConnectError"):
        asyncio.run(through("http://127.0.0.1:1/messages", message()))


def through_gateway(settings: Settings, url: str) -> Settings:
    return settings.model_copy(
        update={"sms_sender": "http", "sms_gateway_url": url, "sms_gateway_secret": SecretStr(SECRET.decode())}
    )


def test_a_code_that_did_not_leave_is_never_right_and_on_record(settings: Settings, admin: Conn) -> None:
    """A gateway that keeps the message and says it failed: not even the code that was in it is right."""
    got: list[str] = []
    gateway = Gateway(400)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = gateway.running()
    url = asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(5)
    try:
        with TestClient(create_app(through_gateway(settings, url))) as client:
            session = good(post(client, "/login/otp", {"phone_number": ANA_PHONE}), 202)["session_token"]
            until_undelivered(admin)
            got = [json.loads(body)["text"][-6:] for _, body in gateway.seen]
            for tries_left in (2, 1, 0):
                answer = post(client, "/login/verify", {"session_token": session, "code": got[0]})
                assert problem(answer) == (401, "code.wrong"), tries_left
            assert problem(post(client, "/login/verify", {"session_token": session, "code": got[0]})) == (
                410,
                "code.over",
            )
    finally:
        asyncio.run_coroutine_threadsafe(running.__aexit__(None, None, None), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
    assert ("OTP_DELIVERY_FAILED", False, "LOGIN") in events_of(admin, ANA)


def test_a_slow_gateway_holds_no_connection_to_the_database(settings: Settings, admin: Conn) -> None:
    """One connection in the pool, and twenty messages waiting on a gateway that hangs."""
    one = settings.model_copy(update={"pool_max_size": 1})

    async def main() -> None:
        gateway = Gateway(5.0)
        async with gateway.running() as url, open_database(one, "auth") as db, gateway_client() as client:
            send = gateway_sender(client, url, SECRET, Patience(try_s=1.0, tries=1))
            waiting = [asyncio.create_task(send(message())) for _ in range(20)]
            await asyncio.sleep(0.2)
            async with asyncio.timeout(0.5), db.connection() as conn:
                assert await conn.fetchval("SELECT 1") == 1
            failed = await asyncio.gather(*waiting, return_exceptions=True)
            assert all(isinstance(one, DeliveryError) for one in failed)

    asyncio.run(main())


def test_the_inbox_takes_a_message_once(settings: Settings, admin: Conn) -> None:
    sent = message()

    async def main() -> None:
        async with open_database(settings, "auth") as db:
            send = inbox_sender(db)
            await asyncio.gather(send(sent), send(sent))

    asyncio.run(main())
    rows = admin.execute("SELECT phone_number, message_text FROM auth_schema.development_inbox").fetchall()
    assert rows == [(ANA_PHONE, "Tu código es 123456")]


def test_the_terminal_shows_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(write_to_terminal(message()))
    shown = capsys.readouterr()
    assert (shown.out, "Tu código es 123456" in shown.err) == ("", True)


def test_production_has_neither_inbox_nor_terminal(settings: Settings) -> None:
    """The settings refuse it as well; whoever makes settings past them is refused here."""

    async def main() -> None:
        async with open_database(settings, "auth") as db:
            for sender in ("inbox", "console"):
                unsafe = settings.model_copy(update={"environment": Environment.PRODUCTION, "sms_sender": sender})
                with pytest.raises(ConfigError):
                    make_courier(unsafe, db)

    asyncio.run(main())


def test_no_line_of_the_log_has_the_number_or_the_code(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    with TestClient(create_app(through_gateway(settings, "http://127.0.0.1:1/messages"))) as client:
        post(client, "/login/otp", {"phone_number": ANA_PHONE})
    shown = "".join(capfd.readouterr())
    assert "message_not_delivered" in shown
    assert ANA_PHONE not in shown
    assert ANA_PHONE.removeprefix("+52") not in shown
