"""Partners in the back office: the list, one partner, and keys, each of which is shown once."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import uuid4

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.auth import partners, people, webhooks
from gasolinera.auth import queries_pages_partners as queries
from gasolinera.auth.models_partners import ApiKey, Partner
from gasolinera.auth.models_webhooks import PARTNER_EVENTS
from gasolinera.auth.queries_pages_partners import ListedPartner
from gasolinera.auth.refused import IntegrityError, Speaker, reason_of
from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.paging import MAX_CURSOR, Position, decode_cursor, page_of
from gasolinera.permissions import PARTNER_SCOPES, Permission
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_page
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.auth", "partners")
MANAGE: Final = [requires(Permission.PARTNERS_MANAGE, second_factor=True, fresh=True)]
_AT_ONCE: Final = 50
_HISTORY: Final = 50
_REASONS: Final = {
    "partner.exists": ("refused-exists", "partner_code"),
    "partner.name_invalid": ("refused-name", "name"),
    "partner.email_invalid": ("refused-email", "contact_email"),
    "partner.inactive": ("refused-partner-inactive", None),
    "api_key.too_many": ("refused-too-many-keys", None),
    "api_key.rotated": ("refused-rotated", None),
    "api_key.over": ("refused-key-over", None),
    "api_key.unknown": ("refused-key-over", None),
    "api_key.label_invalid": ("refused-name", "label"),
    "api_key.scopes": ("refused-scopes", "scopes"),
}
_SHAPES: Final = {
    "partner_code": "refused-code",
    "contact_email": "refused-email",
    "label": "refused-name",
    "scopes": "refused-scopes",
    "station_code": "refused-station",
}
VISIBLE: Final = r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)"
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=VISIBLE)]
_Email = Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]+$(?!\n)")]
StationCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")]
Code = Annotated[str, PathParameter(pattern=r"^[A-Z0-9-]{3,20}$(?!\n)")]
Search = Annotated[str, QueryParameter(name="q", max_length=100)]
Text = Annotated[str, QueryParameter(max_length=40)]
CursorText = Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)]


class NewPartner(msgspec.Struct, frozen=True, kw_only=True):
    partner_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{1,18}[A-Z0-9]$(?!\n)")]
    name: _Name
    contact_email: _Email | None = None


class PartnerChange(msgspec.Struct, frozen=True, kw_only=True):
    name: _Name
    contact_email: _Email | None = None


class PartnerPosition(Position, frozen=True):
    code: str


class ShownKey(msgspec.Struct, frozen=True):
    key: ApiKey
    state: str
    scopes: tuple[str, ...]


class ShownAct(msgspec.Struct, frozen=True):
    at: datetime
    what: str
    key_prefix: str | None
    actor: str


async def _list(
    conn: Connection, text: str, active: str, *, cursor: str | None, is_backwards: bool, limit: int
) -> tuple[tuple[ListedPartner, ...], str | None]:
    after = decode_cursor(PartnerPosition, cursor)
    found = await queries.list_partners_matching(
        conn,
        text,
        is_active={"yes": True, "no": False}.get(active),
        after=after.code if after else "",
        limit=limit + 1,
        is_backwards=is_backwards,
    )
    listed = page_of(found, limit=limit, position=lambda one: PartnerPosition(one.partner_code))
    return listed.items, listed.next_cursor


@get("/office/partners", include_in_schema=False, guards=MANAGE)
async def partners_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    search: Search = "",
    active: Text = "",
    sort: Text = "",
    cursor: CursorText = None,
) -> Template:
    say = Speaker(request, WORDING)
    async with db.connection() as conn:
        found, next_cursor = await _list(
            conn, search.strip(), active, cursor=cursor, is_backwards=sort == "-code", limit=_AT_ONCE
        )
    values = {
        "partners": found,
        "next_cursor": next_cursor,
        "states": [("yes", say("state-active")), ("no", say("state-inactive"))],
    }
    return page(request, "auth/partners/partners.html", values, wording=WORDING)


@get("/office/partners.csv", include_in_schema=False, guards=MANAGE)
async def partners_file_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    search: Search = "",
    active: Text = "",
    sort: Text = "",
) -> Stream:
    say = Speaker(request, WORDING)
    shown = filters_of(language_of(request), CHAIN_ZONE)["moment"]

    async def rows() -> AsyncIterator[Sequence[object]]:
        cursor = None
        while True:
            async with db.connection() as conn:
                found, cursor = await _list(
                    conn, search.strip(), active, cursor=cursor, is_backwards=sort == "-code", limit=500
                )
            for one in found:
                state = say("state-active" if one.is_active else "state-inactive")
                who = (one.partner_code, one.name, one.contact_email or "")
                yield (*who, state, one.live_keys, one.webhooks, shown(one.created_at))
            if cursor is None:
                return

    names = ("code", "name", "email", "state", "keys", "webhooks", "since")
    file = "socios" if language_of(request) == "es" else "partners"
    return await csv_page(file, [say(f"partners-{name}") for name in names], rows())


def _new_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    return page(request, "auth/partners/new.html", {"form": form}, wording=WORDING, status=status)


@get("/office/partners/new", include_in_schema=False, guards=MANAGE, sync_to_thread=False)
def new_partner_route(request: Request[Any, Any, Any]) -> Template:
    return _new_page(request, Form())


@post("/office/partners/new", include_in_schema=False, status_code=303, guards=MANAGE)
async def create_partner_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Template | Redirect:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    wish = form.parsed(NewPartner)
    if wish is None:
        shape_faults(form, say)
        return _new_page(request, form, 422)
    try:
        async with db.transaction(context) as conn:
            await partners.create_partner(conn, wish.partner_code, name=wish.name, contact_email=wish.contact_email)
    except IntegrityError as error:
        return _new_page(request, form, refuse(request, form, error))
    return Redirect(f"/office/partners/{wish.partner_code}?said=created", status_code=303)


def shape_faults(form: Form, say: Speaker) -> None:
    """What is wrong with the shape of a field, in better words than those of any field."""
    for name, text in _SHAPES.items():
        if name in form.errors and (form.value(name) or name == "scopes"):
            form.refuse(say(text), name)


def refuse(request: Request[Any, Any, Any], form: Form, error: Any) -> int:
    """Puts the reason where it belongs; gives the status."""
    reason = reason_of(request, error)
    say = Speaker(request, WORDING)
    if reason.code in _REASONS:
        text, field = _REASONS[reason.code]
        form.refuse(say(text), field)
    else:
        form.refuse(say("refused-other", code=reason.code))
    return int(reason.status)


@get("/office/partners/{code:str}", include_in_schema=False, guards=MANAGE)
async def partner_route(request: Request[Any, Any, Any], db: NamedDependency[Database], code: Code) -> Template:
    return await partner_page(request, db, code)


async def partner_page(
    request: Request[Any, Any, Any],
    db: Database,
    code: str,
    *,
    changing: Form | None = None,
    making: Form | None = None,
    hooking: Form | None = None,
    status: int = 200,
) -> Template:
    """All of one partner. The forms that were refused have what was typed."""
    say = Speaker(request, WORDING)
    async with db.connection() as conn:
        partner = await partners.get_partner(conn, code)
        keys = await partners.list_api_keys(conn, code)
        endpoints = await webhooks.list_endpoints(conn, code)
        history = await _history_of(conn, say, code)
    now = datetime.now(UTC)
    values = {
        "partner": partner,
        "keys": [ShownKey(key, _state_of(key, now), tuple(say(_scope(one)) for one in key.scopes)) for key in keys],
        "endpoints": endpoints,
        "history": history,
        "changing": changing or _facts_of(partner),
        "making": making or Form({"requests_per_minute": "300", "valid_days": "365"}),
        "hooking": hooking or Form(),
        "new_key": str(uuid4()),
        "scopes": [(scope.value, say(_scope(scope.value))) for scope in sorted(PARTNER_SCOPES)],
        "events": [(one, say(f"event-{one.replace('.', '-')}")) for one in sorted(PARTNER_EVENTS)],
    }
    return page(request, "auth/partners/partner.html", values, wording=WORDING, status=status)


def _scope(scope: str) -> str:
    return f"scope-{scope.replace(':', '-')}"


def _facts_of(partner: Partner) -> Form:
    return Form({"name": partner.name, "contact_email": partner.contact_email or ""})


def _state_of(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if key.expires_at > now else "expired"


async def _history_of(conn: Connection, say: Speaker, code: str) -> list[ShownAct]:
    found = (await partners.list_history(conn, code))[:_HISTORY]
    actors = [people.reference_of(entry.actor) for entry in found]
    names = await people.names_of(conn, [actor for actor in actors if actor])
    return [
        ShownAct(
            entry.created_at,
            say(f"history-{entry.event_type}"),
            entry.key_prefix,
            names.get(actor, say("history-platform")) if actor else say("history-platform"),
        )
        for entry, actor in zip(found, actors, strict=True)
    ]


@post("/office/partners/{code:str}", include_in_schema=False, status_code=303, guards=MANAGE)
async def change_partner_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(PartnerChange)
    if wish is None:
        shape_faults(form, Speaker(request, WORDING))
        return await partner_page(request, db, code, changing=form, status=422)
    try:
        async with db.transaction(context) as conn:
            await partners.change_partner(
                conn, code, name=wish.name, contact_email=wish.contact_email, removes_email=wish.contact_email is None
            )
    except IntegrityError as error:
        return await partner_page(request, db, code, changing=form, status=refuse(request, form, error))
    return Redirect(f"/office/partners/{code}?said=saved", status_code=303)


@post("/office/partners/{code:str}/activate", include_in_schema=False, status_code=303, guards=MANAGE)
async def activate_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext], code: Code
) -> Redirect:
    await read_form(request)
    async with db.transaction(context) as conn:
        await partners.change_partner(conn, code, is_active=True)
    return Redirect(f"/office/partners/{code}?said=activated", status_code=303)


@post("/office/partners/{code:str}/deactivate", include_in_schema=False, status_code=303, guards=MANAGE)
async def deactivate_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext], code: Code
) -> Template | Redirect:
    form = await read_form(request)
    if not is_confirmed(form):
        async with db.connection() as conn:
            partner = await partners.get_partner(conn, code)
        return confirm_page(request, question_of(request, "deactivate", code, name=partner.name), {}, form)
    async with db.transaction(context) as conn:
        await partners.change_partner(conn, code, is_active=False)
    return Redirect(f"/office/partners/{code}?said=deactivated", status_code=303)


def question_of(request: Request[Any, Any, Any], about: str, code: str, **named: str) -> Question:
    say = Speaker(request, WORDING)
    return Question(
        title=say(f"confirm-{about}", **named),
        text=say(f"confirm-{about}-text"),
        yes=say(f"confirm-{about}-yes"),
        back=f"/office/partners/{code}",
    )


async def secret_page(request: Request[Any, Any, Any], title: str, secret: str, then: str) -> Template:
    """A secret, this once."""
    values = {"title": title, "secret": secret, "then": then}
    return page(request, "auth/partners/secret.html", values, wording=WORDING)


HANDLERS = (
    partners_route,
    partners_file_route,
    new_partner_route,
    create_partner_route,
    partner_route,
    change_partner_route,
    activate_route,
    deactivate_route,
)
