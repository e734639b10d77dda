"""The only reader of `queries_webhooks.sql`: one typed function a query."""

from uuid import UUID

from gasolinera.auth.models_webhooks import (
    MAX_ENDPOINTS,
    Attempt,
    ClaimedDelivery,
    DeliveryStatus,
    Endpoint,
    EndpointChange,
    EndpointWish,
    Outcome,
    Sealed,
    StoredDelivery,
)
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.auth", "queries_webhooks.sql")
_CREATE_ENDPOINT = _SQL["create_endpoint"]
_LIST_ENDPOINTS = _SQL["list_endpoints"]
_CHANGE_ENDPOINT = _SQL["change_endpoint"]
_ROTATE_SECRET = _SQL["rotate_secret"]
_MAKE_DELIVERIES = _SQL["make_deliveries"]
_MAKE_TEST = _SQL["make_test_delivery"]
_CLAIM = _SQL["claim_deliveries"]
_RECORD_ATTEMPT = _SQL["record_attempt"]
_RECORD_SUCCESS = _SQL["record_success"]
_RECORD_FAILURE = _SQL["record_failure"]
_GIVE_UP = _SQL["give_up_waiting"]
_REDELIVER = _SQL["redeliver"]
_LIST_DELIVERIES = _SQL["list_deliveries"]
_GET_DELIVERY = _SQL["get_delivery"]
_LIST_ATTEMPTS = _SQL["list_attempts"]
_FORGET = _SQL["forget_deliveries"]


async def create_endpoint(
    conn: Connection, partner_code: str, endpoint_id: UUID, wish: EndpointWish, secret: Sealed
) -> Endpoint | None:
    """Needs the partner's lock; None when the partner has as many as it may."""
    return await fetch_optional(
        conn,
        Endpoint,
        _CREATE_ENDPOINT,
        partner_code,
        endpoint_id,
        wish.url,
        wish.description,
        list(wish.event_types),
        wish.station_code,
        secret.data,
        secret.key_id,
        MAX_ENDPOINTS,
    )


async def list_endpoints(conn: Connection, partner_code: str) -> list[Endpoint]:
    return await fetch_all(conn, Endpoint, _LIST_ENDPOINTS, partner_code)


async def change_endpoint(
    conn: Connection, partner_code: str, endpoint_id: UUID, change: EndpointChange
) -> Endpoint | None:
    types = None if change.event_types is None else list(change.event_types)
    return await fetch_optional(
        conn,
        Endpoint,
        _CHANGE_ENDPOINT,
        partner_code,
        endpoint_id,
        change.url,
        change.description,
        types,
        change.is_active,
    )


async def rotate_secret(
    conn: Connection, partner_code: str, endpoint_id: UUID, secret: Sealed, *, overlap_s: float
) -> Endpoint | None:
    return await fetch_optional(
        conn, Endpoint, _ROTATE_SECRET, partner_code, endpoint_id, secret.data, secret.key_id, overlap_s
    )


async def make_deliveries(
    conn: Connection, event_id: UUID, event_type: str, body: str, *, station_code: str | None
) -> None:
    await conn.execute(_MAKE_DELIVERIES, event_id, event_type, body, station_code)


async def make_test_delivery(
    conn: Connection, partner_code: str, endpoint_id: UUID, *, event_id: UUID, event_type: str, body: str
) -> StoredDelivery | None:
    return await fetch_optional(conn, StoredDelivery, _MAKE_TEST, partner_code, endpoint_id, event_id, event_type, body)


async def claim_deliveries(conn: Connection, *, limit: int, claim_s: float) -> list[ClaimedDelivery]:
    return await fetch_all(conn, ClaimedDelivery, _CLAIM, limit, claim_s)


async def record_attempt(
    conn: Connection, claimed: ClaimedDelivery, outcome: Outcome, status: DeliveryStatus, *, again_in_s: float
) -> None:
    await conn.execute(
        _RECORD_ATTEMPT,
        claimed.id,
        claimed.attempts,
        outcome.status_code,
        outcome.duration_ms,
        outcome.response,
        outcome.error,
        status,
        again_in_s,
    )


async def record_success(conn: Connection, endpoint_key: int) -> None:
    await conn.execute(_RECORD_SUCCESS, endpoint_key)


async def record_failure(conn: Connection, endpoint_key: int, *, is_gone: bool) -> None:
    await conn.execute(_RECORD_FAILURE, endpoint_key, is_gone)


async def give_up_waiting(conn: Connection, endpoint_id: UUID) -> None:
    await conn.execute(_GIVE_UP, endpoint_id)


async def redeliver(conn: Connection, partner_code: str, endpoint_id: UUID, delivery_id: UUID) -> StoredDelivery | None:
    return await fetch_optional(conn, StoredDelivery, _REDELIVER, partner_code, endpoint_id, delivery_id)


async def list_deliveries(
    conn: Connection,
    partner_code: str,
    endpoint_id: UUID,
    *,
    before_id: int | None,
    limit: int,
    status: DeliveryStatus | None,
) -> list[StoredDelivery]:
    return await fetch_all(conn, StoredDelivery, _LIST_DELIVERIES, partner_code, endpoint_id, before_id, limit, status)


async def get_delivery(
    conn: Connection, partner_code: str, endpoint_id: UUID, delivery_id: UUID
) -> StoredDelivery | None:
    return await fetch_optional(conn, StoredDelivery, _GET_DELIVERY, partner_code, endpoint_id, delivery_id)


async def list_attempts(conn: Connection, delivery_id: UUID) -> list[Attempt]:
    return await fetch_all(conn, Attempt, _LIST_ATTEMPTS, delivery_id)


async def forget_deliveries(conn: Connection, older_than_days: int) -> int:
    status = await conn.execute(_FORGET, older_than_days)
    return int(status.rpartition(" ")[2])
