"""Figures of advertisements by day: kept up to date, read, and held against the views and the budgets."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from uuid import UUID

import msgspec

from gasolinera.ads import queries_analytics as queries
from gasolinera.ads.measuring import measure
from gasolinera.ads.models_analytics import (
    MAX_DAYS,
    AdBudget,
    AdChecked,
    AdFraudLine,
    AdFunnel,
    AdFunnelStep,
    AdLine,
    AdMeasure,
    AdRanking,
    AdReport,
    BudgetPosition,
    By,
    FraudPosition,
    LinePosition,
    Question,
)
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, InputError
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import Page, decode_cursor, encode_cursor, page_of
from gasolinera.tabular import Column, Layout, header_line, row_line

Language = Literal["en", "es"]
_BATCH: Final = 5_000
_CSV_PAGE: Final = 1_000
_USUAL_DAYS: Final = 31
_MAX_DIFFERENCES: Final = 1_000

# In the order of the columns of a table: what a line holds, and as of when it holds it.
_COLUMNS: Final[Mapping[str, str]] = {
    "day": "dia",
    "advertiser_code": "codigo_anunciante",
    "campaign_code": "codigo_campana",
    "advertisement": "anuncio",
    "title": "titulo",
    "currency": "moneda",
    "impressions": "impresiones",
    "starts": "inicios",
    "first_quartiles": "primer_cuarto",
    "midpoints": "mitad",
    "third_quartiles": "tercer_cuarto",
    "completions": "completados",
    "skips": "saltados",
    "failures": "fallidos",
    "abandons": "abandonados",
    "rejections": "rechazados",
    "clicks": "clics",
    "viewer_days": "usuarios_dia",
    "watched_s": "segundos_vistos",
    "bonus_tickets": "boletos_extra",
    "cost": "costo",
    "rejected_cost": "costo_rechazado",
    "start_percent": "porcentaje_inicios",
    "completion_percent": "porcentaje_completados",
    "click_percent": "porcentaje_clics",
    "rejected_percent": "porcentaje_rechazados",
    "mean_quality_score": "calidad_media",
    "mean_fraud_score": "fraude_medio",
    "as_of": "al_momento",
}
LINES: Final = Layout(
    thing="line",
    columns=tuple(Column(name, spanish, str) for name, spanish in _COLUMNS.items()),
    key="day",
    needed=("currency",),
)


async def refresh(db: Database) -> int:
    """Folds all that changed into the figures; says how many changes there were. Any number may do it at once."""
    context = RequestContext(actor="job:ads.refresh_analytics")
    return await in_batches(db, queries.fold, _BATCH, "{} changes are in the figures", context=context)


def asked(
    *,
    first_day: date | None,
    last_day: date | None,
    today: date,
    advertiser_code: str | None = None,
    campaign_code: str | None = None,
    advertisement: UUID | None = None,
    by: frozenset[By] = frozenset({By.DAY}),
) -> Question:
    """The latest month to today, which is UTC's, where no days are named. Raises InputError `ads.report_days`."""
    if last_day is None:
        last_day = today if first_day is None or first_day <= today else first_day
        if first_day is not None:
            last_day = min(last_day, date.fromordinal(min(date.max.toordinal(), first_day.toordinal() + MAX_DAYS - 1)))
    if first_day is None:
        first_day = max(date.min, last_day - timedelta(days=min(_USUAL_DAYS, last_day.toordinal()) - 1))
    if not 0 <= (last_day - first_day).days < MAX_DAYS:
        raise InputError("ads.report_days", f"a report is about 1 to {MAX_DAYS} days, the first before the last")
    return Question(
        first_day=first_day,
        last_day=last_day,
        advertiser_code=advertiser_code,
        campaign_code=campaign_code,
        advertisement=advertisement,
        by=by,
    )


def parts_of(by: str) -> frozenset[By]:
    """Raises InputError `ads.report_by`."""
    try:
        return frozenset() if by == "total" else frozenset(map(By, by.split(",")))
    except ValueError:
        hint = "day, advertiser, campaign and ad, with commas between; or total"
        raise InputError("ads.report_by", "there is no report by this", hint) from None


async def read(conn: Connection, question: Question, *, cursor: str | None, limit: int) -> AdReport:
    """In the order of day, advertiser, campaign, advertisement and currency. Raises InputError `request.cursor`."""
    position = decode_cursor(LinePosition, cursor)
    after = None if position is None else msgspec.structs.astuple(position)
    as_of, found = await queries.read(conn, question, after=after, limit=limit + 1)
    return AdReport(
        as_of=as_of,
        first_day=question.first_day,
        last_day=question.last_day,
        items=tuple(_shown(question, line) for line in found[:limit]),
        next_cursor=encode_cursor(_position(found[limit - 1])) if len(found) > limit else None,
    )


async def read_all(conn: Connection, question: Question) -> AdReport:
    """Every line at once: for who has a question whose answer is small."""
    report = await read(conn, question, cursor=None, limit=_CSV_PAGE)
    items = list(report.items)
    while report.next_cursor is not None:
        report = await read(conn, question, cursor=report.next_cursor, limit=_CSV_PAGE)
        items += report.items
    return msgspec.structs.replace(report, items=tuple(items))


