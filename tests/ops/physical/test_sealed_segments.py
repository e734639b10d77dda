"""Files of the log that are sealed: once only whatever age makes of them, whole or not at all, and never plain."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.ops import wal_copying
from gasolinera.ops.wal_archive import (
    Stretch,
    coverage,
    held_timelines,
    newest_is_sealed,
    remove_before,
    segment_name,
    segment_of,
    timelines,
)
from gasolinera.ops.wal_copying import DifferentError

MIB = 1 << 20
SIZE = 16 * MIB
KEY = x25519.Identity.generate()
OTHER = x25519.Identity.generate()
FOR = ("--for", str(KEY.to_public()))
LIBRARY = ("--library", str(Path(pyrage.__file__).parent.parent))
NAME = segment_name(1, 1, SIZE)
WORDS = b"the licence plate of a customer"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """As one that was switched early: zeros behind what was written."""
    path = tmp_path / NAME
    path.write_bytes((WORDS + os.urandom(1000)) * 300 + bytes(SIZE - 300 * (1000 + len(WORDS))))
    return path


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"# a key\n{KEY}\n")
    return path


def run(*arguments: str | Path, key: x25519.Identity | None = None) -> "subprocess.CompletedProcess[str]":
    """As a server runs it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", wal_copying.__file__, *LIBRARY, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=None if key is None else {**os.environ, wal_copying.KEYS: str(key)},
    )


def seal(number: int, archive: Path, content: bytes = b"") -> Path:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / segment_name(1, number, SIZE)
        source.write_bytes(content + bytes(SIZE - len(content)))
        assert wal_copying.put(str(source), str(archive), FOR[1:])
        (found,) = [path for path in archive.iterdir() if path.name.startswith(source.name)]
        return found


def test_a_segment_is_sealed_once_and_comes_back_byte_by_byte(
    archive: Path, segment: Path, identity: Path, tmp_path: Path
) -> None:
    assert run("put", segment, archive, *FOR).returncode == 0
    (sealed,) = archive.iterdir()
    first = sealed.read_bytes()
    assert run("put", segment, archive, *FOR).returncode == 0  # as after a crash before the server noted it
    assert (list(archive.iterdir()), sealed.read_bytes()) == ([sealed], first)
    for said, key in ((("--identity", identity), None), ((), KEY)):
        back = tmp_path / "back"
        assert run("get", NAME, back, archive, *said, key=key).returncode == 0
        assert back.read_bytes() == segment.read_bytes()
        assert back.stat().st_blocks * 512 < MIB
        back.unlink()


def test_a_sealed_segment_shows_nothing_of_what_is_in_it_and_its_zeros_take_no_room(
    archive: Path, segment: Path
) -> None:
    wal_copying.put(str(segment), str(archive), FOR[1:])
    (sealed,) = archive.iterdir()
    assert WORDS not in sealed.read_bytes()
    assert sealed.stat().st_size < MIB


def test_other_programs_can_open_what_was_sealed(archive: Path, segment: Path) -> None:
    wal_copying.put(str(segment), str(archive), FOR[1:])
    (sealed,) = archive.iterdir()
    done = subprocess.run(
        ["gzip", "-dc"], input=pyrage.decrypt(sealed.read_bytes(), [KEY]), capture_output=True, check=True
    )
    assert done.stdout == segment.read_bytes()


def test_partial_segments_are_sealed_and_histories_stay_plain(archive: Path, segment: Path, tmp_path: Path) -> None:
    partial = segment.rename(f"{segment}.partial")
    history = tmp_path / "00000002.history"
    history.write_text("1\t0/5000000\tno recovery target specified\n")
    for path in (partial, history):
        assert run("put", path, archive, *FOR).returncode == 0
    assert (archive / history.name).read_text() == history.read_text()
    (sealed,) = [path for path in archive.iterdir() if path.name != history.name]
    assert wal_copying.sealed_parts(sealed.name)[0] == partial.name
    assert segment_of(sealed) is None  # no recovery reads it by itself


