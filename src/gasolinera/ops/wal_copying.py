"""What a server runs as archive_command and restore_command: one file of its log, copied so that a crash leaves it
whole or absent.

The server starts this file once a segment, as its own account, so it needs nothing but the standard library and can be
run as `python -I -S wal_copying.py`; a copy of it works anywhere. Exit statuses are those that PostgreSQL knows:
0 done, 1 not this time (it tries again, or takes the log for ended), above 125 stop the recovery.

With recipients a segment is sealed: compressed by gzip, for age hides no zeros, and encrypted by age, for which alone
`pyrage` must be importable (`--library` says where it lies). Its name is then `SEGMENT.DIGEST.SIZE.gz.age`: the
digest of what is in it, for no two encryptions of it are alike, and the size of what is encrypted.
"""

import io
import os
import sys

TYPE_CHECKING = False  # as `typing` has it, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension
    from typing_extensions import Buffer

_BLOCK = 1 << 16
_NOT_DONE = 1
_STOP_RECOVERY = 200
_SUFFIX = ".gz.age"
_PARTIAL = ".partial"
_DIGITS = 32  # of SHA-256, in the name
_MOST_HEADER = 1 << 16
_LAST_OF_HEADER = b"\n--- "  # and 43 digits of its authentication
KEYS = "WAL_COPYING_KEYS"
"""The variable with the keys of a server that is being restored: they are in no file that a crash could leave there."""

_USAGE = """usage: put PATH FOLDER [--for RECIPIENT…]            archive_command = '… put %p FOLDER'
       get NAME PATH FOLDER… [--identity FILE]       restore_command = '… get %f %p FOLDER'
       both: --library FOLDER, where pyrage lies"""

# `os` functions, for `pathlib` takes longer to import than a segment to copy.
# ruff: noqa: PTH108, PTH110, PTH118, PTH119, PTH123, PTH202, PTH208


class DifferentError(Exception):
    """The archive has another file of this name: two servers write to one archive, or one was restored wrongly."""


class SealedError(Exception):
    """A sealed file is not what was written, or nothing can be sealed."""


class NoKeyError(SealedError):
    """Nobody has said which key reads it."""


class WrongKeyError(SealedError):
    """It was made for others."""


def put(path: str, folder: str, recipients: "Sequence[str]" = ()) -> bool:
    """False: the very same file is there already, as after a crash between copy and note.

    Raises DifferentError, which no new try mends, SealedError and OSError.
    """
    name = os.path.basename(path)
    if recipients and is_segment(name):
        return _put_sealed(path, folder, recipients)
    target = os.path.join(folder, name)
    if os.path.exists(target):
        if not _is_same(path, target):
            raise DifferentError(f"{target} is there and differs")
        _sync_folder(folder)  # whoever wrote it may have died before this
        return False
    sealed = sealed_files(folder, name)
    if sealed and _is_there(path, folder, _digest(path)):
        _sync_folder(folder)
        return False
    written = os.path.join(folder, f".{name}.{os.getpid()}")
    try:
        _copy(path, written)
        try:
            os.link(written, target)  # unlike a rename it never replaces what another process has just put there
        except FileExistsError:
            if not _is_same(path, target):
                raise DifferentError(f"{target} is there and differs") from None
    finally:
        if os.path.exists(written):
            os.unlink(written)
    _sync_folder(folder)
    return True


def _put_sealed(path: str, folder: str, recipients: "Sequence[str]") -> bool:
    """What is there of the same segment decides, not the name of the file: two contents have two names."""
    name, digest = os.path.basename(path), _digest(path)
    if _is_there(path, folder, digest):
        _sync_folder(folder)
        return False
    written = os.path.join(folder, f".{name}.{digest}.{os.getpid()}")
    try:
        size = _seal(path, written, recipients)
        lock = _locked(folder)
        try:
            if not _is_there(path, folder, digest):
                os.link(written, os.path.join(folder, f"{name}.{digest}.{size}{_SUFFIX}"))
                _is_there(path, folder, digest)  # where locks are none, both of two hear of it
        finally:
            os.close(lock)
    finally:
        if os.path.exists(written):
            os.unlink(written)
    _sync_folder(folder)
    return True


def _is_there(path: str, folder: str, digest: str) -> bool:
    """Sealed or plain. Raises DifferentError where something else is."""
    name = os.path.basename(path)
    plain = os.path.join(folder, name)
    found = os.path.exists(plain)
    if found and not _is_same(path, plain):
        raise DifferentError(f"{plain} is there and differs")
    for sealed in sealed_files(folder, name):
        if sealed_parts(os.path.basename(sealed))[1] != digest:
            raise DifferentError(f"{sealed} is there and differs")
        if not is_whole(sealed):
            raise DifferentError(f"{sealed} is there and was cut: move it away")
        found = True
    return found


