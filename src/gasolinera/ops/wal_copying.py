"""What a server runs as archive_command and restore_command: one file of its log, copied so that a crash leaves it
whole or absent.

The server starts this file once a segment, as its own account, so it needs nothing but the standard library and can be
run as `python -I -S wal_copying.py`; a copy of it works anywhere. Exit statuses are those that PostgreSQL knows:
0 done, 1 not this time (it tries again, or takes the log for ended), above 125 stop the recovery.
"""

import os
import sys

_BLOCK = 1 << 16
_NOT_DONE = 1
_STOP_RECOVERY = 200
_USAGE = """usage: put PATH FOLDER          archive_command = '… put %p FOLDER'
       get NAME PATH FOLDER…   restore_command = '… get %f %p FOLDER'"""

# `os` functions, for `pathlib` takes longer to import than a segment to copy.
# ruff: noqa: PTH108, PTH110, PTH118, PTH119, PTH123, PTH202


class DifferentError(Exception):
    """The archive has another file of this name: two servers write to one archive, or one was restored wrongly."""


def put(path: str, folder: str) -> bool:
    """False: the very same file is there already, as after a crash between copy and note.

    Raises DifferentError, which no new try mends, and OSError.
    """
    target = os.path.join(folder, os.path.basename(path))
    if os.path.exists(target):
        if not _is_same(path, target):
            raise DifferentError(f"{target} is there and differs")
        _sync_folder(folder)  # whoever wrote it may have died before this
        return False
    written = os.path.join(folder, f".{os.path.basename(path)}.{os.getpid()}")
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


def get(name: str, path: str, folders: list[str]) -> bool:
    """From the first of the folders that has it. False: none has. Raises OSError for one that is unreadable."""
    for folder in folders:
        try:
            _copy(os.path.join(folder, name), path)
        except FileNotFoundError:  # and no other trouble: what may not be read must not pass for the end of the log
            continue
        return True
    return False


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
    what = arguments[0] if arguments else ""
    try:
        if what == "put" and len(arguments) == 3:
            put(arguments[1], arguments[2])
            return 0
        if what == "get" and len(arguments) > 3:
            return 0 if get(arguments[1], arguments[2], arguments[3:]) else _NOT_DONE
    except (OSError, DifferentError) as error:
        sys.stderr.write(f"wal {what}: {error}\n")
        return _NOT_DONE if what == "put" else _STOP_RECOVERY
    sys.stderr.write(f"{_USAGE}\n")
    return _NOT_DONE  # an archive_command that ends otherwise ends the archiver, and nobody counts it as failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
