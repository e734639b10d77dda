"""Base backups on record: each server copied, its copy verified, the catalogue told; and what verifying them means.

The catalogue is for those who look; what a restore needs lies beside the data, for the catalogue may be what was lost.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import ConfigError, GasolineraError, InputError
from gasolinera.ops import catalogue
from gasolinera.ops.archive_setup import seals
from gasolinera.ops.backup_files import require_seen, sha256_of
from gasolinera.ops.base_backups import (
    DESCRIPTION,
    BackupFailedError,
    BaseBackup,
    Taking,
    described_at,
    found_backups,
    label_for,
    require_increments,
    take,
    wal_folder_of,
)
from gasolinera.ops.base_servers import Archiving, PhysicalServer, archiving, physical_servers, require_copyable
from gasolinera.ops.catalogue import PHYSICAL, Engine, Kind, Made, NewBackup
from gasolinera.ops.copy_verifying import verify_copy
from gasolinera.ops.dump_archives import Verification
from gasolinera.ops.encryption import IDENTITY_SETTING, DecryptionError
from gasolinera.ops.manifests import NAME
from gasolinera.ops.pgbackrest_backups import verify_by_pgbackrest
from gasolinera.ops.programs import find_program
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.wal_archive import Coverage, gaps, lsn_text, newest_is_sealed, remove_before, segment_number
from gasolinera.ops.wal_reading import read_records

Connection = psycopg.Connection[Any]
Watch = Callable[[str], None]
Identities = Sequence[x25519.Identity]

_LONGEST_CHAIN: Final = 14  # each link is read at a restore, and each can break


class WantedBase(msgspec.Struct, frozen=True, kw_only=True):
    """`services` None: every server, that of `ops_schema` too. `replication_url`: a role that may copy the server.
    `identities`: with them an encrypted copy is verified, too.
    """

    folder: Path
    services: list[str] | None = None
    is_incremental: bool = False
    verify: bool = True
    taking: Taking = Taking()
    replication_url: str | None = None
    identities: tuple[x25519.Identity, ...] = ()


class MadeBase(msgspec.Struct, frozen=True, kw_only=True):
    """`warning`: what keeps the backup from being worth what it looks like. `note`: why it is a full one after all.
    `verified_by` None: nobody has read it to its end, for want of the key it may be. `log_is_plain`: though this
    is not.
    """

    id: int
    backup: BaseBackup
    verified_by: str | None
    warning: str | None
    note: str | None
    took_s: float
    log_is_plain: bool = False


def back_up_servers(operations: Operations, wanted: WantedBase, watch: Watch = lambda _: None) -> list[MadeBase]:
    """Raises ConfigError of `require_copyable` and `require_increments`, BackupFailedError `ops.base_backup`,
    `ops.backup_damaged`, ConflictError `ops.running`; each is in the catalogue, and earlier servers' backups stay.
    """
    servers = physical_servers(operations, wanted.services, wanted.replication_url)
    for server in servers:
        require_copyable(server)
        if wanted.is_incremental:
            require_increments(server)
    with ops_session(operations.ops_url) as conn:
        return [_back_up(conn, server, wanted, watch) for server in servers]


def _back_up(conn: Connection, server: PhysicalServer, wanted: WantedBase, watch: Watch) -> MadeBase:
    with recorded_run(conn, "backup base", server.system_identifier) as run:
        began = time.monotonic()
        parent, note = _parent(conn, server, wanted) if wanted.is_incremental else (None, None)
        kind = Kind.BASE if parent is None else Kind.INCREMENTAL
        label = label_for(server, kind)
        new = NewBackup(
            label=label,
            kind=kind,
            engine=Engine.PG_BASEBACKUP,
            services=server.services,
            location=str(wanted.folder.absolute() / label),
            server_version=server.version_text,
            system_identifier=server.system_identifier,
            parent_id=None if parent is None else parent[0],
            encryption=None if wanted.taking.encryption is None else wanted.taking.encryption.name,
        )
        watch(f"copying the server of {', '.join(server.services)}")
        with catalogue.recorded_backup(conn, new) as backup_id:
            link = None if parent is None else parent[1]
            backup = take(server, wanted.folder.absolute(), wanted.taking, label=label, parent=link)
            contents = {"server": _contents(backup)}
            digest = _digest_on_record(wanted.folder.absolute() / label, backup)
            made = Made(size_bytes=backup.size_bytes, contents=contents, manifest_sha256=digest)
            catalogue.finish(conn, backup_id, made)
        verified_by = _verify_new(conn, backup_id, wanted, backup, watch) if wanted.verify else None
        warning = _archiving(server.url).problem
        if warning is not None:
            run.outcome = "WARNING"
        took_s = time.monotonic() - began
        run.result = {"label": label, "size_bytes": backup.size_bytes, "verified_by": verified_by, "warning": warning}
    return MadeBase(
        id=backup_id,
        backup=backup,
        verified_by=verified_by,
        warning=warning,
        note=note,
        took_s=round(took_s, 3),
        log_is_plain=backup.encryption is not None and not _seals_log(server, wanted.folder),
    )


def _seals_log(server: PhysicalServer, root: Path) -> bool:
    """As the server's archive_command says, or the newest segment where it tells us nothing."""
    with psycopg.connect(server.url, autocommit=True, application_name="gasolinera-ops") as conn:
        try:
            row = conn.execute("SELECT current_setting('archive_command')").fetchone()
            return row is not None and seals(str(row[0]))
        except psycopg.errors.InsufficientPrivilege:
            pass
    try:
        return newest_is_sealed(wal_folder_of(root, server.system_identifier))
    except ConfigError:  # it is the server's own, and closed to us
        return False


