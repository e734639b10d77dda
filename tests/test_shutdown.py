"""Told to stop, the server finishes what runs: the request gets its answer, and then the process leaves."""

import http.client
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import psycopg

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()", "serve", "--port", "0")
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'station_schema.stations'::regclass"


def ask(url: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    connection.request("GET", "/api/stations")
    return connection.getresponse().status


def test_a_request_under_way_is_answered_before_the_process_leaves(
    database_url: str, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    environ = {**kept, "GASOLINERA_DATABASE_URL": database_url, "GASOLINERA_ENVIRONMENT": "test"}
    with (
        ThreadPoolExecutor(1) as pool,
        subprocess.Popen(COMMAND, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stderr is not None
        url = next(line.split()[-1] for line in process.stderr if line.startswith("serving "))
        with admin.transaction():
            admin.execute("LOCK TABLE station_schema.stations IN ACCESS EXCLUSIVE MODE")
            answer = pool.submit(ask, url)
            while not admin.execute(WAITING).fetchone():
                sleep(0.01)
            process.send_signal(signal.SIGTERM)
            sleep(0.3)
            assert process.poll() is None
        assert answer.result(timeout=20) == 200
        assert process.wait(timeout=20) == 0
