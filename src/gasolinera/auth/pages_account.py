"""The own account with a browser: the profile, the terms, what one was told, and what one wants to be told."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect, Template

from gasolinera.auth import notifications, preferences, profile
from gasolinera.auth.models import CURRENT_TERMS, Email, Language, Name, Profile, ProfileChange, TermsVersion
from gasolinera.auth.models_notifications import (
    Channel,
    Choice,
    NotificationPosition,
    Preferences,
    QuietHours,
)
from gasolinera.auth.phones import shown_phone
from gasolinera.auth.preferences import CHOOSABLE
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of
from gasolinera.authentication import requires
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.paging import MAX_CURSOR, decode_cursor
from gasolinera.permissions import Caller, Permission
from gasolinera.web.cookies import language_cookie
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.auth", "account")
OWN: Final = [requires(Permission.PROFILE)]
_TOLD: Final = [requires(Permission.NOTIFICATIONS)]
_AT_ONCE: Final = 20
# The zones of the countries that are served; any other that somebody has already stays choosable.
_ZONES: Final = (
    "America/Mexico_City",
    "America/Tijuana",
    "America/Hermosillo",
    "America/Mazatlan",
    "America/Cancun",
    "America/Costa_Rica",
    "America/Guatemala",
    "America/El_Salvador",
    "America/Tegucigalpa",
    "America/Managua",
    "America/Panama",
    "America/Belize",
)
_HOUR: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)"
CursorText = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]


class ProfileForm(msgspec.Struct, frozen=True, kw_only=True):
    first_name: Name
    last_name: Name
    email: Email | None = None
    preferred_language: Language = Language.ES


class TermsForm(msgspec.Struct, frozen=True, kw_only=True):
    terms_version: TermsVersion
    terms: bool = False
    age: bool = False


class QuietForm(msgspec.Struct, frozen=True, kw_only=True):
    begins: Annotated[str, msgspec.Meta(pattern=_HOUR)]
    ends: Annotated[str, msgspec.Meta(pattern=_HOUR)]
    zone: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$(?!\n)")]


class Row(msgspec.Struct, frozen=True):
    """A topic, and whether it is wanted by each channel: the names of the ticks."""

    category: str
    ticks: tuple[tuple[str, str, bool], ...]


class ShownNotification(msgspec.Struct, frozen=True):
    title: str
    body: str
    category: str
    at: datetime
    is_new: bool


def user_of(caller: Caller) -> Any:
    assert caller.user_id is not None, "only people have this permission"
    return caller.user_id


@get("/me", include_in_schema=False, guards=OWN)
async def account_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    async with db.connection() as conn:
        own = await profile.get_profile(conn, user_of(caller))
    return _account_page(request, own, _form_of(own))


def _form_of(own: Profile) -> Form:
    values = {
        "first_name": own.first_name,
        "last_name": own.last_name,
        "email": own.email or "",
        "preferred_language": own.preferred_language.value,
    }
    return Form(values)


def _account_page(request: Request[Any, Any, Any], own: Profile, form: Form, status: int = 200) -> Template:
    say = Speaker(request, WORDING)
    values = {
        "own_account": own,
        "phone_number": shown_phone(own.phone_number),
        "form": form,
        "language_options": [(language.value, say(f"language-{language.value}")) for language in Language],
        "terms_version": CURRENT_TERMS,
        "terms_are_current": own.terms_version == CURRENT_TERMS,
    }
    return page(request, "auth/account/profile.html", values, wording=WORDING, status=status)


@post("/me", include_in_schema=False, status_code=303, guards=OWN)
async def change_account_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(ProfileForm)
    if wish is None:
        return await _refused_page(request, db, caller, form)
    change = ProfileChange(
        first_name=" ".join(wish.first_name.split()),
        last_name=" ".join(wish.last_name.split()),
        email=wish.email,
        preferred_language=wish.preferred_language,
        removes_email=wish.email is None,
    )
    try:
        async with db.transaction(context) as conn:
            await profile.change_profile(conn, user_of(caller), change)
    except IntegrityError as error:
        form.refuse("", "email" if reason_of(request, error).code == "person.email_invalid" else "first_name")
        return await _refused_page(request, db, caller, form)
    settings: Settings = request.app.state["settings"]
    cookies = [language_cookie(wish.preferred_language, settings.environment)]
    return Redirect("/me?said=saved", status_code=303, cookies=cookies)


async def _refused_page(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    name_faults(form, Speaker(request, WORDING))
    async with db.connection() as conn:
        own = await profile.get_profile(conn, user_of(caller))
    return _account_page(request, own, form, 422)


def name_faults(form: Form, say: Speaker) -> None:
    """What is wrong with the shape of a name or an address, in better words than those of any field."""
    for name, text in (("email", "refused-email"), ("first_name", "refused-name"), ("last_name", "refused-name")):
        if name in form.errors and form.value(name):
            form.refuse(say(text), name)


@post("/me/terms", include_in_schema=False, status_code=303, guards=OWN)
async def accept_terms_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(TermsForm)
    if wish is None or not (wish.terms and wish.age):
        say = Speaker(request, WORDING)
        for name in ("terms", "age"):
            if not form.value(name):
                form.refuse(say("refused-must-accept"), name)
        async with db.connection() as conn:
            own = await profile.get_profile(conn, user_of(caller))
        form.values = {**_form_of(own).values, **form.values}
        return _account_page(request, own, form, 422)
    async with db.transaction(context) as conn:
        await profile.accept_terms(conn, user_of(caller), wish.terms_version, confirms_age=True)
    return Redirect("/me?said=accepted", status_code=303)


@get("/me/notifications", include_in_schema=False, guards=_TOLD)
async def notifications_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: CursorText = None,
) -> Template:
    after = decode_cursor(NotificationPosition, cursor)
    async with db.connection() as conn:
        found = await notifications.list_notifications(
            conn, user_of(caller), after=after, limit=_AT_ONCE, only_unread=False
        )
    shown = [
        ShownNotification(one.title, one.body, one.category.value, one.created_at, one.read_at is None)
        for one in found.items
    ]
    values = {"notifications": shown, "next_cursor": found.next_cursor}
    return page(request, "auth/account/notifications.html", values, wording=WORDING)


@post("/me/notifications/read", include_in_schema=False, status_code=303, guards=_TOLD)
async def read_all_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Redirect:
    await read_form(request)
    async with db.transaction(context) as conn:
        await notifications.mark_all_read(conn, user_of(caller))
    return Redirect("/me/notifications?said=read", status_code=303)


@get("/me/preferences", include_in_schema=False, guards=_TOLD)
async def preferences_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    async with db.connection() as conn:
        wanted = await preferences.get_preferences(conn, user_of(caller))
    quiet = wanted.quiet_hours
    values = {"zone": CHAIN_ZONE, "begins": "22:00", "ends": "07:00"}
    if quiet is not None:
        values = {"quiet": "on", "zone": quiet.time_zone, "begins": quiet.begins, "ends": quiet.ends}
    on = [_tick_of(choice.category, choice.channel) for choice in wanted.choices if choice.is_wanted]
    return _preferences_page(request, Form(values, {"wanted": on}))


def _tick_of(category: str, channel: str) -> str:
    return f"{category}.{channel}"


def _preferences_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    say = Speaker(request, WORDING)
    wanted = form.lists.get("wanted", ())
    rows = [
        Row(
            category.value,
            tuple(
                (channel.value, tick, tick in wanted) for channel in Channel for tick in [_tick_of(category, channel)]
            ),
        )
        for category in CHOOSABLE
    ]
    zone = form.value("zone")
    values = {
        "form": form,
        "rows": rows,
        "channels": [channel.value for channel in Channel],
        "zones": [
            *((name, say(f"zone-{name.replace('/', '-')}")) for name in _ZONES),
            *([] if zone in _ZONES or not zone else [(zone, zone)]),
        ],
    }
    return page(request, "auth/account/preferences.html", values, wording=WORDING, status=status)


@post("/me/preferences", include_in_schema=False, status_code=303, guards=_TOLD)
async def change_preferences_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    context: NamedDependency[RequestContext],
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    quiet: QuietHours | None = None
    if form.value("quiet"):
        wish = form.parsed(QuietForm)
        for name in ("begins", "ends"):
            if name in form.errors:
                form.refuse(say("refused-hours-shape"), name)
        if wish is None:
            return _preferences_page(request, form, 422)
        quiet = QuietHours(wish.zone, wish.begins, wish.ends)
    wanted = form.lists.get("wanted", ())
    choices = [
        Choice(category, channel, _tick_of(category, channel) in wanted)
        for category in CHOOSABLE
        for channel in Channel
    ]
    try:
        async with db.transaction(context) as conn:
            await preferences.change_preferences(conn, user_of(caller), Preferences(choices, quiet))
    except InputError:
        form.refuse(say("refused-quiet-hours"), "ends")
        return _preferences_page(request, form, 422)
    return Redirect("/me/preferences?said=saved", status_code=303)


HANDLERS = (
    account_route,
    change_account_route,
    accept_terms_route,
    notifications_route,
    read_all_route,
    preferences_route,
    change_preferences_route,
)
