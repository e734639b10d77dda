"""How a text message leaves: to the terminal, into the development inbox, or through a gateway over HTTP.

Sending happens after the commit and holds no connection to the database while it waits. What goes through a gateway
leaves a moment after the answer, apart from the connection that asked: neither the time of that request nor of the
next one on the connection tells whether something was sent.
"""

import asyncio
import hashlib
import hmac
import random
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
import structlog

from gasolinera.auth import queries
from gasolinera.auth.models import Message
from gasolinera.config import Environment, Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConfigError, HTTPStatus

Send = Callable[[Message], Coroutine[Any, Any, None]]
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_LONGEST_PAUSE_S = 0.5  # between the answer and the sending through a gateway
_LAST_WAIT_S = 12.0  # for what is under way when a process ends: a little more than a gateway is given


class DeliveryError(Exception):
    """A message did not leave. The text is a reason without number or content."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a gateway is given. With these a message is given up after 10 s at most."""

    try_s: float = 3.0
    tries: int = 3
    wait_s: float = 0.25


class Courier(msgspec.Struct, frozen=True, kw_only=True):
    """What a route needs to have a message sent: `channel` as the table of codes says it, `domain` for filling in.

    `longest_pause_s` None: messages go nowhere outside, and whoever has the answer finds them there. `under_way` holds
    what is being sent; `client` is the process's one to the gateway.
    """

    send: Send
    channel: str
    domain: str
    db: Database
    longest_pause_s: float | None = None
    client: httpx.AsyncClient | None = None
    under_way: set[asyncio.Task[None]] = msgspec.field(default_factory=set[asyncio.Task[None]])


def make_courier(settings: Settings, db: Database) -> Courier:
    """Raises ConfigError `sms.not_for_production`: codes are not to be read in a log or on a page there."""
    domain = urlsplit(settings.public_url).hostname or "localhost"
    if settings.sms_sender == "http":
        assert settings.sms_gateway_url is not None, "the settings demand it with this sender"
        assert settings.sms_gateway_secret is not None, "the settings demand it with this sender"
        secret = settings.sms_gateway_secret.get_secret_value().encode()
        client = gateway_client()
        send = gateway_sender(client, settings.sms_gateway_url, secret)
        return Courier(send=send, channel="SMS", domain=domain, db=db, longest_pause_s=_LONGEST_PAUSE_S, client=client)
    if settings.environment is Environment.PRODUCTION:
        raise ConfigError("sms.not_for_production", "production sends codes through a gateway alone")
    if settings.sms_sender == "console":
        return Courier(send=write_to_terminal, channel="CONSOLE", domain=domain, db=db)
    return Courier(send=inbox_sender(db), channel="SMS", domain=domain, db=db)


@asynccontextmanager
async def open_courier(settings: Settings, db: Database) -> AsyncGenerator[Courier]:
    """The process's one. What is under way at the end still gets the time that a gateway is given."""
    courier = make_courier(settings, db)
    try:
        yield courier
    finally:
        if courier.under_way:
            _, late = await asyncio.wait(courier.under_way, timeout=_LAST_WAIT_S)
            for task in late:
                task.cancel()
        if courier.client is not None:
            await courier.client.aclose()


async def hand_over(courier: Courier, message: Message | None, context: RequestContext) -> None:
    """Have a message sent, or nothing, which takes as long."""
    if courier.longest_pause_s is None:
        if message is not None:
            await deliver(courier, message, context)
        return
    task = asyncio.create_task(_deliver_later(courier, courier.longest_pause_s, message, context))
    courier.under_way.add(task)
    task.add_done_callback(courier.under_way.discard)


async def _deliver_later(
    courier: Courier, longest_pause_s: float, message: Message | None, context: RequestContext
) -> None:
    await asyncio.sleep(random.uniform(0, longest_pause_s))  # noqa: S311  only keeps apart what could be compared
    if message is None:
        return
    try:
        await deliver(courier, message, context)
    except Exception as error:  # nobody waits for this task
        # Its text may name the phone.
        _log.error("message_lost", message_id=str(message.message_id), reason=type(error).__name__)


async def deliver(courier: Courier, message: Message, context: RequestContext) -> None:
    """Send, and where that fails let no code be right that nobody will get. Whoever waits for it asks again."""
    try:
        await courier.send(message)
    except DeliveryError as error:
        _log.warning("message_not_delivered", message_id=str(message.message_id), reason=str(error))
        if message.code_session_hash is not None:
            async with courier.db.transaction(context) as conn:
                await queries.record_undelivered(conn, message.code_session_hash)


async def write_to_terminal(message: Message) -> None:
    sys.stderr.write(f"\n--- text message to {message.phone_number} ---\n{message.text}\n---\n")
    sys.stderr.flush()


def inbox_sender(db: Database) -> Send:
    async def send(message: Message) -> None:
        try:
            async with db.connection() as conn:
                await queries.put_into_inbox(conn, message.message_id, message.phone_number, message.text)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise DeliveryError(type(error).__name__) from error

    return send


def gateway_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=Patience().try_s, verify=_tls())


def gateway_sender(client: httpx.AsyncClient, url: str, secret: bytes, patience: Patience | None = None) -> Send:
    """POST of JSON `{"message_id", "to", "text"}`, the id as Idempotency-Key, signed with HMAC-SHA-256 over
    `<timestamp>.<body>`. Tried again after a timeout, a lost connection, 429 and 5xx: the id makes that harmless.
    """
    patience = patience or Patience()

    async def send(message: Message) -> None:
        body = msgspec.json.encode({"message_id": message.message_id, "to": message.phone_number, "text": message.text})
        reason = ""
        for number in range(patience.tries):
            if number:
                pause_s = patience.wait_s * 2**number
                await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311  keeps rivals apart
            reason = await _post(client, url, secret, body, message, patience.try_s)
            if not reason:
                return
        raise DeliveryError(reason)

    return send


async def _post(client: httpx.AsyncClient, url: str, secret: bytes, body: bytes, message: Message, try_s: float) -> str:
    """One try; the reason for another one, or nothing. Raises DeliveryError where another try cannot help."""
    headers = {"content-type": "application/json", "idempotency-key": str(message.message_id)}
    headers |= sign(secret, body, int(time.time()))
    try:
        # The library's timeout is one for each read; a gateway that drips would be waited for without end.
        async with asyncio.timeout(try_s):
            answer = await client.post(url, content=body, headers=headers)
    except (httpx.HTTPError, TimeoutError) as error:
        return type(error).__name__
    if answer.is_success:
        return ""
    if answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return f"status {answer.status_code}"
    raise DeliveryError(f"status {answer.status_code}")


def sign(secret: bytes, body: bytes, timestamp: int) -> dict[str, str]:
    """The timestamp is part of what is signed, so that a gateway can refuse what somebody recorded."""
    signature = hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"x-gasolinera-timestamp": str(timestamp), "x-gasolinera-signature": f"v1={signature}"}


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes some 20 ms of CPU: once a process."""
    return ssl.create_default_context()
