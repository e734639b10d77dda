"""`gasolinera ops restore`: a service, or some of its rows, from a backup."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.errors import InputError
from gasolinera.ops.dump_archives import Archive, find_logical, opened_archive
from gasolinera.ops.encryption import IDENTITY_SETTING, chosen_identities, read_identities
from gasolinera.ops.reaching import Operations, ops_session, reachable_operations
from gasolinera.ops.restoring import (
    Restored,
    RestorePlan,
    drop_database,
    make_database,
    plan_restore,
    restore_elsewhere,
    restore_in_place,
)
from gasolinera.ops.safety_backups import back_up_first
from vuelo.cli.confirm import Yes, confirm

app = typer.Typer(help="Bring back a service, selected rows, or a whole server.", no_args_is_help=True)
talk = Console(stderr=True)

_FAILED = 1
_BACKED_UP = "what is there now is backed up first"
_GONE = "what is there now is NOT backed up first: it is gone for good"

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Name = Annotated[str, typer.Argument(metavar="SERVICE", help="auth, station, coupon, redemption, ads or raffle.")]
From = Annotated[
    str | None, typer.Option("--from", help="A label of `ops backup list`, or a backup's folder; else the newest.")
]
Identity = Annotated[
    Path | None, typer.Option("--identity", help=f"The file with the key; {IDENTITY_SETTING} otherwise.")
]
DatabaseName = Annotated[
    str | None, typer.Option("--database", help="Into this database of the same server, made where it is missing.")
]
Target = Annotated[
    str | None, typer.Option("--to", help="Into the database at this address, which has no such schema.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=32, help="Connections that write at once, not in place.")]
KeepOld = Annotated[bool, typer.Option("--keep-old", help="In place: rename the old schema instead of dropping it.")]
LockTimeout = Annotated[float, typer.Option("--lock-timeout", min=0.1, help="Seconds to wait for who uses it.")]
NoAnalyze = Annotated[bool, typer.Option("--no-analyze", help="Leave the statistics to autovacuum.")]
NoBackup = Annotated[bool, typer.Option("--no-backup", help="In place: do not back up first what is there now.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be replaced, and change nothing.")]


@app.command("service")
def service_command(  # noqa: PLR0913  a command's options are its arguments
    name: Name,
    source: From = None,
    database: DatabaseName = None,
    to: Target = None,
    environment: Environment = None,
    identity: Identity = None,
    *,
    jobs: Jobs = 2,
    keep_old: KeepOld = False,
    lock_timeout: LockTimeout = 10,
    no_analyze: NoAnalyze = False,
    no_backup: NoBackup = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring a service back: in place, all or nothing, or into another database. First look with --dry-run. In place,
    what is there now is backed up before.
    """
    if database is not None and to is not None:
        raise InputError("ops.two_targets", "--database and --to exclude each other")
    with reachable_operations(environment) as operations:
        archive = open_archive_of(operations, name, source, identity)
        plan = plan_restore(operations, name, archive)
        is_in_place = database is None and to is None
        way_back = _way_back(plan, keep_old=keep_old, no_backup=no_backup) if is_in_place else None
        if dry_run:
            write_json(plan) if as_json else _show_plan(plan, way_back)
            return
        if is_in_place:
            _say(plan)
            _say_lost(plan, way_back)
            confirm(operations.project.only([name]), yes=yes)
            if way_back == _BACKED_UP:
                _back_up(operations, name)
            with talk.status(f"restoring {name}"):
                restored = restore_in_place(
                    operations, name, archive, keep_old=keep_old, lock_timeout_s=lock_timeout, analyze=not no_analyze
                )
        else:
            restored = _elsewhere(operations, name, archive, database, to, jobs=jobs, analyze=not no_analyze)
    if as_json:
        write_json(restored)
    else:
        _tell(restored)
    if restored.problems:
        raise typer.Exit(_FAILED)


