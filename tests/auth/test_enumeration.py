"""Nothing tells a stranger which phones have an account."""

import socket
import time
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from gasolinera.config import Settings
from tests.applications import create_app
from tests.auth.journeys import (
    ANA_PHONE,
    REGISTRATION,
    STRANGER_PHONE,
    Client,
    Conn,
    let_a_minute_pass,
    let_pass,
    post,
    problem,
    until_undelivered,
)

PHONES = (ANA_PHONE, STRANGER_PHONE)


def shape(response: Any) -> tuple[int, list[str], dict[str, Any], list[str]]:
    """What somebody sees who compares two answers; the token is random, so its length and alphabet."""
    body = response.json()
    token = body.pop("session_token", None)
    return response.status_code, sorted(response.headers), body, [] if token is None else [token[:2], str(len(token))]


def test_asking_to_log_in_looks_the_same(client: Client, admin: Conn) -> None:
    known, unknown = (shape(post(client, "/login/otp", {"phone_number": phone})) for phone in PHONES)
    assert known == unknown
    sent = admin.execute("SELECT phone_number FROM auth_schema.development_inbox").fetchall()
    assert sent == [(ANA_PHONE,)]


def test_registering_looks_the_same(client: Client, admin: Conn) -> None:
    known, unknown = (shape(post(client, "/register", REGISTRATION | {"phone_number": phone})) for phone in PHONES)
    assert known == unknown
    assert admin.execute("SELECT count(*) FROM auth_schema.pending_registrations").fetchone() == (2,)


def test_wrong_codes_and_the_lock_after_five_look_the_same(client: Client, admin: Conn) -> None:
    seen: dict[str, list[tuple[int, Any, Any]]] = {phone: [] for phone in PHONES}
    for phone in PHONES:
        for _ in range(2):
            session = post(client, "/login/otp", {"phone_number": phone}).json()["session_token"]
            # Over all of a million codes a guess is right once: the test accepts that.
            for code in ("000001", "000002", "000003", "000004"):
                answer = post(client, "/login/verify", {"session_token": session, "code": code})
                seen[phone].append((answer.status_code, answer.json()["code"], answer.json().get("hint", "")[:8]))
            let_pass(admin, 1)
    assert seen[ANA_PHONE] == seen[STRANGER_PHONE]
    assert [status for status, *_ in seen[ANA_PHONE]] == [401, 401, 401, 410, 401, 423, 423, 423]


def test_a_gateway_that_fails_tells_nothing(settings: Settings, admin: Conn) -> None:
    """Codes are tried after the sending failed, and after another code was asked for."""
    dead = {"sms_sender": "http", "sms_gateway_url": "http://127.0.0.1:1/", "sms_gateway_secret": SecretStr("s" * 32)}
    seen: dict[str, list[tuple[int, str]]] = {phone: [] for phone in PHONES}
    with TestClient(create_app(settings.model_copy(update=dead)), raise_server_exceptions=False) as client:
        for phone in PHONES:
            first = post(client, "/login/otp", {"phone_number": phone}).json()["session_token"]
            if phone == ANA_PHONE:
                until_undelivered(admin)
            guess = {"session_token": first, "code": "000001"}
            seen[phone].append(problem(post(client, "/login/verify", guess)))
            let_a_minute_pass(admin)
            second = post(client, "/otp/resend", {"session_token": first}).json()["session_token"]
            seen[phone].append(problem(post(client, "/login/verify", guess)))
            for code in ("000002", "000003", "000004", "000005"):
                seen[phone].append(problem(post(client, "/login/verify", {"session_token": second, "code": code})))
    wrong, over = (401, "code.wrong"), (410, "code.over")
    assert seen[ANA_PHONE] == seen[STRANGER_PHONE] == [wrong, over, wrong, wrong, wrong, over]


@pytest.mark.parametrize("phone", PHONES)
def test_sending_is_apart_from_the_connection_and_its_time_is_not_the_routes(
    phone: str, settings: Settings, admin: Conn
) -> None:
    """A gateway that takes 1 s to refuse: neither the next request nor the metrics wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        hangs = {"sms_sender": "http", "sms_gateway_url": url, "sms_gateway_secret": SecretStr("s" * 32)}
        app = create_app(settings.model_copy(update=hangs))
        with TestClient(app, raise_server_exceptions=False) as client:
            begun = time.monotonic()
            assert post(client, "/login/otp", {"phone_number": phone}).status_code == 202
            assert client.get("/health/live").status_code == 200
            assert time.monotonic() - begun < 1
            courier = app.state["auth_opened"]
            assert len(courier.under_way) == 1, "for a phone without account there is as much to do"
            silent.close()


def test_both_do_the_same_work_in_the_database(client: Client, admin: Conn) -> None:
    rows: list[dict[str, int]] = []
    tables = ("otp_sessions", "otp_rate_limits", "auth_audit_log")
    before = {table: count(admin, table) for table in tables}
    for phone in PHONES:
        post(client, "/login/otp", {"phone_number": phone})
        now = {table: count(admin, table) for table in tables}
        rows.append({table: now[table] - before[table] for table in tables if table != "otp_rate_limits"})
        before = now
    assert rows[0] == rows[1] == {"otp_sessions": 1, "auth_audit_log": 1}


def count(admin: Conn, table: str) -> int:
    row = admin.execute(f"SELECT count(*) FROM auth_schema.{table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_the_log_names_a_phone_without_account_by_a_keyed_hash_alone(client: Client, admin: Conn) -> None:
    post(client, "/login/otp", {"phone_number": STRANGER_PHONE})
    row = admin.execute(
        "SELECT user_id, octet_length(phone_hash), phone_hash = sha256(%s::bytea) FROM auth_schema.auth_audit_log"
        " ORDER BY id DESC LIMIT 1",
        (STRANGER_PHONE.encode(),),
    ).fetchone()
    assert row == (None, 32, False)


def test_a_session_token_that_nobody_gave_out_is_like_one_that_is_over(client: Client) -> None:
    for token in ("1." + "A" * 43, "9999." + "A" * 43, "x", "0." + "A" * 43):
        answer = post(client, "/login/verify", {"session_token": token, "code": "123456"})
        assert (answer.status_code, answer.json()["code"]) == (410, "code.over")
