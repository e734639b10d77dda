"""Auth and the other services as two processes with databases of their own, and a worker between them: one system.

The station process has no key that signs access tokens: it verifies them by what auth publishes.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest
from psycopg import sql

import vuelo
from gasolinera.authentication import tokens_of
from gasolinera.calls import UserSummary, remote_users
from gasolinera.config import Environment, Settings
from gasolinera.key_file import PURPOSES, KeyFile, new_keys, write_key_file
from gasolinera.keyring import load_keyring
from gasolinera.ops import jobs_schema, roles
from gasolinera.permissions import Role
from tests.auth.administrators import ADMINISTRATOR, ADMINISTRATOR_PHONE, App
from tests.auth.journeys import REGISTRATION, code_sent_to, let_pass
from tests.conftest import drop, project_at
from vuelo.embedded import Server

# The services of the second process, which has no key for access tokens.
STATIONS = ("station", "coupon", "redemption", "ads", "raffle")
COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
Conn = psycopg.Connection[Any]


class System(msgspec.Struct):
    """What a test talks to: the two addresses, and superusers' connections to the two databases."""

    auth: httpx.Client
    station: httpx.Client
    auth_db: Conn
    station_db: Conn


@pytest.fixture
def system(server: Server, tmp_path: Path) -> Generator[System]:
    with ExitStack() as stack:
        databases = {service: stack.enter_context(database_of(server, service)) for service in ("auth", *STATIONS)}
        jobs_schema.install(server.url(databases["auth"]))
        addresses = {
            f"GASOLINERA_{service.upper()}_DATABASE_URL": server.dsn(name, f"{service}_app")
            for service, name in databases.items()
        }
        keys = key_files(tmp_path)

        def run(name: str, *arguments: str, only: tuple[str, ...], **settings: str) -> str:
            """Starts a process that knows the databases of `only`; gives what its first line says."""
            environ = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
            environ |= {name: addresses[name] for name in addresses if name.split("_")[1].lower() in only}
            environ |= {"GASOLINERA_ENVIRONMENT": "test", **settings}
            return stack.enter_context(running(tmp_path / f"{name}.log", environ, tmp_path, *arguments))

        ops = {"GASOLINERA_OPS_DATABASE_URL": server.dsn(databases["auth"], "ops")}
        station_port = free_port()  # each of the two asks the other, and one must start first
        there = f"http://127.0.0.1:{station_port}"
        auth = run(
            "auth",
            *("serve", "auth", "--port", "0"),
            only=("auth",),
            GASOLINERA_KEYS_FILE=keys["auth"],
            **{f"GASOLINERA_{service.upper()}_URL": there for service in STATIONS},
        )
        station = run(
            "station",
            *("serve", *STATIONS, "--port", str(station_port)),
            only=STATIONS,
            GASOLINERA_KEYS_FILE=keys["station"],
            GASOLINERA_AUTH_URL=auth,
        )
        run("worker", "worker", only=("auth", *STATIONS), GASOLINERA_KEYS_FILE=keys["auth"], **ops)
        yield System(
            auth=stack.enter_context(httpx.Client(base_url=auth, timeout=20)),
            station=stack.enter_context(httpx.Client(base_url=station, timeout=20)),
            auth_db=stack.enter_context(psycopg.connect(server.url(databases["auth"]), autocommit=True)),
            station_db=stack.enter_context(psycopg.connect(server.url(databases["station"]), autocommit=True)),
        )


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def database_of(server: Server, service: str) -> Generator[str]:
    """A database with one service's schema and no other; its name."""
    name = f"alone_{service}"
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        project = project_at(server.url(name), "test").only([service])
        roles.initialise(project)
        vuelo.migrate(project)
        yield name
    finally:
        drop(server, name)


def key_files(folder: Path) -> dict[str, str]:
    """The station's ring has all but the key that signs access tokens."""
    keys = new_keys(PURPOSES, datetime.now(UTC))
    rings = {"auth": keys, "station": tuple(key for key in keys if key.purpose != "token")}
    for service, ring in rings.items():
        write_key_file(folder / f"{service}.json", KeyFile(environment=Environment.TEST, keys=ring), is_new=True)
    return {service: str(folder / f"{service}.json") for service in rings}