def open_archive_of(operations: Operations, name: str, source: str | None, identity: Path | None) -> Archive:
    """The backup that is named, or the newest with the service, its files checked against its manifest."""
    with ops_session(operations.ops_url) as conn:
        folder, digest = find_logical(conn, name, source)
    identities = chosen_identities() if identity is None else read_identities(identity)
    with talk.status("reading the backup"):
        return opened_archive(folder, identities, manifest_sha256=digest)


def _elsewhere(
    operations: Operations,
    name: str,
    archive: Archive,
    database: str | None,
    to: str | None,
    *,
    jobs: int,
    analyze: bool,
) -> Restored:
    live = operations.service(name)
    url, is_new = (to or "", False) if database is None else make_database(live.url, database)
    project = replace(operations.project.only([name]), services=(replace(live, url=url),))
    try:
        with talk.status(f"restoring {name}"):
            return restore_elsewhere(project, [name], archive, url, jobs=jobs, analyze=analyze)[0]
    except BaseException:
        if is_new and database is not None:
            drop_database(live.url, database)
        raise


def _say(plan: RestorePlan) -> None:
    at = f"{plan.consistent_at:%Y-%m-%d %H:%M:%S} UTC"
    talk.print(
        f"{plan.schema} in {plan.database} (version {plan.version_now or 'none'}) becomes what it was at {at} "
        f"(version {plan.version_in_backup or 'none'}), from {plan.backup}",
        highlight=False,
        soft_wrap=True,
    )


def _way_back(plan: RestorePlan, *, keep_old: bool, no_backup: bool) -> str | None:
    """None: there is nothing yet to go back to."""
    if all(one.now is None for one in plan.tables):
        return None
    if keep_old:
        return "what is there now keeps its rows under another name, so no backup is made first"
    return _GONE if no_backup else _BACKED_UP


def _back_up(operations: Operations, name: str) -> None:
    with talk.status(f"backing up {name} as it is now"):
        label = back_up_first(operations, [name])
    command = f"gasolinera ops restore service {name} --from {label}"
    talk.print(f"the way back is {label}: {command}", highlight=False, soft_wrap=True)


def _say_lost(plan: RestorePlan, way_back: str | None) -> None:
    """What the backup does not have at all."""
    gone = [f"{one.name} ({one.now:,} rows)" for one in plan.tables if one.in_backup is None and one.now is not None]
    if gone:
        talk.print(f"dropped, and not in the backup: {', '.join(gone)}", highlight=False, soft_wrap=True)
    if plan.closed:
        names = ", ".join(plan.closed)
        talk.print(f"dropped with the schema, made by somebody else: {names}", highlight=False, soft_wrap=True)
    if way_back is not None:
        talk.print(way_back, highlight=False, soft_wrap=True)


def _show_plan(plan: RestorePlan, way_back: str | None) -> None:
    _say(plan)
    table = Table("Table", "Rows now", "Rows in the backup", "Difference")
    for one in plan.tables:
        change = "" if one.now == one.in_backup else f"{(one.in_backup or 0) - (one.now or 0):+,}"
        table.add_row(one.name, _rows(one.now), _rows(one.in_backup), change)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    _say_lost(plan, way_back)
    if plan.dependents:
        talk.print(f"in the way, outside the schema: {', '.join(plan.dependents)}", highlight=False)


def _rows(count: int | None) -> str:
    return "not there" if count is None else f"{count:,}"


def _tell(restored: Restored) -> None:
    at = f"{restored.consistent_at:%Y-%m-%d %H:%M:%S} UTC"
    sys.stdout.write(
        f"{restored.service} in {restored.database}: version {restored.version or 'none'}, {restored.rows:,} rows, "
        f"as at {at}\n"
    )
    if restored.kept_as:
        talk.print(f"the old schema is {restored.kept_as}", highlight=False)
    if restored.pending:
        talk.print(f"newer than the backup, to be migrated: {', '.join(restored.pending)}", highlight=False)
    for problem in restored.problems:
        talk.print(f"[bold red]problem:[/] {problem}", highlight=False)
