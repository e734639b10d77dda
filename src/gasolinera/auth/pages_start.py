"""The public start, the terms of use, and registering with a browser."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.auth import codes
from gasolinera.auth.api import COURIER, phone_of, way_of
from gasolinera.auth.models import CURRENT_TERMS, Email, Language, Name, Refusal, Registration, TermsVersion
from gasolinera.auth.pages_login import (
    WORDING,
    NextPath,
    code_is_under_way,
    country_choices,
)
from gasolinera.auth.phones import MAX_TYPED, with_country
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of, status_of
from gasolinera.auth.senders import Courier
from gasolinera.auth.waiting import waiting_for
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ConflictError, InputError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller
from gasolinera.web.forms import Form, local_path, read_form
from gasolinera.web.navigation import start_of
from gasolinera.web.pages import language_of, page

_WRONG_SHAPES: Final = {"email": "refused-email", "first_name": "refused-name", "last_name": "refused-name"}


class RegisterForm(msgspec.Struct, frozen=True, kw_only=True):
    first_name: Name
    last_name: Name
    phone: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TYPED)]
    terms_version: TermsVersion
    country: Annotated[str, msgspec.Meta(max_length=4, pattern=r"^\+[0-9]{1,3}$(?!\n)")] = "+52"
    email: Email | None = None
    preferred_language: Language = Language.ES
    terms: bool = False
    age: bool = False
    then: Annotated[str, msgspec.Meta(max_length=500)] = "/"


@get("/", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def start_route(request: Request[Any, Any, Any]) -> Template | Redirect:
    """Whoever is logged in is led to the own place."""
    caller: Caller | None = request.scope["user"]
    if caller is not None:
        return Redirect(start_of(caller), status_code=303)
    return page(request, "auth/start/home.html", {}, wording=WORDING)


@get("/terms", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def terms_route(request: Request[Any, Any, Any]) -> Template:
    return page(request, "auth/start/terms.html", {"version": CURRENT_TERMS}, wording=WORDING)


@get("/register", include_in_schema=False, opt={"open": True}, sync_to_thread=False)
def register_page_route(request: Request[Any, Any, Any], then: NextPath = "/") -> Template | Redirect:
    caller: Caller | None = request.scope["user"]
    if caller is not None:
        return Redirect(start_of(caller), status_code=303)
    return _register_page(
        request, Form({"country": "+52", "preferred_language": language_of(request), "then": local_path(then)})
    )


def _register_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    say = Speaker(request, WORDING)
    values = {
        "form": form,
        "then": local_path(form.value("then")),
        "countries": country_choices(request),
        "terms_version": CURRENT_TERMS,
        "language_options": [(language.value, say(f"language-{language.value}")) for language in Language],
    }
    return page(request, "auth/start/register.html", values, wording=WORDING, status=status)


@post(
    "/register",
    include_in_schema=False,
    status_code=303,
    opt={"open": True, "limits": (Limit("ip", 30, 60),)},
    dependencies=COURIER,
)
async def register_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    keyring: NamedDependency[Keyring],
    context: NamedDependency[RequestContext],
    courier: NamedDependency[Courier],
    state: State,
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    wish, phone = _read(form, say, state)
    if wish is None or phone is None:
        return _register_page(request, form, 422)
    registration = Registration(
        first_name=" ".join(wish.first_name.split()),
        last_name=" ".join(wish.last_name.split()),
        email=wish.email,
        preferred_language=wish.preferred_language,
        terms_version=wish.terms_version,
    )
    way = way_of(courier, context)
    try:
        outcome = await db.run(lambda conn: codes.register(conn, keyring, phone, registration, way), context)
    except ConflictError:
        form.refuse(say("refused-terms"), "terms")
        return _register_page(request, form, 422)
    except IntegrityError as error:
        name = "email" if reason_of(request, error).code == "person.email_invalid" else "first_name"
        form.refuse(say(_WRONG_SHAPES[name]), name)
        return _register_page(request, form, 422)
    if isinstance(outcome, Refusal):
        form.refuse(say.refused(outcome), "phone")
        return _register_page(request, form, status_of(outcome))
    waiting = waiting_for(outcome.session, phone[-2:], is_new=True, then=wish.then)
    return code_is_under_way(request, outcome, waiting, courier, context)


def _read(form: Form, say: Speaker, state: State) -> tuple[RegisterForm | None, str | None]:
    """What was typed, with the number as E.164; the faults of all fields at once."""
    wish = form.parsed(RegisterForm)
    for name, text in _WRONG_SHAPES.items():
        if name in form.errors and form.value(name):
            form.refuse(say(text), name)
    for name in ("terms", "age"):
        if not form.value(name):
            form.refuse(say("refused-must-accept"), name)
    typed = form.value("phone")
    if not typed or "country" in form.errors:
        return None, None
    try:
        return None if form.errors else wish, phone_of(with_country(typed, form.value("country") or "+52"), state)
    except InputError as error:
        form.refuse(say.phone(error), "phone")
        return None, None


HANDLERS = (start_route, terms_route, register_page_route, register_route)
