"""An archive of the log: what is copied into it, what leads from one position to another, and what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gasolinera.errors import ConfigError, InputError
from gasolinera.ops import wal_copying
from gasolinera.ops.wal_archive import (
    Stretch,
    coverage,
    lsn_text,
    newest_timeline,
    parse_lsn,
    passes,
    remove_before,
    segment_name,
    segment_number,
    timelines,
)
from vuelo.installation import server_account

MIB = 1 << 20
SIZE = 16 * MIB


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    folder.mkdir()
    return folder


def segments(folder: Path, *names: str) -> None:
    for name in names:
        with (folder / name).open("wb") as file:
            file.truncate(SIZE)


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """As a server runs it."""
    return subprocess.run(
        [sys.executable, "-I", "-S", wal_copying.__file__, *arguments], capture_output=True, text=True, check=False
    )


def test_a_segment_arrives_whole_and_a_second_time_counts_as_done(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "000000010000000000000001"
    source.write_bytes(os.urandom(MIB))
    assert run("put", source, archive).returncode == 0
    assert (archive / source.name).read_bytes() == source.read_bytes()
    assert run("put", source, archive).returncode == 0
    assert [path.name for path in archive.iterdir()] == [source.name]


def test_another_segment_of_the_same_name_is_refused_and_the_first_one_stays(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "000000010000000000000001"
    source.write_bytes(b"ours" * MIB)
    (archive / source.name).write_bytes(b"else" * MIB)
    done = run("put", source, archive)
    assert done.returncode == 1
    assert "differs" in done.stderr
    assert (archive / source.name).read_bytes() == b"else" * MIB


def test_what_cannot_be_written_fails_with_a_status_that_the_server_counts(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "000000010000000000000001"
    source.write_bytes(b"x")
    assert run("put", source, archive / "gone").returncode == 1
    assert run("nonsense").returncode == 1


def test_a_full_disk_leaves_no_file_under_the_segments_name(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "000000010000000000000001"
    source.write_bytes(os.urandom(2 * MIB))
    limited = f"ulimit -f 1024; exec {sys.executable} -I -S {wal_copying.__file__} put {source} {archive}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert not (archive / source.name).exists()


def test_zeros_take_no_room(archive: Path, tmp_path: Path) -> None:
    source = tmp_path / "000000010000000000000001"
    source.write_bytes(b"log" + bytes(SIZE - 3))
    wal_copying.put(str(source), str(archive))
    copied = archive / source.name
    assert copied.read_bytes() == source.read_bytes()
    assert copied.stat().st_blocks * 512 < MIB


def test_a_file_comes_from_the_first_folder_that_has_it(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (archive / "seg").write_bytes(b"first")
    (other / "seg").write_bytes(b"second")
    assert run("get", "seg", tmp_path / "here", archive, other).returncode == 0
    assert (tmp_path / "here").read_bytes() == b"first"
    assert run("get", "absent", tmp_path / "there", archive, other).returncode == 1


def test_a_file_that_cannot_be_read_stops_a_recovery(archive: Path, tmp_path: Path) -> None:
    (archive / "seg").mkdir()
    assert run("get", "seg", tmp_path / "here", archive).returncode > 125


@pytest.mark.parametrize(
    ("lsn", "name"),
    [
        ("0/0", "000000010000000000000000"),
        ("0/1FFFFFF", "000000010000000000000001"),
        ("0/FFFFFFFF", "0000000100000000000000FF"),
        ("1/0", "000000010000000100000000"),
        ("AB/C2000028", "00000001000000AB000000C2"),
    ],
)
def test_positions_lie_in_segments_as_the_server_names_them(lsn: str, name: str) -> None:
    number = parse_lsn(lsn) // SIZE
    assert segment_name(1, number, SIZE) == name
    assert segment_number(name, SIZE) == number
    assert lsn_text(parse_lsn(lsn)) == lsn


@pytest.mark.parametrize("text", ["", "0", "0/", "0/G", "123456789/0", "0/1 0"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_lsn(text)


def test_a_hole_is_told_and_what_is_before_it_can_be_reached(archive: Path) -> None:
    segments(archive, *(segment_name(1, number, SIZE) for number in (3, 4, 6, 7)))
    covered = coverage([archive], [Stretch(1, 0)], 3 * SIZE + 40, SIZE)
    assert [file.name for file in covered.files] == [segment_name(1, 3, SIZE), segment_name(1, 4, SIZE)]
    assert covered.missing == (segment_name(1, 5, SIZE),)
    assert covered.end == 5


def test_nothing_is_missing_where_nothing_came_later(archive: Path) -> None:
    segments(archive, segment_name(1, 1, SIZE))
    assert coverage([archive], [Stretch(1, 0)], 2 * SIZE, SIZE).missing == ()


def test_a_segment_of_another_size_is_damaged(archive: Path) -> None:
    segments(archive, segment_name(1, 1, SIZE))
    (archive / segment_name(1, 2, SIZE)).write_bytes(b"short")
    assert coverage([archive], [Stretch(1, 0)], SIZE, SIZE).damaged == (segment_name(1, 2, SIZE),)


def test_the_log_is_followed_across_a_restore(archive: Path) -> None:
    """Timeline 2 left 1 in the middle of segment 4."""
    switch = 4 * SIZE + 1000
    (archive / "00000002.history").write_text(f"1\t{lsn_text(switch)}\tbefore 2026-11-23 14:30:00+00\n")
    names = [*(segment_name(1, number, SIZE) for number in (3, 4, 5)), *(segment_name(2, n, SIZE) for n in (4, 5))]
    segments(archive, *names)
    path = timelines([archive])[2]
    assert path == [Stretch(1, 0), Stretch(2, switch)]
    covered = coverage([archive], path, 3 * SIZE, SIZE)
    assert [file.name for file in covered.files] == [
        segment_name(1, 3, SIZE),
        segment_name(2, 4, SIZE),
        segment_name(2, 5, SIZE),
    ]
    assert newest_timeline([archive], 1, 3 * SIZE) == 2
    assert not passes(path, 1, 5 * SIZE)
    assert newest_timeline([archive], 1, 5 * SIZE) == 1


def test_a_timeline_of_which_nothing_was_written_is_not_followed(archive: Path) -> None:
    (archive / "00000002.history").write_text(f"1\t{lsn_text(4 * SIZE)}\tno recovery target specified\n")
    segments(archive, segment_name(1, 3, SIZE))
    assert newest_timeline([archive], 1, 3 * SIZE) == 1


def test_old_segments_go_on_every_timeline_and_histories_stay(archive: Path) -> None:
    kept = [segment_name(1, 5, SIZE), segment_name(2, 6, SIZE), "00000002.history"]
    (archive / "00000002.history").write_text("1\t0/5000000\t\n")
    segments(archive, segment_name(1, 4, SIZE), segment_name(2, 4, SIZE), *kept[:2])
    assert remove_before(archive, 5 * SIZE + 77, SIZE) == [segment_name(1, 4, SIZE), segment_name(2, 4, SIZE)]
    assert sorted(path.name for path in archive.iterdir()) == sorted(kept)


def test_an_archive_that_may_not_be_read_does_not_pass_for_an_empty_one(archive: Path) -> None:
    archive.chmod(0)
    ours = os.geteuid()
    if ours == 0:  # which may read everything
        os.seteuid(server_account().uid)
    try:
        with pytest.raises(ConfigError) as refused:
            coverage([archive], [Stretch(1, 0)], 0, SIZE)
    finally:
        os.seteuid(ours)
        archive.chmod(0o755)
    assert refused.value.code == "ops.folder_closed"
