"""`gasolinera reports`: redemptions in figures, brought up to date, shown, written as a table, and checked."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.sheets import Language, Output
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import InputError
from gasolinera.logs import configure_logs
from gasolinera.redemption import reports
from gasolinera.redemption.models_reports import By, Checked, Question, Report, ReportLine

app = typer.Typer(help="Redemptions in figures: by day, station and campaign.", no_args_is_help=True)
Result = TypeVar("Result")
_PAGE = 1_000
_FIGURES = (
    "Completed",
    "Cancelled",
    "Original",
    "Discount",
    "Final",
    "Cancelled amount",
    "Litres",
    "Tickets",
    "Taken back",
)

Station = Annotated[str | None, typer.Option("--station", help="Of this station alone.")]
Campaign = Annotated[str | None, typer.Option("--campaign", help="Of this campaign's coupons alone.")]
First = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day. Default: a month of days.")
]
Last = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day, included.")]
Grouped = Annotated[
    str, typer.Option("--by", help="What a line is about: day, station, campaign, with commas between; or total.")
]


@app.command("show")
def show_command(
    *,
    station: Station = None,
    campaign: Campaign = None,
    first: First = None,
    last: Last = None,
    by: Grouped = "day",
    as_json: AsJson = False,
) -> None:
    """Show the report, as it was last brought up to date. Days are those of each station's zone."""
    question = _question(station, campaign, first, last, by)

    async def work(db: Database) -> Report:
        items: list[ReportLine] = []
        cursor = None
        while True:
            async with db.connection() as conn:
                page = await reports.read(conn, question, cursor=cursor, limit=_PAGE)
            items += page.items
            cursor = page.next_cursor
            if cursor is None:
                return msgspec.structs.replace(page, items=tuple(items))

    report = _run(work)
    if as_json:
        write_json(report)
        return
    as_of = "never brought up to date" if report.as_of is None else f"as of {report.as_of:%Y-%m-%d %H:%M:%S} UTC"
    sys.stdout.write(f"{report.first_day} to {report.last_day}, {as_of}\n")
    Console(width=None if sys.stdout.isatty() else 160).print(_table(question, report))


@app.command("export")
def export_command(
    *,
    station: Station = None,
    campaign: Campaign = None,
    first: First = None,
    last: Last = None,
    by: Grouped = "day,station,campaign",
    language: Language = "en",
    output: Output = None,
) -> None:
    """Write the report as a table; each line says as of when."""
    question = _question(station, campaign, first, last, by)

    async def work(db: Database) -> None:
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as target:
            async for piece in reports.as_csv(db, question, language=language):
                target.write(piece)

    _run(work)


@app.command("refresh")
def refresh_command(*, as_json: AsJson = False) -> None:
    """Bring the report up to date now. Workers do it each minute."""
    count = _run(reports.refresh)
    if as_json:
        write_json({"changes": count})
    else:
        sys.stdout.write(f"{count:,} changes are in the report\n")


@app.command("check")
def check_command(*, first: First = None, last: Last = None, as_json: AsJson = False) -> None:
    """Add all redemptions up anew and compare. Exit 1 when the report says something else.

    Reads every redemption; holds up nobody.
    """

    async def work(db: Database) -> Checked:
        return await reports.check(db, first_day=_day(first, date.min), last_day=_day(last, date.max))

    found = _run(work)
    if as_json:
        write_json(found)
    else:
        for one in found.differences:
            sys.stdout.write(
                f"{one.business_day} {one.station_code} {one.campaign_code or '-'} {one.currency} {one.measure}: "
                f"the report says {_or_nothing(one.told)}, the redemptions {_or_nothing(one.fact)}\n"
            )
        verdict = f"{len(found.differences)} differences" if found.differences else "all as the redemptions say"
        sys.stderr.write(f"{found.line_count:,} lines, {found.waiting_count:,} changes wait: {verdict}\n")
    if found.differences:
        raise typer.Exit(1)


@app.command("rebuild")
def rebuild_command(*, first: First = None, last: Last = None, as_json: AsJson = False) -> None:
    """Make the report anew from the redemptions, all of it or these days, where the check found a difference.

    Reads every redemption of these days; holds up nobody.
    """

    async def work(db: Database) -> int:
        return await reports.rebuild(db, first_day=_day(first, date.min), last_day=_day(last, date.max))

    count = _run(work)
    if as_json:
        write_json({"lines": count})
    else:
        sys.stdout.write(f"{count:,} lines were made anew\n")


def _day(given: datetime | None, otherwise: date) -> date:
    return otherwise if given is None else given.date()


def _question(
    station: str | None, campaign: str | None, first: datetime | None, last: datetime | None, by: str
) -> Question:
    """Raises InputError `reports.by`, `reports.days`."""
    try:
        parts = frozenset[By]() if by == "total" else frozenset(map(By, by.split(",")))
    except ValueError:
        hint = "day, station and campaign, with commas between; or total"
        raise InputError("reports.by", f"there is no report by {by!r}", hint) from None
    return reports.asked(
        station_code=None if station is None else station.strip().upper(),
        campaign_code=None if campaign is None else campaign.strip().upper(),
        first_day=None if first is None else first.date(),
        last_day=None if last is None else last.date(),
        by=parts,
        today=datetime.now(UTC).date(),
    )


def _run(work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def with_database(settings: Settings) -> Result:
        async with open_database(settings, "redemption") as db:
            return await work(db)

    with reachable_settings() as settings:
        configure_logs(settings)
        return asyncio.run(with_database(settings))


def _table(question: Question, report: Report) -> Table:
    table = Table()
    named = [part for part in By if part in question.by]
    for part in named:
        table.add_column(part.value.capitalize())
    table.add_column("Currency")
    for heading in _FIGURES:
        table.add_column(heading, justify="right")
    for line in report.items:
        keys = {By.DAY: line.business_day, By.STATION: line.station_code, By.CAMPAIGN: line.campaign_code or "-"}
        numbers = (
            line.completed,
            line.cancelled,
            line.original_amount,
            line.discount_amount,
            line.final_amount,
            line.cancelled_amount,
            line.fuel_litres,
            line.tickets_earned,
            line.tickets_taken_back,
        )
        table.add_row(*(str(keys[part]) for part in named), line.currency, *(f"{number:,}" for number in numbers))
    return table


def _or_nothing(number: Decimal | None) -> str:
    return "nothing" if number is None else str(number)
