"""Webhooks of partners over HTTP, for administrators with a second factor."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, patch, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.auth import webhooks
from gasolinera.auth.models_webhooks import (
    DEFAULT_OVERLAP,
    Delivery,
    DeliveryLog,
    DeliveryPosition,
    DeliveryStatus,
    Endpoint,
    EndpointChange,
    EndpointWish,
    NewEndpoint,
    PartnerEvent,
)
from gasolinera.authentication import requires
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page, decode_cursor
from gasolinera.permissions import Permission
from gasolinera.texts import text

_MANAGE = [requires(Permission.WEBHOOKS_MANAGE, second_factor=True, fresh=True)]
_UNKNOWN_PARTNER = problem_spec(HTTPStatus.NOT_FOUND, "partner.unknown", "there is no partner with this code")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "webhook.unknown", "there is no such webhook")
_UNKNOWN_DELIVERY = problem_spec(HTTPStatus.NOT_FOUND, "webhook.delivery_unknown", "there is no such delivery")
_TOO_MANY = problem_spec(HTTPStatus.CONFLICT, "webhook.too_many", "this partner has 10 endpoints already")
_UNDER_WAY = problem_spec(HTTPStatus.CONFLICT, "webhook.under_way", "this delivery still waits")
_BAD_URL = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "webhook.url", "the address does not begin with https://")

_ENDPOINT_ID = "0f6f3e2c-6a51-4b0e-9d1c-0d5d0c1f8f0a"
_ENDPOINT_EXAMPLE = {
    "endpoint_id": _ENDPOINT_ID,
    "url": "https://pos.example.com/gasolinera",
    "description": "cobros",
    "event_types": ["redemption.completed", "redemption.cancelled"],
    "station_code": "JSM001",
    "is_active": True,
    "disabled_reason": None,
    "failing_since": None,
    "last_success_at": "2026-11-20T16:00:00Z",
    "created_at": "2026-11-01T16:00:00Z",
}
_NEW_EXAMPLE = {"secret": "whsec_" + "A" * 43 + "=", "endpoint": _ENDPOINT_EXAMPLE}
_DELIVERY_EXAMPLE = {
    "delivery_id": "5d2f1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10",
    "event_id": "6f1c1d0e-4b9e-4a54-9d2c-6d1d9a4c2f10",
    "event_type": "redemption.completed",
    "status": "PENDING",
    "attempts": 1,
    "next_attempt_at": "2026-11-20T16:01:00Z",
    "delivered_at": None,
    "created_at": "2026-11-20T16:00:00Z",
}
_LOG_EXAMPLE = {
    "delivery": _DELIVERY_EXAMPLE,
    "body": '{"specversion":"1.0"}',
    "attempts": [
        {
            "attempt": 1,
            "status_code": 503,
            "duration_ms": 120,
            "response": "busy",
            "error": None,
            "created_at": "2026-11-20T16:00:00Z",
        }
    ],
}

_Code = Annotated[str, PathParameter(description="The partner's code.", max_length=20)]
_EndpointId = Annotated[UUID, PathParameter(description="Which webhook.")]
_DeliveryId = Annotated[UUID, PathParameter(description="Which delivery.")]
_Url = Annotated[
    str, msgspec.Meta(max_length=500, pattern=r"^https?://[^\s@#\x00-\x1f\x7f]+$(?!\n)", description="Where to POST.")
]
_Description = Annotated[str, text(200)]
_Types = Annotated[tuple[PartnerEvent, ...], msgspec.Meta(min_length=1, max_length=20)]


class _NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: _Url
    event_types: _Types
    description: _Description | None = None
    station_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None


class _EndpointChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: _Url | None = None
    event_types: _Types | None = None
    description: _Description | None = None
    is_active: bool | None = None


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=168)] = int(DEFAULT_OVERLAP.total_seconds() // 3600)


class Endpoints(msgspec.Struct, frozen=True):
    items: tuple[Endpoint, ...]


def _environment_check(state: State, url: str | None) -> None:
    if url is not None:
        settings: Settings = state["settings"]
        webhooks.check_url(url, settings.environment)


def _distinct(types: tuple[PartnerEvent, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(types))


@get(
    "/partners/{code:str}/webhooks",
    summary="List a partner's webhooks",
    guards=_MANAGE,
    responses={200: good(Endpoints, "The oldest first.", {"items": [_ENDPOINT_EXAMPLE]}), 404: _UNKNOWN_PARTNER},
)
async def list_route(db: NamedDependency[Database], code: _Code) -> Endpoints:
    async with db.connection() as conn:
        return Endpoints(await webhooks.list_endpoints(conn, code))


@post(
    "/partners/{code:str}/webhooks",
    summary="Make a webhook",
    description="The secret is in this answer and can never be read again. In production the address begins with "
    "https:// and leads to a public address.",
    guards=_MANAGE,
    responses={
        201: good(NewEndpoint, "The webhook.", _NEW_EXAMPLE),
        404: _UNKNOWN_PARTNER,
        409: _TOO_MANY,
        422: _BAD_URL,
    },
)
async def create_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    state: State,
    code: _Code,
    data: JSONBody[_NewEndpoint],
) -> Response[NewEndpoint]:
    _environment_check(state, data.url)
    wish = EndpointWish(
        url=data.url,
        description=data.description,
        event_types=_distinct(data.event_types),
        station_code=data.station_code,
    )
    async with db.transaction(context) as conn:
        made = await webhooks.create_endpoint(conn, keyring, code, wish)
    return _unkept(made)


@patch(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}",
    summary="Change, disable or enable a webhook",
    description="What waits for a webhook that is disabled is given up; it can be delivered again later.",
    guards=_MANAGE,
    responses={200: good(Endpoint, "The webhook.", _ENDPOINT_EXAMPLE), 404: _UNKNOWN, 422: _BAD_URL},
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    code: _Code,
    endpoint_id: _EndpointId,
    data: JSONBody[_EndpointChange],
) -> Endpoint:
    _environment_check(state, data.url)
    change = EndpointChange(
        url=data.url,
        description=data.description,
        event_types=None if data.event_types is None else _distinct(data.event_types),
        is_active=data.is_active,
    )
    async with db.transaction(context) as conn:
        return await webhooks.change_endpoint(conn, code, endpoint_id, change)


@post(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}/secret",
    summary="Make a new secret of a webhook",
    description="Until the overlap is over, 24 hours if not said, each delivery has two signatures.",
    guards=_MANAGE,
    responses={201: good(NewEndpoint, "The webhook.", _NEW_EXAMPLE), 404: _UNKNOWN},
)
async def rotate_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    code: _Code,
    endpoint_id: _EndpointId,
    data: JSONBody[_Rotation],
) -> Response[NewEndpoint]:
    overlap = timedelta(hours=data.overlap_hours)
    async with db.transaction(context) as conn:
        made = await webhooks.rotate_secret(conn, keyring, code, endpoint_id, overlap=overlap)
    return _unkept(made)


@post(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}/test",
    summary="Send a test to a webhook",
    description="An event `webhook.test`, delivered as all others are.",
    status_code=202,
    guards=_MANAGE,
    responses={202: good(Delivery, "The delivery.", _DELIVERY_EXAMPLE), 404: _UNKNOWN},
)
async def test_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: _Code, endpoint_id: _EndpointId
) -> Delivery:
    async with db.transaction(context) as conn:
        return await webhooks.send_test(conn, code, endpoint_id)


@get(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}/deliveries",
    summary="List deliveries to a webhook",
    description="Kept for 30 days.",
    guards=_MANAGE,
    responses={
        200: good(Page[Delivery], "The newest first.", {"items": [_DELIVERY_EXAMPLE], "next_cursor": None}),
        404: _UNKNOWN,
    },
)
async def deliveries_route(
    db: NamedDependency[Database],
    code: _Code,
    endpoint_id: _EndpointId,
    cursor: Annotated[
        str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 50,
    status: Annotated[DeliveryStatus | None, QueryParameter(description="Only those.")] = None,
) -> Page[Delivery]:
    after = decode_cursor(DeliveryPosition, cursor)
    async with db.connection() as conn:
        return await webhooks.list_deliveries(conn, code, endpoint_id, after=after, limit=limit, status=status)


@get(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}/deliveries/{delivery_id:uuid}",
    summary="A delivery, and every try of it",
    guards=_MANAGE,
    responses={200: good(DeliveryLog, "With its log, the newest first.", _LOG_EXAMPLE), 404: _UNKNOWN_DELIVERY},
)
async def delivery_route(
    db: NamedDependency[Database], code: _Code, endpoint_id: _EndpointId, delivery_id: _DeliveryId
) -> DeliveryLog:
    async with db.connection() as conn:
        return await webhooks.get_delivery(conn, code, endpoint_id, delivery_id)


@post(
    "/partners/{code:str}/webhooks/{endpoint_id:uuid}/deliveries/{delivery_id:uuid}/redeliver",
    summary="Deliver once more",
    description="With the same id and body; whoever has had it knows it by its id.",
    status_code=202,
    guards=_MANAGE,
    responses={202: good(Delivery, "The delivery.", _DELIVERY_EXAMPLE), 404: _UNKNOWN_DELIVERY, 409: _UNDER_WAY},
)
async def redeliver_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    endpoint_id: _EndpointId,
    delivery_id: _DeliveryId,
) -> Delivery:
    async with db.transaction(context) as conn:
        return await webhooks.redeliver(conn, code, endpoint_id, delivery_id)


def _unkept(made: NewEndpoint) -> Response[NewEndpoint]:
    """No cache on the way may keep a secret."""
    return Response(made, status_code=201, headers={"cache-control": "no-store"})


HANDLERS = (
    list_route,
    create_route,
    change_route,
    rotate_route,
    test_route,
    deliveries_route,
    delivery_route,
    redeliver_route,
)
