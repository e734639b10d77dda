"""The second factor over HTTP: everybody's own."""

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from gasolinera.auth import second_factor
from gasolinera.auth.api import INACTIVE, INVALID, LOCKED, MALFORMED, UNAVAILABLE
from gasolinera.auth.models_administration import Confirmed, Enrolment, FactorUse, Proved
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission

_OWN_NOW = requires(Permission.PROFILE, fresh=True)
_LIMITED = {"limits": (Limit("user", 10, 60),)}
_WRONG = problem_spec(HTTPStatus.UNAUTHORIZED, "second_factor.wrong", "the code is not right")
_NONE = problem_spec(HTTPStatus.CONFLICT, "second_factor.none", "this account has no second factor")
_ENABLED = problem_spec(HTTPStatus.CONFLICT, "second_factor.enabled", "this account has a second factor already")
_PROBLEMS = {400: MALFORMED, 401: _WRONG, 403: INACTIVE, 409: _NONE, 422: INVALID, 423: LOCKED, 503: UNAVAILABLE}
_TOKEN = {
    "access_token": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIuLi4ifQ.c2lnbmF0dXJl",
    "expires_in_s": 900,
    "token_type": "Bearer",
}
_CODES = ["ABCD-EFGH-IJKL-2345", "MNOP-QRST-UVWX-6723"]
_UNKEPT = {"cache-control": "no-store"}  # no cache on the way may keep a secret


class FactorCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^([0-9]{6}|[A-Za-z2-7]{4}(-?[A-Za-z2-7]{4}){3})$(?!\n)",
            description="Six digits of the app, or a recovery code.",
        ),
    ]


class RecoveryCodes(msgspec.Struct, frozen=True):
    recovery_codes: tuple[str, ...]


async def _prove(
    db: Database, keyring: Keyring, caller: Caller, context: RequestContext, code: str, use: FactorUse
) -> second_factor.FactorOutcome:
    async with db.transaction(context) as conn:
        return await second_factor.prove(conn, keyring, caller, code, use, keyring.clock())


@post(
    "/second-factor/enrol",
    summary="Begin to use a second factor",
    description="Show `uri` as a QR code to an authenticator app, then confirm with a code of it.",
    status_code=201,
    guards=[_OWN_NOW],
    opt=_LIMITED,
    responses={
        201: good(
            Enrolment,
            "Shown once.",
            {"secret": "JBSWY3DPEHPK3PXP", "uri": "otpauth://totp/Gasolinera%20JSM:%2B525550000001?secret=JBSWY3DP"},
        ),
        **_PROBLEMS,
        409: _ENABLED,
    },
)
async def enrol_route(
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Response[Enrolment]:
    assert caller.user_id is not None
    async with db.transaction(context) as conn:
        made = await second_factor.enrol(conn, keyring, caller.user_id)
    return Response(made, status_code=201, headers=_UNKEPT)


@post(
    "/second-factor/confirm",
    summary="Put the second factor in force",
    description="With its first code. The recovery codes are in this answer and can never be read again.",
    status_code=200,
    guards=[_OWN_NOW],
    opt=_LIMITED,
    responses={200: good(Confirmed, "In force.", _TOKEN | {"recovery_codes": _CODES}), **_PROBLEMS, 409: _ENABLED},
)
async def confirm_route(
    data: JSONBody[FactorCode],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Response[Confirmed]:
    assert caller.user_id is not None
    codes: tuple[str, ...] = ()
    async with db.transaction(context) as conn:
        outcome = await second_factor.prove(conn, keyring, caller, data.code, FactorUse.CONFIRM, keyring.clock())
        if outcome.outcome == "GOOD":
            codes = await second_factor.make_recovery_codes(conn, caller.user_id)
    answer = second_factor.confirmed(keyring, caller, outcome, codes)
    return Response(answer, status_code=200, headers=_UNKEPT)


@post(
    "/second-factor/verify",
    summary="Confirm this session with the second factor",
    description="The answer's access token replaces the one at hand; the refresh token stays, and remembers it.",
    status_code=200,
    guards=[_OWN_NOW],
    opt=_LIMITED,
    responses={200: good(Proved, "Confirmed.", _TOKEN | {"recovery_codes_left": 10}), **_PROBLEMS},
)
async def verify_factor_route(
    data: JSONBody[FactorCode],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Response[Proved]:
    outcome = await _prove(db, keyring, caller, context, data.code, FactorUse.STEP_UP)
    answer = second_factor.step_up(keyring, caller, outcome)
    return Response(answer, status_code=200, headers=_UNKEPT)


@post(
    "/second-factor/recovery-codes",
    summary="Make new recovery codes",
    description="Those before are worth nothing from then on.",
    status_code=201,
    guards=[_OWN_NOW],
    opt=_LIMITED,
    responses={201: good(RecoveryCodes, "Shown once.", {"recovery_codes": _CODES}), **_PROBLEMS},
)
async def recovery_codes_route(
    data: JSONBody[FactorCode],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Response[RecoveryCodes]:
    assert caller.user_id is not None
    codes: tuple[str, ...] = ()
    async with db.transaction(context) as conn:
        outcome = await second_factor.prove(conn, keyring, caller, data.code, FactorUse.RECOVERY_CODES, keyring.clock())
        if outcome.outcome == "GOOD":
            codes = await second_factor.make_recovery_codes(conn, caller.user_id)
    second_factor.proved(outcome)
    return Response(RecoveryCodes(codes), status_code=201, headers=_UNKEPT)


@post(
    "/second-factor/disable",
    summary="Stop using the second factor",
    description="With a code of it. Every access token ends; refresh to go on. Where administrators must have one, "
    "theirs stays.",
    status_code=204,
    guards=[_OWN_NOW],
    opt=_LIMITED,
    responses=_PROBLEMS,
)
async def disable_route(
    data: JSONBody[FactorCode],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> None:
    assert caller.user_id is not None
    async with db.transaction(context) as conn:
        outcome = await second_factor.prove(conn, keyring, caller, data.code, FactorUse.DISABLE, keyring.clock())
        if outcome.outcome == "GOOD":
            await second_factor.remove(conn, caller.user_id)
    second_factor.proved(outcome)


HANDLERS = (enrol_route, confirm_route, verify_factor_route, recovery_codes_route, disable_route)
