"""`gasolinera ads report`: advertisements in figures, brought up to date, shown, written down, checked."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.ads import advertiser_reports, analytics
from gasolinera.ads.models_analytics import AdBudget, AdChecked, AdLine, AdMeasure, AdRanking, AdReport, By, Question
from gasolinera.ads.report_printing import advertiser_pdf
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.sheets import Language, Output
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.logs import configure_logs

app = typer.Typer(help="Advertisements in figures: by day, advertiser, campaign and ad.", no_args_is_help=True)
Result = TypeVar("Result")
_PAGE = 1_000
_FIGURES = (
    "impressions",
    "starts",
    "completions",
    "completion_percent",
    "skips",
    "rejections",
    "clicks",
    "bonus_tickets",
    "cost",
    "mean_quality_score",
    "mean_fraud_score",
)

Advertiser = Annotated[str | None, typer.Option("--advertiser", help="Of this advertiser alone.")]
Campaign = Annotated[str | None, typer.Option("--campaign", help="Of this campaign alone.")]
Advertisement = Annotated[UUID | None, typer.Option("--ad", help="Of this advertisement alone.")]
First = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, of UTC. Default: 31 days."),
]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")]
Grouped = Annotated[
    str,
    typer.Option("--by", help="What a line is about: day, advertiser, campaign, ad, with commas between; or total."),
]


@app.command("show")
def show_command(
    *,
    advertiser: Advertiser = None,
    campaign: Campaign = None,
    advertisement: Advertisement = None,
    first: First = None,
    last: Last = None,
    by: Grouped = "day",
    as_json: AsJson = False,
) -> None:
    """Show the figures, as they were last brought up to date. Days are those of UTC."""
    question = _question(first, last, advertiser=advertiser, campaign=campaign, advertisement=advertisement, by=by)

    async def work(db: Database) -> AdReport:
        async with db.connection() as conn:
            return await analytics.read_all(conn, question)

    report = _run(work)
    if as_json:
        write_json(report)
    else:
        _show(report.as_of, question, report.items)


@app.command("export")
def export_command(
    *,
    advertiser: Advertiser = None,
    campaign: Campaign = None,
    advertisement: Advertisement = None,
    first: First = None,
    last: Last = None,
    by: Grouped = "day,advertiser,campaign,ad",
    language: Language = "en",
    output: Output = None,
) -> None:
    """Write the figures as a table; each line says as of when."""
    question = _question(first, last, advertiser=advertiser, campaign=campaign, advertisement=advertisement, by=by)

    async def work(db: Database) -> None:
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as target:
            async for piece in analytics.as_csv(db, question, language=language):
                target.write(piece)

    _run(work)


@app.command("top")
def top_command(
    *,
    measure: Annotated[AdMeasure, typer.Option("--measure", help="By what.")] = AdMeasure.COMPLETIONS,
    advertiser: Advertiser = None,
    campaign: Campaign = None,
    first: First = None,
    last: Last = None,
    at_least: Annotated[int, typer.Option("--at-least", min=0, help="Leave out what started less often.")] = 1,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="How many at most.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show the best advertisements."""
    question = _question(first, last, advertiser=advertiser, campaign=campaign, by="campaign,ad")

    async def work(db: Database) -> AdRanking:
        async with db.connection() as conn:
            return await analytics.rank(conn, question, currency=None, measure=measure, at_least=at_least, limit=limit)

    ranking = _run(work)
    if as_json:
        write_json(ranking)
    else:
        _show(ranking.as_of, question, ranking.items)


@app.command("budgets")
def budgets_command(*, advertiser: Advertiser = None, as_json: AsJson = False) -> None:
    """Show what campaigns spent beside their budget and their time, as it is now."""

    async def work(db: Database) -> list[AdBudget]:
        items: list[AdBudget] = []
        cursor = None
        while True:
            async with db.connection() as conn:
                page = await analytics.budgets(
                    conn, advertiser_code=_upper(advertiser), status=None, cursor=cursor, limit=_PAGE
                )
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return items

    found = _run(work)
    if as_json:
        write_json(found)
        return
    table = Table()
    for heading in ("Campaign", "Status", "Currency", "Budget", "Spent", "Spent %", "Time %", "Pace", "Today"):
        table.add_column(heading, justify="right" if heading in {"Budget", "Spent", "Spent %", "Time %"} else "left")
    for line in found:
        today = "-" if line.daily_budget is None else f"{line.spent_today:,} of {line.daily_budget:,}"
        numbers = (f"{line.total_budget:,}", f"{line.spent:,}", str(line.spent_percent), str(line.elapsed_percent))
        table.add_row(line.campaign_code, line.status, line.currency, *numbers, line.pace or "-", today)
    _console().print(table)


