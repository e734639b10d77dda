"""Webhooks leave: claimed in batches, signed as Standard Webhooks says, sent while no connection is held, for a day.

A claim ends by itself. A receiver may get an event twice, and knows it by its id.
"""

import asyncio
import hashlib
import hmac
import random
import ssl
import time
from base64 import b64encode
from collections.abc import Sequence
from functools import cache, partial
from typing import Final

import httpx
import msgspec
import structlog

from gasolinera.auth import queries_webhooks as queries
from gasolinera.auth.models_webhooks import ClaimedDelivery, DeliveryStatus, Outcome, Sealed
from gasolinera.auth.webhooks import open_secrets
from gasolinera.auth.webhooks_target import TargetError, find_target
from gasolinera.config import Environment, Settings
from gasolinera.database import Database
from gasolinera.errors import GasolineraError, HTTPStatus
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.polling import poll

# Seconds after the first try, the second, …: twelve tries in 22 hours.
PAUSES_S: Final = (60, 120, 300, 600, 1200, 2400, 3600, 7200, 14_400, 21_600, 28_800)
_BATCH: Final = 40
_LOOPS: Final = 3
_MAX_ANSWER: Final = 1000
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Courier(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries are sent. `is_strict`: only to public addresses over https."""

    keyring: Keyring
    is_strict: bool
    try_s: float = 10.0
    pauses_s: Sequence[float] = PAUSES_S

    @property
    def claim_s(self) -> float:
        return 6 * self.try_s


async def send_webhooks(settings: Settings, db: Database, stop: asyncio.Event) -> None:
    """Send what is due until `stop`. Several loops, so that one that waits for a slow receiver delays no others."""
    courier = Courier(keyring=load_keyring(settings), is_strict=settings.environment is Environment.PRODUCTION)
    async with asyncio.TaskGroup() as tasks:
        for number in range(_LOOPS):
            tasks.create_task(poll(f"webhooks {number}", partial(send_due, db, courier), stop))


async def send_due(db: Database, courier: Courier) -> int:
    """One batch; says how many were due."""
    async with db.transaction() as conn:
        due = await queries.claim_deliveries(conn, limit=_BATCH, claim_s=courier.claim_s)
    if due:
        # The environment's proxies would connect to wherever they resolve the name to.
        async with httpx.AsyncClient(
            timeout=courier.try_s, verify=_tls(), trust_env=False, follow_redirects=False
        ) as client:
            await asyncio.gather(*(_deliver(db, courier, client, one) for one in due))
    return len(due)


async def _deliver(db: Database, courier: Courier, client: httpx.AsyncClient, claimed: ClaimedDelivery) -> None:
    outcome = await _try(courier, client, claimed)
    is_gone = outcome.status_code == HTTPStatus.GONE
    status = DeliveryStatus.PENDING
    if outcome.is_delivered:
        status = DeliveryStatus.DELIVERED
    elif is_gone or claimed.tries_left == 0:
        status = DeliveryStatus.DEAD
    pause_s = courier.pauses_s[-min(max(claimed.tries_left, 1), len(courier.pauses_s))]
    again_in_s = pause_s * random.uniform(0.9, 1.1)  # noqa: S311  keeps what failed together apart
    async with db.transaction() as conn:
        await queries.record_attempt(conn, claimed, outcome, status, again_in_s=again_in_s)
        if outcome.is_delivered:
            await queries.record_success(conn, claimed.endpoint_key)
        else:
            await queries.record_failure(conn, claimed.endpoint_key, is_gone=is_gone)
    if not outcome.is_delivered:
        _log.info(
            "webhook_not_delivered",
            delivery_id=str(claimed.delivery_id),
            status=outcome.status_code,
            reason=outcome.error,
            attempts=claimed.attempts,
            given_up=status is DeliveryStatus.DEAD,
        )


async def _try(courier: Courier, client: httpx.AsyncClient, claimed: ClaimedDelivery) -> Outcome:
    started = time.monotonic()
    status_code, response, error = None, None, None
    try:
        async with asyncio.timeout(courier.try_s):
            status_code, response = await _post(courier, client, claimed)
    except (TargetError, GasolineraError) as problem:
        error = str(problem)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as problem:
        error = type(problem).__name__
    duration_ms = int((time.monotonic() - started) * 1000)
    return Outcome(status_code=status_code, duration_ms=duration_ms, response=response, error=error)


async def _post(courier: Courier, client: httpx.AsyncClient, claimed: ClaimedDelivery) -> tuple[int, str]:
    target = await find_target(claimed.url, is_strict=courier.is_strict)
    body = claimed.body.encode()
    headers = {"host": target.host, "content-type": "application/cloudevents+json", "user-agent": "Gasolinera-Webhooks"}
    headers |= sign(_secrets_of(courier.keyring, claimed), str(claimed.event_id), int(time.time()), body)
    extensions = {"sni_hostname": target.name}  # the certificate is that of the name, whatever we connect to
    async with client.stream("POST", target.url, content=body, headers=headers, extensions=extensions) as answer:
        shown = b""
        async for chunk in answer.aiter_raw():
            shown += chunk
            if len(shown) >= _MAX_ANSWER:
                break
        text = shown[:_MAX_ANSWER].decode("utf-8", "replace").replace("\x00", "\ufffd")
        return answer.status_code, text


def _secrets_of(keyring: Keyring, claimed: ClaimedDelivery) -> tuple[bytes, ...]:
    sealed = [Sealed(claimed.secret_key_id, claimed.secret)]
    if claimed.previous_secret is not None and claimed.previous_secret_key_id is not None:
        sealed.append(Sealed(claimed.previous_secret_key_id, claimed.previous_secret))
    return open_secrets(keyring, claimed.endpoint_id, *sealed)


def sign(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks 1.0: a signature with each secret, over id, time and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"v1,{b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}" for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes some 20 ms of CPU: once a process."""
    return ssl.create_default_context()