@contextmanager
def running(log: Path, environ: dict[str, str], folder: Path, *arguments: str) -> Generator[str]:
    """A command of ours, with its messages in `log`, stopped in good order; gives the last word of its first line."""
    with log.open("w") as messages:
        process = subprocess.Popen([*COMMAND, *arguments], env=environ, cwd=folder, stderr=messages)
    try:
        first = r"^(?:serving|working) .*?(\S+)$"
        waited_for(lambda: re.search(first, log.read_text(), re.MULTILINE) or process.poll() is not None)
        said = re.search(first, log.read_text(), re.MULTILINE)
        assert said, log.read_text()
        yield said[1]
        process.terminate()
        assert process.wait(timeout=30) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
    finally:
        process.kill()
        process.wait()


def waited_for(look: Callable[[], Any], within_s: float = 40) -> Any:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def good(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def registered(system: System) -> Any:
    session = good(system.auth.post("/api/auth/register", json=REGISTRATION), 202)["session_token"]
    waited_for(
        lambda: system.auth_db.execute("SELECT FROM auth_schema.development_inbox").fetchall()
    )  # sent after the answer
    body = {"session_token": session, "code": code_sent_to(system.auth_db, REGISTRATION["phone_number"])}
    return good(system.auth.post("/api/auth/login/verify", json=body))


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_each_process_serves_its_own_service_and_is_ready_by_it_alone(system: System) -> None:
    assert good(system.auth.get("/health/ready")) == {"status": "ready"}
    assert good(system.station.get("/health/ready")) == {"status": "ready"}
    assert system.auth.get("/api/stations").status_code == 404
    assert system.station.post("/api/auth/login/otp", json={}).status_code == 404


def test_a_token_of_auth_is_good_at_the_station_until_it_is_taken_away(system: System) -> None:
    token = registered(system)["access_token"]

    def answer(shown: str) -> tuple[int, str]:
        response = system.station.get("/api/stations/JSM001/audit", headers=bearer(shown))
        return response.status_code, response.json()["code"]

    assert answer(token)[0] == 403, "a driver is known, and may not read that"
    head, payload, signature = token.split(".")
    other = "A" if signature[10] != "A" else "B"
    assert answer(f"{head}.{payload}.{signature[:10]}{other}{signature[11:]}") == (401, "auth.token_invalid")
    good(system.auth.post("/api/auth/logout", headers=bearer(token)), 204)
    waited_for(lambda: answer(token) == (401, "auth.access_ended"), within_s=5)


def test_the_station_finds_users_at_auth_with_its_own_service_token(system: System, tmp_path: Path) -> None:
    user = registered(system)["user"]
    keyring = load_keyring(
        Settings.model_validate({"environment": "test", "keys_file": tmp_path / "station.json"}),
    )

    async def found(public_id: str, sender: str = "station") -> UserSummary | None:
        async with remote_users(str(system.auth.base_url), tokens_of(keyring, sender)) as users:
            return await users.find(UUID(public_id))

    expected = UserSummary(UUID(user["public_id"]), Role.CUSTOMER, active=True)
    assert asyncio.run(found(user["public_id"])) == expected
    assert asyncio.run(found("0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6a")) is None
    stranger = system.auth.get(f"/api/auth/internal/users/{user['public_id']}")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "auth.no_token")


def logged_in(system: System, phone: str) -> dict[str, str]:
    """The headers of somebody who has logged in with a code."""
    count = "SELECT count(*) FROM auth_schema.development_inbox WHERE phone_number = %s"
    before = system.auth_db.execute(count, (phone,)).fetchone()
    session = good(system.auth.post("/api/auth/login/otp", json={"phone_number": phone}), 202)
    waited_for(lambda: system.auth_db.execute(count, (phone,)).fetchone() != before)
    body = {"session_token": session["session_token"], "code": code_sent_to(system.auth_db, phone)}
    return bearer(good(system.auth.post("/api/auth/login/verify", json=body))["access_token"])


def administrator(system: System) -> dict[str, str]:
    """The headers of the chain's administrator, who confirmed the login with an app."""
    first = logged_in(system, ADMINISTRATOR_PHONE)
    app = App(good(system.auth.post("/api/auth/second-factor/enrol", json={}, headers=first), 201)["uri"])
    confirmed = system.auth.post("/api/auth/second-factor/confirm", json={"code": app.code()}, headers=first)
    return bearer(good(confirmed)["access_token"])


