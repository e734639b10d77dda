"""A server whose log is sealed from some moment on: base backups and the log, with one key, to any moment."""

import os
import shutil
import tempfile
from collections.abc import Generator
from datetime import datetime
from pathlib import Path

import msgspec
import psycopg
import pytest
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension
from typer.testing import CliRunner

import vuelo
from gasolinera.cli.ops import app
from gasolinera.ops import operations_schema, roles, wal_copying
from gasolinera.ops.archive_setup import archive_lines, set_up_archive
from gasolinera.ops.backup_testing import Trying, try_backup
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.base_backups import BaseBackup, Taking, take
from gasolinera.ops.base_servers import server_at
from gasolinera.ops.dump_archives import Verification
from gasolinera.ops.encryption import IDENTITY_SETTING, DecryptionError, Encryption
from gasolinera.ops.physical_backups import MadeBase, WantedBase, back_up_servers, expire_log
from gasolinera.ops.reaching import Operations
from gasolinera.ops.recovery import restored_server
from gasolinera.ops.recovery_planning import RecoveryPlan, Target, plan_recovery, time_target
from gasolinera.ops.recovery_server import RecoveryFailedError
from gasolinera.ops.scratch_folders import scratch_folder
from gasolinera.ops.wal_archive import is_sealed, segment_name, segment_of
from tests.conftest import project_at
from tests.ops.physical.conftest import DATABASE, one, rows_of, switch_log
from vuelo import embedded

KEY = x25519.Identity.generate()
OTHER = x25519.Identity.generate()
ENCRYPTION = Encryption((str(KEY.to_public()),))
SEALED = Taking(syncs=False, encryption=ENCRYPTION)


class Tale(msgspec.Struct, frozen=True):
    """The log is plain until row 10 and sealed from then on. `before`: the rows at `at` and at the restore point."""

    operations: Operations
    root: Path
    while_plain: MadeBase
    made: MadeBase
    before: list[int]
    at: datetime
    after: list[int]

    @property
    def backup(self) -> BaseBackup:
        return self.made.backup


@pytest.fixture(scope="module")
def tale() -> Generator[Tale]:
    root = Path(tempfile.mkdtemp(prefix="gasolinera-sealed-log-"))
    root.chmod(0o711)
    with embedded.temporary(version=18, settings={"archive_mode": "on"}) as server:
        set_up_archive(server_at(server.url()), root)
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {DATABASE}".encode())
        url = server.url(DATABASE)
        project = project_at(url, "test").only(["station"])
        roles.initialise(project)
        vuelo.migrate(project)
        operations_schema.install(url)
        operations = Operations(project, url)
        wanted = WantedBase(folder=root, taking=SEALED, identities=(KEY,))
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE TABLE redeemed (id int PRIMARY KEY)")
            (while_plain,) = back_up_servers(operations, wanted)
            conn.execute("INSERT INTO redeemed SELECT generate_series(1, 10)")
            switch_log(conn)
            set_up_archive(server_at(server.url()), root, encryption=ENCRYPTION)
            (made,) = back_up_servers(operations, wanted)
            conn.execute("INSERT INTO redeemed SELECT generate_series(11, 20)")
            switch_log(conn)
            before, at = rows_of(conn), one(conn, "SELECT clock_timestamp()")
            conn.execute("SELECT pg_create_restore_point('before the disaster')")
            conn.execute("DELETE FROM redeemed WHERE id > 5")
            switch_log(conn)
            conn.execute("INSERT INTO redeemed SELECT generate_series(101, 103)")
            switch_log(conn)
            after = rows_of(conn)
        yield Tale(operations, root, while_plain, made, before, at, after)
    shutil.rmtree(root)


