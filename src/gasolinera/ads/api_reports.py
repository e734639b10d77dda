"""Figures of advertisements over HTTP, for those who run the advertising: in pages, as a table, as a PDF."""

import asyncio
from datetime import UTC, date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from gasolinera.ads import advertiser_reports, analytics
from gasolinera.ads.models_analytics import (
    AdBudget,
    AdFraudLine,
    AdFunnel,
    AdMeasure,
    AdRanking,
    AdReport,
    Question,
)
from gasolinera.ads.report_printing import advertiser_pdf
from gasolinera.authentication import requires
from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Permission

_READ = [requires(Permission.ADS_READ)]
_DAYS = problem_spec(
    HTTPStatus.UNPROCESSABLE_ENTITY, "ads.report_days", "a report is about 1 to 366 days, the first before the last"
)
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "advertiser.unknown", "there is no advertiser with this code")
_PROBLEMS = {
    401: problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login"),
    403: problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that"),
    422: _DAYS,
    503: problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached"),
}
_LINE: dict[str, object] = {
    "day": "2026-11-22",
    "advertiser_code": None,
    "campaign_code": "ADC-REFRESCO",
    "advertisement": None,
    "title": None,
    "currency": "MXN",
    "impressions": 1240,
    "starts": 1102,
    "first_quartiles": 1010,
    "midpoints": 981,
    "third_quartiles": 960,
    "completions": 930,
    "skips": 120,
    "failures": 31,
    "abandons": 11,
    "rejections": 10,
    "clicks": 88,
    "viewer_days": 702,
    "watched_s": "14010.500",
    "bonus_tickets": 2790,
    "cost": "1395.00",
    "rejected_cost": "3.00",
    "start_percent": "88.9",
    "completion_percent": "84.4",
    "click_percent": "8.0",
    "rejected_percent": "0.9",
    "mean_quality_score": "81.4",
    "mean_fraud_score": "4.2",
}
_DATED: dict[str, object] = {
    "as_of": "2026-11-23T18:00:00.123456Z",
    "first_day": "2026-11-22",
    "last_day": "2026-11-22",
    "time_zone": "UTC",
}
_STEP: dict[str, object] = {
    "name": "starts",
    "reached": 1102,
    "of_impressions_percent": "88.9",
    "of_step_before_percent": "88.9",
}
_BUDGET: dict[str, object] = {
    "advertiser_code": "REFRESCO-LUNA",
    "campaign_code": "ADC-REFRESCO",
    "name": "Luna de limón",
    "status": "ACTIVE",
    "pacing": "EVEN",
    "starts_at": "2026-11-01T06:00:00Z",
    "ends_at": "2027-02-01T06:00:00Z",
    "currency": "MXN",
    "total_budget": "20000.00",
    "spent": "4113.00",
    "remaining": "15887.00",
    "spent_percent": "20.6",
    "elapsed_percent": "23.9",
    "is_alerted": False,
    "daily_budget": "1000.00",
    "spent_today": "420.00",
    "pace": "ON_TRACK",
    "starts": 3211,
    "completions": 2742,
    "rejections": 31,
}
_FRAUD: dict[str, object] = {
    "day": "2026-11-22",
    "advertiser_code": "REFRESCO-LUNA",
    "campaign_code": "ADC-REFRESCO",
    "currency": "MXN",
    "starts": 1102,
    "completions": 930,
    "rejections": 10,
    "rejected_percent": "0.9",
    "rejected_cost": "3.00",
    "mean_fraud_score": "4.2",
    "mean_quality_score": "81.4",
}

