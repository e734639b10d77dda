"""A redemption as the till shows it afterwards: a receipt to print, and undone within the policy, which asks first."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Redirect, Template
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import GasolineraError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption import reading, redeeming
from gasolinera.redemption.models import Redemption
from gasolinera.redemption.pages_till import LIMITS, SEE, WORDING, coupons_of
from gasolinera.redemption.queries_tickets import issuances_of_redemption
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import words_of

_UNDO: Final = [requires(Permission.REDEMPTIONS_CANCEL, fresh=True)]
_SEE_UNDO: Final = [requires(Permission.REDEMPTIONS_CANCEL)]
REASONS: Final = ("no-coupon", "wrong-amount", "other-coupon", "other")
TONES: Final[Mapping[str, str]] = {
    "COMPLETED": "good",
    "CANCELLED": "warn",
    "FAILED": "bad",
    "PENDING": "warn",
    "IN_PROGRESS": "warn",
}
Reference = Annotated[str, PathParameter(pattern=r"^RDM-[0-9]{8}-[0-9]{6,18}$(?!\n)")]


class UndoForm(msgspec.Struct, frozen=True, kw_only=True):
    why: Annotated[str, Meta(pattern=r"^(no-coupon|wrong-amount|other-coupon|other)$(?!\n)")]
    detail: Annotated[str, Meta(max_length=200)] | None = None


@get("/till/receipts/{reference:str}", guards=SEE, include_in_schema=False)
async def receipt_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    reference: Reference,
) -> Template:
    async with db.connection() as conn:
        redemption = await reading.get_redemption(conn, caller, reference)
        values = await receipt_values(conn, request, redemption)
    until = redeeming.cancel_until(caller, redemption)
    undo_until = until if until is not None and keyring.clock() < until else None
    values |= {"is_customers": False, "undo_until": undo_until}
    return page(request, "redemption/till/receipt.html", values, wording=WORDING)


async def receipt_values(
    conn: Connection, request: Request[Any, Any, Any], redemption: Redemption
) -> dict[str, object]:
    """What the till's receipt and the customer's show alike."""
    issued = await issuances_of_redemption(conn, redemption.transaction_reference)
    zone = await queries.find_station_zone(conn, redemption.station_code)
    language = language_of(request)
    name = f"refused-coupon-{(redemption.failure_code or '').lower().replace('_', '-')}"
    known = name if name in WORDING.names(language) else "refused-other"
    return {
        "redemption": redemption,
        "tone": TONES[redemption.status],
        "issued": issued,
        "numbers": [number for issuance in issued for number in issuance.numbers][:200],
        "zone": zone or CHAIN_ZONE,
        "failure": WORDING.text(language, known) if redemption.failure_code else "",
    }


@get("/till/receipts/{reference:str}/undo", guards=_SEE_UNDO, include_in_schema=False)
async def ask_undo_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    reference: Reference,
) -> Template:
    return await _undo_page(request, db, caller, keyring, reference, Form())


@post("/till/receipts/{reference:str}/undo", status_code=200, guards=_UNDO, opt=LIMITS, include_in_schema=False)
async def undo_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
    reference: Reference,
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(UndoForm)
    if wish is not None and wish.why == "other" and wish.detail is None:
        form.refuse(WORDING.text(language_of(request), "undo-detail-needed"), "detail")
        wish = None
    if wish is None:
        return await _undo_page(request, db, caller, keyring, reference, form, 422)
    # Kept for the staff, who read the chain's language.
    reason = WORDING.text("es", f"undo-{wish.why}")
    if wish.detail is not None:
        reason = f"{reason}: {wish.detail}"
    try:
        done = await redeeming.cancel(db, coupons_of(state), context, caller, reference, reason)
    except GasolineraError as error:
        if not 403 <= error.status < 500 or error.status == 404:
            raise
        form.refuse(words_of(request, WORDING, error))
        return await _undo_page(request, db, caller, keyring, reference, form, error.status)
    said = {"RESTORED": "undone-restored", "FORFEITED": "undone-forfeited"}.get(done.coupon or "", "undone")
    return Redirect(f"/till/receipts/{reference}?said={said}", status_code=303)


async def _undo_page(
    request: Request[Any, Any, Any],
    db: Database,
    caller: Caller,
    keyring: Keyring,
    reference: str,
    form: Form,
    status: int = 200,
) -> Template:
    async with db.connection() as conn:
        redemption = await reading.get_redemption(conn, caller, reference)
    language, until = language_of(request), redeeming.cancel_until(caller, redemption)
    values = {
        "form": form,
        "redemption": redemption,
        "is_open": until is not None and keyring.clock() < until,
        "reasons": [(reason, WORDING.text(language, f"undo-{reason}")) for reason in REASONS],
    }
    return page(request, "redemption/till/undo.html", values, wording=WORDING, status=status)


HANDLERS = (receipt_route, ask_undo_route, undo_route)
