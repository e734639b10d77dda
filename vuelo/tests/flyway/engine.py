"""The real Flyway: its jars fetched and our FlywayServer compiled once, then one process a test session to talk to."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Any

_HERE = Path(__file__).parent
_SOURCES = (_HERE / "pom.xml", _HERE / "FlywayServer.java")
_BUILDS = _HERE.parents[2] / ".local" / "flyway"
_TOOLS = ("java", "javac", "mvn")


@dataclass(frozen=True)
class Request:
    """What FlywayServer reads. `settings` are Flyway's by their full names; the rest is told there."""

    command: str
    settings: dict[str, str] = field(default_factory=dict[str, str])
    url: str | None = None
    user: str | None = None
    password: str | None = None
    placeholders: dict[str, str] | None = None
    config_file: str | None = None
    model: str | None = None
    folder: str | None = None
    variables: dict[str, str] | None = None
    text: str | None = None


@dataclass(frozen=True)
class Migration:
    """A line of Flyway's info."""

    rank: int | None
    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    state: str


@dataclass(frozen=True)
class Outcome:
    """What FlywayServer answers: `applied` has versions, and descriptions of repeatables, in the order they ran."""

    success: bool
    error: str | None
    applied: list[str]
    invalid: list[str]
    current: str | None
    migrations: list[Migration] | None
    values: dict[str, str] | None

    @classmethod
    def parse(cls, answer: str) -> "Outcome":
        fields: dict[str, Any] = json.loads(answer)
        if fields["migrations"] is not None:
            fields["migrations"] = [Migration(**each) for each in fields["migrations"]]
        return cls(**fields)

    @property
    def pending(self) -> list[str]:
        return [each.version or each.description for each in self.migrations or [] if each.state == "Pending"]


def missing_tools() -> list[str]:
    return [tool for tool in _TOOLS if shutil.which(tool) is None]


class Flyway:
    """A running FlywayServer. It takes one request at a time; whoever comes second waits."""

    def __init__(self, process: "subprocess.Popen[str]", log: IO[str]) -> None:
        self._process = process
        self._log = log
        self._guard = Lock()

    def ask(self, request: Request) -> Outcome:
        with self._guard:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asdict(request)) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            self._log.seek(0)
            raise RuntimeError(f"FlywayServer ended:\n{self._log.read()[-2000:]}")
        return Outcome.parse(answer)


@contextmanager
def running() -> Generator[Flyway]:
    """Build where needed, start, stop."""
    build = _build()
    classpath = os.pathsep.join((str(build / "classes"), str(build / "lib" / "*")))
    command = ["java", "-XX:+UseSerialGC", "-Xmx256m", "-Dfile.encoding=UTF-8", "-cp", classpath, "FlywayServer"]
    environment = {**os.environ, "REDGATE_DISABLE_TELEMETRY": "true", "LC_ALL": "C.UTF-8"}  # names of files are UTF-8
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, encoding="utf-8", env=environment
        ) as process,
    ):
        yield Flyway(process, log)  # leaving closes its standard input, and the server ends with that


def _build() -> Path:
    """The folder with `lib` and `classes` for the sources as they are; other test processes wait for the first."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in _SOURCES)).hexdigest()[:16]
    build = _BUILDS / digest
    _BUILDS.mkdir(parents=True, exist_ok=True)
    with (_BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not build.exists():
            with tempfile.TemporaryDirectory(dir=_BUILDS) as temporary:
                staging = Path(temporary) / "build"
                pom, source = map(str, _SOURCES)
                copy = f"-DoutputDirectory={staging / 'lib'}"
                _check(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", copy])
                _check(["javac", "-d", str(staging / "classes"), "-cp", str(staging / "lib" / "*"), source])
                staging.rename(build)
    return build


def _check(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
