"""The terminals of the back office: which there are and when they were seen, letting one in, renaming, shutting out."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.station import queries_pages_office as queries
from gasolinera.station import service, terminals
from gasolinera.station.errors_employees import unknown_terminal
from gasolinera.station.forms_employees import EnrolForm, ReasonForm, TerminalForm
from gasolinera.station.models_employees import StationCode
from gasolinera.station.models_office import PAGE, TerminalOrder, TerminalRow, TerminalState, TerminalWish, Words
from gasolinera.station.models_terminals import EnrolmentCode
from gasolinera.station.pages_office import (
    CSV_PAGE,
    WORDING,
    Reasoned,
    asked,
    at_row,
    bound_of,
    choices,
    listed,
    position_of,
    reason_page,
    sheet_line,
    sorting,
    words,
)
from gasolinera.station.pages_office_employees import CHOICES, OPT, as_input
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_page

_PERMISSION: Final = Permission.TERMINALS_MANAGE
_READ: Final = [requires(_PERMISSION)]
_MANAGE: Final = [requires(_PERMISSION, second_factor=True, fresh=True)]
_FIELDS: Final = {
    "station.unknown": "station_code",
    "auth.other_station": "station_code",
    "terminal.too_many_codes": "station_code",
    "terminal.name": "name",
}


class TerminalsAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Words | None = None
    state: TerminalState | None = None
    station: StationCode | None = None
    sort: str | None = None
    cursor: str | None = None

    def wish(self, only: str | None) -> TerminalWish:
        return TerminalWish(self.q, self.state, self.station, only)


class EnrolAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    station: StationCode | None = None


@get("/office/terminals", guards=_READ, include_in_schema=False, opt=OPT)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    wanted = asked(request, TerminalsAsked)
    only = bound_of(caller, _PERMISSION)
    order = sorting(TerminalOrder, wanted.sort)
    async with db.connection() as conn:
        found = await queries.office_terminals(
            conn, wanted.wish(only), order, position_of(order, wanted.cursor), PAGE + 1
        )
        stations = [] if only else await queries.station_choices(conn, None, CHOICES)
    values = {
        "terminals": listed(found, order),
        "stations": stations,
        "states": choices(request, "terminal", TerminalState),
    }
    return page(request, "station/office/terminals.html", values, wording=WORDING)


@get("/office/terminals/list.csv", guards=_READ, include_in_schema=False, opt=OPT)
async def list_csv_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    wanted = asked(request, TerminalsAsked)
    wish, order = wanted.wish(bound_of(caller, _PERMISSION)), sorting(TerminalOrder, wanted.sort)
    columns = {"terminal_code": "", "name": "", "station_code": "", "station_name": "", "state": "terminal",
               "last_seen_at": "", "enrolled_at": ""}  # fmt: skip

    async def rows() -> AsyncGenerator[Sequence[object]]:
        position = None
        while True:
            async with db.connection() as conn:
                found = await queries.office_terminals(conn, wish, order, position, CSV_PAGE)
            for row in found:
                yield sheet_line(request, row, columns, row.time_zone)
            if len(found) < CSV_PAGE:
                return
            position = at_row(found[-1], order)

    header = [words(request, f"field-terminal-{name.replace('_', '-')}") for name in columns]
    return await csv_page("terminals", header, rows())


@get("/office/terminals/new", guards=_MANAGE, include_in_schema=False, opt=OPT)
async def new_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    station = bound_of(caller, _PERMISSION) or asked(request, EnrolAsked).station or ""
    return await _new_page(request, db, caller, Form({"station_code": station}))


@post(
    "/office/terminals/new",
    guards=_MANAGE,
    include_in_schema=False,
    status_code=200,
    opt={"limits": (Limit("user", 30, 3600),)},
)
async def make_code_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
) -> Template:
    """The code is on this page and can never be read again: no redirect could show it."""
    form = await read_form(request)
    form.values["station_code"] = form.value("station_code").upper()
    parsed = form.parsed(EnrolForm)
    if parsed is None:
        return await _new_page(request, db, caller, form)
    made: list[EnrolmentCode] = []

    async def make() -> None:
        async with db.transaction(context) as conn:
            made.append(await terminals.make_code(conn, caller, keyring, parsed.station_code, parsed.name))

    error = await refused(request, as_input(make()))
    if error is not None:
        tell(request, form, error, WORDING, _FIELDS)
        return await _new_page(request, db, caller, form)
    async with db.connection() as conn:
        station = await service.get_station(conn, parsed.station_code)
    values = {"made": made[0], "zone": station.time_zone or "UTC", "address": request.app.state["settings"].public_url}
    return page(request, "station/office/terminal-code.html", values, wording=WORDING)


@get("/office/terminals/{code:str}", guards=_READ, include_in_schema=False, opt=OPT)
async def terminal_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    terminal = await _terminal(db, caller, code)
    return _terminal_page(request, terminal, Form({"name": terminal.name}))


@post("/office/terminals/{code:str}", guards=_MANAGE, include_in_schema=False, status_code=303)
async def rename_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    terminal = await _terminal(db, caller, code)
    form = await read_form(request)
    parsed = form.parsed(TerminalForm)
    if parsed is None:
        return _terminal_page(request, terminal, form)

    async def rename() -> None:
        async with db.transaction(context) as conn:
            await terminals.rename(conn, caller, code, parsed.name)

    error = await refused(request, rename())
    if error is not None:
        tell(request, form, error, WORDING, _FIELDS)
        return _terminal_page(request, terminal, form)
    return Redirect(f"/office/terminals/{terminal.terminal_code}?said=terminal-renamed", status_code=303)


@get("/office/terminals/{code:str}/revoke", guards=_MANAGE, include_in_schema=False)
async def ask_revoke_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    return reason_page(request, _revocation(request, await _terminal(db, caller, code)))


@post("/office/terminals/{code:str}/revoke", guards=_MANAGE, include_in_schema=False, status_code=303)
async def revoke_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    """For good; the page that asks why has said so."""
    terminal = await _terminal(db, caller, code)
    form = await read_form(request)
    parsed = form.parsed(ReasonForm)
    if parsed is None:
        return reason_page(request, _revocation(request, terminal), form)

    async def revoke() -> None:
        async with db.transaction(context) as conn:
            await terminals.revoke(conn, caller, code, parsed.reason)

    error = await refused(request, revoke())
    if error is not None:
        tell(request, form, error, WORDING, {"terminal.reason": "reason"})
        return reason_page(request, _revocation(request, terminal), form)
    return Redirect(f"/office/terminals/{terminal.terminal_code}?said=terminal-revoked", status_code=303)


async def _terminal(db: Database, caller: Caller, code: str) -> TerminalRow:
    """Raises UnknownError, for those of other stations as well."""
    code = code.strip().upper()
    wish = TerminalWish(words=code[:20], only=bound_of(caller, _PERMISSION))
    async with db.connection() as conn:
        found = await queries.office_terminals(conn, wish, sorting(TerminalOrder, None), None, 2)
    terminal = next((one for one in found if one.terminal_code == code), None)
    if terminal is None:
        raise unknown_terminal()
    return terminal


def _terminal_page(request: Request[Any, Any, Any], terminal: TerminalRow, form: Form) -> Template:
    status = 422 if form.errors or form.refusals else 200
    values = {"terminal": terminal, "form": form}
    return page(request, "station/office/terminal.html", values, wording=WORDING, status=status)


async def _new_page(request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form) -> Template:
    only = bound_of(caller, _PERMISSION)
    async with db.connection() as conn:
        stations = await queries.station_choices(conn, only, CHOICES)
    values = {"form": form, "stations": stations, "only": only}
    status = 422 if form.errors or form.refusals else 200
    return page(request, "station/office/terminal-new.html", values, wording=WORDING, status=status)


def _revocation(request: Request[Any, Any, Any], terminal: TerminalRow) -> Reasoned:
    return Reasoned(
        title=words(request, "revoke-ask", terminal=terminal.name),
        text=words(request, "revoke-text"),
        yes=words(request, "revoke"),
        back=f"/office/terminals/{terminal.terminal_code}",
        back_text=terminal.name,
    )


HANDLERS = (
    list_page,
    list_csv_page,
    new_page,
    make_code_page,
    terminal_page,
    rename_page,
    ask_revoke_page,
    revoke_page,
)
