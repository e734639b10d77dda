"""The stations of the back office: the list, a station's page, opening one, changing one, and its status."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream, Template

from gasolinera.authentication import reach_station, requires
from gasolinera.database import Database, RequestContext
from gasolinera.permissions import Caller, Permission
from gasolinera.station import managing, queries_manage, service, sheets
from gasolinera.station import queries_pages_office as queries
from gasolinera.station.changes import AuditWish
from gasolinera.station.forms_office import (
    STATION_FIELDS,
    NewStationForm,
    StationForm,
    StatusForm,
    change_in,
    form_of,
    new_station_in,
)
from gasolinera.station.hours import DAYS
from gasolinera.station.models import Country, Fuel, Service, Station, StationStatus, StationType
from gasolinera.station.models_office import PAGE, StationOrder, StationWish, Words
from gasolinera.station.pages_office import (
    CSV_PAGE,
    WORDING,
    asked,
    at_row,
    bound_of,
    choices,
    listed,
    log_kinds,
    log_lines,
    position_of,
    sheet_line,
    shown_entries,
    sorting,
    words,
)
from gasolinera.web.confirming import Question, confirm_page, is_confirmed
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import CHAIN_ZONE, language_of, page
from gasolinera.web.refusing import refused, tell
from gasolinera.web.sheets import csv_page

_READ: Final = [requires(Permission.STATION_UPDATE)]
_CHANGE: Final = [requires(Permission.STATION_UPDATE, fresh=True)]
_CHAIN: Final = [requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)]
_OPT: Final = {"any_parameters": True}  # `asked` knows them
_AUDIT_SHOWN: Final = 5
_CLOSED: Final = StationStatus.PERMANENTLY_CLOSED


class StationsAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Words | None = None
    status: StationStatus | None = None
    state: Words | None = None
    programme: Literal["yes", "no"] | None = None
    fuel: Fuel | None = None
    sort: str | None = None
    cursor: str | None = None

    def wish(self, only: str | None) -> StationWish:
        programme = None if self.programme is None else self.programme == "yes"
        return StationWish(self.q, self.status, self.state, programme, self.fuel, only)


class LogAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    q: Words | None = None
    kind: Annotated[str, msgspec.Meta(max_length=40)] | None = None
    order: Literal["oldest"] | None = None
    cursor: str | None = None

    def wish(self) -> AuditWish:
        return AuditWish(self.kind, self.q, self.order == "oldest")


@get("/office/stations", guards=_READ, include_in_schema=False, opt=_OPT)
async def list_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Template:
    wanted = asked(request, StationsAsked)
    only = bound_of(caller, Permission.STATION_UPDATE)
    order = sorting(StationOrder, wanted.sort)
    async with db.connection() as conn:
        found = await queries.office_stations(
            conn, wanted.wish(only), order, position_of(order, wanted.cursor), PAGE + 1
        )
        counts = await queries.count_stations(conn, only)
        states = await queries.station_states(conn) if only is None else []
    values = {
        "stations": listed(found, order),
        "counts": counts,
        "states": [(state, state) for state in states],
        "statuses": choices(request, "status", StationStatus),
        "fuels": choices(request, "fuel", Fuel),
        "is_of_chain": _is_of_chain(caller),
    }
    return page(request, "station/office/stations.html", values, wording=WORDING)


@get("/office/stations/list.csv", guards=_READ, include_in_schema=False, opt=_OPT)
async def list_csv_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller]
) -> Stream:
    wanted = asked(request, StationsAsked)
    wish = wanted.wish(bound_of(caller, Permission.STATION_UPDATE))
    order = sorting(StationOrder, wanted.sort)
    columns = {"station_code": "", "name": "", "status": "status", "accepts_coupons": "", "city": "", "state": "",
               "country": "country", "fuels": "fuel"}  # fmt: skip
    header = [words(request, f"field-{name.replace('_', '-')}") for name in columns]

    async def rows() -> AsyncGenerator[Sequence[object]]:
        position = None
        while True:
            async with db.connection() as conn:
                found = await queries.office_stations(conn, wish, order, position, CSV_PAGE)
            for row in found:
                yield sheet_line(request, row, columns, row.time_zone or CHAIN_ZONE)
            if len(found) < CSV_PAGE:
                return
            position = at_row(found[-1], order)

    return await csv_page("stations", header, rows())


@get("/office/stations/table.csv", guards=_CHAIN, include_in_schema=False)
async def table_page(request: Request[Any, Any, Any], db: NamedDependency[Database]) -> Stream:
    """All of it, as a table that can be brought in again."""
    headers = {"content-disposition": 'attachment; filename="stations.csv"', "cache-control": "no-store"}
    pieces = sheets.export_sheet(db, language=language_of(request))
    return Stream(pieces, media_type="text/csv; charset=utf-8", headers=headers)


@get("/office/stations/new", guards=_CHAIN, include_in_schema=False)
async def new_page(request: Request[Any, Any, Any]) -> Template:
    first = Form({"country": "MX", "time_zone": "America/Mexico_City", "station_type": StationType.FULL_SERVICE})
    return _form_page(request, first, station=None)


@post("/office/stations/new", guards=_CHAIN, include_in_schema=False, status_code=303)
async def create_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Template | Redirect:
    form = await read_form(request)
    form.values["station_code"] = form.value("station_code").upper()
    parsed = form.parsed(NewStationForm)
    if parsed is None:
        return _form_page(request, form, station=None)

    async def create() -> None:
        async with db.transaction(context) as conn:
            await managing.create_station(conn, new_station_in(parsed))

    error = await refused(request, create())
    if error is not None:
        tell(request, form, error, WORDING, STATION_FIELDS)
        return _form_page(request, form, station=None)
    return Redirect(f"/office/stations/{parsed.station_code}?said=station-created", status_code=303)


@get("/office/stations/{code:str}", guards=_READ, include_in_schema=False, opt=_OPT)
async def station_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    code = _reached(caller, code)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
        background = await queries.station_background(conn, code)
        figures = await queries_manage.summary(conn, code)
        log = await managing.audit(conn, code, cursor=None, limit=_AUDIT_SHOWN)
    values = {
        "station": station,
        "days": DAYS,
        "background": background,
        "summary": figures,
        "entries": shown_entries(request, log.items, station.time_zone),
        "is_of_chain": _is_of_chain(caller),
    }
    return page(request, "station/office/station.html", values, wording=WORDING)


@get("/office/stations/{code:str}/edit", guards=_READ, include_in_schema=False)
async def edit_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    async with db.connection() as conn:
        station = await service.get_station(conn, _reached(caller, code))
        background = await queries.station_background(conn, station.station_code)
    form = form_of(station, background.opened_on)
    return _form_page(request, form, station=station, is_of_chain=_is_of_chain(caller))


@post("/office/stations/{code:str}/edit", guards=_CHANGE, include_in_schema=False, status_code=303)
async def change_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    code: FromPath[str],
) -> Template | Redirect:
    code, is_of_chain = _reached(caller, code), _is_of_chain(caller)
    form = await read_form(request)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
        background = await queries.station_background(conn, code)
    parsed = form.parsed(StationForm)
    if parsed is None:
        return _form_page(request, form, station=station, is_of_chain=is_of_chain)
    change = change_in(parsed, station, background.opened_on, is_of_chain=is_of_chain)
    version = managing.parse_version(f'"{form.value("version")}"')

    async def save() -> None:
        async with db.transaction(context) as conn:
            await managing.change_station(conn, code, change, version=version, is_of_chain=is_of_chain)

    error = await refused(request, save())
    if error is not None:
        tell(request, form, error, WORDING, STATION_FIELDS)
        return _form_page(request, form, station=station, is_of_chain=is_of_chain)
    return Redirect(f"/office/stations/{code}?said=station-changed", status_code=303)


@get("/office/stations/{code:str}/status", guards=_CHAIN, include_in_schema=False)
async def status_page(request: Request[Any, Any, Any], db: NamedDependency[Database], code: FromPath[str]) -> Template:
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
    return _status_page(request, station, Form({"status": station.status}))


@post("/office/stations/{code:str}/status", guards=_CHAIN, include_in_schema=False, status_code=303)
async def set_status_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: FromPath[str],
) -> Template | Redirect:
    """What stops a station from selling asks first; what closes it for good wants its code typed."""
    form = await read_form(request)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
    parsed = form.parsed(StatusForm)
    if parsed is None:
        return _status_page(request, station, form)
    word = station.station_code if parsed.status is _CLOSED else None
    if parsed.status is not StationStatus.ACTIVE and not is_confirmed(form, word):
        question = _question(request, station, parsed.status, word)
        fields = {"status": parsed.status, "reason": parsed.reason or ""}
        return confirm_page(request, question, fields, form if form.value("confirmed") else None)

    async def save() -> None:
        async with db.transaction(context) as conn:
            await managing.change_status(conn, station.station_code, parsed.change())

    error = await refused(request, save())
    if error is not None:
        tell(request, form, error, WORDING, {"station.status": "status"})
        return _status_page(request, station, form)
    return Redirect(f"/office/stations/{station.station_code}?said=status-changed", status_code=303)


@get("/office/stations/{code:str}/audit", guards=[requires(Permission.STATION_AUDIT_READ)], include_in_schema=False,
     opt=_OPT)  # fmt: skip
async def audit_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Template:
    code = _reached(caller, code, Permission.STATION_AUDIT_READ)
    wanted = asked(request, LogAsked)
    async with db.connection() as conn:
        station = await service.get_station(conn, code)
        log = await managing.audit(conn, code, cursor=wanted.cursor, limit=PAGE, wish=wanted.wish())
    values = {
        "title": words(request, "station-log-of", station=station.name),
        "entries": shown_entries(request, log.items, station.time_zone),
        "next_cursor": log.next_cursor,
        "kinds": log_kinds(request),
        "is_asked": wanted.q is not None or wanted.kind is not None,
        "is_of_chain": _is_of_chain(caller),
        "zone": station.time_zone,
        "back": f"/office/stations/{code}",
        "back_text": station.name,
    }
    return page(request, "station/office/log.html", values, wording=WORDING)


@get("/office/stations/{code:str}/audit.csv", guards=[requires(Permission.STATION_AUDIT_READ)],
     include_in_schema=False, opt=_OPT)  # fmt: skip
async def audit_csv_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], caller: NamedDependency[Caller], code: FromPath[str]
) -> Stream:
    """A line for each value that was changed."""
    code = _reached(caller, code, Permission.STATION_AUDIT_READ)
    wanted = asked(request, LogAsked)
    async with db.connection() as conn:
        zone = (await service.get_station(conn, code)).time_zone

    async def rows() -> AsyncGenerator[Sequence[object]]:
        cursor = None
        while True:
            async with db.connection() as conn:
                log = await managing.audit(conn, code, cursor=cursor, limit=CSV_PAGE, wish=wanted.wish())
            for entry in shown_entries(request, log.items, zone):
                for line in log_lines(request, entry, zone or CHAIN_ZONE):
                    yield line
            cursor = log.next_cursor
            if cursor is None:
                return

    header = [words(request, f"log-{name}") for name in ("at", "what", "who", "field", "before", "after")]
    return await csv_page(f"log-{code}", header, rows())


def _reached(caller: Caller, code: str, permission: Permission = Permission.STATION_UPDATE) -> str:
    """Raises ForbiddenError for a station that is not the caller's, whether or not there is one."""
    code = service.normalized_code(code)
    reach_station(caller, permission, code)
    return code