def test_an_export_is_of_both_processes_and_after_an_erasure_finds_no_person(system: System) -> None:
    tokens = registered(system)
    person, driver, chief = tokens["user"]["public_id"], bearer(tokens["access_token"]), administrator(system)
    path = f"/api/auth/users/{person}/export"

    def employments(found: Any) -> list[tuple[str, str | None]]:
        station = next(one["holdings"] for one in found["services"] if one["service"] == "station")
        rows = next(one["rows"] for one in station if one["name"] == "employments")
        return [(one["employee_number"], one["termination_reason"]) for one in rows]

    assert employments(good(system.auth.get("/api/auth/export", headers=driver))) == []
    key = {"idempotency-key": "hire"}
    body = {"user_id": person, "position": "ATTENDANT"}
    hired = good(system.station.post("/api/stations/JSM001/employees", json=body, headers=chief | key), 201)
    number = hired["employee_number"]
    end = f"/api/stations/employees/{number}/terminate"
    good(system.station.post(end, json={"reason": "moved to Oaxaca"}, headers=chief))
    assert employments(good(system.auth.get(path, headers=chief))) == [(number, "moved to Oaxaca")]
    assert system.auth.get(path, headers=driver).status_code in (401, 403), "another's, or access that ended"
    system.station_db.execute("REVOKE USAGE ON SCHEMA station_schema FROM station_app")
    missing = system.auth.get(path, headers=chief)
    assert (missing.status_code, missing.json()["code"]) == (503, "export.station_unavailable")
    system.station_db.execute("GRANT USAGE ON SCHEMA station_schema TO station_app")
    internal = system.station.get(f"/api/internal/personal-data/station/{person}", headers=chief)
    assert (internal.status_code, internal.json()["code"]) == (403, "auth.not_permitted")

    waited_for(lambda: system.auth.delete(f"/api/auth/users/{person}", headers=chief).status_code == 204)
    waited_for(lambda: employments(good(system.auth.get(path, headers=chief))) == [(number, None)])
    left = str(good(system.auth.get(path, headers=chief)))
    told = ("Elena", "Vega", REGISTRATION["phone_number"], "Oaxaca", "127.0.0.1", "python-httpx")
    assert [text for text in told if text in left] == []


def test_who_is_hired_and_dismissed_at_the_station_gets_and_loses_the_role_at_auth(system: System) -> None:
    tokens = registered(system)
    chief, driver = administrator(system), bearer(tokens["access_token"])

    def role() -> Any:
        row = system.auth_db.execute(
            "SELECT role FROM auth_schema.users WHERE public_id = %s", (tokens["user"]["public_id"],)
        ).fetchone()
        return row and row[0]

    def hire(headers: dict[str, str], user: str) -> httpx.Response:
        body = {"user_id": user, "position": "ATTENDANT"}
        key = {"idempotency-key": f"hire {user}"}
        return system.station.post("/api/stations/JSM001/employees", json=body, headers=headers | key)

    assert hire(driver, tokens["user"]["public_id"]).status_code == 403
    assert hire(chief, "0198a5b2-7c11-7d3e-9a53-1f2e3d4c5b6a").status_code == 404, "auth knows no such person"
    employee = good(hire(chief, tokens["user"]["public_id"]), 201)
    assert good(hire(chief, tokens["user"]["public_id"]), 201) == employee, "the same key hires once"
    waited_for(lambda: role() == "EMPLOYEE")
    let_pass(system.auth_db, hours=1)  # one code a minute is sent
    staff = logged_in(system, REGISTRATION["phone_number"])  # another role is another session
    seen = good(system.station.get("/api/stations/JSM001/employees", headers=staff))
    assert [one["employee_number"] for one in seen["items"]] == [employee["employee_number"]]

    path = f"/api/stations/employees/{employee['employee_number']}/terminate"
    good(system.station.post(path, json={"reason": "end of the season"}, headers=chief))
    waited_for(lambda: role() == "CUSTOMER")
    waited_for(lambda: system.station.get("/api/stations/JSM001/employees", headers=staff).status_code == 401)
    event = system.station_db.execute(
        "SELECT event_type, actor, ip_address IS NOT NULL, user_agent LIKE %s FROM station_schema.station_audit_log"
        " WHERE entity_reference = %s ORDER BY id DESC LIMIT 1",
        ("python-httpx/%", employee["employee_number"]),
    ).fetchone()
    assert event == ("EMPLOYEE_UPDATED", ADMINISTRATOR, True, True), "who, what, from where"
