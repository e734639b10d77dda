"""Tables of stations, in and out."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from tests.station.test_managing import Login, app, client, login

__all__ = ["app", "client", "login"]  # fixtures

Client = TestClient[Litestar]
HEADER = "station_code,name,country,latitude,longitude,status,phone"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    command = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "stations")

    def runs(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            timeout=60,
            env={**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"},
        )

    return runs


def send(client: Client, login: Login, text: str | bytes, query: str = "") -> Any:
    body = text.encode() if isinstance(text, str) else text
    return client.post(f"/api/stations/import{query}", content=body, headers=login() | {"content-type": "text/csv"})


def test_what_goes_out_comes_in_again_and_changes_nothing(client: Client, login: Login) -> None:
    for language in ("en", "es"):
        out = client.get(f"/api/stations/export.csv?language={language}", headers=login())
        assert out.content.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(out.content.decode("utf-8-sig"))))
        assert (len(rows), rows[0][0]) == (13, {"en": "station_code", "es": "codigo"}[language])
        assert rows[1][16] == "'+525555000101"  # no formula
        result = send(client, login, out.content).json()
        assert (result["is_kept"], result["rows_read"], result["unchanged"]) == (True, 12, 12), result


def test_every_row_that_is_refused_is_named_and_keeps_the_rest_out(
    client: Client, login: Login, admin: psycopg.Connection[Any]
) -> None:
    text = "\n".join(
        (
            HEADER,
            "JSM060,Oaxaca,MX,17.06,-96.72,ACTIVE,+529515000113",
            "JSM061,Mal,MX,91,-96.72,ACTIVE,",
            "JSM062,,MX,17,-96.72,ACTIVE,",
            "JSM060,Otra,MX,17,-96.72,ACTIVE,",
            "JSM063,Nula,MX,0,0,ACTIVE,",
            "JSM001,Centro,MX,19.427,-99.1332,CONSTRUCTION,",
            "JSM064,corta",
            "JSM065,Fuera,MX,48.85,2.35,ACTIVE,",
        )
    )
    found = send(client, login, text).json()
    assert [(fault["row"], fault["column"], fault["code"]) for fault in found["faults"]] == [
        (3, "latitude", "invalid"),
        (4, "name", "missing"),
        (5, "station_code", "duplicate"),
        (6, "", "station.location"),
        (7, "", "station.status"),
        (8, "", "cells"),
        (9, "", "station.location"),
    ]
    assert (found["is_kept"], found["inserted"], found["rejected"]) == (False, 1, 7)
    assert client.get("/api/stations/JSM060").status_code == 404
    assert send(client, login, text, "?keep_good=true&dry_run=true").json()["is_kept"] is False
    assert client.get("/api/stations/JSM060").status_code == 404
    assert send(client, login, text, "?keep_good=true").json()["is_kept"] is True
    assert client.get("/api/stations/JSM060").json()["phone"] == "+529515000113"


def test_a_cell_of_several_lines_is_one_row(client: Client, login: Login) -> None:
    text = 'station_code,address\nJSM001,"uno\ndos"\n\nJSM002,Calle 5\nJSM003,\u200b\nX,Calle 6\n'
    found = send(client, login, text, "?dry_run=true").json()
    assert [(fault["row"], fault["column"]) for fault in found["faults"]][-1] == (6, "station_code")


def test_a_missing_column_keeps_and_an_empty_cell_takes_away(client: Client, login: Login) -> None:
    before = client.get("/api/stations/JSM001").json()
    assert send(client, login, "codigo;telefono\njsm001;\n").json()["updated"] == 1
    after = client.get("/api/stations/JSM001").json()
    assert {name for name in before if before[name] != after[name]} == {"phone", "updated_at"}


def test_what_somebody_changes_during_an_import_stays_where_the_file_does_not_speak_of_it(
    client: Client, login: Login, as_role: Callable[[str], psycopg.Connection[Any]], admin: psycopg.Connection[Any]
) -> None:
    other = as_role("station_app")
    with ThreadPoolExecutor() as pool:
        with other.transaction():
            other.execute("UPDATE station_schema.stations SET pump_count = 17 WHERE station_code = 'JSM001'")
            importing = pool.submit(send, client, login, "station_code,phone\nJSM001,+525555000199\n")
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            deadline = monotonic() + 10
            while admin.execute(waiting).fetchone() != (1,):
                assert monotonic() < deadline, "the import does not wait"
                sleep(0.02)
        assert importing.result().json()["updated"] == 1
    after = client.get("/api/stations/JSM001").json()
    assert (after["pump_count"], after["phone"]) == (17, "+525555000199")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "sheet.empty"),
        (b"\xff\xfe", "sheet.encoding"),
        (b"station_code\nA\x00B", "sheet.malformed"),
        (b"name\nx", "sheet.header"),
        (b"station_code,colour\nx,y", "sheet.header"),
        (b"station_code\n" + b"X\n" * 20_001, "sheet.too_long"),
    ],
)
def test_what_is_no_table_of_stations_is_refused(data: bytes, code: str, client: Client, login: Login) -> None:
    answer = send(client, login, data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_form_brings_a_file_as_well(client: Client, login: Login) -> None:
    answer = client.post(
        "/api/stations/import", files={"file": ("s.csv", b"station_code,name\nJSM001,Centro\n")}, headers=login()
    )
    assert (answer.status_code, answer.json()["updated"]) == (200, 1)
    nothing = client.post("/api/stations/import", json={}, headers=login())
    assert (nothing.status_code, nothing.json()["code"]) == (422, "sheet.no_file")


def test_the_command_brings_a_table_in_and_out(run: Run, tmp_path: Path) -> None:
    out = run("export", "--language", "es")
    assert (out.returncode, out.stdout.count("\n")) == (0, 13), out.stderr
    table = tmp_path / "stations.csv"
    table.write_text(f"{HEADER}\nJSM060,Oaxaca,MX,17.06,-96.72,ACTIVE,\nJSM061,Mal,MX,91,-96.72,ACTIVE,\n")
    refused = run("import-csv", table, "--report", tmp_path / "report.csv", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["is_kept"]) == (1, False)
    assert "latitude" in (tmp_path / "report.csv").read_text(encoding="utf-8-sig")
    kept = run("import-csv", table, "--keep-good")
    assert kept.returncode == 1
    assert "kept" in kept.stdout
    assert run("export").stdout.count("\n") == 14
