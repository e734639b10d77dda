"""The log, a person's data, and forgetting a person, over HTTP."""

from datetime import datetime
from ipaddress import ip_address
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, QueryParameter

from gasolinera.auth import audit, erasure
from gasolinera.auth.api import (
    COURIER,
    LOCKED,
    OVER,
    SESSION_EXAMPLE,
    TOO_MANY,
    WRONG_CODE,
    Code,
    SessionToken,
    asked,
    way_of,
)
from gasolinera.auth.api_administration import PROBLEMS, UNKNOWN, CursorText, PageLimit, UserId
from gasolinera.auth.errors import accepted
from gasolinera.auth.models import CodeSession
from gasolinera.auth.models_administration import (
    AuditEntry,
    AuditFilter,
    AuditPosition,
    ExportedPerson,
    OwnAuditEntry,
)
from gasolinera.auth.senders import Courier
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, InputError, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import Page, decode_cursor
from gasolinera.permissions import Caller, Permission
from gasolinera.personal_data import Elsewhere

_AUDIT = [requires(Permission.AUDIT_READ, second_factor=True)]
_MANAGE = [requires(Permission.USERS_MANAGE, second_factor=True, fresh=True)]
_OWN = [requires(Permission.PROFILE)]
_OWN_NOW = [requires(Permission.PROFILE, fresh=True)]
_EMPLOYED = problem_spec(HTTPStatus.CONFLICT, "erasure.employed", "this person works at a station")
_MISSING = problem_spec(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "export.station_unavailable",
    "what the station service holds about this person cannot be had now",
)
_UNKEPT = {"cache-control": "no-store"}
_ENTRY = {
    "id": 4711,
    "event_type": "LOGIN_SUCCEEDED",
    "succeeded": True,
    "session_id": "fa000000-0000-4000-8000-000000000051",
    "reason": None,
    "ip_address": "203.0.113.7",
    "user_agent": "Gasolinera/1.0 (Android 16)",
    "created_at": "2026-11-20T18:00:00Z",
}
_FULL_ENTRY = _ENTRY | {
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "old_values": None,
    "new_values": None,
    "actor": None,
    "correlation_id": "0af7651916cd43dd8448eb211c80319c",
}
_DATA: dict[str, object] = {
    "account": {
        "public_id": "a0000000-0000-4000-8000-000000000051",
        "phone_number": "+525551000051",
        "first_name": "Ana",
        "last_name": "García",
        "email": None,
        "role": "CUSTOMER",
        "is_active": True,
        "preferred_language": "es",
        "phone_verified_at": None,
        "last_login_at": None,
        "terms_version": "2026-01",
        "terms_accepted_at": "2026-09-20T18:00:00Z",
        "age_confirmed_at": "2026-09-20T18:00:00Z",
        "second_factor_enabled_at": None,
        "erased_at": None,
        "created_at": "2026-09-20T18:00:00Z",
        "updated_at": "2026-09-20T18:00:00Z",
    },
    "sessions": [],
    "codes": [],
    "employments": [],
    "log": [],
    "acts": [],
    "notifications": [],
    "preferences": {"choices": [], "quiet_hours": None},
    "incomplete": [],
    "services": [
        {
            "service": "station",
            "holdings": [
                {
                    "name": "terminals",
                    "is_complete": True,
                    "rows": [
                        {
                            "terminal_code": "TRM000001",
                            "station_code": "JSM001",
                            "name": "Caja 2",
                            "revoked_at": None,
                            "enrolled_at": "2026-11-20T16:00:00Z",
                        }
                    ],
                }
            ],
        }
    ],
}


def _provide_elsewhere(state: State) -> Elsewhere:
    found: Elsewhere = state["elsewhere"]
    return found


ELSEWHERE = {"elsewhere": Provide(_provide_elsewhere, sync_to_thread=False)}


class ErasureBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_token: SessionToken
    code: Code


