"""The journeys after a deployment, on a platform that runs in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import psycopg
import pytest
from psycopg.sql import SQL
from typer.testing import CliRunner

from gasolinera.cli.app import app
from gasolinera.config import Environment, Settings
from gasolinera.errors import ConflictError
from gasolinera.key_file import PURPOSES, KeyFile, new_keys, write_key_file
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.ops import operations_schema
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.verifying import Outcome, Verification, verify
from gasolinera.ops.verifying_asking import ATTENDANT, CUSTOMER, Platform, WrongError
from gasolinera.ops.verifying_journeys import has_taken_in
from tests.conftest import Clone, drop, project_at
from vuelo.embedded import Server

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")
_STARTS_WITHIN_S = 90
# What must not be open between two runs, however they ended.
OPEN = """
SELECT (SELECT count(*) FROM auth_schema.users WHERE phone_number LIKE '+1202555014_' AND is_active)
     + (SELECT count(*) FROM station_schema.stations WHERE station_code = 'VERIFICATION' AND status = 'ACTIVE')
     + (SELECT count(*) FROM redemption_schema.employments WHERE station_code = 'VERIFICATION')
     + (SELECT count(*) FROM raffle_schema.account_states AS a JOIN auth_schema.users AS u ON u.public_id = a.user_id
         WHERE u.phone_number LIKE '+1202555014_' AND a.is_active)
     + (SELECT count(*) FROM coupon_schema.campaigns WHERE campaign_code = 'VERIFICATION' AND status = 'ACTIVE')
     + (SELECT count(*) FROM coupon_schema.coupons AS c JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id
         WHERE g.campaign_code = 'VERIFICATION' AND c.status <> 'CANCELLED')
     + (SELECT count(*) FROM redemption_schema.redemptions
         WHERE station_code = 'VERIFICATION' AND status NOT IN ('CANCELLED', 'FAILED'))
"""

TAKEN_IN = b"""
INSERT INTO station_schema.inbox_events (event_id, consumer, event_type, aggregate_type, aggregate_key, event,
                                         settled_at)
VALUES (%(event)s, 'some', 'user.changed', 'user', 'u', '{}', now())
"""
GIVEN_UP = b"""
INSERT INTO station_schema.dead_letters (event_id, consumer, event_type, aggregate_type, aggregate_key, event, attempts,
                                         last_error, first_failed_at, last_failed_at)
VALUES (%(event)s, 'some', 'user.changed', 'user', 'u', '{}', 1, 'it fails', now(), now())
"""

Connection = psycopg.Connection[Any]


class Site(msgspec.Struct):
    """A platform under verification: where it is, what operations know, what its environment is."""

    url: str
    operations: Operations
    admin: Connection
    keyring: Keyring
    environ: dict[str, str]
    process: "subprocess.Popen[bytes]"


@pytest.fixture(scope="module")
def site(server: Server, clone_of: Clone, tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("verified")
    name = clone_of("test")
    operations_schema.install(server.url(name))
    keys = folder / "keys.json"
    write_key_file(keys, KeyFile(environment=Environment.TEST, keys=new_keys(PURPOSES, datetime.now(UTC))), is_new=True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GASOLINERA_")}
    environ |= {f"GASOLINERA_{one.upper()}_DATABASE_URL": server.dsn(name, f"{one}_app") for one in SERVICES}
    environ |= {
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_DATABASE_URL": server.dsn(name),
        "GASOLINERA_KEYS_FILE": str(keys),
        "GASOLINERA_RELEASE": "r41",
    }
    log = folder / "log"
    with log.open("w") as messages:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--with-worker"], env=environ, cwd=folder, stderr=messages
        )
    try:
        url = _address(log, process)
        assert httpx.get(f"{url}/health/ready", timeout=_STARTS_WITHIN_S).status_code == 200
        settings = Settings.model_validate({"environment": "test", "keys_file": keys})
        operations = Operations(project_at(server.url(name), "test"), server.url(name))
        with psycopg.connect(server.url(name), autocommit=True) as admin:
            yield Site(url, operations, admin, load_keyring(settings), environ, process)
    finally:
        process.terminate()
        process.wait(timeout=30)
        drop(server, name)
    assert "Traceback" not in log.read_text(), log.read_text()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        said = re.search(r"^serving (\S+)$", log.read_text(), re.MULTILINE)
        if said:
            return said[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def verified(site: Site, *, without_draw: bool = True) -> Verification:
    return verify(site.operations, site.url, keyring=site.keyring, chain="test", without_draw=without_draw)


def left_open(site: Site) -> int:
    row = site.admin.execute(OPEN).fetchone()
    assert row is not None
    return int(row[0])


def all_closed(site: Site) -> bool:
    """The last event of a run arrives a moment after it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if left_open(site) == 0:
            return True
        time.sleep(0.05)
    return False


