"""Copies of whole servers by PostgreSQL's own tools, full or incremental: made, described, checked, found again.

A backup is a folder `LABEL` with `data/`, which `pg_basebackup` wrote, and `backup.json`, which says all that a restore
must know: when the server is gone, so is the catalogue. It has another name until it is whole and on the disk.
"""

from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from gasolinera.errors import ConfigError, ConflictError, GasolineraError, UnknownError
from gasolinera.ops.backup_files import staged, sync
from gasolinera.ops.base_servers import PhysicalServer
from gasolinera.ops.catalogue import Kind, new_label
from gasolinera.ops.manifests import read_manifest
from gasolinera.ops.programs import ProgramError, environment_for, find_program, rest_of_address, run_program
from gasolinera.ops.wal_archive import parse_lsn

DESCRIPTION: Final = "backup.json"
_FIRST_WITH_INCREMENTS: Final = 170000


class BackupFailedError(GasolineraError):
    """A tool of PostgreSQL's could not do it; the message ends with what it said."""


class BaseBackup(msgspec.Struct, frozen=True, kw_only=True):
    """`parent`: the label of the backup that this one needs. `finished_at` by the server's clock: what was committed
    later may be reached. `data_directory`: where the server had its data. `keeps_configuration`: postgresql.conf is
    among them, not in a folder of the system.
    """

    label: str
    kind: Kind
    parent: str | None
    services: tuple[str, ...]
    system_identifier: str
    version: int
    version_text: str
    timeline: int
    start_lsn: int
    stop_lsn: int
    started_at: datetime
    finished_at: datetime
    segment_size: int
    superuser: str
    settings: dict[str, str]
    data_directory: str | None
    keeps_configuration: bool
    size_bytes: int
    manifest_sha256: str


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """How fast (pg_basebackup's own words, such as 50M a second), and whether to wait for the disk, without which a
    crash of this machine may leave less than the name says.
    """

    max_rate: str | None = None
    syncs: bool = True


def wal_folder_of(root: Path, system_identifier: str) -> Path:
    """Where the log of a server goes whose base backups are in `root`."""
    return root.absolute() / "wal" / system_identifier


def make_root(root: Path) -> None:
    """Others may pass through to what is theirs, as the server to its archive, and see nothing on the way."""
    if not root.exists():
        root.mkdir(parents=True)
        root.chmod(0o711)


def require_increments(server: PhysicalServer) -> None:
    """Raises ConfigError `ops.no_increments`."""
    if server.version < _FIRST_WITH_INCREMENTS:
        message = f"PostgreSQL {server.version_text} has no incremental backups"
        raise ConfigError("ops.no_increments", message, "17 has; take a full one, or have pgBackRest do it: --stanza")
    if not server.has_summaries:
        hint = "gasolinera ops backup setup switches it on; then take a full backup first"
        raise ConfigError("ops.no_increments", "summarize_wal is off: nothing says what has changed", hint)


def take(server: PhysicalServer, root: Path, taking: Taking, *, label: str, parent: BaseBackup | None) -> BaseBackup:
    """Blocks while the server is copied; it goes on working.

    Raises BackupFailedError `ops.base_backup`, GasolineraError `ops.folder`.
    """
    make_root(root)
    with (
        staged(root / label) as partial,
        psycopg.connect(server.url, autocommit=True, application_name="gasolinera-ops") as conn,
    ):
        partial.mkdir(mode=0o700)
        started_at = _server_time(conn)
        _copy_server(server, partial / "data", root, taking, parent)
        described = _described(server, partial, label, parent, (started_at, _server_time(conn)))
        (partial / DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(described), indent=2))
        sync(partial / DESCRIPTION)
    return described


def _server_time(conn: psycopg.Connection[tuple[datetime]]) -> datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def _copy_server(server: PhysicalServer, data: Path, root: Path, taking: Taking, parent: BaseBackup | None) -> None:
    program = find_program("pg_basebackup", server.version // 10_000, exactly=True)
    arguments: list[str | Path] = [
        "-D", data, "-c", "fast", "-X", "stream", "--manifest-checksums=SHA256", "--no-password",
        "-d", rest_of_address(server.url),
    ]  # fmt: skip
    if parent is not None:
        arguments.append(f"--incremental={root / parent.label / 'data' / 'backup_manifest'}")
    if taking.max_rate is not None:
        arguments.append(f"--max-rate={taking.max_rate}")
    if not taking.syncs:
        arguments.append("--no-sync")
    try:
        run_program(program, arguments, environment_for(server.url))
    except ProgramError as error:
        raise BackupFailedError("ops.base_backup", error.message, _hint(error.message)) from None


def _hint(said: str) -> str | None:
    if "pg_hba.conf" in said:
        return "pg_hba.conf needs a line for the database `replication` and this role"
    if "WAL summaries" in said:
        return "the server has no summaries back to the parent backup: take a full one"
    if "No space left" in said:
        return "make room where backups go, or let `gasolinera ops backup expire` remove old ones"
    return None


def _described(
    server: PhysicalServer,
    folder: Path,
    label: str,
    parent: BaseBackup | None,
    times: tuple[datetime, datetime],
) -> BaseBackup:
    manifest = read_manifest(folder / "data")
    span = manifest.wal[-1]
    with (folder / "data" / "backup_manifest").open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return BaseBackup(
        label=label,
        kind=Kind.BASE if parent is None else Kind.INCREMENTAL,
        parent=None if parent is None else parent.label,
        services=server.services,
        system_identifier=server.system_identifier,
        version=server.version,
        version_text=server.version_text,
        timeline=span.timeline,
        start_lsn=parse_lsn(span.start_lsn),
        stop_lsn=parse_lsn(span.end_lsn),
        started_at=times[0],
        finished_at=times[1],
        segment_size=server.segment_size,
        superuser=server.superuser,
        settings=server.settings,
        data_directory=server.data_directory,
        keeps_configuration=(folder / "data" / "postgresql.conf").exists(),
        size_bytes=size_of(folder),
        manifest_sha256=digest,
    )


def size_of(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def found_backups(root: Path) -> list[BaseBackup]:
    """Those that lie in a folder, the newest first. Needs no database."""
    files = root.glob(f"*/{DESCRIPTION}") if root.is_dir() else ()
    # What is being made or removed has another name, and so has what a killed process left of it.
    whole = [file for file in files if not file.parent.name.startswith(".")]
    found = [described for file in whole if (described := _read(file)) is not None]
    return sorted(found, key=lambda one: one.finished_at, reverse=True)


def _read(file: Path) -> BaseBackup | None:
    """Nothing where the file describes a backup of another kind."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=BaseBackup)
    except msgspec.DecodeError:
        return None


def described_at(folder: Path) -> BaseBackup:
    """Raises UnknownError `ops.backup_unknown`."""
    found = _read(folder / DESCRIPTION) if (folder / DESCRIPTION).is_file() else None
    if found is None:
        raise UnknownError("ops.backup_unknown", f"{folder} holds no base backup")
    return found


def chain(backup: BaseBackup, found: list[BaseBackup]) -> list[BaseBackup]:
    """What must be put together to restore it, the full one first. Raises ConflictError `ops.chain_broken`."""
    by_label = {one.label: one for one in found}
    links = [backup]
    while (parent := links[0].parent) is not None:
        if parent not in by_label:
            message = f"{links[0].label} builds on {parent}, which is not there"
            raise ConflictError("ops.chain_broken", message, "choose an older full backup, or bring the missing one")
        links.insert(0, by_label[parent])
    return links


def label_for(server: PhysicalServer, kind: Kind) -> str:
    return new_label(kind, server.services)