@app.command("pdf")
def pdf_command(
    *,
    advertiser: Annotated[str, typer.Argument(metavar="ADVERTISER", help="The advertiser's code.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    first: First = None,
    last: Last = None,
    language: Language = "es",
) -> None:
    """Write an advertiser's report as a PDF."""
    question = _question(first, last, advertiser=advertiser, by="total")

    async def work(db: Database) -> bytes:
        async with db.connection() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            report = await advertiser_reports.gather(
                conn, question.advertiser_code or "", first_day=question.first_day, last_day=question.last_day
            )
        return advertiser_pdf(report, language=language)

    output.write_bytes(_run(work))
    sys.stderr.write(f"written to {output}\n")


@app.command("refresh")
def refresh_command(*, as_json: AsJson = False) -> None:
    """Bring the figures up to date now. Workers do it each minute."""
    count = _run(analytics.refresh)
    if as_json:
        write_json({"changes": count})
    else:
        sys.stdout.write(f"{count:,} changes are in the figures\n")


@app.command("check")
def check_command(*, first: First = None, last: Last = None, as_json: AsJson = False) -> None:
    """Add all views up anew and compare figures and budgets. Exit 1 when they say something else.

    Reads every view; holds up nobody.
    """

    async def work(db: Database) -> AdChecked:
        return await analytics.check(db, first_day=_day(first, date.min), last_day=_day(last, date.max))

    found = _run(work)
    if as_json:
        write_json(found)
    else:
        for one in found.differences:
            sys.stdout.write(
                f"{one.day or 'in all'} {one.subject} {one.measure}: "
                f"told is {_or_nothing(one.told)}, the views say {_or_nothing(one.fact)}\n"
            )
        verdict = f"{len(found.differences)} differences" if found.differences else "all as the views say"
        sys.stderr.write(f"{found.line_count:,} lines, {found.waiting_count:,} changes wait: {verdict}\n")
    if found.differences:
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild_command(*, first: First = None, last: Last = None, as_json: AsJson = False) -> None:
    """Make the figures anew from the views, all of them or these days, where the check found a difference.

    Reads every view of these days; holds up nobody.
    """

    async def work(db: Database) -> int:
        return await analytics.rebuild(db, first_day=_day(first, date.min), last_day=_day(last, date.max))

    count = _run(work)
    if as_json:
        write_json({"lines": count})
    else:
        sys.stdout.write(f"{count:,} lines were made anew\n")


def _question(
    first: datetime | None,
    last: datetime | None,
    *,
    advertiser: str | None = None,
    campaign: str | None = None,
    advertisement: UUID | None = None,
    by: str,
) -> Question:
    """Raises InputError `ads.report_by`, `ads.report_days`."""
    return analytics.asked(
        first_day=None if first is None else first.date(),
        last_day=None if last is None else last.date(),
        today=datetime.now(UTC).date(),
        advertiser_code=_upper(advertiser),
        campaign_code=_upper(campaign),
        advertisement=advertisement,
        by=analytics.parts_of(by),
    )


def _show(as_of: datetime | None, question: Question, lines: Sequence[AdLine]) -> None:
    told = "never brought up to date" if as_of is None else f"as of {as_of:%Y-%m-%d %H:%M:%S} UTC"
    sys.stdout.write(f"{question.first_day} to {question.last_day}, days of UTC, {told}\n")
    table = Table()
    named = [part for part in By if part in question.by]
    for part in named:
        table.add_column(part.value.capitalize())
    table.add_column("Currency")
    for name in _FIGURES:
        table.add_column(name.replace("_", " ").capitalize(), justify="right")
    for line in lines:
        keys = {
            By.DAY: line.day,
            By.ADVERTISER: line.advertiser_code,
            By.CAMPAIGN: line.campaign_code,
            By.ADVERTISEMENT: line.title,
        }
        numbers = [getattr(line, name) for name in _FIGURES]
        shown = ["-" if number is None else f"{number:,}" for number in numbers]
        table.add_row(*(str(keys[part]) for part in named), line.currency, *shown)
    _console().print(table)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 180)


def _run(work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def with_database(settings: Settings) -> Result:
        async with open_database(settings, "ads") as db:
            return await work(db)

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(with_database(settings))


def _upper(code: str | None) -> str | None:
    return None if code is None else code.strip().upper()


def _day(given: datetime | None, otherwise: date) -> date:
    return otherwise if given is None else given.date()


def _or_nothing(number: Decimal | None) -> str:
    return "nothing" if number is None else str(number)