def _user_of(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people have this permission"
    return caller.user_id


@get(
    "/audit",
    summary="Search the log",
    description="Newest first; of the last day where no time is given. More than 31 days of a user or a request alone.",
    guards=_AUDIT,
    responses={200: good(Page[AuditEntry], "A page.", {"items": [_FULL_ENTRY], "next_cursor": None}), **PROBLEMS},
)
async def audit_route(  # noqa: PLR0913, PLR0917  one argument a query parameter
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    user_id: Annotated[UUID | None, QueryParameter(description="Public reference.")] = None,
    event_type: Annotated[str | None, QueryParameter(pattern=r"^[A-Z_]{1,40}$(?!\n)")] = None,
    since: Annotated[datetime | None, QueryParameter(description="With its offset.")] = None,
    until: Annotated[datetime | None, QueryParameter(description="With its offset; not included.")] = None,
    address: Annotated[str | None, QueryParameter(name="ip", max_length=45, pattern=r"^[0-9A-Fa-f.:]+$(?!\n)")] = None,
    correlation_id: Annotated[str | None, QueryParameter(pattern=r"^[A-Za-z0-9._:@/+=-]{1,100}$(?!\n)")] = None,
    cursor: CursorText = None,
    limit: PageLimit = 50,
) -> Page[AuditEntry]:
    is_narrow = user_id is not None or correlation_id is not None
    start, end = audit.chosen_range(since, until, is_narrow=is_narrow, now=keyring.clock())
    wanted = AuditFilter(
        since=start,
        until=end,
        event_type=event_type,
        ip_address=_address(address),
        user_id=user_id,
        correlation_id=correlation_id,
    )
    after = decode_cursor(AuditPosition, cursor)
    async with db.connection() as conn:
        return await audit.search(conn, wanted, after=after, limit=limit)


def _address(text: str | None) -> str | None:
    try:
        return text and str(ip_address(text))
    except ValueError:
        raise InputError("audit.address", "this is no address", "write it as in 203.0.113.7 or 2001:db8::1") from None


@get(
    "/audit/mine",
    summary="What happened to your account",
    description="Of the last year, newest first.",
    guards=_OWN,
    responses={
        200: good(Page[OwnAuditEntry], "A page.", {"items": [_ENTRY | {"by_you": True}], "next_cursor": None}),
        **PROBLEMS,
    },
)
async def own_audit_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: CursorText = None,
    limit: PageLimit = 50,
) -> Page[OwnAuditEntry]:
    after = decode_cursor(AuditPosition, cursor)
    async with db.connection() as conn:
        return await audit.list_own(conn, _user_of(caller), after=after, limit=limit)


@get(
    "/export",
    summary="Get your data",
    description="Everything that the platform holds about you, of all its services; at most 10,000 of a kind, the "
    "newest. Where one of them does not answer nothing is given.",
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 5, 3600),)},
    dependencies=ELSEWHERE,
    responses={200: good(ExportedPerson, "Your data.", _DATA), **PROBLEMS, 503: _MISSING},
)
async def export_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    elsewhere: NamedDependency[Elsewhere],
) -> Response[ExportedPerson]:
    return await _export(db, keyring, context, elsewhere, _user_of(caller))


@get(
    "/users/{public_id:uuid}/export",
    summary="Get the data of a person who asked for it",
    guards=_MANAGE,
    dependencies=ELSEWHERE,
    responses={200: good(ExportedPerson, "The person's data.", _DATA), 404: UNKNOWN, **PROBLEMS, 503: _MISSING},
)
async def export_user_route(
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    elsewhere: NamedDependency[Elsewhere],
    public_id: UserId,
) -> Response[ExportedPerson]:
    return await _export(db, keyring, context, elsewhere, public_id)


async def _export(
    db: Database, keyring: Keyring, context: RequestContext, elsewhere: Elsewhere, user_id: UUID
) -> Response[ExportedPerson]:
    """The others first: no connection is held while they are asked, and what fails was not given."""
    services = await elsewhere.gather(user_id)
    async with db.transaction(context) as conn:
        return Response(await erasure.export(conn, keyring, user_id, services), headers=_UNKEPT)


@post(
    "/erasure/otp",
    summary="Ask for a code to have your account erased",
    status_code=202,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 10, 60),)},
    dependencies=COURIER,
    responses={202: good(CodeSession, "A code is on its way.", SESSION_EXAMPLE), 429: TOO_MANY, **PROBLEMS},
)
async def erasure_code_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Response[CodeSession]:
    user, way = _user_of(caller), way_of(courier, context)
    outcome = await db.run(lambda conn: erasure.request_own(conn, keyring, user, way), context)
    return asked(outcome, courier, context)


@post(
    "/erasure",
    summary="Have your account erased",
    description="At once and for good: your phone, names and sessions go; your reference stays in the books. "
    "Who works at a station leaves there first.",
    status_code=204,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 20, 60),)},
    responses={**PROBLEMS, 401: WRONG_CODE, 409: _EMPLOYED, 410: OVER, 423: LOCKED},
)
async def erase_own_route(
    data: JSONBody[ErasureBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
) -> None:
    user = _user_of(caller)
    outcome = await db.run(
        lambda conn: erasure.erase_own(conn, keyring, user, session_token=data.session_token, code=data.code), context
    )
    accepted(outcome)


@delete(
    "/users/{public_id:uuid}",
    summary="Erase a person who asked for it",
    description="At once and for good. Doing it again changes nothing. Never yourself.",
    status_code=204,
    guards=_MANAGE,
    responses={404: UNKNOWN, 409: _EMPLOYED, **PROBLEMS},
)
async def erase_user_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> None:
    await db.run(lambda conn: erasure.erase_for(conn, keyring, caller.user_id, public_id), context)


HANDLERS = (
    audit_route,
    own_audit_route,
    export_route,
    export_user_route,
    erasure_code_route,
    erase_own_route,
    erase_user_route,
)
