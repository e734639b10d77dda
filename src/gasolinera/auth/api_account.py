"""The own account over HTTP: profile, sessions, terms, and the move to another phone."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, UnsetType

from gasolinera.auth import codes, profile, sessions
from gasolinera.auth.api import (
    COURIER,
    INACTIVE,
    INVALID,
    LOCKED,
    MALFORMED,
    OVER,
    SESSION_EXAMPLE,
    TERMS,
    TOO_MANY,
    UNAUTHENTICATED,
    UNAVAILABLE,
    WRONG_CODE,
    Code,
    PhoneNumber,
    SessionToken,
    asked,
    phone_of,
    way_of,
)
from gasolinera.auth.errors import accepted
from gasolinera.auth.models import (
    CodeSession,
    Email,
    Language,
    Name,
    Profile,
    ProfileChange,
    Session,
    TermsVersion,
)
from gasolinera.auth.senders import Courier, hand_over
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission

_OWN = requires(Permission.PROFILE)
_OWN_NOW = requires(Permission.PROFILE, fresh=True)
_PROBLEMS = {401: UNAUTHENTICATED, 503: UNAVAILABLE}
_PROFILE_EXAMPLE = {
    "public_id": "a0000000-0000-4000-8000-000000000051",
    "phone_number": "+525551000051",
    "first_name": "Ana",
    "last_name": "García",
    "email": "ana.garcia@example.com",
    "preferred_language": "es",
    "role": "CUSTOMER",
    "terms_version": "2026-01",
    "terms_accepted_at": "2026-09-20T18:00:00Z",
    "age_confirmed_at": "2026-09-20T18:00:00Z",
    "has_second_factor": False,
    "created_at": "2026-09-20T18:00:00Z",
}
_SESSION = {
    "session_id": "fa000000-0000-4000-8000-000000000051",
    "device_name": "Teléfono de Ana",
    "ip_address": "203.0.113.7",
    "user_agent": "Gasolinera/1.0 (Android 16)",
    "started_at": "2026-11-01T12:00:00Z",
    "last_used_at": "2026-11-20T12:00:00Z",
    "expires_at": "2026-11-27T12:00:00Z",
    "is_current": True,
}


class ProfileBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; `email: null` removes the address."""

    first_name: Name | UnsetType = UNSET
    last_name: Name | UnsetType = UNSET
    email: Email | UnsetType | None = UNSET
    preferred_language: Language | UnsetType = UNSET


class TermsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    terms_version: TermsVersion
    age_confirmed: Literal[True] | None = None


class PhoneChangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phone_number: PhoneNumber


class PhoneVerifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_token: SessionToken
    code: Code


class Sessions(msgspec.Struct, frozen=True):
    items: tuple[Session, ...]


class EndedSessions(msgspec.Struct, frozen=True):
    ended_sessions: int


def _user_of(caller: Caller) -> UUID:
    assert caller.user_id is not None, "only people have this permission"
    return caller.user_id


@post("/logout", summary="Log out here", status_code=204, guards=[_OWN], responses=_PROBLEMS)
async def logout_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], context: NamedDependency[RequestContext]
) -> None:
    if caller.session_id is None:
        return
    user, session = _user_of(caller), caller.session_id
    await db.run(lambda conn: sessions.log_out(conn, user, session), context)


@post(
    "/logout/everywhere",
    summary="Log out on every device",
    status_code=200,
    guards=[_OWN],
    responses={200: good(EndedSessions, "How many sessions ended.", {"ended_sessions": 2}), **_PROBLEMS},
)
async def logout_everywhere_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], context: NamedDependency[RequestContext]
) -> EndedSessions:
    user = _user_of(caller)
    return EndedSessions(await db.run(lambda conn: sessions.log_out_everywhere(conn, user), context))


@get(
    "/sessions",
    summary="List where you are logged in",
    guards=[_OWN],
    responses={200: good(Sessions, "The last used first; 100 at most.", {"items": [_SESSION]}), **_PROBLEMS},
)
async def sessions_route(db: NamedDependency[Database], caller: NamedDependency[Caller]) -> Sessions:
    async with db.connection() as conn:
        return Sessions(await sessions.list_sessions(conn, _user_of(caller), caller.session_id))


@delete(
    "/sessions/{session_id:uuid}",
    summary="End one of your sessions",
    status_code=204,
    guards=[_OWN],
    responses={404: problem_spec(HTTPStatus.NOT_FOUND, "session.unknown", "there is no such session"), **_PROBLEMS},
)
async def end_session_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
    session_id: Annotated[UUID, PathParameter(description="`session_id` of the list.")],
) -> None:
    user = _user_of(caller)
    await db.run(lambda conn: sessions.end_session(conn, user, session_id), context)


