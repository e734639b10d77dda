"""Processes under measurement: the platform's server, pgbench, and the load generator."""

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import msgspec

from bench.http.commands import BIN, LONGEST_S, run_command
from bench.http.cpu import cpu_seconds
from bench.http.driver import DriverPlan, DriverResult
from bench.http.load import Plan, Result
from vuelo import embedded
from vuelo.installation import find_binaries, server_account

_START_WITHIN_S = 60
_BACKENDS_END_WITHIN_S = 0.5


@dataclass(frozen=True)
class Measured:
    """One round: what the clients saw, and what it cost per request."""

    result: Result
    worker_us: float
    postgres_us: float

    @property
    def per_second(self) -> float:
        return self.result.requests / self.result.seconds


@dataclass(frozen=True)
class Served:
    """A server that runs: the root of its processes, and its port."""

    pid: int
    port: int


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextmanager
def serving(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Generator[Served]:
    """A server of ours, its log in a file as in production; ready before the block, ended after it."""
    port = free_port()
    with log.open("ab") as said:
        process = subprocess.Popen(
            [BIN / command[0], *command[1:], "--port", str(port)],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            _wait_until_ready(process, port, log)
            yield Served(process.pid, port)
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends_at = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < ends_at and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server does not answer: {log.read_text(errors='replace')[-2000:]}")


def get(path: str, driver: int = 0) -> str:
    """Each driver has an address, as what a single one may ask in a minute is limited."""
    address = f"10.{driver >> 16 & 255}.{driver >> 8 & 255}.{driver & 255}"
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nx-forwarded-for: {address}\r\n\r\n"


def measure(
    served: Served, postmaster: int, lanes: list[list[str]], seconds: float, *, each_s: float | None = None
) -> Measured:
    """Raises RuntimeError when an answer was not good."""
    plan = Plan("127.0.0.1", served.port, seconds, lanes, each_s)
    before = cpu_seconds(served.pid), cpu_seconds(postmaster)
    said = run_command(["python", "-m", "bench.http.load"], {}, msgspec.json.encode(plan))
    after = cpu_seconds(served.pid), cpu_seconds(postmaster)
    result = msgspec.json.decode(said, type=Result)
    if result.failed:
        raise RuntimeError(f"{result.failed} of {result.requests} answers were not good: {result.first_failure}")
    worker, postgres = ((end - begin) / result.requests * 1e6 for begin, end in zip(before, after, strict=True))
    return Measured(result, worker, postgres)


def drive_bare(server: embedded.Server, plan: DriverPlan) -> Measured:
    """The statement through the driver, in a process that does nothing else."""
    postmaster = postmaster_of(server)
    before = cpu_seconds(postmaster)
    said = run_command(["python", "-m", "bench.http.driver"], {}, msgspec.json.encode(plan))
    spent = cpu_seconds(postmaster) - before
    own = msgspec.json.decode(said, type=DriverResult)
    result = Result(own.requests, own.seconds, own.p50_ms, own.p99_ms, 0, 0, "")
    return Measured(result, own.cpu_s / own.requests * 1e6, spent / own.requests * 1e6)


def pgbench(
    server: embedded.Server,
    database: str,
    script: str,
    clients: int,
    seconds: int,
    known: Sequence[str] = (),
    *,
    user: str = "postgres",
) -> Measured:
    """The bare statement, prepared, from as many connections. What pgbench itself costs stands as the worker's."""
    program = find_binaries(embedded.DEFAULT_VERSION, None, server_account()) / "pgbench"
    postmaster = postmaster_of(server)
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        (folder / "script.sql").write_text(script)
        options = ["-n", "-M", "prepared", "-c", str(clients), "-T", str(seconds), "-l", "-f", "script.sql"]
        before, began = cpu_seconds(postmaster), os.times()
        finished = subprocess.run(
            [program, *options, *known, server.dsn(database, user)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_S,
        )
        ended = os.times()
        time.sleep(_BACKENDS_END_WITHIN_S)  # one that ends while it is looked at would be counted nowhere
        after = cpu_seconds(postmaster)
        lines = [line for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
    if finished.returncode:
        raise RuntimeError(f"pgbench: {finished.stderr[-2000:]}")
    processed = re.search(r"transactions actually processed: (\d+)", finished.stdout)
    assert processed is not None, finished.stdout
    count = int(processed[1])
    took_ms = sorted(int(line.split()[2]) / 1000 for line in lines)
    own = ended.children_user + ended.children_system - began.children_user - began.children_system
    result = Result(count, seconds, took_ms[count // 2], took_ms[count * 99 // 100], 0, 0, "")
    return Measured(result, own / count * 1e6, (after - before) / count * 1e6)


def statement_times_ms(
    server: embedded.Server, database: str, script: str, seconds: int, known: Sequence[str], *, user: str
) -> list[float]:
    """How long one client that is alone waits for each statement of a script, in their order."""
    program = find_binaries(embedded.DEFAULT_VERSION, None, server_account()) / "pgbench"
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        file = Path(temporary) / "script.sql"
        file.write_text(script)
        options = ["-n", "-r", "-M", "prepared", "-c", "1", "-T", str(seconds), "-f", str(file)]
        finished = subprocess.run(
            [program, *options, *known, server.dsn(database, user)],
            capture_output=True,
            text=True,
            check=True,
            timeout=LONGEST_S,
        )
    said = re.findall(r"^ +([0-9.]+) +[0-9]+ +(?!\\)\S", finished.stdout, re.MULTILINE)
    return [float(ms) for ms in said]


def postmaster_of(server: embedded.Server) -> int:
    return int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])
