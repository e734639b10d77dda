"""`gasolinera ops cleanup` and `maintenance` as people and timers use them, and servers that they cannot work on."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

import vuelo
from gasolinera.cli.app import app
from gasolinera.errors import ConfigError, ConflictError, UnavailableError
from gasolinera.ops import operations_schema
from gasolinera.ops.cleaning import clean
from gasolinera.ops.maintaining import maintain
from gasolinera.ops.maintaining_plans import Kind
from gasolinera.ops.reaching import Operations
from tests.conftest import Clone, drop, project_at
from vuelo import VueloError
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def database(server: Server, clone_of: Clone) -> Generator[str]:
    """One for all tests of this file."""
    name = clone_of("test")
    yield name
    drop(server, name)


@pytest.fixture(scope="module")
def ops_url(server: Server, database: str) -> str:
    url = server.url(database)
    operations_schema.install(url)
    return url


@pytest.fixture
def run(server: Server, database: str, ops_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(database))
    return lambda *words: CliRunner().invoke(app, ["ops", *words])


def revoke(admin: Connection, count: int) -> None:
    """Revocations whose time is over."""
    admin.execute(
        """INSERT INTO auth_schema.access_revocations (user_id, revoked_at)
           SELECT gen_random_uuid(), now() - interval '9 hours' FROM generate_series(1, %s)""",
        (count,),
    )


def revocations(admin: Connection) -> int:
    row = admin.execute("SELECT count(*) FROM auth_schema.access_revocations").fetchone()
    assert row is not None
    return row[0]


def moved(operations: Operations, service: str, url: str) -> Operations:
    """The same with one service elsewhere."""
    services = tuple(
        dataclasses.replace(one, url=url) if one.name == service else one for one in operations.project.services
    )
    project = vuelo.Project(operations.project.base, operations.project.environment, services)
    return Operations(project, operations.ops_url)


def test_rules_are_listed_with_their_reason_and_period(run: Run) -> None:
    result = run("cleanup", "rules", "--json", "-s", "auth")
    (rule,) = [one for one in json.loads(result.stdout) if one["name"] == "auth.login_codes"]
    assert rule["keep"] == {"months": 0, "days": 1, "seconds": 0.0}
    assert (rule["reason"], rule["job"], rule["action"]) == ("PRIVACY", "auth.forget_ended", "DELETE")
    text = run("cleanup", "rules", "-s", "ops").stdout
    assert "1 year 1 month" in text
    assert "space" in text


def test_cleaning_asks_for_the_databases_name(run: Run, admin: Connection) -> None:
    revoke(admin, 3)
    refused = run("cleanup", "run", "-t", "access_revocations")
    assert isinstance(refused.exception, VueloError)
    assert refused.exception.code == "confirm.no_terminal"
    assert revocations(admin) == 3
    counted = run("cleanup", "run", "-t", "access_revocations", "--dry-run")
    assert "3 rows would go" in counted.stdout
    cleaned = json.loads(run("cleanup", "run", "-t", "access_revocations", "--yes", "--json").stdout)
    assert cleaned["rows"] == 3
    assert revocations(admin) == 0
    assert "0 rows gone" in run("cleanup", "run", "-s", "ops", "-t", "runs", "--yes").stdout


def test_a_rule_is_held_and_released(run: Run, admin: Connection) -> None:
    revoke(admin, 2)
    admin.execute("DELETE FROM ops_schema.runs")
    assert "is held since" in run("cleanup", "hold", "auth.access_revocations", "--because", "order 12").stdout
    assert "HELD: order 12" in run("cleanup", "rules", "-t", "access_revocations").stdout
    assert "held: order 12" in run("cleanup", "run", "-t", "access_revocations", "--yes").stdout
    assert revocations(admin) == 2
    assert "is followed again" in run("cleanup", "release", "auth.access_revocations").stdout
    kept = admin.execute(
        "SELECT command, scope, result FROM ops_schema.runs WHERE command <> 'cleanup run' ORDER BY id"
    ).fetchall()
    assert kept == [
        ("cleanup hold", "auth.access_revocations", {"because": "order 12"}),
        ("cleanup release", "auth.access_revocations", {}),
    ]
    assert "2 rows gone" in run("cleanup", "run", "-t", "access_revocations", "--yes").stdout


def test_a_cleaning_whose_process_is_killed_is_finished_by_the_next(
    run: Run, admin: Connection, ops: Connection, server: Server, database: str
) -> None:
    revoke(admin, 3000)
    ops.execute("DELETE FROM ops_schema.runs")
    command = [Path(sys.executable).with_name("gasolinera"), "ops", "cleanup", "run", "-t", "access_revocations"]
    process = subprocess.Popen([*command, "--yes", "--rest", "100"], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while revocations(admin) == 3000 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    left = revocations(admin)
    assert 0 < left < 3000
    result = run("cleanup", "run", "-t", "access_revocations", "--yes")
    while isinstance(result.exception, ConflictError) and time.monotonic() < deadline:  # its session is not over yet
        result = run("cleanup", "run", "-t", "access_revocations", "--yes")
    assert f"{left:,} rows gone" in result.stdout
    rows = ops.execute("SELECT outcome, error FROM ops_schema.runs ORDER BY id").fetchall()
    assert rows == [("FAILED", "the process ended"), ("OK", None)]


def test_a_rule_that_cannot_be_followed_ends_with_one(run: Run, ops: Connection) -> None:
    ops.execute("UPDATE ops_schema.retention_rules SET time_column = 'no_such' WHERE name = 'auth.access_revocations'")
    result = run("cleanup", "run", "-t", "access_revocations", "--yes")
    ops.execute(
        "UPDATE ops_schema.retention_rules SET time_column = 'revoked_at' WHERE name = 'auth.access_revocations'"
    )
    assert result.exit_code == 1
    assert "failed: there is no" in result.stdout


def test_maintenance_says_what_it_would_do_and_does_it(run: Run) -> None:
    planned = run("maintenance", "run", "-s", "auth", "--only", "refresh", "--dry-run")
    assert "auth_schema.login_statistics" in planned.stdout
    assert "2 tasks are to be done" in planned.stdout
    done = json.loads(run("maintenance", "run", "-s", "auth", "--only", "refresh", "--json").stdout)
    assert [(task["kind"], task["outcome"]) for task in done["tasks"]] == [("REFRESH", "DONE")] * 2


def test_the_report_of_indexes_is_readable_and_data(run: Run) -> None:
    assert "statistics begin at" in run("maintenance", "report", "-s", "auth").stdout
    assert set(json.loads(run("maintenance", "report", "-s", "auth", "--json").stdout)) == {
        "lines",
        "unanswered",
        "since",
        "standbys",
    }


def test_a_service_whose_server_is_away_holds_up_no_other(
    operations: Operations, admin: Connection, ops_url: str
) -> None:
    revoke(admin, 4)
    away = moved(operations, "station", "host=127.0.0.1 port=1 dbname=away connect_timeout=2")
    with pytest.raises(UnavailableError, match="the database of station"):
        clean(away, services=["auth", "station", "coupon"])
    assert revocations(admin) == 0
    row = admin.execute(
        "SELECT outcome, jsonb_array_length(result -> 'rules') > 10 FROM ops_schema.runs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == ("FAILED", True)
    with pytest.raises(UnavailableError, match="the database of station"):
        maintain(away, services=["station", "coupon"], kinds=[Kind.REFRESH])
    row = admin.execute(
        "SELECT jsonb_array_length(result -> 'tasks') FROM ops_schema.runs ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == (2,)


def test_a_login_without_the_owners_rights_is_told(
    operations: Operations, admin: Connection, server: Server, database: str
) -> None:
    admin.execute("CREATE ROLE upkeep_guest LOGIN")
    admin.execute(f"GRANT CONNECT ON DATABASE {database} TO upkeep_guest".encode())
    try:
        guest = moved(operations, "auth", server.url(database, "upkeep_guest"))
        with pytest.raises(ConfigError, match="may not act as the owner") as caught:
            clean(guest, services=["auth"])
        assert caught.value.code == "ops.not_owner"
        with pytest.raises(ConfigError, match="may not act as the owner"):
            maintain(guest, services=["auth"])
    finally:
        admin.execute(f"REVOKE ALL ON DATABASE {database} FROM upkeep_guest".encode())
        admin.execute("DROP ROLE upkeep_guest")


def test_services_on_different_databases_are_cleaned_by_rules_of_one(
    operations: Operations, server: Server, clone_of: Clone
) -> None:
    other = clone_of("test")
    try:
        elsewhere = project_at(server.url(other), "test")
        with psycopg.connect(server.url(other), autocommit=True) as conn:
            revoke(conn, 5)
            cleaned = clean(Operations(elsewhere, operations.ops_url), table="access_revocations")
            assert cleaned.rows == 5
            assert revocations(conn) == 0
    finally:
        drop(server, other)
