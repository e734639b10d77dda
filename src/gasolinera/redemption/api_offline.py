"""Terminals without a connection over HTTP: for the devices when they are back, and for who looks after them."""

from typing import Annotated, Any, Final, TypeAlias

from litestar import Request, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import offline, offline_conflicts
from gasolinera.redemption.api import coupons_in, terminal_of
from gasolinera.redemption.models_offline import (
    Chain,
    Lease,
    LeaseWish,
    Limits,
    LimitsWish,
    OfflineRedemption,
    ResolutionWish,
    SyncAnswer,
    SyncRequest,
)
from gasolinera.terminal_calls import HEADER

_SEE: Final = [requires(Permission.OFFLINE_REVIEW)]
_JUDGE: Final = [requires(Permission.OFFLINE_REVIEW, second_factor=True, fresh=True)]
_SET: Final = [requires(Permission.OFFLINE_LIMITS, second_factor=True, fresh=True)]

_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(
    HTTPStatus.FORBIDDEN, "auth.other_station", "this account may not see the terminals of that station"
)
_OWN = problem_spec(HTTPStatus.FORBIDDEN, "offline.own_case", "nobody resolves what he himself had part in")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNFIT = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "offline.limits", "the limits contradict each other")
_MALFORMED = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "offline.malformed", "this is no entry of a terminal")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_NOT_SIGNED = problem_spec(
    HTTPStatus.UNAUTHORIZED, "terminal.signature_invalid", "this is not signed by a terminal that is enrolled"
)
_NOT_ENABLED = problem_spec(
    HTTPStatus.FORBIDDEN, "offline.not_enabled", "this station takes no coupons without a connection"
)
_UNSYNCED = problem_spec(
    HTTPStatus.CONFLICT, "offline.unsynced", "the terminal and the platform know different last entries"
)
_BROKEN = problem_spec(HTTPStatus.CONFLICT, "offline.chain_broken", "what this terminal signed does not fit together")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "offline.unknown", "there is no such conflict")
_NO_LIMITS = problem_spec(HTTPStatus.NOT_FOUND, "offline.limits_unknown", "nobody has set limits for this station")
_RESOLVED = problem_spec(HTTPStatus.CONFLICT, "offline.resolved", "this conflict is resolved, and stays so")
_PROBLEMS = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}
_DEVICE: Final = {"open": True, "limits": (Limit("ip", 120, 60),)}

_LEASE_EXAMPLE: dict[str, object] = {
    "lease_id": "5b1f0c9e-4a55-4f7e-9d1c-0d5d0c1f8f0a",
    "terminal_code": "TRM000001",
    "station_code": "JSM001",
    "first_sequence": 43,
    "issued_at": "2026-11-23T18:00:00Z",
    "expires_at": "2026-11-24T06:00:00Z",
    "currency": "MXN",
    "max_amount": "2000.00",
    "max_discount": "100.00",
    "max_count": 40,
    "max_total": "2000.00",
    "campaign_codes": None,
}
_SYNC_EXAMPLE: dict[str, object] = {
    "head_sequence": 43,
    "head_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "entries": [
        {
            "sequence": 43,
            "status": "CONFLICT",
            "reason": "ALREADY_USED",
            "transaction_reference": "RDM-20261123-000042",
        }
    ],
    "stopped_by": None,
}
_LIMITS_EXAMPLE: dict[str, object] = {
    "station_code": "JSM001",
    "is_enabled": True,
    "currency": "MXN",
    "max_amount": "2000.00",
    "max_discount": "100.00",
    "max_count": 40,
    "max_total": "2000.00",
    "max_hours": 12,
    "campaign_codes": None,
    "updated_at": "2026-11-20T16:00:00Z",
}
_CHAIN_EXAMPLE: dict[str, object] = {
    "terminal_code": "TRM000001",
    "station_code": "JSM001",
    "head_sequence": 43,
    "synced_at": "2026-11-23T20:00:00Z",
    "broken_at": None,
    "broken_because": None,
    "lease_expires_at": "2026-11-24T06:00:00Z",
    "used_count": 1,
    "used_total": "50.00",
    "conflicts": 1,
}
_CONFLICT_EXAMPLE: dict[str, object] = {
    "terminal_code": "TRM000001",
    "sequence": 43,
    "station_code": "JSM001",
    "employee_number": "EMP000022",
    "user_id": "0b8f2f7e-6f0e-4f0c-9a55-1d9f5b0f4a11",
    "coupon_code": "7K2M9QXD4T5WP",
    "campaign_code": "WELCOME2026",
    "fuel_type": "REGULAR",
    "amount": "500.00",
    "discount_amount": "50.00",
    "settled_discount": None,
    "currency": "MXN",
    "used_at": "2026-11-23T19:00:00Z",
    "received_at": "2026-11-23T20:00:00Z",
    "status": "CONFLICT",
    "reason": "ALREADY_USED",
    "transaction_reference": "RDM-20261123-000042",
    "accepted_by": None,
    "accepted_because": None,
    "resolution": None,
    "resolved_by": None,
    "resolved_at": None,
    "notes": None,
}

_Signature: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name=HEADER,
        max_length=300,
        description="terminal=…, time=…, nonce=…, signature=…; each request is signed anew.",
    ),
]
_Terminal: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^TRM[0-9]{6,15}$(?!\n)", description="Such as TRM000001.")
]
_Sequence: TypeAlias = Annotated[int, PathParameter(ge=1, le=10**15, description="The entry's number.")]
_Station: TypeAlias = Annotated[str, PathParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="Such as JSM001.")]
_AtStation: TypeAlias = Annotated[
    str | None, QueryParameter(name="station", pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="Of this station.")
]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]


