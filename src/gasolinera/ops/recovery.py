"""Bringing a whole server back to a moment, into a new folder: put together, recovered, checked, then named.

Until it is whole it has another name. The old server is not touched; `Recovered.steps` says how to put it in its place.
"""

import fcntl
import os
import shlex
import shutil
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import ConflictError
from gasolinera.ops.base_backups import BaseBackup
from gasolinera.ops.copy_verifying import verify_copy
from gasolinera.ops.encryption import require_identity
from gasolinera.ops.private_folders import private_folder
from gasolinera.ops.programs import find_program, run_program
from gasolinera.ops.recovery_planning import Blocker, RecoveryPlan
from gasolinera.ops.recovery_server import (
    Progress,
    RecoveredServer,
    Recovery,
    RecoveryFailedError,
    Startable,
    own_tree,
    recovered_server,
    require_reachable,
)
from gasolinera.ops.sealed_copies import unseal
from gasolinera.ops.wal_archive import lsn_text, parse_lsn, timelines
from vuelo.installation import server_account

Identities = Sequence[x25519.Identity]

_ROOM: Final = 1.1  # the log that is replayed needs some besides


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """`reached_at`: when the last transaction was committed that is there, as the server itself says; None where none
    was replayed. `left_at`: the position up to which the log was followed.
    """

    data: str
    backup: str
    timeline: int
    reached_at: datetime | None
    left_at: str
    databases: tuple[str, ...]
    took_s: float
    steps: tuple[str, ...]


def place_blockers(plan: RecoveryPlan, into: Path) -> list[Blocker]:
    """Why the restored server cannot lie in `into`."""
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        return [Blocker("ops.folder_used", f"{into} is there and not empty", "name a folder that does not exist yet")]
    parent = next(folder for folder in into.absolute().parents if folder.exists())
    free = shutil.disk_usage(parent).free
    if free < plan.needed_bytes * _ROOM:
        message = f"{parent} has {free >> 20} MiB free, and {int(plan.needed_bytes * _ROOM) >> 20} MiB are needed"
        return [Blocker("ops.no_room", message, "name a folder on a larger disk")]
    return []


def restore(
    plan: RecoveryPlan,
    into: Path,
    *,
    verify: bool = True,
    identities: Identities = (),
    progress: Progress = lambda _: None,
) -> Recovered:
    """Raises ConflictError of the plan's first blocker, `ops.backup_damaged`, `ops.folder_used`, `ops.no_room`;
    RecoveryFailedError, ProgramError, DecryptionError. What fails leaves nothing behind.
    """
    into = into.absolute()
    for blocker in place_blockers(plan, into):
        raise ConflictError(blocker.code, blocker.message, blocker.hint)
    began = time.monotonic()
    staging = into.with_name(f"{into.name}.restoring")
    with _alone_at(staging), _removed_unless_renamed(staging):
        with restored_server(plan, staging, verify=verify, identities=identities, progress=progress) as (
            server,
            recovered,
        ):
            databases = _databases(server)
        _mark_for_archive(staging, recovered.timeline, plan.backup)
        if into.exists():
            into.rmdir()
        staging.rename(into)
    return msgspec.structs.replace(
        recovered,
        data=str(into),
        databases=databases,
        took_s=time.monotonic() - began,
        steps=tuple(_steps(plan.backup, into)),
    )


@contextmanager
def restored_server(
    plan: RecoveryPlan,
    data: Path,
    *,
    verify: bool = True,
    is_scratch: bool = False,
    identities: Identities = (),
    progress: Progress = lambda _: None,
) -> Generator[tuple[RecoveredServer, Recovered]]:
    """Put together in `data`, which must not exist, recovered, and running for the body. Raises as `restore` does."""
    plan.require()
    began = time.monotonic()
    bin_dir = bin_dir_of(plan.backup.version)
    require_reachable(next(folder for folder in data.absolute().parents if folder.exists()), server_account())
    if any(link.encryption is not None for link in plan.chain):
        require_identity(identities)
    if verify:
        verify_chain(plan, identities)
    assemble(plan, data, identities)
    with recovered_server(
        data,
        startable(plan.backup),
        bin_dir,
        recovery=Recovery(plan.target, str(plan.timeline), plan.wal_folders, keys=tuple(map(str, identities))),
        is_scratch=is_scratch,
        progress=progress,
    ) as server:
        timeline, left_at = fork(data)
        _require_reached(plan, left_at)
        yield (
            server,
            Recovered(
                data=str(data),
                backup=plan.backup.label,
                timeline=timeline,
                reached_at=last_replayed(server),
                left_at=lsn_text(left_at),
                databases=(),
                took_s=time.monotonic() - began,
                steps=(),
            ),
        )


@contextmanager
def reopened_server(data: Path, backup: BaseBackup) -> Generator[RecoveredServer]:
    """Runs on data that were restored before, out of the world's reach: to look at them, or take something out."""
    with recovered_server(data, startable(backup), bin_dir_of(backup.version), recovery=None) as server:
        yield server


def startable(backup: BaseBackup) -> Startable:
    return Startable(backup.superuser, backup.settings, backup.keeps_configuration)


