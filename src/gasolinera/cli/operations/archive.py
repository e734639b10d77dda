"""`gasolinera ops archive`: old partitions written to a folder or a bucket, and brought back to be looked at."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.errors import InputError
from gasolinera.ops import archived_partitions, archiving, partition_upkeep
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.partition_upkeep import Upkeep
from gasolinera.ops.reaching import Operations, ops_session, owner_session, reachable_operations
from vuelo.cli.confirm import Yes, confirm

app = typer.Typer(help="Old partitions in files: written, verified, listed, brought back.", no_args_is_help=True)

_MOST_LISTED = 10_000
_FAILURE = 1

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Service = Annotated[str | None, typer.Option("--service", "-s", help="Only this one.")]
Place = Annotated[
    str | None,
    typer.Option(
        "--to",
        envvar="GASOLINERA_ARCHIVE_LOCATION",
        help="A folder, or s3://BUCKET/PREFIX; its address and keys as AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …",
    ),
]
TableName = Annotated[str | None, typer.Option("--table", "-t", help="Only partitions of this table.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=_MOST_LISTED, help="How many, newest first.")]
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="Of `gasolinera ops archive list`.")]
SideSchema = Annotated[str | None, typer.Option("--schema", help="Where to; made if missing. Else SERVICE_restored.")]
SideTable = Annotated[str | None, typer.Option("--table", help="Its name there. Else the partition's own.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what is due, and do nothing.")]


@app.command("run")
def run_command(
    to: Place = None,
    service: Service = None,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Take away the partitions that their rules say may go: detach, export, verify, drop. What was killed goes on.

    Exit 1 when one could not be taken away; nothing is dropped that was not read back whole.
    """
    store = None if to is None else open_store(to)
    with reachable_operations(environment) as operations:
        services = chosen_services(operations, service)
        if dry_run:
            _show_due(partition_upkeep.states(operations, services), as_json=as_json)
            return
        confirm(operations.project.only(services), yes=yes)
        rounds = partition_upkeep.retire(operations, services, store, tell=tell)
    if as_json:
        write_json(rounds)
    else:
        show_retired(rounds)
    show_problems(rounds)


@app.command("list")
def list_command(
    service: Service = None,
    table: TableName = None,
    *,
    limit: Limit = 50,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """List the partitions that were taken away or are on the way, and where their rows lie."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        found = archived_partitions.list_archives(ops, chosen_services(operations, service), table, limit)
    if as_json:
        write_json(found)
        return
    shown = table_of("Id", "Partition", "State", "Rows", "Bytes", "Where", "Why, or what went wrong")
    for one in found:
        shown.add_row(
            str(one.id),
            f"{one.schema_name}.{one.partition_name}",
            one.state,
            "" if one.row_count is None else f"{one.row_count:,}",
            "" if one.size_bytes is None else f"{one.size_bytes:,}",
            "" if one.location is None else f"{one.location}/{one.file}",
            one.error or one.reason,
        )
    show_table(shown)


@app.command("verify")
def verify_command(number: Number, *, environment: Environment = None, as_json: AsJson = False) -> None:
    """Read an archive back wholly: file, rows and manifest as they were written. Exit 1 when they are not."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        manifest = archiving.verify(archived_partitions.read_archive(ops, number))
    if as_json:
        write_json(manifest)
    else:
        sys.stdout.write(f"archive {number} is intact: {manifest.rows:,} rows of {manifest.partition}\n")


@app.command("restore")
def restore_command(
    number: Number,
    schema: SideSchema = None,
    table: SideTable = None,
    *,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Load an archive into a table of its own in a side schema; nothing of the service is touched."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        archive = archived_partitions.read_archive(ops, number)
        with owner_session(operations.service(archive.service)) as conn:
            restored = archiving.restore(
                conn, archive, schema or f"{archive.service}_restored", table or archive.partition_name
            )
    if as_json:
        write_json(restored)
    else:
        sys.stdout.write(f"{restored.rows:,} rows in {restored.schema}.{restored.table}\n")


def chosen_services(operations: Operations, only: str | None) -> list[str]:
    """Raises InputError `ops.no_service`."""
    names = [service.name for service in operations.project.services]
    if only is None:
        return names
    if only not in names:
        raise InputError("ops.no_service", f"there is no service {only}", f"known are {', '.join(names)}")
    return [only]


def tell(what: str, step: str) -> None:
    """Progress, for who watches."""
    sys.stderr.write(f"{what}: {step}\n")


def show_retired(rounds: Sequence[Upkeep]) -> None:
    retired = [one for each in rounds for one in each.retired]
    for one in retired:
        rows = "" if one.rows is None else f", {one.rows:,} rows in {one.size_bytes or 0:,} bytes"
        sys.stdout.write(f"{one.partition}: {one.state.lower()}{rows}\n")
    if not retired:
        sys.stdout.write("no partition is due\n")


def show_problems(rounds: Sequence[Upkeep]) -> None:
    """What could not be done, on standard error; ends the command with 1 where there is any."""
    problems = [problem for each in rounds for problem in each.problems]
    for problem in problems:
        sys.stderr.write(f"warning: {problem}\n")
    if problems:
        raise typer.Exit(_FAILURE)


def table_of(*headings: str) -> Table:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show_table(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _show_due(found: Sequence[partition_upkeep.TableState], *, as_json: bool) -> None:
    due = [one for one in found if one.due]
    if as_json:
        write_json(due)
        return
    for one in due:
        for name in one.due:
            sys.stdout.write(f"{one.table}: {one.action.lower()} {name} ({one.reason})\n")
    if not due:
        sys.stdout.write("no partition is due\n")
