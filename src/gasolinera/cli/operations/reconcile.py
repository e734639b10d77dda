"""`gasolinera ops reconcile`: the services held against each other."""

import sys
from itertools import groupby
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
from gasolinera.ops.reconciling_models import Reconciliation, Remedy
from gasolinera.ops.reconciling_plans import write_plan
from gasolinera.ops.reconciling_records import Kept, list_records

_SHOWN = 3
_WORDS = {
    Remedy.PLAN: "people decide, --plan says how",
    Remedy.LETTER: "a dead letter waits to be replayed",
    Remedy.EVENT: "an event repairs it, --repair delivers it",
    Remedy.WAIT: "a worker settles it",
}

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--service", "-s", help="One: what it takes part in. Several: only among these. Default: all.", metavar="NAME"
    ),
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
        chosen, about = _chosen(operations, service or [])
        done = reconcile(chosen, listeners(without or ()), about=about, is_repair=repair, grace_s=grace)
    if plan is not None:
        plan.write_text(write_plan(done), encoding="utf-8")
    if as_json:
        write_json(done)
    else:
        _show(done, plan)
    if done.open_findings or any(one.reason for one in done.compared):
        raise typer.Exit(1)


def _chosen(operations: Operations, names: list[str]) -> tuple[Operations, str | None]:
    """One service alone has nobody to be compared with: the others are its other sides. Raises VueloError
    `config.no_service`.
    """
    chosen = operations.project.only(names)
    one = chosen.services[0].name if names and len(chosen.services) == 1 else None
    return (Operations(chosen, operations.ops_url), None) if one is None else (operations, one)


def listeners(without: tuple[str, ...] | list[str] = ()) -> list[Listener]:
    """Every consumer of the platform, but for those that are to be told nothing."""
    return [
        Listener(part.name, consumer.key, consumer.types)
        for part in ALL_PARTS
        for consumer in part.consumers
        if consumer.key not in without
    ]


def _show(done: Reconciliation, plan: Path | None) -> None:
    """What agrees is only counted. Of each kind the first are told, what people must do before what settles itself."""
    apart = [one for one in done.compared if one.differences or one.reason]
    if apart:
        table = Table("Comparison", "Of", "Keys", "Differ")
        for one in apart:
            differ = f"not compared: {one.reason}" if one.reason else f"{one.differences:,}"
            table.add_row(one.name, f"{one.left}, {one.right}", f"{one.keys:,}", differ)
        Console(width=None if sys.stdout.isatty() else 140).print(table)
    keys = sum(one.keys for one in done.compared)
    sys.stdout.write(
        f"{len(done.compared) - len(apart)} of {len(done.compared)} comparisons agree, over {keys:,} keys\n"
    )
    for said in (said for one in done.compared for said in one.likely):
        sys.stdout.write(f"probably: {said}\n")
    order = list(_WORDS)
    found = sorted(done.findings, key=lambda one: (order.index(one.remedy), one.kind))
    for (remedy, kind), each in groupby(found, key=lambda one: (one.remedy, one.kind)):
        own = list(each)
        sys.stdout.write(f"\n{kind.replace('_', ' ')}, {len(own):,}: {_WORDS[remedy]}\n")
        sys.stdout.writelines(f"  {one.explanation}\n" for one in own[:_SHOWN])
        if len(own) > _SHOWN:
            sys.stdout.write(f"  and {len(own) - _SHOWN:,} more: --json lists them\n")
    if done.delivered:
        sys.stdout.write(f"\n{done.delivered:,} events delivered; compare again when the workers have had them\n")
    if plan is not None:
        sys.stdout.write(f"\nthe plan is in {plan}\n")


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