async def as_csv(db: Database, question: Question, *, language: Language) -> AsyncGenerator[bytes]:
    """In pieces of a thousand lines, each with a connection of its own: a slow reader holds none."""
    yield header_line(LINES, language)
    cursor = None
    while True:
        async with db.connection() as conn:
            page = await read(conn, question, cursor=cursor, limit=_CSV_PAGE)
        as_of = None if page.as_of is None else page.as_of.isoformat()
        yield b"".join(row_line(_cells(line, as_of)) for line in page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


async def rank(
    conn: Connection, question: Question, *, currency: str | None, measure: AdMeasure, at_least: int, limit: int
) -> AdRanking:
    """Advertisements with fewer starts than `at_least` are left out: three of four views prove no quality."""
    as_of, found = await queries.rank(
        conn, question, currency=currency, measure=measure, at_least=at_least, limit=limit
    )
    return AdRanking(
        as_of=as_of,
        first_day=question.first_day,
        last_day=question.last_day,
        measure=measure,
        items=tuple(found),
    )


async def funnel(conn: Connection, question: Question) -> AdFunnel:
    """Of whatever currency: it counts views."""
    report = await read_all(conn, msgspec.structs.replace(question, by=frozenset[By]()))
    names = ("impressions", "starts", "first_quartiles", "midpoints", "third_quartiles", "completions")
    reached = [sum(getattr(line, name) for line in report.items) for name in names]
    return AdFunnel(
        as_of=report.as_of,
        first_day=question.first_day,
        last_day=question.last_day,
        steps=tuple(
            AdFunnelStep(
                name=name,
                reached=count,
                of_impressions_percent=_percent(count, reached[0]),
                of_step_before_percent=None if place == 0 else _percent(count, reached[place - 1]),
            )
            for place, (name, count) in enumerate(zip(names, reached, strict=True))
        ),
    )


async def budgets(
    conn: Connection, *, advertiser_code: str | None, status: str | None, cursor: str | None, limit: int
) -> Page[AdBudget]:
    """Raises InputError `request.cursor`."""
    position = decode_cursor(BudgetPosition, cursor)
    after = ("", "") if position is None else (position.advertiser_code, position.campaign_code)
    found = await queries.budgets(conn, advertiser_code=advertiser_code, status=status, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda line: BudgetPosition(line.advertiser_code, line.campaign_code))


async def fraud(conn: Connection, question: Question, *, cursor: str | None, limit: int) -> Page[AdFraudLine]:
    """The newest day first. Raises InputError `request.cursor`."""
    position = decode_cursor(FraudPosition, cursor)
    after = None if position is None else msgspec.structs.astuple(position)
    found = await queries.fraud(conn, question, after=after, limit=limit + 1)
    return page_of(
        found,
        limit=limit,
        position=lambda line: FraudPosition(line.day, line.advertiser_code, line.campaign_code, line.currency),
    )


async def check(db: Database, *, first_day: date = date.min, last_day: date = date.max) -> AdChecked:
    """Adds all views of these days up anew, and compares figures and budgets; reads each of them. Changes nothing."""
    async with db.transaction() as conn:
        return await queries.check(conn, first_day, last_day, limit=_MAX_DIFFERENCES)


async def rebuild(db: Database, *, first_day: date = date.min, last_day: date = date.max) -> int:
    """Makes the lines of these days anew from all their views, and says how many there are.

    For figures that somebody spoilt; locks them until it is done, so that nobody folds meanwhile, and holds up neither
    views nor readers.
    """
    async with db.transaction(RequestContext(actor="command:ads report rebuild")) as conn:
        return await queries.rebuild(conn, first_day, last_day)


def _percent(count: int, whole: int) -> Decimal | None:
    return None if whole == 0 else (Decimal(100 * count) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _cells(line: AdLine, as_of: str | None) -> tuple[object, ...]:
    return tuple(as_of if name == "as_of" else getattr(line, name) for name in _COLUMNS)


def _position(line: AdLine) -> LinePosition:
    """Of a line as it is kept, where nothing is None."""
    assert line.day is not None
    assert line.advertiser_code is not None
    assert line.campaign_code is not None
    assert line.advertisement is not None
    return LinePosition(line.day, line.advertiser_code, line.campaign_code, line.advertisement, line.currency)


def _shown(question: Question, line: AdLine) -> AdLine:
    is_by_advertisement = By.ADVERTISEMENT in question.by
    return msgspec.structs.replace(
        line,
        day=line.day if By.DAY in question.by else None,
        advertiser_code=line.advertiser_code if By.ADVERTISER in question.by else None,
        campaign_code=line.campaign_code if By.CAMPAIGN in question.by else None,
        advertisement=line.advertisement if is_by_advertisement else None,
        title=line.title if is_by_advertisement else None,
    )


async def _refresh_job(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await refresh(db)
    async with db.connection() as conn:
        await measure(conn)
    return f"{count} changes are in the figures"


async def _check_job(db: Database, _arguments: Mapping[str, str]) -> str:
    found = await check(db)
    if found.differences:
        hint = "`gasolinera ads report check` shows them"
        raise ConflictError("ads.figures_differ", "the figures are not what the views say", hint)
    return f"{found.line_count} lines are what the views say"


ANALYTICS_JOBS: Final = (
    Job(
        name="ads.refresh_analytics",
        service="ads",
        summary="Brings the figures of advertisements up to date, by what changed alone.",
        run=_refresh_job,
        schedule="* * * * *",
    ),
    Job(
        name="ads.check_analytics",
        service="ads",
        summary="Adds all views up anew, and fails where figures or budgets say something else.",
        run=_check_job,
        schedule="33 3 * * *",
    ),
)
