"""Copies of whole servers: made, on record, verified, and never half there."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import msgspec
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from gasolinera.errors import ConfigError, ConflictError
from gasolinera.ops import catalogue, physical_backups
from gasolinera.ops.archive_setup import set_up_archive
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.base_backups import (
    BackupFailedError,
    Taking,
    chain,
    found_backups,
    label_for,
    require_increments,
    take,
)
from gasolinera.ops.base_servers import archiving, physical_servers, require_copyable, server_at
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.manifests import verify_data
from gasolinera.ops.physical_backups import back_up_servers, expire_log
from gasolinera.ops.programs import Program, find_program
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.restore_points import set_restore_point
from tests.ops.physical.conftest import FIRST_WITH_INCREMENTS, QUICK, Connection, Story, one, wanted
from vuelo import embedded
from vuelo.embedded import Server


@pytest.fixture
def ops(platform: Operations) -> Generator[Connection]:
    with ops_session(platform.ops_url) as conn:
        yield conn


def bin_dir(version: int) -> Path:
    return find_program("pg_waldump", version // 10_000, exactly=True).path.parent


def has_increments(story: Story) -> bool:
    return story.full.version >= FIRST_WITH_INCREMENTS * 10_000


def damaged_copy(story: Story, folder: Path, damage: Callable[[Path], None]) -> tuple[str, ...]:
    data = folder / "data"
    shutil.copytree(story.full_data, data)
    damage(data)
    return verify_data(data, bin_dir(story.full.version)).problems


def test_a_backup_is_on_record_with_what_a_restore_needs(story: Story, ops: Connection) -> None:
    full = catalogue.backup_of(ops, story.full.label)
    later = catalogue.backup_of(ops, story.later.label)
    assert (full.kind, later.kind) == (Kind.BASE, Kind.INCREMENTAL if has_increments(story) else Kind.BASE)
    assert full.succeeded
    assert full.is_intact
    assert later.parent_id == (full.id if has_increments(story) else None)
    assert full.services == ("station",)
    assert Path(full.location, "backup.json").exists()
    with psycopg.connect(story.url) as conn:
        system = conn.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()
    assert system == (full.system_identifier,)


def test_backups_are_found_without_a_catalogue(story: Story) -> None:
    found = found_backups(story.root)
    assert {story.full.label, story.later.label} <= {one.label for one in found}
    before = [story.full.label] if has_increments(story) else []
    assert [one.label for one in chain(story.later, found)] == [*before, story.later.label]


def test_a_chain_without_its_full_backup_is_told(story: Story) -> None:
    with pytest.raises(ConflictError) as broken:
        chain(msgspec.structs.replace(story.later, parent="gone"), [story.full, story.later])
    assert broken.value.code == "ops.chain_broken"


def test_an_incremental_backup_holds_less(story: Story) -> None:
    assert (story.later.size_bytes < story.full.size_bytes / 2) == has_increments(story)


def test_a_server_that_has_no_incremental_backups_is_told_apart(story: Story) -> None:
    server = server_at(story.url)
    for old in (msgspec.structs.replace(server, version=160_004), msgspec.structs.replace(server, has_summaries=False)):
        with pytest.raises(ConfigError) as refused:
            require_increments(old)
        assert refused.value.code == "ops.no_increments"


def a_large_file(data: Path) -> Path:
    return max((data / "base").rglob("*"), key=lambda path: path.stat().st_size)


def flip_a_bit(data: Path) -> None:
    with a_large_file(data).open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))


def remove_a_file(data: Path) -> None:
    a_large_file(data).unlink()


def cut_a_file(data: Path) -> None:
    os.truncate(a_large_file(data), 8192)


def add_a_file(data: Path) -> None:
    (data / "base" / "extra").write_text("x")


def remove_the_log(data: Path) -> None:
    next((data / "pg_wal").glob("00000001*")).unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        # By ourselves, and by pg_verifybackup where that works.
        (flip_a_bit, ("is not as it was written", "checksum mismatch for file")),
        (remove_a_file, ("is missing", "not on disk")),
        (cut_a_file, ("has 8192 bytes", "has size 8192 on disk")),
        (add_a_file, ("is in no manifest", "not in the manifest")),
        (remove_the_log, ("the log from", "WAL parsing failed")),
    ],
)
def test_a_damaged_file_is_found(
    story: Story, tmp_path: Path, damage: Callable[[Path], None], said: tuple[str, str]
) -> None:
    problems = damaged_copy(story, tmp_path, damage)
    assert any(words in problems[-1] for words in said)


def test_a_whole_backup_has_no_problem(story: Story) -> None:
    assert verify_data(story.full_data, bin_dir(story.full.version)).problems == ()


def test_verify_finds_a_segment_of_the_log_that_is_gone(
    story: Story, platform: Operations, ops: Connection, tmp_path: Path
) -> None:
    assert verify_backups(platform, [story.full.label, story.later.label], None, ())[0].problems == ()
    archive = story.root / "wal" / story.full.system_identifier
    gone = archive / f"00000001{story.full.stop_lsn >> 32:08X}{(story.full.stop_lsn >> 24 & 0xFF) + 1:08X}"
    shutil.move(gone, tmp_path / gone.name)
    try:
        (verified,) = verify_backups(platform, [story.full.label], None, ())
        assert any(gone.name in problem for problem in verified.problems)
        assert catalogue.backup_of(ops, story.full.label).is_intact is False
    finally:
        shutil.move(tmp_path / gone.name, gone)
    verify_backups(platform, [story.full.label], None, ())
    assert catalogue.backup_of(ops, story.full.label).is_intact


def test_the_log_before_the_oldest_backup_goes_and_what_is_needed_stays(story: Story, copied_root: Path) -> None:
    archive = copied_root / "wal" / story.full.system_identifier
    first = f"00000001{story.full.start_lsn >> 32:08X}{story.full.start_lsn >> 24 & 0xFF:08X}"
    removed = expire_log(copied_root)
    assert removed
    assert all(name < first for name in removed)
    assert min(path.name for path in archive.iterdir()) >= first


def test_a_host_without_the_servers_programs_does_not_call_its_backups_damaged(
    story: Story, platform: Operations, ops: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_: object, **__: object) -> Program:
        raise ConfigError("ops.no_program", "there is no pg_waldump")

    monkeypatch.setattr(physical_backups, "find_program", nowhere)
    (verified,) = verify_backups(platform, [story.full.label], None, ())
    assert (verified.problems, verified.unread) == ((), "there is no pg_waldump")
    assert catalogue.backup_of(ops, story.full.label).is_intact


def test_files_that_agree_with_another_manifest_are_no_backup(
    story: Story, platform: Operations, ops: Connection
) -> None:
    ops.execute("UPDATE ops_schema.backups SET manifest_sha256 = repeat('0', 64) WHERE label = %s", (story.full.label,))
    try:
        (verified,) = verify_backups(platform, [story.full.label], None, ())
        assert verified.problems == ("backup_manifest is not the one that was written",)
    finally:
        ops.execute(
            "UPDATE ops_schema.backups SET manifest_sha256 = %s WHERE label = %s",
            (story.full.manifest_sha256, story.full.label),
        )
    verify_backups(platform, [story.full.label], None, ())


def test_what_is_being_made_or_removed_is_no_backup(story: Story, copied_root: Path) -> None:
    (copied_root / story.full.label).rename(copied_root / f".removed-{story.full.label}")
    (copied_root / story.later.label).rename(copied_root / f".partial-{story.later.label}")
    assert found_backups(copied_root) == []


def test_a_log_that_another_tool_archives_is_left_to_it(archiving_server: Server, story: Story) -> None:
    with psycopg.connect(archiving_server.url(), autocommit=True) as conn:
        before = one(conn, "SHOW archive_command")
        conn.execute("ALTER SYSTEM SET archive_command = 'false pgbackrest --repo1-cipher-pass=s3cret archive-push %p'")
        conn.execute("SELECT pg_reload_conf()")
        try:
            with pytest.raises(ConflictError) as refused:
                set_up_archive(server_at(story.url), story.root)
            assert refused.value.code == "ops.archive_taken"
            assert "s3cret" not in refused.value.message
        finally:
            conn.execute(sql.SQL("ALTER SYSTEM SET archive_command = {}").format(sql.Literal(before)))
            conn.execute("SELECT pg_reload_conf()")
    set_up_archive(server_at(story.url), story.root)


def test_a_role_without_replication_is_told_what_it_lacks(story: Story) -> None:
    with psycopg.connect(story.url, autocommit=True) as conn:
        conn.execute("DROP ROLE IF EXISTS weak")
        conn.execute("CREATE ROLE weak LOGIN")
    with pytest.raises(ConfigError) as refused:
        require_copyable(server_at(make_conninfo(story.url, dbname="postgres", user="weak")))
    assert refused.value.code == "ops.no_replication"
    assert "--replication-url" in (refused.value.hint or "")


def test_a_restore_point_is_in_the_archive_when_the_command_returns(story: Story, platform: Operations) -> None:
    (server,) = physical_servers(platform)
    point = set_restore_point(platform, server, "evening", within_s=60)
    assert point.is_archived
    segment = int(point.lsn.split("/")[1], 16) >> 24
    assert (story.root / "wal" / server.system_identifier / f"0000000100000000{segment:08X}").exists()


def test_archiving_that_fails_is_told_by_a_restore_point_until_it_works_again(
    story: Story, platform: Operations, archiving_server: Server
) -> None:
    with psycopg.connect(archiving_server.url(), autocommit=True) as conn:
        before = conn.execute("SHOW archive_command").fetchone()
        assert before is not None
        conn.execute("ALTER SYSTEM SET archive_command = 'false'")
        conn.execute("SELECT pg_reload_conf()")
        try:
            conn.execute("SELECT pg_switch_wal()")
            (server,) = physical_servers(platform)
            point = set_restore_point(platform, server, "night", within_s=60)
            assert not point.is_archived
            assert "archiving fails" in (archiving(conn).problem or "")
        finally:
            conn.execute(sql.SQL("ALTER SYSTEM SET archive_command = {}").format(sql.Literal(before[0])))
            conn.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 60
        while archiving(conn).problem is not None and time.monotonic() < deadline:
            conn.execute("SELECT pg_switch_wal()")
            time.sleep(0.2)
        assert archiving(conn).problem is None


def test_a_server_killed_within_a_backup_leaves_nothing_that_looks_whole_and_the_next_one_completes() -> None:
    with tempfile.TemporaryDirectory(prefix="gasolinera-killed-") as name:
        root = Path(name)
        root.chmod(0o711)
        backups = root / "backups"
        with embedded.running(root / "pg", settings={"fsync": "off"}) as server:
            about = server_at(server.url())
            killer = threading.Thread(target=_kill_when_begun, args=(server, backups))
            killer.start()
            with pytest.raises(BackupFailedError):
                take(about, backups, Taking(max_rate="1M", syncs=False), label="first", parent=None)
            killer.join()
        assert found_backups(backups) == []
        assert not (backups / "first").exists()
        with embedded.running(root / "pg", settings={"fsync": "off"}) as server:
            made = take(server_at(server.url()), backups, QUICK, label="second", parent=None)
        assert [one.label for one in found_backups(backups)] == ["second"]
        assert verify_data(backups / made.label / "data", bin_dir(made.version)).problems == ()
        embedded.destroy(root / "pg")


def _kill_when_begun(server: Server, backups: Path) -> None:
    deadline = time.monotonic() + 60
    while not list(backups.glob(".partial-first/data/base/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    postmaster = int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)


def test_a_backup_process_that_was_killed_leaves_nothing_behind_the_next_one(story: Story, tmp_path: Path) -> None:
    half = tmp_path / ".partial-half"
    (half / "data" / "base").mkdir(parents=True)
    (tmp_path / ".partial-half.lock").touch()
    about = server_at(story.url)
    made = take(about, tmp_path, QUICK, label=label_for(about, Kind.BASE), parent=None)
    assert not half.exists()
    assert [one.label for one in found_backups(tmp_path)] == [made.label]


def test_without_a_parent_an_incremental_backup_is_full_and_says_why(
    story: Story, platform: Operations, tmp_path: Path
) -> None:
    if not has_increments(story):
        with pytest.raises(ConfigError):
            back_up_servers(platform, wanted(tmp_path, is_incremental=True))
        return
    (made,) = back_up_servers(platform, wanted(tmp_path, is_incremental=True, verify=False))
    assert made.backup.kind is Kind.BASE
    assert made.note is not None
    with ops_session(platform.ops_url) as conn:
        catalogue.record_removal(conn, made.id)