@get(
    "/profile",
    summary="Show your account",
    guards=[_OWN],
    responses={200: good(Profile, "The account.", _PROFILE_EXAMPLE), 403: INACTIVE, **_PROBLEMS},
)
async def profile_route(db: NamedDependency[Database], caller: NamedDependency[Caller]) -> Profile:
    async with db.connection() as conn:
        return await profile.get_profile(conn, _user_of(caller))


@patch(
    "/profile",
    summary="Change your account",
    description="What is left out stays as it is; `email: null` removes the address.",
    guards=[_OWN],
    responses={
        200: good(Profile, "The account as it is now.", _PROFILE_EXAMPLE),
        400: MALFORMED,
        403: INACTIVE,
        422: INVALID,
        **_PROBLEMS,
    },
)
async def change_profile_route(
    data: JSONBody[ProfileBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Profile:
    change = ProfileChange(
        first_name=_tidy(data.first_name),
        last_name=_tidy(data.last_name),
        email=data.email or None,
        preferred_language=data.preferred_language or None,
        removes_email=data.email is None,
    )
    async with db.transaction(context) as conn:
        return await profile.change_profile(conn, _user_of(caller), change)


def _tidy(name: str | UnsetType) -> str | None:
    return None if isinstance(name, UnsetType) else " ".join(name.split())


@post(
    "/terms",
    summary="Accept the terms in force",
    status_code=200,
    guards=[_OWN],
    responses={
        200: good(Profile, "The account as it is now.", _PROFILE_EXAMPLE),
        400: MALFORMED,
        403: INACTIVE,
        409: TERMS,
        422: INVALID,
        **_PROBLEMS,
    },
)
async def terms_route(
    data: JSONBody[TermsBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Profile:
    confirms_age = data.age_confirmed is True
    async with db.transaction(context) as conn:
        return await profile.accept_terms(conn, _user_of(caller), data.terms_version, confirms_age=confirms_age)


@post(
    "/phone-change",
    summary="Ask for a code to a new phone number",
    status_code=202,
    guards=[_OWN_NOW],
    opt={"limits": (Limit("user", 10, 60),)},
    dependencies=COURIER,
    responses={
        202: good(CodeSession, "A code is on its way to the new number.", SESSION_EXAMPLE),
        400: MALFORMED,
        409: problem_spec(HTTPStatus.CONFLICT, "phone.unchanged", "this is the account's phone number already"),
        422: INVALID,
        429: TOO_MANY,
        **_PROBLEMS,
    },
)
async def phone_change_route(
    data: JSONBody[PhoneChangeBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Response[CodeSession]:
    phone = phone_of(data.phone_number, state)
    user, way = _user_of(caller), way_of(courier, context)
    outcome = await db.run(lambda conn: codes.request_phone_change(conn, keyring, user, phone, way), context)
    return asked(outcome, courier, context)


@post(
    "/phone-change/verify",
    summary="Change the phone number with the code",
    description="The new number becomes the login, every other session ends, and the old number is told.",
    status_code=200,
    guards=[_OWN_NOW],
    opt={"limits": (Limit("user", 20, 60),)},
    dependencies=COURIER,
    responses={
        200: good(EndedSessions, "Changed.", {"ended_sessions": 1}),
        400: MALFORMED,
        403: INACTIVE,
        409: problem_spec(HTTPStatus.CONFLICT, "phone.taken", "another account has this phone number"),
        410: OVER,
        422: INVALID,
        423: LOCKED,
        **_PROBLEMS,
        401: WRONG_CODE,
    },
)
async def verify_phone_route(
    data: JSONBody[PhoneVerifyBody],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Response[EndedSessions]:
    user = _user_of(caller)
    outcome = await db.run(
        lambda conn: profile.change_phone(
            conn, keyring, user, caller.session_id, session_token=data.session_token, code=data.code
        ),
        context,
    )
    changed = accepted(outcome)
    told = BackgroundTask(hand_over, courier, changed.message, context)
    return Response(EndedSessions(changed.ended_sessions), background=told)


HANDLERS = (
    logout_route,
    logout_everywhere_route,
    sessions_route,
    end_session_route,
    profile_route,
    change_profile_route,
    terms_route,
    phone_change_route,
    verify_phone_route,
)
