"""Logging in over HTTP: registering, asking for a code, answering with it, refreshing, logging out.

Who asks for a code gets the same answer whether the phone has an account or not, before anything is sent.
"""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter

from gasolinera.auth import codes, service, sessions
from gasolinera.auth.errors import accepted
from gasolinera.auth.models import (
    AskedCode,
    CodeSession,
    Device,
    Email,
    Language,
    Name,
    Refusal,
    Registration,
    TermsVersion,
    Tokens,
)
from gasolinera.auth.phones import MAX_TYPED, normalize_phone
from gasolinera.auth.senders import Courier, hand_over
from gasolinera.authentication import requires
from gasolinera.calls import UNKNOWN_USER, UserSummary
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, UnknownError, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.permissions import Permission

INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
TOO_MANY = problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "code.too_many", "too many codes were asked for")
UNAUTHENTICATED = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
WRONG_CODE = problem_spec(HTTPStatus.UNAUTHORIZED, "code.wrong", "the code is not right")
OVER = problem_spec(HTTPStatus.GONE, "code.over", "this code is no longer good")
LOCKED = problem_spec(HTTPStatus.LOCKED, "account.locked", "too many wrong codes")
INACTIVE = problem_spec(HTTPStatus.FORBIDDEN, "account.inactive", "this account is deactivated")
TERMS = problem_spec(HTTPStatus.CONFLICT, "terms.not_current", "other terms are in force")
MALFORMED = problem_spec(HTTPStatus.BAD_REQUEST, "request.malformed", "the request is not well-formed")
_REFRESH = problem_spec(HTTPStatus.UNAUTHORIZED, "token.reused", "the refresh token was used before")

PhoneNumber = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_TYPED,
        pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)",
        description="With its country code; blanks, hyphens and brackets do not matter.",
    ),
]
SessionToken = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._-]+$(?!\n)")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}$(?!\n)", description="The six digits of the message.")]
RefreshToken = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z_-]+$(?!\n)")]
_DeviceName = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)")]

SESSION_EXAMPLE = {
    "session_token": "1.Jq5s0pYyqvV3b2Hk8m4yTtA1nWc7RzQe5xLf9uGd0So",
    "expires_in_s": 300,
    "resend_after_s": 60,
}
_TOKENS_EXAMPLE = {
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in_s": 900,
    "refresh_token": "qL0b5o8Yd1m9cV2tXr7kWz4fHs6pJn3gEa0uTi5yKwM",
    "refresh_expires_in_s": 604800,
    "second_factor_required": False,
    "is_new_user": True,
    "user": {
        "public_id": "a0000000-0000-4000-8000-000000000051",
        "role": "CUSTOMER",
        "first_name": "Ana",
        "last_name": "García",
        "preferred_language": "es",
        "terms_are_current": True,
    },
}
_ASKING = {"open": True, "limits": (Limit("ip", 30, 60),)}
_ANSWERING = {"open": True, "limits": (Limit("ip", 60, 60),)}
_REFRESHING = {"open": True, "limits": (Limit("ip", 240, 60),)}


class RegisterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    phone_number: PhoneNumber
    first_name: Name
    last_name: Name
    age_confirmed: Literal[True]
    terms_version: TermsVersion
    email: Email | None = None
    preferred_language: Language = Language.ES


class LoginBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    phone_number: PhoneNumber


class ResendBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_token: SessionToken


class VerifyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_token: SessionToken
    code: Code
    device_id: UUID | None = None
    device_name: _DeviceName | None = None


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: RefreshToken


def provide_courier(state: State) -> Courier:
    courier: Courier = state["auth_opened"]
    return courier


COURIER = {"courier": Provide(provide_courier, sync_to_thread=False)}


def phone_of(typed: str, state: State) -> str:
    settings: Settings = state["settings"]
    return normalize_phone(typed, frozenset(settings.sms_countries.split(",")))


def way_of(courier: Courier, context: RequestContext) -> codes.CodeWay:
    return codes.CodeWay(context.ip_address, courier.domain, courier.channel)


def asked(outcome: AskedCode | Refusal, courier: Courier, context: RequestContext) -> Response[CodeSession]:
    """The message leaves after the answer: neither its time nor its failure tells anything."""
    made = accepted(outcome)
    task = BackgroundTask(hand_over, courier, made.message, context)
    return Response(made.session, status_code=HTTPStatus.ACCEPTED, background=task)


