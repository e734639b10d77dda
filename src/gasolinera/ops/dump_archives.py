"""Reading dumps: what a backup has, whether it can be read to its end, and its stream for pg_restore."""

import os
import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
import psycopg
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import ConfigError, GasolineraError
from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.backup_files import DamagedError, DumpedService, Manifest
from gasolinera.ops.catalogue import LOGICAL, Backup, Kind
from gasolinera.ops.encryption import IDENTITY_SETTING, SUFFIX, decrypt, decrypt_into_pipe
from gasolinera.ops.programs import Program, ProgramError, find_program, running_program

Connection = psycopg.Connection[Any]
_BLOCK_BYTES: Final = 1 << 20
_MOST_PROBLEMS: Final = 20


class Archive(msgspec.Struct, frozen=True):
    """A logical backup on disk, whose files are as they were written, with the keys that read it."""

    folder: Path
    manifest: Manifest
    identities: tuple[x25519.Identity, ...] = ()

    def program(self, name: str, at_least: int = 0) -> Program:
        """A client that reads the dump, for a server of that version. Raises ConfigError `ops.no_program`."""
        return find_program(name, max(at_least, self.manifest.client_major))


class Verification(msgspec.Struct, frozen=True):
    """What is wrong with a backup, and what was not looked at. `unread`: why nobody can say, such as the wrong key.
    `is_expired`: it is gone by the rules of the tool that keeps it.
    """

    label: str
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    unread: str | None = None
    is_expired: bool = False


def opened_archive(
    folder: Path, identities: Sequence[x25519.Identity] = (), *, manifest_sha256: str | None = None
) -> Archive:
    """Raises DamagedError `ops.backup_missing`, `ops.backup_damaged` where a file is not what was written."""
    manifest = backup_files.read_manifest(folder, sha256=manifest_sha256)
    problems = backup_files.problems_with(folder, manifest.files)
    if problems:
        raise _damaged(folder, problems)
    return Archive(folder, manifest, tuple(identities))


def _damaged(folder: Path, problems: Sequence[str]) -> DamagedError:
    more = f" and {len(problems) - _MOST_PROBLEMS} more" if len(problems) > _MOST_PROBLEMS else ""
    said = "; ".join(problems[:_MOST_PROBLEMS]) + more
    return DamagedError("ops.backup_damaged", f"{folder} is damaged: {said}", "use another backup, and find out why")


def find_logical(conn: Connection, service: str, said: str | None) -> tuple[Path, str | None]:
    """The folder of a backup that has the service's rows, and the sha256 of its manifest where it is on record.

    `said` is a label or a path; None: the newest good one. Raises UnknownError, GasolineraError `ops.no_backup`.
    """
    if said is not None and (os.sep in said or Path(said, backup_files.MANIFEST).is_file()):
        folder = Path(said).absolute()
        known = next((one for one in catalogue.backups(conn) if one.path == folder), None)
        return folder, None if known is None else known.manifest_sha256
    found: Backup | None
    if said is not None:
        found = catalogue.backup_of(conn, said)
        if found.kind is not Kind.SERVICE or not found.succeeded or found.removed_at is not None:
            why = "has no rows of services" if found.succeeded else f"was not made: {found.error or 'it still runs'}"
            why = "was removed" if found.removed_at is not None else why
            raise GasolineraError("ops.no_backup", f"the backup {said} {why}", "gasolinera ops backup list")
    else:
        found = catalogue.newest_good(conn, kinds=(Kind.SERVICE,), service=service)
    if found is None:
        hint = "make one: gasolinera ops backup service"
        raise GasolineraError("ops.no_backup", f"there is no good backup of {service}", hint)
    return found.path, found.manifest_sha256


@contextmanager
def reading(
    archive: Archive,
    dump: DumpedService,
    program: Program,
    arguments: Sequence[str | Path],
    environment: dict[str, str],
) -> Generator[IO[bytes]]:
    """pg_restore at work on a dump; gives its output.

    Raises ProgramError, and DecryptionError where the dump is encrypted and the key or the file is not right.
    """
    path = archive.folder / dump.dump
    if not dump.dump.endswith(SUFFIX):
        with running_program(program, [*arguments, path], environment) as process:
            yield cast("IO[bytes]", process.stdout)
        return
    with ExitStack() as stack:
        source = stack.enter_context(path.open("rb"))
        failures: list[Exception] = []
        stack.enter_context(_decryption_first(failures))
        readable, writable = os.pipe()
        feeder = threading.Thread(target=decrypt_into_pipe, args=(source, writable, archive.identities, failures))
        stdin = stack.enter_context(os.fdopen(readable, "rb"))
        feeder.start()
        try:
            with running_program(program, arguments, environment, stdin=stdin) as process:
                stdin.close()  # ours: else nobody tells the feeder that the program has ended
                yield cast("IO[bytes]", process.stdout)
        finally:
            stdin.close()
            feeder.join()


@contextmanager
def _decryption_first(failures: list[Exception]) -> Generator[None]:
    """The program fails too where decryption does, and knows less of the reason."""
    try:
        yield
    except ProgramError as error:
        if failures:
            raise failures[0] from error
        raise
    if failures:
        raise failures[0]


def verify_logical(backup: Backup, identities: Sequence[x25519.Identity]) -> Verification:
    """The files against the manifest, each dump as pg_restore reads it; encrypted ones are decrypted to their end."""
    assert backup.kind in LOGICAL
    try:
        manifest = backup_files.read_manifest(backup.path, sha256=backup.manifest_sha256)
    except ConfigError as error:
        return Verification(backup.label, (), (), error.message)
    except DamagedError as error:
        return Verification(backup.label, (error.message,))
    problems = backup_files.problems_with(backup.path, manifest.files)
    if problems:
        return Verification(backup.label, tuple(problems))
    if manifest.encryption is not None and not identities:
        note = f"not decrypted: {IDENTITY_SETTING} names no key; its files are as they were written"
        return Verification(backup.label, (), (note,))
    archive = Archive(backup.path, manifest, tuple(identities))
    for dump in manifest.services:
        try:
            if dump.dump.endswith(SUFFIX):
                _decrypt_all(archive, dump)
            if manifest.kind is Kind.SERVICE:
                listed = _listed(archive, dump)
                problems += [f"{dump.name}: the dump has no {table}" for table in _missing(dump, listed)]
        except GasolineraError as error:
            if error.code in ("ops.wrong_key", "ops.no_program"):
                return Verification(backup.label, tuple(problems), (), error.message)
            problems.append(f"{dump.name}: {error.message}")
    return Verification(backup.label, tuple(problems))


def _missing(dump: DumpedService, listed: str) -> list[str]:
    lines = {line.split(" TABLE DATA ", 1)[1].split()[1] for line in listed.splitlines() if " TABLE DATA " in line}
    return [table.name for table in dump.tables if table.name not in lines]


def _listed(archive: Archive, dump: DumpedService) -> str:
    program = archive.program("pg_restore")
    with reading(archive, dump, program, ["--list"], dict(os.environ)) as output:
        return output.read().decode(errors="replace")


def _decrypt_all(archive: Archive, dump: DumpedService) -> None:
    """Raises DecryptionError."""
    with (archive.folder / dump.dump).open("rb") as source, Path(os.devnull).open("wb") as nowhere:
        decrypt(source, nowhere, archive.identities)
