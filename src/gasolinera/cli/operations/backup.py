"""`gasolinera ops backup`: copies of schemas and services, the catalogue, whether copies are whole, which may go."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.catalogue import Backup, Kind, Retention
from gasolinera.ops.dump_archives import Verification
from gasolinera.ops.dumping import MadeBackup, Wanted, back_up
from gasolinera.ops.encryption import chosen_encryption, chosen_identities, make_identity
from gasolinera.ops.expiring import Expired, expire_backups
from gasolinera.ops.reaching import ops_session, reachable_operations

app = typer.Typer(help="Make backups, list them, verify them, remove old ones.", no_args_is_help=True)
talk = Console(stderr=True)

_FAILED = 1

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Services = Annotated[list[str] | None, typer.Argument(metavar="[SERVICE]...", help="All six without any.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help=f"Where backups lie; {backup_files.FOLDER_SETTING} otherwise.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=32, help="Connections that read at once.")]
Plain = Annotated[bool, typer.Option("--plain", help="Not encrypted, though recipients are named.")]
Labels = Annotated[list[str] | None, typer.Argument(metavar="[LABEL]...", help="All that are there without any.")]
OnlyKind = Annotated[Kind | None, typer.Option("--kind", case_sensitive=False, help="Only these.")]
OnlyService = Annotated[str | None, typer.Option("--service", "-s", help="Only those that have this service.")]
Removed = Annotated[bool, typer.Option("--removed", help="Those that were removed, too.")]
Keep = Annotated[int, typer.Option("--keep", min=1, help="So many of each sort stay, however old.")]
Days = Annotated[int, typer.Option("--days", min=0, help="What is younger stays, however many there are.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")]
KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A new file, for the secret half.")]


class ListedBackup(msgspec.Struct, frozen=True):
    label: str
    kind: Kind
    services: tuple[str, ...]
    started_at: datetime
    took_s: float | None
    size_bytes: int | None
    state: str
    encryption: str | None
    location: str
    builds_on: str | None
    error: str | None


@app.command("schema")
def schema_command(
    services: Services = None,
    folder: Folder = None,
    environment: Environment = None,
    *,
    plain: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Write the schemas as SQL, the same text as long as the schema is the same."""
    _make(Kind.SCHEMA, services, folder, environment, jobs=2, plain=plain, as_json=as_json)


