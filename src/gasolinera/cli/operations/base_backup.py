"""`gasolinera ops backup base|setup`, `restore-point`, and what a server calls for its log: copies of whole servers."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gasolinera.cli.data import AsJson, write_json
from gasolinera.ops import backup_files, wal_copying
from gasolinera.ops.archive_setup import ArchiveSetup, archive_lines, sealing_words, set_up_archive
from gasolinera.ops.base_backups import BaseBackup, Taking
from gasolinera.ops.base_servers import physical_servers
from gasolinera.ops.encryption import IDENTITY_SETTING, chosen_encryption, chosen_identities
from gasolinera.ops.pgbackrest import Stanza
from gasolinera.ops.pgbackrest_backups import back_up_by_pgbackrest
from gasolinera.ops.physical_backups import MadeBase, WantedBase, back_up_servers
from gasolinera.ops.reaching import reachable_operations
from gasolinera.ops.restore_points import RestorePoint, set_restore_point
from gasolinera.ops.wal_archive import lsn_text

_MEGABYTE = 1024 * 1024
_NOT_DONE = 1
_LOG_IS_PLAIN = (
    "the log's archive is not encrypted, though this backup is: `gasolinera ops backup setup` has the server seal it "
    "from now on where recipients are named"
)

Environment = Annotated[str | None, typer.Option("--environment", "-e", help="development, test or production.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help=f"Where backups lie; {backup_files.FOLDER_SETTING} otherwise.")
]
Services = Annotated[
    list[str] | None, typer.Option("--service", "-s", help="Only the server of this service; may be said again.")
]
ReplicationUrl = Annotated[
    str | None,
    typer.Option(
        "--replication-url",
        envvar="GASOLINERA_REPLICATION_URL",
        help="The server's address as a role that may copy it, where that of migrations may not.",
    ),
]
StanzaName = Annotated[str | None, typer.Option("--stanza", help="Have pgBackRest do it, which knows this stanza.")]
StanzaConfig = Annotated[Path | None, typer.Option("--stanza-config", help="pgBackRest's file, if not its own place.")]
Incremental = Annotated[bool, typer.Option("--incremental", help="Only what has changed since the last one.")]
NoVerify = Annotated[bool, typer.Option("--no-verify", help="Do not read it again; do so soon after.")]
Plain = Annotated[bool, typer.Option("--plain", help="Not encrypted, though recipients are named.")]
MaxRate = Annotated[str | None, typer.Option("--max-rate", help="So much a second, such as 50M.")]
Every = Annotated[int, typer.Option("--every", min=1, max=3600, help="Seconds after which a segment leaves at latest.")]
Print = Annotated[bool, typer.Option("--print", help="Change nothing; print the settings for somebody who may.")]
PointName = Annotated[str, typer.Argument(metavar="NAME", help="What a restore will call this moment.")]
Within = Annotated[int, typer.Option("--within", min=1, max=3600, help="Seconds to wait until it is in the archive.")]


def base(  # noqa: PLR0913  a command's options are its arguments
    folder: Folder = None,
    service: Services = None,
    replication_url: ReplicationUrl = None,
    max_rate: MaxRate = None,
    stanza: StanzaName = None,
    stanza_config: StanzaConfig = None,
    environment: Environment = None,
    *,
    incremental: Incremental = False,
    no_verify: NoVerify = False,
    plain: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Copy whole servers while they work, and verify the copies. With the log's archive: a restore to any moment."""
    if stanza is not None:
        _base_by_pgbackrest(Stanza(stanza, stanza_config), service, environment, incremental=incremental, json=as_json)
        return
    encryption = None if plain else chosen_encryption()
    wanted = WantedBase(
        folder=folder or backup_files.chosen_folder(),
        services=service,
        is_incremental=incremental,
        verify=not no_verify,
        taking=Taking(max_rate=max_rate, encryption=encryption),
        replication_url=replication_url,
        identities=tuple(chosen_identities()) if encryption is not None and not no_verify else (),
    )
    talk = Console(stderr=True)
    with reachable_operations(environment) as operations:
        progress = nullcontext() if as_json else talk.status("looking at the servers")
        with progress as shown:
            made = back_up_servers(operations, wanted, (lambda _: None) if shown is None else shown.update)
    if any(one.log_is_plain for one in made):
        talk.print(f"warning: {_LOG_IS_PLAIN}", style="yellow", highlight=False, soft_wrap=True)
    if as_json:
        write_json(made)
        return
    for one in made:
        _tell(one, wanted.folder, talk)


