"""`gasolinera ops restore rows`: what a backup has of some tables, beside what is there now."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.operations.restore import From, Identity, Name, open_archive_of
from gasolinera.errors import InputError
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.restoring_rows import (
    RowsRestored,
    RowsWanted,
    TableDifference,
    discard,
    put_back,
    restore_rows,
)
from vuelo.cli.confirm import Yes, confirm

talk = Console(stderr=True)
_SHOWN = 20

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Tables = Annotated[list[str], typer.Option("--table", "-t", help="A table of the service; may be said again.")]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="COLUMN=VALUE", help="Only rows with it; all that are said hold.")
]
Keys = Annotated[list[str] | None, typer.Option("--key", help="Only the row with this key; may be said again.")]
Apply = Annotated[bool, typer.Option("--apply", help="Put the rows back that only the backup has.")]
FireTriggers = Annotated[bool, typer.Option("--fire-triggers", help="With --apply: as if they were inserted anew.")]
Discard = Annotated[bool, typer.Option("--discard", help="Drop the schema with the backup's rows at the end.")]


def rows_command(  # noqa: PLR0913  a command's options are its arguments
    name: Name,
    table: Tables,
    where: Where = None,
    key: Keys = None,
    source: From = None,
    identity: Identity = None,
    environment: Environment = None,
    *,
    apply: Apply = False,
    fire_triggers: FireTriggers = False,
    discard_after: Discard = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Load rows of a backup into a schema beside the service's, and say how they differ from what is there now."""
    wanted = RowsWanted(tables=tuple(table), where=tuple(_pair(one) for one in where or []), keys=tuple(key or []))
    with reachable_operations(environment) as operations:
        archive = open_archive_of(operations, name, source, identity)
        with talk.status("loading"):
            restored = restore_rows(operations, name, archive, wanted)
        if not as_json:
            _show(restored)
        if apply and any(one.only_in_backup for one in restored.tables):
            confirm(operations.project.only([name]), yes=yes)
            restored = put_back(operations, restored, fire_triggers=fire_triggers)
        if discard_after:
            restored = discard(operations, restored)
    if as_json:
        write_json(restored)
        return
    for one, count in restored.applied.items():
        sys.stdout.write(f"{one}: {count:,} put back\n")
    if restored.side_schema:
        talk.print(f"the backup's rows are in {restored.side_schema}: drop it when you are done", highlight=False)


def _pair(said: str) -> tuple[str, str]:
    column, equals, value = said.partition("=")
    if not equals or not column:
        raise InputError("ops.where", f"{said!r} is not COLUMN=VALUE")
    return column, value


def _show(restored: RowsRestored) -> None:
    talk.print(f"{restored.backup}, as at {restored.consistent_at:%Y-%m-%d %H:%M:%S} UTC", highlight=False)
    counts = Table("Table", "In the backup", "Only in the backup", "Only now", "Different")
    for one in restored.tables:
        amounts = (one.in_backup, one.only_in_backup, one.only_in_database, one.different)
        counts.add_row(one.table, *(f"{amount:,}" for amount in amounts))
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(counts)
    for one in restored.tables:
        _show_rows(console, one)


def _show_rows(console: Console, table: TableDifference) -> None:
    for names, where in ((table.columns_only_in_backup, "the backup"), (table.columns_only_now, "the database")):
        if names:
            talk.print(f"{table.table}: only {where} has {', '.join(names)}", highlight=False)
    for row in table.rows[:_SHOWN]:
        key = " ".join(f"{column}={value}" for column, value in row.key.items())
        columns = f": {', '.join(row.columns)}" if row.columns else ""
        console.print(f"{table.table} {key} {row.found.replace('_', ' ')}{columns}", highlight=False, markup=False)
    if len(table.rows) > _SHOWN:
        talk.print(f"… the first {len(table.rows):,} are in --json", highlight=False)
