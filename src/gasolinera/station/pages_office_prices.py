"""A station's hours and prices in the back office: what they are, were and will be, and changing them."""

from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from gasolinera.authentication import reach_station, requires
from gasolinera.database import Database, RequestContext
from gasolinera.permissions import Caller, Permission
from gasolinera.station import managing, service
from gasolinera.station.changes import PriceChange
from gasolinera.station.forms_office import PriceForm, count_of, hours_form_of, hours_in
from gasolinera.station.hours import DAYS
from gasolinera.station.models import Currency, Fuel, Station
from gasolinera.station.pages_office import WORDING, asked, choices, words
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page
from gasolinera.web.refusing import refused, tell

_PRICES: Final = [requires(Permission.PRICES_SET)]
_SET: Final = [requires(Permission.PRICES_SET, fresh=True)]
_HISTORY: Final = 20
_FIELDS: Final = {
    "station.price": "price",
    "station.not_sold": "fuel",
    "station.valid_from": "day",
    "station.price_scheduled": "day",
}


class HistoryAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    of: Fuel | None = None
    cursor: str | None = None


class _Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    fuel: Fuel
    valid_from: datetime


@get("/office/stations/{code:str}/hours", guards=[requires(Permission.STATION_UPDATE)], include_in_schema=False)
async def hours_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    async with db.connection() as conn:
        station = await service.get_station(conn, _reached(caller, code, Permission.STATION_UPDATE))
    return _hours_page(request, station, hours_form_of(station))


@post(
    "/office/stations/{code:str}/hours",
    guards=[requires(Permission.STATION_UPDATE, fresh=True)],
    include_in_schema=False,
    status_code=303,
)
async def set_hours_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    code = _reached(caller, code, Permission.STATION_UPDATE)
    form = await read_form(request)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
    change = hours_in(form)
    if change is None:
        return _hours_page(request, station, form)
    version = managing.parse_version(f'"{form.value("version")}"')

    async def save() -> None:
        async with db.transaction(context) as conn:
            await managing.set_hours(conn, code, change, version=version)

    error = await refused(request, save())
    if error is not None:
        tell(request, form, error, WORDING)
        return _hours_page(request, station, form)
    return Redirect(f"/office/stations/{code}?said=hours-changed", status_code=303)


@get("/office/stations/{code:str}/prices", guards=_PRICES, include_in_schema=False, opt={"any_parameters": True})
async def prices_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    return await _prices_page(request, db, _reached(caller, code, Permission.PRICES_SET), Form())


@post("/office/stations/{code:str}/prices", guards=_SET, include_in_schema=False, status_code=303)
async def set_price_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    code = _reached(caller, code, Permission.PRICES_SET)
    form = await read_form(request)
    parsed = form.parsed(PriceForm)
    if parsed is None:
        return await _prices_page(request, db, code, form)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
    change = PriceChange(parsed.price, parsed.currency, _moment(parsed, station), parsed.reason)

    async def save() -> None:
        async with db.transaction(context) as conn:
            await managing.set_price(conn, code, parsed.fuel, change, now=datetime.now(UTC))

    error = await refused(request, save())
    if error is not None:
        tell(request, form, error, WORDING, _FIELDS)
        return await _prices_page(request, db, code, form)
    said = "price-set" if parsed.day is None else "price-scheduled"
    return Redirect(f"/office/stations/{code}/prices?said={said}", status_code=303)


@post("/office/stations/{code:str}/prices/withdraw", guards=_SET, include_in_schema=False, status_code=303)
async def withdraw_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    """A price that is to come; one that has come meanwhile stays."""
    code = _reached(caller, code, Permission.PRICES_SET)
    form = await read_form(request)
    parsed = form.parsed(_Withdrawn)
    back = f"/office/stations/{code}/prices"
    if parsed is None:
        return Redirect(back, status_code=303)
    if not is_confirmed(form):
        question = Question(
            title=words(request, "price-withdraw-ask", fuel=words(request, f"fuel-{parsed.fuel}")),
            text=words(request, "price-withdraw-text"),
            yes=words(request, "price-withdraw"),
            back=back,
        )
        return confirm_page(request, question, {"fuel": parsed.fuel, "valid_from": parsed.valid_from.isoformat()})
    async with db.transaction(context) as conn:
        await managing.withdraw_price(conn, code, parsed.fuel, parsed.valid_from)
    return Redirect(f"{back}?said=price-withdrawn", status_code=303)


def _reached(caller: Caller, code: str, permission: Permission) -> str:
    code = service.normalized_code(code)
    reach_station(caller, permission, code)
    return code


def _moment(form: PriceForm, station: Station) -> datetime | None:
    """Of the station's clock."""
    if form.day is None:
        return None
    zone = ZoneInfo(station.time_zone or "UTC")
    return datetime.combine(form.day, time.fromisoformat(form.time), zone).astimezone(UTC)


def _hours_page(request: Request[Any, Any, Any], station: Station, form: Form) -> Template:
    values = {"form": form, "station": station, "days": DAYS, "count": count_of(form)}
    status = 422 if form.errors or form.refusals else 200
    return page(request, "station/office/hours.html", values, wording=WORDING, status=status)


async def _prices_page(request: Request[Any, Any, Any], db: Database, code: str, form: Form) -> Template:
    wanted = asked(request, HistoryAsked)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
        scheduled = await managing.scheduled_prices(conn, code)
        history = await managing.price_history(conn, code, wanted.of, cursor=wanted.cursor, limit=_HISTORY)
    values = {
        "form": form,
        "station": station,
        "scheduled": scheduled,
        "history": history,
        "fuels": choices(request, "fuel", Fuel),
        "sold": choices(request, "fuel", station.fuels),
        "currencies": [(str(one), str(one)) for one in Currency],
        "zone": station.time_zone or "UTC",
    }
    status = 422 if form.errors or form.refusals else 200
    return page(request, "station/office/prices.html", values, wording=WORDING, status=status)


HANDLERS = (hours_page, set_hours_page, prices_page, set_price_page, withdraw_page)
