"""Webhooks in the back office: all of them, one with its deliveries, and one delivery with every try."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.auth import queries_pages_partners as queries
from gasolinera.auth import webhooks
from gasolinera.auth.models_webhooks import (
    DEFAULT_OVERLAP,
    DeliveryPosition,
    DeliveryStatus,
    Endpoint,
    EndpointChange,
    EndpointWish,
    PartnerEvent,
)
from gasolinera.auth.pages_partners import (
    WORDING,
    Code,
    CursorText,
    Search,
    StationCode,
    Text,
    partner_page,
    question_of,
    secret_page,
)
from gasolinera.auth.queries_pages_partners import ListedEndpoint
from gasolinera.auth.refused import Speaker
from gasolinera.authentication import requires
from gasolinera.config import Settings
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.keyring import Keyring
from gasolinera.paging import Position, decode_cursor, page_of
from gasolinera.permissions import Permission
from gasolinera.texts import text
from gasolinera.web.confirming import confirm_page, is_confirmed
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_page

MANAGE: Final = [requires(Permission.WEBHOOKS_MANAGE, second_factor=True, fresh=True)]
_AT_ONCE: Final = 50
_LAST: Final = 2**63 - 1
PATH: Final = "/office/webhooks/{code:str}/{endpoint_id:uuid}"
_SHAPES: Final = {
    "url": "refused-url",
    "description": "refused-name",
    "event_types": "refused-events",
    "station_code": "refused-station",
}
EndpointId = Annotated[UUID, PathParameter()]
_Url = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^https?://[^\s@#\x00-\x1f\x7f]+$(?!\n)")]


class EndpointForm(msgspec.Struct, frozen=True, kw_only=True):
    url: _Url
    event_types: Annotated[tuple[PartnerEvent, ...], msgspec.Meta(min_length=1, max_length=20)]
    description: Annotated[str, text(200)] | None = None
    station_code: StationCode | None = None


class EndpointPosition(Position, frozen=True):
    id: int


class PartnerEndpointPosition(Position, frozen=True):
    code: str
    id: int


def _shape_faults(form: Form, say: Speaker) -> None:
    for name, fault in _SHAPES.items():
        if name in form.errors:
            form.refuse(say(fault), name)


def _state_of(endpoint: Endpoint) -> str:
    if not endpoint.is_active:
        return "disabled"
    return "active" if endpoint.failing_since is None else "failing"


def event_texts(say: Speaker, types: Sequence[str]) -> str:
    return ", ".join(say(f"event-{one.replace('.', '-')}") for one in types)


async def _list(
    conn: Connection, typed: str, state: str, sort: str, *, cursor: str | None, limit: int
) -> tuple[tuple[ListedEndpoint, ...], str | None]:
    """By the partner's code where `sort` says so, else by age, the oldest first unless it says otherwise."""
    if sort in {"partner", "-partner"}:
        by_partner = decode_cursor(PartnerEndpointPosition, cursor)
        found = await queries.list_all_endpoints_by_partner(
            conn,
            typed,
            state=state,
            after=(by_partner.code, by_partner.id) if by_partner else ("", 0),
            limit=limit + 1,
            is_backwards=sort == "-partner",
        )
        listed = page_of(found, limit=limit, position=lambda one: PartnerEndpointPosition(one.partner_code, one.id))
        return listed.items, listed.next_cursor
    after = decode_cursor(EndpointPosition, cursor)
    is_backwards = sort == "-since"
    first = _LAST if is_backwards else 0
    found = await queries.list_all_endpoints(
        conn, typed, state=state, after=after.id if after else first, limit=limit + 1, is_backwards=is_backwards
    )
    listed = page_of(found, limit=limit, position=lambda one: EndpointPosition(one.id))
    return listed.items, listed.next_cursor


@get("/office/webhooks", include_in_schema=False, guards=MANAGE)
async def webhooks_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    search: Search = "",
    condition: Text = "",
    sort: Text = "",
    cursor: CursorText = None,
) -> Template:
    say = Speaker(request, WORDING)
    async with db.connection() as conn:
        found, next_cursor = await _list(conn, search.strip(), condition, sort, cursor=cursor, limit=_AT_ONCE)
    values = {
        "endpoints": [(one, _state_of(one), event_texts(say, one.event_types)) for one in found],
        "next_cursor": next_cursor,
        "states": [(one, say(f"webhook-{one}")) for one in ("active", "failing", "disabled")],
    }
    return page(request, "auth/partners/webhooks.html", values, wording=WORDING)


