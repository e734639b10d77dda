"""A whole server brought back to a moment: exactly what was committed before it is there, or it is said why not."""

import fcntl
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from typer.testing import CliRunner

from gasolinera.cli.ops import app
from gasolinera.errors import ConflictError, InputError
from gasolinera.ops.archive_setup import set_up_archive
from gasolinera.ops.base_backups import take
from gasolinera.ops.base_servers import server_at
from gasolinera.ops.recovery import reopened_server, restore, restored_server
from gasolinera.ops.recovery_planning import RecoveryPlan, Target, leading_on, plan_recovery, time_target
from gasolinera.ops.recovery_server import RecoveryFailedError
from gasolinera.ops.scratch_folders import scratch_folder
from gasolinera.ops.wal_archive import lsn_text, segment_name
from tests.ops.physical.conftest import DATABASE, QUICK, Story, one, rows_of, switch_log
from vuelo import embedded

runner = CliRunner()


@contextmanager
def tried(plan: RecoveryPlan, *, verify: bool = False) -> Generator[psycopg.Connection]:
    """A session with a restored server that is thrown away."""
    with (
        scratch_folder() as folder,
        restored_server(plan, folder / "data", verify=verify, is_scratch=True) as (server, _),
        psycopg.connect(server.url(DATABASE)) as conn,
    ):
        yield conn


def blocked(plan: RecoveryPlan) -> list[str]:
    return [blocker.code for blocker in plan.blockers]


def a_segment_after(story: Story, root: Path) -> Path:
    """One that a restore to the disaster has to read: it holds the position."""
    upper, lower = (int(part, 16) for part in story.lsn.split("/"))
    return root / "wal" / story.full.system_identifier / f"00000001{upper:08X}{lower >> 24:08X}"


@pytest.mark.parametrize("kind", ["time", "lsn", "name", "xid"])
def test_a_restore_to_just_before_the_disaster_has_exactly_what_was_committed(story: Story, kind: str) -> None:
    targets = {
        "time": time_target(story.at),
        "lsn": Target(kind="lsn", value=story.lsn),
        "name": Target(kind="name", value="before the disaster"),
        "xid": Target(kind="xid", value=story.xid, inclusive=False),
    }
    plan = plan_recovery(story.root, targets[kind])
    assert plan.backup.label == story.full.label
    assert plan.blockers == ()
    with tried(plan) as conn:
        assert rows_of(conn) == story.before


@pytest.mark.long
def test_a_restore_to_the_transaction_itself_has_its_deletions(story: Story) -> None:
    with tried(plan_recovery(story.root, Target(kind="xid", value=story.xid))) as conn:
        assert rows_of(conn) == list(range(1, 21))


def test_an_incremental_chain_and_the_log_restore_to_the_newest_rows(story: Story) -> None:
    plan = plan_recovery(story.root, Target(kind="latest"))
    chain = [story.full.label, story.later.label] if story.later.parent else [story.later.label]
    assert [link.label for link in plan.chain] == chain
    with tried(plan, verify=True) as conn:
        assert rows_of(conn) == story.after
        conn.execute("INSERT INTO redeemed VALUES (5000)")
        assert one(conn, "SELECT count(*) FROM redeemed") == len(story.after) + 1


def test_a_restore_leaves_a_whole_folder_that_a_server_starts_on_and_archives_its_new_timeline(story: Story) -> None:
    with scratch_folder() as folder:
        plan = plan_recovery(story.root, time_target(story.at))
        done = restore(plan, folder / "new", verify=False)
        assert done.timeline == 2
        assert done.reached_at is not None
        assert done.reached_at <= story.at
        assert f"{plan.reached_at}" == f"{done.reached_at}"
        assert DATABASE in done.databases
        assert (folder / "new" / "pg_wal" / "archive_status" / "00000002.history.ready").exists()
        with reopened_server(folder / "new", story.full) as server, psycopg.connect(server.url(DATABASE)) as conn:
            assert rows_of(conn) == story.before
        with pytest.raises(ConflictError) as refused:
            restore(plan, folder / "new")
        assert refused.value.code == "ops.folder_used"
    assert not (story.root / "wal" / story.full.system_identifier / "00000002.history").exists()


def test_a_time_after_the_last_transaction_is_refused_with_what_is_reachable(story: Story) -> None:
    plan = plan_recovery(story.root, time_target(datetime.now(UTC) + timedelta(days=1)))
    assert blocked(plan) == ["ops.target_unreachable"]
    assert plan.reached_at is not None
    assert str(plan.reached_at) in (plan.blockers[0].hint or "")
    with scratch_folder() as folder, pytest.raises(ConflictError):
        restore(plan, folder / "new")


