"""`gasolinera ops restore pitr` and `ops backup test`: a whole server at a moment of its past, to use or to look at."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.errors import InputError
from gasolinera.ops import backup_files
from gasolinera.ops.backup_testing import BackupTest, Trying, try_backup
from gasolinera.ops.encryption import IDENTITY_SETTING, chosen_identities, read_identities
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.recovery import Recovered, place_blockers, restore
from gasolinera.ops.recovery_planning import RecoveryPlan, Target, plan_recovery, time_target
from gasolinera.ops.wal_archive import lsn_text, parse_lsn

_MEGABYTE = 1024 * 1024
_NOT_DONE = 1

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help=f"Where backups lie; {backup_files.FOLDER_SETTING} otherwise.")
]
Into = Annotated[Path | None, typer.Option("--into", help="The new data folder, which must not exist yet.")]
ToTime = Annotated[str | None, typer.Option("--to-time", help="With its zone: 2026-11-23T14:30:00Z.")]
ToLsn = Annotated[str | None, typer.Option("--to-lsn", help="A position in the log: 0/3000148.")]
ToXid = Annotated[int | None, typer.Option("--to-xid", min=3, help="The number of a transaction.")]
ToName = Annotated[str | None, typer.Option("--to-name", help="A restore point, set by `ops restore-point`.")]
ToLatest = Annotated[bool, typer.Option("--to-latest", help="As far as the log goes.")]
Before = Annotated[bool, typer.Option("--before", help="Just before the time, position or transaction.")]
Timeline = Annotated[int | None, typer.Option("--timeline", min=1, help="After restores: which line of history.")]
Label = Annotated[str | None, typer.Option("--backup", help="Begin with this backup, not with the best.")]
System = Annotated[str | None, typer.Option("--system", help="Whose backups, where there are several servers'.")]
MoreWal = Annotated[
    list[Path] | None, typer.Option("--more-wal", help="Another folder with the log: a dead server's pg_wal, say.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be reached, and change nothing.")]
Identity = Annotated[
    Path | None, typer.Option("--identity", help=f"The file with the key; {IDENTITY_SETTING} otherwise.")
]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not verify the backup first.")]
Scratch = Annotated[Path | None, typer.Option("--scratch", help="Where the restored server may lie meanwhile.")]
Tolerance = Annotated[
    float, typer.Option("--tolerance", min=0, max=1, help="Which share of a table's rows may differ by now.")
]
NoData = Annotated[bool, typer.Option("--no-data-checks", help="Do not look for orphans and wrong totals.")]


class PitrAnswer(msgspec.Struct, frozen=True):
    """`restored` None: a dry run."""

    plan: RecoveryPlan
    restored: Recovered | None


def pitr(  # noqa: PLR0913, PLR0917  a command's options are its arguments
    into: Into = None,
    to_time: ToTime = None,
    to_lsn: ToLsn = None,
    to_xid: ToXid = None,
    to_name: ToName = None,
    timeline: Timeline = None,
    folder: Folder = None,
    label: Label = None,
    system: System = None,
    more_wal: MoreWal = None,
    identity: Identity = None,
    *,
    to_latest: ToLatest = False,
    before: Before = False,
    dry_run: DryRun = False,
    no_verify: NoVerify = False,
    as_json: AsJson = False,
) -> None:
    """Bring a whole server back to a moment, into a new folder. Needs the backups alone: no database, no catalogue."""
    chosen = _target(to_time, to_lsn, to_xid, to_name, to_latest=to_latest, before=before, timeline=timeline)
    if into is None and not dry_run:
        raise InputError("ops.no_place", "nothing says where the restored server shall lie", "--into, or --dry-run")
    root = (folder or backup_files.chosen_folder()).absolute()
    identities = chosen_identities() if identity is None else read_identities(identity)
    plan = plan_recovery(
        root, chosen, system_identifier=system, label=label, more_wal=more_wal or (), identities=identities
    )
    if into is not None:
        plan = msgspec.structs.replace(plan, blockers=(*plan.blockers, *place_blockers(plan, into)))
    talk = Console(stderr=True)
    if not as_json:
        _tell_plan(plan, talk)
    restored = None
    if into is not None and not dry_run:
        plan.require()
        with talk.status("restoring") as status:
            restored = restore(
                plan,
                into,
                verify=not no_verify,
                identities=identities,
                progress=lambda name: status.update(f"replaying {name}"),
            )
    if as_json:
        write_json(PitrAnswer(plan, restored))
    elif restored is not None:
        _tell_restored(restored)
    if plan.blockers:
        raise typer.Exit(_NOT_DONE)


def _target(
    to_time: str | None,
    to_lsn: str | None,
    to_xid: int | None,
    to_name: str | None,
    *,
    to_latest: bool,
    before: bool,
    timeline: int | None,
) -> Target:
    said = [one for one in (to_time, to_lsn, to_xid, to_name, to_latest or None) if one is not None]
    if len(said) != 1:
        hint = "exactly one of --to-time, --to-lsn, --to-xid, --to-name, --to-latest"
        raise InputError("ops.target", f"{len(said)} targets are named", hint)
    if before and (to_latest or to_name is not None):
        raise InputError("ops.target", "--before goes with a time, a position or a transaction")
    if to_time is not None:
        try:
            at = datetime.fromisoformat(to_time)
        except ValueError:
            raise InputError("ops.time", f"{to_time!r} is no time", "such as 2026-11-23T14:30:00Z") from None
        return time_target(at, inclusive=not before, timeline=timeline)
    if to_lsn is not None:
        parse_lsn(to_lsn)
        return Target(kind="lsn", value=to_lsn, inclusive=not before, timeline=timeline)
    if to_xid is not None:
        return Target(kind="xid", value=str(to_xid), inclusive=not before, timeline=timeline)
    if to_name is not None:
        return Target(kind="name", value=to_name, timeline=timeline)
    return Target(kind="latest", timeline=timeline)


def _tell_plan(plan: RecoveryPlan, talk: Console) -> None:
    shown = Table(show_header=False, box=None)
    shown.add_row("backup", " + ".join(f"{one.label} ({one.size_bytes / _MEGABYTE:.0f} MiB)" for one in plan.chain))
    shown.add_row("log", f"{plan.first_segment} … {plan.last_segment or 'none'} on timeline {plan.timeline}")
    if plan.missing:
        shown.add_row("missing", ", ".join(plan.missing[:5]) + (" …" if len(plan.missing) > 5 else ""))
    last = "the end of the backup" if plan.reached_at is None else f"{plan.reached_at:%Y-%m-%d %H:%M:%S.%f%z}"
    shown.add_row("reaches", last + (f", at {plan.reached_lsn}" if plan.reached_lsn else ""))
    if plan.stops_at is not None:
        stop = plan.stops_at
        at = "" if stop.at is None else f" of {stop.at:%H:%M:%S.%f}"
        what = f"restore point {stop.name}" if stop.name else f"{stop.kind.lower()} of transaction {stop.xid}{at}"
        shown.add_row("stops at", f"{what}, at {lsn_text(stop.lsn)}")
    talk.print(shown)
    for blocker in plan.blockers:
        talk.print(f"cannot: {blocker.message}", style="red", highlight=False)
        if blocker.hint:
            talk.print(f"  {blocker.hint}", highlight=False)


def _tell_restored(done: Recovered) -> None:
    reached = "the end of the backup" if done.reached_at is None else f"{done.reached_at:%Y-%m-%d %H:%M:%S.%f%z}"
    sys.stdout.write(
        f"restored to {reached} in {done.took_s:.1f} s, on timeline {done.timeline}: {done.data}\n"
        f"databases: {', '.join(done.databases)}\n\nto put it in the old server's place:\n"
    )
    for number, step in enumerate(done.steps, start=1):
        sys.stdout.write(f"  {number}. {step}\n")


def try_command(
    label: Label = None,
    scratch: Scratch = None,
    tolerance: Tolerance = 0.05,
    environment: Environment = None,
    *,
    no_data_checks: NoData = False,
    as_json: AsJson = False,
) -> None:
    """Restore the newest backup to a scratch server, look at it, and say what a disaster now would cost."""
    options = Trying(
        label=label, scratch=scratch, tolerance=tolerance, with_data_checks=not no_data_checks
    )  # fmt: skip
    talk = Console(stderr=True)
    with reachable_operations(environment) as operations, talk.status("choosing a backup") as status:
        result = try_backup(operations, options, (lambda _: None) if as_json else status.update)
    if as_json:
        write_json(result)
    else:
        _tell_test(result)
    if not result.succeeded:
        raise typer.Exit(_NOT_DONE)


def _tell_test(result: BackupTest) -> None:
    if result.services:
        shown = Table("Service", "Version", "Tables", "Rows", "Problems")
        for one in result.services:
            problems = "; ".join(one.problems) or "none"
            shown.add_row(one.service, one.version or "none", str(one.tables), str(one.rows), problems)
        Console(width=None if sys.stdout.isatty() else 140).print(shown)
    for said in (*result.findings, *result.notes):
        sys.stdout.write(f"note: {said}\n")
    if result.error is not None:
        sys.stdout.write(f"{result.label} could not be restored: {result.error}\n")
        return
    word = "is good" if result.succeeded else "IS NOT GOOD"
    point = "unknown" if result.recovery_point is None else f"{result.recovery_point:%Y-%m-%d %H:%M:%S%z}"
    sys.stdout.write(
        f"{result.label} {word}: back at {point} within {result.recovery_s or 0:.1f} s, "
        f"{result.lost_s or 0:.0f} s before the test began\n"
    )
