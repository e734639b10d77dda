"""What the commands share that write a table as a CSV file, or bring one in."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import typer

from gasolinera.bringing_in import SheetResult
from gasolinera.cli.connect import reachable_settings
from gasolinera.cli.data import write_json
from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import InputError
from gasolinera.logs import configure_logs
from gasolinera.tabular import MAX_BYTES, Sheet, fault_lines

_SHOWN_FAULTS = 20

Language = Annotated[Literal["en", "es"], typer.Option("--language", help="The language of the header.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write. Default: standard output.")]
File = Annotated[Path, typer.Argument(help="The table, in UTF-8; its first line names the columns.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Tell what would be, and keep nothing.")]
KeepGood = Annotated[bool, typer.Option("--keep-good", help="Keep the good rows of a table that has others.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write what was refused, and why, as CSV.")]


def write_table(pieces: Callable[[Database], AsyncGenerator[bytes]], output: Path | None) -> None:
    """What the station service's database gives, piece by piece, into a file or on standard output."""
    with reachable_settings() as settings:
        configure_logs(settings)
        with nullcontext(sys.stdout.buffer) if output is None else output.open("wb") as target:
            asyncio.run(_write(settings, pieces, target))


def import_table(
    file: Path,
    read: Callable[[bytes], Sheet],
    bring: Callable[[Settings, Sheet], Coroutine[Any, Any, SheetResult]],
    *,
    report: Path | None,
    as_json: bool,
) -> None:
    """Read a file, bring it in, tell what came of it; ends the command with 1 when a row was refused."""
    with file.open("rb") as opened:
        sheet = read(opened.read(MAX_BYTES + 1))
    with reachable_settings() as settings:
        configure_logs(settings)
        result = asyncio.run(bring(settings, sheet))
    if report is not None:
        try:
            report.write_bytes(b"".join(fault_lines(result.faults)))
        except OSError as error:
            raise InputError("report.unwritable", f"{report} cannot be written: {error.strerror}") from None
    if as_json:
        write_json(result)
    else:
        _tell(result)
    if result.faults:
        raise typer.Exit(1)


async def _write(settings: Settings, pieces: Callable[[Database], AsyncGenerator[bytes]], target: BinaryIO) -> None:
    async with open_database(settings, "station") as db:
        async for piece in pieces(db):
            target.write(piece)


def _tell(result: SheetResult) -> None:
    for name in ("rows_read", "inserted", "updated", "unchanged", "rejected"):
        sys.stdout.write(f"{name.replace('_', ' '):12}{getattr(result, name):>8,}\n")
    sys.stdout.write("kept\n" if result.is_kept else "nothing was kept\n")
    for fault in result.faults[:_SHOWN_FAULTS]:
        sys.stderr.write(f"row {fault.row}{f', {fault.column}' if fault.column else ''}: {fault.message}\n")
    if len(result.faults) > _SHOWN_FAULTS:
        sys.stderr.write(f"and {len(result.faults) - _SHOWN_FAULTS} more: --report writes all\n")
