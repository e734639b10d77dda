"""deploy/systemd: units that systemd takes, shut in, each with its timer, and commands that exist."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gasolinera.cli.app import app
from tests.deploy.metric_names import DEPLOY

UNITS = DEPLOY / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TIMERS = sorted(UNITS.glob("*.timer"))
PROGRAM = "/opt/gasolinera/bin/gasolinera"
MOST_EXPOSED = 2.0  # of 10, by systemd's own reckoning


def values(path: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def words_of(service: Path) -> list[list[str]]:
    return [shlex.split(line) for line in values(service, "ExecStart")]


@pytest.fixture(scope="module")
def analyze(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """systemd's checker, and a copy of the units whose program is one that is here."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze")
    copy = tmp_path_factory.mktemp("units") / "system"
    shutil.copytree(UNITS, copy)
    for service in copy.glob("*.service"):
        service.write_text(service.read_text().replace(PROGRAM, sys.executable))
    return program, copy


def run(analyze: tuple[str, Path], *words: str) -> subprocess.CompletedProcess[str]:
    program, folder = analyze
    environ = {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, env=environ)


def test_systemd_takes_every_unit(analyze: tuple[str, Path]) -> None:
    files = [str(path) for path in sorted(analyze[1].glob("*.*")) if path.is_file()]
    assert len(files) == len(SERVICES) + len(TIMERS)
    done = run(analyze, "verify", "--man=no", *files)
    ours = [line for line in done.stderr.splitlines() if "gasolinera" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_a_unit_is_shut_in(analyze: tuple[str, Path], service: Path) -> None:
    done = run(analyze, "security", "--offline=yes", "--no-pager", str(analyze[1] / service.name))
    found = re.search(r"exposure level for [\w.-]+: ([0-9.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_each_unit_has_its_timer_and_each_timer_its_unit() -> None:
    assert {path.stem for path in SERVICES} == {path.stem for path in TIMERS}
    assert {"gasolinera-check", "gasolinera-cleanup", "gasolinera-backup-test"} <= {path.stem for path in TIMERS}
    for timer in TIMERS:
        assert values(timer, "OnCalendar"), timer.name
        assert values(timer, "WantedBy") == ["timers.target"]


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.stem)
def test_a_units_commands_are_commands_of_ours(service: Path) -> None:
    """Down to the names of options, which are read before the help is shown."""
    commands = words_of(service)
    assert commands
    for program, *words in commands:
        assert program == PROGRAM
        shown = CliRunner().invoke(app, [*words, "--help"])
        assert shown.exit_code == 0, shown.output


def test_dates_of_timers_are_dates(analyze: tuple[str, Path]) -> None:
    for timer in TIMERS:
        (when,) = values(timer, "OnCalendar")
        done = run(analyze, "calendar", when)
        assert done.returncode == 0, f"{timer.name}: {done.stderr}"


def test_the_page_names_every_timer_to_switch_on() -> None:
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert {timer.name for timer in TIMERS} == set(re.findall(r"gasolinera-[a-z-]+\.timer", page))
