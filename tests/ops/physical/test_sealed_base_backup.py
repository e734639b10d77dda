"""Base backups that are encrypted at rest: made without a secret, restored with it, and never plain on the disk."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import msgspec
import psycopg
import pyrage
import pytest
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension

from gasolinera.errors import ConflictError
from gasolinera.ops import catalogue
from gasolinera.ops.backup_testing import Trying, try_backup
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.base_backups import BackupFailedError, BaseBackup, Taking, found_backups, take
from gasolinera.ops.base_servers import server_at
from gasolinera.ops.copy_verifying import verify_copy
from gasolinera.ops.encryption import IDENTITY_SETTING, DecryptionError, Encryption
from gasolinera.ops.physical_backups import WantedBase, back_up_servers
from gasolinera.ops.private_folders import private_folder
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.recovery import restored_server
from gasolinera.ops.recovery_planning import RecoveryPlan, Target, plan_recovery, time_target
from gasolinera.ops.scratch_folders import scratch_folder
from gasolinera.ops.sealed_copies import OUTLINE, TAR
from tests.ops.physical.conftest import DATABASE, FIRST_WITH_INCREMENTS, Connection, one, switch_log

KEY = x25519.Identity.generate()
OTHER = x25519.Identity.generate()
SEALED = Taking(syncs=False, encryption=Encryption((str(KEY.to_public()),)))
WORDS = "the licence plate of a customer"


class Sealed(msgspec.Struct, frozen=True):
    """An encrypted backup, what was committed after it, and then a plain or encrypted one that builds on it."""

    root: Path
    first: BaseBackup
    later: BaseBackup | None
    last: BaseBackup | None
    rows: list[int]
    at_point: list[int]


def noted(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("SELECT id FROM noted ORDER BY id")]


def add(conn: Connection, *numbers: int) -> None:
    for number in numbers:
        conn.execute("INSERT INTO noted VALUES (%s, %s)", (number, WORDS))


@pytest.fixture(scope="module")
def sealed(platform: Operations, backup_root: Path) -> Generator[Sealed]:
    root = Path(tempfile.mkdtemp(prefix="gasolinera-sealed-"))
    root.chmod(0o711)
    (root / "wal").symlink_to(backup_root / "wal")
    server = server_at(platform.ops_url)
    with psycopg.connect(platform.ops_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE noted (id int PRIMARY KEY, words text NOT NULL)")
        add(conn, 1, 2, 3)
        first = take(server, root, SEALED, label="first", parent=None)
        add(conn, 4, 5)
        conn.execute("SELECT pg_create_restore_point('sealed')")
        at_point = noted(conn)
        add(conn, 6)
        switch_log(conn)
        later = last = None
        if server.version >= FIRST_WITH_INCREMENTS * 10_000:
            later = take(server, root, Taking(syncs=False), label="later", parent=first)
            add(conn, 7)
            last = take(server, root, SEALED, label="last", parent=later)
        add(conn, 8)
        rows = noted(conn)
        switch_log(conn)
    yield Sealed(root, first, later, last, rows, at_point)
    shutil.rmtree(root)


@pytest.fixture
def copied(sealed: Sealed) -> Generator[Path]:
    """The first backup and the log, to be damaged."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-sealed-"))
    root.chmod(0o711)
    shutil.copytree(sealed.root / "first", root / "first")
    (root / "wal").symlink_to((sealed.root / "wal").resolve())
    yield root
    shutil.rmtree(root)


def restored_rows(plan: RecoveryPlan, *, verify: bool = True) -> list[int]:
    with (
        scratch_folder() as folder,
        restored_server(plan, folder / "data", verify=verify, is_scratch=True, identities=[KEY]) as (server, _),
        psycopg.connect(server.url(DATABASE)) as conn,
    ):
        assert [path.name for path in folder.iterdir()] == ["data"]  # nothing besides lies there in plain
        return noted(conn)


def test_an_encrypted_backup_and_the_log_bring_a_server_back_to_a_named_moment(sealed: Sealed) -> None:
    plan = plan_recovery(sealed.root, Target(kind="name", value="sealed"), label="first")
    assert plan.blockers == ()
    assert restored_rows(plan) == sealed.at_point


