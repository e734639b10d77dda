"""What somebody redeemed: the list with what it saved, the sheet, and the receipt of one."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import own_things, reading
from gasolinera.redemption.models import Fuel, Status
from gasolinera.redemption.models_pages_own import HistoryFilter, OwnRedemption, Sort
from gasolinera.redemption.tickets import holder_of
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "history")
_READ: Final = [requires(Permission.REDEMPTIONS_READ)]
_LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_SHEET_LIMITS: Final = {"limits": (Limit("user", 10, 60),)}
# The longest time in which the rules of advertising may let a redemption be multiplied.
_MULTIPLIED_FOR: Final = timedelta(days=30)
_COLUMNS: Final = (
    "when", "station", "status", "fuel", "litres", "amount", "discount", "paid", "currency", "tickets", "reference",
)  # fmt: skip


@get("/history", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form = Form(dict(request.query_params))
    wanted = form.parsed(HistoryFilter)
    holder = holder_of(caller, Permission.REDEMPTIONS_READ, None)
    async with db.connection() as conn:
        found = await own_things.list_redemptions(conn, holder, wanted or HistoryFilter())
        totals = await own_things.totals(conn, holder)
    query = request.url.query
    values = {
        "form": form,
        "wanted": wanted or HistoryFilter(),
        "items": found.items,
        "next_cursor": found.next_cursor,
        "totals": totals,
        "statuses": tuple(Status),
        "fuels": tuple(Fuel),
        "sorts": tuple(Sort),
        "sheet": f"/history.csv?{query}" if query else "/history.csv",
    }
    status = 200 if wanted is not None else 422
    return page(request, "redemption/history/list.html", values, wording=WORDING, status=status)


@get("/history.csv", guards=_READ, opt=_SHEET_LIMITS, include_in_schema=False)
async def sheet_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """All that the same filters find."""
    wanted = Form(dict(request.query_params)).parsed(HistoryFilter) or HistoryFilter()
    holder = holder_of(caller, Permission.REDEMPTIONS_READ, None)
    language = language_of(request)

    def word(name: str) -> str:
        return WORDING.text(language, name)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[OwnRedemption]:
        return await own_things.list_redemptions(
            conn, holder, msgspec.structs.replace(wanted, cursor=cursor), limit=limit
        )

    def row(one: OwnRedemption) -> list[object]:
        return [
            sheet_moment(one.created_at, one.time_zone or CHAIN_ZONE),
            one.station_code,
            word(f"status-{one.status.lower().replace('_', '-')}"),
            "" if one.fuel_type is None else word(f"fuel-{one.fuel_type.lower()}"),
            one.fuel_litres,
            one.original_amount,
            one.discount_amount,
            one.final_amount,
            one.currency,
            one.tickets_earned,
            one.transaction_reference,
        ]

    return await csv_of_pages(
        db, read, row, name=word("sheet-name"), header=[word(f"sheet-{name}") for name in _COLUMNS], language=language
    )


@get("/history/{reference:str}", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def receipt_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    reference: FromPath[str],
) -> Template:
    """Raises UnknownError `redemption.unknown`."""
    async with db.connection() as conn:
        redemption, zone = await own_things.get_redemption(conn, caller, reference)
        issuances = await reading.signed_issuances(conn, keyring, caller, redemption.transaction_reference)
    completed_at = redemption.completed_at
    is_young = completed_at is not None and datetime.now(UTC) - completed_at < _MULTIPLIED_FOR
    values = {
        "one": redemption,
        "zone": zone,
        "issuances": issuances,
        "may_multiply": is_young and redemption.status is Status.COMPLETED and redemption.tickets_earned > 0,
    }
    return page(request, "redemption/history/receipt.html", values, wording=WORDING)


HANDLERS: Final = (list_page, sheet_page, receipt_page)
