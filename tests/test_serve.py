"""`gasolinera serve` as a process: it tells its address, answers, and leaves when it is told to."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.test_config import PRODUCTION

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "serve", "--port")


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    return {**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}


@pytest.fixture
def served(environ: dict[str, str], tmp_path: Path) -> Generator[tuple["subprocess.Popen[str]", str]]:
    with subprocess.Popen([*COMMAND, "0"], env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield process, process.stderr.readline().split()[-1]
        process.kill()


def test_it_answers_at_the_address_it_tells_and_leaves_in_good_order(
    served: tuple["subprocess.Popen[str]", str],
) -> None:
    process, url = served
    with urllib.request.urlopen(f"{url}/health/ready", timeout=20) as answer:  # noqa: S310  # loopback
        assert answer.read() == b'{"status":"ready"}'
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0


def test_an_address_that_is_taken_is_told(
    served: tuple["subprocess.Popen[str]", str], environ: dict[str, str], tmp_path: Path
) -> None:
    _, url = served
    port = url.rsplit(":", 1)[1]
    second = subprocess.run(
        [*COMMAND, port], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert second.returncode == 1
    assert second.stderr.startswith(f"error: cannot listen on 127.0.0.1 port {port}")
    assert "hint: " in second.stderr


def test_an_address_of_the_database_that_cannot_be_is_told_before_anybody_is_let_in(
    environ: dict[str, str], tmp_path: Path
) -> None:
    wrong = {**environ, "GASOLINERA_DATABASE_URL": environ["GASOLINERA_DATABASE_URL"] + "&sslmode=banana"}
    if "?" not in environ["GASOLINERA_DATABASE_URL"]:
        wrong["GASOLINERA_DATABASE_URL"] = environ["GASOLINERA_DATABASE_URL"] + "?sslmode=banana"
    ended = subprocess.run(
        [*COMMAND, "0"], env=wrong, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: GASOLINERA_DATABASE_URL: ")
    assert "sslmode" in ended.stderr


def test_one_service_alone_needs_no_other_address(
    environ: dict[str, str], service_url: Callable[..., str], tmp_path: Path
) -> None:
    alone = {name: value for name, value in environ.items() if name != "GASOLINERA_DATABASE_URL"}
    alone |= {"GASOLINERA_STATION_DATABASE_URL": service_url("station"), "GASOLINERA_ENVIRONMENT": "test"}
    with subprocess.Popen([*COMMAND, "0"], env=alone, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/health/ready", timeout=20) as answer:  # noqa: S310  # loopback
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    assert list(tmp_path.iterdir()) == []


def test_production_without_an_address_starts_no_embedded_server(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    environ = {**kept, **PRODUCTION, "GASOLINERA_ENVIRONMENT": "production"}
    done = subprocess.run(
        [*COMMAND, "0"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: no database is named")
    assert list(tmp_path.iterdir()) == []