def verify_chain(plan: RecoveryPlan, identities: Identities) -> None:
    """Raises ConflictError `ops.backup_damaged`, DecryptionError."""
    for link in plan.chain:
        verified = verify_copy(Path(plan.root) / link.label, link, identities)
        if verified is not None and verified.problems:
            found = "; ".join(verified.problems[:3])
            hint = "restore from another backup with --backup, and take a new one"
            raise ConflictError("ops.backup_damaged", f"{link.label} is damaged: {found}", hint)


def assemble(plan: RecoveryPlan, data: Path, identities: Identities) -> None:
    """The files as they were when the backup was taken. The server that starts on them syncs them itself."""
    data.parent.mkdir(parents=True, exist_ok=True)
    if len(plan.chain) > 1:
        _combine(plan, data, identities)
    elif plan.backup.encryption is None:
        shutil.copytree(Path(plan.root) / plan.backup.label / "data", data, symlinks=True)
    else:
        unseal(Path(plan.root) / plan.backup.label, data, identities)
    for stale in ("postmaster.pid", "postmaster.opts", "standby.signal"):
        (data / stale).unlink(missing_ok=True)


def _combine(plan: RecoveryPlan, data: Path, identities: Identities) -> None:
    program = find_program("pg_combinebackup", plan.backup.version // 10_000, exactly=True)
    with private_folder(data.parent) as place:
        folders: list[Path] = []
        for link in plan.chain:
            lies = Path(plan.root) / link.label
            folders.append(lies / "data" if link.encryption is None else place / link.label)
            if link.encryption is not None:
                unseal(lies, folders[-1], identities)
        # Never --link: the server that starts on the result would change the backup.
        run_program(program, ["--no-sync", "-o", data, *folders], {"LC_ALL": "C"})


def bin_dir_of(version: int) -> Path:
    """Raises ConfigError `ops.no_program` where that server's own version is not installed here."""
    return find_program("postgres", version // 10_000, exactly=True).path.parent


@contextmanager
def _alone_at(folder: Path) -> Generator[None]:
    """Two who restore to one place in a disaster must not remove each other's files. Raises ConflictError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f"{folder.name}.lock")
    held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "wait for it, or name another folder"
            raise ConflictError("ops.running", f"another process restores to {folder}", hint) from None
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(held)


@contextmanager
def _removed_unless_renamed(folder: Path) -> Generator[None]:
    if folder.exists():
        shutil.rmtree(folder)  # of an earlier restore to the same place that was killed
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def fork(data: Path) -> tuple[int, int]:
    """The timeline that the promotion began, and the position where it left the old one."""
    found = timelines([data / "pg_wal"])
    timeline = max(found)
    return timeline, found[timeline][-1].begin


def _require_reached(plan: RecoveryPlan, left_at: int) -> None:
    """A recovery without a target ends where it finds no more log, for whatever reason, and calls that a success."""
    if plan.reached_lsn is not None and left_at <= parse_lsn(plan.reached_lsn):
        raise RecoveryFailedError(
            "ops.recovery_short",
            f"recovery ended at {lsn_text(left_at)}, before {plan.reached_lsn}, which the log has",
            "see that the account that the server runs as may read every folder of the log",
        )


def last_replayed(server: RecoveredServer) -> datetime | None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("SET timezone = 'UTC'")
        row = conn.execute("SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()").fetchone()
        assert row is not None
        if row[0]:
            raise RecoveryFailedError("ops.recovery_failed", "the restored server is still recovering", None)
        return row[1]


def _databases(server: RecoveredServer) -> tuple[str, ...]:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        rows = conn.execute("SELECT datname::text FROM pg_database WHERE datallowconn ORDER BY 1").fetchall()
    return tuple(str(row[0]) for row in rows)


def _mark_for_archive(data: Path, timeline: int, backup: BaseBackup) -> None:
    """The promotion was not archived. Once this server is in the old one's place, its own archiver does it first.

    Without this no later recovery could follow the new timeline, and a second restore would take the same number.
    """
    status = data / "pg_wal" / "archive_status"
    status.mkdir(exist_ok=True)
    names = [f"{timeline:08X}.history"]
    segments = sorted(path.name for path in (data / "pg_wal").glob(f"{timeline:08X}{'[0-9A-F]' * 16}"))
    for name in [*names, *_finished(segments, data, backup)]:
        if not (status / f"{name}.done").exists():
            (status / f"{name}.ready").touch()
    own_tree(status, server_account())


def _finished(segments: Sequence[str], data: Path, backup: BaseBackup) -> list[str]:
    """Those before the one that is being written, which the control file names as that of the last checkpoint."""
    program = find_program("pg_controldata", backup.version // 10_000, exactly=True)
    said = run_program(program, [data], {"LC_ALL": "C"})
    current = next(line.split()[-1] for line in said.splitlines() if "REDO WAL file" in line)
    return [name for name in segments if name < current]


def _steps(backup: BaseBackup, into: Path) -> list[str]:
    old, new = shlex.quote(backup.data_directory or "OLD"), shlex.quote(str(into))
    steps = [
        f"stop the old server; it keeps its data in {old}" if backup.data_directory else "stop the old server",
        f"mv {old} {old}.before && mv {new} {old}",
    ]
    if not backup.keeps_configuration:
        steps.append("its configuration is kept in a folder of the system, and is not in the backup: see that it fits")
    return [
        *steps,
        "start it as the old one was started",
        "gasolinera ops check && gasolinera ops reconcile",
        "gasolinera ops backup base, at once: what was backed up before leads to the old server's time",
    ]
