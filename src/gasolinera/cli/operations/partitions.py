"""`gasolinera ops partitions`: look at the months of growing tables, keep them, make a plain table one by month."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from gasolinera.cli.data import AsJson, write_json
from gasolinera.cli.operations.archive import (
    Environment,
    Place,
    Service,
    chosen_services,
    show_problems,
    show_retired,
    show_table,
    table_of,
    tell,
)
from gasolinera.errors import UnknownError
from gasolinera.ops import partition_upkeep
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.partition_conversions import Conversion, read_conversion
from gasolinera.ops.partition_converting import ConversionResult, convert_table
from gasolinera.ops.partition_rules import hold_table, load_book, load_rules, release_table
from gasolinera.ops.partition_tables import standing_of
from gasolinera.ops.reaching import ops_session, owner_session, reachable_operations
from gasolinera.ops.runs import recorded_run
from vuelo.cli.confirm import Yes, confirm

app = typer.Typer(help="Months of growing tables: made ahead, taken away by rule, archived.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
OfService = Annotated[str, typer.Argument(metavar="SERVICE", help="The service that owns the table.")]
AnyTable = Annotated[str, typer.Argument(metavar="TABLE", help="A partitioned table, without its schema.")]
Because = Annotated[str, typer.Argument(help="Who asks for it, and for what.")]
TableName = Annotated[str, typer.Argument(help="A plain table of the service, without its schema.")]
Column = Annotated[str, typer.Option("--column", help="The moment or day that says a row's month.")]
Cutoff = Annotated[
    datetime | None,
    typer.Option(
        "--cutoff", formats=["%Y-%m-%d"], help="First day (UTC) of the month with which new partitions begin."
    ),
]
NoRetire = Annotated[bool, typer.Option("--no-retire", help="Only make and mend; take nothing away.")]


@app.command("status")
def status_command(service: Service = None, *, environment: Environment = None, as_json: AsJson = False) -> None:
    """Show until when each table has partitions, what is missing, half detached or due, and its rule."""
    with reachable_operations(environment) as operations:
        found = partition_upkeep.states(operations, chosen_services(operations, service))
    if as_json:
        write_json(found)
        return
    table = table_of("Table", "Parts", "Oldest", "Until", "Rows", "Size", "Rule", "Due")
    for one in found:
        table.add_row(
            one.table,
            str(one.partitions),
            "" if one.oldest is None else f"{one.oldest:%Y-%m-%d}",
            "" if one.until is None else f"{one.until:%Y-%m-%d}",
            f"{one.rows:,}",
            _size(one.size_bytes),
            one.action.lower() + ("" if one.keep_months is None else f" after {one.keep_months} months")
            + (", on hold" if one.legal_hold else ""),
            ", ".join(one.due),
        )  # fmt: skip
    show_table(table)
    for one in found:
        for alert in one.alerts:
            sys.stderr.write(f"alert: {one.table}: {alert}\n")


@app.command("maintain")
def maintain_command(
    service: Service = None,
    to: Place = None,
    *,
    no_retire: NoRetire = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Make partitions ahead, fill gaps, finish detaches, and take away what its rule says may go.

    Readers and writers wait for nothing. Exit 1 when something could not be done; the next run tries it again.
    """
    store = None if to is None else open_store(to)
    with reachable_operations(environment) as operations:
        services = chosen_services(operations, service)
        if dry_run:
            _show_plan(partition_upkeep.states(operations, services), as_json=as_json)
            return
        if not no_retire and any(one.due for one in partition_upkeep.states(operations, services)):
            confirm(operations.project.only(services), yes=yes)
        rounds = partition_upkeep.maintain(operations, services, store, is_retiring=not no_retire, tell=tell)
    if as_json:
        write_json(rounds)
    else:
        made = sum(len(one.made) for one in rounds)
        mended = sum(len(one.finished_detaches) + len(one.ended_conversions) for one in rounds)
        sys.stdout.write(f"{made} partitions made, {mended} half-done things finished\n")
        show_retired(rounds)
    show_problems(rounds)


