"""The till without a connection: what a browser keeps until it can be sent, and how the station's terminals are doing.

A browser holds no lease and no keys, so it accepts nothing by itself: it keeps what was typed, and sends it once there
is a connection, under the key that it was given when it was typed. Enrolled terminals take coupons offline.
"""

from typing import Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Template

from gasolinera.database import Database, RequestContext
from gasolinera.errors import GasolineraError, UnavailableError
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import offline_conflicts, redeeming
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption.models import Fuel
from gasolinera.redemption.pages_till import (
    ACT,
    LIMITS,
    SEE,
    WORDING,
    PurchaseForm,
    coupons_of,
    elsewhere_page,
    purchase_values,
    redeem_typed,
)
from gasolinera.web.figures import filters_of
from gasolinera.web.forms import Form, read_form
from gasolinera.web.keeping import kept, session_tag
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import words_of

_SHOWN: Final = 20
_WRONG: Final = {
    "code": "queue-wrong-code",
    "fuel_type": "queue-wrong-fuel",
    "amount": "queue-wrong-amount",
    "dispenser_code": "queue-wrong-pump",
}


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry, in the reader's words. `again`: nobody knows yet, and it is sent again."""

    state: Literal["done", "refused", "again"]
    text: str
    href: str = ""


@get("/till/offline", guards=SEE, include_in_schema=False)
async def offline_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
) -> Template:
    """The browser keeps it, so that it opens without a connection, too."""
    nowhere = elsewhere_page(request, caller)
    if nowhere is not None:
        return nowhere
    employee = redeeming.employee_of(caller)
    chains, conflicts = None, None
    async with db.connection() as conn:
        zone = await queries.find_station_zone(conn, employee.station_code)
        if caller.reach(Permission.OFFLINE_REVIEW) is not None:
            station = employee.station_code
            chains = await offline_conflicts.list_chains(conn, caller, station, cursor=None, limit=_SHOWN)
            conflicts = await offline_conflicts.list_conflicts(
                conn, caller, station, is_resolved=False, cursor=None, limit=_SHOWN
            )
    language = language_of(request)
    values = {
        "form": Form(),
        "station_code": employee.station_code,
        "employee_number": employee.employee_number,
        "owner": session_tag(request),
        "chains": chains,
        "conflicts": conflicts,
        "zone": zone or CHAIN_ZONE,
        "fuels": [(fuel.value, WORDING.text(language, f"fuel-{fuel.value.lower()}")) for fuel in Fuel],
    }
    headers = kept(request, keyring.clock())
    return page(request, "redemption/till/offline.html", values, wording=WORDING, headers=headers)


@post("/till/offline", status_code=200, guards=ACT, opt=LIMITS, include_in_schema=False)
async def send_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    state: State,
) -> Sent:
    """One entry of a browser's queue: redeemed now, by today's rules, as if it were typed now."""
    form = await read_form(request)
    language = language_of(request)
    purchase_values(form)
    typed = form.parsed(PurchaseForm)
    if typed is None:
        wrong = next((name for field, name in _WRONG.items() if field in form.errors), "queue-wrong")
        return Sent(state="refused", text=WORDING.text(language, wrong))
    try:
        made = await redeem_typed(db, coupons_of(state), context, caller, keyring, typed)
    except UnavailableError as error:
        return Sent(state="again", text=words_of(request, WORDING, error))
    except GasolineraError as error:
        if error.status in (401, 404) or error.status >= 500:
            raise
        return Sent(state="refused", text=words_of(request, WORDING, error))
    money = filters_of(language, CHAIN_ZONE)["money"]
    arguments = {
        "charge": money(made.final_amount, made.currency),
        "discount": money(made.discount_amount, made.currency),
    }
    return Sent(
        state="done",
        text=WORDING.text(language, "queue-done", arguments),
        href=f"/till/receipts/{made.transaction_reference}",
    )


HANDLERS = (offline_route, send_route)
