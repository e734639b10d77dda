"""The own data with a browser: all of it as a file, and being forgotten, which a code and a word confirm."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.auth import erasure, profile
from gasolinera.auth.api import COURIER, way_of
from gasolinera.auth.api_audit import ELSEWHERE
from gasolinera.auth.models import Refusal
from gasolinera.auth.pages_account import OWN, WORDING, user_of
from gasolinera.auth.pages_login import forgotten_session
from gasolinera.auth.pages_security import code_in
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of, status_of
from gasolinera.auth.senders import Courier, hand_over
from gasolinera.auth.waiting import no_waiting_cookie, waiting_cookie, waiting_for, waiting_of
from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, UnavailableError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.personal_data import Elsewhere
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page

_OWN_NOW: Final = [requires(Permission.PROFILE, fresh=True)]
_ERASURE: Final = "erasure"  # whose cookie is apart from that of a login
_REASONS: Final = {
    "erasure.employed": "refused-employed",
    "user.last_administrator": "refused-last-administrator",
}


def _privacy_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    return page(request, "auth/account/privacy.html", {"form": form}, wording=WORDING, status=status)


@get("/me/privacy", include_in_schema=False, guards=OWN, sync_to_thread=False)
def privacy_route(request: Request[Any, Any, Any]) -> Template:
    return _privacy_page(request, Form())


@post(
    "/me/privacy/export",
    include_in_schema=False,
    status_code=200,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 5, 3600),)},
    dependencies=ELSEWHERE,
)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    elsewhere: NamedDependency[Elsewhere],
) -> Response[bytes] | Template:
    """A form and no link: it is written down that it was given, and no other site may have it made."""
    form = await read_form(request)
    user = user_of(caller)
    try:
        services = await elsewhere.gather(user)  # before a connection is held
    except UnavailableError:
        form.refuse(Speaker(request, WORDING)("export-unavailable"))
        return _privacy_page(request, form, 503)
    async with db.transaction(context) as conn:
        found = await erasure.export(conn, keyring, user, services)
    headers = {
        "content-disposition": 'attachment; filename="gasolinera-jsm.json"',
        "cache-control": "no-store",
    }
    content = msgspec.json.format(msgspec.json.encode(found), indent=2)
    return Response(content, media_type="application/json", headers=headers)


@post(
    "/me/privacy/erase/code",
    include_in_schema=False,
    status_code=303,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 10, 60),)},
    dependencies=COURIER,
)
async def ask_erasure_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
) -> Template | Redirect:
    form = await read_form(request)
    user, way = user_of(caller), way_of(courier, context)
    async with db.connection() as conn:
        own = await profile.get_profile(conn, user)
    outcome = await db.run(lambda conn: erasure.request_own(conn, keyring, user, way), context)
    if isinstance(outcome, Refusal):
        form.refuse(Speaker(request, WORDING).refused(outcome))
        return _privacy_page(request, form, status_of(outcome))
    cookie = waiting_cookie(request, waiting_for(outcome.session, own.phone_number[-2:]), _ERASURE)
    task = BackgroundTask(hand_over, courier, outcome.message, context)
    return Redirect("/me/privacy/erase", status_code=303, cookies=[cookie], background=task)


def _erase_page(request: Request[Any, Any, Any], form: Form, ending: str, status: int = 200) -> Template:
    values = {"form": form, "ending": ending, "word": Speaker(request, WORDING)("erase-word-value")}
    return page(request, "auth/account/erase.html", values, wording=WORDING, status=status)


@get("/me/privacy/erase", include_in_schema=False, guards=OWN, sync_to_thread=False)
def erase_page_route(request: Request[Any, Any, Any]) -> Template | Redirect:
    waiting = waiting_of(request, _ERASURE)
    if waiting is None:
        return Redirect("/me/privacy?said=over", status_code=303)
    return _erase_page(request, Form(), waiting.ending)


@post(
    "/me/privacy/erase",
    include_in_schema=False,
    status_code=303,
    guards=_OWN_NOW,
    opt={"limits": (Limit("user", 20, 60),)},
)
async def erase_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    """Needs the code of a message and the word, each of which says that it is meant."""
    form = await read_form(request)
    waiting = waiting_of(request, _ERASURE)
    if waiting is None:
        return Redirect("/me/privacy?said=over", status_code=303)
    say = Speaker(request, WORDING)
    word = say("erase-word-value")
    code = code_in(form, say)
    if form.value("word").upper() != word:
        form.refuse(say("refused-erase-word", word=word), "word")
    if code is None or form.errors:
        return _erase_page(request, form, waiting.ending, 422)
    user, token = user_of(caller), waiting.session_token
    try:
        refusal = await db.run(
            lambda conn: erasure.erase_own(conn, keyring, user, session_token=token, code=code), context
        )
    except (ConflictError, IntegrityError) as error:
        reason = reason_of(request, error)
        if reason.code not in _REASONS:
            raise
        form.refuse(say(_REASONS[reason.code]))
        return _erase_page(request, form, waiting.ending, 409)
    if refusal is not None:
        form.refuse(say.refused(refusal), "code")
        return _erase_page(request, form, waiting.ending, status_of(refusal))
    cookies = [forgotten_session(request), no_waiting_cookie(request, _ERASURE)]
    return Redirect("/?said=erased", status_code=303, cookies=cookies)


HANDLERS = (privacy_route, export_route, ask_erasure_route, erase_page_route, erase_route)