@post(
    "/offline/leases",
    opt=_DEVICE,
    summary="What a terminal may take without a connection",
    description="Signed by the terminal, which names its last entry: everything must be synced. Ends the lease before.",
    responses={
        201: good(Lease, "The lease.", _LEASE_EXAMPLE),
        401: _NOT_SIGNED,
        403: _NOT_ENABLED,
        409: _UNSYNCED,
        422: _INVALID,
        503: _UNAVAILABLE,
    },
)
async def lease_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    request: Request[Any, Any, Any],
    data: JSONBody[LeaseWish],
    terminal_signature: _Signature,
) -> Lease:
    terminal = await terminal_of(request, context, terminal_signature)
    assert terminal is not None, "the header is required"
    return await offline.open_lease(db, context, terminal, data)


@post(
    "/offline/entries",
    status_code=200,
    opt=_DEVICE,
    summary="Tell what a terminal took without a connection",
    description="Signed by the terminal, as is each entry. Entries are kept in the order of their numbers, each once; "
    "sent again they get the same answer. What the coupon service does not confirm is a conflict for a person, and the "
    "customer keeps the discount.",
    responses={
        200: good(SyncAnswer, "What became of them.", _SYNC_EXAMPLE),
        401: _NOT_SIGNED,
        409: _BROKEN,
        422: _MALFORMED,
        503: _UNAVAILABLE,
    },
)
async def sync_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    request: Request[Any, Any, Any],
    users: NamedDependency[UserDirectory],
    data: JSONBody[SyncRequest],
    terminal_signature: _Signature,
) -> SyncAnswer:
    terminal = await terminal_of(request, context, terminal_signature)
    assert terminal is not None, "the header is required"
    asked = offline.Asked(coupons_in(request.app.state), users)
    return await offline.sync(db, asked, context, terminal, data.entries)


@get(
    "/offline/terminals",
    guards=_SEE,
    summary="List terminals that take coupons without a connection",
    description="How far each has synced, what is used of its lease, and whether what it signed fits together. A "
    "station's administrator sees the own station's.",
    responses={
        200: good(Page[Chain], "A page of terminals.", {"items": [_CHAIN_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def chains_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    station: _AtStation = None,
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[Chain]:
    async with db.connection() as conn:
        return await offline_conflicts.list_chains(conn, caller, station, cursor=cursor, limit=limit)


@get(
    "/offline/conflicts",
    guards=_SEE,
    summary="List what terminals took and coupons did not give",
    description="Newest first; those that wait for a person, or the resolved ones. A station's administrator sees the "
    "own station's.",
    responses={
        200: good(Page[OfflineRedemption], "A page of conflicts.", {"items": [_CONFLICT_EXAMPLE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def conflicts_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    station: _AtStation = None,
    resolved: Annotated[bool, QueryParameter(description="Those that somebody has resolved.")] = False,
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[OfflineRedemption]:
    async with db.connection() as conn:
        return await offline_conflicts.list_conflicts(
            conn, caller, station, is_resolved=resolved, cursor=cursor, limit=limit
        )


@post(
    "/offline/conflicts/{terminal:str}/{sequence:int}/resolve",
    status_code=200,
    guards=_JUDGE,
    summary="Resolve a conflict",
    description="CLAIMED: the station bears the discount. NOT_GIVEN: nobody had it. For the chain's administrators "
    "alone: WRITTEN_OFF: the chain bears it; ACCEPT: the coupon service is asked in spite of the reason.",
    responses={
        200: good(
            OfflineRedemption,
            "The entry.",
            _CONFLICT_EXAMPLE
            | {
                "resolution": "WRITTEN_OFF",
                "resolved_by": "a0000000-0000-4000-8000-000000000001",
                "resolved_at": "2026-11-24T16:00:00Z",
                "notes": "Two stations in the same outage.",
            },
        ),
        404: _UNKNOWN,
        409: _RESOLVED,
        **(_PROBLEMS | {403: _OWN}),
    },
)
async def resolve_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
    state: State,
    terminal: _Terminal,
    sequence: _Sequence,
    data: JSONBody[ResolutionWish],
) -> OfflineRedemption:
    asked = offline.Asked(coupons_in(state), users)
    return await offline_conflicts.resolve(db, asked, context, caller, (terminal, sequence), data)


@get(
    "/offline/limits/{station_code:str}",
    guards=_SEE,
    summary="What a station's terminals may take without a connection",
    responses={200: good(Limits, "The limits.", _LIMITS_EXAMPLE), 404: _NO_LIMITS, **_PROBLEMS},
)
async def limits_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], station_code: _Station
) -> Limits:
    async with db.connection() as conn:
        return await offline_conflicts.get_limits(conn, caller, station_code)


@put(
    "/offline/limits/{station_code:str}",
    guards=_SET,
    summary="Set what a station's terminals may take without a connection",
    description="Counts from each terminal's next lease on. A station without limits takes nothing this way.",
    responses={200: good(Limits, "The limits.", _LIMITS_EXAMPLE), **(_PROBLEMS | {422: _UNFIT})},
)
async def set_limits_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    station_code: _Station,
    data: JSONBody[LimitsWish],
) -> Limits:
    async with db.transaction(context) as conn:
        return await offline_conflicts.put_limits(conn, station_code, data)


HANDLERS = (
    lease_route,
    sync_route,
    chains_route,
    conflicts_route,
    resolve_route,
    limits_route,
    set_limits_route,
)
