"""Webhooks: endpoints of partners, and what events make for them. No SQL, no HTTP, no commit."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from gasolinera.auth import partners, queries_partners
from gasolinera.auth import queries_webhooks as queries
from gasolinera.auth.models_webhooks import (
    MAX_ENDPOINTS,
    NOT_FOR_PARTNERS,
    PARTNER_EVENTS,
    TEST_EVENT,
    Delivery,
    DeliveryLog,
    DeliveryPosition,
    DeliveryStatus,
    Endpoint,
    EndpointChange,
    EndpointWish,
    NewEndpoint,
    Sealed,
    StoredDelivery,
)
from gasolinera.config import Environment
from gasolinera.database import Connection, Database
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.events import Consumer, Event, encode_event
from gasolinera.jobs import Job
from gasolinera.keyring import Keyring
from gasolinera.paging import Page, page_of

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  the mark of Standard Webhooks
_SECRET_BYTES: Final = 32
_KEPT_DAYS: Final = 30


def check_url(url: str, environment: Environment) -> None:
    """Raises InputError `webhook.url`. Where the name leads is looked at for each delivery, not here."""
    try:
        parts = urlsplit(url)
        good = bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:
        raise _wrong_url("is not an address") from None
    if not good or parts.username is not None or parts.password is not None or parts.fragment:
        raise _wrong_url("is not an address such as https://example.org/hooks, without a password")
    schemes = ("https",) if environment is Environment.PRODUCTION else ("https", "http")
    if parts.scheme not in schemes:
        raise _wrong_url("does not begin with https://")


def _wrong_url(why: str) -> InputError:
    return InputError("webhook.url", f"the address {why}")


async def create_endpoint(conn: Connection, keyring: Keyring, partner_code: str, wish: EndpointWish) -> NewEndpoint:
    """Raises UnknownError `partner.unknown`, ConflictError `webhook.too_many`. Keeps the partner's row locked."""
    if await queries_partners.lock_partner(conn, partner_code) is None:
        await partners.get_partner(conn, partner_code)
    endpoint_id = uuid4()
    text, sealed = _new_secret(keyring, endpoint_id)
    made = await queries.create_endpoint(conn, partner_code, endpoint_id, wish, sealed)
    if made is None:
        raise ConflictError("webhook.too_many", f"this partner has {MAX_ENDPOINTS} endpoints already")
    return NewEndpoint(secret=text, endpoint=made)


async def list_endpoints(conn: Connection, partner_code: str) -> tuple[Endpoint, ...]:
    """Raises UnknownError `partner.unknown`."""
    found = await queries.list_endpoints(conn, partner_code)
    if not found:
        await partners.get_partner(conn, partner_code)
    return tuple(found)


async def change_endpoint(conn: Connection, partner_code: str, endpoint_id: UUID, change: EndpointChange) -> Endpoint:
    """What waits for an endpoint that is disabled is given up. Raises UnknownError `webhook.unknown`."""
    changed = await queries.change_endpoint(conn, partner_code, endpoint_id, change)
    if changed is None:
        raise _unknown()
    if change.is_active is False:
        await queries.give_up_waiting(conn, endpoint_id)
    return changed


async def rotate_secret(
    conn: Connection, keyring: Keyring, partner_code: str, endpoint_id: UUID, *, overlap: timedelta
) -> NewEndpoint:
    """Both secrets sign until the overlap is over. Raises UnknownError `webhook.unknown`."""
    text, sealed = _new_secret(keyring, endpoint_id)
    changed = await queries.rotate_secret(conn, partner_code, endpoint_id, sealed, overlap_s=overlap.total_seconds())
    if changed is None:
        raise _unknown()
    return NewEndpoint(secret=text, endpoint=changed)


async def send_test(conn: Connection, partner_code: str, endpoint_id: UUID) -> Delivery:
    """Raises UnknownError `webhook.unknown` for what is not there or not active."""
    event = Event(
        id=uuid4(),
        type=TEST_EVENT,
        source="urn:gasolinera:auth",
        aggregate="webhook",
        subject=str(endpoint_id),
        time=datetime.now(UTC),
        data={"message": "prueba de webhook · webhook test"},
    )
    made = await queries.make_test_delivery(
        conn, partner_code, endpoint_id, event_id=event.id, event_type=event.type, body=_body_of(event)
    )
    if made is None:
        raise _unknown("there is no such active webhook")
    return _as_delivery(made)


