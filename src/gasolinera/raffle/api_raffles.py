"""Raffles over HTTP: for everybody who wants to look, and for those who run them."""

from typing import Annotated, Any, TypeAlias

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Permission
from gasolinera.raffle import raffles
from gasolinera.raffle.models import (
    MAX_PAGE,
    AuditEntry,
    AuditFilter,
    Cancellation,
    ManagedRaffle,
    NewRaffle,
    PublishedTerms,
    Raffle,
    RaffleChange,
    RaffleFilter,
    RaffleStatus,
    RaffleSummary,
    RaffleType,
)

_OPEN: dict[str, Any] = {"open": True, "limits": (Limit("ip", 120, 60),)}
_LOOK = [requires(Permission.RAFFLES_MANAGE)]
_MANAGE = [requires(Permission.RAFFLES_MANAGE, second_factor=True, fresh=True)]
INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "raffle.unknown", "there is no raffle with this code")
_NO_DRAFT = problem_spec(
    HTTPStatus.CONFLICT, "raffle.no_draft", "the raffle is OPEN, and only a draft can be changed so"
)
_STATUS = problem_spec(HTTPStatus.CONFLICT, "raffle.status", "a raffle that is CLOSED cannot become OPEN")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "raffle.code_taken", "another raffle has this code")
_STALE = problem_spec(HTTPStatus.PRECONDITION_FAILED, "raffle.stale", "somebody changed the raffle since it was read")
_NO_VERSION = problem_spec(
    HTTPStatus.PRECONDITION_REQUIRED, "raffle.version_needed", "the change does not say which version it is of"
)
PROBLEMS = {422: INVALID, 503: UNAVAILABLE}

_SUMMARY_EXAMPLE: dict[str, object] = {
    "raffle_code": "MONTHLY-2026-12",
    "name": "Sorteo mensual de diciembre",
    "raffle_type": "STANDARD",
    "selection_algorithm": "MERKLE_TREE",
    "status": "OPEN",
    "opens_at": "2026-12-01T06:00:00Z",
    "closes_at": "2027-01-01T06:00:00Z",
    "draw_at": "2027-01-02T18:00:00Z",
    "time_zone": "America/Mexico_City",
    "tickets": 182340,
    "participants": 20511,
}
_PRIZE_EXAMPLE: dict[str, object] = {
    "rank": 1,
    "name": "Combustible por 15,000 pesos",
    "description": None,
    "prize_type": "FUEL_CREDIT",
    "prize_value": "15000.00",
    "currency": "MXN",
    "quantity": 1,
    "quantity_remaining": 1,
    "delivery_method": "CREDIT",
    "image_url": None,
    "sponsor": None,
}
_RAFFLE_EXAMPLE: dict[str, object] = _SUMMARY_EXAMPLE | {
    "description": "Combustible para todo el mes.",
    "max_tickets_per_user": 100,
    "min_tickets_per_user": None,
    "allows_multiple_wins": False,
    "alternate_count": 5,
    "claim_days": 30,
    "organizer": "Gasolinera JSM",
    "permit_number": "SEGOB-2026-12",
    "terms_version": "1.0",
    "terms_sha256": "3f1c" + "0" * 60,
    "terms_url": "https://gasolinera-jsm.example/sorteos/monthly-2026-12",
    "min_age": 18,
    "excludes_employees": True,
    "takes_choices": True,
    "free_entries_per_day": 1,
    "cancellation_reason": None,
    "source_weights": None,
    "prizes": [_PRIZE_EXAMPLE],
}
_MANAGED_EXAMPLE: dict[str, object] = _RAFFLE_EXAMPLE | {
    "requires_active_account": True,
    "opens_by_itself": False,
    "opened_at": "2026-12-01T05:58:00Z",
    "closed_at": None,
    "drawing_at": None,
    "completed_at": None,
    "cancelled_at": None,
    "refused_tickets": 12,
    "version": 1795370400123456,
}
_TERMS_EXAMPLE: dict[str, object] = {"version": "1.0", "sha256": "3f1c" + "0" * 60, "text": "Bases del sorteo …"}
_AUDIT_EXAMPLE: dict[str, object] = {
    "id": 4711,
    "event_type": "RAFFLE_OPEN",
    "subject": None,
    "old_values": {"status": "DRAFT"},
    "new_values": {"status": "OPEN"},
    "actor": "a0000000-0000-4000-8000-000000000001",
    "correlation_id": "c-42",
    "ip_address": "203.0.113.7",
    "user_agent": "curl/8.5.0",
    "created_at": "2026-12-01T05:58:00Z",
}

