"""Copies of whole servers by PostgreSQL's own tools, full or incremental: made, described, checked, found again.

A backup is a folder `LABEL` with `data/`, which `pg_basebackup` wrote, and `backup.json`, which says all that a restore
must know: when the server is gone, so is the catalogue. It has another name until it is whole and on the disk.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import psycopg

from gasolinera.errors import ConfigError, ConflictError, GasolineraError, UnknownError
from gasolinera.ops.backup_files import BackupFile, staged, sync
from gasolinera.ops.base_servers import PhysicalServer
from gasolinera.ops.catalogue import Kind, new_label
from gasolinera.ops.encryption import Encryption
from gasolinera.ops.manifests import NAME, parse_manifest
from gasolinera.ops.programs import ProgramError, environment_for, find_program, rest_of_address, run_program
from gasolinera.ops.sealed_copies import OUTLINE, seal_output, write_outline
from gasolinera.ops.wal_archive import parse_lsn

DESCRIPTION: Final = "backup.json"
_FIRST_WITH_INCREMENTS: Final = 170000


class BackupFailedError(GasolineraError):
    """A tool of PostgreSQL's could not do it; the message ends with what it said."""


class BaseBackup(msgspec.Struct, frozen=True, kw_only=True):
    """`parent`: the label of the backup that this one needs. `finished_at` by the server's clock: what was committed
    later may be reached. `data_directory`: where the server had its data. `keeps_configuration`: postgresql.conf is
    among them, not in a folder of the system. `encryption`: for whom; then `files` are what lies on the disk, and
    `data` is in one of them.
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
    encryption: str | None = None
    files: tuple[BackupFile, ...] = ()


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """How fast (pg_basebackup's own words, such as 50M a second), and whether to wait for the disk, without which a
    crash of this machine may leave less than the name says. `encryption` None: files as the server has them.
    """

    max_rate: str | None = None
    syncs: bool = True
    encryption: Encryption | None = None


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
        copied = _copy_server(server, conn, partial, taking, None if parent is None else _outline(root, parent))
        described = _described(server, copied, label, parent, (started_at, _server_time(conn)))
        described = msgspec.structs.replace(
            described,
            size_bytes=size_of(partial),
            encryption=None if taking.encryption is None else taking.encryption.name,
        )
        (partial / DESCRIPTION).write_bytes(msgspec.json.format(msgspec.json.encode(described), indent=2))
        sync(partial / DESCRIPTION)
    return described


def _server_time(conn: psycopg.Connection[tuple[datetime]]) -> datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]


def _outline(root: Path, parent: BaseBackup) -> Path:
    """By which the server finds what has changed since."""
    folder = root / parent.label
    return folder / "data" / NAME if parent.encryption is None else folder / OUTLINE


class _Copied(msgspec.Struct, frozen=True):
    manifest: bytes
    files: tuple[BackupFile, ...] = ()


def _copy_server(
    server: PhysicalServer, conn: psycopg.Connection[tuple[datetime]], folder: Path, taking: Taking, since: Path | None
) -> _Copied:
    program = find_program("pg_basebackup", server.version // 10_000, exactly=True)
    arguments: list[str | Path] = [
        "-c", "fast", "--manifest-checksums=SHA256", "--no-password", "-d", rest_of_address(server.url),
    ]  # fmt: skip
    if since is not None:
        arguments.append(f"--incremental={since}")
    if taking.max_rate is not None:
        arguments.append(f"--max-rate={taking.max_rate}")
    environment = environment_for(server.url)
    try:
        if taking.encryption is not None:
            # Into a pipe the log can only come at the end: until then it must not go from the server.
            _keep_log(conn)
            arguments += ["-D", "-", "-F", "tar", "-X", "fetch"]
            manifest = seal_output(program, arguments, environment, folder, taking.encryption)
            return _Copied(manifest, write_outline(folder, manifest))
        arguments += ["-D", folder / "data", "-X", "stream", *([] if taking.syncs else ["--no-sync"])]
        run_program(program, arguments, environment)
        return _Copied((folder / "data" / NAME).read_bytes())
    except ProgramError as error:
        raise BackupFailedError("ops.base_backup", error.message, _hint(error.message)) from None
    except OSError as error:
        raise BackupFailedError("ops.base_backup", f"it cannot be written: {error}", _hint(str(error))) from error


def _keep_log(conn: psycopg.Connection[tuple[datetime]]) -> None:
    """As long as the session lasts. Raises BackupFailedError."""
    name = f"gasolinera_{conn.info.backend_pid}"
    try:
        conn.execute("SELECT pg_create_physical_replication_slot(%s, true, true)", (name,))
    except psycopg.Error as error:
        hint = "a copy needs one replication slot for as long as it takes: see max_replication_slots"
        raise BackupFailedError("ops.base_backup", f"the log cannot be kept: {str(error).strip()}", hint) from None


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
    copied: _Copied,
    label: str,
    parent: BaseBackup | None,
    times: tuple[datetime, datetime],
) -> BaseBackup:
    manifest = parse_manifest(copied.manifest)
    span = manifest.wal[-1]
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
        keeps_configuration=any(file.name == "postgresql.conf" for file in manifest.files),
        size_bytes=0,
        manifest_sha256=sha256(copied.manifest).hexdigest(),
        files=copied.files,
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
