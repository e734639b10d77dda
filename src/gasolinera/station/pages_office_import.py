"""Tables of stations and of employees that come in: first what would be, row by row, and nothing is kept; then it is.

What was looked at is what comes in: the page that shows it carries a small table itself, and of a large one its
digest, with which the file that is chosen again is compared. It carries as well what the rows were that the table
changes: when somebody else has changed one of them meanwhile, what would be is shown anew.
"""

import gzip
import hashlib
import zlib
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.bringing_in import SheetResult
from gasolinera.calls import UserDirectory
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.permissions import Caller, Permission
from gasolinera.station import employees_sheet, sheets
from gasolinera.station.employees_sheet import EMPLOYEES
from gasolinera.station.pages_office import WORDING, asked, words
from gasolinera.station.sheet import STATIONS, read_sheet
from gasolinera.tabular import MAX_BYTES, Layout, RowFault
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import refused, tell

_CARRIED_CHARACTERS: Final = 24_000
_SHOWN_FAULTS: Final = 200
_BODY: Final = MAX_BYTES + 200_000
_STATIONS: Final = [requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)]
_EMPLOYEES: Final = [requires(Permission.EMPLOYEES_MANAGE, second_factor=True, fresh=True)]


class Done(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came of an import, in the address of the page that tells it."""

    inserted: int | None = None
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class Place(msgspec.Struct, frozen=True):
    """Which of the two imports. `name`: stations or employees."""

    name: str
    layout: Layout

    @property
    def path(self) -> str:
        return f"/office/{self.name}/import"


class Brought(msgspec.Struct, frozen=True):
    """`state`: of the known rows that the table names, before it."""

    result: SheetResult
    state: str


# The table; the state that was looked at, None on a trial; whether good rows stay where others are refused.
# Another state than that makes a trial of it.
Bring = Callable[[bytes, str | None, bool], Awaitable[Brought]]


class ShownFault(msgspec.Struct, frozen=True):
    row: int
    column: str
    text: str


class Preview(msgspec.Struct, frozen=True):
    """`carried` is the table itself; empty: too large, and its file is chosen again."""

    result: SheetResult
    faults: tuple[ShownFault, ...]
    digest: str
    state: str
    carried: str

    @property
    def good(self) -> int:
        return self.result.rows_read - self.result.rejected

    @property
    def has_news(self) -> bool:
        return self.result.inserted + self.result.updated > 0


_OF_STATIONS: Final = Place("stations", STATIONS)
_OF_EMPLOYEES: Final = Place("employees", EMPLOYEES)


@get("/office/stations/import", guards=_STATIONS, include_in_schema=False, opt={"any_parameters": True})
async def stations_import_page(request: Request[Any, Any, Any]) -> Template:
    return _page(request, _OF_STATIONS, Form())


@post(
    "/office/stations/import",
    guards=_STATIONS,
    include_in_schema=False,
    status_code=303,
    opt={"timeout_s": 120},
    request_max_body_size=_BODY,
)
async def bring_stations_page(
    request: Request[Any, Any, Any], db: NamedDependency[Database], context: NamedDependency[RequestContext]
) -> Template | Redirect:
    async def bring(data: bytes, seen: str | None, keeps_good: bool) -> Brought:
        sheet = read_sheet(data)
        async with db.transaction(context) as conn:
            state = await sheets.state_of(conn, sheet)
            result = await sheets.import_sheet(conn, sheet, is_dry_run=seen != state, keeps_good=keeps_good)
            return Brought(result, state)

    return await _brought(request, _OF_STATIONS, bring)


@get("/office/employees/import", guards=_EMPLOYEES, include_in_schema=False, opt={"any_parameters": True})
async def employees_import_page(request: Request[Any, Any, Any]) -> Template:
    return _page(request, _OF_EMPLOYEES, Form())


@post(
    "/office/employees/import",
    guards=_EMPLOYEES,
    include_in_schema=False,
    status_code=303,
    opt={"timeout_s": 120},
    request_max_body_size=_BODY,
)
async def bring_employees_page(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
) -> Template | Redirect:
    async def bring(data: bytes, seen: str | None, keeps_good: bool) -> Brought:
        sheet = employees_sheet.read_employees(data)
        people = await employees_sheet.find_people(users, sheet)

        async def work(conn: Connection) -> Brought:
            state = await employees_sheet.state_of(conn, caller, sheet)
            result = await employees_sheet.import_employees(
                conn, caller, people, sheet, is_dry_run=seen != state, keeps_good=keeps_good
            )
            return Brought(result, state)

        return await db.run(work, context)

    return await _brought(request, _OF_EMPLOYEES, bring)


async def _brought(request: Request[Any, Any, Any], place: Place, bring: Bring) -> Template | Redirect:
    form = await read_form(request)
    try:
        data = await _table_in(form)
    except InputError as error:
        tell(request, form, error, WORDING, {error.code: "file"})
        return _page(request, place, form)
    digest = hashlib.sha256(data).hexdigest()
    is_confirmed = form.value("confirmed") == "yes"
    if is_confirmed and form.value("digest") != digest:
        form.refuse(words(request, "import-other-file"))
        is_confirmed = False
    results: list[Brought] = []
    seen = form.value("state") if is_confirmed else None

    async def work() -> None:
        results.append(await bring(data, seen, form.value("keep_good") == "yes"))

    error = await refused(request, work())
    if error is not None:
        is_of_file = error.code.startswith("sheet.")
        tell(request, form, error, WORDING, {error.code: "file"} if is_of_file else None)
        return _page(request, place, form)
    result, state = results[0].result, results[0].state
    is_late = seen is not None and seen != state
    is_there_already = is_late and not result.inserted + result.updated  # the button was pressed twice
    if result.is_kept or is_there_already:
        counts = f"inserted={result.inserted}&updated={result.updated}"
        return Redirect(
            f"{place.path}?{counts}&unchanged={result.unchanged}&rejected={result.rejected}", status_code=303
        )
    if is_late:
        form.refuse(words(request, "import-changed"))
    return _page(request, place, form, _preview(request, results[0], data, digest))


async def _table_in(form: Form) -> bytes:
    """The file that was chosen, else the table that the page carried. Raises InputError `sheet.no_file`."""
    if "file" in form.files:
        return await form.files["file"].read()
    if form.value("table"):
        try:
            unpacked = zlib.decompressobj(wbits=31).decompress(b64decode(form.value("table")), MAX_BYTES + 1)
        except (ValueError, zlib.error):
            unpacked = b""
        if unpacked:
            return unpacked
    raise InputError("sheet.no_file", "the form holds no table")


def _preview(request: Request[Any, Any, Any], brought: Brought, data: bytes, digest: str) -> Preview:
    packed = b64encode(gzip.compress(data, mtime=0)).decode()
    faults = tuple(
        ShownFault(one.row, one.column, _told(request, one)) for one in brought.result.faults[:_SHOWN_FAULTS]
    )
    return Preview(brought.result, faults, digest, brought.state, packed if len(packed) <= _CARRIED_CHARACTERS else "")


def _told(request: Request[Any, Any, Any], fault: RowFault) -> str:
    """In the reader's words: what the column takes, or why the row was refused."""
    known = WORDING.names(language_of(request))
    names = (
        f"fault-{fault.code}-{fault.column.replace('_', '-')}",
        f"fault-{fault.code}",
        f"refused-{fault.code.replace('.', '-').replace('_', '-')}",
    )
    return words(request, next((name for name in names if name in known), "refused-other"))


def _page(request: Request[Any, Any, Any], place: Place, form: Form, preview: Preview | None = None) -> Template:
    is_spanish = language_of(request) == "es"
    done = asked(request, Done)
    values = {
        "place": place.name,
        "form": form,
        "preview": preview,
        "done": None if done.inserted is None or request.method == "POST" else done,
        "columns": [(column.spanish if is_spanish else column.name) for column in place.layout.columns],
        "labels": {column.name: column.spanish if is_spanish else column.name for column in place.layout.columns},
        "needed": [column.spanish if is_spanish else column.name for column in place.layout.columns
                   if column.name in place.layout.needed],
        "max_rows": place.layout.max_rows,
        "max_mb": MAX_BYTES // 10**6,
        "shown_faults": _SHOWN_FAULTS,
    }  # fmt: skip
    status = 422 if form.errors or form.refusals else 200
    return page(request, "station/office/import.html", values, wording=WORDING, status=status)


HANDLERS = (stations_import_page, bring_stations_page, employees_import_page, bring_employees_page)
