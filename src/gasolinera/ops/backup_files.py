"""A backup on disk: a folder that appears whole or not at all, with a manifest of what is in it.

It is made under a name that begins with `.partial-`, written through to the disk, and renamed. A killed process
leaves such a folder behind, which the next backup in the same place removes.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from gasolinera.config import PREFIX
from gasolinera.errors import ConfigError, GasolineraError, InputError
from gasolinera.ops.catalogue import Engine, Kind

FOLDER_SETTING: Final = f"{PREFIX}BACKUP_FOLDER"
MANIFEST: Final = "manifest.json"
_DEFAULT_FOLDER: Final = Path(".local/backups")
_PARTIAL: Final = ".partial-"
_LOCK: Final = ".lock"
_REMOVED: Final = ".removed-"
_BLOCK_BYTES: Final = 1 << 20
_MOST_MANIFEST_BYTES: Final = 100_000_000


class BackupFile(msgspec.Struct, frozen=True):
    """`path` is relative to the backup's folder."""

    path: str
    size: int
    sha256: str


class DumpedTable(msgspec.Struct, frozen=True):
    """`part_of`: the partitioned table whose rows these are."""

    name: str
    rows: int
    part_of: str | None = None


class DumpedService(msgspec.Struct, frozen=True, kw_only=True):
    """One service's schema as it was at one moment. `version` is its last migration; None: its history is empty.

    `lsn` is the position in the server's log at which the snapshot was taken: everything before it is in the dump.
    """

    name: str
    schema: str
    database: str
    version: str | None
    lsn: str
    consistent_at: datetime
    dump: str
    tables: tuple[DumpedTable, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`has_one_snapshot`: all services are of the same moment, because they share a database."""

    format: Literal[1] = 1
    label: str
    kind: Kind
    engine: Engine
    started_at: datetime
    server_version: str
    client_major: int
    system_identifier: str | None
    compression: str
    encryption: str | None
    has_one_snapshot: bool
    services: tuple[DumpedService, ...]
    files: tuple[BackupFile, ...]

    def service(self, name: str) -> DumpedService:
        """Raises InputError `ops.not_in_backup`."""
        found = next((one for one in self.services if one.name == name), None)
        if found is None:
            there = ", ".join(one.name for one in self.services)
            raise InputError("ops.not_in_backup", f"the backup {self.label} has no {name}", f"it has {there}")
        return found


class DamagedError(GasolineraError):
    """A backup is not what was written."""


def chosen_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where backups lie: `GASOLINERA_BACKUP_FOLDER`, or `.local/backups`."""
    said = (os.environ if environ is None else environ).get(FOLDER_SETTING, "").strip()
    return (Path(said) if said else _DEFAULT_FOLDER).absolute()


@contextmanager
def staged(location: Path) -> Generator[Path]:
    """A path beside `location` at which to make a folder or a file; it gets that name when the block ends well.

    Nothing stays when it raises. Removes what killed processes left in the same place. Raises GasolineraError
    `ops.folder` where nobody may write.
    """
    root = location.parent
    with _folder_errors(root):
        root.mkdir(parents=True, exist_ok=True, mode=0o711)  # the server's account passes through, and lists nothing
        _remove_abandoned(root)
        staging = root / f"{_PARTIAL}{location.name}"
        lock = staging.with_name(staging.name + _LOCK)
        held = _locked(lock)
    try:
        yield staging
        sync(staging)
        staging.rename(location)
        sync(root)
    except BaseException:
        _remove(staging)
        raise
    finally:
        with suppress(FileNotFoundError):
            lock.unlink()
        os.close(held)


def _locked(lock: Path) -> int:
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held), lock.stat()):
                return held
        os.close(held)  # another took it for abandoned before it was ours