def test_chains_of_encrypted_and_plain_links_restore_to_the_newest_rows(sealed: Sealed) -> None:
    if sealed.last is None:
        pytest.skip("this server has no incremental backups")
    plan = plan_recovery(sealed.root, Target(kind="latest"), label="last")
    assert [link.encryption is not None for link in plan.chain] == [True, False, True]
    assert restored_rows(plan) == sealed.rows


def test_nothing_of_the_rows_can_be_read_on_the_disk_and_only_the_owner_may_look(sealed: Sealed) -> None:
    folder = sealed.root / "first"
    assert sorted(path.name for path in folder.iterdir()) == ["backup.json", TAR, OUTLINE]
    assert not any(WORDS.encode() in path.read_bytes() for path in folder.iterdir())
    assert '"Checksum"' not in (folder / OUTLINE).read_text()
    assert (folder.stat().st_mode & 0o777, (folder / TAR).stat().st_mode & 0o777) == (0o700, 0o600)
    plain = pyrage.decrypt((folder / TAR).read_bytes(), [KEY])
    assert WORDS.encode() in plain  # so the search above would have found it


def test_a_backup_alone_restores_from_the_log_in_it_where_there_is_no_archive(sealed: Sealed, copied: Path) -> None:
    (copied / "wal").unlink()
    with pytest.raises(DecryptionError) as refused:
        plan_recovery(copied, Target(kind="latest"))
    assert refused.value.code == "ops.no_key"
    plan = plan_recovery(copied, Target(kind="latest"), identities=[KEY])
    assert plan.blockers == ()
    assert restored_rows(plan) == [1, 2, 3]


@pytest.mark.parametrize(("keys", "code"), [([], "ops.no_key"), ([OTHER], "ops.wrong_key")])
def test_a_restore_without_the_right_key_says_so_and_leaves_nothing(
    sealed: Sealed, keys: list[x25519.Identity], code: str
) -> None:
    plan = plan_recovery(sealed.root, Target(kind="name", value="sealed"), label="first")
    with scratch_folder() as folder:
        with (
            pytest.raises(DecryptionError) as refused,
            restored_server(plan, folder / "data", identities=keys),
        ):
            pass
        assert refused.value.code == code
        assert list(folder.iterdir()) == []


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 100_000)


def flip(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("damage", [cut, flip])
def test_a_file_that_is_cut_or_changed_is_told_with_and_without_the_key(copied: Path, damage: object) -> None:
    assert callable(damage)
    damage(copied / "first" / TAR)
    (backup,) = found_backups(copied)
    for keys in ([], [KEY]):
        verified = verify_copy(copied / "first", backup, keys)
        assert verified is not None
        assert len(verified.problems) == 1
        assert TAR in verified.problems[0]
    plan = plan_recovery(copied, time_target(backup.finished_at), identities=[KEY])
    believed = msgspec.structs.replace(plan, blockers=())
    with scratch_folder() as folder:
        with pytest.raises(ConflictError) as refused, restored_server(believed, folder / "data", identities=[KEY]):
            pass
        assert refused.value.code == "ops.backup_damaged"
        with (
            pytest.raises(DecryptionError) as failed,  # also where nobody wants it verified first
            restored_server(believed, folder / "other", verify=False, identities=[KEY]),
        ):
            pass
        assert failed.value.code == "ops.not_decrypted"


def test_a_file_that_was_sealed_by_somebody_else_is_not_the_one_on_record(copied: Path, sealed: Sealed) -> None:
    """Whoever has the public key can make a file that opens: the manifest's digest tells."""
    tar = copied / "first" / TAR
    plain = pyrage.decrypt(tar.read_bytes(), [KEY]).replace(WORDS.encode(), WORDS.upper().encode())
    tar.write_bytes(pyrage.encrypt(plain, [KEY.to_public()]))
    (first,) = found_backups(copied)
    files = tuple(
        msgspec.structs.replace(one, size=path.stat().st_size, sha256=_sha256(path))
        for one in first.files
        for path in [copied / "first" / one.path]
    )
    verified = verify_copy(copied / "first", msgspec.structs.replace(first, files=files), [KEY])
    assert verified is not None
    assert any("is not as it was written" in problem for problem in verified.problems)


def _sha256(path: Path) -> str:
    return subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]


