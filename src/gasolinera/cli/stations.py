"""`gasolinera stations`: bring in the regulator's stations and prices; stations as a table."""

import asyncio
import csv
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gasolinera.cli import station_sheets
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import AsJson, write_json
from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.errors import InputError
from gasolinera.logs import configure_logs
from gasolinera.station.feed import parse_as_of, read_feed
from gasolinera.station.importing import import_feed
from gasolinera.station.models import Fault, Feed, ImportResult

app = typer.Typer(help="Stations and their prices.", no_args_is_help=True)

_NAME_A_FILE = "name a file in a folder that exists and may be written"
_ACTOR = "command:stations import"

Places = Annotated[Path, typer.Argument(help="places.xml or places.xml.xz of the regulator.")]
Prices = Annotated[Path, typer.Argument(help="prices.xml or prices.xml.xz of the regulator.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day the prices are of, YYYY-MM-DD. Default: today.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write what was refused, and why, as CSV.")]


app.command("export")(station_sheets.export_command)
app.command("import-csv")(station_sheets.import_command)


@app.command("import")
def import_command(
    places: Places, prices: Prices, *, as_of: AsOf = None, report: Report = None, as_json: AsJson = False
) -> None:
    """Import the Mexican regulator's stations and prices. Importing the same again changes nothing.

    Stations are recognised by permit; a price of an older day never replaces a newer one. All or nothing.
    """
    day = parse_as_of(as_of, now=datetime.now(UTC))
    with _report(report) as lines:
        feed = _read(places, prices)
        with reachable_settings() as settings:
            configure_logs(settings)
            result = asyncio.run(_import(settings, feed, day, lines, report))
    if as_json:
        shown = msgspec.to_builtins(result)
        del shown["faults"]  # they are the report's
        write_json(shown)
    else:
        Console(width=None if sys.stdout.isatty() else 100).print(_table(result))


def _read(places: Path, prices: Path) -> Feed:
    total = sum(map(_size, (places, prices)))
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=total)
        return read_feed(places, prices, lambda count: progress.advance(task, count))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it will tell what is wrong


async def _import(settings: Settings, feed: Feed, day: date, lines: TextIO | None, report: Path | None) -> ImportResult:
    async with open_database(settings, "station") as db, db.transaction(RequestContext(actor=_ACTOR)) as conn:
        result = await import_feed(conn, feed, as_of=day)
        if lines is not None and report is not None:
            with _told_of(report):  # before the commit: an import without its report did not happen
                _write_report(lines, result.faults)
    return result


@contextmanager
def _report(path: Path | None) -> Generator[TextIO | None]:
    """A file of its own beside the report, which takes the report's name when all went well.

    A failed import leaves the old report alone. Raises InputError `report.unwritable`.
    """
    if path is None:
        yield None
        return
    if not path.name or path.is_dir():
        raise InputError("report.unwritable", f"{str(path)!r} is a folder", _NAME_A_FILE)
    with _told_of(path):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".stations-import-", suffix=".csv")
        os.close(descriptor)
    part = Path(name)
    try:
        with part.open("w", newline="", encoding="utf-8") as lines:
            yield lines
        try:
            part.chmod(0o644)
            part.replace(path)
        except OSError as error:
            message = f"the import is done, but its report cannot be written to {path}: {error.strerror}"
            raise InputError("report.unwritable", message, _NAME_A_FILE) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _told_of(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InputError("report.unwritable", f"{path} cannot be written: {error.strerror}", _NAME_A_FILE) from None


def _write_report(lines: TextIO, faults: tuple[Fault, ...]) -> None:
    writer = csv.writer(lines)
    writer.writerow(("place_id", "permit", "fuel", "value", "reason", "action"))
    writer.writerows((*map(_plain, (f.place_id, f.permit, f.fuel, f.value)), f.reason, f.action) for f in faults)
    lines.flush()


def _plain(cell: str) -> str:
    """The feed's text as text: a spreadsheet takes a cell that begins like this for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "@", "\t", "\r")) else cell


def _table(result: ImportResult) -> Table:
    table = Table(title=f"Imported as of {result.as_of}", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rows: list[tuple[str, int]] = [
        ("places read", result.places_read),
        ("  inserted", result.inserted),
        ("  updated", result.updated),
        ("  unchanged", result.unchanged),
        ("  rejected", result.rejected),
        *((f"    {reason}", count) for reason, count in result.rejected_by_reason.items()),
        ("  without prices", result.without_prices),
        ("prices read", result.prices_read),
        ("  set", result.prices_set),
        ("  unchanged", result.prices_unchanged),
        ("  refused", sum(result.prices_refused.values())),
        *((f"    {reason}", count) for reason, count in result.prices_refused.items()),
    ]
    for name, count in rows:
        table.add_row(name, f"{count:,}")
    return table