@app.command("rules")
def rules_command(*, environment: Environment = None, as_json: AsJson = False) -> None:
    """List how far ahead partitions are made, for how long they are kept, and why. The closest that matches counts."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        found = load_rules(ops)
    if as_json:
        write_json(found)
        return
    table = table_of("Service", "Table", "Ahead", "Kept", "Then", "Why", "On hold for")
    for one in found:
        kept = "" if one.keep_months is None else f"{one.keep_months} months"
        table.add_row(
            one.service,
            one.table_pattern,
            f"{one.months_ahead} months",
            kept,
            one.action.lower(),
            one.why,
            one.legal_hold or "",
        )
    show_table(table)


@app.command("hold")
def hold_command(service: OfService, table: AnyTable, because: Because, *, environment: Environment = None) -> None:
    """Take nothing of a table away until it is released: a court or an auditor wants it all."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        chosen_services(operations, service)
        owner = operations.service(service)
        with owner_session(owner) as conn:
            if standing_of(conn, owner.schema, table) is None:
                raise UnknownError("ops.no_table", f"there is no table {owner.schema}.{table}: nothing is on hold")
        with recorded_run(ops, "partitions hold", f"{service} {table}") as run:
            run.result = {"because": hold_table(ops, service, table, because).legal_hold}
    sys.stdout.write(f"{table} of {service} is on hold\n")


@app.command("release")
def release_command(service: OfService, table: AnyTable, *, environment: Environment = None) -> None:
    """End a hold: its rule counts again."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as ops:
        chosen_services(operations, service)
        with recorded_run(ops, "partitions release", f"{service} {table}"):
            rule = release_table(ops, service, table)
        still = load_book(ops).of(service, table).legal_hold
    held = "" if still is None else f"; but a retention rule of it is on hold: {still}"
    sys.stdout.write(f"{table} of {service}: {rule.action.lower()}, {rule.why}{held}\n")


@app.command("convert")
def convert_command(
    service: OfService,
    table: TableName,
    column: Column,
    *,
    cutoff: Cutoff = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    environment: Environment = None,
    as_json: AsJson = False,
) -> None:
    """Make a live plain table one that is partitioned by month; its writers wait for less than 200 ms.

    What it had becomes the first partition. Always shows what depends on the table first; refuses what it cannot carry.
    """
    with reachable_operations(environment) as operations:
        plan = read_conversion(operations, service, table, column, cutoff)
        if not as_json:
            _show_conversion(plan)
        if dry_run or plan.refusals:
            if as_json:
                write_json(plan)
            if plan.refusals:
                raise typer.Exit(1)
            return
        confirm(operations.project.only([service]), yes=yes)
        result = convert_table(operations, plan, tell=tell)
    if as_json:
        write_json(result)
    else:
        _show_converted(result)


def _show_plan(found: list[partition_upkeep.TableState], *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    for one in found:
        for month in one.missing:
            sys.stdout.write(f"{one.table}: make {month}\n")
        for name in one.pending:
            sys.stdout.write(f"{one.table}: finish the detach of {name}\n")
        for name in one.due:
            sys.stdout.write(f"{one.table}: {one.action.lower()} {name} ({one.reason})\n")


def _show_conversion(plan: Conversion) -> None:
    sys.stdout.write(f"{plan.schema}.{plan.table} by month of {plan.column}, from {plan.cutoff:%Y-%m-%d} on\n")
    for line in plan.carried:
        sys.stdout.write(f"  carried over: {line}\n")
    for line in plan.warnings:
        sys.stdout.write(f"  note: {line}\n")
    for line in plan.refusals:
        sys.stderr.write(f"  refused: {line}\n")


def _show_converted(result: ConversionResult) -> None:
    first = result.first_partition
    sys.stdout.write(f"{result.table} is partitioned; what it had is {first}. Locked for {result.locked_ms:.0f} ms\n")


def _size(size_bytes: int) -> str:
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"
