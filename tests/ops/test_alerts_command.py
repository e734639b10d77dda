"""`gasolinera ops alerts`, as people and timers use it, on a real database with a planted fault."""

import base64
import json
import os
import socket
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app
from gasolinera.errors import ConfigError, UnavailableError
from gasolinera.ops import operations_schema
from tests.conftest import Clone, drop
from tests.ops.alert_receiver import Listening, listening
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
Alerts = Callable[..., Result]
FAULT = "disabled_triggers"


@pytest.fixture(scope="module")
def faulty(server: Server, clone_of: Clone) -> Generator[str]:
    """A database in which somebody has switched a trigger off."""
    name = clone_of("test")
    operations_schema.install(server.url(name))
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        conn.execute("ALTER TABLE station_schema.stations DISABLE TRIGGER USER")
    yield name
    drop(server, name)


@pytest.fixture
def heard() -> Generator[Listening]:
    with listening() as open_one:
        yield open_one


@pytest.fixture
def alerts(server: Server, faulty: str, heard: Listening, monkeypatch: pytest.MonkeyPatch) -> Alerts:
    with psycopg.connect(server.url(faulty), autocommit=True) as conn:
        conn.execute("TRUNCATE ops_schema.alerts, ops_schema.alert_silences")
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(faulty))
    monkeypatch.setenv("GASOLINERA_ALERT_WEBHOOK_URL", heard.url)
    monkeypatch.setenv("GASOLINERA_ALERT_WEBHOOK_SECRET", "whsec_" + base64.b64encode(b"s" * 32).decode())

    def run(*words: str) -> Result:
        some = ["--group", "tables"] if words[0] == "run" and "--group" not in words else []
        return CliRunner().invoke(app, ["ops", "alerts", *words, *some])

    return run


def test_a_planted_fault_is_told_and_listed_until_it_is_mended(
    alerts: Alerts, heard: Listening, server: Server, faulty: str
) -> None:
    first = alerts("run")
    assert first.exit_code == 0, first.output
    assert FAULT in first.stdout.split("told: ")[1]
    (listed,) = [one for one in json.loads(alerts("list", "--json").stdout) if one["check_name"] == FAULT]
    assert (listed["state"], listed["severity"], listed["told_count"]) == ("FIRING", "WARNING", 1)
    assert any("stations" in thing for thing in listed["objects"])
    assert FAULT in alerts("list").stdout
    with psycopg.connect(server.url(faulty), autocommit=True) as conn:
        conn.execute("ALTER TABLE station_schema.stations ENABLE TRIGGER USER")
        mended = alerts("run", "--json")
        conn.execute("ALTER TABLE station_schema.stations DISABLE TRIGGER USER")
    assert FAULT in json.loads(mended.stdout)["observed"]["resolved"]
    assert [kind for name, kind in heard.notices if name == FAULT] == ["firing", "resolved"]
    assert FAULT not in alerts("list").stdout
    assert FAULT in alerts("list", "--all").stdout


def test_a_silence_is_made_listed_and_ended(alerts: Alerts, heard: Listening) -> None:
    made = alerts("silence", "*", "--for", "2h", "--reason", "the index is being rebuilt")
    assert made.stdout.startswith("silence ")
    assert alerts("run").exit_code == 0
    assert heard.got == []
    assert "the index is being rebuilt" in alerts("silences").stdout
    assert "silenced until" in alerts("list").stdout
    (number,) = (str(one["id"]) for one in json.loads(alerts("silences", "--json").stdout))
    assert "has ended" in alerts("unsilence", number).stdout
    alerts("run")
    assert (FAULT, "firing") in heard.notices


def test_what_has_to_last_is_not_told_yet(alerts: Alerts, heard: Listening) -> None:
    alerts("run", "--after", "5m")
    assert heard.got == []
    assert "not yet" in alerts("list").stdout


def test_a_receiver_that_does_not_take_it_is_a_failure(alerts: Alerts, heard: Listening) -> None:
    heard.answers = [404]
    failed = alerts("run")
    assert failed.exit_code == 1
    assert isinstance(failed.exception, UnavailableError)
    assert "it answered 404" in failed.exception.message
    assert heard.url not in f"{failed.output} {failed.exception}"


def test_whether_alerts_arrive_can_be_tried(alerts: Alerts, heard: Listening) -> None:
    assert "taken it (200)" in alerts("test").stdout
    assert heard.notices == [("test", "firing")]


def test_without_a_receiver_a_run_says_so_and_a_test_fails(alerts: Alerts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GASOLINERA_ALERT_WEBHOOK_URL")
    assert "nobody was told" in alerts("run").stdout
    assert isinstance(alerts("test").exception, ConfigError)


def test_one_look_serves_prometheus_too(alerts: Alerts, tmp_path: Path) -> None:
    file = tmp_path / "metrics" / "gasolinera.prom"
    done = alerts("run", "--metrics", str(file), "--group", "tables")
    assert done.exit_code == 0, done.output
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    verdicts = {one.labels["check"]: one.value for one in families["gasolinera_check_verdict"].samples}
    assert verdicts[FAULT] == 2
    assert "connections" not in verdicts
    (moment,) = families["gasolinera_check_timestamp_seconds"].samples
    assert moment.labels == {"look": "gasolinera"}  # another file beside it is of another look
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_database_of_alerts_that_is_gone_is_told_once_and_again_when_it_is_back(
    alerts: Alerts, heard: Listening, server: Server, faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {faulty} ALLOW_CONNECTIONS false".encode())
        try:
            failed = [alerts("run", "--group", "tables") for _ in range(2)]
        finally:
            conn.execute(f"ALTER DATABASE {faulty} ALLOW_CONNECTIONS true".encode())
    assert [one.exit_code for one in failed] == [1, 1]
    assert heard.notices == [("reachable", "firing")]
    assert alerts("run", "--group", "settings").exit_code == 0
    assert ("reachable", "resolved") in heard.notices
    alerts("run", "--group", "settings")
    assert [kind for name, kind in heard.notices if name == "reachable"] == ["firing", "resolved"]


def test_a_database_of_alerts_that_takes_no_writing_is_told(
    alerts: Alerts, heard: Listening, server: Server, faulty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {faulty} SET default_transaction_read_only = on".encode())
        try:
            failed = alerts("run", "--group", "tables")
        finally:
            conn.execute(f"ALTER DATABASE {faulty} RESET default_transaction_read_only".encode())
    assert failed.exit_code == 1
    assert heard.notices == [("reachable", "firing")]


def test_a_machine_that_does_not_answer_at_all_is_told_soon(
    alerts: Alerts, heard: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    for place in ("gasolinera.ops.reaching._CONNECT_TIMEOUT_S", "gasolinera.ops.checking_rounds._CONNECT_TIMEOUT_S"):
        monkeypatch.setattr(place, 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("GASOLINERA_OPS_DATABASE_URL", f"postgresql://ops@127.0.0.1:{silent.getsockname()[1]}/ops")
        failed = alerts("run", "--group", "tables")
    assert failed.exit_code == 1
    assert heard.notices == [("reachable", "firing")]


@pytest.mark.parametrize("wrong", ["2", "2 weeks", "-1h", "1.5h"])
def test_a_duration_that_is_none_is_a_wrong_use(alerts: Alerts, wrong: str) -> None:
    assert alerts("silence", "locks", "--for", wrong, "--reason", "a test").exit_code == 2
