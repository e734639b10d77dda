"""`gasolinera ops queries`: what statements cost, snapshots of that, and what became slower between two."""

import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.operations.live import Environment, Interval, Once, statement_table, watch
from gasolinera.ops.live import places_of
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.statement_counters import REASONS, Figures, StatementCounters, read_statements
from gasolinera.ops.statement_snapshots import (
    Comparison,
    Limits,
    compare_snapshots,
    list_snapshots,
    take_snapshots,
)

app = typer.Typer(help="What statements cost, and which became slower.", invoke_without_command=True)

_READ: Final = 500
_WIDTH_OF_FILES: Final = 140
_STATEMENT_SHOWN: Final = 200
_NOTHING_KEPT, _FOUND = 3, 1


class Order(StrEnum):
    TOTAL = "total"
    MEAN = "mean"
    CALLS = "calls"


OrderBy = Annotated[Order, typer.Option("--order", help="Which come first.")]
Shown = Annotated[int, typer.Option("--limit", min=1, max=_READ, help="How many of each database.")]
Note = Annotated[str | None, typer.Option("--note", help="Why it is taken, such as: before release 41.")]
KeepDays = Annotated[int, typer.Option("--keep-days", min=1, max=3650, help="Older ones are removed.")]
OfPlace = Annotated[str | None, typer.Option("--place", help="Which database, as `list` shows it.")]
Before = Annotated[int | None, typer.Argument(min=1, help="The older snapshot. Default: the one before AFTER.")]
After = Annotated[int | None, typer.Argument(min=1, help="The newer one. Default: the newest.")]
Factor = Annotated[float, typer.Option("--factor", min=1.0, help="How many times slower is told.")]
MinCalls = Annotated[int, typer.Option("--min-calls", min=1, help="Fewer calls between the two say nothing.")]
MinAdded = Annotated[float, typer.Option("--min-added-ms", min=0, help="Less of the server's time is not told.")]


@app.callback()
def show_command(
    context: typer.Context,
    *,
    order: OrderBy = Order.TOTAL,
    limit: Shown = 15,
    once: Once = False,
    interval: Interval = 5.0,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Show the statements that cost most since the server counts them. Values are left out."""
    if context.invoked_subcommand is not None:
        return
    with reachable_operations(environment) as operations:

        def look() -> list[StatementCounters]:
            return [_first(read_statements(one, limit=_READ), order, limit) for one in places_of(operations)]

        watch(look, _shown, once=once, interval=interval, as_json=as_json)


@app.command("snapshot")
def snapshot_command(
    *, note: Note = None, keep_days: KeepDays = 90, environment: Environment = None, as_json: AsJson = False
) -> None:
    """Keep what statements have cost so far, of each database that counts it. Exit 3 when none does."""
    with reachable_operations(environment) as operations:
        taken = take_snapshots(operations, note=note, keep_days=keep_days)
    if as_json:
        write_json(taken)
    else:
        for one in taken:
            if one.snapshot is None:
                sys.stdout.write(f"{one.place}: skipped, {REASONS.get(one.reason or '', one.reason)}\n")
            else:
                gone = f", {one.removed} old ones removed" if one.removed else ""
                sys.stdout.write(
                    f"{one.place}: snapshot {one.snapshot.id}, {one.snapshot.statements} statements{gone}\n"
                )
    if all(one.snapshot is None for one in taken):
        raise typer.Exit(_NOTHING_KEPT)


@app.command("list")
def list_command(*, place: OfPlace = None, environment: Environment = None, as_json: AsJson = False) -> None:
    """List the snapshots, the newest first."""
    with reachable_operations(environment) as operations:
        found = list_snapshots(operations, place=place)
    if as_json:
        write_json(found)
        return
    table = Table("id", "taken", "database", "statements", "counted since", "note", box=None)
    for one in found:
        since = f"{one.counted_since:%Y-%m-%d %H:%M}" if one.counted_since else ""
        note = escape(one.note or "")
        table.add_row(str(one.id), f"{one.taken_at:%Y-%m-%d %H:%M:%S}", one.place, str(one.statements), since, note)
    _console().print(table)


@app.command("compare")
def compare_command(
    before: Before = None,
    after: After = None,
    *,
    factor: Factor = 1.5,
    min_calls: MinCalls = 20,
    min_added_ms: MinAdded = 100.0,
    place: OfPlace = None,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Tell which statements became slower between two snapshots, or are new and costly. Exit 1 when there are any."""
    limits = Limits(factor=factor, calls=min_calls, added_ms=min_added_ms)
    with reachable_operations(environment) as operations:
        found = compare_snapshots(operations, before, after, place=place, limits=limits)
    if as_json:
        write_json(found)
    else:
        _tell(found)
    if found.regressions:
        raise typer.Exit(_FOUND)


def _tell(found: Comparison) -> None:
    console = _console()
    first, second = found.before, found.after
    console.print(
        f"{second.place}: snapshot {first.id} of {first.taken_at:%Y-%m-%d %H:%M:%S} with {second.id} of "
        f"{second.taken_at:%Y-%m-%d %H:%M:%S}, {found.compared} statements in both",
        highlight=False,
    )
    if found.was_reset:
        console.print("the server's counters were reset in between: the newer figures are those since then")
    if found.has_forgotten:
        console.print("the server has dropped rare statements in between: what looks new may be old")
    if not found.regressions:
        console.print("nothing became slower")
        return
    numbers = ("before", "after", "times", "calls", "added")
    table = statement_table("", *numbers, "role", right=numbers)
    for one in found.regressions:
        table.add_row(
            one.kind.value,
            "" if one.before_ms is None else f"{one.before_ms:,.2f} ms",
            f"{one.after_ms:,.2f} ms",
            "" if one.factor is None else f"{one.factor:.1f}",
            f"{one.calls:,}",
            f"{one.added_ms / 1000:,.1f} s",
            escape(one.role),
            escape(one.statement[:_STATEMENT_SHOWN]),
        )
    console.print(table)


def _first(found: StatementCounters, order: Order, limit: int) -> StatementCounters:
    chosen = sorted(found.statements, key=lambda one: _worth(one, order), reverse=True)[:limit]
    return StatementCounters(
        found.place, tuple(chosen), found.since, found.forgotten, found.server_version, found.reason
    )


def _worth(one: Figures, order: Order) -> float:
    return {Order.TOTAL: one.total_ms, Order.MEAN: one.mean_ms, Order.CALLS: float(one.calls)}[order]


def _shown(found: Sequence[StatementCounters]) -> RenderableType:
    parts: list[RenderableType] = []
    for one in found:
        since = f" since {one.since:%Y-%m-%d %H:%M}" if one.since else ""
        parts.append(Text(f"{one.place}{since}", style="bold"))
        if one.reason is not None:
            parts.append(Text(f"  skipped: {REASONS.get(one.reason, one.reason)}", style="yellow"))
        else:
            parts.append(_statements(one.statements))
    return Group(*parts)


def _statements(statements: Sequence[Figures]) -> Table:
    numbers = ("total", "calls", "mean", "rows", "cache")
    table = statement_table(*numbers, "role", right=numbers)
    for one in statements:
        blocks = one.blocks_hit + one.blocks_read
        table.add_row(
            f"{one.total_ms / 1000:,.1f} s",
            f"{one.calls:,}",
            f"{one.mean_ms:,.2f} ms",
            f"{one.rows:,}",
            f"{100 * one.blocks_hit / blocks:.0f} %" if blocks else "",
            escape(one.role),
            escape(one.statement[:_STATEMENT_SHOWN]),
        )
    return table


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
