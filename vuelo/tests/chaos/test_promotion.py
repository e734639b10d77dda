"""The primary dies in the middle of a migration and its replica is promoted: the next run goes there and completes."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vuelo
from vuelo import embedded
from vuelo.embedded import Server
from vuelo.installation import find_binaries, server_account

Connection = psycopg.Connection[Any]
_FUNCTION = """FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql
    AS $$ BEGIN PERFORM pg_sleep({}); RETURN 1; END $$;"""
_SLOW = "CREATE TABLE b (id int); SELECT pg_sleep(60); CREATE TABLE c (id int);"


@dataclass(frozen=True)
class Pair:
    """Two servers; `url` finds whichever takes writes."""

    primary: Server
    replica: str
    url: str


@pytest.fixture
def pair(server_choice: dict[str, Any]) -> Generator[Pair]:
    account = server_account()
    user, group, extra_groups = account.change
    as_server: dict[str, Any] = {"user": user, "group": group, "extra_groups": extra_groups}
    binaries = find_binaries(
        server_choice.get("version", embedded.DEFAULT_VERSION), server_choice.get("bin_dir"), account
    )
    with embedded.temporary(**server_choice, settings={"synchronous_commit": "on"}) as primary:
        home = primary.home / "replica"
        home.mkdir(mode=0o700)
        account.own(home)
        copy = [binaries / "pg_basebackup", "-D", home / "data", "-d", primary.url(), "-R", "-c", "fast"]
        subprocess.run(copy, check=True, capture_output=True, cwd=home, **as_server)
        with tempfile.TemporaryDirectory(prefix="vuelo-replica-") as sockets, (home / "log").open("wb") as log:
            Path(sockets).chmod(0o711)
            account.own(Path(sockets))
            command = [binaries / "postgres", "-D", home / "data", "-c", f"unix_socket_directories={sockets}",
                       "-c", "listen_addresses="]  # fmt: skip
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, **as_server)
            try:
                replica = make_conninfo(host=sockets, port=primary.port, user="postgres", dbname="postgres")
                wait_until(lambda: answers(replica), "the replica answers")
                both = make_conninfo(primary.url(), host=f"{primary.sockets},{sockets}", port="5432,5432",
                                     target_session_attrs="read-write")  # fmt: skip
                yield Pair(primary, replica, both)
            finally:
                process.terminate()
                process.wait()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"this did not happen in a minute: {what}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url):
            return True
    except psycopg.OperationalError:
        return False


def count(url: str, query: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("lost", ["SELECT pg_sleep(60)", "CREATE INDEX CONCURRENTLY"])
def test_the_next_run_goes_to_the_promoted_replica_and_completes(
    pair: Pair, make_project: Callable[..., vuelo.Project], tmp_path: Path, lost: str
) -> None:
    """The runner sees the primary go; what it had committed is on the replica, what it had not is nowhere."""
    concurrent = lost.startswith("CREATE")
    slow_index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (slow(id));"
    first = f"CREATE TABLE a (id int); INSERT INTO a VALUES (1); CREATE {_FUNCTION.format(60)}"
    vuelo.migrate(make_project({"shop": {"V1__a.sql": first}}, address=pair.url))
    project = make_project({"shop": {"V2__b.sql": slow_index if concurrent else _SLOW}}, address=pair.url)
    command = [Path(sys.executable).with_name("vuelo"), "migrate"]
    runner = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vuelo shop' AND wait_event = 'PgSleep'"
    wait_until(lambda: count(pair.primary.url(), at_work) == 1, "the migration is at work")
    sent = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
    wait_until(lambda: count(pair.primary.url(), sent) == 1, "the replica has everything")

    pid = int((pair.primary.home / "data" / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, 3)  # immediate: as a crash, without a last word to the replica
    _, talk = runner.communicate(timeout=60)
    assert runner.returncode == 1
    assert "Traceback" not in talk
    with psycopg.connect(pair.replica, autocommit=True) as conn:
        conn.execute("SELECT pg_promote(true)")
        [plan] = vuelo.info(project).values()
        assert [entry.state.value for entry in plan.entries if entry.script] == [
            "Success",
            "Failed" if concurrent else "Pending",
        ]
        conn.execute("SET search_path = shop")
        assert conn.execute("SELECT to_regclass('b')").fetchone() == (None,)
        if concurrent:
            conn.execute(f"CREATE OR REPLACE {_FUNCTION.format(0)}".encode())
            repair = subprocess.run([command[0], "repair"], cwd=tmp_path, capture_output=True, text=True, check=False)
            assert repair.returncode == 0, repair.stderr
        else:
            make_project({"shop": {"V2__b.sql": _SLOW.replace("60", "0")}}, address=pair.url)
        vuelo.migrate(project)
        [plan] = vuelo.info(project).values()
        assert [entry.state.value for entry in plan.entries if entry.script] == ["Success", "Success"]
        assert not conn.execute("SELECT FROM pg_index WHERE NOT indisvalid").fetchall()
        made = conn.execute("SELECT to_regclass('a_id'), to_regclass('c')").fetchone()
        assert made == (("a_id", None) if concurrent else (None, "c"))