@get("/office/webhooks.csv", include_in_schema=False, guards=MANAGE)
async def webhooks_file_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    search: Search = "",
    condition: Text = "",
    sort: Text = "",
) -> Stream:
    say = Speaker(request, WORDING)
    shown = filters_of(language_of(request), CHAIN_ZONE)["moment"]

    async def rows() -> AsyncIterator[Sequence[object]]:
        cursor = None
        while True:
            async with db.connection() as conn:
                found, cursor = await _list(conn, search.strip(), condition, sort, cursor=cursor, limit=500)
            for one in found:
                events = event_texts(say, one.event_types)
                state = say(f"webhook-{_state_of(one)}")
                yield (
                    one.partner_code,
                    one.url,
                    events,
                    state,
                    shown(one.last_success_at),
                    one.waiting,
                    shown(one.created_at),
                )
            if cursor is None:
                return

    names = ("partner", "url", "events", "state", "success", "waiting", "since")
    return await csv_page("webhooks", [say(f"webhooks-{name}") for name in names], rows())


@post("/office/partners/{code:str}/webhooks", include_in_schema=False, status_code=200, guards=MANAGE)
async def create_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    state: State,
    code: Code,
) -> Template:
    form = await read_form(request)
    say = Speaker(request, WORDING)
    wish = _read(form, say, state)
    if wish is None:
        return await partner_page(request, db, code, hooking=form, status=422)
    endpoint = EndpointWish(
        url=wish.url,
        description=wish.description,
        event_types=tuple(dict.fromkeys(wish.event_types)),
        station_code=wish.station_code,
    )
    try:
        async with db.transaction(context) as conn:
            made = await webhooks.create_endpoint(conn, keyring, code, endpoint)
    except ConflictError:
        form.refuse(say("refused-too-many-webhooks"))
        return await partner_page(request, db, code, hooking=form, status=409)
    path = f"/office/webhooks/{code}/{made.endpoint.endpoint_id}"
    return await secret_page(request, say("secret-title-webhook"), made.secret, path)


def _read(form: Form, say: Speaker, state: State) -> EndpointForm | None:
    form.values["station_code"] = form.value("station_code").upper()
    wish = form.parsed(EndpointForm)
    if wish is None:
        _shape_faults(form, say)
        return None
    settings: Settings = state["settings"]
    try:
        webhooks.check_url(wish.url, settings.environment)
    except InputError:
        form.refuse(say("refused-url"), "url")
        return None
    return wish


async def _find(conn: Connection, code: str, endpoint_id: UUID) -> Endpoint:
    for one in await webhooks.list_endpoints(conn, code):
        if one.endpoint_id == endpoint_id:
            return one
    raise UnknownError("webhook.unknown", "there is no such webhook")


async def _endpoint_page(
    request: Request[Any, Any, Any],
    db: Database,
    code: str,
    endpoint_id: UUID,
    *,
    form: Form | None = None,
    status: int = 200,
    cursor: str | None = None,
    shown: str = "",
) -> Template:
    say = Speaker(request, WORDING)
    after = decode_cursor(DeliveryPosition, cursor)
    chosen = DeliveryStatus(shown) if shown in DeliveryStatus.__members__ else None
    async with db.connection() as conn:
        endpoint = await _find(conn, code, endpoint_id)
        found = await webhooks.list_deliveries(conn, code, endpoint_id, after=after, limit=_AT_ONCE, status=chosen)
    if form is None:
        values = {"url": endpoint.url, "description": endpoint.description or ""}
        form = Form(values, {"event_types": endpoint.event_types})
    known = msgspec.inspect.type_info(PartnerEvent)
    assert isinstance(known, msgspec.inspect.LiteralType), "events are named one by one"
    values = {
        "code": code,
        "endpoint": endpoint,
        "state": _state_of(endpoint),
        "form": form,
        "events": [(one, say(f"event-{str(one).replace('.', '-')}")) for one in known.values],
        "deliveries": [(one, event_texts(say, [one.event_type])) for one in found.items],
        "next_cursor": found.next_cursor,
        "statuses": [(one.value, say(f"status-{one.value}")) for one in DeliveryStatus],
    }
    return page(request, "auth/partners/webhook.html", values, wording=WORDING, status=status)


