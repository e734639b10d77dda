"""What the archived log says: when transactions ended, and where restore points are. Read by `pg_waldump`, which also
checks each record's checksum: what it can read a recovery can replay. Sealed segments are decrypted where nobody
else looks.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import GasolineraError, InputError
from gasolinera.ops.encryption import DecryptionError, require_identity
from gasolinera.ops.private_folders import private_folder
from gasolinera.ops.wal_archive import Coverage, is_sealed, lsn_text, parse_lsn, segment_name
from gasolinera.ops.wal_copying import SealedError, WrongKeyError, unseal

Identities = Sequence[x25519.Identity]

_HEAD: Final = re.compile(r"tx: +(\d+), lsn: ([0-9A-F]+/[0-9A-F]+),")
_END: Final = re.compile(r"desc: (COMMIT|ABORT)(?:_PREPARED)? (?:(\d+): )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC")
_POINT: Final = re.compile(r"desc: RESTORE_POINT (.*)")
_POSITION: Final = re.compile(r"(?:at|after) ([0-9A-F]+/[0-9A-F]+)")


class Record(msgspec.Struct, frozen=True):
    """`at`: when the transaction ended; `name`: of a restore point."""

    lsn: int
    kind: Literal["COMMIT", "ABORT", "RESTORE_POINT"]
    xid: int
    at: datetime | None = None
    name: str | None = None


class _Laid(msgspec.Struct, frozen=True):
    """`readable`: what of the log is there to read; `trouble`: why no more of it is."""

    folder: Path
    readable: Coverage
    trouble: GasolineraError | None = None


def read_records(
    program: Path, covered: Coverage, start: int, segment_size: int, identities: Identities = ()
) -> Generator[Record]:
    """The ends of transactions and the restore points from position `start` on, in the order of the log.

    Close it early to stop reading. Raises InputError `ops.wal_damaged` where a record cannot be read before others;
    DecryptionError `ops.no_key` before any, `ops.wrong_key` behind what can be read.
    """
    if not covered.files:
        return
    options = ("-r", "Transaction", "-r", "XLOG")
    with _as_one_timeline(covered, segment_size, identities) as laid:
        if laid.readable.files:
            yield from _read(program, laid, start, segment_size, options)
        if laid.trouble is not None:
            raise laid.trouble


def _read(program: Path, laid: _Laid, start: int, segment_size: int, options: Sequence[str]) -> Generator[Record]:
    process = _started(program, laid.folder, (start, laid.readable.end * segment_size), options)
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            record = _record(line)
            if record is not None:
                yield record
        _judge_end(process.stderr.read(), laid.readable, segment_size)
    finally:
        process.kill()
        process.communicate()


def first_record_from(
    program: Path, covered: Coverage, lsn: int, segment_size: int, identities: Identities = ()
) -> int | None:
    """Where the first record begins that is at `lsn` or behind it; None where the log ends before."""
    first = lsn // segment_size
    if not covered.first <= first < covered.end:
        return None
    covered = msgspec.structs.replace(covered, first=first, files=covered.files[first - covered.first :])
    with _as_one_timeline(covered, segment_size, identities) as laid:
        if not laid.readable.files:
            return None
        process = _started(program, laid.folder, (lsn, laid.readable.end * segment_size), ("-n", "1"))
        out, _ = process.communicate()
        found = _HEAD.search(out)
        return None if found is None else parse_lsn(found[2])


@contextmanager
def _as_one_timeline(covered: Coverage, segment_size: int, identities: Identities) -> Generator[_Laid]:
    """The segments under the names of one timeline, so that a reader follows them across the places where they fork.

    As far as they can be decrypted: a target may lie before one that cannot.
    """
    if not any(is_sealed(file) for file in covered.files):
        with tempfile.TemporaryDirectory(prefix="gasolinera-wal-") as folder:
            for number, file in enumerate(covered.files, covered.first):
                (Path(folder) / segment_name(1, number, segment_size)).symlink_to(file.absolute())
            yield _Laid(Path(folder), covered)
        return
    require_identity(identities, "the log")
    with private_folder() as place:
        yield _unsealed(covered, place, segment_size, identities)


def _unsealed(covered: Coverage, place: Path, segment_size: int, identities: Identities) -> _Laid:
    for number, file in enumerate(covered.files, covered.first):
        laid = place / segment_name(1, number, segment_size)
        if not is_sealed(file):
            laid.symlink_to(file.absolute())
            continue
        readable = msgspec.structs.replace(covered, files=covered.files[: number - covered.first])
        try:
            unseal(str(file), str(laid), identities)
        except WrongKeyError as error:  # the recipient may have been another from here on
            hint = "the archive_command of the server that wrote it names the recipient whose key it needs"
            return _Laid(place, readable, DecryptionError("ops.wrong_key", str(error), hint))
        except SealedError as error:
            hint = f"restore to a moment before it, or bring another copy of {file.name}"
            return _Laid(place, readable, InputError("ops.wal_damaged", str(error), hint))
    return _Laid(place, covered)


def _started(program: Path, folder: Path, span: tuple[int, int], options: Sequence[str]) -> "subprocess.Popen[str]":
    # Without an end it would wait five seconds for the segment after the last one to appear.
    start, end = (lsn_text(lsn) for lsn in span)
    return subprocess.Popen(
        [program, "-p", folder, "-t", "1", "-s", start, "-e", end, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    )


def _record(line: str) -> Record | None:
    head = _HEAD.search(line)
    if head is None:
        return None
    xid, lsn = int(head[1]), parse_lsn(head[2])
    if ended := _END.search(line):
        at = datetime.fromisoformat(ended[3]).replace(tzinfo=UTC)
        kind: Literal["COMMIT", "ABORT"] = "COMMIT" if ended[1] == "COMMIT" else "ABORT"
        return Record(lsn, kind, int(ended[2] or xid), at)
    if point := _POINT.search(line):
        return Record(lsn, "RESTORE_POINT", xid, name=point[1].strip())
    return None


def _judge_end(said: str, covered: Coverage, segment_size: int) -> None:
    """Reading may end with an error where the log ends, in the last segment. Elsewhere it means damage."""
    positions = [parse_lsn(found) for found in _POSITION.findall(said)]
    # In the last segment a record may be half written; one that is whole and has a wrong checksum never is.
    if positions and (min(positions) // segment_size < covered.end - 1 or "checksum" in said):
        where = covered.files[min(positions) // segment_size - covered.first]
        raise InputError(
            "ops.wal_damaged",
            f"the log cannot be read on from {lsn_text(min(positions))}: {said.strip().splitlines()[-1]}",
            f"restore to a moment before it, or bring another copy of {where.name}",
        )
