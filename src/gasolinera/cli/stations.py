"""`gasolinera stations`: bring in the regulator's stations and prices."""

import asyncio
import csv
import sys
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

from gasolinera.cli.connect import reachable_settings
from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.errors import InputError
from gasolinera.logs import configure_logs
from gasolinera.station.feed import parse_as_of, read_feed
from gasolinera.station.importing import import_feed
from gasolinera.station.models import Fault, Feed, ImportResult

app = typer.Typer(help="Stations and their prices.", no_args_is_help=True)

_ACTOR = "command:stations import"

Places = Annotated[Path, typer.Argument(help="places.xml or places.xml.xz of the regulator.")]
Prices = Annotated[Path, typer.Argument(help="prices.xml or prices.xml.xz of the regulator.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="The day the prices are of, YYYY-MM-DD. Default: today.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write what was refused, and why, as CSV.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


@app.callback()
def group() -> None:
    """Keeps `import` a sub-command while it is the only one."""


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
            result = asyncio.run(_import(settings, feed, day, lines))
    if as_json:
        shown = msgspec.to_builtins(result)
        del shown["faults"]  # they are the report's
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(shown), indent=2) + b"\n")
    else:
        Console(width=None if sys.stdout.isatty() else 100).print(_table(result))


def _read(places: Path, prices: Path) -> Feed:
    total = sum(path.stat().st_size for path in (places, prices) if path.exists())
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=total)
        return read_feed(places, prices, lambda count: progress.advance(task, count))


async def _import(settings: Settings, feed: Feed, day: date, lines: TextIO | None) -> ImportResult:
    async with open_database(settings, "station") as db, db.transaction(RequestContext(actor=_ACTOR)) as conn:
        result = await import_feed(conn, feed, as_of=day)
        if lines is not None:
            _write_report(lines, result.faults)  # before the commit: an import without its report did not happen
    return result


@contextmanager
def _report(path: Path | None) -> Generator[TextIO | None]:
    """A file beside the report that takes its name at the end; so a failed import leaves the old report alone."""
    if path is None:
        yield None
        return
    part = path.with_name(f".{path.name}.part")
    try:
        if path.is_dir():
            raise InputError("report.unwritable", f"{path} is a folder", "name a file")
        with part.open("w", newline="", encoding="utf-8") as lines:
            yield lines
        part.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError("report.unwritable", message, "name a file in a folder that exists and is yours") from error
    finally:
        part.unlink(missing_ok=True)


def _write_report(lines: TextIO, faults: tuple[Fault, ...]) -> None:
    writer = csv.writer(lines)
    writer.writerow(("place_id", "permit", "fuel", "value", "reason", "action"))
    writer.writerows((f.place_id, f.permit, f.fuel, f.value, f.reason, f.action) for f in faults)
    lines.flush()


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
