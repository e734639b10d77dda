"""The second factor of the own account, and the move to another phone, with a browser."""

import re
from collections.abc import Callable
from typing import Any, Final

from litestar import Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.auth import codes, profile, second_factor
from gasolinera.auth.api import COURIER, phone_of, way_of
from gasolinera.auth.models import Refusal
from gasolinera.auth.models_administration import FactorUse
from gasolinera.auth.pages_account import OWN, WORDING, user_of
from gasolinera.auth.pages_factor import FactorForm, is_factor_code, refuse_factor
from gasolinera.auth.pages_login import CodeForm, PhoneForm, country_choices
from gasolinera.auth.phones import shown_phone, with_country
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of, status_of
from gasolinera.auth.senders import Courier, hand_over
from gasolinera.auth.waiting import no_waiting_cookie, waiting_cookie, waiting_for, waiting_of
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, InputError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page

_OWN_NOW: Final = [requires(Permission.PROFILE, fresh=True)]
_LIMITED: Final = {"limits": (Limit("user", 10, 60),)}
_PHONE: Final = "phone"  # whose cookie is apart from that of a login
_CODE: Final = re.compile(r"[0-9]{6}")


async def _security_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    *,
    making: Form | None = None,
    removing: Form | None = None,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        own = await profile.get_profile(conn, user_of(caller))
    values = {"own_account": own, "making": making or Form(), "removing": removing or Form()}
    return page(request, "auth/account/security.html", values, wording=WORDING, status=status)


@get("/me/security", include_in_schema=False, guards=OWN)
async def security_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    return await _security_page(request, db, caller)


@post("/me/security/recovery-codes", include_in_schema=False, status_code=200, guards=_OWN_NOW, opt=_LIMITED)
async def recovery_codes_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template:
    """New ones, in this answer alone."""
    form = await read_form(request)
    say = Speaker(request, WORDING)
    answer = form.parsed(FactorForm)
    if answer is None or not is_factor_code(answer.code):
        form.refuse(say("refused-factor-shape"), "code")
        return await _security_page(request, db, caller, making=form, status=422)
    made: tuple[str, ...] = ()
    async with db.transaction(context) as conn:
        outcome = await second_factor.prove(
            conn, keyring, caller, answer.code, FactorUse.RECOVERY_CODES, keyring.clock()
        )
        if outcome.outcome == "GOOD":
            made = await second_factor.make_recovery_codes(conn, user_of(caller))
    status = refuse_factor(form, say, outcome)
    if status is not None:
        return await _security_page(request, db, caller, making=form, status=status)
    return page(request, "auth/account/recovery.html", {"codes": made}, wording=WORDING)


@post("/me/security/disable", include_in_schema=False, status_code=303, guards=_OWN_NOW, opt=_LIMITED)
async def disable_route(
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
        return await _security_page(request, db, caller, removing=form, status=422)
    try:
        async with db.transaction(context) as conn:
            outcome = await second_factor.prove(conn, keyring, caller, answer.code, FactorUse.DISABLE, keyring.clock())
            if outcome.outcome == "GOOD":
                await second_factor.remove(conn, user_of(caller))
    except IntegrityError as error:
        if reason_of(request, error).code != "second_factor.required":
            raise
        form.refuse(say("refused-factor-required"), "code")
        return await _security_page(request, db, caller, removing=form, status=409)
    status = refuse_factor(form, say, outcome)
    if status is not None:
        return await _security_page(request, db, caller, removing=form, status=status)
    return Redirect("/me/security?said=removed", status_code=303)


async def _phone_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form, status: int = 200
) -> Template:
    async with db.connection() as conn:
        own = await profile.get_profile(conn, user_of(caller))
    values = {"form": form, "countries": country_choices(request), "phone_number": shown_phone(own.phone_number)}
    return page(request, "auth/account/phone.html", values, wording=WORDING, status=status)


@get("/me/phone", include_in_schema=False, guards=OWN)
async def phone_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    return await _phone_page(request, db, caller, Form({"country": "+52"}))


@post("/me/phone", include_in_schema=False, status_code=303, guards=_OWN_NOW, opt=_LIMITED, dependencies=COURIER)
async def ask_phone_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    wish = form.parsed(PhoneForm)
    if wish is None:
        return await _phone_page(request, db, caller, form, 422)
    user, way = user_of(caller), way_of(courier, context)
    try:
        phone = phone_of(with_country(wish.phone, wish.country), state)
        outcome = await db.run(lambda conn: codes.request_phone_change(conn, keyring, user, phone, way), context)
    except InputError as error:
        form.refuse(say.phone(error), "phone")
        return await _phone_page(request, db, caller, form, 422)
    except ConflictError:
        form.refuse(say("refused-phone-unchanged"), "phone")
        return await _phone_page(request, db, caller, form, 422)
    if isinstance(outcome, Refusal):
        form.refuse(say.refused(outcome), "phone")
        return await _phone_page(request, db, caller, form, status_of(outcome))
    cookie = waiting_cookie(request, waiting_for(outcome.session, phone[-2:]), _PHONE)
    task = BackgroundTask(hand_over, courier, outcome.message, context)
    return Redirect("/me/phone/code", status_code=303, cookies=[cookie], background=task)


def _code_page(request: Request[Any, Any, Any], form: Form, ending: str, status: int = 200) -> Template:
    values = {"form": form, "ending": ending}
    return page(request, "auth/account/phone_code.html", values, wording=WORDING, status=status)


@get("/me/phone/code", include_in_schema=False, guards=OWN, sync_to_thread=False)
def phone_code_route(request: Request[Any, Any, Any]) -> Template | Redirect:
    waiting = waiting_of(request, _PHONE)
    if waiting is None:
        return Redirect("/me/phone?said=over", status_code=303)
    return _code_page(request, Form(), waiting.ending)


@post(
    "/me/phone/code",
    include_in_schema=False,
    status_code=303,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 20, 60),)},
    dependencies=COURIER,
)
async def change_phone_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Template | Redirect:
    form = await read_form(request)
    waiting = waiting_of(request, _PHONE)
    if waiting is None:
        return Redirect("/me/phone?said=over", status_code=303)
    say = Speaker(request, WORDING)
    code = code_in(form, say)
    if code is None:
        return _code_page(request, form, waiting.ending, 422)
    user, token = user_of(caller), waiting.session_token
    try:
        outcome = await db.run(
            lambda conn: profile.change_phone(conn, keyring, user, caller.session_id, session_token=token, code=code),
            context,
        )
    except IntegrityError as error:
        if reason_of(request, error).code != "phone.taken":
            raise
        form.refuse(say("refused-phone-taken"), "code")
        return _code_page(request, form, waiting.ending, 409)
    if isinstance(outcome, Refusal):
        form.refuse(say.refused(outcome), "code")
        return _code_page(request, form, waiting.ending, status_of(outcome))
    told = BackgroundTask(hand_over, courier, outcome.message, context)
    cookies = [no_waiting_cookie(request, _PHONE)]
    return Redirect("/me?said=phone", status_code=303, cookies=cookies, background=told)


def code_in(form: Form, say: Callable[..., str]) -> str | None:
    """The six digits that were typed, blanks or not; None with the fault at the field."""
    answer = form.parsed(CodeForm)
    code = re.sub(r"[\s-]", "", answer.code) if answer else ""
    if _CODE.fullmatch(code):
        return code
    form.refuse(say("refused-code-shape"), "code")
    return None


HANDLERS = (
    security_route,
    recovery_codes_route,
    disable_route,
    phone_route,
    ask_phone_route,
    phone_code_route,
    change_phone_route,
)
