"""An archive of write-ahead log: which segments lead from one position to another, and whether all are there.

A name of 24 digits says timeline and number; `0000000N.history` says where timeline N left its parent. Several folders
may make up one archive: the server's own, that of a base backup, one that was saved from a dead server. A segment that
is sealed, as `wal_copying` names it, counts as the segment; nothing here needs a key.
"""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from gasolinera.errors import ConfigError, InputError
from gasolinera.ops.wal_copying import is_whole, sealed_parts

_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
_HISTORY: Final = re.compile(r"([0-9A-F]{8})\.history")
_LSN: Final = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_ABANDONED_AFTER_S: Final = 3600
_PAGE_ADDRESS: Final = slice(8, 16)  # in the head of each page, after its magic, flags and timeline


class Stretch(msgspec.Struct, frozen=True):
    """Of the log: what timeline was written from a position on."""

    timeline: int
    begin: int


class Coverage(msgspec.Struct, frozen=True):
    """The log from one segment on. `files` follow one another without a gap; `missing` lie between them and the last
    one that is there; `damaged` have another size than a segment has, or were sealed twice with different contents.
    """

    first: int
    files: tuple[Path, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]

    @property
    def end(self) -> int:
        """The number after the last segment that can be reached."""
        return self.first + len(self.files)


def parse_lsn(text: str) -> int:
    """Raises InputError `ops.lsn`."""
    found = _LSN.fullmatch(text.strip())
    if found is None:
        raise InputError("ops.lsn", f"{text!r} is no position in the log", "one looks like 0/3000148")
    return (int(found[1], 16) << 32) + int(found[2], 16)


def lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def segment_name(timeline: int, number: int, segment_size: int) -> str:
    per_id = (1 << 32) // segment_size
    return f"{timeline:08X}{number // per_id:08X}{number % per_id:08X}"


