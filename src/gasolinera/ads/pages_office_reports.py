"""Figures of advertising for the back office: by day with a chart; who advertises; and why somebody sees what."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Stream, Template

from gasolinera.ads import advertiser_reports, advertisers, analytics, serving
from gasolinera.ads.forms_office import AdvertiserForm, ViewerForm
from gasolinera.ads.models_analytics import AdLine, Question
from gasolinera.ads.models_campaigns import Advertiser, AdvertiserChange, AdvertiserStatus, NewAdvertiser
from gasolinera.ads.models_serving import Segment, Viewer
from gasolinera.ads.pages_office import (
    MANAGE,
    READ,
    ROOT,
    WORDING,
    Choice,
    CodeInPath,
    Cursor,
    OfCode,
    Said,
    Sort,
    Wanted,
    office_page,
    one_of,
    texts,
)
from gasolinera.ads.report_printing import advertiser_pdf
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission
from gasolinera.web.charts import Series, lines
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of
from gasolinera.web.refusing import refused, tell, words_of
from gasolinera.web.sheets import csv_of_pages

_REPORTS: Final = f"{ROOT}/reports"
_ADVERTISERS: Final = f"{ROOT}/advertisers"
_AT_ONCE: Final = 25
_EXPLAINED: Final = 100
From: TypeAlias = Annotated[str | None, QueryParameter(name="from", max_length=10, pattern=r"^[0-9-]*$(?!\n)")]
To: TypeAlias = Annotated[str | None, QueryParameter(name="to", max_length=10, pattern=r"^[0-9-]*$(?!\n)")]
OfState: TypeAlias = Annotated[
    str | None, QueryParameter(name="state", max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")
]
Language: TypeAlias = Literal["en", "es"]


def _day(typed: str | None) -> date | None:
    """Raises InputError `ads.report_days`."""
    try:
        return date.fromisoformat(typed) if typed else None
    except ValueError:
        raise InputError("ads.report_days", "this is no day of the calendar") from None


def _asked(first: str | None, last: str | None, advertiser: str | None, campaign: str | None, by: str) -> Question:
    return analytics.asked(
        first_day=_day(first),
        last_day=_day(last),
        today=datetime.now(UTC).date(),
        advertiser_code=(advertiser or "").upper() or None,
        campaign_code=(campaign or "").upper() or None,
        by=analytics.parts_of(by),
    )


@get(_REPORTS, guards=READ, include_in_schema=False)
async def report_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    advertiser: OfCode = None,
    campaign: OfCode = None,
    first: From = None,
    last: To = None,
) -> Template:
    """Days that cannot be asked for are said, and the usual month is shown instead."""
    problem = None
    try:
        question = _asked(first, last, advertiser, campaign, "day")
    except InputError as error:
        problem = words_of(request, WORDING, error)
        question = _asked(None, None, advertiser, campaign, "day")
    async with db.connection() as conn:
        days = await analytics.read_all(conn, question)
        total = await analytics.read_all(conn, msgspec.structs.replace(question, by=frozenset()))
        funnel = await analytics.funnel(conn, question)
    values = {
        "question": question,
        "days": days.items,
        "totals": total.items,
        "steps": funnel.steps,
        "as_of": days.as_of,
        "problem": problem,
        "language_of_files": language_of(request),
    }
    return office_page(request, "reports.html", values, status=200 if problem is None else 422)


@get(f"{_REPORTS}/chart.svg", guards=READ, include_in_schema=False)
async def chart_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    advertiser: OfCode = None,
    campaign: OfCode = None,
    first: From = None,
    last: To = None,
) -> Response[bytes]:
    question = _asked(first, last, advertiser, campaign, "day")
    async with db.connection() as conn:
        report = await analytics.read_all(conn, question)
    starts, completions = _by_day(report.items, "starts"), _by_day(report.items, "completions")
    days = [date.fromordinal(n) for n in range(question.first_day.toordinal(), question.last_day.toordinal() + 1)]
    series = [
        Series(texts(request, "views"), [starts.get(day, 0) for day in days]),
        Series(texts(request, "completions"), [completions.get(day, 0) for day in days]),
    ]
    drawn = await asyncio.to_thread(lines, [f"{day.day}/{day.month}" for day in days], series)
    return Response(drawn, media_type="image/svg+xml", headers={"cache-control": "no-store"})


def _by_day(items: tuple[AdLine, ...], name: str) -> dict[date, int]:
    found: dict[date, int] = {}
    for line in items:
        if line.day is not None:
            found[line.day] = found.get(line.day, 0) + int(getattr(line, name))
    return found


@get(f"{_REPORTS}/export.csv", guards=READ, include_in_schema=False)
async def export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    advertiser: OfCode = None,
    campaign: OfCode = None,
    first: From = None,
    last: To = None,
) -> Stream:
    """All lines, by day, campaign and advertisement."""
    question = _asked(first, last, advertiser, campaign, "day,advertiser,campaign,ad")
    name = f"advertisements-{question.first_day}-{question.last_day}.csv"
    language: Language = "en" if language_of(request) == "en" else "es"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Stream(analytics.as_csv(db, question, language=language), media_type="text/csv", headers=headers)


@get(f"{_ADVERTISERS}/{{code:str}}/report.pdf", guards=READ, include_in_schema=False)
async def pdf_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    code: CodeInPath,
    *,
    first: From = None,
    last: To = None,
) -> Response[bytes]:
    question = _asked(first, last, None, None, "total")
    async with db.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        report = await advertiser_reports.gather(
            conn, code.upper(), first_day=question.first_day, last_day=question.last_day
        )
    language: Language = "en" if language_of(request) == "en" else "es"
    name = f"{code.upper()}-{question.first_day}-{question.last_day}.pdf"
    return Response(
        await asyncio.to_thread(advertiser_pdf, report, language=language),
        media_type="application/pdf",
        headers={"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"},
    )


async def _advertisers_page(
    request: Request[Any, Any, Any], db: Database, caller: Caller, form: Form, *, code: int = 200
) -> Template:
    asked = request.query_params
    async with db.connection() as conn:
        found = await advertisers.list_advertisers(
            conn,
            status=one_of(AdvertiserStatus, asked.get("status")),
            text=asked.get("q", "").strip() or None,
            is_down=asked.get("sort") == "-code",
            cursor=asked.get("cursor") or None,
            limit=_AT_ONCE,
        )
    values = {
        "found": found,
        "form": form,
        "statuses": list(AdvertiserStatus),
        "may_change": caller.reach(Permission.ADS_MANAGE) is not None and caller.has_second_factor,
        "is_filtered": bool(asked.get("q") or asked.get("status")),
    }
    return office_page(request, "advertisers.html", values, status=code)


@get(_ADVERTISERS, guards=READ, include_in_schema=False)
async def advertisers_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    q: Wanted = None,  # noqa: ARG001  these are read by the page
    status: Choice = None,  # noqa: ARG001
    sort: Sort = None,  # noqa: ARG001
    cursor: Cursor = None,  # noqa: ARG001
    said: Said = None,  # noqa: ARG001
) -> Template:
    return await _advertisers_page(request, db, caller, Form())


@get(f"{_ADVERTISERS}/export.csv", guards=READ, include_in_schema=False)
async def advertisers_export_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    *,
    q: Wanted = None,
    status: Choice = None,
    sort: Sort = None,
) -> Stream:
    async def read(conn: Connection, cursor: str | None, limit: int) -> Page[Advertiser]:
        return await advertisers.list_advertisers(
            conn,
            status=one_of(AdvertiserStatus, status),
            text=(q or "").strip() or None,
            is_down=sort == "-code",
            cursor=cursor,
            limit=limit,
        )

    def row(one: Advertiser) -> Sequence[object]:
        said = texts(request, f"advertiser-{one.status}")
        contact = (one.contact_name, one.contact_email)
        return (one.advertiser_code, one.name, *contact, said, one.campaigns, one.active_campaigns)

    names = ("csv-code", "csv-name", "contact", "email", "csv-status", "campaigns", "csv-active-campaigns")
    header = [texts(request, name) for name in names]
    return await csv_of_pages(db, read, row, name="advertisers", header=header, language=language_of(request))


@post(_ADVERTISERS, guards=MANAGE, status_code=200, include_in_schema=False)
async def create_advertiser_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
) -> Template | Redirect:
    form = await read_form(request)
    form.values["advertiser_code"] = form.value("advertiser_code").upper()
    parsed = form.parsed(AdvertiserForm)
    if parsed is None:
        return await _advertisers_page(request, db, caller, form, code=422)

    async def create() -> None:
        async with db.transaction(context) as conn:
            await advertisers.create_advertiser(conn, NewAdvertiser(**msgspec.structs.asdict(parsed)))

    refusal = await refused(request, create())
    if refusal is not None:
        fields = {"advertiser.code_taken": "advertiser_code", "advertiser.contact_email": "contact_email"}
        tell(request, form, refusal, WORDING, fields)
        return await _advertisers_page(request, db, caller, form, code=422)
    return Redirect(f"{_ADVERTISERS}?said=advertiser-made", status_code=303)


@post(f"{_ADVERTISERS}/{{code:str}}/status", guards=MANAGE, status_code=303, include_in_schema=False)
async def advertiser_status_route(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    code: Annotated[str, PathParameter(max_length=50)],
) -> Redirect:
    """To and fro: what is suspended is shown no more, and again when it is active."""
    form = await read_form(request)
    wanted = AdvertiserStatus.ACTIVE if form.value("status") == "ACTIVE" else AdvertiserStatus.SUSPENDED
    async with db.transaction(context) as conn:
        await advertisers.change_advertiser(conn, code.upper(), AdvertiserChange(status=wanted))
    return Redirect(f"{_ADVERTISERS}?said=advertiser-{wanted.lower()}", status_code=303)


@get(f"{ROOT}/why", guards=READ, include_in_schema=False)
async def why_route(  # noqa: PLR0913  what is known of a viewer is an argument each
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    user: Wanted = None,
    station: Wanted = None,
    city: Wanted = None,
    region: OfState = None,
    fuel: Wanted = None,
    language: Wanted = None,
    segment: Wanted = None,
) -> Template:
    """What somebody would see now, and of every other advertisement the first reason why not. Shows it to nobody."""
    asked = {"user": user, "station": (station or "").upper(), "city": city, "state": region, "fuel": fuel}
    asked |= {"language": language or "es", "segment": segment}
    form = Form({name: value.strip() for name, value in asked.items() if value})
    has_asked = user is not None
    form.values.setdefault("user", str(caller.user_id))
    parsed = form.parsed(ViewerForm)
    found = None
    if parsed is not None and has_asked:
        async with db.connection() as conn:
            found = await serving.explain(conn, _viewer(parsed), limit=_EXPLAINED)
    values = {"form": form, "found": found, "segments": list(Segment)}
    return office_page(request, "why.html", values, status=200 if parsed is not None else 422)


def _viewer(form: ViewerForm) -> Viewer:
    user: UUID = form.user
    return Viewer(
        user_id=user,
        station_code=form.station,
        city=form.city,
        state=form.state,
        fuel_type=form.fuel,
        language=form.language,
        segments=() if form.segment is None else (form.segment,),
    )


HANDLERS: Final = (
    report_route,
    chart_route,
    export_route,
    pdf_route,
    advertisers_route,
    advertisers_export_route,
    create_advertiser_route,
    advertiser_status_route,
    why_route,
)