def _is_of_chain(caller: Caller) -> bool:
    return caller.reach(Permission.STATIONS_MANAGE) is not None


def _form_page(
    request: Request[Any, Any, Any], form: Form, *, station: Station | None, is_of_chain: bool = True
) -> Template:
    is_wrong = bool(form.errors or form.refusals)
    values = {
        "form": form,
        "station": station,
        "is_of_chain": is_of_chain,
        "countries": choices(request, "country", Country),
        "types": choices(request, "type", StationType),
        "fuels": choices(request, "fuel", Fuel),
        "services": choices(request, "service", Service),
        "statuses": choices(request, "status", (StationStatus.CONSTRUCTION, StationStatus.INACTIVE)),
    }
    return page(request, "station/office/station-form.html", values, wording=WORDING, status=422 if is_wrong else 200)


def _status_page(request: Request[Any, Any, Any], station: Station, form: Form) -> Template:
    is_wrong = bool(form.errors or form.refusals)
    values = {"form": form, "station": station, "statuses": choices(request, "status", StationStatus)}
    return page(request, "station/office/status.html", values, wording=WORDING, status=422 if is_wrong else 200)


def _question(request: Request[Any, Any, Any], station: Station, status: StationStatus, word: str | None) -> Question:
    named = words(request, f"status-{status}")
    return Question(
        title=words(request, "status-ask", station=station.name, status=named),
        text=words(request, "status-ask-closed" if word else "status-ask-text"),
        yes=words(request, "status-yes", status=named),
        back=f"/office/stations/{station.station_code}/status",
        word=word,
        is_danger=word is not None,
    )


HANDLERS = (
    list_page,
    list_csv_page,
    table_page,
    new_page,
    create_page,
    station_page,
    edit_page,
    change_page,
    status_page,
    set_status_page,
    audit_page,
    audit_csv_page,
)
