"""The till: a coupon is scanned, photographed or typed, judged in green or red, and redeemed for what was pumped.

Everything is a form that works without a script; modules bring the camera and the live discount. A wallet's code lasts
a minute, so the page after the look carries the proof that the code was good when it was seen.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Final
from uuid import uuid4

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect, Template
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.coupon_calls import Coupons
from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError, UnauthenticatedError, UnavailableError
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import judging, redeeming
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption.models import DispenserCode, Fuel, Redemption, RedemptionRequest, Shown
from gasolinera.redemption.pages_photo import read_photo_form
from gasolinera.redemption.photos import MAX_BYTES
from gasolinera.redemption.queries import Employee
from gasolinera.redemption.seen import MAX_PROOF, next_key, prove_seen, seen_when
from gasolinera.redemption.shown import is_like_a_code
from gasolinera.web.assets import has_package
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form, read_form
from gasolinera.web.keeping import session_tag
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import words_of
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "till")
SEE: Final = [requires(Permission.REDEMPTIONS_PROCESS)]
ACT: Final = [requires(Permission.REDEMPTIONS_PROCESS, fresh=True)]
LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_FIELDS: Final[Mapping[str, str]] = {
    "redemption.amount": "amount",
    "redemption.amount_mismatch": "amount",
    "redemption.fuel": "litres",
    "redemption.place": "dispenser_code",
    "coupon.minimum_not_met": "amount",
    "coupon.fuel_not_eligible": "fuel_type",
}
_SPENT: Final = frozenset({"coupon.minimum_not_met", "coupon.fuel_not_eligible"})  # said of a redemption that failed
_SERVED: Final = frozenset({403, 409, 410, 422, 423, 503})  # what the till tells in red, and no page of errors


class PurchaseForm(msgspec.Struct, frozen=True, kw_only=True):
    """`key` was made with the page: pressed twice, it redeems once. `seen` proves for it when the code was good."""

    fuel_type: Fuel
    dispenser_code: DispenserCode
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
    qr: Annotated[str, Meta(max_length=400)] | None = None
    code: Annotated[str, Meta(max_length=40)] | None = None
    seen: Annotated[str, Meta(max_length=MAX_PROOF)] | None = None
    amount: Decimal | None = None
    litres: Decimal | None = None
    price_per_litre: Decimal | None = None

    def asked(self) -> RedemptionRequest:
        """A price alone is the one that was proposed: only with litres it says something."""
        return RedemptionRequest(
            qr=self.qr,
            code=self.code,
            fuel_type=self.fuel_type,
            amount=self.amount,
            litres=self.litres,
            price_per_litre=None if self.litres is None else self.price_per_litre,
            dispenser_code=self.dispenser_code,
        )


class Proposals(msgspec.Struct, frozen=True):
    """What is likely at this station: its pumps, the last price of each fuel, and the employee's last pump."""

    pumps: tuple[str, ...]
    prices: Mapping[str, str]
    pump: str


class LiveQuote(msgspec.Struct, frozen=True, kw_only=True):
    """In the reader's words: what is shown while somebody types."""

    original: str = ""
    discount: str = ""
    charge: str = ""
    tickets: str = ""
    problem: str = ""
    field: str = ""


@get("/till", guards=SEE, include_in_schema=False, sync_to_thread=False)
def till_route(request: Request[Any, Any, Any], caller: NamedDependency[Caller]) -> Template:
    return elsewhere_page(request, caller) or _scan_page(request, redeeming.employee_of(caller), Form())


@get(["/till/photo", "/till/redeem"], guards=SEE, include_in_schema=False, sync_to_thread=False)
def begin_route() -> Redirect:
    """Where somebody reloads what was an answer: its code is over by now."""
    return Redirect("/till", status_code=303)


@post("/till", status_code=200, guards=ACT, opt=LIMITS, include_in_schema=False)
async def look_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
) -> Template:
    """Scanned, photographed or typed: the answer, and the form of the purchase."""
    form = await read_form(request)
    shown = form.parsed(Shown)
    if shown is None or (shown.qr is None) == (shown.code is None):
        if not form.errors:
            form.refuse(_text(request, "look-nothing"), "code")
        return _scan_page(request, redeeming.employee_of(caller), form, 422)
    if shown.code is not None and not is_like_a_code(shown.code):
        form.refuse(_text(request, "typed-code-shape"), "code")
        return _scan_page(request, redeeming.employee_of(caller), form, 422)
    return await _look(request, db, context, caller, keyring, state, shown)


