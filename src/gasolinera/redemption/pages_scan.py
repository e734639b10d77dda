"""The driver at the pump: scans the code that is shown there, takes it, and pays with a coupon or without one."""

import re
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Template
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import pump, reading
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption.pages_photo import read_photo_form
from gasolinera.redemption.pages_pump import PUMP_LIMITS, followed_of
from gasolinera.redemption.pages_receipts import Reference, receipt_values
from gasolinera.redemption.pages_till import LIMITS, WORDING, coupons_of
from gasolinera.redemption.photos import MAX_BYTES
from gasolinera.redemption.pump import Activation
from gasolinera.web.assets import has_package
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import words_of

_SEE: Final = [requires(Permission.PUMP_SCAN)]
_ACT: Final = [requires(Permission.PUMP_SCAN, fresh=True)]
_PAYING: Final = {"limits": (Limit("user", 30, 60),)}
_LINK: Final = re.compile(r"(?:^|/p/)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/?$", re.IGNORECASE)
_TOLD: Final = frozenset({403, 404, 409, 410, 422, 423, 503})
Nonce = Annotated[UUID, PathParameter()]
Coupon = Annotated[str, QueryParameter(name="coupon", max_length=40)]


class LinkForm(msgspec.Struct, frozen=True, kw_only=True):
    """`link`: what the code at the pump says. `coupon`: the one that somebody came with from the wallet."""

    link: Annotated[str, Meta(max_length=400)]
    coupon: Annotated[str, Meta(max_length=40)] | None = None


@get("/pump", guards=_SEE, include_in_schema=False, sync_to_thread=False)
def pump_page_route(request: Request[Any, Any, Any], coupon: Coupon = "") -> Template:
    return _scan_page(request, Form({"coupon": coupon}))


@post("/pump", status_code=200, guards=_SEE, opt=LIMITS, include_in_schema=False)
async def scanned_route(request: Request[Any, Any, Any]) -> Template | Redirect:
    form = await read_form(request)
    typed = form.parsed(LinkForm)
    if typed is None:
        return _scan_page(request, form, 422)
    return _to_code(request, form, typed.link, typed.coupon)


@post(
    "/pump/photo",
    status_code=200,
    guards=_SEE,
    opt={"limits": (Limit("user", 30, 60),)},
    include_in_schema=False,
    request_max_body_size=MAX_BYTES + 10_000,
)
async def photo_route(request: Request[Any, Any, Any], coupon: Coupon = "") -> Template | Redirect:
    form, text = await read_photo_form(request, WORDING)
    form.values["coupon"] = coupon  # from the address, since it is known even where the photo was too large
    if text is None:
        return _scan_page(request, form, 422)
    return _to_code(request, form, text, coupon or None)


@get("/p/{nonce:uuid}", guards=_SEE, include_in_schema=False)
async def code_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    nonce: Nonce,
    coupon: Coupon = "",
) -> Template | Redirect:
    """Looking takes nothing: a code is taken by a button, so that no preview of a link can take it."""
    return await _code_page(request, db, caller, keyring, nonce, Form({"code": coupon}))


@post("/p/{nonce:uuid}/scan", status_code=200, guards=_ACT, opt=PUMP_LIMITS, include_in_schema=False)
async def take_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    nonce: Nonce,
) -> Template | Redirect:
    form = await read_form(request)
    assert caller.user_id is not None, "who may scan is a person"
    try:
        async with db.transaction(context) as conn:
            await pump.scan(conn, caller.user_id, nonce)
    except GasolineraError as error:
        return _refused_page(request, error)
    return _redirect(nonce, form.value("code") or None)


@post("/p/{nonce:uuid}/activate", status_code=200, guards=_ACT, opt=_PAYING, include_in_schema=False)
async def activate_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
    nonce: Nonce,
) -> Template | Redirect:
    """With a coupon or without; sent again in the same way it is the same redemption."""
    form = await read_form(request)
    assert caller.user_id is not None, "who may activate is a person"
    if form.value("act") == "without":
        form.values["code"] = ""
    asked = form.parsed(Activation)
    if asked is not None and asked.code is None and form.value("act") != "without":
        # A coupon that was forgotten is no wish to pay without one, and what is paid cannot be taken back.
        form.refuse(WORDING.text(language_of(request), "driver-code-needed"), "code")
        asked = None
    if asked is None:
        return await _code_page(request, db, caller, keyring, nonce, form, 422)
    try:
        made = await pump.activate(db, coupons_of(state), context, caller.user_id, nonce, asked)
    except GasolineraError as error:
        if error.status not in _TOLD:
            raise
        form.refuse(words_of(request, WORDING, error), None if asked.code is None else "code")
        return await _code_page(request, db, caller, keyring, nonce, form, error.status)
    return Redirect(f"/pump/receipts/{made.transaction_reference}", status_code=303)


@get("/pump/receipts/{reference:str}", guards=_SEE, include_in_schema=False)
async def receipt_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    reference: Reference,
) -> Template:
    async with db.connection() as conn:
        redemption = await reading.get_redemption(conn, caller, reference)
        values = await receipt_values(conn, request, redemption)
    values |= {"is_customers": True, "undo_until": None}
    return page(request, "redemption/till/receipt.html", values, wording=WORDING)


def _to_code(request: Request[Any, Any, Any], form: Form, text: str, coupon: str | None) -> Template | Redirect:
    found = _LINK.search(text.strip())
    if found is None:
        form.refuse(WORDING.text(language_of(request), "pump-no-link"), "link")
        return _scan_page(request, form, 422)
    return _redirect(UUID(found[1]), coupon)


def _redirect(nonce: UUID, coupon: str | None) -> Redirect:
    query = {"coupon": coupon} if coupon else None
    return Redirect(f"/p/{nonce}", status_code=303, query_params=query)


async def _code_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    keyring: Keyring,
    nonce: UUID,
    form: Form,
    status: int = 200,
) -> Template | Redirect:
    assert caller.user_id is not None, "who may scan is a person"
    async with db.connection() as conn:
        code = await queries.find_scanned_code(conn, nonce, caller.user_id)
        zone = None if code is None else await queries.find_station_zone(conn, code.station_code)
    followed = None if code is None else followed_of(code, keyring.clock())
    if code is not None and code.transaction_reference and followed and followed.state in ("paid", "paying"):
        return Redirect(f"/pump/receipts/{code.transaction_reference}", status_code=303)
    values = {"nonce": nonce, "code": code, "followed": followed, "form": form, "zone": zone or CHAIN_ZONE}
    return page(request, "redemption/till/pump_use.html", values, wording=WORDING, status=status)


def _scan_page(request: Request[Any, Any, Any], form: Form, status: int = 200) -> Template:
    values = {"form": form, "has_decoder": has_package("zxing-wasm")}
    return page(
        request,
        "redemption/till/pump_scan.html",
        values,
        wording=WORDING,
        status=status,
        uses=("wasm", "camera"),
    )


def _refused_page(request: Request[Any, Any, Any], error: GasolineraError) -> Template:
    if error.status not in _TOLD:
        raise error
    values = {"reason": words_of(request, WORDING, error)}
    return page(request, "redemption/till/pump_refused.html", values, wording=WORDING, status=error.status)


HANDLERS = (pump_page_route, scanned_route, photo_route, code_route, take_route, activate_route, receipt_route)
