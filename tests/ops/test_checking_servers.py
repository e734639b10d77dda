"""What is wrong with a server: its copies, its archive, who comes over the network, its settings. On servers of their
own: one that leads, whose archive command always fails, and one that follows it.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gasolinera.ops.checking import CheckResult, Threshold, Verdict
from gasolinera.ops.checking_certificate import certificate_result
from gasolinera.ops.checking_questions import Look, Memory, Sample, look
from gasolinera.ops.checking_rules import BY_NAME
from vuelo import embedded
from vuelo.embedded import Server
from vuelo.installation import find_binaries, server_account

Admin = psycopg.Connection[Any]
WITHIN_S = 60
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def archive() -> Generator[Path]:
    """A folder that the server can look into: archiving succeeds while there is a file `open` in it, and its command is
    not found while there is a file `lost`.
    """
    folder = Path(tempfile.mkdtemp(prefix="archive-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def leader(archive: Path) -> Generator[Server]:
    settings = {
        "wal_level": "logical",
        "max_prepared_transactions": "5",
        "archive_mode": "on",
        "archive_command": f"test -e {archive}/lost && exit 127; test -e {archive}/open",
        "listen_addresses": "127.0.0.1",
        "port": free_port(),
        "wal_receiver_status_interval": "1s",
    }
    with embedded.temporary(settings=settings) as server:
        yield server


@pytest.fixture
def admin(leader: Server) -> Generator[Admin]:
    with psycopg.connect(leader.url(), autocommit=True) as conn:
        yield conn


def one(conn: Admin, check: str, *limits: Threshold, before: Sample | None = None) -> CheckResult:
    [result] = look(conn, ["public"], [BY_NAME[check]], Memory(limits, before)).results
    assert result.reason is None or not result.reason.startswith("failed"), result
    return result


def objects(result: CheckResult) -> set[str]:
    return {finding.object for finding in result.findings}


def until(ask: Callable[[], CheckResult], is_so: Callable[[CheckResult], bool]) -> CheckResult:
    deadline = time.monotonic() + WITHIN_S
    while not is_so(result := ask()):
        assert time.monotonic() < deadline, result
        time.sleep(0.05)
    return result


def is_bad(result: CheckResult) -> bool:
    return result.verdict in (Verdict.WARNING, Verdict.CRITICAL)


def sampled(conn: Admin, *checks: str) -> Sample:
    """A look of now, as the next one will remember it."""
    told: Look = look(conn, ["public"], [BY_NAME[check] for check in checks], Memory())
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    assert {result.reason for result in told.results} == {"first_look"}
    return Sample(row[0], told.counters)


@contextmanager
def follower_of(leader: Server) -> Generator[Server]:
    """A standby that streams from `leader`; its files are removed at the end."""
    account = server_account()
    root = Path(tempfile.mkdtemp(prefix="vuelo-"))
    root.chmod(0o711)
    try:
        home = root / "18"
        home.mkdir(mode=0o700)
        account.own(home)
        user, group, extra_groups = account.change
        copy = find_binaries(18, None, account) / "pg_basebackup"
        subprocess.run(
            [copy, "-D", home / "data", "-R", "-c", "fast", "-d", leader.url() + " application_name=follower"],
            check=True, capture_output=True, user=user, group=group, extra_groups=extra_groups, cwd=home,
        )  # fmt: skip
        settings = {**FAST, "port": free_port(), "max_prepared_transactions": "5", "wal_level": "logical",
                    "hot_standby_feedback": "on", "cluster_name": "follower"}  # fmt: skip
        with embedded.running(root, settings=settings) as server:
            yield server
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)


def test_a_standby_is_watched_from_both_sides_and_missed_when_it_is_gone(leader: Server, admin: Admin) -> None:
    assert one(admin, "standbys").reason == "first_look"
    assert one(admin, "replication_lag").verdict is Verdict.GOOD
    with follower_of(leader) as follower, psycopg.connect(follower.url(), autocommit=True) as standby:
        until(lambda: one(admin, "replication_lag", Threshold(check_name="replication_lag", warning=-1)), is_bad)
        until(lambda: one(admin, "not_streaming"), lambda result: result.worst is None)
        before = sampled(admin, "standbys")
        assert one(admin, "standbys", before=before).verdict is Verdict.GOOD
        assert one(standby, "receiver").verdict is Verdict.GOOD
        # What the standby has received and does not show makes it late.
        standby.execute("SELECT pg_wal_replay_pause()")
        admin.execute("CREATE TABLE marks (at timestamptz)")
        late = Threshold(check_name="replication_lag", warning=0.2)
        until(lambda: one(standby, "replication_lag", late), is_bad)
        standby.execute("SELECT pg_wal_replay_resume()")
        until(lambda: one(standby, "replication_lag", late), lambda result: result.verdict is Verdict.GOOD)
        # A standby whose source is another address receives nothing.
        standby.execute("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
        standby.execute("SELECT pg_reload_conf()")
        assert until(lambda: one(standby, "receiver"), is_bad).verdict is Verdict.CRITICAL
        gone = until(lambda: one(admin, "standbys", before=before), is_bad)
        assert objects(gone) == {"follower"}
        roles = sampled(standby, "role_changed")
        assert one(standby, "role_changed", before=roles).verdict is Verdict.GOOD
        standby.execute("SELECT pg_promote()")
        assert objects(one(standby, "role_changed", before=roles)) == {"pg_is_in_recovery"}
        assert one(standby, "receiver").worst is None


def test_an_archive_command_that_fails_is_told_and_what_waits_for_it(admin: Admin, archive: Path) -> None:
    admin.execute("CREATE TABLE written_1 AS SELECT 1")
    admin.execute("SELECT pg_switch_wal()")
    failing = until(lambda: one(admin, "archiving", Threshold(check_name="archiving", warning=0.001)), is_bad)
    assert len(failing.findings[0].object) == 24  # the name of a piece of the log
    backlog = one(admin, "archive_backlog", Threshold(check_name="archive_backlog", warning=1))
    assert is_bad(backlog)
    assert one(admin, "archiving", Threshold(check_name="archiving", warning=3600)).verdict is Verdict.GOOD
    (archive / "open").touch()
    admin.execute("CREATE TABLE written_2 AS SELECT 1")
    admin.execute("SELECT pg_switch_wal()")
    until(lambda: one(admin, "archiving"), lambda result: result.verdict is Verdict.GOOD)
    until(lambda: one(admin, "archive_backlog"), lambda result: result.worst == 0)


def test_slots_that_nobody_reads_are_told_with_what_they_keep(admin: Admin) -> None:
    assert one(admin, "replication_slots").worst is None
    admin.execute("CHECKPOINT")  # a slot begins where the last one did
    admin.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
    admin.execute("ALTER SYSTEM SET max_slot_wal_keep_size = '32MB'")
    admin.execute("SELECT pg_reload_conf()")
    try:
        assert objects(one(admin, "replication_slots")) == {"forgotten"}
        assert one(admin, "slot_retention").verdict is Verdict.GOOD
        assert one(admin, "lost_slots").worst is None
        for number in range(6):
            admin.execute(f"CREATE TABLE kept_{number} AS SELECT 1".encode())
            admin.execute("SELECT pg_switch_wal()")
        keeps = one(admin, "slot_retention", Threshold(check_name="slot_retention", warning=16 * 1024**2))
        assert objects(keeps) == {"forgotten"}
        admin.execute("CHECKPOINT")
        assert one(admin, "lost_slots").verdict is Verdict.CRITICAL
        assert objects(one(admin, "log_size", Threshold(check_name="log_size", warning=1))) == {"pg_wal"}
    finally:
        admin.execute("SELECT pg_drop_replication_slot('forgotten')")
        admin.execute("ALTER SYSTEM RESET max_slot_wal_keep_size")
        admin.execute("SELECT pg_reload_conf()")
    assert one(admin, "replication_slots").worst is None


def test_a_transaction_that_was_prepared_and_forgotten_is_told(admin: Admin) -> None:
    admin.execute("CREATE TABLE prepared (n int)")
    admin.execute("BEGIN")
    admin.execute("INSERT INTO prepared VALUES (1)")
    admin.execute("PREPARE TRANSACTION 'forgotten'")
    try:
        limit = Threshold(check_name="prepared_transactions", warning=0)
        assert objects(one(admin, "prepared_transactions", limit)) == {"forgotten"}
        assert "prepared forgotten" in objects(
            one(admin, "xmin_horizon", Threshold(check_name="xmin_horizon", warning=0))
        )
    finally:
        admin.execute("ROLLBACK PREPARED 'forgotten'")
    assert one(admin, "prepared_transactions").worst is None


def test_what_a_subscription_cannot_apply_is_told(leader: Server, admin: Admin) -> None:
    for name in ("sends", "takes"):
        admin.execute(f"CREATE DATABASE {name}".encode())
    with (
        psycopg.connect(leader.url("sends"), autocommit=True) as sends,
        psycopg.connect(leader.url("takes"), autocommit=True) as takes,
    ):
        for conn in (sends, takes):
            conn.execute("CREATE TABLE things (id int PRIMARY KEY)")
        takes.execute("INSERT INTO things VALUES (1)")
        sends.execute("CREATE PUBLICATION all_things FOR TABLE things")
        # From the same server: the slot has to be there before.
        sends.execute("SELECT pg_create_logical_replication_slot('things', 'pgoutput')")
        takes.execute(
            sql.SQL(
                "CREATE SUBSCRIPTION things CONNECTION {} PUBLICATION all_things"
                " WITH (create_slot = false, slot_name = 'things', copy_data = false)"
            ).format(leader.url("sends"))
        )
        before = sampled(takes, "subscription_errors")
        assert one(takes, "subscription_errors", before=before).verdict is Verdict.GOOD
        sends.execute("INSERT INTO things VALUES (1)")
        assert objects(until(lambda: one(takes, "subscription_errors", before=before), is_bad)) == {"things"}
        takes.execute("DROP SUBSCRIPTION things")


def test_settings_that_wait_or_were_changed_are_told(admin: Admin) -> None:
    before = sampled(admin, "changed_settings")
    assert one(admin, "changed_settings", before=before).verdict is Verdict.GOOD
    assert one(admin, "pending_restart").verdict is Verdict.GOOD
    admin.execute("ALTER SYSTEM SET max_connections = 77")
    admin.execute("ALTER SYSTEM SET log_checkpoints = off")
    admin.execute("SELECT pg_reload_conf()")
    try:
        assert (
            until(lambda: one(admin, "pending_restart"), lambda result: bool(result.findings)).verdict is Verdict.ADVICE
        )
        changed = until(lambda: one(admin, "changed_settings", before=before), lambda result: bool(result.findings))
        assert objects(changed) == {"settings"}
    finally:
        admin.execute("ALTER SYSTEM RESET ALL")
        admin.execute("SELECT pg_reload_conf()")


def test_who_comes_over_the_network_as_superuser_or_in_the_clear_is_told(leader: Server, admin: Admin) -> None:
    admin.execute("SET password_encryption = 'scram-sha-256'")
    for role in ("plain LOGIN", "mighty LOGIN SUPERUSER"):
        admin.execute(f"CREATE ROLE {role} PASSWORD 'secret'".encode())
    try:
        assert objects(one(admin, "plain_sessions")) == objects(one(admin, "remote_superusers")) == set()
        place = f"host=127.0.0.1 port={leader.port} dbname=postgres password=secret"
        urls = [f"{place} user={role}" for role in ("plain", "mighty")]
        with psycopg.connect(urls[0]), psycopg.connect(urls[1]):
            assert objects(one(admin, "plain_sessions")) == {"plain 127.0.0.1", "mighty 127.0.0.1"}
            assert objects(one(admin, "remote_superusers")) == {"mighty 127.0.0.1"}
        assert one(admin, "powerful_roles").findings[0].object == "mighty superuser"
    finally:
        admin.execute("DROP ROLE plain, mighty")


def test_rules_of_access_that_let_anybody_in_are_told(leader: Server, admin: Admin) -> None:
    assert one(admin, "weak_access_rules").verdict is Verdict.GOOD
    path = leader.home / "data" / "pg_hba.conf"
    kept = path.read_text()
    with path.open("a") as rules:
        rules.write("host all all 10.0.0.0/8 md5\nhost all all 127.0.0.1/32 nonsense\nlocal all all trust\n")
    try:
        found = sorted(objects(one(admin, "weak_access_rules")))
        assert len(found) == 2
        assert any("10.0.0.0 md5" in rule for rule in found)
        assert any("nonsense" in rule for rule in found)
        # The role ops may not see the file; whoever has logged in may, and asks in its place.
        admin.execute("CREATE ROLE ops")
        admin.execute("SET ROLE ops")
        assert len(one(admin, "weak_access_rules").findings) == 2
        row = admin.execute("SELECT current_user").fetchone()
        assert row == ("ops",)
    finally:
        admin.execute("RESET ROLE")
        admin.execute("DROP ROLE IF EXISTS ops")
        path.write_text(kept)


def test_a_page_that_is_not_what_was_written_is_told(leader: Server, admin: Admin) -> None:
    admin.execute("CREATE DATABASE whole")
    with psycopg.connect(leader.url("whole"), autocommit=True) as conn:
        conn.execute("CREATE TABLE things AS SELECT i FROM generate_series(1, 5000) AS i")
        assert one(conn, "checksum_failures").verdict is Verdict.GOOD
    # A copy of the files, of which the server has nothing in its memory yet.
    admin.execute("CREATE DATABASE broken TEMPLATE whole STRATEGY file_copy")
    with psycopg.connect(leader.url("broken"), autocommit=True) as conn:
        row = conn.execute("SELECT pg_relation_filepath('things')").fetchone()
        assert row is not None
        file = os.open(leader.home / "data" / row[0], os.O_WRONLY)
        os.pwrite(file, b"\xff" * 64, 8192 + 4000)
        os.close(file)
        with pytest.raises(psycopg.errors.DataCorrupted):
            conn.execute("SELECT count(*) FROM things")
        conn.execute("SELECT pg_stat_force_next_flush()")
        found = one(conn, "checksum_failures")
        assert (found.verdict, objects(found)) == (Verdict.CRITICAL, {"broken"})


def test_a_server_that_listens_to_the_network_without_tls_is_told(admin: Admin) -> None:
    # It listens to its own machine alone; nothing is opened to the network for a test.
    assert one(admin, "unencrypted_server").worst is None
    assert certificate_result(admin, BY_NAME["certificate"], ()).reason == "no_tls"
    row = admin.execute("SELECT current_setting('ssl'), current_setting('listen_addresses')").fetchone()
    assert row == ("off", "127.0.0.1")
    assert objects(one(admin, "unsafe_settings")) == {"fsync = off", "full_page_writes = off"}


def test_an_archiver_that_ends_before_it_counts_is_told_by_what_waits(admin: Admin, archive: Path) -> None:
    """A command that is not found ends with 127, and the server counts no failure."""
    (archive / "open").touch()
    until(lambda: one(admin, "archive_backlog"), lambda result: result.worst == 0)
    (archive / "lost").touch()
    try:
        failed = admin.execute("SELECT failed_count FROM pg_stat_archiver").fetchone()
        admin.execute("CREATE TABLE written_3 AS SELECT 1")
        admin.execute("SELECT pg_switch_wal()")
        until(lambda: one(admin, "archive_backlog"), lambda result: (result.worst or 0) > 0)
        assert one(admin, "archiving").verdict is Verdict.GOOD
        (folder,) = admin.execute("SELECT current_setting('data_directory')").fetchone() or ("",)
        ten_minutes_ago = time.time() - 600
        for waiting in Path(folder, "pg_wal", "archive_status").glob("*.ready"):
            os.utime(waiting, (ten_minutes_ago, ten_minutes_ago))
        told = one(admin, "archiving")
        assert told.verdict is Verdict.WARNING
        assert told.worst == pytest.approx(600, abs=60)
        assert [thing.endswith(" waits") for thing in objects(told)] == [True]
        assert admin.execute("SELECT failed_count FROM pg_stat_archiver").fetchone() == failed
        admin.execute("SET ROLE pg_database_owner")  # may not list the folder
        assert one(admin, "archiving").reason is None
    finally:
        admin.execute("RESET ROLE")
        (archive / "lost").unlink()