@post(
    "/till/photo",
    status_code=200,
    guards=ACT,
    opt={"limits": (Limit("user", 30, 60),)},
    include_in_schema=False,
    request_max_body_size=MAX_BYTES + 10_000,
)
async def photo_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
) -> Template:
    """The code on a photo, for browsers that show no camera to pages."""
    form, text = await read_photo_form(request, WORDING)
    if text is None:
        return _scan_page(request, redeeming.employee_of(caller), form, 422)
    return await _look(request, db, context, caller, keyring, state, Shown(qr=text))


async def _look(
    request: Request[Any, Any, Any],
    db: Database,
    context: RequestContext,
    caller: Caller,
    keyring: Keyring,
    state: State,
    shown: Shown,
) -> Template:
    employee = redeeming.employee_of(caller)
    try:
        seen = await judging.look(db, coupons_of(state), context, caller, shown)
    except GasolineraError as error:
        return refused_page(request, error, shown.code or "")
    key = uuid4().hex
    proof = "" if shown.qr is None else prove_seen(keyring, employee, shown.qr, key, keyring.clock())
    async with db.connection() as conn:
        proposals = _proposals(employee, await queries.list_recent(conn, employee.station_code))
    filled = {
        "qr": shown.qr or "",
        "code": shown.code or "",
        "seen": proof,
        "key": key,
        "coupon": seen.coupon_code,
        "campaign": seen.campaign_code,
        "currency": seen.currency,
        "tickets": str(seen.raffle_tickets),
        "dispenser_code": proposals.pump,
    }
    if not seen.has_customer:
        return _answer_page(request, "nobody", Form(filled), proposals)
    return _answer_page(request, "good", Form(filled), proposals)


@post("/till/redeem", status_code=200, guards=ACT, opt=LIMITS, include_in_schema=False)
async def redeem_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
) -> Template | Redirect:
    """Completes it; with `act=quote` says only what it would give, for browsers without scripts."""
    form = await read_form(request)
    employee = redeeming.employee_of(caller)
    async with db.connection() as conn:
        proposals = _proposals(employee, await queries.list_recent(conn, employee.station_code))
    typed = _purchase_in(form)
    if typed is None:
        return _answer_page(request, "good", form, proposals, status=422)
    try:
        if form.value("act") == "quote":
            quoted = await _quote(db, coupons_of(state), context, caller, keyring, typed)
            return _answer_page(request, "good", form, proposals, quote=_in_words(request, quoted))
        made = await redeem_typed(db, coupons_of(state), context, caller, keyring, typed)
    except UnavailableError as error:
        # Perhaps it went through: the same key finds that out, and has no second effect.
        form.refuse(words_of(request, WORDING, error))
        return _answer_page(request, "good", form, proposals, status=error.status)
    except GasolineraError as error:
        if error.code not in _FIELDS:
            return refused_page(request, error)
        form.refuse(words_of(request, WORDING, error), _FIELDS[error.code])
        if error.code in _SPENT and form.value("act") != "quote":
            form.values |= _next_attempt(keyring, employee, typed)
        return _answer_page(request, "good", form, proposals, status=422)
    return Redirect(f"/till/receipts/{made.transaction_reference}", status_code=303)


@post("/till/quote", status_code=200, guards=ACT, opt={"limits": (Limit("user", 240, 60),)}, include_in_schema=False)
async def quote_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
) -> LiveQuote:
    """For the page's module, while somebody types."""
    form = await read_form(request)
    typed = _purchase_in(form)
    if typed is None:
        return LiveQuote()  # half of a number: the form itself says what is wrong once it is sent
    if typed.amount is None and (typed.litres is None or typed.price_per_litre is None):
        return LiveQuote()
    try:
        return _in_words(request, await _quote(db, coupons_of(state), context, caller, keyring, typed))
    except UnauthenticatedError:
        raise
    except GasolineraError as error:
        return LiveQuote(problem=words_of(request, WORDING, error), field=_FIELDS.get(error.code, ""))


async def redeem_typed(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    caller: Caller,
    keyring: Keyring,
    typed: PurchaseForm,
) -> Redemption:
    """Raises as `redeeming.redeem` does, and InputError `redemption.look_again`."""
    seen_at = _seen_at(keyring, redeeming.employee_of(caller), typed)
    return await redeeming.redeem(db, coupons, context, caller, f"till-{typed.key}", typed.asked(), seen_at=seen_at)


