"""How a text message leaves: to the terminal, into the development inbox, or through a gateway over HTTP.

Sending happens after the commit and holds no connection to the database while it waits.
"""

import asyncio
import hashlib
import hmac
import random
import ssl
import sys
import time
from collections.abc import Callable, Coroutine
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


class DeliveryError(Exception):
    """A message did not leave. The text is a reason without number or content."""


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a gateway is given. With these a message is given up after 10 s at most."""

    try_s: float = 3.0
    tries: int = 3
    wait_s: float = 0.25


class Courier(msgspec.Struct, frozen=True):
    """What a route needs to have a message sent: `channel` as the table of codes says it, `domain` for filling in."""

    send: Send
    channel: str
    domain: str
    db: Database


def make_courier(settings: Settings, db: Database) -> Courier:
    """Raises ConfigError `sms.not_for_production`: codes are not to be read in a log or on a page there."""
    domain = urlsplit(settings.public_url).hostname or "localhost"
    if settings.sms_sender == "http":
        assert settings.sms_gateway_url is not None, "the settings demand it with this sender"
        assert settings.sms_gateway_secret is not None, "the settings demand it with this sender"
        secret = settings.sms_gateway_secret.get_secret_value().encode()
        return Courier(gateway_sender(settings.sms_gateway_url, secret), "SMS", domain, db)
    if settings.environment is Environment.PRODUCTION:
        raise ConfigError("sms.not_for_production", "production sends codes through a gateway alone")
    if settings.sms_sender == "console":
        return Courier(write_to_terminal, "CONSOLE", domain, db)
    return Courier(inbox_sender(db), "SMS", domain, db)


async def deliver(courier: Courier, message: Message, context: RequestContext) -> None:
    """Send, and where that fails void the code that nobody will get. Whoever waits for it asks again."""
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


def gateway_sender(url: str, secret: bytes, patience: Patience | None = None) -> Send:
    """POST of JSON `{"message_id", "to", "text"}`, the id as Idempotency-Key, signed with HMAC-SHA-256 over
    `<timestamp>.<body>`. Tried again after a timeout, a lost connection, 429 and 5xx: the id makes that harmless.
    """
    patience = patience or Patience()

    async def send(message: Message) -> None:
        body = msgspec.json.encode({"message_id": message.message_id, "to": message.phone_number, "text": message.text})
        reason = ""
        async with httpx.AsyncClient(timeout=patience.try_s, verify=_tls()) as client:
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
