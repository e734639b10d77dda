"""Logging in with a browser: a phone, a code, and then the cookie of a session. Logging out.

The code's session waits in a cookie of the browser that asked for it (`waiting`). The page is the same whether the
phone has an account or not, and a login always opens a new session: nobody can be made to use an
older one.
"""

import re
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from litestar import Request, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, State
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from gasolinera.auth import codes, sessions
from gasolinera.auth.api import COURIER, phone_of, way_of
from gasolinera.auth.models import RESEND_AFTER_S, AskedCode, Device, OpenSession, Refusal, RefusalKind
from gasolinera.auth.page_sessions import end_page_session
from gasolinera.auth.phones import MAX_TYPED, with_country
from gasolinera.auth.refused import Speaker, status_of
from gasolinera.auth.senders import Courier, hand_over
from gasolinera.auth.waiting import (
    Waiting,
    no_waiting_cookie,
    resend_in_s,
    waiting_cookie,
    waiting_for,
    waiting_of,
)
from gasolinera.config import Environment, Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GoneError, InputError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Role
from gasolinera.web.cookies import (
    LANGUAGE_COOKIE,
    ended_session_cookie,
    hash_session,
    language_cookie,
    session_cookie,
    session_of,
)
from gasolinera.web.forms import Form, local_path, read_form
from gasolinera.web.navigation import start_of
from gasolinera.web.pages import page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.auth", "start")
_ADMINISTRATORS: Final = frozenset({Role.STATION_ADMIN, Role.SYSTEM_ADMIN})
_CODE: Final = re.compile(r"[0-9]{6}")
_KNOWN_COUNTRIES: Final = frozenset({"52", "506", "502", "503", "504", "505", "507", "501", "1"})
NextPath = Annotated[str, QueryParameter(name="next", max_length=500)]


_ASKING: Final = {"open": True, "limits": (Limit("ip", 30, 60),)}


class PhoneForm(msgspec.Struct, frozen=True, kw_only=True):
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TYPED)]
    country: Annotated[str, msgspec.Meta(max_length=4, pattern=r"^\+[0-9]{1,3}$(?!\n)")] = "+52"
    then: Annotated[str, msgspec.Meta(max_length=500)] = "/"


class CodeForm(msgspec.Struct, frozen=True, kw_only=True):
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