@app.command("service")
def service_command(
    services: Services = None,
    folder: Folder = None,
    environment: Environment = None,
    *,
    jobs: Jobs = 2,
    plain: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Copy everything of services, of one moment where they share a database."""
    _make(Kind.SERVICE, services, folder, environment, jobs=jobs, plain=plain, as_json=as_json)


def _make(
    kind: Kind,
    services: Sequence[str] | None,
    folder: Path | None,
    environment: str | None,
    *,
    jobs: int,
    plain: bool,
    as_json: bool,
) -> None:
    encryption = None if plain else chosen_encryption()
    with reachable_operations(environment) as operations:
        names = tuple(services or (one.name for one in operations.project.services))
        wanted = Wanted(
            kind=kind, services=names, folder=folder or backup_files.chosen_folder(), jobs=jobs, encryption=encryption
        )
        with talk.status("looking") as status:
            made = back_up(operations, wanted, lambda name: status.update(f"dumping {name}"))
    if as_json:
        write_json(msgspec.to_builtins(made, enc_hook=str))  # paths
        return
    sys.stdout.write(f"{made.location}\n")
    _tell(made)


def _tell(made: MadeBackup) -> None:
    manifest = made.manifest
    for one in manifest.services:
        rows = f", {one.rows:,} rows in {len(one.tables)} tables" if manifest.kind is Kind.SERVICE else ""
        at = f"{one.consistent_at:%Y-%m-%d %H:%M:%S} UTC"
        talk.print(
            f"{one.name}: version {one.version or 'none'}{rows}, as at {at} ({one.lsn})",
            highlight=False,
            soft_wrap=True,
        )
    moment = "of one moment" if manifest.has_one_snapshot else "each service of its own moment"
    secret = f", encrypted for {escape(manifest.encryption)}" if manifest.encryption else ", not encrypted"
    talk.print(f"{_size(made.size_bytes)}, {moment}{secret}", highlight=False, soft_wrap=True)


@app.command("list")
def list_command(
    kind: OnlyKind = None,
    service: OnlyService = None,
    environment: Environment = None,
    *,
    removed: Removed = False,
    as_json: AsJson = False,
) -> None:
    """List the backups that the catalogue knows, the newest first."""
    with reachable_operations(environment) as operations, ops_session(operations.ops_url) as conn:
        everything = {one.id: one for one in catalogue.backups(conn, with_removed=True)}
        kinds = tuple(Kind) if kind is None else (kind,)
        found = catalogue.backups(conn, kinds=kinds, service=service, with_removed=removed)
    listed = [_listed(one, everything.get(one.parent_id or 0)) for one in found]
    if as_json:
        write_json(listed)
        return
    table = Table("Label", "Kind", "Services", "Size", "Took", "State", "Builds on")
    for one in listed:
        names = "all" if len(one.services) > 5 else " ".join(one.services)
        took = "" if one.took_s is None else f"{one.took_s:.0f} s"
        table.add_row(
            one.label, one.kind.lower(), names, _size(one.size_bytes), took, escape(one.state), one.builds_on or ""
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _listed(one: Backup, parent: Backup | None) -> ListedBackup:
    return ListedBackup(
        label=one.label,
        kind=one.kind,
        services=one.services,
        started_at=one.started_at,
        took_s=None if one.finished_at is None else (one.finished_at - one.started_at).total_seconds(),
        size_bytes=one.size_bytes,
        state=_state(one),
        encryption=one.encryption,
        location=one.location,
        builds_on=None if parent is None else parent.label,
        error=one.error,
    )


def _state(one: Backup) -> str:
    if one.removed_at is not None:
        return "removed"
    if one.is_intact is False:
        return "DAMAGED"
    if not one.succeeded:
        return "begun" if one.finished_at is None else f"failed: {one.error or 'nobody knows why'}"
    return "good" if one.verified_at is None else f"good, verified {one.verified_at:%Y-%m-%d %H:%M}"


@app.command("verify")
def verify_command(
    labels: Labels = None,
    kind: OnlyKind = None,
    environment: Environment = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read backups to their end: files against checksums, dumps as a restore reads them. Exit 1 if one is damaged."""
    with reachable_operations(environment) as operations, talk.status("looking") as status:
        found = verify_backups(
            operations, labels, kind, chosen_identities(), lambda label: status.update(f"reading {label}")
        )
    if as_json:
        write_json(found)
    else:
        for one in found:
            sys.stdout.write(f"{one.label}: {_verdict(one)}\n")
            for line in (*one.problems, *one.notes, *([one.unread] if one.unread else [])):
                sys.stdout.write(f"  {line}\n")
        if not found:
            talk.print("no backup is on record: nothing was verified")
    # Nothing to look at is no good news either.
    if not found or any(one.problems or one.unread for one in found):
        raise typer.Exit(_FAILED)


def _verdict(one: Verification) -> str:
    if one.problems:
        return "DAMAGED"
    if one.unread:
        return "NOT READ"
    return "gone" if one.is_expired else "good"


@app.command("expire")
def expire_command(
    keep: Keep = 7,
    days: Days = 30,
    environment: Environment = None,
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove backups that are neither among the newest nor young: whole chains, and never the last good one."""
    with reachable_operations(environment) as operations:
        gone = expire_backups(operations, Retention(keep, days), now=datetime.now(UTC), dry_run=dry_run)
    removed, unseen = [one for one in gone if one.unseen is None], [one for one in gone if one.unseen is not None]
    if as_json:
        write_json(gone)
    else:
        for one in removed:
            sys.stdout.write(f"{one.label}\n")
        talk.print(_expired(removed, dry_run=dry_run), highlight=False)
        for one in unseen:
            talk.print(f"{one.label} stays on record: {one.unseen}", style="yellow", highlight=False, soft_wrap=True)
    if unseen:
        raise typer.Exit(_FAILED)


def _expired(gone: Sequence[Expired], *, dry_run: bool) -> str:
    size = _size(sum(one.size_bytes or 0 for one in gone))
    return f"{len(gone)} would go, {size}" if dry_run else f"{len(gone)} removed, {size}"


@app.command("key")
def key_command(file: KeyFile) -> None:
    """Make a key for encrypted backups: the secret half into a file, the public half on standard output."""
    recipient = make_identity(file)
    sys.stdout.write(f"{recipient}\n")
    talk.print(
        f"{file} reads every backup that is made for this recipient: keep a copy where no backup lies",
        highlight=False,
        soft_wrap=True,
    )


def _size(size: int | None) -> str:
    if size is None:
        return ""
    amount = float(size)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
