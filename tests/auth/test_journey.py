"""The whole way of a person through HTTP: register, code, tokens, refresh, reuse, lock, unlock, and leave."""

import base64
import json
from typing import Any

import pytest

from tests.auth.journeys import (
    ANA,
    ANA_PHONE,
    REGISTRATION,
    STRANGER_PHONE,
    Client,
    Conn,
    ask_to_log_in,
    code_sent_to,
    events_of,
    good,
    let_a_minute_pass,
    let_pass,
    log_in,
    post,
    problem,
    wrong,
)


def profile(client: Client, token: str) -> Any:
    return client.get("/api/auth/profile", headers={"authorization": f"Bearer {token}"})


def test_from_registration_to_lock_and_back(client: Client, admin: Conn) -> None:
    session = good(post(client, "/register", REGISTRATION), 202)["session_token"]
    code = code_sent_to(admin, STRANGER_PHONE)
    tokens = good(post(client, "/login/verify", {"session_token": session, "code": code, "device_name": "Pixel"}))
    assert (tokens["is_new_user"], tokens["expires_in_s"], tokens["refresh_expires_in_s"]) == (True, 900, 604_800)
    assert tokens["user"] == {
        "public_id": tokens["user"]["public_id"],
        "role": "CUSTOMER",
        "first_name": "Elena",
        "last_name": "Vega",
        "preferred_language": "es",
        "terms_are_current": True,
    }
    user = tokens["user"]["public_id"]
    assert good(profile(client, tokens["access_token"]))["phone_number"] == STRANGER_PHONE
    told = admin.execute("SELECT event_type, aggregate_key, payload FROM auth_schema.outbox_events").fetchall()
    assert told == [("user.registered", user, {"public_id": user, "role": "CUSTOMER", "active": True})]

    second = good(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]}))
    assert second["refresh_token"] != tokens["refresh_token"]
    assert problem(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]})) == (401, "token.reused")
    assert problem(post(client, "/refresh", {"refresh_token": second["refresh_token"]})) == (401, "token.revoked")

    let_pass(admin, 1)
    session = ask_to_log_in(client, STRANGER_PHONE)
    code = code_sent_to(admin, STRANGER_PHONE)
    for left in (2, 1, 0):
        answer = post(client, "/login/verify", {"session_token": session, "code": wrong(code)})
        assert problem(answer) == (401, "code.wrong")
        assert answer.json()["hint"] == (f"tries left: {left}" if left else "ask for another code")
    assert problem(post(client, "/login/verify", {"session_token": session, "code": code})) == (410, "code.over")

    let_pass(admin, 1)
    session = ask_to_log_in(client, STRANGER_PHONE)
    code = code_sent_to(admin, STRANGER_PHONE)
    body = {"session_token": session, "code": wrong(code)}
    assert problem(post(client, "/login/verify", body)) == (401, "code.wrong")
    locked = post(client, "/login/verify", body)
    assert problem(locked) == (423, "account.locked")
    assert 1790 <= int(locked.headers["retry-after"]) <= 1800
    refused = post(client, "/login/verify", {"session_token": session, "code": code})
    assert problem(refused) == (423, "account.locked"), "the right code does not open a locked account"

    let_pass(admin, 1)
    assert log_in(client, admin, STRANGER_PHONE)["is_new_user"] is False
    assert events_of(admin, user) == [
        ("ACCOUNT_CREATED", True, None),
        ("OTP_VERIFIED", True, "REGISTRATION"),
        ("LOGIN_SUCCEEDED", True, None),
        ("TOKEN_ISSUED", True, None),
        ("TOKEN_REFRESHED", True, None),
        ("TOKEN_REUSED", False, "REUSED"),
        ("TOKEN_REFRESHED", False, "REVOKED"),
        ("OTP_REQUESTED", True, "LOGIN"),
        ("OTP_FAILED", False, "WRONG"),
        ("OTP_FAILED", False, "WRONG"),
        ("OTP_FAILED", False, "WRONG"),
        ("OTP_FAILED", False, "TRIES_USED_UP"),
        ("OTP_REQUESTED", True, "LOGIN"),
        ("OTP_FAILED", False, "WRONG"),
        ("ACCOUNT_LOCKED", True, None),
        ("OTP_FAILED", False, "WRONG"),
        ("LOGIN_REFUSED", False, "LOCKED"),
        ("OTP_REQUESTED", True, "LOGIN"),
        ("OTP_VERIFIED", True, "LOGIN"),
        ("LOGIN_SUCCEEDED", True, None),
        ("TOKEN_ISSUED", True, None),
    ]