@get(PATH, include_in_schema=False, guards=MANAGE)
async def webhook_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: Code,
    endpoint_id: EndpointId,
    shown: Text = "",
    cursor: CursorText = None,
) -> Template:
    return await _endpoint_page(request, db, code, endpoint_id, cursor=cursor, shown=shown)


@post(PATH, include_in_schema=False, status_code=303, guards=MANAGE)
async def change_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    state: State,
    code: Code,
    endpoint_id: EndpointId,
) -> Template | Redirect:
    form = await read_form(request)
    wish = _read(form, Speaker(request, WORDING), state)
    if wish is None:
        return await _endpoint_page(request, db, code, endpoint_id, form=form, status=422)
    change = EndpointChange(
        url=wish.url, description=wish.description, event_types=tuple(dict.fromkeys(wish.event_types))
    )
    async with db.transaction(context) as conn:
        await webhooks.change_endpoint(conn, code, endpoint_id, change)
    return Redirect(f"/office/webhooks/{code}/{endpoint_id}?said=saved", status_code=303)


@post(f"{PATH}/enable", include_in_schema=False, status_code=303, guards=MANAGE)
async def enable_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    endpoint_id: EndpointId,
) -> Redirect:
    await read_form(request)
    async with db.transaction(context) as conn:
        await webhooks.change_endpoint(conn, code, endpoint_id, EndpointChange(is_active=True))
    return Redirect(f"/office/webhooks/{code}/{endpoint_id}?said=activated", status_code=303)


@post(f"{PATH}/disable", include_in_schema=False, status_code=303, guards=MANAGE)
async def disable_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    endpoint_id: EndpointId,
) -> Template | Redirect:
    form = await read_form(request)
    path = f"/office/webhooks/{code}/{endpoint_id}"
    if not is_confirmed(form):
        question = msgspec.structs.replace(question_of(request, "disable", code), back=path)
        return confirm_page(request, question, {}, form)
    async with db.transaction(context) as conn:
        await webhooks.change_endpoint(conn, code, endpoint_id, EndpointChange(is_active=False))
    return Redirect(f"{path}?said=deactivated", status_code=303)


@post(f"{PATH}/secret", include_in_schema=False, status_code=200, guards=MANAGE)
async def secret_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    code: Code,
    endpoint_id: EndpointId,
) -> Template:
    form = await read_form(request)
    path = f"/office/webhooks/{code}/{endpoint_id}"
    if not is_confirmed(form):
        question = msgspec.structs.replace(question_of(request, "secret", code), back=path)
        return confirm_page(request, question, {}, form)
    async with db.transaction(context) as conn:
        made = await webhooks.rotate_secret(conn, keyring, code, endpoint_id, overlap=DEFAULT_OVERLAP)
    return await secret_page(request, Speaker(request, WORDING)("secret-title-webhook"), made.secret, path)


@post(f"{PATH}/test", include_in_schema=False, status_code=303, guards=MANAGE)
async def test_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Code,
    endpoint_id: EndpointId,
) -> Template | Redirect:
    await read_form(request)
    try:
        async with db.transaction(context) as conn:
            await webhooks.send_test(conn, code, endpoint_id)
    except UnknownError:
        async with db.connection() as conn:
            endpoint = await _find(conn, code, endpoint_id)
        form = Form({"url": endpoint.url}, {"event_types": endpoint.event_types})
        form.refuse(Speaker(request, WORDING)("refused-webhook-inactive"))
        return await _endpoint_page(request, db, code, endpoint_id, form=form, status=409)
    return Redirect(f"/office/webhooks/{code}/{endpoint_id}?said=test", status_code=303)


HANDLERS = (
    webhooks_route,
    webhooks_file_route,
    create_route,
    webhook_route,
    change_route,
    enable_route,
    disable_route,
    secret_route,
    test_route,
)
