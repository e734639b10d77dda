"""`gasolinera ops cleanup`: what has been kept for long enough goes, by rules that say for how long, and why."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops import operations_schema
from gasolinera.ops.cleaning import CleanedRule, Cleaning, Outcome, Told, clean
from gasolinera.ops.cleaning_batches import Pace
from gasolinera.ops.cleaning_rules import Rule, hold, read_rules, release
from gasolinera.ops.reaching import Operations, ops_session, reachable_operations
from gasolinera.ops.runs import recorded_run
from vuelo import Project
from vuelo.cli.confirm import Yes, confirm

app = typer.Typer(help="Delete what has been kept for long enough, and show the rules for it.", no_args_is_help=True)

_NOT_DONE = 1

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Only = Annotated[list[str] | None, typer.Option("--service", "-s", help="Only this service; may be said again.")]
OnlyTable = Annotated[str | None, typer.Option("--table", "-t", help="Only the rules of this table.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what would go, and change nothing.")]
Rest = Annotated[float, typer.Option("--rest", min=0, max=100, help="Rests, as a multiple of a batch's time.")]
RuleName = Annotated[str, typer.Argument(metavar="RULE", help="A name of `gasolinera ops cleanup rules`.")]
Because = Annotated[str, typer.Option("--because", help="Which case or order: no names of persons.")]


@app.command("rules")
def rules_command(
    service: Only = None, table: OnlyTable = None, environment: Environment = None, *, as_json: AsJson = False
) -> None:
    """List how long what is kept, and why; what is held, and which job does the same on its own."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        rules = read_rules(conn, service or (), table)
    if as_json:
        write_json(rules)
        return
    shown = Table("Rule", "Table", "Kept", "Then", "Reason", "Also by", "What")
    for rule in rules:
        kept = "as its function says" if rule.keep is None else f"{rule.keep} after {rule.time_column}"
        then = rule.action.value.lower() + (" (off)" if not rule.is_enabled else "")
        what = rule.explanation if rule.held_because is None else f"HELD: {rule.held_because}"
        shown.add_row(rule.name, rule.table, kept, then, rule.reason.value.lower(), rule.job or "", what)
    _answer().print(shown)


@app.command("run")
def run_command(
    service: Only = None,
    table: OnlyTable = None,
    environment: Environment = None,
    rest: Rest = 1.0,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete, or make anonymous, what is older than its rule says: in small batches, with rests. Go on after a stop.

    Ends with 1 where a rule could not be followed.
    """
    with reachable_operations(environment) as operations:
        if not dry_run:
            confirm(_concerned(operations, service or []), yes=yes)
        with _progress() as told:
            cleaning = clean(
                operations,
                services=service or (),
                table=table,
                is_dry_run=dry_run,
                pace=Pace(rest=rest),
                told=None if dry_run else told,
            )
    if as_json:
        write_json(cleaning)
    else:
        _show(cleaning)
    if cleaning.is_bad:
        raise typer.Exit(_NOT_DONE)


@app.command("hold")
def hold_command(name: RuleName, because: Because, environment: Environment = None, *, as_json: AsJson = False) -> None:
    """Keep everything that a rule is about, whatever its age, until the hold is released."""
    with (
        reachable_operations(environment) as operations,
        ops_session(operations.ops_url) as conn,
        recorded_run(conn, "cleanup hold", name) as run,
    ):
        rule = hold(conn, name, because)
        run.result = {"because": rule.held_because}
    _tell(rule, as_json=as_json)


@app.command("release")
def release_command(name: RuleName, environment: Environment = None, *, as_json: AsJson = False) -> None:
    """End a hold: from the next run on the rule is followed again."""
    with (
        reachable_operations(environment) as operations,
        ops_session(operations.ops_url) as conn,
        recorded_run(conn, "cleanup release", name),
    ):
        rule = release(conn, name)
    _tell(rule, as_json=as_json)


def _concerned(operations: Operations, services: list[str]) -> Project:
    """The databases whose names are to be typed."""
    named = [name for name in services if name != operations_schema.ROLE]
    if services and not named:
        return operations_schema.operations_project(operations.ops_url)
    return operations.project.only(named) if named else operations.project


@contextmanager
def _progress() -> Generator[Told]:
    """A bar for each rule, on a terminal. How many rows there are is the planner's guess."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def told(rule: Rule, rows: int, expected: int | None) -> None:
            if rule.name not in tasks:
                tasks[rule.name] = progress.add_task(rule.name)
            total = None if expected is None else max(rows, expected)
            progress.update(tasks[rule.name], completed=rows, total=total)

        yield told


def _show(cleaning: Cleaning) -> None:
    shown = Table("Rule", "Table", "Before", "Rows", "Batches", "Longest", "Took", "Outcome")
    quiet = 0
    for rule in cleaning.rules:
        if rule.outcome in (Outcome.CLEANED, Outcome.COUNTED) and rule.rows == 0:
            quiet += 1
            continue
        shown.add_row(
            rule.name,
            rule.table,
            "" if rule.until is None else f"{rule.until:%Y-%m-%d %H:%M}",
            "?" if rule.rows is None else f"{rule.rows:,}",
            f"{rule.batches:,}",
            f"{1000 * rule.longest_batch_s:.0f} ms",
            f"{rule.seconds:.1f} s",
            _outcome(rule),
        )
    if shown.row_count:
        _answer().print(shown)
    did = "would go" if cleaning.is_dry_run else "gone, or made anonymous"
    sys.stdout.write(f"{cleaning.rows:,} rows {did}; {quiet} rules have nothing to do\n")


def _outcome(rule: CleanedRule) -> str:
    word = rule.outcome.value.lower().replace("_", " ")
    return word if rule.problem is None else f"{word}: {rule.problem}"


def _tell(rule: Rule, *, as_json: bool) -> None:
    if as_json:
        write_json(msgspec.to_builtins(rule))
    elif rule.held_because is None:
        sys.stdout.write(f"{rule.name} is followed again\n")
    elif rule.held_since is None:
        sys.stdout.write(f"{rule.name} is not followed: its table is on hold, {rule.held_because}\n")
    else:
        sys.stdout.write(f"{rule.name} is held since {rule.held_since:%Y-%m-%d %H:%M}: {rule.held_because}\n")


def _answer() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)
