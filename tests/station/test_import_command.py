"""`gasolinera stations import` as people run it: output, exit codes, the report, and failures that change nothing."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.station.feeds import FAULTY_PLACES, GOOD, GOOD_PRICES, Files, written
from tests.station.test_importing import state

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "stations", "import")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}

    def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
            env={**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"},
        )

    return command


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return written(tmp_path, [*GOOD, FAULTY_PLACES["coordinates_zero"]], GOOD_PRICES)


def test_the_result_is_json_on_stdout_and_the_report_says_why(run: Run, files: Files, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    done = run(files.places, files.prices, "--as-of", "2026-06-01", "--json", "--report", report)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["places_read"], result["inserted"], result["rejected"]) == (4, 3, 1)
    assert (result["prices_set"], result["as_of"]) == (4, "2026-06-01")
    with report.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows[0] == {
        "place_id": "101",
        "permit": "PL/101/EXP/ES/2015",
        "fuel": "",
        "value": "0 0",
        "reason": "coordinates_zero",
        "action": "place rejected",
    }
    assert [row["reason"] for row in rows[1:]] == ["no_price"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["places.xml", "prices.xml", "report.csv"]


def test_people_get_a_table(run: Run, files: Files) -> None:
    done = run(files.places, files.prices)
    assert done.returncode == 0
    assert "coordinates_zero" in done.stdout
    assert "inserted" in done.stdout


@pytest.mark.parametrize(
    ("breakage", "code_words"),
    [
        ("truncated", "no well-formed XML"),
        ("missing", "cannot be read"),
        ("root", "root element"),
        ("bomb", "document type"),
        ("xz", "cannot be unpacked"),
        ("date", "no date"),
        ("report", "cannot be written"),
        ("swapped", "holds prices"),
    ],
)
def test_a_failure_says_what_to_do_and_changes_nothing(
    breakage: str, code_words: str, run: Run, files: Files, tmp_path: Path, admin: psycopg.Connection[Any]
) -> None:
    before = state(admin)
    arguments: list[str | Path] = [files.places, files.prices]
    text = files.places.read_text(encoding="utf-8")
    match breakage:
        case "truncated":
            files.places.write_text(text[: len(text) // 2], encoding="utf-8")
        case "missing":
            arguments[1] = tmp_path / "none.xml"
        case "root":
            files.prices.write_text("<prices/>", encoding="utf-8")
        case "bomb":
            files.places.write_text('<!DOCTYPE p [<!ENTITY a "a">]><places>&a;</places>', encoding="utf-8")
        case "xz":
            files.places.write_bytes(b"\xfd7zXZ\x00" + bytes(100))
        case "date":
            arguments += ["--as-of", "2026-13-01"]
        case "report":
            arguments += ["--report", tmp_path / "no such folder" / "report.csv"]
        case _:
            arguments.reverse()
    done = run(*arguments)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert code_words in done.stderr
    assert "Traceback" not in done.stderr
    assert "\nhint: " in done.stderr
    assert state(admin) == before


def test_a_missing_argument_is_a_matter_of_usage(run: Run, files: Files) -> None:
    assert run(files.places).returncode == 2


def test_a_database_that_is_not_there_is_no_bug_of_ours(files: Files, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from gasolinera.cli.main import main; main()",
            "stations",
            "import",
            files.places,
            files.prices,
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"GASOLINERA_DATABASE_URL": "postgresql://x@127.0.0.1:1/x", "PATH": os.environ["PATH"]},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the database cannot be reached")


def test_two_imports_at_once_write_reports_of_their_own(run: Run, files: Files, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(run, files.places, files.prices, "--report", tmp_path / "same.csv") for _ in range(2)]
        both = [done.result() for done in started]
    assert [done.returncode for done in both] == [0, 0], both
    assert sorted(path.name for path in tmp_path.iterdir()) == ["places.xml", "prices.xml", "same.csv"]


@pytest.mark.parametrize("report", [".", "", "a" * 300])
def test_a_report_that_is_no_file_is_told(run: Run, files: Files, report: str) -> None:
    done = run(files.places, files.prices, "--report", report)
    assert done.returncode == 1
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "database" not in done.stderr


def test_a_path_that_is_too_long_is_not_the_databases_fault(run: Run, files: Files) -> None:
    done = run("p" * 300, files.prices)
    assert done.returncode == 1
    assert "File name too long" in done.stderr
    assert "database" not in done.stderr


def test_the_report_holds_no_formulas(run: Run, files: Files, tmp_path: Path) -> None:
    text = files.places.read_text(encoding="utf-8").replace("PL/101/EXP/ES/2015", "=HYPERLINK(1)")
    files.places.write_text(text, encoding="utf-8")
    done = run(files.places, files.prices, "--report", tmp_path / "report.csv")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()
    cells = [cell for row in csv.reader(lines) for cell in row]
    assert "'=HYPERLINK(1)" in cells
