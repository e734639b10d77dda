"""Tables of employees over HTTP."""

from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response import Stream

from gasolinera.authentication import requires
from gasolinera.bringing_in import SheetResult
from gasolinera.calls import UserDirectory
from gasolinera.database import Database, RequestContext
from gasolinera.openapi import good
from gasolinera.permissions import Caller, Permission
from gasolinera.sheet_requests import RESULT_EXAMPLE, file_of
from gasolinera.station import employees_sheet
from gasolinera.station.api import INVALID, UNAVAILABLE
from gasolinera.station.api_employees import FORBIDDEN, MANAGE, NO_LOGIN
from gasolinera.station.roster import sight_of
from gasolinera.tabular import MAX_BYTES


@get(
    "/employees/export.csv",
    guards=[requires(Permission.EMPLOYEES_MANAGE)],
    summary="Employees as a table",
    description="Those whom the caller manages, without employments that are over. It can be brought in again.",
    responses={
        200: ResponseSpec(
            bytes,
            generate_examples=False,
            description="CSV in UTF-8.",
            media_type="text/csv",
            examples=[Example(value="employee_number,station_code,position\r\nEMP000021,JSM001,SUPERVISOR\r\n")],
        ),
        401: NO_LOGIN,
        403: FORBIDDEN,
        422: INVALID,
    },
)
async def export_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    language: Annotated[Literal["en", "es"], QueryParameter(description="Of the header.")] = "en",
) -> Stream:
    sight = sight_of(caller, Permission.EMPLOYEES_MANAGE)
    return Stream(
        employees_sheet.export_employees(db, sight, language=language),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="employees.csv"', "cache-control": "no-store"},
    )


@post(
    "/employees/import",
    status_code=200,
    guards=MANAGE,
    opt={"timeout_s": 120},
    request_max_body_size=MAX_BYTES + 100_000,
    summary="Bring in a table of employees",
    description="CSV as the body (text/csv), or as a file of a form (multipart/form-data). A row with a number changes "
    "that employment, one without hires; an empty cell leaves what is known. The answer names every row that is "
    "refused, and why. Without `keep_good` one such row keeps all of it out.",
    responses={
        200: good(SheetResult, "What came of it.", RESULT_EXAMPLE),
        401: NO_LOGIN,
        403: FORBIDDEN,
        422: INVALID,
        503: UNAVAILABLE,
    },
)
async def import_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    users: NamedDependency[UserDirectory],
    dry_run: Annotated[bool, QueryParameter(description="Tell what would be, and keep nothing.")] = False,
    keep_good: Annotated[bool, QueryParameter(description="Keep the good rows of a table that has others.")] = False,
) -> SheetResult:
    sheet = employees_sheet.read_employees(await file_of(request))
    people = await employees_sheet.find_people(users, sheet)
    return await db.run(
        lambda conn: employees_sheet.import_employees(
            conn, caller, people, sheet, is_dry_run=dry_run, keeps_good=keep_good
        ),
        context,
    )


HANDLERS = (export_route, import_route)
