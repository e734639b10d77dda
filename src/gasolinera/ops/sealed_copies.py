"""Copies of whole servers that are encrypted at rest: one file of pg_basebackup's tar, which passes through pipes only.

`base.tar.age` needs the key. `outline.json`, which does not, is the copy's manifest without its checksums: by it the
server finds what has changed since, so that who makes backups needs no secret for an incremental one either.
"""

import os
import shutil
import tarfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from hashlib import file_digest, sha256
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final, cast

import msgspec
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import GasolineraError
from gasolinera.ops.backup_files import BackupFile, DamagedError, sha256_of
from gasolinera.ops.encryption import Encryption, decrypt_into_pipe, encrypt_to_file
from gasolinera.ops.manifests import NAME, FoundFile, Verified, judge
from gasolinera.ops.private_folders import private_folder
from gasolinera.ops.programs import Program, running_program

TAR: Final = "base.tar.age"
OUTLINE: Final = "outline.json"
_LOG: Final = "pg_wal/"
_BLOCK: Final = 1 << 20


class _Tee:
    """A stream whose every byte goes to another one, too, when it is read."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source, self._sink = source, sink

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._sink.write(data)
        return data


def seal_output(
    program: Program, arguments: Sequence[str | Path], environment: dict[str, str], folder: Path, encryption: Encryption
) -> bytes:
    """What pg_basebackup says is the tar that is encrypted into `folder`; gives the manifest that was in it.

    Raises ProgramError, DamagedError `ops.no_manifest`, OSError of writing.
    """
    manifest: bytes | None = None
    trouble: Exception | None = None
    failures: list[Exception] = []
    with running_program(program, arguments, environment) as process:
        assert process.stdout is not None
        readable, writable = os.pipe()
        writer = threading.Thread(target=_encrypt, args=(readable, folder / TAR, encryption, failures))
        writer.start()
        try:
            with os.fdopen(writable, "wb") as sink:
                manifest = _manifest_in(_Tee(process.stdout, sink))
        except tarfile.TarError as error:  # the program knows better why it ended
            trouble = error
        except BrokenPipeError:
            writer.join()
            raise (failures[0] if failures else OSError("nothing could be written")) from None
        finally:
            writer.join()
    if failures:
        raise failures[0]
    if manifest is None:
        raise DamagedError("ops.no_manifest", f"{program.name} wrote no manifest", None) from trouble
    return manifest


def _encrypt(readable: int, target: Path, encryption: Encryption, failures: list[Exception]) -> None:
    try:
        with os.fdopen(readable, "rb") as source:
            encrypt_to_file(source, target, encryption)
    except Exception as error:
        failures.append(error)


def _manifest_in(tee: _Tee) -> bytes | None:
    """Reads to the end. A manifest is in memory as a whole, and nothing else."""
    manifest: bytes | None = None
    # It needs no more of a file than `read`.
    with tarfile.open(fileobj=cast("IO[bytes]", tee), mode="r|", bufsize=_BLOCK) as tar:
        for member in tar:
            if member.name == NAME:
                manifest = _content(tar, member).read()
    while tee.read(_BLOCK):
        pass
    return manifest


def write_outline(folder: Path, manifest: bytes) -> tuple[BackupFile, ...]:
    """Beside the tar; gives both files as they lie there. In the form in which servers read a manifest."""
    said: dict[str, Any] = msgspec.json.decode(manifest)
    said.pop("Manifest-Checksum")
    kept = ("Path", "Encoded-Path", "Size")
    said["Files"] = [{key: one[key] for key in kept if key in one} for one in said["Files"]]
    head = msgspec.json.format(msgspec.json.encode(said), indent=1).rstrip(b"\n}") + b",\n"
    text = head + f'"Manifest-Checksum": "{sha256(head).hexdigest()}"}}\n'.encode()
    with (folder / OUTLINE).open("xb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    paths = (folder / TAR, folder / OUTLINE)
    return tuple(BackupFile(path.name, path.stat().st_size, sha256_of(path)) for path in paths)


@contextmanager
def opened(folder: Path, identities: Sequence[x25519.Identity]) -> Generator[tarfile.TarFile]:
    """The tar, decrypted on the way; what the body does not read is read after it, for its end is what proves it whole.

    Raises DecryptionError `ops.no_key`, `ops.wrong_key`, `ops.not_decrypted`; DamagedError `ops.backup_damaged`.
    """
    failures: list[Exception] = []
    with (folder / TAR).open("rb") as source:
        readable, writable = os.pipe()
        feeder = threading.Thread(target=decrypt_into_pipe, args=(source, writable, identities, failures))
        feeder.start()
        try:
            with os.fdopen(readable, "rb") as stream:
                with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as tar:
                    yield tar
                while stream.read(_BLOCK):
                    pass
        except tarfile.TarError as error:
            feeder.join()
            if failures:
                raise failures[0] from error
            raise _damaged(folder, str(error)) from error
        finally:
            feeder.join()
    if failures:
        raise failures[0]


def _damaged(folder: Path, why: str) -> DamagedError:
    return DamagedError("ops.backup_damaged", f"{folder / TAR}: {why}", "use another backup, and find out why")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> BufferedIOBase:
    content = tar.extractfile(member)
    assert content is not None  # a regular file
    return cast("BufferedIOBase", content)


def unseal(folder: Path, data: Path, identities: Sequence[x25519.Identity], *, only: str = "") -> None:
    """The files in `data`, a new folder for its owner. `only`: those whose names begin so. Raises as `opened` does."""
    data.mkdir(mode=0o700)
    with opened(folder, identities) as tar:
        for member in tar:
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or not (member.isdir() or member.isfile()):
                raise _damaged(folder, f"{member.name} is nothing that a server has")
            if not f"{name}/".startswith(only):
                continue
            target = data / name
            if member.isdir():
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                continue
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(_content(tar, member), target)


def _write(content: BufferedIOBase, target: Path) -> None:
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _BLOCK)


@contextmanager
def unsealed_log(folder: Path, identities: Sequence[x25519.Identity]) -> Generator[Path]:
    """The part of the log that came with the copy, in a folder that is there for the body alone."""
    with private_folder() as place:
        unseal(folder, place / "data", identities, only=_LOG)
        yield place / "data" / "pg_wal"


def verify_sealed(folder: Path, manifest_sha256: str, identities: Sequence[x25519.Identity], bin_dir: Path) -> Verified:
    """Every file against the manifest as it comes out of the tar; on the disk is nothing meanwhile but the log.

    Raises DecryptionError `ops.no_key`, `ops.wrong_key`: which say nothing of the backup.
    """
    found: dict[str, FoundFile] = {}
    text = b""
    try:
        with private_folder() as place, opened(folder, identities) as tar:
            for member in tar:
                if not member.isfile():
                    continue
                content = _content(tar, member)
                if member.name == NAME:
                    text = content.read()
                elif PurePosixPath(member.name).parent == PurePosixPath("pg_wal"):
                    kept = place / PurePosixPath(member.name).name
                    _write(content, kept)
                    found[member.name] = FoundFile(member.size, sha256_of(kept))
                else:
                    found[member.name] = FoundFile(member.size, file_digest(content, "sha256").hexdigest())
            if sha256(text).hexdigest() != manifest_sha256:
                return Verified("gasolinera", (f"{NAME} is not the one that was written",))
            return Verified("gasolinera", tuple(judge(text, found, place, bin_dir)))
    except GasolineraError as error:
        if error.code in ("ops.not_decrypted", "ops.backup_damaged", "ops.manifest"):
            return Verified("gasolinera", (error.message,))
        raise