async def redeliver(conn: Connection, partner_code: str, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """Raises UnknownError `webhook.delivery_unknown`, ConflictError `webhook.under_way`."""
    again = await queries.redeliver(conn, partner_code, endpoint_id, delivery_id)
    if again is not None:
        return _as_delivery(again)
    await get_delivery(conn, partner_code, endpoint_id, delivery_id)
    raise ConflictError("webhook.under_way", "this delivery still waits, or its webhook is not active")


async def list_deliveries(
    conn: Connection,
    partner_code: str,
    endpoint_id: UUID,
    *,
    after: DeliveryPosition | None,
    limit: int,
    status: DeliveryStatus | None,
) -> Page[Delivery]:
    """The newest first; none for an endpoint that is not there."""
    before_id = after.id if after else None
    found = await queries.list_deliveries(
        conn, partner_code, endpoint_id, before_id=before_id, limit=limit + 1, status=status
    )
    page = page_of(found, limit=limit, position=lambda row: DeliveryPosition(row.id))
    return Page(tuple(_as_delivery(row) for row in page.items), page.next_cursor)


async def get_delivery(conn: Connection, partner_code: str, endpoint_id: UUID, delivery_id: UUID) -> DeliveryLog:
    """With its log. Raises UnknownError `webhook.delivery_unknown`."""
    found = await queries.get_delivery(conn, partner_code, endpoint_id, delivery_id)
    if found is None:
        raise UnknownError("webhook.delivery_unknown", "there is no such delivery")
    attempts = await queries.list_attempts(conn, delivery_id)
    return DeliveryLog(delivery=_as_delivery(found), body=found.body, attempts=tuple(attempts))


async def tell_partners(conn: Connection, event: Event) -> None:
    """One statement makes a delivery for each endpoint that wants the event. A second time it makes none."""
    data = {name: value for name, value in event.data.items() if name not in NOT_FOR_PARTNERS}
    station = data.get("station_code")
    told = Event(
        id=event.id,
        type=event.type,
        source=event.source,
        aggregate=event.aggregate,
        subject=event.subject,
        time=event.time,
        data=data,
        schema_version=event.schema_version,
    )
    station_code = station if isinstance(station, str) else None
    await queries.make_deliveries(conn, event.id, event.type, _body_of(told), station_code=station_code)


def open_secrets(keyring: Keyring, endpoint_id: UUID, *sealed: Sealed) -> tuple[bytes, ...]:
    return tuple(keyring.decrypt("webhook", one.key_id, one.data, context=endpoint_id.bytes) for one in sealed)


def _new_secret(keyring: Keyring, endpoint_id: UUID) -> tuple[str, Sealed]:
    """As it is shown, and as it is kept: bound to its endpoint, so that no row's secret serves another."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    key_id, data = keyring.encrypt("webhook", secret, context=endpoint_id.bytes)
    return SECRET_PREFIX + b64encode(secret).decode(), Sealed(key_id, data)


def _body_of(event: Event) -> str:
    return encode_event(event).decode()


def _as_delivery(row: StoredDelivery) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        event_id=row.event_id,
        event_type=row.event_type,
        status=row.status,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        delivered_at=row.delivered_at,
        created_at=row.created_at,
    )


def _unknown(message: str = "there is no such webhook") -> UnknownError:
    return UnknownError("webhook.unknown", message)


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        forgotten = await queries.forget_deliveries(conn, _KEPT_DAYS)
    return f"{forgotten} deliveries older than {_KEPT_DAYS} days forgotten"


CONSUMERS: Final = (Consumer("auth", PARTNER_EVENTS, tell_partners, "tell_partners"),)
FORGET_DELIVERIES: Final = Job(
    name="auth.forget_deliveries",
    service="auth",
    summary="Delete webhook deliveries that ended more than a month ago.",
    run=_forget,
    schedule="47 3 * * *",
)
