"""Reports of redemptions over HTTP: in pages, and as a table."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import QueryParameter
from litestar.response import Stream

from gasolinera.authentication import requires
from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.paging import MAX_CURSOR
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import reports
from gasolinera.redemption.models_reports import By, Report

_READ = [requires(Permission.REPORTS_READ)]
_PROBLEMS = {
    403: problem_spec(
        HTTPStatus.FORBIDDEN, "auth.other_station", "this account may not see the reports of that station"
    ),
    422: problem_spec(
        HTTPStatus.UNPROCESSABLE_ENTITY, "reports.days", "a report is about 1 to 366 days, the first before the last"
    ),
    503: problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached"),
}
_EXAMPLE: dict[str, object] = {
    "as_of": "2026-11-23T18:00:00.123456Z",
    "first_day": "2026-11-22",
    "last_day": "2026-11-22",
    "items": [
        {
            "business_day": "2026-11-22",
            "station_code": "JSM001",
            "campaign_code": None,
            "currency": "MXN",
            "completed": 128,
            "cancelled": 2,
            "original_amount": "60228.00",
            "discount_amount": "6300.00",
            "final_amount": "53928.00",
            "cancelled_amount": "856.00",
            "fuel_litres": "2520.000",
            "tickets_earned": 384,
            "tickets_taken_back": 6,
        }
    ],
    "next_cursor": None,
}

_Station: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="Of this station; a station's administrator sees no other."
    ),
]
_Campaign: TypeAlias = Annotated[
    str | None, QueryParameter(pattern=r"^[A-Z0-9_]{3,50}$(?!\n)", description="Of this campaign's coupons.")
]
_FirstDay: TypeAlias = Annotated[
    date | None,
    QueryParameter(
        name="from", description="The first day, in the zone of each station. Default: a month before the last."
    ),
]
_LastDay: TypeAlias = Annotated[
    date | None, QueryParameter(name="to", description="The last day, included. Default: tomorrow, as UTC has it.")
]
_By: TypeAlias = Annotated[
    str,
    QueryParameter(
        pattern=r"^(total|(day|station|campaign)(,(day|station|campaign)){0,2})$(?!\n)",
        description="What a line is about, beside its currency: day, station and campaign, with commas between; or "
        "total.",
    ),
]
_Language: TypeAlias = Annotated[Literal["en", "es"], QueryParameter(description="Of the header.")]


@get(
    "/redemptions",
    guards=_READ,
    summary="Read the report of redemptions",
    description="Sums by day of the station's zone, station and campaign, never of two currencies. A redemption counts "
    "in the day on which it completed, and so does its cancellation, whenever it came; amounts and litres are without "
    "cancelled ones. All that was committed before `as_of` is in.",
    responses={
        200: ResponseSpec(
            Report, generate_examples=False, description="A page of the report.", examples=[Example(value=_EXAMPLE)]
        ),
        **_PROBLEMS,
    },
)
async def read_route(  # noqa: PLR0913  each filter is a parameter of the request
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    station: _Station = None,
    campaign: _Campaign = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    by: _By = "day",
    cursor: Annotated[
        str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
    ] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000, description="How many lines at most.")] = 100,
) -> Report:
    question = reports.question_of(
        caller,
        station_code=station,
        campaign_code=campaign,
        first_day=first_day,
        last_day=last_day,
        by=_parts_of(by),
        today=datetime.now(UTC).date(),
    )
    async with db.connection() as conn:
        return await reports.read(conn, question, cursor=cursor, limit=limit)


@get(
    "/redemptions/export.csv",
    guards=_READ,
    summary="The report of redemptions as a table",
    description="All lines, as `/api/reports/redemptions` has them; each says as of when.",
    responses={
        200: ResponseSpec(
            bytes,
            generate_examples=False,
            description="CSV in UTF-8.",
            media_type="text/csv",
            examples=[Example(value="business_day,station_code,campaign_code\r\n2026-11-22,JSM001,WELCOME2026\r\n")],
        ),
        **_PROBLEMS,
    },
)
async def export_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    station: _Station = None,
    campaign: _Campaign = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    by: _By = "day,station,campaign",
    language: _Language = "en",
) -> Stream:
    question = reports.question_of(
        caller,
        station_code=station,
        campaign_code=campaign,
        first_day=first_day,
        last_day=last_day,
        by=_parts_of(by),
        today=datetime.now(UTC).date(),
    )
    name = f"redemptions-{question.first_day}-{question.last_day}.csv"
    return Stream(
        reports.as_csv(db, question, language=language),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


def _parts_of(by: str) -> frozenset[By]:
    return frozenset() if by == "total" else frozenset(map(By, by.split(",")))


HANDLERS = (read_route, export_route)