def _contents(backup: BaseBackup) -> dict[str, Any]:
    return {
        "timeline": backup.timeline,
        "start_lsn": lsn_text(backup.start_lsn),
        "stop_lsn": lsn_text(backup.stop_lsn),
        "consistent_at": backup.finished_at.isoformat(),
    }


def _parent(
    conn: Connection, server: PhysicalServer, wanted: WantedBase
) -> tuple[tuple[int, BaseBackup] | None, str | None]:
    """The newest good backup of this server that lies in the folder, or why a full one is due."""
    here = {one.label: one for one in found_backups(wanted.folder)}
    for row in catalogue.backups(conn, kinds=PHYSICAL):
        found = here.get(row.label)
        if not row.is_good or found is None or found.system_identifier != server.system_identifier:
            continue
        if found.timeline != server.timeline:
            return None, "the server has been restored since the last backup, so this one is full"
        links = catalogue.chain_of(conn, row)
        if any(not link.is_good for link in links):
            return None, "a backup that the last one builds on is damaged or gone, so this one is full"
        if len(links) >= _LONGEST_CHAIN:
            return None, f"the last one builds on {len(links) - 1} others, so this one is full"
        return (row.id, found), None
    return None, "there is no backup to build on, so this one is full"


def _verify_new(conn: Connection, backup_id: int, wanted: WantedBase, backup: BaseBackup, watch: Watch) -> str | None:
    """None where it is encrypted and there is no key here: its bytes are as they were written, and that is all."""
    watch(f"verifying {backup.label}")
    verified = verify_copy(wanted.folder.absolute() / backup.label, backup, wanted.identities)
    if verified is None:
        return None
    catalogue.record_verification(conn, backup_id, is_intact=not verified.problems)
    if verified.problems:
        found = "; ".join(verified.problems[:3])
        hint = "see whether the disk is well, and take another"
        raise BackupFailedError("ops.backup_damaged", f"{backup.label} is not what was written: {found}", hint)
    return verified.by


def _digest_on_record(folder: Path, backup: BaseBackup) -> str:
    """Of the list of its files that can be read without a key."""
    return sha256_of(folder / "data" / NAME if backup.encryption is None else folder / DESCRIPTION)


def _archiving(url: str) -> Archiving:
    with psycopg.connect(url, autocommit=True, application_name="gasolinera-ops") as conn:
        return archiving(conn)


