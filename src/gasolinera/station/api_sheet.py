"""Tables of stations over HTTP."""

from typing import Annotated, Any, Literal

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response import Stream

from gasolinera.authentication import requires
from gasolinera.bringing_in import SheetResult
from gasolinera.database import Database, RequestContext
from gasolinera.openapi import good
from gasolinera.permissions import Permission
from gasolinera.sheet_requests import RESULT_EXAMPLE, file_of
from gasolinera.station import sheets
from gasolinera.station.api import INVALID
from gasolinera.station.sheet import read_sheet
from gasolinera.tabular import MAX_BYTES


@get(
    "/export.csv",
    guards=[requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)],
    summary="All stations as a table",
    responses={
        200: ResponseSpec(
            bytes,
            generate_examples=False,
            description="CSV in UTF-8.",
            media_type="text/csv",
            examples=[Example(value="station_code,name\r\nJSM001,Gasolinera JSM Centro Histórico\r\n")],
        ),
        422: INVALID,
    },
)
async def export_route(
    db: NamedDependency[Database],
    language: Annotated[Literal["en", "es"], QueryParameter(description="Of the header.")] = "en",
) -> Stream:
    return Stream(
        sheets.export_sheet(db, language=language),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="stations.csv"'},
    )


@post(
    "/import",
    status_code=200,
    guards=[requires(Permission.STATIONS_MANAGE, second_factor=True, fresh=True)],
    opt={"timeout_s": 120},
    request_max_body_size=MAX_BYTES + 100_000,
    summary="Bring in a table of stations",
    description="CSV as the body (text/csv), or as a file of a form (multipart/form-data). The answer names every row "
    "that is refused, with column and reason. Without `keep_good` one such row keeps all of it out.",
    responses={200: good(SheetResult, "What came of it.", RESULT_EXAMPLE), 422: INVALID},
)
async def import_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    dry_run: Annotated[bool, QueryParameter(description="Tell what would be, and keep nothing.")] = False,
    keep_good: Annotated[bool, QueryParameter(description="Keep the good rows of a table that has others.")] = False,
) -> SheetResult:
    sheet = read_sheet(await file_of(request))
    async with db.transaction(context) as conn:
        return await sheets.import_sheet(conn, sheet, is_dry_run=dry_run, keeps_good=keep_good)


HANDLERS = (export_route, import_route)
