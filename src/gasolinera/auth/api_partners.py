"""Partners over HTTP, for administrators with a second factor; and what gates of other processes ask."""

from datetime import timedelta
from typing import Annotated

import msgspec
from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.auth import partners
from gasolinera.auth.models_partners import (
    DEFAULT_OVERLAP,
    MAX_KEY_DAYS,
    ApiKey,
    HistoryEntry,
    KeyWish,
    NewApiKey,
    Partner,
    PartnerPage,
)
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.permissions import Permission

_MALFORMED = problem_spec(HTTPStatus.BAD_REQUEST, "request.malformed", "the request is not well-formed")
_STRANGER = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(
    HTTPStatus.FORBIDDEN, "auth.second_factor_needed", "this needs a login with the second factor"
)
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "partner.unknown", "there is no partner with this code")
_EXISTS = problem_spec(HTTPStatus.CONFLICT, "partner.exists", "there is a partner with this code already")
_TOO_MANY_KEYS = problem_spec(HTTPStatus.CONFLICT, "api_key.too_many", "this partner has 20 live keys already")
_ROTATED = problem_spec(HTTPStatus.CONFLICT, "api_key.rotated", "this key has a successor already")
_OVER = problem_spec(HTTPStatus.GONE, "api_key.over", "there is no such live key")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_PROBLEMS = {400: _MALFORMED, 401: _STRANGER, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_MANAGE = [requires(Permission.PARTNERS_MANAGE, second_factor=True, fresh=True)]

_PARTNER_EXAMPLE = {
    "partner_code": "POS-NORTE",
    "name": "Sistemas de Cobro del Norte",
    "contact_email": "soporte@example.com",
    "is_active": True,
    "created_at": "2026-11-20T16:00:00Z",
}
_KEY_EXAMPLE = {
    "prefix": "k3Jx9_Qa",
    "label": "cajas de la estación centro",
    "scopes": ["prices:set"],
    "station_code": "JSM001",
    "requests_per_minute": 300,
    "expires_at": "2027-11-20T16:00:00Z",
    "last_used_at": None,
    "revoked_at": None,
    "created_at": "2026-11-20T16:00:00Z",
}
_NEW_KEY_EXAMPLE = {"api_key": "gjsm_k3Jx9_Qa_" + "x" * 43, "key": _KEY_EXAMPLE}
_HISTORY_EXAMPLE = {
    "event_type": "API_KEY_REVOKED",
    "key_prefix": "k3Jx9_Qa",
    "new_values": {"label": "cajas de la estación centro"},
    "actor": "a0000000-0000-4000-8000-000000000001",
    "correlation_id": "0af7651916cd43dd8448eb211c80319c",
    "created_at": "2026-11-20T16:00:00Z",
}

_PartnerCode = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{1,18}[A-Z0-9]$(?!\n)", description="Capitals, digits and hyphens."),
]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)")]
_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)")]
_Email = Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]+$(?!\n)")]
_Code = Annotated[str, PathParameter(description="The partner's code.", pattern=r"^[A-Z0-9-]{3,20}$(?!\n)")]
_Prefix = Annotated[
    str, PathParameter(description="The beginning that the list shows.", pattern=r"^[A-Za-z0-9_-]{8}$(?!\n)")
]


class _NewPartner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    partner_code: _PartnerCode
    name: _Name
    contact_email: _Email | None = None


class _PartnerChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Name | None = None
    contact_email: _Email | None = None
    is_active: bool | None = None


class _KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: _Label
    scopes: Annotated[frozenset[Permission], msgspec.Meta(min_length=1, max_length=20)]
    station_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    requests_per_minute: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 300
    valid_days: Annotated[int, msgspec.Meta(ge=1, le=MAX_KEY_DAYS)] = 365