def verify_physical(backup: catalogue.Backup, identities: Identities = ()) -> Verification:
    """Its files against its manifest, and whether the log goes on from it to the next backup or the archive's end."""
    if backup.engine is Engine.PGBACKREST:
        return verify_by_pgbackrest(backup)
    try:
        require_seen(backup.path)
        described = described_at(backup.path)
        verified = verify_copy(backup.path, described, identities)
    except ConfigError as error:  # of this host, and says nothing of the backup
        return Verification(backup.label, (), (), error.message)
    except GasolineraError as error:
        if error.code == "ops.wrong_key":
            return Verification(backup.label, (), (), error.message)
        return Verification(backup.label, (error.message,))
    problems = _other_manifest(backup, described)
    unread, notes = None, list[str]()
    if verified is None:
        unread = f"not decrypted: {IDENTITY_SETTING} names no key; its files are as they were written"
    else:
        problems = [*verified.problems, *problems]
        notes.append(f"files verified by {verified.by}")
    try:
        found, noted = _verified_log(backup, described, identities)
    except (ConfigError, DecryptionError) as error:  # of this host, or of its key
        return Verification(backup.label, tuple(problems), tuple(notes), error.message)
    return Verification(backup.label, (*problems, *found), (*notes, *noted), unread)


def _other_manifest(backup: catalogue.Backup, described: BaseBackup) -> list[str]:
    """Files that agree with a manifest prove nothing where that is not the one on record."""
    if backup.manifest_sha256 in (None, _digest_on_record(backup.path, described)):
        return []
    return [f"{NAME if described.encryption is None else DESCRIPTION} is not the one that was written"]


def _verified_log(
    backup: catalogue.Backup, described: BaseBackup, identities: Identities
) -> tuple[list[str], list[str]]:
    """Problems and notes. Raises ConfigError; DecryptionError `ops.no_key`, `ops.wrong_key` of a log that is whole by
    its names and sizes.
    """
    folder = backup.path.parent / "wal" / described.system_identifier
    covered = gaps(folder, described.stop_lsn, described.timeline, described.segment_size)
    notes: list[str] = []
    if not covered.files and not covered.missing:
        notes.append("no log after it is archived: it can be restored to its own end only")
    following = [one for one in found_backups(backup.path.parent) if _follows(one, described)]
    return _log_problems(described, covered, following[-1] if following else None, identities), notes


def _follows(other: BaseBackup, backup: BaseBackup) -> bool:
    return other.system_identifier == backup.system_identifier and other.start_lsn > backup.start_lsn


def _log_problems(
    backup: BaseBackup, covered: Coverage, following: BaseBackup | None, identities: Identities
) -> list[str]:
    if following is not None:
        last = following.stop_lsn // backup.segment_size
        covered = Coverage(
            covered.first,
            covered.files[: max(last - covered.first + 1, 0)],
            tuple(name for name in covered.missing if segment_number(name, backup.segment_size) <= last),
            covered.damaged,
        )
    problems = [f"the log's segment {name} is missing: no restore gets past it" for name in covered.missing]
    problems += [f"the log's segment {name} has a wrong size" for name in covered.damaged]
    if not problems:
        program = find_program("pg_waldump", backup.version // 10_000, exactly=True).path
        try:
            for _ in read_records(program, covered, backup.stop_lsn, backup.segment_size, identities):
                pass
        except InputError as error:
            problems.append(error.message)
    return problems


def expire_log(folder: Path) -> list[str]:
    """Removes the segments that no base backup in `folder` needs any more; gives their names.

    Where no backup of a server is left, nothing of its log is removed: that is more likely a mistake than a wish.
    """
    found = found_backups(folder)
    removed: list[str] = []
    for system in sorted({one.system_identifier for one in found}):
        own: Sequence[BaseBackup] = [one for one in found if one.system_identifier == system]
        oldest = min(own, key=lambda one: one.start_lsn)
        removed += remove_before(folder / "wal" / system, oldest.start_lsn, oldest.segment_size)
    return removed
