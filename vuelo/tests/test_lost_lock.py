"""A script that lets go of the service's lock: two runners still run every migration once."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo

Connection = psycopg.Connection[Any]
VUELO = Path(sys.executable).with_name("vuelo")
LOSES = {
    "a statement": "SELECT pg_advisory_unlock_all();",
    "discard": "DISCARD ALL;",
}


def waits(conn: Connection) -> bool:
    found = conn.execute("SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1.5)%' AND pid <> pg_backend_pid()")
    return found.fetchone() is not None


@pytest.mark.parametrize("how", LOSES)
@pytest.mark.parametrize("slow", ["INSERT INTO t SELECT pg_sleep(1.5)::text;", "SELECT pg_sleep(1.5);\nVACUUM t;"])
def test_a_script_that_loses_the_lock_lets_no_migration_run_twice(
    make_project: Callable[..., vuelo.Project], conn: Connection, tmp_path: Path, how: str, slow: str
) -> None:
    files = {"V1__a.sql": "CREATE TABLE t (a text);", "V2__b.sql": LOSES[how], "V3__c.sql": slow}
    files |= {"V3__c.sql.conf": "executeInTransaction=false"} if "VACUUM" in slow else {}
    make_project({"shop": files}, "mixed = true")
    first = subprocess.Popen([VUELO, "migrate"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not waits(conn):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = subprocess.run([VUELO, "migrate"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    _, told = first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), (told, second.stderr)
    query = "SELECT version, success FROM shop.flyway_schema_history WHERE version IS NOT NULL ORDER BY 1"
    assert conn.execute(query).fetchall() == [("1", True), ("2", True), ("3", True)]