@pytest.fixture
def copied(tale: Tale) -> Generator[Path]:
    """The same backups with an archive of their own, which a test may damage."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-sealed-log-"))
    root.chmod(0o711)
    for one_made in (tale.while_plain, tale.made):
        (root / one_made.backup.label).symlink_to(tale.root / one_made.backup.label)
    shutil.copytree(tale.root / "wal", root / "wal")
    for path in (root / "wal", *(root / "wal").rglob("*")):
        path.chmod(0o755)
    yield root
    shutil.rmtree(root)


def archive(tale: Tale, root: Path) -> Path:
    return root / "wal" / tale.backup.system_identifier


def sealed_files(tale: Tale, root: Path) -> list[Path]:
    return [path for path in sorted(archive(tale, root).iterdir()) if is_sealed(path)]


def restored_rows(plan: RecoveryPlan) -> list[int]:
    with (
        scratch_folder() as folder,
        restored_server(plan, folder / "data", verify=False, is_scratch=True, identities=[KEY]) as (server, _),
        psycopg.connect(server.url(DATABASE)) as conn,
    ):
        return rows_of(conn)


def temporary_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("gasolinera-plain-*"))


@pytest.mark.parametrize("kind", ["time", "name"])
def test_sealed_backup_and_sealed_log_restore_exactly_what_was_committed(tale: Tale, kind: str) -> None:
    target = time_target(tale.at) if kind == "time" else Target(kind="name", value="before the disaster")
    plan = plan_recovery(tale.root, target, identities=[KEY])
    assert (plan.backup.label, plan.blockers) == (tale.backup.label, ())
    assert restored_rows(plan) == tale.before


def test_an_archive_that_was_plain_first_is_followed_to_its_end(tale: Tale) -> None:
    names = {is_sealed(path) for path in archive(tale, tale.root).iterdir() if segment_of(path) is not None}
    assert names == {True, False}
    plan = plan_recovery(tale.root, Target(kind="latest"), label=tale.while_plain.backup.label, identities=[KEY])
    assert plan.blockers == ()
    assert restored_rows(plan) == tale.after


def test_the_command_of_the_server_says_for_whom_and_the_warning_goes_when_it_does(tale: Tale) -> None:
    assert (tale.while_plain.log_is_plain, tale.made.log_is_plain) == (True, False)
    lines = archive_lines(server_at(tale.operations.ops_url), tale.root, every_s=60, encryption=ENCRYPTION)
    assert f"--for {ENCRYPTION.recipients[0]}" in "".join(lines)


@pytest.mark.parametrize(("keys", "code"), [([], "ops.no_key"), ([OTHER], "ops.wrong_key")])
def test_without_the_right_key_a_plan_says_so(tale: Tale, keys: list[x25519.Identity], code: str) -> None:
    before = temporary_folders()
    with pytest.raises(DecryptionError) as refused:
        plan_recovery(tale.root, time_target(tale.at), identities=keys)
    assert refused.value.code == code
    assert temporary_folders() <= before


def test_a_recovery_with_the_wrong_key_ends_with_its_reason_not_early(tale: Tale) -> None:
    """Though the copy itself were readable: the log must not pass for one that has ended."""
    plan = plan_recovery(tale.root, Target(kind="latest"), identities=[KEY])
    with (
        scratch_folder() as folder,
        pytest.raises((RecoveryFailedError, DecryptionError)) as failed,
        restored_server(plan, folder / "data", verify=False, identities=[OTHER]),
    ):
        pass
    assert "another key" in failed.value.message


def test_a_missing_sealed_segment_is_told_before_anything_is_restored(tale: Tale, copied: Path) -> None:
    gone = sealed_files(tale, copied)[-2]
    gone.unlink()
    plan = plan_recovery(copied, Target(kind="latest"), identities=[KEY])
    assert [blocker.code for blocker in plan.blockers] == ["ops.wal_missing"]
    assert plan.missing == (segment_of(gone),)


def test_a_changed_sealed_segment_is_told_and_what_is_before_it_can_be_reached(tale: Tale, copied: Path) -> None:
    changed = sealed_files(tale, copied)[-1]
    with changed.open("r+b") as file:
        file.seek(-50, os.SEEK_END)
        file.write(b"changed")
    plan = plan_recovery(copied, Target(kind="latest"), identities=[KEY])
    assert [blocker.code for blocker in plan.blockers] == ["ops.wal_damaged"]
    plan = plan_recovery(copied, Target(kind="name", value="before the disaster"), identities=[KEY])
    assert plan.blockers == ()
    assert restored_rows(plan) == tale.before


def test_a_log_that_was_sealed_for_another_key_later_on_is_read_up_to_there(tale: Tale, copied: Path) -> None:
    """Whoever named a wrong recipient yesterday can still go back to the day before."""
    last = sealed_files(tale, copied)[-1]
    name = segment_of(last)
    assert name is not None
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / name
        wal_copying.unseal(str(last), str(plain), [KEY])
        last.unlink()
        assert wal_copying.put(str(plain), str(archive(tale, copied)), [str(OTHER.to_public())])
    with pytest.raises(DecryptionError) as refused:
        plan_recovery(copied, Target(kind="latest"), identities=[KEY])
    assert (refused.value.code, name in refused.value.message) == ("ops.wrong_key", True)
    plan = plan_recovery(copied, Target(kind="name", value="before the disaster"), identities=[KEY])
    assert plan.blockers == ()
    for path in archive(tale, copied).iterdir():
        path.chmod(0o755)
    assert restored_rows(plan) == tale.before


def verified(tale: Tale, *keys: x25519.Identity) -> Verification:
    (found,) = verify_backups(tale.operations, [tale.backup.label], None, keys)
    return found


def test_verifying_reads_the_log_with_the_key_and_never_says_good_without(tale: Tale) -> None:
    with_key, without, wrong = verified(tale, KEY), verified(tale), verified(tale, OTHER)
    assert (with_key.problems, with_key.unread) == ((), None)
    assert (without.problems, wrong.problems) == ((), ())
    assert without.unread
    assert wrong.unread


def test_verifying_finds_a_cut_segment_without_the_key(tale: Tale) -> None:
    cut = sealed_files(tale, tale.root)[-1]
    whole = cut.read_bytes()
    try:
        cut.write_bytes(whole[:-10])
        assert any(cut.name in problem for problem in verified(tale).problems)
    finally:
        cut.write_bytes(whole)


def test_backup_test_restores_by_the_key_of_the_setting(
    tale: Tale, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv(IDENTITY_SETTING, str(tmp_path / "key"))
    result = try_backup(tale.operations, Trying(with_data_checks=False))
    assert (result.error, result.succeeded) == (None, True)


def test_the_command_takes_the_key_for_the_log(tale: Tale, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    words = ["restore", "pitr", "--folder", str(tale.root), "--to-time", tale.at.isoformat(), "--dry-run", "--json"]
    said = CliRunner().invoke(app, [*words, "--identity", str(tmp_path / "key")])
    assert said.exit_code == 0, said.output
    assert msgspec.json.decode(said.stdout)["plan"]["blockers"] == []


def test_sealed_segments_that_no_backup_needs_any_more_go(tale: Tale, copied: Path) -> None:
    last = take(server_at(tale.operations.ops_url), copied, SEALED, label="last", parent=None)
    old = [path.name for path in sealed_files(tale, copied)]
    assert old
    for made in (tale.while_plain, tale.made):
        (copied / made.backup.label).unlink()
    removed = expire_log(copied)
    assert set(old) <= set(removed)
    assert not any(int(path.name[8:24], 16) < int(lsn_segment(last), 16) for path in sealed_files(tale, copied))


def lsn_segment(backup: BaseBackup) -> str:
    return segment_name(backup.timeline, backup.start_lsn // backup.segment_size, backup.segment_size)[8:]


def test_the_commands_of_a_server_elsewhere_seal_and_read(tmp_path: Path) -> None:
    segment, folder, key = tmp_path / segment_name(1, 1, 1 << 24), tmp_path / "archive", tmp_path / "key"
    segment.write_bytes(b"log" * 1000)
    folder.mkdir()
    key.write_text(f"{KEY}\n")
    done = CliRunner().invoke(app, ["archive-wal", str(segment), str(folder), "--for", ENCRYPTION.recipients[0]])
    assert done.exit_code == 0
    (sealed,) = folder.iterdir()
    assert is_sealed(sealed)
    words = ["restore-wal", segment.name, str(tmp_path / "back"), str(folder)]
    assert CliRunner().invoke(app, words).exit_code > 125
    assert CliRunner().invoke(app, [*words, "--identity", str(key)]).exit_code == 0
    assert (tmp_path / "back").read_bytes() == segment.read_bytes()