@post(
    "/register",
    summary="Register",
    description="Sends a code; the account is made when the code proves the phone. A phone that has an account gets "
    "the same answer, and its code logs in.",
    status_code=202,
    opt=_ASKING,
    dependencies=COURIER,
    responses={
        202: good(CodeSession, "A code is on its way.", SESSION_EXAMPLE),
        400: MALFORMED,
        409: TERMS,
        422: INVALID,
        429: TOO_MANY,
        503: UNAVAILABLE,
    },
)
async def register_route(
    data: JSONBody[RegisterBody],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Response[CodeSession]:
    phone = phone_of(data.phone_number, state)
    registration = Registration(
        first_name=" ".join(data.first_name.split()),
        last_name=" ".join(data.last_name.split()),
        email=data.email,
        preferred_language=data.preferred_language,
        terms_version=data.terms_version,
    )
    way = way_of(courier, context)
    outcome = await db.run(lambda conn: codes.register(conn, keyring, phone, registration, way), context)
    return asked(outcome, courier, context)


@post(
    "/login/otp",
    summary="Ask for a code to log in",
    description="The answer is the same whether the phone has an account or not; without one nothing is sent.",
    status_code=202,
    opt=_ASKING,
    dependencies=COURIER,
    responses={
        202: good(CodeSession, "If there is an account, a code is on its way.", SESSION_EXAMPLE),
        400: MALFORMED,
        422: INVALID,
        429: TOO_MANY,
        503: UNAVAILABLE,
    },
)
async def login_route(
    data: JSONBody[LoginBody],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Response[CodeSession]:
    phone = phone_of(data.phone_number, state)
    way = way_of(courier, context)
    outcome = await db.run(lambda conn: codes.request_login(conn, keyring, phone, way), context)
    return asked(outcome, courier, context)


@post(
    "/otp/resend",
    summary="Ask for another code",
    description="For whatever the session was for. The code before is void, and the answer has a new session token.",
    status_code=202,
    opt=_ASKING,
    dependencies=COURIER,
    responses={
        202: good(CodeSession, "As for the first code.", SESSION_EXAMPLE),
        400: MALFORMED,
        410: OVER,
        422: INVALID,
        429: TOO_MANY,
        503: UNAVAILABLE,
    },
)
async def resend_route(
    data: JSONBody[ResendBody],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Response[CodeSession]:
    way = way_of(courier, context)
    outcome = await db.run(lambda conn: codes.resend(conn, keyring, data.session_token, way), context)
    return asked(outcome, courier, context)


@post(
    "/login/verify",
    summary="Log in with a code",
    description="Three tries a code. Five wrong codes in a row lock the phone's account for 30 minutes.",
    status_code=200,
    opt=_ANSWERING,
    responses={
        200: good(Tokens, "Logged in.", _TOKENS_EXAMPLE),
        400: MALFORMED,
        401: WRONG_CODE,
        403: INACTIVE,
        410: OVER,
        422: INVALID,
        423: LOCKED,
        503: UNAVAILABLE,
    },
)
async def verify_route(
    data: JSONBody[VerifyBody],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
) -> Tokens:
    device = Device(data.device_id, data.device_name and " ".join(data.device_name.split()))
    outcome = await db.run(lambda conn: sessions.log_in(conn, keyring, data.session_token, data.code, device), context)
    return sessions.issue_tokens(keyring, accepted(outcome))


@post(
    "/refresh",
    summary="Refresh the tokens",
    description="A refresh token is good once. One that comes back ends its session: somebody else may have it. "
    "So refresh one at a time, and keep the answer before using it.",
    status_code=200,
    opt=_REFRESHING,
    responses={
        200: good(Tokens, "The next tokens.", _TOKENS_EXAMPLE | {"is_new_user": False}),
        400: MALFORMED,
        401: _REFRESH,
        403: INACTIVE,
        422: INVALID,
        503: UNAVAILABLE,
    },
)
async def refresh_route(
    data: JSONBody[RefreshBody],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
) -> Tokens:
    outcome = await db.run(lambda conn: sessions.refresh(conn, data.refresh_token), context)
    return sessions.issue_tokens(keyring, accepted(outcome))


@get(
    "/internal/users/{public_id:uuid}",
    summary="Look up a user, for the platform's other services",
    guards=[requires(Permission.USERS_LOOK_UP)],
    responses={
        200: good(
            UserSummary,
            "The user.",
            {"public_id": "a0000000-0000-4000-8000-000000000051", "role": "CUSTOMER", "active": True},
        ),
        401: UNAUTHENTICATED,
        404: problem_spec(HTTPStatus.NOT_FOUND, UNKNOWN_USER, "there is no such user"),
        503: UNAVAILABLE,
    },
)
async def user_route(
    db: NamedDependency[Database],
    public_id: Annotated[UUID, PathParameter(description="Public reference of the user.")],
) -> UserSummary:
    async with db.connection() as conn:
        found = await service.find_user(conn, public_id)
    if found is None:
        raise UnknownError(UNKNOWN_USER, "there is no such user")
    return found


HANDLERS = (register_route, login_route, resend_route, verify_route, refresh_route, user_route)