def _locked(folder: str) -> int:
    """One at a time looks whether a segment is there and puts it there, as long as it keeps this open."""
    import fcntl  # noqa: PLC0415

    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
    except OSError:  # a file system without locks: looking once more must do
        return opened
    return opened


def get(name: str, path: str, folders: list[str], identity: str = "") -> bool:
    """From the first of the folders that has it. False: none has.

    Raises OSError for one that is unreadable, SealedError for one that cannot be decrypted.
    """
    for folder in folders:
        try:
            _copy(os.path.join(folder, name), path)
        except FileNotFoundError:  # and no other trouble: what may not be read must not pass for the end of the log
            if not is_segment(name):
                continue
            sealed = sealed_files(folder, name)
            if not sealed:
                continue
            if len({sealed_parts(os.path.basename(one))[1] for one in sealed}) > 1:
                raise SealedError(f"{folder} has two different files of {name}") from None
            unseal(sealed[0], path, _identities(identity))
        return True
    return False


def is_segment(name: str) -> bool:
    """Or the part of one. Histories and labels of backups are not, and are never sealed: they are positions, times."""
    digits = name.removesuffix(_PARTIAL)
    return len(digits) == 24 and not digits.strip("0123456789ABCDEF")


def sealed_parts(file: str) -> tuple[str, str, int]:
    """The segment's name, the digest and the size that a name says; three of nothing where it is no sealed file's."""
    parts = file[: -len(_SUFFIX)].rsplit(".", 2) if file.endswith(_SUFFIX) else []
    if len(parts) != 3 or not is_segment(parts[0]) or len(parts[1]) != _DIGITS or not parts[2].isdigit():
        return "", "", 0
    return parts[0], parts[1], int(parts[2])


def sealed_files(folder: str, name: str) -> list[str]:
    """Those of one segment; more than one where two servers wrote. None where there is no folder."""
    try:
        found = os.listdir(folder)
    except FileNotFoundError:
        return []
    return [os.path.join(folder, one) for one in sorted(found) if one.startswith(name) and sealed_parts(one)[0] == name]