def test_what_nobody_can_decrypt_here_is_not_called_good(
    platform: Operations, sealed: Sealed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wanted = WantedBase(folder=sealed.root, taking=SEALED)
    (made,) = back_up_servers(platform, wanted)
    label = made.backup.label
    try:
        with ops_session(platform.ops_url) as conn:
            row = catalogue.backup_of(conn, label)
            assert (made.verified_by, row.is_intact) == (None, None)
            assert row.encryption == f"age {KEY.to_public()}"
            for keys in ([], [OTHER]):
                (found,) = verify_backups(platform, [label], None, keys)
                assert (found.problems, found.unread is not None) == ((), True)
                assert catalogue.backup_of(conn, label).is_intact is None
            (found,) = verify_backups(platform, [label], None, [KEY])
            assert (found.problems, found.unread) == ((), None)
            assert catalogue.backup_of(conn, label).is_intact
            assert try_backup(platform, Trying(label=label)).error == "the backup is encrypted"
            key = tmp_path / "key"
            key.write_text(f"{KEY}\n")
            monkeypatch.setenv(IDENTITY_SETTING, str(key))
            assert try_backup(platform, Trying(label=label, with_data_checks=False)).error is None
            description = Path(row.location) / "backup.json"
            description.write_text(description.read_text() + "\n")
            (found,) = verify_backups(platform, [label], None, [KEY])
            assert found.problems == ("backup.json is not the one that was written",)
    finally:
        with ops_session(platform.ops_url) as conn:
            catalogue.record_removal(conn, catalogue.backup_of(conn, label).id)
        shutil.rmtree(sealed.root / label)


_KILLED = """
import sys
from pathlib import Path
from gasolinera.ops.base_backups import Taking, take
from gasolinera.ops.base_servers import server_at
from gasolinera.ops.encryption import Encryption
taking = Taking(syncs=False, max_rate="1M", encryption=Encryption((sys.argv[3],)))
take(server_at(sys.argv[1]), Path(sys.argv[2]), taking, label="killed", parent=None)
"""


def test_a_killed_backup_leaves_no_plain_file_and_the_next_one_removes_its_half(
    platform: Operations, sealed: Sealed
) -> None:
    root = Path(tempfile.mkdtemp(prefix="gasolinera-sealed-"))
    words = [sys.executable, "-c", _KILLED, platform.ops_url, str(root), str(KEY.to_public())]
    process = subprocess.Popen(words)
    half = root / ".partial-killed"
    try:
        for _ in range(300):
            if (half / TAR).exists() and (half / TAR).stat().st_size > 500_000:
                break
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert [path.name for path in half.iterdir()] == [TAR]
    assert (half / TAR).read_bytes().startswith(b"age-encryption.org/")
    assert found_backups(root) == []
    take(server_at(platform.ops_url), root, SEALED, label="next", parent=None)
    assert sorted(path.name for path in root.iterdir()) == ["next"]
    with psycopg.connect(platform.ops_url, autocommit=True) as conn:
        assert one(conn, "SELECT count(*) FROM pg_replication_slots") == 0
    shutil.rmtree(root)


def test_a_disk_that_is_full_is_told_and_leaves_nothing(platform: Operations, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "none", small], check=False, capture_output=True
    )
    if mounting.returncode != 0:
        pytest.skip("only root may mount")
    try:
        with pytest.raises(BackupFailedError) as failed:
            take(server_at(platform.ops_url), small, SEALED, label="large", parent=None)
        assert "No space left" in failed.value.message
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_what_a_killed_process_had_decrypted_is_removed_and_what_another_still_reads_is_not(tmp_path: Path) -> None:
    abandoned = tmp_path / "gasolinera-plain-abandoned"
    abandoned.mkdir()
    (abandoned / "segment").write_text(WORDS)
    with private_folder(tmp_path) as used:
        assert used.stat().st_mode & 0o777 == 0o700
        assert not abandoned.exists()
        with private_folder(tmp_path) as second:
            assert (used.exists(), second.exists()) == (True, True)
    assert list(tmp_path.iterdir()) == []
