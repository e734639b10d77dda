"""The second factor with a browser: confirming a login with it, and enrolling one, whose secrets are shown once."""

import re
from base64 import b64encode
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.auth import profile, second_factor
from gasolinera.auth.models_administration import Enrolment, FactorUse
from gasolinera.auth.pages_login import WORDING, NextPath, factor_path
from gasolinera.auth.queries_administration import FactorOutcome
from gasolinera.auth.refused import Speaker
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.drawing import svg, symbol_of
from gasolinera.errors import ConflictError, LockedError, UnauthenticatedError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.web.forms import Form, local_path, read_form
from gasolinera.web.navigation import start_of
from gasolinera.web.pages import page

_OWN: Final = [requires(Permission.PROFILE, fresh=True)]
_LIMITED: Final = {"limits": (Limit("user", 10, 60),)}
_SHAPE: Final = re.compile(r"[0-9]{6}|[A-Z2-7]{16}")
_SECRET: Final = re.compile(r"[A-Z2-7]{32}")


class FactorForm(msgspec.Struct, frozen=True, kw_only=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=30)]
    then: Annotated[str, msgspec.Meta(max_length=500)] = "/"


def _goal(caller: Caller, then: str) -> str:
    wanted = local_path(then)
    return start_of(caller) if wanted == "/" else wanted


@get("/login/second-factor", include_in_schema=False, guards=_OWN)
async def factor_page_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    then: NextPath = "/",
) -> Template | Redirect:
    """Asks for a code of the factor that there is, or offers to enrol one."""
    if caller.has_second_factor:
        return Redirect(_goal(caller, then), status_code=303)
    assert caller.user_id is not None, "only people have this permission"
    async with db.connection() as conn:
        own = await profile.get_profile(conn, caller.user_id)
    if own.has_second_factor:
        return _factor_page(request, Form(), then)
    return _enrol_page(request, Form(), then, None)


def _factor_page(request: Request[Any, Any, Any], form: Form, then: str, status: int = 200) -> Template:
    values = {"form": form, "then": local_path(then)}
    return page(request, "auth/start/factor.html", values, wording=WORDING, status=status)


def _enrol_page(
    request: Request[Any, Any, Any], form: Form, then: str, enrolment: Enrolment | None, status: int = 200
) -> Template:
    picture = svg(symbol_of(enrolment.uri)) if enrolment else ""
    values = {
        "form": form,
        "then": local_path(then),
        "enrolment": enrolment,
        "qr": f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}",
    }
    return page(request, "auth/start/enrol.html", values, wording=WORDING, status=status)


@post("/login/second-factor", include_in_schema=False, status_code=303, guards=_OWN, opt=_LIMITED)
async def prove_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    answer = form.parsed(FactorForm)
    if answer is None or not is_factor_code(answer.code):
        form.refuse(say("refused-factor-shape"), "code")
        return _factor_page(request, form, form.value("then"), 422)
    async with db.transaction(context) as conn:
        outcome = await second_factor.prove(conn, keyring, caller, answer.code, FactorUse.STEP_UP, keyring.clock())
    status = refuse_factor(form, say, outcome)
    if status is not None:
        return _factor_page(request, form, answer.then, status)
    return Redirect(_goal(caller, answer.then), status_code=303)


@post("/login/second-factor/enrol", include_in_schema=False, status_code=200, guards=_OWN, opt=_LIMITED)
async def enrol_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    """The secret is in this answer, and in those that find its first code wrong."""
    form = await read_form(request)
    then = form.value("then")
    assert caller.user_id is not None, "only people have this permission"
    try:
        async with db.transaction(context) as conn:
            made = await second_factor.enrol(conn, keyring, caller.user_id)
    except ConflictError:
        return Redirect(factor_path(then), status_code=303)
    return _enrol_page(request, Form(), then, made)


@post("/login/second-factor/confirm", include_in_schema=False, status_code=200, guards=_OWN, opt=_LIMITED)
async def confirm_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    then, secret = form.value("then"), form.value("secret")
    assert caller.user_id is not None, "only people have this permission"
    if not _SECRET.fullmatch(secret):
        return Redirect(factor_path(then), status_code=303)
    answer = form.parsed(FactorForm)
    codes: tuple[str, ...] = ()
    status: int | None = 422
    if answer is None or not is_factor_code(answer.code):
        form.refuse(say("refused-factor-shape"), "code")
    else:
        async with db.transaction(context) as conn:
            outcome = await second_factor.prove(conn, keyring, caller, answer.code, FactorUse.CONFIRM, keyring.clock())
            if outcome.outcome == "GOOD":
                codes = await second_factor.make_recovery_codes(conn, caller.user_id)
        status = refuse_factor(form, say, outcome)
    if status is None:
        values = {"codes": codes, "then": _goal(caller, then)}
        return page(request, "auth/start/recovery.html", values, wording=WORDING)
    async with db.connection() as conn:
        own = await profile.get_profile(conn, caller.user_id)
    if own.has_second_factor:
        return Redirect(factor_path(then), status_code=303)
    return _enrol_page(request, form, then, second_factor.enrolment_of(secret, own.phone_number), status)


def is_factor_code(typed: str) -> bool:
    """Whether it can be a code of an app or a recovery code."""
    return _SHAPE.fullmatch(re.sub(r"[\s-]", "", typed).upper()) is not None


def refuse_factor(form: Form, say: Speaker, outcome: FactorOutcome) -> int | None:
    """None where the code is right; else the status, with the reason at the field.

    Raises what no other code would mend: the access has ended, or the account is not what the page took it for.
    """
    try:
        second_factor.proved(outcome)
    except LockedError as error:
        form.refuse(say.later(error), "code")
        return int(error.status)
    except UnauthenticatedError as error:
        if error.code != "second_factor.wrong":
            raise
        form.refuse(say("refused-factor-wrong"), "code")
        return 422
    return None


HANDLERS = (factor_page_route, prove_route, enrol_route, confirm_route)