async def _quote(
    db: Database, coupons: Coupons, context: RequestContext, caller: Caller, keyring: Keyring, typed: PurchaseForm
) -> judging.Quote:
    seen_at = _seen_at(keyring, redeeming.employee_of(caller), typed)
    return await judging.quote(db, coupons, context, caller, typed.asked(), seen_at=seen_at)


def _seen_at(keyring: Keyring, employee: Employee, typed: PurchaseForm) -> datetime | None:
    if typed.qr is None or typed.seen is None:
        return None
    return seen_when(keyring, employee, typed.qr, typed.key, typed.seen)


def _next_attempt(keyring: Keyring, employee: Employee, typed: PurchaseForm) -> dict[str, str]:
    """The attempt under its key is over, and failed for good: what was seen then serves the one after it."""
    key, seen_at = next_key(typed.key), _seen_at(keyring, employee, typed)
    if typed.qr is None or seen_at is None:
        return {"key": key}
    return {"key": key, "seen": prove_seen(keyring, employee, typed.qr, key, seen_at)}


def purchase_values(form: Form) -> None:
    """As people write pumps and leave fields of the other way to show a coupon."""
    form.values["dispenser_code"] = form.value("dispenser_code").upper()


def _purchase_in(form: Form) -> PurchaseForm | None:
    purchase_values(form)
    return form.parsed(PurchaseForm)


def _proposals(employee: Employee, recent: list[queries.Recent]) -> Proposals:
    pumps = sorted({row.dispenser_code for row in recent if row.dispenser_code is not None})
    own = [row.dispenser_code for row in recent if row.employee_number == employee.employee_number]
    prices: dict[str, str] = {}
    for row in recent:
        if row.fuel_type is not None and row.price_per_litre is not None:
            prices.setdefault(row.fuel_type, f"{row.price_per_litre.normalize():f}")
    return Proposals(tuple(pumps), prices, next((pump for pump in own if pump), ""))


def _in_words(request: Request[Any, Any, Any], quoted: judging.Quote) -> LiveQuote:
    money = filters_of(language_of(request), CHAIN_ZONE)["money"]
    given = quoted.given
    return LiveQuote(
        original=money(quoted.purchased.amount, quoted.currency),
        discount=money(given.discount_amount, quoted.currency),
        charge=money(given.final_amount, quoted.currency),
        tickets=WORDING.text(language_of(request), "tickets", {"count": given.raffle_tickets}),
    )


def elsewhere_page(request: Request[Any, Any, Any], caller: Caller) -> Template | None:
    """For who may serve, and works at no station: the chain's administrators."""
    if caller.employee_number is not None and caller.station_code is not None:
        return None
    return page(request, "redemption/till/elsewhere.html", {}, wording=WORDING)


def _scan_page(request: Request[Any, Any, Any], employee: Employee, form: Form, status: int = 200) -> Template:
    values = {
        "form": form,
        "station_code": employee.station_code,
        "employee_number": employee.employee_number,
        "owner": session_tag(request),
        "has_decoder": has_package("zxing-wasm"),
    }
    return page(request, "redemption/till/scan.html", values, wording=WORDING, status=status, uses=("wasm", "camera"))


def _answer_page(
    request: Request[Any, Any, Any],
    verdict: str,
    form: Form,
    proposals: Proposals,
    *,
    quote: LiveQuote | None = None,
    status: int = 200,
) -> Template:
    values = {
        "verdict": verdict,
        "form": form,
        "proposals": proposals,
        "prices": msgspec.json.encode(proposals.prices).decode(),
        "quote": quote or LiveQuote(),
        "fuels": [(fuel.value, _text(request, f"fuel-{fuel.value.lower()}")) for fuel in Fuel],
    }
    return page(request, "redemption/till/answer.html", values, wording=WORDING, status=status)


def refused_page(request: Request[Any, Any, Any], error: GasolineraError, code: str = "") -> Template:
    """In red, with the reason in words, and with a typed code to be corrected.

    Raises the error on where it says nothing about a coupon.
    """
    if error.status not in _SERVED:
        raise error
    is_open = error.status == HTTPStatus.SERVICE_UNAVAILABLE
    values: dict[str, object] = {"verdict": "open" if is_open else "bad", "reason": words_of(request, WORDING, error)}
    values["form"] = Form({"code": code})
    return page(request, "redemption/till/refused.html", values, wording=WORDING, status=error.status)


def _text(request: Request[Any, Any, Any], name: str) -> str:
    return WORDING.text(language_of(request), name)


def coupons_of(state: State) -> Coupons:
    found: Coupons = state["coupons"]
    return found


HANDLERS = (till_route, begin_route, look_route, photo_route, redeem_route, quote_route)