@pytest.mark.parametrize(
    "target",
    [
        Target(kind="name", value="never set"),
        Target(kind="xid", value="999999"),
        Target(kind="lsn", value="FFFF/0"),
    ],
)
def test_a_target_that_the_log_does_not_have_is_refused(story: Story, target: Target) -> None:
    assert blocked(plan_recovery(story.root, target)) == ["ops.target_unreachable"]


def test_a_time_before_the_oldest_backup_is_refused_with_the_earliest(story: Story) -> None:
    plan = plan_recovery(story.root, time_target(story.full.started_at - timedelta(hours=1)))
    assert blocked(plan) == ["ops.target_too_early"]
    assert str(story.full.finished_at) in (plan.blockers[0].hint or "")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError) as refused:
        time_target(datetime(2026, 11, 23, 14, 30))  # noqa: DTZ001  that is the point
    assert refused.value.code == "ops.time_zone"


def test_a_server_that_ends_before_its_target_counts_as_failed_though_it_had_started(story: Story) -> None:
    plan = plan_recovery(story.root, Target(kind="name", value="never set"))
    believed = msgspec.structs.replace(plan, blockers=())
    with scratch_folder() as folder:
        with pytest.raises(RecoveryFailedError) as failed:
            restore(believed, folder / "new", verify=False)
        assert failed.value.code == "ops.target_unreachable"
        assert list(folder.iterdir()) == []


def test_a_missing_segment_is_told_before_anything_is_restored(story: Story, copied_root: Path) -> None:
    gone = a_segment_after(story, copied_root)
    gone.unlink()
    plan = plan_recovery(copied_root, Target(kind="latest"), label=story.full.label)
    assert blocked(plan) == ["ops.wal_missing"]
    assert plan.missing == (gone.name,)


def test_a_moment_before_the_missing_segment_can_still_be_reached(story: Story, copied_root: Path) -> None:
    newest = max(path for path in a_segment_after(story, copied_root).parent.iterdir() if len(path.name) == 24)
    newest.with_name(f"{int(newest.name, 16) + 2:024X}").write_bytes(newest.read_bytes())
    assert blocked(plan_recovery(copied_root, time_target(story.at))) == []
    assert blocked(plan_recovery(copied_root, Target(kind="latest"))) == ["ops.wal_missing"]


def test_a_segment_that_was_changed_is_told(story: Story, copied_root: Path) -> None:
    changed = a_segment_after(story, copied_root)
    with changed.open("r+b") as file:
        file.seek(int(story.lsn.split("/")[1], 16) & 0xFFFFFF)
        file.write(b"\xff" * 64)
    plan = plan_recovery(copied_root, Target(kind="latest"), label=story.full.label)
    assert blocked(plan) == ["ops.wal_damaged"]


def test_a_segment_that_is_too_short_is_told(story: Story, copied_root: Path) -> None:
    with a_segment_after(story, copied_root).open("r+b") as file:
        file.truncate(1 << 20)
    plan = plan_recovery(copied_root, Target(kind="latest"), label=story.full.label)
    assert "ops.wal_damaged" in blocked(plan)


def test_what_a_dead_server_had_not_archived_is_brought_from_its_own_log(story: Story, copied_root: Path) -> None:
    archive = a_segment_after(story, copied_root).parent
    newest = max(path.name for path in archive.iterdir() if len(path.name) == 24)
    with scratch_folder() as saved:
        saved.chmod(0o755)
        shutil.move(archive / newest, saved / newest)
        (saved / newest).chmod(0o644)
        plan = plan_recovery(copied_root, Target(kind="latest"), more_wal=(saved,))
        with tried(plan) as conn:
            assert rows_of(conn) == story.after


def test_names_that_a_dead_server_had_given_to_segments_to_come_are_not_damage(story: Story, copied_root: Path) -> None:
    archive = a_segment_after(story, copied_root).parent
    oldest, *_, newest = sorted(path.name for path in archive.iterdir() if len(path.name) == 24)
    with scratch_folder() as saved:
        saved.chmod(0o755)
        shutil.move(archive / newest, saved / newest)
        for later in (1, 2):
            shutil.copy(archive / oldest, saved / f"{int(newest, 16) + later:024X}")
        for path in saved.iterdir():
            path.chmod(0o644)
        plan = plan_recovery(copied_root, Target(kind="latest"), more_wal=(saved,))
        assert (blocked(plan), plan.last_segment) == ([], newest)
        with tried(plan) as conn:
            assert rows_of(conn) == story.after