def segment_number(name: str, segment_size: int) -> int:
    return int(name[8:16], 16) * ((1 << 32) // segment_size) + int(name[16:24], 16)


def segment_of(path: Path) -> str | None:
    """The name of the segment that a file is, plain or sealed."""
    name = sealed_parts(path.name)[0] or path.name
    return name if _SEGMENT.fullmatch(name) else None


def is_sealed(path: Path) -> bool:
    return bool(sealed_parts(path.name)[0])


def has_segment(folder: Path, name: str) -> bool:
    return any(segment_of(path) == name for path in _entries(folder) if path.name.startswith(name))


def newest_is_sealed(folder: Path) -> bool:
    """What the server archives now, as far as the folder says."""
    found = [path for path in _entries(folder) if segment_of(path) is not None]
    return bool(found) and is_sealed(max(found, key=lambda path: path.stat().st_mtime))


def timelines(folders: Sequence[Path]) -> dict[int, list[Stretch]]:
    """Every timeline of which there is a history or a segment, with the stretches that lead to it, the oldest first."""
    found: dict[int, list[Stretch]] = {}
    for folder in folders:
        for path in _entries(folder):
            history = _HISTORY.fullmatch(path.name)
            if history is not None:
                found[int(history[1], 16)] = _stretches(int(history[1], 16), path.read_text())
            elif segment_of(path) is not None:
                found.setdefault(int(path.name[:8], 16), [Stretch(int(path.name[:8], 16), 0)])
    return found


def _stretches(timeline: int, history: str) -> list[Stretch]:
    lines = [line.split() for line in history.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    begin, stretches = 0, list[Stretch]()
    for parent, switched_at, *_ in lines:
        stretches.append(Stretch(int(parent), begin))
        begin = parse_lsn(switched_at)
    return [*stretches, Stretch(timeline, begin)]


def newest_timeline(folders: Sequence[Path], through: int, at: int) -> int:
    """Of those that passed timeline `through` at position `at`: the newest of which there is more than a history.

    One of which there is only a history was begun by a restore that nobody took over.
    """
    held = held_timelines(folders)
    return max(
        (timeline for timeline, path in timelines(folders).items() if timeline in held and passes(path, through, at)),
        default=through,
    )


def held_timelines(folders: Sequence[Path]) -> set[int]:
    """Those of which there is a segment."""
    return {int(path.name[:8], 16) for folder in folders for path in _entries(folder) if segment_of(path) is not None}


def passes(path: Sequence[Stretch], timeline: int, at: int) -> bool:
    """A recovery along `path` can begin with a backup that was taken on `timeline` at position `at`."""
    ends = [*(stretch.begin for stretch in path[1:]), None]
    return any(
        stretch.timeline == timeline and stretch.begin <= at and (end is None or at < end)
        for stretch, end in zip(path, ends, strict=True)
    )


def coverage(
    folders: Sequence[Path],
    path: Sequence[Stretch],
    start: int,
    segment_size: int,
    *,
    of_servers: Sequence[Path] = (),
) -> Coverage:
    """From position `start` to the end of what the folders have. Earlier folders win.

    `of_servers`: those of them that were a server's own pg_wal. A server gives old files the names of segments to come:
    what is in them has not been written yet, and neither is it damaged.
    """
    held = _held(folders, segment_size, of_servers)
    first = start // segment_size
    last = max(
        (segment_number(name, segment_size) for name in held if _is_on(path, name, segment_size)), default=first - 1
    )
    files: list[Path] = []
    missing: list[str] = []
    for number in range(first, last + 1):
        names = _names(path, number, segment_size)
        there = next((held[name] for name in names if name in held), None)
        if there is None:
            missing.append(names[0])
        elif not missing:
            files.append(there)
    twice = _sealed_twice(folders)
    damaged = tuple(file.name for file in files if file in twice or not _has_right_size(file, segment_size))
    return Coverage(first, tuple(files), tuple(missing), damaged)


def _held(folders: Sequence[Path], segment_size: int, of_servers: Sequence[Path]) -> dict[str, Path]:
    """By the segment's name. In one folder the plain file wins, as it does for a recovery."""
    held: dict[str, Path] = {}
    for folder in reversed(folders):
        found = [(name, one) for one in _entries(folder) if (name := segment_of(one)) is not None]
        held.update({name: one for name, one in reversed(found) if is_sealed(one)})
        plain = [one for name, one in found if one.name == name]
        held.update({one.name: one for one in plain if folder not in of_servers or _is_begun(one, segment_size)})
    return held


def _has_right_size(file: Path, segment_size: int) -> bool:
    return is_whole(str(file)) if is_sealed(file) else file.stat().st_size == segment_size


def _sealed_twice(folders: Sequence[Path]) -> set[Path]:
    """Where two servers have written, of which nobody can say which one is meant."""
    twice: set[Path] = set()
    for folder in folders:
        digests: dict[str, set[str]] = {}
        sealed = [(path, *sealed_parts(path.name)[:2]) for path in _entries(folder) if is_sealed(path)]
        for _, name, digest in sealed:
            digests.setdefault(name, set()).add(digest)
        twice.update(path for path, name, _ in sealed if len(digests[name]) > 1)
    return twice


def _is_begun(segment: Path, segment_size: int) -> bool:
    """Its first page says which position it is of."""
    with segment.open("rb") as file:
        head = file.read(_PAGE_ADDRESS.stop)
    return (
        int.from_bytes(head[_PAGE_ADDRESS], sys.byteorder) == segment_number(segment.name, segment_size) * segment_size
    )


def _names(path: Sequence[Stretch], number: int, segment_size: int) -> list[str]:
    """Those that may hold a segment, in the order in which a recovery asks for them: the newest timeline first.

    The segment in which a timeline begins holds its parent's log up to there; the parent's own will do too.
    """
    ends = [*(stretch.begin for stretch in path[1:]), None]
    return [
        segment_name(stretch.timeline, number, segment_size)
        for stretch, end in reversed(list(zip(path, ends, strict=True)))
        if stretch.begin // segment_size <= number and (end is None or number <= end // segment_size)
    ]


def _is_on(path: Sequence[Stretch], name: str, segment_size: int) -> bool:
    return name in _names(path, segment_number(name, segment_size), segment_size)


def gaps(folder: Path, start: int, timeline: int, segment_size: int) -> Coverage:
    """What the archive lacks, from the position where a backup began to its newest segment."""
    newest = newest_timeline([folder], timeline, start)
    path = timelines([folder]).get(newest, [Stretch(newest, 0)])
    return coverage([folder], path, start, segment_size)


def remove_before(folder: Path, start: int, segment_size: int) -> list[str]:
    """What no backup needs that began at `start` or later, of all timelines; and copies that a crash cut short.

    Histories stay: they are small, and without them no other timeline could be followed.
    """
    removed: list[str] = []
    for path in _entries(folder):
        name = path.name
        is_old = _SEGMENT.match(name) is not None and segment_number(name, segment_size) < start // segment_size
        if is_old or (name.startswith(".") and time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S):
            path.unlink()
            removed.append(name)
    return removed


def _entries(folder: Path) -> list[Path]:
    """Raises ConfigError `ops.folder_closed`: an archive that may not be read must not pass for an empty one."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError:
        hint = "run this as the account that the server runs as, or as root"
        raise ConfigError("ops.folder_closed", f"{folder} may not be read", hint) from None