def country_choices(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """The countries that are served, by their prefix."""
    settings: Settings = request.app.state["settings"]
    say = Speaker(request, WORDING)
    prefixes = [prefix.removeprefix("+") for prefix in settings.sms_countries.split(",")]
    return [
        (f"+{prefix}", say(f"country-{prefix}") if prefix in _KNOWN_COUNTRIES else say("country-other", prefix=prefix))
        for prefix in prefixes
    ]


def _login_page(request: Request[Any, Any, Any], form: Form, then: str, status: int = 200) -> Template:
    values = {"form": form, "then": local_path(then), "countries": country_choices(request)}
    return page(request, "auth/start/login.html", values, wording=WORDING, status=status)


def _code_page(request: Request[Any, Any, Any], form: Form, waiting: Waiting, status: int = 200) -> Template:
    settings: Settings = request.app.state["settings"]
    values = {
        "form": form,
        "waiting": waiting,
        "again_in_s": resend_in_s(waiting, RESEND_AFTER_S),
        "shows_inbox": settings.environment is Environment.DEVELOPMENT and settings.sms_sender == "inbox",
    }
    return page(request, "auth/start/code.html", values, wording=WORDING, status=status)


@get("/login", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def login_page_route(request: Request[Any, Any, Any], then: NextPath = "/") -> Template | Redirect:
    caller: Caller | None = request.scope["user"]
    if caller is not None:
        return Redirect(_after_login(caller, then), status_code=303)
    return _login_page(request, Form({"country": "+52"}), then)


@post("/login", include_in_schema=False, status_code=303, opt=_ASKING, dependencies=COURIER)
async def ask_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(PhoneForm)
    if wish is None:
        return _login_page(request, form, form.value("then"), 422)
    say = Speaker(request, WORDING)
    try:
        phone = phone_of(with_country(wish.phone, wish.country), state)
    except InputError as error:
        form.refuse(say.phone(error), "phone")
        return _login_page(request, form, wish.then, 422)
    way = way_of(courier, context)
    outcome = await db.run(lambda conn: codes.request_login(conn, keyring, phone, way), context)
    if isinstance(outcome, Refusal):
        form.refuse(say.refused(outcome), "phone")
        return _login_page(request, form, wish.then, status_of(outcome))
    return code_is_under_way(
        request, outcome, waiting_for(outcome.session, phone[-2:], then=wish.then), courier, context
    )


def code_is_under_way(
    request: Request[Any, Any, Any], made: AskedCode, waiting: Waiting, courier: Courier, context: RequestContext
) -> Redirect:
    """The message leaves after the answer: neither its time nor its failure tells anything."""
    task = BackgroundTask(hand_over, courier, made.message, context)
    cookies = [waiting_cookie(request, waiting)]
    return Redirect("/login/code", status_code=303, cookies=cookies, background=task)


@get("/login/code", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def code_page_route(request: Request[Any, Any, Any]) -> Template | Redirect:
    waiting = waiting_of(request)
    if waiting is None:
        return Redirect("/login?said=over", status_code=303)
    return _code_page(request, Form(), waiting)


@post("/login/code", include_in_schema=False, status_code=303, opt={"open": True, "limits": (Limit("ip", 60, 60),)})
async def answer_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    waiting = waiting_of(request)
    if waiting is None:
        return Redirect("/login?said=over", status_code=303)
    say = Speaker(request, WORDING)
    answer = form.parsed(CodeForm)
    code = re.sub(r"[\s-]", "", answer.code) if answer else ""
    if not _CODE.fullmatch(code):
        form.refuse(say("refused-code-shape"), "code")
        return _code_page(request, form, waiting, 422)
    token, device = waiting.session_token, Device(None, None)
    outcome = await db.run(lambda conn: sessions.log_in(conn, keyring, token, code, device, is_page=True), context)
    if isinstance(outcome, Refusal):
        form.refuse(say.refused(outcome), "code")
        return _code_page(request, form, waiting, status_of(outcome))
    await _end_session_before(request, db, context)
    return _logged_in(request, outcome, waiting)


async def _end_session_before(request: Request[Any, Any, Any], db: Database, context: RequestContext) -> None:
    """Whoever logs in where somebody is logged in takes that one's place."""
    before = session_of(request)
    token_hash = None if before is None else hash_session(before)
    if token_hash is not None:
        await db.run(lambda conn: end_page_session(conn, token_hash), context)


def _logged_in(request: Request[Any, Any, Any], opened: OpenSession, waiting: Waiting) -> Redirect:
    settings: Settings = request.app.state["settings"]
    cookies = [session_cookie(opened.refresh_token, settings.environment), no_waiting_cookie(request)]
    if LANGUAGE_COOKIE not in request.cookies:
        cookies.append(language_cookie(opened.user.preferred_language, settings.environment))
    caller = Caller(role=opened.user.role, has_second_factor=opened.is_second_factor_proved)
    path = _after_login(caller, waiting.then, has_second_factor=opened.has_second_factor)
    return Redirect(path, status_code=303, cookies=cookies)


def _after_login(caller: Caller, then: str, *, has_second_factor: bool = False) -> str:
    """Where to: by way of the second factor where there is one, or must be one."""
    wanted = local_path(then)
    goal = start_of(caller) if wanted == "/" else wanted
    needs = (has_second_factor or caller.role in _ADMINISTRATORS) and not caller.has_second_factor
    return factor_path(goal) if needs else goal


def factor_path(then: str) -> str:
    return f"/login/second-factor?next={quote(local_path(then), safe='/')}"


@post("/login/code/again", include_in_schema=False, status_code=303, opt=_ASKING, dependencies=COURIER)
async def again_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Template | Redirect:
    form = await read_form(request)
    waiting = waiting_of(request)
    if waiting is None:
        return Redirect("/login?said=over", status_code=303)
    way, token = way_of(courier, context), waiting.session_token
    try:
        outcome = await db.run(lambda conn: codes.resend(conn, keyring, token, way), context)
    except GoneError:
        outcome = Refusal(RefusalKind.OVER)
    if isinstance(outcome, Refusal):
        form.refuse(Speaker(request, WORDING).refused(outcome), "code")
        return _code_page(request, form, waiting, status_of(outcome))
    renewed = waiting_for(outcome.session, waiting.ending, is_new=waiting.is_new, then=waiting.then)
    task = BackgroundTask(hand_over, courier, outcome.message, context)
    cookies = [waiting_cookie(request, renewed)]
    return Redirect("/login/code?said=again", status_code=303, cookies=cookies, background=task)


@post("/logout", include_in_schema=False, status_code=303, opt={"open": True})
async def log_out_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Redirect:
    """Ends the session in the database, then has the browser forget it. Who has none is out already."""
    await read_form(request)
    await _end_session_before(request, db, context)
    return Redirect("/?said=bye", status_code=303, cookies=[forgotten_session(request)])


def forgotten_session(request: Request[Any, Any, Any]) -> Cookie:
    settings: Settings = request.app.state["settings"]
    return ended_session_cookie(settings.environment)


HANDLERS = (login_page_route, ask_route, code_page_route, answer_route, again_route, log_out_route)