_Code = r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)"
_Advertiser: TypeAlias = Annotated[str | None, QueryParameter(pattern=_Code, description="Of this advertiser.")]
_Campaign: TypeAlias = Annotated[str | None, QueryParameter(pattern=_Code, description="Of this campaign.")]
_Ad: TypeAlias = Annotated[UUID | None, QueryParameter(name="ad", description="Of this advertisement.")]
_FirstDay: TypeAlias = Annotated[
    date | None, QueryParameter(name="from", description="The first day, of UTC. Default: 30 days before the last.")
]
_LastDay: TypeAlias = Annotated[
    date | None, QueryParameter(name="to", description="The last day, included. Default: today, as UTC has it.")
]
_By: TypeAlias = Annotated[
    str,
    QueryParameter(
        pattern=r"^(total|(day|advertiser|campaign|ad)(,(day|advertiser|campaign|ad)){0,3})$(?!\n)",
        description="What a line is about, beside its currency: day, advertiser, campaign and ad, with commas between; "
        "or total.",
    ),
]
_Language: TypeAlias = Annotated[Literal["en", "es"], QueryParameter(description="Of the words in it.")]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=1000, description="How many lines at most.")]
_Status: TypeAlias = Annotated[
    Literal["DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "CANCELLED"] | None,
    QueryParameter(description="Campaigns of this status alone."),
]


def _file(media_type: str, description: str, example: str) -> ResponseSpec:
    return ResponseSpec(
        bytes,
        generate_examples=False,
        description=description,
        media_type=media_type,
        examples=[Example(value=example)],
    )


def _asked(
    first_day: date | None,
    last_day: date | None,
    *,
    advertiser: str | None = None,
    campaign: str | None = None,
    ad: UUID | None = None,
    by: str = "total",
) -> Question:
    return analytics.asked(
        first_day=first_day,
        last_day=last_day,
        today=datetime.now(UTC).date(),
        advertiser_code=advertiser,
        campaign_code=campaign,
        advertisement=ad,
        by=analytics.parts_of(by),
    )


@get(
    "/views",
    guards=_READ,
    summary="Read the figures of advertisements",
    description="Sums of views by day of UTC, advertiser, campaign and advertisement, never of two currencies. A view "
    "counts in the day on which it started, once it has ended, and what is decided about it later corrects that day. "
    "All views that had ended before `as_of` are in.",
    responses={
        200: good(AdReport, "A page of lines.", _DATED | {"items": [_LINE], "next_cursor": None}),
        **_PROBLEMS,
    },
)
async def read_views_route(  # noqa: PLR0913  each filter is a parameter of the request
    db: NamedDependency[Database],
    *,
    advertiser: _Advertiser = None,
    campaign: _Campaign = None,
    advertisement: _Ad = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    by: _By = "day",
    cursor: _Cursor = None,
    limit: _Limit = 100,
) -> AdReport:
    question = _asked(first_day, last_day, advertiser=advertiser, campaign=campaign, ad=advertisement, by=by)
    async with db.connection() as conn:
        return await analytics.read(conn, question, cursor=cursor, limit=limit)


@get(
    "/views/export.csv",
    guards=_READ,
    summary="The figures of advertisements as a table",
    description="All lines, as `/api/ads/reports/views` has them; each says as of when.",
    responses={
        200: _file("text/csv", "CSV in UTF-8.", "day,advertiser_code,campaign_code\r\n2026-11-22,REFRESCO-LUNA,\r\n"),
        **_PROBLEMS,
    },
)
async def export_views_route(
    db: NamedDependency[Database],
    *,
    advertiser: _Advertiser = None,
    campaign: _Campaign = None,
    advertisement: _Ad = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    by: _By = "day,advertiser,campaign,ad",
    language: _Language = "en",
) -> Stream:
    question = _asked(first_day, last_day, advertiser=advertiser, campaign=campaign, ad=advertisement, by=by)
    name = f"advertisements-{question.first_day}-{question.last_day}.csv"
    return Stream(
        analytics.as_csv(db, question, language=language),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


@get(
    "/top",
    guards=_READ,
    summary="The best advertisements",
    description="By one measure. With fewer starts than `at_least` an advertisement is left out, for a share of few "
    "views says little. `currency` keeps one, which makes sense for costs.",
    responses={
        200: good(AdRanking, "The best first.", _DATED | {"measure": "completions", "items": [_LINE]}),
        **_PROBLEMS,
    },
)
async def rank_route(  # noqa: PLR0913  each filter is a parameter of the request
    db: NamedDependency[Database],
    *,
    measure: Annotated[AdMeasure, QueryParameter(description="By what.")] = AdMeasure.COMPLETIONS,
    advertiser: _Advertiser = None,
    campaign: _Campaign = None,
    currency: Annotated[Literal["MXN", "CRC", "USD"] | None, QueryParameter(description="Of this currency.")] = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    at_least: Annotated[int, QueryParameter(ge=0, le=1_000_000, description="How many starts at least.")] = 1,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")] = 10,
) -> AdRanking:
    question = _asked(first_day, last_day, advertiser=advertiser, campaign=campaign)
    async with db.connection() as conn:
        return await analytics.rank(conn, question, currency=currency, measure=measure, at_least=at_least, limit=limit)


@get(
    "/funnel",
    guards=_READ,
    summary="How far advertisements are watched",
    description="From impression to completion. A completion needs the advertisement's threshold alone, which may lie "
    "before the third quartile.",
    responses={200: good(AdFunnel, "The steps.", _DATED | {"steps": [_STEP]}), **_PROBLEMS},
)
async def funnel_route(
    db: NamedDependency[Database],
    *,
    advertiser: _Advertiser = None,
    campaign: _Campaign = None,
    advertisement: _Ad = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
) -> AdFunnel:
    question = _asked(first_day, last_day, advertiser=advertiser, campaign=campaign, ad=advertisement)
    async with db.connection() as conn:
        return await analytics.funnel(conn, question)


@get(
    "/budgets",
    guards=_READ,
    summary="What campaigns spent",
    description="Beside budget and time: money as it is at this moment, views as of the figures. `spent_today` is of "
    "the campaign's own day.",
    responses={200: good(Page[AdBudget], "A page.", {"items": [_BUDGET], "next_cursor": None}), **_PROBLEMS},
)
async def budgets_route(
    db: NamedDependency[Database],
    *,
    advertiser: _Advertiser = None,
    status: _Status = None,
    cursor: _Cursor = None,
    limit: _Limit = 100,
) -> Page[AdBudget]:
    async with db.connection() as conn:
        return await analytics.budgets(conn, advertiser_code=advertiser, status=status, cursor=cursor, limit=limit)


@get(
    "/fraud",
    guards=_READ,
    summary="What was refused",
    description="By day of UTC and campaign, the newest day first.",
    responses={200: good(Page[AdFraudLine], "A page.", {"items": [_FRAUD], "next_cursor": None}), **_PROBLEMS},
)
async def fraud_route(
    db: NamedDependency[Database],
    *,
    advertiser: _Advertiser = None,
    campaign: _Campaign = None,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    cursor: _Cursor = None,
    limit: _Limit = 100,
) -> Page[AdFraudLine]:
    question = _asked(first_day, last_day, advertiser=advertiser, campaign=campaign)
    async with db.connection() as conn:
        return await analytics.fraud(conn, question, cursor=cursor, limit=limit)


@get(
    "/advertisers/{advertiser:str}/report.pdf",
    guards=_READ,
    summary="An advertiser's report to print",
    description="Totals, views by day, how far they were watched, budgets, and the two hundred advertisements that "
    "were completed most.",
    responses={200: _file("application/pdf", "A PDF.", "%PDF-1.4 …"), 404: _UNKNOWN, **_PROBLEMS},
)
async def advertiser_report_route(
    db: NamedDependency[Database],
    advertiser: Annotated[str, PathParameter(pattern=_Code, description="The advertiser's code.")],
    *,
    first_day: _FirstDay = None,
    last_day: _LastDay = None,
    language: _Language = "es",
) -> Response[bytes]:
    question = _asked(first_day, last_day)
    async with db.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        report = await advertiser_reports.gather(
            conn, advertiser, first_day=question.first_day, last_day=question.last_day
        )
    name = f"{advertiser}-{question.first_day}-{question.last_day}.pdf"
    return Response(
        await asyncio.to_thread(advertiser_pdf, report, language=language),
        media_type="application/pdf",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


HANDLERS = (
    read_views_route,
    export_views_route,
    rank_route,
    funnel_route,
    budgets_route,
    fraud_route,
    advertiser_report_route,
)
