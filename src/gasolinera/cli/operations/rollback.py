"""`gasolinera ops rollback service`: one service back to an earlier version, with a way back from that."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops import backup_files
from gasolinera.ops.encryption import chosen_encryption
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.rolling_back import RollbackPlan, RolledBack, TableChange, plan_rollback, roll_back
from vuelo.cli.confirm import Yes, confirm

app = typer.Typer(help="Take back migrations of one service.", no_args_is_help=True)
talk = Console(stderr=True)

_FAILED = 1

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Name = Annotated[str, typer.Argument(metavar="SERVICE", help="auth, station, coupon, redemption, ads or raffle.")]
To = Annotated[str, typer.Option("--to", metavar="VERSION", help="The version that stays as the newest.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help=f"Where the backup goes; {backup_files.FOLDER_SETTING} otherwise.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=32, help="Connections that read at once.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say which scripts would run, and change nothing.")]


@app.callback()
def group() -> None:
    """Take back migrations of one service."""


@app.command("service")
def service_command(
    name: Name,
    to: To,
    folder: Folder = None,
    environment: Environment = None,
    *,
    jobs: Jobs = 2,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Back up, undo down to a version, then say what of the data is gone. Exit 1 where the schema is not right."""
    with reachable_operations(environment) as operations:
        plan = plan_rollback(operations, name, to)
        if dry_run:
            write_json(plan) if as_json else _show_plan(plan)
            return
        if not as_json:
            _show_plan(plan)
        confirm(operations.project.only([name]), yes=yes)
        with talk.status("backing up") as status:
            done = roll_back(
                operations,
                plan,
                folder=folder or backup_files.chosen_folder(),
                encryption=chosen_encryption(),
                jobs=jobs,
                watch=status.update,
            )
    if as_json:
        write_json(msgspec.to_builtins(done, enc_hook=str))  # paths
    else:
        _tell(done)
    if done.problems:
        raise typer.Exit(_FAILED)


def _show_plan(plan: RollbackPlan) -> None:
    talk.print(f"{plan.schema} in {plan.database}: from version {plan.version} to {plan.to}", highlight=False)
    for script in plan.scripts:
        sys.stdout.write(f"{script}\n")


def _tell(done: RolledBack) -> None:
    for change in done.changes:
        sys.stdout.write(f"{_change(change)}\n")
    if not done.changes:
        sys.stdout.write("every value of every table is as it was\n")
    for script in done.repeated:
        talk.print(f"run again: {script}", highlight=False)
    for problem in done.problems:
        talk.print(f"[bold red]problem:[/] {problem}", highlight=False)
    talk.print(f"{done.plan.service} is at version {done.version}; the way back is {done.backup}", highlight=False)


def _change(change: TableChange) -> str:
    if change.rows_after is None:
        return f"{change.table}: gone, with {change.rows_before:,} rows"
    parts = [f"{column} is gone, with {values:,} values" for column, values in change.lost.items()]
    if change.rows_after != change.rows_before:
        parts.append(f"{change.rows_before:,} rows became {change.rows_after:,}")
    elif change.changed:  # with other rows the values are others anyway
        parts.append(f"other values in {', '.join(change.changed)}")
    return f"{change.table}: {'; '.join(parts)}"