def test_another_segment_of_the_same_name_is_refused_sealed_or_plain(
    archive: Path, segment: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / NAME
    other.write_bytes(b"other" * MIB)
    wal_copying.put(str(segment), str(archive), FOR[1:])
    before = list(archive.iterdir())
    for words in (FOR, ()):
        done = run("put", other, archive, *words)
        assert (done.returncode, "differs" in done.stderr) == (1, True)
    assert not wal_copying.put(str(segment), str(archive))  # plain again: the sealed one is the same
    assert list(archive.iterdir()) == before


def test_a_plain_segment_that_is_there_counts_only_where_it_is_the_same(archive: Path, segment: Path) -> None:
    shutil.copy(segment, archive)
    assert not wal_copying.put(str(segment), str(archive), FOR[1:])
    with segment.open("r+b") as file:
        file.write(b"another")
    with pytest.raises(DifferentError):
        wal_copying.put(str(segment), str(archive), FOR[1:])
    assert [path.name for path in archive.iterdir()] == [NAME]


def test_of_two_servers_that_write_at_once_one_is_refused(archive: Path, tmp_path: Path) -> None:
    for number in range(5):
        outcomes: list[str] = []
        threads: list[threading.Thread] = []
        for server in range(3):
            (tmp_path / f"{number}-{server}").mkdir()
            source = tmp_path / f"{number}-{server}" / segment_name(1, number, SIZE)
            source.write_bytes(bytes([server]) * MIB)
            threads.append(threading.Thread(target=_put_noting, args=(source, archive, outcomes)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["done", "refused", "refused"]
    assert len(list(archive.iterdir())) == 5


def _put_noting(source: Path, archive: Path, outcomes: list[str]) -> None:
    try:
        wal_copying.put(str(source), str(archive), FOR[1:])
        outcomes.append("done")
    except DifferentError:
        outcomes.append("refused")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rename(path: Path) -> None:
    """Somebody who has the recipient seals something else and calls it this."""
    name, digest, size = wal_copying.sealed_parts(path.name)
    path.rename(path.with_name(f"{name}.{digest[::-1]}.{size}.gz.age"))


@pytest.mark.parametrize("damage", [cut, flip, rename])
def test_a_file_that_is_not_what_was_written_stops_a_recovery_and_leaves_nothing(
    archive: Path, segment: Path, identity: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    wal_copying.put(str(segment), str(archive), FOR[1:])
    damage(next(archive.iterdir()))
    done = run("get", NAME, tmp_path / "back", archive, "--identity", identity)
    assert done.returncode > 125
    assert NAME in done.stderr
    assert not (tmp_path / "back").exists()


def test_without_the_right_key_a_recovery_stops_instead_of_taking_the_log_for_ended(
    archive: Path, segment: Path, tmp_path: Path
) -> None:
    wal_copying.put(str(segment), str(archive), FOR[1:])
    for key, word in ((None, "no key"), (OTHER, "another key")):
        done = run("get", NAME, tmp_path / "back", archive, key=key)
        assert done.returncode > 125
        assert word in done.stderr
    assert not (tmp_path / "back").exists()
    assert run("get", segment_name(1, 2, SIZE), tmp_path / "back", archive, key=KEY).returncode == 1


def test_what_cannot_be_sealed_fails_as_the_server_counts_it_and_nothing_is_left(archive: Path, segment: Path) -> None:
    assert run("put", segment, archive, "--for", "age1wrong").returncode == 1
    words = [sys.executable, "-I", "-S", wal_copying.__file__, "put", segment, archive, *FOR]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "pyrage" in done.stderr) == (1, True)
    limited = f"ulimit -f 100; exec {' '.join(map(str, [*words, *LIBRARY]))}"
    segment.write_bytes(os.urandom(2 * MIB))
    assert subprocess.run(["bash", "-c", limited], capture_output=True, check=False).returncode != 0
    assert [path for path in archive.iterdir() if not path.name.startswith(".")] == []


def test_what_a_killed_copy_left_is_in_nobodys_way_and_is_removed(archive: Path, segment: Path) -> None:
    left = archive / f".{NAME}.{'0' * 32}.4711"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert wal_copying.put(str(segment), str(archive), FOR[1:])
    assert remove_before(archive, SIZE, SIZE) == [left.name]


def test_a_sealed_segment_counts_as_the_segment_beside_plain_ones(archive: Path) -> None:
    (archive / segment_name(1, 1, SIZE)).write_bytes(bytes(SIZE))
    assert not newest_is_sealed(archive)
    sealed = seal(2, archive)
    assert newest_is_sealed(archive)
    covered = coverage([archive], [Stretch(1, 0)], SIZE, SIZE)
    assert ([segment_of(file) for file in covered.files], covered.missing, covered.damaged) == (
        [segment_name(1, 1, SIZE), segment_name(1, 2, SIZE)], (), ()
    )  # fmt: skip
    (archive / segment_name(1, 1, SIZE)).unlink()
    assert (held_timelines([archive]), list(timelines([archive]))) == ({1}, [1])
    assert remove_before(archive, 3 * SIZE, SIZE) == [sealed.name]


def test_without_a_key_a_cut_one_a_missing_one_and_two_of_one_name_are_told(archive: Path) -> None:
    first, second = seal(1, archive), seal(2, archive, b"ours")
    last = seal(4, archive)
    covered = coverage([archive], [Stretch(1, 0)], SIZE, SIZE)
    assert covered.files == (first, second)
    assert covered.missing == (segment_name(1, 3, SIZE),)
    cut(first)
    name, digest, size = wal_copying.sealed_parts(second.name)
    shutil.copy(second, archive / f"{name}.{digest[::-1]}.{size}.gz.age")
    damaged = coverage([archive], [Stretch(1, 0)], SIZE, SIZE).damaged
    assert [wal_copying.sealed_parts(one)[0] for one in damaged] == [segment_name(1, 1, SIZE), name]
    assert last.exists()
