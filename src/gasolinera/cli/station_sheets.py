"""`gasolinera stations export` and `import-csv`: stations as a table in a CSV file."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import msgspec
import typer

from gasolinera.cli.connect import reachable_settings
from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.errors import InputError
from gasolinera.logs import configure_logs
from gasolinera.station.bringing_in import SheetResult
from gasolinera.station.sheet import read_sheet
from gasolinera.station.sheets import export_sheet, import_sheet
from gasolinera.station.tabular import MAX_BYTES, Sheet, fault_lines

_SHOWN_FAULTS = 20

Language = Annotated[Literal["en", "es"], typer.Option("--language", help="The language of the header.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: standard output.")]
File = Annotated[Path, typer.Argument(help="The table, in UTF-8; its first line names the columns.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be, and keep nothing.")]
KeepGood = Annotated[bool, typer.Option("--keep-good", help="Keep the good rows of a table that has others.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write what was refused, and why, as CSV.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON.")]


def export_command(*, language: Language = "en", output: Output = None) -> None:
    """Write all stations as a table."""
    with reachable_settings() as settings:
        configure_logs(settings)
        if output is None:
            asyncio.run(_export(settings, language, sys.stdout.buffer))
        else:
            with output.open("wb") as file:
                asyncio.run(_export(settings, language, file))


def import_command(
    file: File,
    *,
    dry_run: DryRun = False,
    keep_good: KeepGood = False,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a table of stations, recognised by code. Exit 1 when a row was refused."""
    with file.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    sheet = read_sheet(data)
    with reachable_settings() as settings:
        configure_logs(settings)
        result = asyncio.run(_import(settings, sheet, is_dry_run=dry_run, keeps_good=keep_good))
    tell_result(result, report=report, as_json=as_json)


def tell_result(result: SheetResult, *, report: Path | None, as_json: bool) -> None:
    """Writes the report, tells what came of it, and ends the command with 1 when a row was refused."""
    if report is not None:
        try:
            report.write_bytes(b"".join(fault_lines(result.faults)))
        except OSError as error:
            raise InputError("report.unwritable", f"{report} cannot be written: {error.strerror}") from None
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    else:
        _tell(result)
    if result.faults:
        raise typer.Exit(1)


async def _export(settings: Settings, language: str, target: BinaryIO) -> None:
    async with open_database(settings, "station") as db:
        async for piece in export_sheet(db, language=language):
            target.write(piece)


async def _import(settings: Settings, sheet: Sheet, *, is_dry_run: bool, keeps_good: bool) -> SheetResult:
    context = RequestContext(actor="command:stations import-csv")
    async with open_database(settings, "station") as db, db.transaction(context) as conn:
        return await import_sheet(conn, sheet, is_dry_run=is_dry_run, keeps_good=keeps_good)


def _tell(result: SheetResult) -> None:
    for name in ("rows_read", "inserted", "updated", "unchanged", "rejected"):
        sys.stdout.write(f"{name.replace('_', ' '):12}{getattr(result, name):>8,}\n")
    sys.stdout.write("kept\n" if result.is_kept else "nothing was kept\n")
    for fault in result.faults[:_SHOWN_FAULTS]:
        sys.stderr.write(f"row {fault.row}{f', {fault.column}' if fault.column else ''}: {fault.message}\n")
    if len(result.faults) > _SHOWN_FAULTS:
        sys.stderr.write(f"and {len(result.faults) - _SHOWN_FAULTS} more: --report writes all\n")
