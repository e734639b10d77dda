"""`gasolinera ops maintenance`: vacuums, broken and bloated indexes, views; and which indexes are worth a thought."""

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops.maintaining import Cost, DoneTask, Maintenance, Outcome, maintain, parsed_window
from gasolinera.ops.maintaining_plans import Kind, Limits, Task
from gasolinera.ops.maintaining_report import Evidence, IndexReport, report_indexes
from gasolinera.ops.reaching import reachable_operations

app = typer.Typer(help="Keep tables, indexes and views in good order, within a window.", no_args_is_help=True)

_NOT_DONE = 1
_MEGABYTE = 1024 * 1024
_WORDS = {
    "invalid_indexes": "broken",
    "unused_indexes": "unused",
    "duplicate_indexes": "there twice",
    "missing_indexes": "missing",
    "unindexed_foreign_keys": "reference without index",
    "statistics_young": "the statistics are too young to tell",
    "privilege": "the role may not see it",
    "timeout": "it takes too long",
}

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Only = Annotated[list[str] | None, typer.Option("--service", "-s", help="Only this service; may be said again.")]
Kinds = Annotated[
    list[Kind] | None, typer.Option("--only", case_sensitive=False, help="Only this kind of work; may be said again.")
]
Within = Annotated[
    str | None, typer.Option("--window", help='When it may work: "02:00-04:30 America/Mexico_City", "Sun …".')
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and why.")]
CostLimit = Annotated[int, typer.Option("--cost-limit", min=1, max=10_000, help="Work of a vacuum between two rests.")]
CostDelay = Annotated[float, typer.Option("--cost-delay-ms", min=0, max=100, help="How long a vacuum rests.")]
Bloat = Annotated[float, typer.Option("--bloat", min=0.1, max=0.95, help="Empty share from which an index is anew.")]
Least = Annotated[int, typer.Option("--least-mb", min=1, help="Indexes smaller than this are left alone.")]


@app.command("run")
def run_command(  # noqa: PLR0913  each is an option
    service: Only = None,
    only: Kinds = None,
    window: Within = None,
    environment: Environment = None,
    cost_limit: CostLimit = 400,
    cost_delay_ms: CostDelay = 2.0,
    bloat: Bloat = 0.4,
    least_mb: Least = 10,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Do what is worth it by now, beside readers and writers. Ctrl-C stops it in good order."""
    open_when = None if window is None else parsed_window(window)
    with reachable_operations(environment) as operations:
        console = Console(stderr=True)
        with console.status("looking", spinner="line") as status:

            def told(name: str, task: Task) -> None:
                status.update(f"{name}: {task.kind.value.lower().replace('_', ' ')} {task.object}")

            maintenance = maintain(
                operations,
                services=service or (),
                kinds=only or (),
                window=open_when,
                limits=Limits(bloat=bloat, least_bytes=least_mb * _MEGABYTE),
                cost=Cost(cost_limit, cost_delay_ms),
                is_dry_run=dry_run,
                told=told,
            )
    if as_json:
        write_json(maintenance)
    else:
        _show(maintenance)
    if maintenance.is_bad:
        raise typer.Exit(_NOT_DONE)


@app.command("report")
def report_command(service: Only = None, environment: Environment = None, *, as_json: AsJson = False) -> None:
    """List indexes that are unused, there twice, broken or missing, with the evidence. Changes nothing."""
    with reachable_operations(environment) as operations:
        report = report_indexes(operations, service or ())
    if as_json:
        write_json(report)
        return
    _show_report(report)


def _show(maintenance: Maintenance) -> None:
    if maintenance.opens_at is not None:
        sys.stdout.write(f"the window opens at {maintenance.opens_at:%Y-%m-%d %H:%M %Z}; nothing was done\n")
        return
    if maintenance.tasks:
        shown = Table("Service", "What", "Object", "Took", "Freed", "Outcome", "Why")
        for task in maintenance.tasks:
            shown.add_row(
                task.service,
                task.kind.value.lower().replace("_", " "),
                task.object,
                f"{task.seconds:.1f} s" if task.outcome is Outcome.DONE else "",
                _size(task.freed) if task.freed else "",
                _outcome(task),
                task.why,
            )
        _answer().print(shown)
    late = "; the window closed before everything was done" if maintenance.ended_early else ""
    did = "are to be done" if maintenance.is_dry_run else "done or looked at"
    sys.stdout.write(f"{len(maintenance.tasks)} tasks {did}; {_size(maintenance.freed)} freed{late}\n")


def _show_report(report: IndexReport) -> None:
    if report.lines:
        shown = Table("What", "Object", "Evidence")
        for line in report.lines:
            shown.add_row(_WORDS[line.question], line.object, _evidence(line.evidence))
        _answer().print(shown)
    else:
        sys.stdout.write("nothing was found\n")
    for one in report.unanswered:
        reason = _WORDS.get(one.reason, one.reason)
        sys.stdout.write(f"{one.service}, {_WORDS[one.question]}: not answered, {reason}\n")
    oldest = max(report.since.values())
    sys.stdout.write(f"statistics begin at {oldest:%Y-%m-%d %H:%M} UTC or before\n")
    if report.standbys:
        sys.stdout.write(f"{report.standbys} standbys read too: an index that is unused here may be needed there\n")


def _evidence(found: Evidence) -> str:
    if found.definition is not None:
        last = f", the last at {found.last_scan}" if found.last_scan else ""
        twin = f"; the same as {found.twin}" if found.twin else ""
        return f"{_size(found.bytes or 0)}, read {found.scans} times{last}{twin}; {found.definition}"
    if found.whole_reads is not None:
        return (
            f"{found.rows} rows, read as a whole {found.whole_reads} times ({found.rows_read} rows), "
            f"by an index {found.index_reads} times"
        )
    return ""


def _outcome(task: DoneTask) -> str:
    word = task.outcome.value.lower()
    return word if task.problem is None else f"{word}: {task.problem}"


def _size(count: int) -> str:
    return f"{count / _MEGABYTE:,.1f} MB"


def _answer() -> Console:
    return Console(width=None if sys.stdout.isatty() else 160)
