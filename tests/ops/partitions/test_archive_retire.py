"""Old partitions go in steps, and nothing is lost whatever stops them: a kill, a full disk, a bad file."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.ops import archiving
from gasolinera.ops.archive_files import Manifest
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.archived_partitions import Archive, list_archives
from gasolinera.ops.lock_patience import Patience
from gasolinera.ops.partition_upkeep import Upkeep, maintain, retire, states
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from tests.conftest import REPOSITORY, Connection
from tests.ops.partitions.growing_tables import NOW, add_month, make_scans, month, name_of, rows_of, set_rule

STEPS = ("begun", "detached", "exported", "verified", "dropped")
PROGRAM = """
import os, resource, signal, sys
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.partition_upkeep import retire
from gasolinera.ops.reaching import Operations
from pathlib import Path
import vuelo

url, folder, step, most_bytes = sys.argv[1:]
project = vuelo.Project.load(Path("vuelo.toml"), variables={"GASOLINERA_DATABASE_URL": url})
if int(most_bytes):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(most_bytes), int(most_bytes)))

def tell(what, done):
    if done == step:
        os.kill(os.getpid(), signal.SIGKILL)

(done,) = retire(Operations(project, url), ["coupon"], open_store(folder), tell=tell)
print(done.problems)
"""


def test_rows_that_are_too_old_go_to_a_file_and_come_back_as_they_were(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [4, 3, 1], rows=300)
    set_rule(operations, "ARCHIVE", 1)
    before = {back: rows_of(operations, f"coupon_schema.{name_of(back)}") for back in (4, 3, 1)}
    (done,) = maintain(operations, ["coupon"], open_store(str(tmp_path)))
    assert [(one.partition, one.state, one.rows) for one in done.retired] == [
        (f"coupon_schema.{name_of(back)}", "DROPPED", 300) for back in (4, 3)
    ]
    assert rows_of(operations, "coupon_schema.scans") == before[1]
    for archive in _archives(operations):
        manifest = archiving.verify(archive)
        assert (manifest.rows, manifest.lower, manifest.key_column) == (300, archive.lower_bound, "created_at")
        assert [(column.name, column.type) for column in manifest.columns][2:4] == [
            ("place", "point"),
            ("amount", "numeric(12,2)"),
        ]
        with owner_session(operations.service("coupon")) as conn:
            restored = archiving.restore(conn, archive, "coupon_restored", archive.partition_name)
        assert restored.rows == 300
        back = 4 if archive.partition_name == name_of(4) else 3
        assert rows_of(operations, f"coupon_restored.{name_of(back)}") == before[back]
    assert sorted(_files(tmp_path)) == sorted(
        f"coupon/scans/{archive.partition_name}-{archive.id}-{archive.begun_at:%Y%m%dT%H%M%S%f}{suffix}"
        for archive in _archives(operations)
        for suffix in (".csv.zst", ".manifest.json")
    )
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.csv.zst")} == {0o600}
    result = admin.execute("SELECT outcome, result #>> '{retired,0,rows}' FROM ops_schema.runs").fetchall()
    assert result == [("OK", "300")]


@pytest.mark.parametrize("steps", [("detached", "verified"), pytest.param(STEPS, marks=pytest.mark.long)])
def test_killed_after_any_step_the_next_run_completes_and_nothing_is_lost(
    operations: Operations, admin: Connection, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    make_scans(operations)
    set_rule(operations, "ARCHIVE", 1)
    for number, step in enumerate(steps):
        back = 3 + number
        add_month(admin, back, 40)
        before = rows_of(operations, f"coupon_schema.{name_of(back)}")
        killed = _in_process(operations, tmp_path, step)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        done = _retire_when_free(operations, tmp_path)
        assert done.problems == ()
        newest = _archives(operations)[0]
        assert (newest.partition_name, newest.state, newest.row_count) == (name_of(back), "DROPPED", 40)
        with owner_session(operations.service("coupon")) as conn:
            archiving.restore(conn, newest, "coupon_restored", name_of(back))
        assert rows_of(operations, f"coupon_restored.{name_of(back)}") == before
        assert admin.execute("SELECT to_regclass('coupon_schema.' || %s)", (name_of(back),)).fetchone() == (None,)
    assert len(_archives(operations)) == len(steps)
    outcomes = admin.execute("SELECT outcome, count(*) FROM ops_schema.runs GROUP BY 1 ORDER BY 1").fetchall()
    assert outcomes == [("FAILED", len(steps)), ("OK", len(steps))]


def test_on_a_full_disk_nothing_is_dropped_and_no_half_file_stays(operations: Operations, tmp_path: Path) -> None:
    make_scans(operations, [3], rows=2000)
    set_rule(operations, "ARCHIVE", 1)
    before = rows_of(operations, f"coupon_schema.{name_of(3)}")
    full = _in_process(operations, tmp_path, "never", most_bytes=4096)
    assert full.returncode == 0, full.stderr
    assert "ops.archive_store: cannot write an archive" in full.stdout
    assert _files(tmp_path) == []
    assert rows_of(operations, f"coupon_schema.{name_of(3)}") == before
    (one,) = _retire(operations, tmp_path).retired
    assert (one.state, one.rows, one.problem) == ("DROPPED", 2000, None)


def test_a_file_that_changes_before_it_is_verified_is_written_again(operations: Operations, tmp_path: Path) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)

    def spoil(what: str, step: str) -> None:
        if step == "exported":
            (file,) = tmp_path.rglob("*.csv.zst")
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)

    (spoilt,) = retire(operations, ["coupon"], open_store(str(tmp_path)), tell=spoil)
    (one,) = spoilt.retired
    assert one.state == "DETACHED"
    assert "ops.archive_corrupt" in (one.problem or "")
    assert len(rows_of(operations, f"coupon_schema.{name_of(3)}")) == 50
    (again,) = _retire(operations, tmp_path).retired
    assert (again.state, again.rows, again.archive) == ("DROPPED", 50, one.archive)


def test_a_row_that_somebody_adds_to_the_detached_table_is_not_dropped(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)

    def add(what: str, step: str) -> None:
        if step == "exported":
            statement = f"INSERT INTO coupon_schema.{name_of(3)} (id, note, created_at) VALUES (0, 'late', %s)"
            admin.execute(statement.encode(), (month(3),))

    (first,) = retire(operations, ["coupon"], open_store(str(tmp_path)), tell=add)
    (one,) = first.retired
    assert "has 51 rows, its archive 50" in (one.problem or "")
    (again,) = _retire(operations, tmp_path).retired
    assert (again.state, again.rows) == ("DROPPED", 51)


def test_one_that_points_to_a_table_in_use_is_dropped_when_that_is_let_go(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations)
    admin.execute("SET ROLE coupon_owner")
    admin.execute(
        """CREATE TABLE coupon_schema.scans_stations (id int PRIMARY KEY);
           ALTER TABLE coupon_schema.scans ADD station int REFERENCES coupon_schema.scans_stations"""
    )
    add_month(admin, 3, 20)
    set_rule(operations, "ARCHIVE", 1)
    store = open_store(str(tmp_path))
    with psycopg.connect(operations.ops_url) as reader:
        reader.execute("SELECT count(*) FROM coupon_schema.scans_stations")
        impatient = Patience(lock_timeout_ms=50, tries=2, first_pause_s=0.01)
        (stuck,) = retire(operations, ["coupon"], store, patience=impatient)
    (one,) = stuck.retired
    assert "ops.locked" in (one.problem or "")
    (again,) = _retire(operations, tmp_path).retired
    assert (again.state, again.rows, again.problem) == ("DROPPED", 20, None)


def test_an_archive_that_is_not_what_was_written_is_refused(operations: Operations, tmp_path: Path) -> None:
    make_scans(operations, [3], rows=500)
    set_rule(operations, "ARCHIVE", 1)
    _retire(operations, tmp_path)
    (archive,) = _archives(operations)
    (file,) = tmp_path.rglob("*.csv.zst")
    (manifest,) = tmp_path.rglob("*.manifest.json")
    good = {path: path.read_bytes() for path in (file, manifest)}
    bad = {
        "flipped": (file, bytes([*good[file][:-9], good[file][-9] ^ 8, *good[file][-8:]])),
        "short": (file, good[file][:-20]),
        "longer": (file, good[file] + b"more"),
        "empty": (file, b""),
        "another manifest": (manifest, good[manifest].replace(b'"rows": 500', b'"rows": 501')),
    }
    for what, (path, content) in bad.items():
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            archiving.verify(archive)
        assert caught.value.code == "ops.archive_corrupt", what
        with owner_session(operations.service("coupon")) as conn, pytest.raises(InputError):
            archiving.restore(conn, archive, "coupon_restored", "bad")
        path.write_bytes(good[path])
    assert archiving.verify(archive).rows == 500
    file.unlink()
    with pytest.raises(UnknownError, match="has no coupon/scans"):
        archiving.verify(archive)
    with psycopg.connect(operations.ops_url) as conn:
        assert conn.execute("SELECT to_regclass('coupon_restored.bad')").fetchone() == (None,)


def test_a_restore_overwrites_no_table(operations: Operations, tmp_path: Path) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)
    _retire(operations, tmp_path)
    (archive,) = _archives(operations)
    with owner_session(operations.service("coupon")) as conn:
        archiving.restore(conn, archive, "coupon_restored", "scans")
        with pytest.raises(ConflictError, match=r"coupon_restored\.scans is there already"):
            archiving.restore(conn, archive, "coupon_restored", "scans")
        for schema in ("coupon_schema", "public", "pg_catalog"):
            with pytest.raises(InputError, match=f"{schema} is no side schema"):
                archiving.restore(conn, archive, schema, "other")


def test_without_a_place_nothing_that_is_to_be_archived_is_touched(operations: Operations) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)
    (done,) = retire(operations, ["coupon"], None)
    assert done.problems == (
        f"coupon_schema.{name_of(3)}: it is to be archived, and no place for archives is named",
    )  # fmt: skip
    assert len(rows_of(operations, "coupon_schema.scans")) == 50
    assert _archives(operations) == []


def test_a_hold_that_comes_while_one_is_on_its_way_stops_it(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)
    killed = _in_process(operations, tmp_path, "detached")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    admin.execute("UPDATE ops_schema.partition_rules SET legal_hold = 'the court' WHERE table_pattern = 'scans'")
    (one,) = _retire_when_free(operations, tmp_path).retired
    assert one.state == "DETACHED"
    assert one.problem is not None
    assert one.problem.startswith("on hold: the court; ALTER TABLE coupon_schema.scans ATTACH PARTITION")
    admin.execute(one.problem.partition("; ")[2].removesuffix(" brings it back").encode())
    assert len(rows_of(operations, "coupon_schema.scans")) == 50


def test_what_was_to_be_dropped_is_archived_when_its_rule_says_so_now(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [5])
    set_rule(operations, "DROP", 1)
    killed = _in_process(operations, tmp_path, "detached")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    set_rule(operations, "ARCHIVE", 1)
    (one,) = _retire_when_free(operations, tmp_path).retired
    assert (one.state, one.rows, one.problem) == ("DROPPED", 50, None)
    assert archiving.verify(_archives(operations)[0]).rows == 50


def test_two_installations_with_one_place_overwrite_no_file_of_each_other(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    """Both begin to count at 1, and call their partitions the same."""
    make_scans(operations, [5])
    set_rule(operations, "ARCHIVE", 1)
    _retire(operations, tmp_path)
    (first,) = _archives(operations)
    admin.execute("DELETE FROM ops_schema.archives")
    admin.execute("SELECT setval('ops_schema.archives_id_seq', %s, false)", (first.id,))
    add_month(admin, 5, 7)
    _retire(operations, tmp_path)
    (second,) = _archives(operations)
    assert (second.id, second.partition_name) == (first.id, first.partition_name)
    assert (archiving.verify(first).rows, archiving.verify(second).rows) == (50, 7)


def test_a_table_that_somebody_dropped_meanwhile_is_told_and_not_tried_again(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    make_scans(operations, [3])
    set_rule(operations, "ARCHIVE", 1)
    _in_process(operations, tmp_path, "detached")
    admin.execute(f"DROP TABLE coupon_schema.{name_of(3)}".encode())
    (one,) = _retire_when_free(operations, tmp_path).retired
    assert (one.state, one.problem) == ("FAILED", "somebody dropped the table; nothing of it was exported")
    assert _retire(operations, tmp_path).retired == ()


def test_gzip_is_written_and_read_as_well(operations: Operations, admin: Connection, tmp_path: Path) -> None:
    make_scans(operations, [3], rows=120)
    set_rule(operations, "ARCHIVE", 1)
    killed = _in_process(operations, tmp_path, "detached")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (archive,) = _archives(operations)
    with owner_session(operations.service("coupon")) as conn:
        exported = archiving.export(
            conn, archive, open_store(str(tmp_path)), key_column="created_at", compression="gzip"
        )
    unpacked = subprocess.run(["gzip", "-dc", tmp_path / exported.file], capture_output=True, check=True).stdout
    expected = admin.execute(f"SELECT count(*) FROM coupon_schema.{name_of(3)}".encode()).fetchone()
    assert expected == (exported.manifest.rows,) == (120,)
    assert unpacked.startswith(b"id,note,place,amount,tags,raw,created_at\n")
    assert exported.manifest.content_bytes == len(unpacked)
    _known_by(admin, archive, str(tmp_path), exported.file, exported.manifest, exported.manifest_sha256)
    assert archiving.verify(_archives(operations)[0]).rows == 120


def test_what_is_due_is_said_before_it_is_done(operations: Operations) -> None:
    make_scans(operations, [4, 3, 2, 1])
    set_rule(operations, "DROP", 2)
    (scans,) = (one for one in states(operations, ["coupon"], NOW) if one.table == "coupon_schema.scans")
    assert scans.due == ((name_of(4), name_of(3)) if NOW.day > 1 else (name_of(4),))


def _known_by(
    admin: Connection, archive: Archive, location: str, file: str, manifest: Manifest, manifest_sha256: str
) -> None:
    admin.execute(
        "UPDATE ops_schema.archives SET location = %s, file = %s, file_sha256 = %s, manifest_sha256 = %s WHERE id = %s",
        (location, file, manifest.file_sha256, manifest_sha256, archive.id),
    )


def _archives(operations: Operations) -> list[Archive]:
    with ops_session(operations.ops_url) as ops:
        return list_archives(ops, ["coupon"], "scans", 100)


def _retire(operations: Operations, folder: Path) -> Upkeep:
    (done,) = retire(operations, ["coupon"], open_store(str(folder)))
    return done


def _retire_when_free(operations: Operations, folder: Path) -> Upkeep:
    """The server needs a moment to see that a client was killed."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return _retire(operations, folder)
        except ConflictError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _in_process(
    operations: Operations, folder: Path, step: str, most_bytes: int = 0
) -> "subprocess.CompletedProcess[str]":
    arguments = [operations.ops_url, str(folder), step, str(most_bytes)]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )


def _files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