def _base_by_pgbackrest(
    stanza: Stanza, service: list[str] | None, environment: str | None, *, incremental: bool, json: bool
) -> None:
    with reachable_operations(environment) as operations:
        made = back_up_by_pgbackrest(operations, stanza, service, is_incremental=incremental)
    if json:
        write_json(made)
        return
    sys.stdout.write(
        f"{made.label}: {made.backup.label} of the stanza {stanza.name}, {made.backup.size_bytes / _MEGABYTE:.1f} MiB "
        f"in {made.took_s:.1f} s\n"
    )


def _tell(one: MadeBase, folder: Path, talk: Console) -> None:
    backup = one.backup
    sys.stdout.write(
        f"{backup.label}: {backup.size_bytes / _MEGABYTE:.1f} MiB in {one.took_s:.1f} s, "
        f"{f'verified by {one.verified_by}' if one.verified_by else _unverified(backup)}\n"
        f"  {folder / backup.label}\n"
        f"  from {lsn_text(backup.start_lsn)} to {lsn_text(backup.stop_lsn)} on timeline {backup.timeline}; "
        f"what was committed after {backup.finished_at:%Y-%m-%d %H:%M:%S%z} can be reached\n"
    )
    for said in (one.note, one.warning):
        if said is not None:
            talk.print(f"note: {said}" if said is one.note else f"warning: {said}", style="yellow", highlight=False)


def _unverified(backup: BaseBackup) -> str:
    if backup.encryption is None:
        return "not verified"
    return f"encrypted, and not read again: verify it where {IDENTITY_SETTING} names the key"


def setup(
    folder: Folder = None,
    service: Services = None,
    every: Every = 60,
    environment: Environment = None,
    *,
    only_print: Print = False,
    plain: Plain = False,
    as_json: AsJson = False,
) -> None:
    """Have servers archive their log, so that a restore can reach any moment, not only those of backups.

    Encrypted where GASOLINERA_BACKUP_RECIPIENTS says for whom, from now on: what is in the archive stays as it is.
    """
    root = folder or backup_files.chosen_folder()
    encryption = None if plain else chosen_encryption()
    with reachable_operations(environment) as operations:
        servers = physical_servers(operations, service)
        if only_print:
            done = [
                ArchiveSetup("", archive_lines(server, root, every_s=every, encryption=encryption), ())
                for server in servers
            ]
        else:
            done = [set_up_archive(server, root, every_s=every, encryption=encryption) for server in servers]
    if as_json:
        write_json(done)
        return
    for one, server in zip(done, servers, strict=True):
        sys.stdout.write(f"# the server of {', '.join(server.services)}\n")
        sys.stdout.write("".join(f"{line}\n" for line in one.lines))
        if one.waits_for_restart:
            sys.stdout.write(f"restart the server: {', '.join(one.waits_for_restart)} count from then on\n")


def restore_point(
    name: PointName,
    service: Services = None,
    within: Within = 60,
    environment: Environment = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Name this moment, for `restore pitr --to-name`: before a deployment, say. Returns when it is in the archive.

    Exit 1 where it does not get there.
    """
    with reachable_operations(environment) as operations:
        points = [
            set_restore_point(operations, server, name, within_s=within)
            for server in physical_servers(operations, service)
        ]
    if as_json:
        write_json(points)
    else:
        sys.stdout.write("".join(f"{_point_line(point)}\n" for point in points))
    if not all(point.is_archived for point in points):
        raise typer.Exit(_NOT_DONE)


def _point_line(point: RestorePoint) -> str:
    where = f"{point.name!r} at {point.lsn} on the server of {', '.join(point.services)}"
    if point.is_archived:
        return f"{where}, in the archive"
    return f"{where}, NOT in the archive: {point.problem}"


def archive_wal(
    path: Annotated[Path, typer.Argument(help="As %p says.")],
    folder: Annotated[Path, typer.Argument(help="The archive.")],
    recipients: Annotated[list[str] | None, typer.Option("--for", help="Encrypt segments for it.")] = None,
) -> None:
    """Copy one file of the log into an archive. A server's archive_command may be this; `setup` sets a faster one."""
    raise typer.Exit(wal_copying.main(["put", str(path), str(folder), *sealing_words(recipients or ())]))


def restore_wal(
    name: Annotated[str, typer.Argument(help="As %f says.")],
    path: Annotated[Path, typer.Argument(help="As %p says.")],
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Archives, the first that has it wins.")],
    identity: Annotated[Path | None, typer.Option("--identity", envvar=IDENTITY_SETTING, help="With the key.")] = None,
) -> None:
    """Copy one file of the log out of an archive, as a restore_command."""
    key = [] if identity is None else ["--identity", str(identity)]
    raise typer.Exit(wal_copying.main(["get", name, str(path), *map(str, folders), *key]))
