"""People over HTTP, for administrators with a second factor: lists, roles, activation, locks, sessions, figures."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.auth import administration, statistics
from gasolinera.auth.api import INVALID, MALFORMED, UNAVAILABLE, phone_of
from gasolinera.auth.api_account import EndedSessions
from gasolinera.auth.models_administration import ListedUser, Statistics, User, UserFilter, UserPosition
from gasolinera.auth.phones import MAX_TYPED
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page, decode_cursor
from gasolinera.permissions import Caller, Permission, Role

_READ = [requires(Permission.USERS_READ, second_factor=True, fresh=True)]
_MANAGE = [requires(Permission.USERS_MANAGE, second_factor=True, fresh=True)]
STRANGER = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.second_factor_needed", "this needs a login with the second factor")
UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "user.unknown", "there is no such user")
_CONFLICT = problem_spec(HTTPStatus.CONFLICT, "user.last_administrator", "this is the last active administrator")
PROBLEMS = {400: MALFORMED, 401: STRANGER, 403: FORBIDDEN, 422: INVALID, 503: UNAVAILABLE}
_ONE = {**PROBLEMS, 404: UNKNOWN, 409: _CONFLICT}
_LISTED = {
    "public_id": "a0000000-0000-4000-8000-000000000051",
    "phone_number": "+525551000051",
    "first_name": "Ana",
    "last_name": "García",
    "role": "CUSTOMER",
    "is_active": True,
    "has_second_factor": False,
    "locked_until": None,
    "last_login_at": "2026-11-20T18:00:00Z",
    "created_at": "2026-09-20T18:00:00Z",
}
_USER = _LISTED | {
    "email": "ana.garcia@example.com",
    "preferred_language": "es",
    "terms_version": "2026-01",
    "erased_at": None,
    "sessions": 1,
}
_SHOWN = good(User, "The user as it is now.", _USER)

UserId = Annotated[UUID, PathParameter(description="Public reference of the user.")]
CursorText = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
PageLimit = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]
_PersonRole = Annotated[
    str, msgspec.Meta(pattern="^(CUSTOMER|EMPLOYEE|STATION_ADMIN|SYSTEM_ADMIN)$(?!\\n)", description="A person's role.")
]


class RoleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: _PersonRole


@get(
    "/users",
    summary="List and search users",
    description="By phone exactly, or by the beginning of the whole name or of the family name; with a role, active "
    "or not.",
    guards=_READ,
    responses={200: good(Page[ListedUser], "A page.", {"items": [_LISTED], "next_cursor": None}), **PROBLEMS},
)
async def list_users_route(
    db: NamedDependency[Database],
    state: State,
    role: Annotated[
        str | None, QueryParameter(pattern=r"^(CUSTOMER|EMPLOYEE|STATION_ADMIN|SYSTEM_ADMIN)$(?!\n)")
    ] = None,
    active: Annotated[bool | None, QueryParameter(description="Default: both.")] = None,
    phone: Annotated[
        str | None,
        QueryParameter(
            max_length=MAX_TYPED, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)", description="With its country code."
        ),
    ] = None,
    name: Annotated[
        str | None, QueryParameter(min_length=2, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)")
    ] = None,
    cursor: CursorText = None,
    limit: PageLimit = 50,
) -> Page[ListedUser]:
    wanted = UserFilter(
        role=Role(role) if role else None,
        is_active=active,
        phone_number=phone_of(phone, state) if phone else None,
        name=name,
    )
    after = decode_cursor(UserPosition, cursor)
    async with db.connection() as conn:
        return await administration.list_users(conn, wanted, after=after, limit=limit)


@get("/users/{public_id:uuid}", summary="Show a user", guards=_READ, responses={**PROBLEMS, 200: _SHOWN, 404: UNKNOWN})
async def get_user_route(db: NamedDependency[Database], public_id: UserId) -> User:
    async with db.connection() as conn:
        return await administration.get_user(conn, public_id)


@put(
    "/users/{public_id:uuid}/role",
    summary="Set a user's role",
    description="Never your own. The user's sessions end. A station's staff gets its role from the employment, whose "
    "next change sets it again.",
    guards=_MANAGE,
    responses={**_ONE, 200: _SHOWN},
)
async def set_role_route(
    data: JSONBody[RoleBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> User:
    async with db.transaction(context) as conn:
        return await administration.set_role(conn, caller.user_id, public_id, Role(data.role))


@post(
    "/users/{public_id:uuid}/deactivate",
    summary="Deactivate a user",
    description="Every session and access token ends at once. Never yourself.",
    status_code=200,
    guards=_MANAGE,
    responses={**_ONE, 200: _SHOWN},
)
async def deactivate_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> User:
    async with db.transaction(context) as conn:
        return await administration.set_active(conn, caller.user_id, public_id, is_active=False)


@post(
    "/users/{public_id:uuid}/activate",
    summary="Activate a user",
    status_code=200,
    guards=_MANAGE,
    responses={**_ONE, 200: _SHOWN},
)
async def activate_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> User:
    async with db.transaction(context) as conn:
        return await administration.set_active(conn, caller.user_id, public_id, is_active=True)


@post(
    "/users/{public_id:uuid}/unlock",
    summary="Unlock a user",
    description="Forgets failed codes, those of the second factor too.",
    status_code=200,
    guards=_MANAGE,
    responses={**_ONE, 200: _SHOWN},
)
async def unlock_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], public_id: UserId
) -> User:
    async with db.transaction(context) as conn:
        return await administration.unlock(conn, public_id)


@post(
    "/users/{public_id:uuid}/logout",
    summary="End a user's sessions",
    status_code=200,
    guards=_MANAGE,
    responses={**_ONE, 200: good(EndedSessions, "How many sessions ended.", {"ended_sessions": 2})},
)
async def end_user_sessions_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], public_id: UserId
) -> EndedSessions:
    async with db.transaction(context) as conn:
        return EndedSessions(await administration.end_sessions(conn, public_id))


@post(
    "/users/{public_id:uuid}/second-factor/reset",
    summary="Take a lost second factor away",
    description="The sessions end, and the user's next login enrols another. Never your own.",
    status_code=200,
    guards=_MANAGE,
    responses={**_ONE, 200: _SHOWN},
)
async def reset_second_factor_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    public_id: UserId,
) -> User:
    async with db.transaction(context) as conn:
        return await administration.reset_second_factor(conn, caller.user_id, public_id)


@get(
    "/statistics",
    summary="Users and logins in figures",
    description="As of the last refresh, which a job does each hour.",
    guards=_READ,
    responses={
        200: good(
            Statistics,
            "The figures.",
            {
                "summary": {
                    "users": 42,
                    "active_users": 41,
                    "staff": 28,
                    "erased_users": 0,
                    "with_second_factor": 1,
                    "logged_in_30d": 38,
                    "new_users_this_month": 3,
                    "logins_this_month": 120,
                    "codes_failed_this_month": 4,
                    "accounts_locked_this_month": 0,
                    "refreshed_at": "2026-11-20T18:40:00Z",
                },
                "users": [],
                "logins": [],
            },
        ),
        **PROBLEMS,
    },
)
async def statistics_route(db: NamedDependency[Database]) -> Statistics:
    async with db.connection() as conn:
        return await statistics.get_statistics(conn)


HANDLERS = (
    list_users_route,
    get_user_route,
    set_role_route,
    deactivate_route,
    activate_route,
    unlock_route,
    end_user_sessions_route,
    reset_second_factor_route,
    statistics_route,
)