def test_the_latest_is_what_came_after_a_restore_and_not_what_it_left_behind(story: Story, copied_root: Path) -> None:
    """The later backup is of the old server's, taken after the moment to which it was brought back."""
    archive = copied_root / "wal" / story.full.system_identifier
    forked = story.full.stop_lsn + 8
    (archive / "00000002.history").write_text(f"1\t{lsn_text(forked)}\tbefore the disaster\n")
    segment = segment_name(2, forked // story.full.segment_size, story.full.segment_size)
    shutil.copy(archive / f"00000001{segment[8:]}", archive / segment)
    backups = [story.later, story.full]
    assert leading_on(copied_root, backups) == [story.full]
    with pytest.raises(ConflictError) as refused:
        leading_on(copied_root, [story.later])
    assert refused.value.code == "ops.timeline"
    (archive / segment).unlink()  # a restore that nobody took over
    assert leading_on(copied_root, backups) == backups


def test_two_do_not_restore_to_one_place(story: Story) -> None:
    with scratch_folder() as folder:
        lock = folder / "new.restoring.lock"
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(ConflictError) as refused:
                restore(plan_recovery(story.root, time_target(story.at)), folder / "new", verify=False)
        assert refused.value.code == "ops.running"
        assert lock.exists()


def test_a_damaged_backup_is_not_restored(story: Story, copied_root: Path) -> None:
    label = story.full.label
    (copied_root / label).unlink()
    shutil.copytree(story.root / label, copied_root / label)
    largest = max((copied_root / label / "data" / "base").rglob("*"), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as file:
        file.seek(9000)
        file.write(b"wrong")
    plan = plan_recovery(copied_root, time_target(story.at))
    with scratch_folder() as folder:
        with pytest.raises(ConflictError) as refused:
            restore(plan, folder / "new")
        assert refused.value.code == "ops.backup_damaged"
        assert list(folder.iterdir()) == []


def test_the_command_says_what_would_be_reached_without_any_database(story: Story) -> None:
    said = runner.invoke(
        app, ["restore", "pitr", "--folder", str(story.root), "--to-time", story.at.isoformat(), "--dry-run", "--json"]
    )
    assert said.exit_code == 0
    answer = msgspec.json.decode(said.stdout)
    assert answer["restored"] is None
    assert answer["plan"]["blockers"] == []
    assert datetime.fromisoformat(answer["plan"]["reached_at"]) <= story.at
    assert datetime.fromisoformat(answer["plan"]["stops_at"]["at"]) > story.at


def test_the_command_fails_where_the_target_is_out_of_reach(story: Story) -> None:
    said = runner.invoke(app, ["restore", "pitr", "--folder", str(story.root), "--to-name", "never set", "--dry-run"])
    assert said.exit_code == 1
    assert "never set" in said.stderr


@pytest.mark.parametrize("targets", [[], ["--to-latest", "--to-xid", "900"], ["--to-latest", "--before"]])
def test_the_command_wants_one_target(story: Story, targets: list[str]) -> None:
    said = runner.invoke(app, ["restore", "pitr", "--folder", str(story.root), "--dry-run", *targets])
    assert isinstance(said.exception, InputError)
    assert said.exception.code == "ops.target"


@pytest.mark.long
def test_a_restored_server_in_the_old_ones_place_archives_on_and_can_be_restored_again() -> None:
    """Through the place where its history left the old server's, from a backup of before that."""
    with scratch_folder() as home:
        backups = home / "backups"
        with embedded.running(home / "pg", settings={"archive_mode": "on"}) as server:
            about = server_at(server.url())
            set_up_archive(about, backups)
            first = take(about, backups, QUICK, label="first", parent=None)
            with psycopg.connect(server.url(), autocommit=True) as conn:
                conn.execute("CREATE TABLE redeemed AS SELECT generate_series(1, 5) AS id")
                conn.execute("SELECT pg_create_restore_point('good')")
                conn.execute("DELETE FROM redeemed")
                switch_log(conn)
            data = server.home / "data"
        restore(plan_recovery(backups, Target(kind="name", value="good")), home / "new", verify=False)
        data.rename(data.with_name("data.before"))
        (home / "new").rename(data)
        with (
            embedded.running(home / "pg", settings={"archive_mode": "on"}) as server,
            psycopg.connect(server.url(), autocommit=True) as conn,
        ):
            conn.execute("INSERT INTO redeemed VALUES (6)")
            switch_log(conn)
        assert (backups / "wal" / first.system_identifier / "00000002.history").exists()
        again = plan_recovery(backups, Target(kind="latest"))
        assert (again.backup.label, again.timeline) == ("first", 2)
        done = restore(again, home / "again", verify=False)
        assert done.timeline == 3
        with reopened_server(home / "again", first) as server, psycopg.connect(server.url()) as conn:
            assert rows_of(conn) == [1, 2, 3, 4, 5, 6]
        old = restore(plan_recovery(backups, Target(kind="latest", timeline=1)), home / "old", verify=False)
        assert old.timeline == 3
        with reopened_server(home / "old", first) as server, psycopg.connect(server.url()) as conn:
            assert rows_of(conn) == []
        embedded.destroy(home / "pg")
