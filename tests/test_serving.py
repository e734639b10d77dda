"""Several processes behind one address: restarted when they die, stopped in order, and none is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.errors import ConfigError, InputError
from gasolinera.ops import jobs_schema
from gasolinera.serving import parts_of
from vuelo.embedded import Server

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    return {**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}


@contextmanager
def started(environ: dict[str, str], folder: Path, *arguments: str) -> Generator["subprocess.Popen[str]"]:
    """The command, with its messages in `folder`/log."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*COMMAND, *arguments], env=environ, cwd=folder, stderr=log, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def told(folder: Path, pattern: str, within_s: float = 40) -> str:
    """What the first line that matches says; waits for it."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = re.search(pattern, (folder / "log").read_text(), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())


def answers(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310  # loopback
        return int(answer.status)


def children_of(pid: int) -> set[int]:
    """Those that serve; the tracker of multiprocessing's resources is not one."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def wait_until(condition: Callable[[], bool], within_s: float = 40) -> None:
    until = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_process_is_replaced_and_all_leave_when_the_parent_is_told(
    environ: dict[str, str], tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with started({**environ, "TMPDIR": str(temporary)}, tmp_path, "serve", "--workers", "2", "--port", "0") as parent:
        url = told(tmp_path, r"^serving (.*)$")
        assert answers(f"{url}/health/ready") == 200
        assert len(list(temporary.iterdir())) == 1
        first = children_of(parent.pid)
        assert len(first) == 2
        os.kill(min(first), signal.SIGKILL)
        wait_until(lambda: len(children_of(parent.pid) - first) == 1)
        told(tmp_path, "(process_died)")
        for _ in range(20):
            assert answers(f"{url}/health/live") == 200
        last = children_of(parent.pid)
        assert len(last) == 2
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(timeout=25) == 0
        assert not any(map(exists, first | last))
        assert list(temporary.iterdir()) == []
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_processes_whose_parent_was_killed_leave_by_themselves(environ: dict[str, str], tmp_path: Path) -> None:
    with started(environ, tmp_path, "serve", "--workers", "2", "--port", "0") as parent:
        url = told(tmp_path, r"^serving (.*)$")
        assert answers(f"{url}/health/live") == 200
        children = children_of(parent.pid)
        assert len(children) == 2
        parent.kill()
        parent.wait()
        wait_until(lambda: not any(map(exists, children)))


def test_a_process_that_dies_as_soon_as_it_starts_ends_in_a_failure(environ: dict[str, str], tmp_path: Path) -> None:
    with started(environ, tmp_path, "serve", "--workers", "2", "--port", "0") as parent:
        until = time.monotonic() + 60
        while parent.poll() is None and time.monotonic() < until:
            with suppress(OSError):  # the parent has left
                for child in children_of(parent.pid):
                    os.kill(child, signal.SIGKILL)
            time.sleep(0.05)
        assert parent.wait(timeout=30) == 1
    assert "error: a process dies as soon as it is started" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["serve", "--workers", "2", "--port", "0"], ["worker"]])
def test_a_bad_key_ring_is_told_before_anybody_is_let_in(
    environ: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    broken = tmp_path / "keys.json"
    broken.write_text("no keys")
    broken.chmod(0o600)
    with started({**environ, "GASOLINERA_KEYS_FILE": str(broken)}, tmp_path, *command) as process:
        assert process.wait(timeout=30) == 1
    log = (tmp_path / "log").read_text()
    assert "error: " in log
    assert str(broken) in log
    assert "serving " not in log
    assert "Traceback" not in log


def test_a_worker_makes_partitions_when_asked_and_leaves_in_good_order(
    server: Server, database: str, environ: dict[str, str], tmp_path: Path
) -> None:
    jobs_schema.install(server.url(database))

    def ran(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, "jobs", *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    done = ran("run", "station.ensure_partitions")
    assert (done.returncode, done.stdout) == (0, "0 partitions made\n")
    assert ran("run", "station.nothing").returncode == 1
    assert ran("retry", "1").stderr.startswith("error: job 1 is succeeded")
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        conn.execute("SET search_path = ops_schema")
        conn.execute("UPDATE procrastinate_jobs SET status = 'failed'")
        assert ran("retry", "1").returncode == 0
        with started(environ, tmp_path, "worker") as worker:
            told(tmp_path, r"(job_done)")
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=20) == 0
        assert conn.execute("SELECT FROM ops_schema.procrastinate_workers").fetchall() == []
    status = ran("status", "--json")
    assert '"result": "0 partitions made"' in status.stdout
    assert "station.ensure_partitions" in ran("list").stdout
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_only_services_that_exist_and_have_a_database_are_served() -> None:
    alone = Settings.model_validate({"station_database_url": "postgresql://x@127.0.0.1:1/x"})
    assert [part.name for part in parts_of(alone, [])] == ["station"]
    with pytest.raises(ConfigError):
        parts_of(alone, ["auth"])
    with pytest.raises(InputError):
        parts_of(alone, ["stations"])
    with pytest.raises(ConfigError):
        parts_of(Settings(), [])
