"""Signals: whatever ends the command, what runs is rolled back, the server is stopped and the exit code tells."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vuelo
from vuelo import embedded

COMMAND = [Path(sys.executable).with_name("vuelo"), "migrate"]
INTERRUPTED = (
    "interrupted; what ran in a transaction has been rolled back; of a script without one, vuelo info knows how far it "
    "came\n"
)
_SLEEPS = "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"


@pytest.fixture
def project(make_project: Callable[..., vuelo.Project], server_choice: dict[str, Any]) -> Generator[vuelo.Project]:
    """A migration that takes a minute, on an embedded server of its own."""
    options = "&".join(f"{name.removesuffix('_dir')}={value}" for name, value in server_choice.items())
    project = make_project({"shop": {"V1__a.sql": "SELECT pg_sleep(60);"}}, address=f"embedded:pg?{options}")
    yield project
    embedded.destroy(project.base / "pg")


def pid_file_when_it_sleeps(place: Path) -> Path:
    homes = [place, *(Path(pointer.read_text().strip()) for pointer in place.glob("data-is-in"))]
    [pid_file] = [path for home in homes for path in home.rglob("postmaster.pid")]
    url = make_conninfo(host=pid_file.read_text().splitlines()[4], port="5432", user="postgres", dbname="postgres")
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute(_SLEEPS).fetchone() is None:
            time.sleep(0.05)
    return pid_file


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_rolls_back_stops_the_server_and_names_itself(
    project: vuelo.Project, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(COMMAND, cwd=project.base, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "shop: 1/1 V1__a.sql\n"
        pid_file = pid_file_when_it_sleeps(project.base / "pg")
        process.send_signal(number)
        process.send_signal(number if number != signal.SIGINT else 0)  # a closing terminal says it twice
        _, talk = process.communicate(timeout=30)
    assert (process.returncode, talk) == (code, INTERRUPTED)
    assert not pid_file.exists()
    [plan] = vuelo.info(project).values()
    assert [entry.script for entry in plan.pending] == ["V1__a.sql"]


@pytest.mark.parametrize("library", ["psycopg", "typer"])
def test_ctrl_c_while_libraries_are_imported_is_no_traceback(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        COMMAND, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, INTERRUPTED)
