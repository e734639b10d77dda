"""Somebody's points: the balance, what ends soon, every movement, and redeeming."""

from typing import Annotated, Any, Final
from uuid import uuid4

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Stream, Template
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.limits import Limit
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import points
from gasolinera.redemption.models_points import Entry, PointsRedemption
from gasolinera.redemption.tickets import holder_of
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "points")
_READ: Final = [requires(Permission.POINTS_READ)]
_REDEEM: Final = [requires(Permission.POINTS_REDEEM, fresh=True)]
_LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_SHEET_LIMITS: Final = {"limits": (Limit("user", 10, 60),)}
_SHOWN: Final = 20
_SOON_DAYS: Final = 60
_COLUMNS: Final = ("when", "kind", "points", "balance", "what", "reference")


class _Asked(msgspec.Struct, frozen=True):
    cursor: Annotated[str, Meta(max_length=MAX_CURSOR)] | None = None


@get("/points", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def account_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    return await _account(request, db, caller, Form())


async def _account(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    holder = holder_of(caller, Permission.POINTS_READ, None)
    asked = Form(dict(request.query_params)).parsed(_Asked) or _Asked()
    async with db.connection() as conn:
        balance = await points.get_balance(conn, holder, within_days=_SOON_DAYS)
        entries = await points.list_entries(conn, holder, cursor=asked.cursor, limit=_SHOWN)
    values = {
        "form": form,
        "balance": balance,
        "items": entries.items,
        "next_cursor": entries.next_cursor,
        "reference": form.value("reference") or f"page-{uuid4()}",
    }
    status = 422 if form.errors or form.refusals else 200
    return page(request, "redemption/points/account.html", values, wording=WORDING, status=status)


@post("/points", guards=_REDEEM, opt=_LIMITS, include_in_schema=False)
async def redeem_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> Template | Redirect:
    """Asks first; the reference that the page was given makes a second click move nothing."""
    form = await read_form(request)
    wish = form.parsed(PointsRedemption)
    if wish is None:
        return await _account(request, db, caller, form)
    holder = holder_of(caller, Permission.POINTS_REDEEM, None)
    if not is_confirmed(form):
        async with db.connection() as conn:
            balance = await points.get_balance(conn, holder, within_days=1)
        if wish.points > balance.balance:
            form.refuse(WORDING.text(language_of(request), "refused-points-too-few"), "points")
            return await _account(request, db, caller, form)
        return confirm_page(request, _question(request, wish, balance.balance - wish.points), _fields(wish))

    async def redeem() -> None:
        async with db.transaction(context) as conn:
            await points.redeem(conn, holder, wish)

    error = await refused(request, redeem())
    if error is not None:
        tell(request, form, error, WORDING, {"points.too_few": "points"})
        return await _account(request, db, caller, form)
    return Redirect("/points?said=redeemed", status_code=303)


def _question(request: Request[Any, Any, Any], wish: PointsRedemption, left: int) -> Question:
    language = language_of(request)
    said: dict[str, str | int] = {"points": wish.points, "left": left}
    return Question(
        title=WORDING.text(language, "redeem-title", said),
        text=WORDING.text(language, "redeem-text", said),
        yes=WORDING.text(language, "redeem-yes"),
        back="/points",
        is_danger=False,
    )


def _fields(wish: PointsRedemption) -> dict[str, str]:
    fields = {"points": str(wish.points), "reference": wish.reference}
    return fields if wish.description is None else fields | {"description": wish.description}


@get("/points.csv", guards=_READ, opt=_SHEET_LIMITS, include_in_schema=False)
async def sheet_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """Every movement, the newest first."""
    holder = holder_of(caller, Permission.POINTS_READ, None)
    language = language_of(request)

    def word(name: str) -> str:
        return WORDING.text(language, name)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Entry]:
        return await points.list_entries(conn, holder, cursor=cursor, limit=limit)

    def row(one: Entry) -> list[object]:
        at, kind = sheet_moment(one.created_at, CHAIN_ZONE), word(f"kind-{one.entry_type.lower()}")
        return [at, kind, one.points, one.balance_after, one.description, one.reference]

    return await csv_of_pages(
        db, read, row, name=word("sheet-name"), header=[word(f"sheet-{name}") for name in _COLUMNS], language=language
    )


HANDLERS: Final = (account_page, redeem_action, sheet_page)
