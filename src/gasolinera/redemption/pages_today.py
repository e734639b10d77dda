"""What was redeemed today: the station's, by its own clock, or what one employee served; totals and a file."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.response import Redirect, Stream, Template
from msgspec import Meta

from gasolinera.database import Connection, Database
from gasolinera.paging import MAX_CURSOR, Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller
from gasolinera.redemption import queries_pages_till as queries
from gasolinera.redemption import redeeming
from gasolinera.redemption.models import Fuel, Status
from gasolinera.redemption.pages_receipts import TONES
from gasolinera.redemption.pages_till import SEE, WORDING, elsewhere_page
from gasolinera.redemption.queries import Employee
from gasolinera.redemption.queries_pages_till import TodayRow, TodayWish
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_page

_SHOWN: Final = 25
_IN_A_FILE: Final = 500
_COLUMNS: Final = (
    "when",
    "reference",
    "state",
    "coupon",
    "campaign",
    "by",
    "pump",
    "fuel",
    "litres",
    "amount",
    "discount",
    "final",
    "currency",
    "tickets",
)


class TodayFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What the list is asked for. `sort`: -when is the newest first."""

    q: Annotated[str, Meta(max_length=60)] | None = None
    who: Literal["me", "all"] = "all"
    status: Status | None = None
    fuel: Fuel | None = None
    sort: Literal["when", "-when", "amount", "-amount", "discount", "-discount"] = "-when"
    cursor: Annotated[str, Meta(max_length=MAX_CURSOR)] | None = None


class TodayPosition(Position, frozen=True):
    sort_key: Decimal
    id: int


@get("/till/today", guards=SEE, include_in_schema=False)
async def today_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template | Redirect:
    nowhere = elsewhere_page(request, caller)
    if nowhere is not None:
        return nowhere
    employee = redeeming.employee_of(caller)
    form = Form(dict(request.query_params))
    filters = form.parsed(TodayFilters)
    if filters is None:
        return Redirect("/till/today", status_code=303)
    wish = _wish(employee, filters)
    async with db.connection() as conn:
        sums = await queries.sum_today(conn, employee.station_code, wish.employee_number)
        found = await _read(conn, employee, sums[0], wish, filters.cursor, _SHOWN)
    values = {
        "form": form,
        "sums": [one for one in sums if one.currency is not None],
        "day": sums[0].first_moment,
        "zone": sums[0].time_zone,
        "found": found,
        "is_filtered": bool(filters.q or filters.status or filters.fuel or filters.who == "me"),
        "station_code": employee.station_code,
        "statuses": [one.value for one in Status],
        "fuels": [one.value for one in Fuel],
        "tones": TONES,
    }
    return page(request, "redemption/till/today.html", values, wording=WORDING)


@get("/till/today.csv", guards=SEE, include_in_schema=False)
async def today_file_route(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """What the list shows, all of its pages. Raises ForbiddenError `redemption.not_employed`."""
    employee = redeeming.employee_of(caller)
    filters = Form({**dict(request.query_params), "cursor": ""}).parsed(TodayFilters) or TodayFilters()
    wish, language = _wish(employee, filters), language_of(request)

    async def rows() -> AsyncIterator[Sequence[object]]:
        cursor = None
        async with db.connection() as conn:
            day = (await queries.sum_today(conn, employee.station_code, None))[0]
        while True:
            async with db.connection() as conn:
                found = await _read(conn, employee, day, wish, cursor, _IN_A_FILE)
            for row in found.items:
                yield _row(row, day.time_zone, language)
            cursor = found.next_cursor
            if cursor is None:
                return

    header = [WORDING.text(language, f"column-{name}") for name in _COLUMNS]
    return await csv_page(WORDING.text(language, "today-file"), header, rows())


async def _read(
    conn: Connection, employee: Employee, day: queries.DaySum, wish: TodayWish, cursor: str | None, limit: int
) -> Page[TodayRow]:
    """Raises InputError `request.cursor`."""
    position = decode_cursor(TodayPosition, cursor)
    after = None if position is None else (position.sort_key, position.id)
    found = await queries.list_today(conn, employee.station_code, day.first_moment, wish, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda row: TodayPosition(row.sort_key, row.id))


def _wish(employee: Employee, filters: TodayFilters) -> TodayWish:
    return TodayWish(
        employee_number=employee.employee_number if filters.who == "me" else None,
        status=filters.status,
        fuel_type=filters.fuel,
        search=_searched(filters.q or ""),
        order=filters.sort.removeprefix("-"),
        is_ascending=not filters.sort.startswith("-"),
    )


def _searched(typed: str) -> str | None:
    """A reference, a coupon however it is grouped, or a pump. It stands for itself, and is no pattern."""
    text = typed.upper()
    if not text.startswith("RDM"):
        text = text.replace(" ", "").replace("-", "")
    return "".join(f"\\{sign}" if sign in "\\%_" else sign for sign in text) or None


def _row(row: TodayRow, zone: str, language: str) -> Sequence[object]:
    def word(name: str) -> str:
        return WORDING.text(language, name)

    return (
        sheet_moment(row.created_at, zone or CHAIN_ZONE),
        row.transaction_reference,
        word(f"status-{row.status.lower().replace('_', '-')}"),
        row.coupon_code or "",
        row.campaign_code or "",
        row.employee_number,
        row.dispenser_code or "",
        "" if row.fuel_type is None else word(f"fuel-{row.fuel_type.lower()}"),
        "" if row.fuel_litres is None else row.fuel_litres,
        row.original_amount,
        row.discount_amount,
        row.final_amount,
        row.currency,
        row.tickets_earned,
    )


HANDLERS = (today_route, today_file_route)