def outcomes(done: Verification) -> dict[str, Outcome]:
    return {f"{one.service}: {one.name}": one.outcome for one in done.steps}


def test_an_answer_that_lacks_something_fails_its_step_and_no_other(operations: Operations) -> None:
    platform = Platform(operations, None, {}, lambda _: None, chain="test")
    answer: dict[str, str] = {}
    platform.step("raffle", "look", lambda _: answer["draw_number"])
    platform.step("raffle", "look again", lambda _: "")
    platform.close()
    assert [one.outcome for one in platform.steps] == [Outcome.FAILED, Outcome.OK]
    assert "draw_number" in platform.steps[0].detail


def test_an_event_that_was_given_up_was_not_taken_in(operations: Operations) -> None:
    platform = Platform(operations, None, {}, lambda _: None, chain="test")
    platform.close()
    event = uuid4()
    assert not has_taken_in(platform, "station", event)
    platform.rows("station", TAKEN_IN, {"event": event})
    assert has_taken_in(platform, "station", event)
    platform.rows("station", GIVEN_UP, {"event": event})
    with pytest.raises(WrongError, match="station gave the event up"):
        has_taken_in(platform, "station", event)


def test_every_journey_goes_well_again_and_again_and_leaves_nothing_open(site: Site) -> None:
    before = site.admin.execute("SELECT count(*) FROM auth_schema.development_inbox").fetchone()
    for without_draw in (False, True):
        done = verified(site, without_draw=without_draw)
        assert [one for one in done.steps if one.outcome is not Outcome.OK] == []
        assert (done.exit_code, len(done.steps)) == (0, 16 if without_draw else 17)
        assert all_closed(site)
    kept = "SELECT status, count(*) FROM redemption_schema.redemptions WHERE station_code = 'VERIFICATION' GROUP BY 1"
    assert site.admin.execute(kept).fetchall() == [("CANCELLED", 2)]
    sent = site.admin.execute("SELECT count(*) FROM auth_schema.development_inbox").fetchone()
    assert sent == before, "no message is sent to anybody"
    letters = " + ".join(f"(SELECT count(*) FROM {one}_schema.dead_letters)" for one in ("auth", "station", "raffle"))
    assert site.admin.execute(SQL(f"SELECT {letters}")).fetchone() == (0,)
    with ops_session(site.operations.ops_url) as conn:
        runs = conn.execute("SELECT outcome, result ->> 'steps' FROM ops_schema.runs WHERE command = 'verify'")
        assert runs.fetchall() == [("OK", "17"), ("OK", "16")]


