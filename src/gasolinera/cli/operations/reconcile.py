"""`gasolinera ops reconcile`: the services held against each other."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.app import ALL_PARTS
from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops.reaching import Operations, ops_session, reachable_operations
from gasolinera.ops.reconciling import GRACE_S, reconcile
from gasolinera.ops.reconciling_heard import Listener
from gasolinera.ops.reconciling_models import Finding, Reconciliation, Remedy
from gasolinera.ops.reconciling_plans import write_plan
from gasolinera.ops.reconciling_records import Kept, list_records

_SHOWN = 20
_WORDS = {
    Remedy.EVENT: "an event repairs it: --repair",
    Remedy.WAIT: "a worker settles it",
    Remedy.LETTER: "a dead letter",
    Remedy.PLAN: "people decide: --plan",
}

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Only = Annotated[
    list[str] | None, typer.Option("--service", "-s", help="Only among these services. Default: all.", metavar="NAME")
]
Repair = Annotated[bool, typer.Option("--repair", help="Deliver what events repair. Default: only look.")]
Grace = Annotated[int, typer.Option("--grace", min=0, help="Leave alone what changed in the last so many seconds.")]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", help="A listener that is told nothing, as `notify`: nobody is notified late."),
]
Plan = Annotated[Path | None, typer.Option("--plan", help="Write what people have to do into this file (Markdown).")]
History = Annotated[int, typer.Option("--history", min=0, max=1000, help="Only list so many runs of the past.")]


def reconcile_command(
    *,
    repair: Repair = False,
    service: Only = None,
    grace: Grace = GRACE_S,
    without: Without = None,
    plan: Plan = None,
    history: History = 0,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Hold the services against each other after a partial restore or a lost event; say what differs, why, and what to
    do. Looks only, unless told to --repair. Exit 1 when something is open.
    """
    with reachable_operations(environment) as operations:
        if history:
            _show_history(operations, history, as_json=as_json)
            return
        chosen = Operations(operations.project.only(service or []), operations.ops_url)
        done = reconcile(chosen, listeners(without or ()), is_repair=repair, grace_s=grace)
    if plan is not None:
        plan.write_text(write_plan(done), encoding="utf-8")
    if as_json:
        write_json(done)
    else:
        _show(done, plan)
    if done.open_findings or any(one.reason for one in done.compared):
        raise typer.Exit(1)


def listeners(without: tuple[str, ...] | list[str] = ()) -> list[Listener]:
    """Every consumer of the platform, but for those that are to be told nothing."""
    return [
        Listener(part.name, consumer.key, consumer.types)
        for part in ALL_PARTS
        for consumer in part.consumers
        if consumer.key not in without
    ]


def _show(done: Reconciliation, plan: Path | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("Comparison", "Of", "Keys", "Differ", "Remedy")
    for one in done.compared:
        own = [found for found in done.findings if found.comparison == one.name and _is_of(found, one.left, one.right)]
        remedies = ", ".join(sorted({_WORDS[found.remedy] for found in own}))
        table.add_row(
            one.name,
            f"{one.left}, {one.right}",
            f"{one.keys:,}",
            "not compared" if one.reason else f"{one.differences:,}",
            one.reason or remedies,
        )
    console.print(table)
    for said in (said for one in done.compared for said in one.likely):
        sys.stdout.write(f"probably: {said}\n")
    for found in done.findings[:_SHOWN]:
        sys.stdout.write(f"{found.remedy}: {found.explanation}\n")
    hidden = sum(one.differences for one in done.compared) - min(len(done.findings), _SHOWN)
    if hidden:
        sys.stdout.write(f"and {hidden:,} more: --json lists them\n")
    if done.delivered:
        sys.stdout.write(f"{done.delivered:,} events delivered; compare again when the workers have had them\n")
    if plan is not None:
        sys.stdout.write(f"the plan is in {plan}\n")
    if not done.findings and not any(one.reason for one in done.compared):
        sys.stdout.write("the services say the same\n")


def _is_of(found: Finding, left: str, right: str) -> bool:
    """Comparisons of one publisher with several services bear one name."""
    return found.lacking in (left, right)


def _show_history(operations: Operations, limit: int, *, as_json: bool) -> None:
    with ops_session(operations.ops_url) as conn:
        kept = list_records(conn, limit)
    if as_json:
        write_json(kept)
        return
    table = Table("Started", "Did", "Keys", "Differ", "Of these waiting", "Events delivered")
    for one in kept:
        table.add_row(f"{one.started_at:%Y-%m-%d %H:%M:%S}", *_told(one))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def _told(one: Kept) -> tuple[str, str, str, str, str]:
    did = "repaired" if one.is_repair else "looked"
    ended = did if one.finished_at is not None else f"{did}, and never ended"
    return ended, f"{one.compared:,}", f"{one.found:,}", f"{one.waiting:,}", f"{one.delivered:,}"