def _remove_abandoned(root: Path) -> None:
    for lock in root.glob(f"{_PARTIAL}*{_LOCK}"):
        with suppress(FileNotFoundError), lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # somebody works there
                continue
            _remove(lock.with_name(lock.name.removesuffix(_LOCK)))
            lock.unlink(missing_ok=True)
    for removed in root.glob(f"{_REMOVED}*"):
        _remove(removed)


def remove_backup(location: Path) -> None:
    """Nobody finds half of it: first it loses its name. Nothing happens where there is none."""
    gone = location.with_name(f"{_REMOVED}{location.name}")
    with suppress(FileNotFoundError):
        location.rename(gone)
        sync(location.parent)
    _remove(gone)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):  # two may be at what is gone for both
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def sync(path: Path) -> None:
    """What is in a file, or which names are in a folder, is on the disk when this returns."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_in(folder: Path) -> tuple[BackupFile, ...]:
    """Everything below a folder but the manifest, by name."""
    return tuple(
        BackupFile(str(path.relative_to(folder)), path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    )


def write_manifest(folder: Path, manifest: Manifest) -> str:
    """Gives its sha256."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    with (folder / MANIFEST).open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(text).hexdigest()


def require_seen(location: Path) -> None:
    """Raises ConfigError `ops.folder_unseen` where nobody can say from here whether a backup is there and whole: its
    disk is not mounted, it lies on another host, or it is closed to us.
    """
    parent, hint = location.parent, "mount its disk, or run this on its host as the account that made it"
    try:
        parent.stat()
        is_closed = location.exists() and not os.access(location, os.R_OK | os.X_OK)
    except FileNotFoundError:
        raise ConfigError("ops.folder_unseen", f"there is no folder {parent} here", hint) from None
    except OSError as error:
        raise ConfigError("ops.folder_unseen", f"{parent} may not be read: {error.strerror}", hint) from error
    if is_closed:
        raise ConfigError("ops.folder_unseen", f"{location} may not be read", hint)


def read_manifest(folder: Path, *, sha256: str | None = None) -> Manifest:
    """`sha256`: what the catalogue says of it.

    Raises DamagedError `ops.backup_missing`, `ops.backup_damaged`, ConfigError `ops.folder_unseen`.
    """
    require_seen(folder)
    path = folder / MANIFEST
    hint = "`gasolinera ops backup list` names others"
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_MANIFEST_BYTES)
    except FileNotFoundError:
        raise DamagedError(
            "ops.backup_missing", f"there is no backup at {folder}: it has no {MANIFEST}", hint
        ) from None
    except OSError as error:
        raise DamagedError("ops.backup_missing", f"{path} cannot be read: {error.strerror}", hint) from error
    if sha256 is not None and hashlib.sha256(text).hexdigest() != sha256:
        raise DamagedError("ops.backup_damaged", f"{path} is not the manifest that was written", hint)
    try:
        return msgspec.json.decode(text, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise DamagedError("ops.backup_damaged", f"{path} is damaged: {error}", hint) from error


def problems_with(folder: Path, expected: Sequence[BackupFile], *, list_name: str = MANIFEST) -> list[str]:
    """What is missing, too short, changed, or not of the backup. Reads every file. `list_name`: that names them all."""
    problems: list[str] = []
    for one in expected:
        path = folder / one.path
        try:
            size = path.stat().st_size
            if size != one.size:
                problems.append(f"{one.path} has {size} bytes instead of {one.size}")
            elif sha256_of(path) != one.sha256:
                problems.append(f"{one.path} was changed: its checksum is another")
        except FileNotFoundError:
            problems.append(f"{one.path} is missing")
        except OSError as error:
            problems.append(f"{one.path} cannot be read: {error.strerror}")
    known = {one.path for one in expected}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {list_name}
    return problems + [f"{name} does not belong there" for name in sorted(there - known)]


@contextmanager
def _folder_errors(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        message = f"backups cannot be written to {folder}: {error.strerror or error}"
        raise GasolineraError("ops.folder", message, f"set {FOLDER_SETTING} to a folder that can be") from error