def test_what_a_killed_run_left_open_is_closed_by_the_next(site: Site, tmp_path: Path) -> None:
    environ = {**site.environ, "GASOLINERA_PUBLIC_URL": site.url}
    process = subprocess.Popen(
        [*COMMAND, "ops", "verify", "--without-draw"], env=environ, cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"redemption: redeem" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert left_open(site) >= 4, "it was killed in the middle"
    done = verified(site)
    assert done.exit_code == 0, done
    closed = next(one for one in done.steps if one.name == "clean up what an earlier run left")
    assert "coupons cancelled" in closed.detail
    assert "the station closed" in closed.detail
    assert all_closed(site)


def test_a_service_that_is_broken_is_named_and_the_others_are_tried(site: Site) -> None:
    site.admin.execute("REVOKE USAGE ON SCHEMA redemption_schema FROM redemption_app")
    try:
        done = verified(site)
    finally:
        site.admin.execute("GRANT USAGE ON SCHEMA redemption_schema TO redemption_app")
    assert done.exit_code == 2
    found = outcomes(done)
    assert found["redemption: redeem"] is Outcome.FAILED
    assert found["redemption: cancel"] is Outcome.SKIPPED
    assert [found[f"{one}"] for one in ("auth: log in", "coupon: issue one", "raffle: list the raffles")] == [
        Outcome.OK
    ] * 3
    assert any(one.startswith("redemption: redeem: 503") for one in done.failed), done.failed
    assert all_closed(site)


def test_an_event_that_does_not_arrive_in_time_is_a_failure(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gasolinera.ops.verifying_journeys.EVENTS_WITHIN_S", 3)
    with site.admin.transaction():  # what the consumer writes to waits for us
        site.admin.execute("LOCK TABLE raffle_schema.account_states IN SHARE MODE")
        done = verified(site)
    assert "so that raffle has taken the event in" in done.failed[0], done.failed
    assert outcomes(done)["events: tell of the account, until station and raffle know"] is Outcome.FAILED
    assert outcomes(done)["redemption: redeem"] is Outcome.OK
    assert all_closed(site)


def test_without_the_platforms_keys_only_what_needs_none_is_tried(site: Site) -> None:
    done = verify(site.operations, site.url, keyring=None, without_draw=True)
    assert done.exit_code == 1
    tried = {name for name, outcome in outcomes(done).items() if outcome is Outcome.OK}
    assert tried == {"ops: ready", "auth: ask for a code", "station: find the nearest", "raffle: list the raffles"}
    assert all_closed(site)


def test_a_platform_that_does_not_answer_is_one_failure(site: Site) -> None:
    done = verify(site.operations, "http://127.0.0.1:9", keyring=site.keyring)
    assert (done.exit_code, len(done.steps)) == (2, 1)
    assert "Connect" in done.failed[0]


def test_two_do_not_verify_at_once(site: Site) -> None:
    with (
        ops_session(site.operations.ops_url) as conn,
        recorded_run(conn, "verify"),
        pytest.raises(ConflictError, match="another process runs `verify`"),
    ):
        verified(site)


def run(site: Site, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    for name in [name for name in os.environ if name.startswith("GASOLINERA_")]:
        monkeypatch.delenv(name)
    for name, value in site.environ.items():
        if name.startswith("GASOLINERA_"):
            monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["ops", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_a_deployment_is_guided_from_its_start_to_its_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a release that changes no table: nothing is to be expanded or contracted, and the journeys go well."""

    def bluegreen(*arguments: str) -> tuple[int, str]:
        return run(site, monkeypatch, "bluegreen", *arguments)

    assert bluegreen("status") == (0, "there was no deployment yet\n")
    code, told = bluegreen("start", "--release", "r41", "--url", site.url)
    assert (code, "next: expand" in told) == (0, True)
    code, told = bluegreen("next", "--skip-drift", *accepted_here(site, monkeypatch))
    assert (code, "nothing was pending" in told) == (0, True), told
    code, told = bluegreen("next")
    assert code == 1
    assert "not: direct traffic to" in told
    assert bluegreen("next", "--switched")[0] == 0
    code, told = bluegreen("next", "--without-draw")
    assert code == 0, told
    assert "redemption: redeem" in told
    code, told = bluegreen("next", "--json")
    assert (code, json.loads(told)["outcome"]) == (0, "DONE")
    code, told = bluegreen("status")
    assert "the deployment is done" in told
    assert told.count("done") == 5
    assert all_closed(site)


def accepted_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A test's server has no backups and trusts whoever comes; what else is red is a finding."""
    code, told = run(site, monkeypatch, "check", "--without", "data", "--without", "migrations", "--json")
    assert code in (0, 1, 2, 3)
    red = {one["name"] for one in json.loads(told) if one["verdict"] == "critical"}
    return [part for name in sorted(red) for part in ("--accept", name)]


def test_the_data_checks_find_nothing_that_a_verification_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verified(site).exit_code == 0
    assert all_closed(site)
    _, told = run(site, monkeypatch, "check", "--group", "data", "--json")
    found = [one for one in json.loads(told) if one["verdict"] in ("warning", "critical")]
    ours = ("VERIFICATION", "EMP999", str(ATTENDANT), str(CUSTOMER))
    assert [one for one in found if any(mark in json.dumps(one) for mark in ours)] == []
    until = time.monotonic() + 20  # the last events arrive
    while [mark for mark in ours if mark in run(site, monkeypatch, "reconcile", "--grace", "0", "--json")[1]]:
        assert time.monotonic() < until, "another service knows something else of what was verified"


def test_sessions_of_the_platform_carry_their_release(site: Site) -> None:
    httpx.get(f"{site.url}/api/stations", timeout=20)
    names = site.admin.execute(
        "SELECT DISTINCT application_name FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'gasolinera-station%'"
    ).fetchall()
    assert names == [("gasolinera-station@r41",)]
