"""Base backups by pgBackRest, where it is installed and a stanza set up: its repository and its rules are its own.

Its exit statuses are not enough: 0 is what it ends with when pages of the database are damaged, and when it has just
found its own repository damaged. So what counts is what it says.
"""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from gasolinera.errors import ConfigError
from gasolinera.ops.base_backups import BackupFailedError
from gasolinera.ops.manifests import Verified
from gasolinera.ops.recovery_planning import Target
from gasolinera.ops.recovery_server import own_tree
from vuelo.installation import server_account

_PACKAGE: Final = "pgbackrest"
_MOST_SAID: Final = 1500
_BAD_WORDS: Final = ("status: error", "checksum invalid", "missing", "size invalid", "other: ")
_SHOWN: Final = 20


class Stanza(msgspec.Struct, frozen=True):
    """`config` None: pgBackRest's own place."""

    name: str
    config: Path | None = None


class _Time(msgspec.Struct):
    start: int
    stop: int


class _Lsn(msgspec.Struct):
    start: str = ""
    stop: str = ""


class _Repository(msgspec.Struct):
    size: int = 0
    delta: int = 0


class _Size(msgspec.Struct):
    size: int
    repository: _Repository


class _Backup(msgspec.Struct):
    label: str
    type: Literal["full", "diff", "incr"]
    timestamp: _Time
    info: _Size
    error: bool | None = None
    prior: str | None = None
    lsn: _Lsn = msgspec.field(default_factory=_Lsn)


class _Status(msgspec.Struct):
    code: int
    message: str


class _Database(msgspec.Struct):
    system_id: int = msgspec.field(name="system-id")
    version: str
    id: int


class _Info(msgspec.Struct):
    name: str
    status: _Status
    backup: list[_Backup] = []
    db: list[_Database] = []


class RepositoryBackup(msgspec.Struct, frozen=True, kw_only=True):
    """`has_error`: pages of the database were damaged when it was taken, as far as their checksums tell."""

    label: str
    is_full: bool
    prior: str | None
    started_at: datetime
    finished_at: datetime
    start_lsn: str
    stop_lsn: str
    size_bytes: int
    has_error: bool
    system_identifier: str
    version: str


def repository_backups(stanza: Stanza) -> list[RepositoryBackup]:
    """The newest first. Raises ConfigError `ops.no_program`, `ops.stanza`."""
    info = _info(stanza)
    return [_told(one, info.db[-1]) for one in reversed(info.backup)]


def system_of(stanza: Stanza) -> str:
    """The identifier of the server that the stanza is of now. Raises as `repository_backups` does."""
    return str(_info(stanza).db[-1].system_id)


def _info(stanza: Stanza) -> _Info:
    said = _run(stanza, "info", "--output=json")
    if said.returncode != 0:
        raise ConfigError("ops.stanza", f"pgBackRest does not tell of {stanza.name}: {_end_of(said)}")
    infos = msgspec.json.decode(said.stdout, type=list[_Info])
    info = next((one for one in infos if one.name == stanza.name), None)
    if info is None or not info.db:
        message = info.status.message if info else "it is not there"
        hint = "set it up: pgbackrest stanza-create, then pgbackrest check"
        raise ConfigError("ops.stanza", f"the stanza {stanza.name} has no database: {message}", hint)
    return info


def _told(one: _Backup, database: _Database) -> RepositoryBackup:
    return RepositoryBackup(
        label=one.label,
        is_full=one.type == "full",
        prior=one.prior,
        started_at=datetime.fromtimestamp(one.timestamp.start, UTC),
        finished_at=datetime.fromtimestamp(one.timestamp.stop, UTC),
        start_lsn=one.lsn.start,
        stop_lsn=one.lsn.stop,
        size_bytes=one.info.repository.delta or one.info.repository.size,
        has_error=one.error is True,
        system_identifier=str(database.system_id),
        version=database.version,
    )


def take(stanza: Stanza, *, is_incremental: bool) -> RepositoryBackup:
    """Blocks. Raises BackupFailedError `ops.base_backup` also for a backup that is there and has damaged pages."""
    before = {one.label for one in repository_backups(stanza)}
    said = _run(stanza, "backup", f"--type={'incr' if is_incremental else 'full'}")
    made = next((one for one in repository_backups(stanza) if one.label not in before), None)
    if said.returncode != 0 or made is None:
        raise BackupFailedError("ops.base_backup", f"pgBackRest made no backup: {_end_of(said)}")
    if made.has_error:
        hint = f"pgbackrest --stanza={stanza.name} info --set={made.label} lists the files; restore them from before"
        raise BackupFailedError("ops.backup_damaged", f"{made.label} holds damaged pages of the database", hint)
    return made


def verify(stanza: Stanza) -> Verified:
    """All that the repository holds, which is read to its end."""
    said = _run(stanza, "verify", "--output=text", "--verbose")
    if said.returncode != 0:
        return Verified("pgBackRest", (_end_of(said),))
    bad = [line.strip() for line in said.stdout.splitlines() if _is_bad(line)]
    damaged = [one.label for one in repository_backups(stanza) if one.has_error]
    return Verified("pgBackRest", (*bad[:_SHOWN], *(f"{label} holds damaged pages" for label in damaged)))


def _is_bad(line: str) -> bool:
    """A count of nothing is no finding, as in `missing: 0, checksum invalid: 0`."""
    if "status: error" in line or "status: invalid" in line:
        return True
    counts = [part.rsplit(":", 1) for part in line.split(",") if any(word in part for word in _BAD_WORDS)]
    return any(len(count) == 2 and count[1].strip().isdigit() and int(count[1]) > 0 for count in counts)


def restore_files(stanza: Stanza, data: Path, target: Target, *, label: str | None = None) -> None:
    """Only the files; who starts the server on them watches it recover. Raises BackupFailedError `ops.restore`."""
    arguments = [f"--pg1-path={data}", "--archive-mode=off", f"--type={_type(target)}", "--target-action=promote"]
    if target.kind == "latest":
        arguments.pop()
    else:
        arguments.append(f"--target={target.value}")
    if not target.inclusive:
        arguments.append("--target-exclusive")
    if label is not None:
        arguments.append(f"--set={label}")
    data.mkdir(parents=True, mode=0o700)
    own_tree(data, server_account())  # as which pgBackRest itself may run
    said = _run(stanza, "restore", *arguments)
    if said.returncode != 0:
        raise BackupFailedError("ops.restore", f"pgBackRest restored nothing: {_end_of(said)}")


def _type(target: Target) -> str:
    return "default" if target.kind == "latest" else target.kind


def program() -> Path:
    """Raises ConfigError `ops.no_program`."""
    found = shutil.which(_PACKAGE)
    if found is None:
        raise ConfigError("ops.no_program", "pgBackRest is not installed", f"install {_PACKAGE}")
    return Path(found)


def _run(stanza: Stanza, command: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    config = [] if stanza.config is None else [f"--config={stanza.config}"]
    environment: dict[str, Any] = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(
        [program(), *config, f"--stanza={stanza.name}", "--log-level-console=warn", *arguments, command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=environment,
    )


def _end_of(said: "subprocess.CompletedProcess[str]") -> str:
    return (said.stdout + said.stderr).strip()[-_MOST_SAID:] or f"it ended with status {said.returncode}"