class _Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=720)] = int(DEFAULT_OVERLAP.total_seconds() // 3600)


class ApiKeys(msgspec.Struct, frozen=True):
    items: tuple[ApiKey, ...]


class History(msgspec.Struct, frozen=True):
    items: tuple[HistoryEntry, ...]


@get(
    "/partners",
    summary="List partners",
    guards=_MANAGE,
    responses={
        200: good(PartnerPage, "A page of partners.", {"items": [_PARTNER_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def list_route(
    db: NamedDependency[Database],
    cursor: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9-]{3,20}$(?!\n)", description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 50,
) -> PartnerPage:
    async with db.connection() as conn:
        return await partners.list_partners(conn, after=cursor, limit=limit)


@post(
    "/partners",
    summary="Create a partner",
    guards=_MANAGE,
    responses={201: good(Partner, "The partner.", _PARTNER_EXAMPLE), 409: _EXISTS, **_PROBLEMS},
)
async def create_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[_NewPartner]
) -> Partner:
    async with db.transaction(context) as conn:
        return await partners.create_partner(conn, data.partner_code, name=data.name, contact_email=data.contact_email)


@patch(
    "/partners/{code:str}",
    summary="Change, deactivate or activate a partner",
    guards=_MANAGE,
    responses={200: good(Partner, "The partner.", _PARTNER_EXAMPLE), 404: _UNKNOWN, **_PROBLEMS},
)
async def change_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: _Code, data: JSONBody[_PartnerChange]
) -> Partner:
    async with db.transaction(context) as conn:
        return await partners.change_partner(
            conn, code, name=data.name, contact_email=data.contact_email, is_active=data.is_active
        )


@get(
    "/partners/{code:str}/keys",
    summary="List a partner's API keys",
    guards=_MANAGE,
    responses={200: good(ApiKeys, "The newest first.", {"items": [_KEY_EXAMPLE]}), 404: _UNKNOWN, **_PROBLEMS},
)
async def list_keys_route(db: NamedDependency[Database], code: _Code) -> ApiKeys:
    async with db.connection() as conn:
        return ApiKeys(await partners.list_api_keys(conn, code))


@get(
    "/partners/{code:str}/history",
    summary="What was done to a partner and its keys",
    guards=[requires(Permission.AUDIT_READ, second_factor=True)],
    responses={200: good(History, "The newest first.", {"items": [_HISTORY_EXAMPLE]}), 404: _UNKNOWN, **_PROBLEMS},
)
async def history_route(db: NamedDependency[Database], code: _Code) -> History:
    async with db.connection() as conn:
        return History(await partners.list_history(conn, code))


@post(
    "/partners/{code:str}/keys",
    summary="Make an API key",
    description="The key itself is in this answer and can never be read again.",
    guards=_MANAGE,
    responses={
        201: good(NewApiKey, "The key.", _NEW_KEY_EXAMPLE),
        404: _UNKNOWN,
        409: _TOO_MANY_KEYS,
        **_PROBLEMS,
    },
)
async def create_key_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: _Code, data: JSONBody[_KeyRequest]
) -> Response[NewApiKey]:
    wish = KeyWish(
        label=data.label,
        scopes=data.scopes,
        station_code=data.station_code,
        requests_per_minute=data.requests_per_minute,
        valid_for=timedelta(days=data.valid_days),
    )
    async with db.transaction(context) as conn:
        made = await partners.create_api_key(conn, code, wish)
    return _unkept(made)


@post(
    "/partners/{code:str}/keys/{prefix:str}/rotate",
    summary="Make the successor of an API key",
    description="It has the same rights. The old key is good for some hours more: 168 if not said.",
    guards=_MANAGE,
    responses={
        201: good(NewApiKey, "The key.", _NEW_KEY_EXAMPLE),
        404: _UNKNOWN,
        409: _ROTATED,
        410: _OVER,
        **_PROBLEMS,
    },
)
async def rotate_key_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: _Code,
    prefix: _Prefix,
    data: JSONBody[_Rotation],
) -> Response[NewApiKey]:
    async with db.transaction(context) as conn:
        made = await partners.rotate_api_key(conn, code, prefix, overlap=timedelta(hours=data.overlap_hours))
    return _unkept(made)


@post(
    "/partners/{code:str}/keys/{prefix:str}/revoke",
    summary="Revoke an API key",
    description="It is refused everywhere within five seconds.",
    status_code=200,
    guards=_MANAGE,
    responses={
        200: good(ApiKey, "The key.", _KEY_EXAMPLE | {"revoked_at": "2026-11-21T09:00:00Z"}),
        404: problem_spec(HTTPStatus.NOT_FOUND, "api_key.unknown", "this partner has no such key"),
        **_PROBLEMS,
    },
)
async def revoke_key_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: _Code, prefix: _Prefix
) -> ApiKey:
    async with db.transaction(context) as conn:
        return await partners.revoke_api_key(conn, code, prefix)


def _unkept(made: NewApiKey) -> Response[NewApiKey]:
    """No cache on the way may keep a secret."""
    return Response(made, status_code=201, headers={"cache-control": "no-store"})


HANDLERS = (
    list_route,
    create_route,
    change_route,
    list_keys_route,
    history_route,
    create_key_route,
    rotate_key_route,
    revoke_key_route,
)
