"""Somebody's tickets: where they came from and which raffle they are in, and the ways to a raffle."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream, Template
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import free_entry, own_things, receipts, tickets
from gasolinera.redemption.models_pages_own import OwnTicket, Sort, TicketSearch
from gasolinera.redemption.models_tickets import (
    MAX_CHOSEN,
    Choice,
    RaffleCode,
    TicketRaffle,
    TicketSource,
    TicketStatus,
)
from gasolinera.redemption.tickets import holder_of
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.figures import sheet_moment
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_of_pages
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.redemption", "tickets")
_READ: Final = [requires(Permission.TICKETS_READ)]
_USE: Final = [requires(Permission.TICKETS_USE, fresh=True)]
_LIMITS: Final = {"limits": (Limit("user", 120, 60),)}
_SHEET_LIMITS: Final = {"limits": (Limit("user", 10, 60),)}
_COLUMNS: Final = ("number", "status", "raffle", "source", "redemption", "issued", "expires")


class ChoiceWish(msgspec.Struct, frozen=True, kw_only=True):
    """How many, or which: `numbers` apart by blanks, as the page that asks has them."""

    raffle: RaffleCode
    count: Annotated[int, Meta(ge=1, le=MAX_CHOSEN)] | None = None
    numbers: Annotated[str, Meta(max_length=40 * MAX_CHOSEN)] | None = None


class EntryWish(msgspec.Struct, frozen=True):
    raffle: RaffleCode
    had: Annotated[int, Meta(ge=0, le=100)]


@get("/tickets", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    form = Form(dict(request.query_params))
    wanted = form.parsed(TicketSearch)
    holder = holder_of(caller, Permission.TICKETS_READ, None)
    async with db.connection() as conn:
        overview = await own_things.overview(conn, holder)
        found = await own_things.list_tickets(conn, holder, wanted or TicketSearch())
    query = request.url.query
    values = {
        "form": form,
        "wanted": wanted or TicketSearch(),
        "overview": overview,
        "items": found.items,
        "next_cursor": found.next_cursor,
        "statuses": tuple(TicketStatus),
        "sources": tuple(TicketSource),
        "sorts": tuple(Sort),
        "sheet": f"/tickets.csv?{query}" if query else "/tickets.csv",
    }
    status = 200 if wanted is not None else 422
    return page(request, "redemption/tickets/list.html", values, wording=WORDING, status=status)


@get("/tickets.csv", guards=_READ, opt=_SHEET_LIMITS, include_in_schema=False)
async def sheet_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    """All that the same filters find."""
    wanted = Form(dict(request.query_params)).parsed(TicketSearch) or TicketSearch()
    holder = holder_of(caller, Permission.TICKETS_READ, None)
    language = language_of(request)

    def word(name: str) -> str:
        return WORDING.text(language, name)

    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[OwnTicket]:
        return await own_things.list_tickets(conn, holder, msgspec.structs.replace(wanted, cursor=cursor), limit=limit)

    def row(one: OwnTicket) -> list[object]:
        return [
            one.ticket_number,
            word(f"status-{one.status.lower()}"),
            one.raffle_code,
            word(f"source-{one.source.lower().replace('_', '-')}"),
            one.transaction_reference,
            sheet_moment(one.issued_at, CHAIN_ZONE),
            sheet_moment(one.expires_at, CHAIN_ZONE),
        ]

    return await csv_of_pages(
        db, read, row, name=word("sheet-name"), header=[word(f"sheet-{name}") for name in _COLUMNS], language=language
    )


@get("/tickets/choose", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def choose_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    """`number` in the address: that ticket alone."""
    asked = request.query_params
    form = Form({"raffle": asked.get("raffle", ""), "numbers": asked.get("number", ""), "count": ""})
    return await _choosing(request, db, caller, form)


async def _choosing(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    holder = holder_of(caller, Permission.TICKETS_READ, None)
    async with db.connection() as conn:
        overview = await own_things.overview(conn, holder)
        raffles = await tickets.list_raffles(conn)
    if not form.value("count") and not form.errors:
        form.values["count"] = str(min(overview.waiting, MAX_CHOSEN))
    values: dict[str, Any] = {
        "form": form,
        "overview": overview,
        "raffles": _open_to_choices(raffles),
        "most": min(overview.waiting, MAX_CHOSEN),
    }
    status = 422 if form.errors or form.refusals else 200
    return page(request, "redemption/tickets/choose.html", values, wording=WORDING, status=status)


def _open_to_choices(raffles: tuple[TicketRaffle, ...]) -> tuple[TicketRaffle, ...]:
    return tuple(raffle for raffle in raffles if raffle.takes_choices)


@post("/tickets/choose", guards=_USE, opt=_LIMITS, include_in_schema=False)
async def choose_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> Template | Redirect:
    """Asks first, and names the tickets when it asks: sent twice, the answer moves no others."""
    form = await read_form(request)
    holder = holder_of(caller, Permission.TICKETS_USE, None)
    language = language_of(request)
    wish = form.parsed(ChoiceWish)
    if wish is None:
        return await _choosing(request, db, caller, form)
    numbers = tuple((wish.numbers or "").split())
    if not numbers:
        count = wish.count or 1
        async with db.connection() as conn:
            numbers = await own_things.tickets_to_choose(conn, holder, wish.raffle, count)
        if len(numbers) < count:
            form.refuse(WORDING.text(language, "refused-tickets-too-few"), "count")
            return await _choosing(request, db, caller, form)
    if not is_confirmed(form):
        said: dict[str, str | int] = {"count": len(numbers), "raffle": wish.raffle}
        question = Question(
            title=WORDING.text(language, "choose-title", said),
            text=WORDING.text(language, "choose-text", said),
            yes=WORDING.text(language, "choose-yes"),
            back="/tickets/choose",
            is_danger=False,
        )
        return confirm_page(request, question, {"raffle": wish.raffle, "numbers": " ".join(numbers)})
    choice = Choice(raffle_code=wish.raffle, ticket_numbers=numbers[:MAX_CHOSEN])
    error = await refused(request, db.run(lambda conn: tickets.choose_raffle(conn, holder, choice), context))
    if error is not None:
        tell(request, form, error, WORDING, {"raffle.takes_none": "raffle"})
        return await _choosing(request, db, caller, form)
    return Redirect("/tickets?said=chosen", status_code=303)


@get("/tickets/free-entries", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def free_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    return await _free(request, db, caller, Form())


async def _free(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    async with db.connection() as conn:
        raffles = await own_things.free_entries(conn, holder_of(caller, Permission.TICKETS_READ, None))
    values = {"form": form, "raffles": raffles}
    status = 422 if form.errors or form.refusals else 200
    return page(request, "redemption/tickets/free.html", values, wording=WORDING, status=status)


@post("/tickets/free-entries", guards=_USE, opt=_LIMITS, include_in_schema=False)
async def free_action(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
) -> Template | Redirect:
    form = await read_form(request)
    wish = form.parsed(EntryWish)
    if wish is None:
        return await _free(request, db, caller, form)
    holder = holder_of(caller, Permission.TICKETS_USE, None)
    entering = db.run(lambda conn: own_things.enter_free(conn, keyring, holder, wish.raffle, had=wish.had), context)
    error = await refused(request, entering)
    if error is not None and error.code != "free_entry.repeated":
        tell(request, form, error, WORDING)
        return await _free(request, db, caller, form)
    return Redirect("/tickets?said=entered", status_code=303)


@get("/tickets/{number:str}", guards=_READ, opt=_LIMITS, include_in_schema=False)
async def ticket_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    number: FromPath[str],
) -> Template:
    """Raises UnknownError `ticket.unknown`, also for another's."""
    holder = holder_of(caller, Permission.TICKETS_READ, None)
    async with db.connection() as conn:
        ticket = await own_things.get_ticket(conn, holder, number)
        issuance = await free_entry.get_issuance(conn, ticket.issuance_id, holder)
    values = {"one": ticket, "issuance": issuance, "receipt": receipts.issue_receipt(issuance, keyring)}
    return page(request, "redemption/tickets/one.html", values, wording=WORDING)


HANDLERS: Final = (
    list_page,
    sheet_page,
    choose_page,
    choose_action,
    free_page,
    free_action,
    ticket_page,
)