def is_whole(sealed: str) -> bool:
    """By its size, for which nobody needs a key: what age makes of so many bytes is known."""
    size = sealed_parts(os.path.basename(sealed))[2]
    with open(sealed, "rb") as file:
        header = file.read(_MOST_HEADER).find(_LAST_OF_HEADER) + len(_LAST_OF_HEADER) + 43 + 1
        blocks = max((size + _BLOCK - 1) // _BLOCK, 1)
        return os.fstat(file.fileno()).st_size == header + 16 + size + 16 * blocks


def unseal(sealed: str, target: str, identities: "Sequence[x25519.Identity]") -> None:
    """The segment as it was; nothing is at `target` unless every byte is. Raises SealedError, OSError."""
    if not identities:
        raise NoKeyError(f"{sealed} is encrypted, and no key is named")
    if not is_whole(sealed):
        raise SealedError(f"{sealed} is not whole")
    pyrage = _pyrage()
    try:
        with open(sealed, "rb") as source, open(target, "wb", buffering=0) as file:
            writer = _Inflating(file.fileno())
            pyrage.decrypt_io(source, writer, identities)
            writer.finish()
        if writer.digest() != sealed_parts(os.path.basename(sealed))[1]:
            raise SealedError(f"{sealed} holds something else than its name says")
    except BaseException as error:
        if os.path.exists(target):
            os.unlink(target)
        if isinstance(error, pyrage.DecryptError) and "matching" in str(error):
            raise WrongKeyError(f"{sealed} was made for another key") from error
        if isinstance(error, SealedError) or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise SealedError(f"{sealed} is not what was written: {error}") from error


class _Inflating(io.BufferedIOBase):
    """What gzip has made small goes to a file, zeros as holes."""

    def __init__(self, file: int) -> None:
        import hashlib  # noqa: PLC0415
        import zlib  # noqa: PLC0415

        self._file, self._size, self._sha = file, 0, hashlib.sha256()
        self._stream = zlib.decompressobj(wbits=31)

    def write(self, data: "Buffer", /) -> int:
        rest = whole = bytes(data)
        while rest:
            self._keep(self._stream.decompress(rest, _BLOCK))
            rest = self._stream.unconsumed_tail
        return len(whole)

    def _keep(self, block: bytes) -> None:
        self._sha.update(block)
        self._size += len(block)
        if block.count(0) == len(block):
            os.lseek(self._file, len(block), os.SEEK_CUR)
        else:
            _write(self._file, block)

    def finish(self) -> None:
        self._keep(self._stream.flush())
        if not self._stream.eof or self._stream.unused_data:
            raise SealedError("what was encrypted is not whole")
        os.ftruncate(self._file, self._size)
        os.fsync(self._file)

    def digest(self) -> str:
        return self._sha.hexdigest()[:_DIGITS]


class _Deflating(io.BufferedIOBase):
    """A file as gzip makes it, when it is read."""

    def __init__(self, file: io.FileIO) -> None:
        import zlib  # noqa: PLC0415

        self._file, self._ready, self._is_over, self.size = file, b"", False, 0
        self._stream = zlib.compressobj(1, wbits=31)

    def read(self, size: "int | None" = -1, /) -> bytes:
        while not self._ready and not self._is_over:
            block = self._file.read(_BLOCK)
            self._ready = self._stream.compress(block) if block else self._stream.flush()
            self._is_over = not block
        length = len(self._ready) if size is None or size < 0 else size
        given, self._ready = self._ready[:length], self._ready[length:]
        self.size += len(given)
        return given


def _seal(source: str, target: str, recipients: "Sequence[str]") -> int:
    """A new file on the disk, open to whom the folder opens its files; gives the size of what was encrypted."""
    pyrage = _pyrage()
    try:
        made_for = [pyrage.x25519.Recipient.from_str(word) for word in recipients]
    except pyrage.RecipientError:
        raise SealedError(f"no recipient of age is among {', '.join(recipients)}") from None
    with open(target, "wb") as writer, open(source, "rb", buffering=0) as file:
        reader = _Deflating(file)
        try:
            pyrage.encrypt_io(reader, writer, made_for)
        except pyrage.EncryptError as error:
            raise SealedError(str(error)) from error
        writer.flush()
        os.fsync(writer.fileno())
    return reader.size


def _identities(file: str) -> "list[x25519.Identity]":
    """Of a file, or of the variable of a server that is being restored."""
    text = os.environ.get(KEYS, "")
    if file:
        with open(file) as opened:
            text = opened.read(100000)
    words = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        return []
    pyrage = _pyrage()
    try:
        return [pyrage.x25519.Identity.from_str(word) for word in words]
    except pyrage.IdentityError:  # its text may repeat the secret
        raise NoKeyError(f"{file or KEYS} holds no key of age") from None


def _pyrage():  # pyright: ignore[reportUnknownParameterType]
    try:
        import pyrage  # noqa: PLC0415
    except ImportError as error:
        raise SealedError(f"pyrage, which encrypts, cannot be imported by {sys.executable}: {error}") from error
    return pyrage


def _digest(path: str) -> str:
    import hashlib  # noqa: PLC0415

    sha = hashlib.sha256()
    with open(path, "rb", buffering=0) as reader:
        while block := reader.read(_BLOCK):
            sha.update(block)
    return sha.hexdigest()[:_DIGITS]


def _copy(source: str, target: str) -> None:
    """Blocks of zeros become holes: what a segment that was switched early does not use takes no room on the disk."""
    with open(source, "rb", buffering=0) as reader, open(target, "wb", buffering=0) as writer:
        size = 0
        while block := reader.read(_BLOCK):
            if block.count(0) == len(block):
                os.lseek(writer.fileno(), len(block), os.SEEK_CUR)
            else:
                _write(writer.fileno(), block)
            size += len(block)
        os.ftruncate(writer.fileno(), size)
        os.fsync(writer.fileno())


def _write(file: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(file, rest) :]


def _is_same(left: str, right: str) -> bool:
    if os.path.getsize(left) != os.path.getsize(right):
        return False
    with open(left, "rb", buffering=0) as one, open(right, "rb", buffering=0) as other:
        while block := one.read(_BLOCK):
            if block != other.read(_BLOCK):
                return False
    return True


def _sync_folder(folder: str) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def main(arguments: list[str]) -> int:
    """What went wrong is said on standard error, which is the server's log."""
    # Without match and the like: it runs by whichever Python the server's account has, and that may be an old one.
    words, options = _parsed(arguments)
    what = words[0] if words else ""
    sys.path.extend(options["--library"])
    try:
        if what == "put" and len(words) == 3:
            put(words[1], words[2], options["--for"])
            return 0
        if what == "get" and len(words) > 3:
            return 0 if get(words[1], words[2], words[3:], "".join(options["--identity"])) else _NOT_DONE
    except (OSError, DifferentError, SealedError) as error:
        sys.stderr.write(f"wal {what}: {error}\n")
        return _NOT_DONE if what == "put" else _STOP_RECOVERY
    sys.stderr.write(f"{_USAGE}\n")
    return _NOT_DONE  # an archive_command that ends otherwise ends the archiver, and nobody counts it as failed


def _parsed(arguments: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    words, options = list[str](), {"--for": list[str](), "--identity": list[str](), "--library": list[str]()}
    rest = iter(arguments)
    for word in rest:
        if word in options:
            options[word].append(next(rest, ""))
        else:
            words.append(word)
    return words, options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
