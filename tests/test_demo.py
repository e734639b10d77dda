"""`gasolinera demo` as a newcomer runs it: from nothing, again, with signals, and away with it."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest

PROGRAM = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
COMMAND = (*PROGRAM, "demo")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder that the server's account may pass through, which pytest's own are not for root."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def ran(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return ran_program(folder, "demo", *arguments, **environ)


def ran_program(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**ENVIRON, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def servers_in(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if f"{folder}/" in line and "postgres" in line]


@pytest.mark.timeout(300)
def test_from_nothing_then_from_what_is_there_then_fresh_then_gone(folder: Path) -> None:
    first = ran(folder, "--once", "--day")
    assert first.returncode == 0, first.stderr
    assert "customers at 3 stations was played" in first.stderr
    told = next(line for line in first.stderr.splitlines() if line.startswith("gasolinera raffle verify "))
    again = ran_program(folder, *shlex.split(told)[1:])
    assert (again.returncode, "VERIFIED" in again.stdout) == (0, True), again.stdout + again.stderr
    assert "GET /health/ready answers 200" in first.stderr
    for schema in ("auth", "station", "coupon", "redemption", "ad", "raffle"):
        assert f" {schema}_schema " in first.stdout
    assert servers_in(folder) == []
    for words in (("check",), ("reconcile", "--grace", "0")):
        healthy = ran_program(folder, "ops", *words)
        assert healthy.returncode == 0, healthy.stdout + healthy.stderr

    again = ran(folder, "--once", "--day")
    assert again.returncode == 0, again.stderr
    assert "seed 1 had its day here: it is not played again" in again.stderr
    assert "V1__" not in again.stderr, "nothing is migrated twice"

    fresh = ran(folder, "--once", "--fresh")
    assert fresh.returncode == 0, fresh.stderr
    assert "V1__" in fresh.stderr

    assert ran(folder, "--remove").returncode == 0
    # The keys stay: another database of the same developer may need them. So does what the draw published: that is what
    # it is for.
    left = [path.relative_to(folder / ".local") for path in folder.rglob("*") if path.is_file()]
    assert {str(path.parent) for path in left} == {".", "draws/SIM0001-RAFFLE"}
    assert [str(path) for path in left if path.parent == Path()] == ["keys.json"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, (0, 130)), (signal.SIGTERM, (0,))])
def test_a_signal_while_it_serves_ends_everything(folder: Path, number: int, status: tuple[int, ...]) -> None:
    with subprocess.Popen(
        [*COMMAND, "--port", "0"], cwd=folder, env=ENVIRON, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("serving "):
                break
        time.sleep(0.5)
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(timeout=30) in status
    assert "Traceback" not in rest
    assert servers_in(folder) == []


def test_only_the_embedded_servers_data_are_ever_removed(folder: Path) -> None:
    neighbour = folder / "data" / "18"
    neighbour.mkdir(parents=True)
    (neighbour / "users.lock").touch()
    (neighbour / "precious").touch()
    assert ran(folder, "--remove", GASOLINERA_DATABASE_URL="embedded:data#2?database=g").returncode == 0
    assert (neighbour / "precious").exists()
    refused = ran(folder, "--fresh", GASOLINERA_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert refused.returncode == 1
    assert "only the embedded server's data are removed" in refused.stderr


def test_an_address_that_cannot_be_read_is_not_repeated(folder: Path) -> None:
    done = ran(folder, "--once", GASOLINERA_DATABASE_URL="mysql://admin:s3cret@h/g")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "s3cret" not in done.stderr + done.stdout