CodeInPath: TypeAlias = Annotated[
    str, PathParameter(description="Its code, such as MONTHLY-2026-12; case does not matter.")
]
PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many at most.")]
Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=40, description="The ETag of the raffle that the change is of."),
]
_Status: TypeAlias = Annotated[RaffleStatus | None, QueryParameter(description="Any when left out.")]
_Type: TypeAlias = Annotated[RaffleType | None, QueryParameter(name="type", description="Any when left out.")]
_Text: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description="A part of the code or the name.",
    ),
]


def page(kind: type[msgspec.Struct], *items: object) -> ResponseSpec:
    return good(kind, "A page.", {"items": items, "next_cursor": None})


def _shown(raffle: ManagedRaffle, *, status: int = 200) -> Response[ManagedRaffle]:
    """With the version that a change must name."""
    return Response(raffle, status_code=status, headers={"etag": f'"{raffle.version}"'})


_MANAGED = good(ManagedRaffle, "The raffle as it is now.", _MANAGED_EXAMPLE)


@get(
    "/",
    opt=_OPEN,
    summary="List raffles",
    description="Those that are or were published, the newest first, with their dates and what is in them now.",
    responses={200: page(Page[RaffleSummary], _SUMMARY_EXAMPLE), **PROBLEMS},
)
async def list_route(
    db: NamedDependency[Database],
    status: _Status = None,
    raffle_type: _Type = None,
    q: _Text = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[RaffleSummary]:
    statuses = None if status is None else (status,)
    wanted = RaffleFilter(statuses=statuses, raffle_type=raffle_type, text=q)
    async with db.connection() as conn:
        return await raffles.list_raffles(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/managed",
    guards=_LOOK,
    summary="List all raffles for their staff",
    description="Drafts too, the newest first.",
    responses={200: page(Page[RaffleSummary], _SUMMARY_EXAMPLE), **PROBLEMS},
)
async def list_managed_route(
    db: NamedDependency[Database],
    status: _Status = None,
    raffle_type: _Type = None,
    q: _Text = None,
    cursor: Cursor = None,
    limit: PageLimit = 20,
) -> Page[RaffleSummary]:
    statuses = None if status is None else (status,)
    wanted = RaffleFilter(statuses=statuses, raffle_type=raffle_type, text=q, with_drafts=True)
    async with db.connection() as conn:
        return await raffles.list_raffles(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/{code:str}",
    opt=_OPEN,
    summary="Look up one raffle",
    description="Its rules, prizes, permit and terms, and what is in it now.",
    responses={200: good(Raffle, "The raffle.", _RAFFLE_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def raffle_route(db: NamedDependency[Database], code: CodeInPath) -> Raffle:
    async with db.connection() as conn:
        found = await raffles.published_raffle(conn, code.upper())
    return Raffle(**{name: getattr(found, name) for name in Raffle.__struct_fields__})


@get(
    "/{code:str}/managed",
    guards=_LOOK,
    summary="Look up one raffle for its staff",
    description="Its ETag is the version that a change must name.",
    responses={200: _MANAGED, 404: UNKNOWN, **PROBLEMS},
)
async def managed_route(db: NamedDependency[Database], code: CodeInPath) -> Response[ManagedRaffle]:
    async with db.connection() as conn:
        return _shown(await raffles.get_raffle(conn, code.upper()))


@get(
    "/{code:str}/terms",
    opt=_OPEN,
    summary="Read the terms of a raffle",
    responses={200: good(PublishedTerms, "The terms and their hash.", _TERMS_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def terms_route(
    db: NamedDependency[Database],
    code: CodeInPath,
    version: Annotated[
        str | None,
        QueryParameter(max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)", description="Default: in force."),
    ] = None,
) -> PublishedTerms:
    async with db.connection() as conn:
        return await raffles.get_terms(conn, code.upper(), version, with_drafts=False)


@post(
    "/",
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Draft a raffle",
    responses={201: _MANAGED, 409: _TAKEN, **PROBLEMS},
)
async def create_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[NewRaffle]
) -> Response[ManagedRaffle]:
    async with db.transaction(context) as conn:
        await raffles.create_raffle(conn, data)
        return _shown(await raffles.get_raffle(conn, data.raffle_code), status=201)


@patch(
    "/{code:str}",
    guards=_MANAGE,
    summary="Change a raffle",
    description="What is left out stays. Of an open raffle name, description, organizer and terms_url alone.",
    responses={200: _MANAGED, 404: UNKNOWN, 409: _NO_DRAFT, 412: _STALE, 428: _NO_VERSION, **PROBLEMS},
)
async def change_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[RaffleChange],
    if_match: _IfMatch = None,
) -> Response[ManagedRaffle]:
    version = raffles.parse_version(if_match)
    async with db.transaction(context) as conn:
        await raffles.change_raffle(conn, code.upper(), data, version=version)
        return _shown(await raffles.get_raffle(conn, code.upper()))


@delete(
    "/{code:str}",
    guards=_MANAGE,
    summary="Delete a draft",
    description="With its prizes and terms. What was published is cancelled instead.",
    responses={204: ResponseSpec(None, description="It is gone."), 404: UNKNOWN, 409: _NO_DRAFT, **PROBLEMS},
)
async def delete_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: CodeInPath
) -> None:
    async with db.transaction(context) as conn:
        await raffles.delete_draft(conn, code.upper())


@post(
    "/{code:str}/opening",
    status_code=200,
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Publish a raffle",
    description="It needs a prize, dates and terms; from now on its rules stay, and entries are taken in its window.",
    responses={200: _MANAGED, 404: UNKNOWN, 409: _STATUS, **PROBLEMS},
)
async def open_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: CodeInPath
) -> Response[ManagedRaffle]:
    async with db.transaction(context) as conn:
        await raffles.open_raffle(conn, code.upper())
        return _shown(await raffles.get_raffle(conn, code.upper()))


@post(
    "/{code:str}/closing",
    status_code=200,
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Close a raffle whose time is over",
    description="A job does it by itself. It waits while messages about tickets from before the end are on their way.",
    responses={200: _MANAGED, 404: UNKNOWN, 409: _STATUS, **PROBLEMS},
)
async def close_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], code: CodeInPath
) -> Response[ManagedRaffle]:
    async with db.transaction(context) as conn:
        await raffles.close_raffle(conn, code.upper())
        return _shown(await raffles.get_raffle(conn, code.upper()))


@post(
    "/{code:str}/cancellation",
    status_code=200,
    guards=_MANAGE,
    opt={"idempotent": True},
    summary="Cancel a raffle",
    description="For good, with a reason that everybody can read. Its tickets go back to their holders.",
    responses={200: _MANAGED, 404: UNKNOWN, 409: _STATUS, **PROBLEMS},
)
async def cancel_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: CodeInPath,
    data: JSONBody[Cancellation],
) -> Response[ManagedRaffle]:
    async with db.transaction(context) as conn:
        await raffles.cancel_raffle(conn, code.upper(), data.reason)
        return _shown(await raffles.get_raffle(conn, code.upper()))


@get(
    "/{code:str}/audit",
    guards=_LOOK,
    summary="What was done to a raffle",
    description="Its states, prizes, draws, winners and disqualifications: who, when and from where; the latest first.",
    responses={200: page(Page[AuditEntry], _AUDIT_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def audit_route(
    db: NamedDependency[Database], code: CodeInPath, cursor: Cursor = None, limit: PageLimit = 50
) -> Page[AuditEntry]:
    async with db.connection() as conn:
        return await raffles.audit(conn, code.upper(), AuditFilter(), cursor=cursor, limit=limit)


HANDLERS = (
    list_route,
    list_managed_route,
    raffle_route,
    managed_route,
    terms_route,
    create_route,
    change_route,
    delete_route,
    open_route,
    close_route,
    cancel_route,
    audit_route,
)
