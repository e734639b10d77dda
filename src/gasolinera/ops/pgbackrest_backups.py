"""pgBackRest's backups in the catalogue, beside our own: taken, verified, restored to a server that nobody sees."""

import shlex
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from gasolinera.errors import ConfigError, GasolineraError
from gasolinera.ops import catalogue, pgbackrest
from gasolinera.ops.base_servers import PhysicalServer, physical_servers
from gasolinera.ops.catalogue import Engine, Kind, Made, NewBackup
from gasolinera.ops.dump_archives import Verification
from gasolinera.ops.pgbackrest import RepositoryBackup, Stanza
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.recovery import bin_dir_of
from gasolinera.ops.recovery_planning import Target
from gasolinera.ops.recovery_server import Progress, RecoveredServer, Recovery, Startable, recovered_server
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]


class MadeByPgbackrest(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    label: str
    backup: RepositoryBackup
    took_s: float


class _Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What of it the catalogue keeps, so that it can be restored: pgBackRest knows no roles and no settings."""

    stanza: str
    config: str | None
    repository_label: str
    start_lsn: str
    stop_lsn: str
    consistent_at: str
    version: int
    startable: Startable


def back_up_by_pgbackrest(
    operations: Operations, stanza: Stanza, services: list[str] | None, *, is_incremental: bool
) -> MadeByPgbackrest:
    """Of the server that the stanza is of. Raises ConfigError `ops.stanza`, BackupFailedError, ConflictError."""
    server = _server_of(operations, stanza, services)
    with (
        ops_session(operations.ops_url) as conn,
        recorded_run(conn, "backup base", server.system_identifier) as run,
    ):
        began = time.monotonic()
        kind = Kind.INCREMENTAL if is_incremental else Kind.BASE
        label = catalogue.new_label(kind, server.services)
        new = NewBackup(
            label=label,
            kind=kind,
            engine=Engine.PGBACKREST,
            services=server.services,
            location=f"pgbackrest:{stanza.name}",
            server_version=server.version_text,
            system_identifier=server.system_identifier,
        )
        with catalogue.recorded_backup(conn, new) as backup_id:
            made = pgbackrest.take(stanza, is_incremental=is_incremental)
            contents = {"server": msgspec.to_builtins(_contents(stanza, server, made))}
            catalogue.finish(conn, backup_id, Made(size_bytes=made.size_bytes, contents=contents))
        run.result = {"label": label, "size_bytes": made.size_bytes}
    return MadeByPgbackrest(id=backup_id, label=label, backup=made, took_s=round(time.monotonic() - began, 3))


def _server_of(operations: Operations, stanza: Stanza, services: list[str] | None) -> PhysicalServer:
    known = pgbackrest.system_of(stanza)
    found = next((one for one in physical_servers(operations, services) if one.system_identifier == known), None)
    if found is None:
        raise ConfigError("ops.stanza", f"the stanza {stanza.name} is of another server", "name the right one")
    return found


def _contents(stanza: Stanza, server: PhysicalServer, made: RepositoryBackup) -> _Contents:
    return _Contents(
        stanza=stanza.name,
        config=None if stanza.config is None else str(stanza.config.absolute()),
        repository_label=made.label,
        start_lsn=made.start_lsn,
        stop_lsn=made.stop_lsn,
        consistent_at=made.finished_at.isoformat(),
        version=server.version,
        startable=Startable(server.superuser, server.settings, keeps_configuration=False),
    )


def _told(backup: catalogue.Backup) -> tuple[_Contents, Stanza]:
    contents = msgspec.convert(backup.contents["server"], _Contents)
    return contents, Stanza(contents.stanza, None if contents.config is None else Path(contents.config))


def verify_by_pgbackrest(backup: catalogue.Backup) -> Verification:
    """Reads all of the repository, whichever of its backups is asked for: they hold files for one another."""
    contents, stanza = _told(backup)
    try:
        found = pgbackrest.repository_backups(stanza)
        there = any(one.label == contents.repository_label for one in found)
        if not there and any(one.finished_at.isoformat() > contents.consistent_at for one in found):
            return Verification(backup.label, (), ("pgBackRest has expired it",), is_expired=True)
        verified = pgbackrest.verify(stanza)
    except ConfigError as error:  # of this host, and says nothing of the backup
        return Verification(backup.label, (), (), error.message)
    except GasolineraError as error:
        return Verification(backup.label, (error.message,))
    gone = () if there else (f"the repository has no {contents.repository_label} any more",)
    return Verification(backup.label, (*gone, *verified.problems), (f"the repository read by {verified.by}",))


@contextmanager
def restored_by_pgbackrest(
    backup: catalogue.Backup, target: Target, data: Path, *, progress: Progress = lambda _: None
) -> Generator[RecoveredServer]:
    """For a look; not to be used afterwards: pgBackRest itself puts a server in place. Raises as recovering does."""
    contents, stanza = _told(backup)
    pgbackrest.restore_files(stanza, data, target, label=contents.repository_label)
    startable = msgspec.structs.replace(contents.startable, keeps_configuration=(data / "postgresql.conf").exists())
    config = [] if stanza.config is None else [f"--config={stanza.config}"]
    fetch = [str(pgbackrest.program()), *config, f"--pg1-path={data}", f"--stanza={stanza.name}", "archive-get"]
    # 1 is its word for a segment that is not there; what else it ends with must not pass for the end of the log.
    command = f'{shlex.join(fetch).replace("%", "%%")} %f "%p" || {{ [ $? -eq 1 ] || exit 200; exit 1; }}'
    recovery = Recovery(target, str(target.timeline or "latest"), restore_command=command)
    with recovered_server(
        data, startable, bin_dir_of(contents.version), recovery=recovery, is_scratch=True, progress=progress
    ) as server:
        yield server