def test_the_audit_says_from_where_and_in_which_request(client: Client, admin: Conn) -> None:
    headers = {"x-correlation-id": "from-the-app-1", "user-agent": "Gasolinera/1.0"}
    good(client.post("/api/auth/login/otp", json={"phone_number": ANA_PHONE}, headers=headers), 202)
    row = admin.execute(
        "SELECT correlation_id, user_agent, user_id::text FROM auth_schema.auth_audit_log ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert row == ("from-the-app-1", "Gasolinera/1.0", ANA)


def test_a_phone_that_has_an_account_registers_again_and_is_logged_in(client: Client, admin: Conn) -> None:
    body = REGISTRATION | {"phone_number": ANA_PHONE}
    session = good(post(client, "/register", body), 202)["session_token"]
    tokens = good(post(client, "/login/verify", {"session_token": session, "code": code_sent_to(admin, ANA_PHONE)}))
    assert (tokens["is_new_user"], tokens["user"]["public_id"], tokens["user"]["first_name"]) == (False, ANA, "Ana")
    assert admin.execute("SELECT count(*) FROM auth_schema.outbox_events").fetchone() == (0,)


def test_nothing_is_kept_of_a_registration_once_it_is_done(client: Client, admin: Conn) -> None:
    session = good(post(client, "/register", REGISTRATION), 202)["session_token"]
    code = code_sent_to(admin, STRANGER_PHONE)
    good(post(client, "/login/verify", {"session_token": session, "code": code}))
    assert admin.execute("SELECT count(*) FROM auth_schema.pending_registrations").fetchone() == (0,)


def test_asking_again_sends_another_code_and_the_one_before_is_over(client: Client, admin: Conn) -> None:
    first = good(post(client, "/register", REGISTRATION), 202)
    old_code = code_sent_to(admin, STRANGER_PHONE)
    early = post(client, "/otp/resend", {"session_token": first["session_token"]})
    assert problem(early) == (429, "code.too_many")
    assert 1 <= int(early.headers["retry-after"]) <= first["resend_after_s"] == 60
    let_a_minute_pass(admin)
    second = good(post(client, "/otp/resend", {"session_token": first["session_token"]}), 202)
    over = post(client, "/login/verify", {"session_token": first["session_token"], "code": old_code})
    assert problem(over) == (410, "code.over")
    assert problem(post(client, "/otp/resend", {"session_token": first["session_token"]})) == (410, "code.over")
    body = {"session_token": second["session_token"], "code": code_sent_to(admin, STRANGER_PHONE)}
    assert good(post(client, "/login/verify", body))["user"]["first_name"] == "Elena"


def test_a_deactivated_account_does_not_get_in(client: Client, admin: Conn) -> None:
    tokens = log_in(client, admin)
    session = ask_again(client, admin)
    admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (ANA,))
    body = {"session_token": session, "code": code_sent_to(admin, ANA_PHONE)}
    assert problem(post(client, "/login/verify", body)) == (403, "account.inactive")
    assert problem(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]})) == (403, "account.inactive")


def ask_again(client: Client, admin: Conn) -> str:
    let_pass(admin, 1)
    return ask_to_log_in(client)


def test_an_employee_carries_station_and_number_in_the_token(client: Client, admin: Conn) -> None:
    tokens = log_in(client, admin, "+525550000021")
    claims = json.loads(base64.urlsafe_b64decode(tokens["access_token"].split(".")[1] + "=="))
    assert (claims["role"], claims["sta"], claims["emp"]) == ("EMPLOYEE", "JSM001", "EMP000021")
    assert claims["sub"] == "a0000000-0000-4000-8000-000000000021"


def test_an_administrator_without_second_factor_gets_in_and_no_login_is_on_record(client: Client, admin: Conn) -> None:
    assert log_in(client, admin, "+525550000001")["user"]["role"] == "SYSTEM_ADMIN"
    row = admin.execute("SELECT last_login_at FROM auth_schema.users WHERE phone_number = '+525550000001'").fetchone()
    assert row == (None,)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"terms_version": "2020-01"}, 409, "terms.not_current"),
        ({"age_confirmed": False}, 422, "request.invalid"),
        ({"first_name": "   "}, 422, "person.name_invalid"),
        ({"first_name": "\u200b\u200b"}, 422, "person.name_invalid"),
        ({"last_name": "a\u0000b"}, 422, "request.invalid"),
        ({"last_name": "x" * 101}, 422, "request.invalid"),
        ({"email": "no@address"}, 422, "request.invalid"),
        ({"preferred_language": "fr"}, 422, "request.invalid"),
        ({"role": "SYSTEM_ADMIN"}, 422, "request.invalid"),
        ({"phone_number": "5512345678"}, 422, "phone.malformed"),
        ({"phone_number": "+5255123456789"}, 422, "phone.impossible"),
        ({"phone_number": "+442079460000"}, 422, "phone.country_not_served"),
        ({"phone_number": "+529001234567"}, 422, "phone.not_mobile"),
    ],
)
def test_a_registration_that_cannot_be_is_refused_with_the_reason(
    change: dict[str, Any], status: int, code: str, client: Client, admin: Conn
) -> None:
    assert problem(post(client, "/register", REGISTRATION | change)) == (status, code)
    assert admin.execute("SELECT count(*) FROM auth_schema.pending_registrations").fetchone() == (0,)
