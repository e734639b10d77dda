"""The pump's code at the till: asked for, shown large until somebody scans it, and followed until it is paid."""

import base64
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID, uuid4

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template

from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.drawing import svg, symbol_of
from gasolinera.errors import InputError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller
from gasolinera.redemption import pump, redeeming
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption.errors import unknown_pump_code
from gasolinera.redemption.models import Fuel
from gasolinera.redemption.pages_till import ACT, SEE, WORDING, elsewhere_page, purchase_values
from gasolinera.redemption.pump import PumpWish
from gasolinera.redemption.queries_pages_till import CodeState
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import words_of

PUMP_LIMITS: Final = {"limits": (Limit("user", 60, 60),)}
CURRENCIES: Final = ("MXN", "CRC", "USD")
Nonce = Annotated[UUID, PathParameter()]


class PageKey(msgspec.Struct, frozen=True):
    """Made with the page: pressed twice, it shows one code."""

    key: UUID


class Followed(msgspec.Struct, frozen=True):
    """Where a code is, for the page's module."""

    state: str
    left_s: int


@get("/till/pump", guards=SEE, include_in_schema=False)
async def pump_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    nowhere = elsewhere_page(request, caller)
    return nowhere or await _form_page(request, db, caller, Form({"currency": "MXN", "key": str(uuid4())}))


@post("/till/pump", status_code=200, guards=ACT, opt=PUMP_LIMITS, include_in_schema=False)
async def show_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
) -> Template | Redirect:
    """Also for the next code of the same purchase: each has its own quarter of an hour."""
    form = await read_form(request)
    purchase_values(form)
    wish, made_for = form.parsed(PumpWish), form.parsed(PageKey)
    if wish is None or made_for is None:
        return await _form_page(request, db, caller, form, 422)
    settings: Settings = state["settings"]
    try:
        async with db.transaction(context) as conn:
            shown = await pump.show(
                conn,
                caller,
                wish,
                rule=settings.pump_ticket_amounts,
                most_tickets=settings.pump_most_tickets,
                public_url=settings.public_url,
                key=made_for.key,
            )
    except InputError as error:
        form.refuse(words_of(request, WORDING, error), "amount")
        return await _form_page(request, db, caller, form, 422)
    return Redirect(f"/till/pump/{shown.nonce}", status_code=303)


@get("/till/pump/{nonce:uuid}", guards=SEE, include_in_schema=False)
async def code_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
    nonce: Nonce,
) -> Template:
    employee = redeeming.employee_of(caller)
    async with db.connection() as conn:
        code = await queries.find_shown_code(conn, nonce, employee.station_code)
        zone = await queries.find_station_zone(conn, employee.station_code)
    if code is None:
        raise unknown_pump_code()
    settings: Settings = state["settings"]
    followed = followed_of(code, keyring.clock())
    picture = ""
    if followed.state == "waiting":
        drawn = svg(symbol_of(pump.link_of(settings.public_url, nonce)))
        picture = f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"
    values = {"code": code, "followed": followed, "picture": picture, "key": str(uuid4()), "zone": zone or CHAIN_ZONE}
    return page(request, "redemption/till/pump_code.html", values, wording=WORDING)


@get("/till/pump/{nonce:uuid}/state", guards=SEE, include_in_schema=False)
async def state_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], keyring: NamedDependency[Keyring], nonce: Nonce
) -> Followed:
    employee = redeeming.employee_of(caller)
    async with db.connection() as conn:
        code = await queries.find_shown_code(conn, nonce, employee.station_code)
    if code is None:
        raise unknown_pump_code()
    return followed_of(code, keyring.clock())


def followed_of(code: CodeState, now: datetime) -> Followed:
    """waiting, scanned, paying, paid or over."""
    left_s = max(0, int((code.expires_at - now).total_seconds()))
    if code.redemption_status in ("COMPLETED", "CANCELLED"):
        return Followed("paid", left_s)
    if code.redemption_status in ("PENDING", "IN_PROGRESS"):
        return Followed("paying", left_s)
    if code.status == "EXPIRED" or left_s == 0:
        return Followed("over", 0)
    return Followed("waiting" if code.status == "GENERATED" else "scanned", left_s)


async def _form_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form, status: int = 200
) -> Template:
    employee = redeeming.employee_of(caller)
    async with db.connection() as conn:
        recent = await queries.list_recent(conn, employee.station_code)
    language = language_of(request)
    values = {
        "form": form,
        "station_code": employee.station_code,
        "currencies": [(one, one) for one in CURRENCIES],
        "pumps": sorted({row.dispenser_code for row in recent if row.dispenser_code is not None}),
        "fuels": [(fuel.value, WORDING.text(language, f"fuel-{fuel.value.lower()}")) for fuel in Fuel],
    }
    return page(request, "redemption/till/pump.html", values, wording=WORDING, status=status)


HANDLERS = (pump_route, show_route, code_route, state_route)
