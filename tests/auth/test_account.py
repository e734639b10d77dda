"""The own account through HTTP: profile, terms, sessions, and the move to another phone."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from gasolinera.service_tokens import issue_service_token
from tests.auth.journeys import (
    ANA,
    ANA_PHONE,
    STRANGER_PHONE,
    Client,
    Conn,
    ask_to_log_in,
    code_sent_to,
    events_of,
    good,
    let_pass,
    log_in,
    post,
    problem,
    wrong,
)


def bearer(tokens: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {tokens['access_token']}"}


def change(client: Client, tokens: Any, body: dict[str, Any]) -> Any:
    return client.patch("/api/auth/profile", json=body, headers=bearer(tokens))


def log_in_again(client: Client, admin: Conn) -> Any:
    let_pass(admin, 1)
    return log_in(client, admin)


def test_only_what_is_given_changes_and_the_log_has_no_contents(client: Client, admin: Conn) -> None:
    tokens = log_in(client, admin)
    changed = good(change(client, tokens, {"first_name": " Ana  María ", "preferred_language": "en"}))
    assert (changed["first_name"], changed["last_name"], changed["preferred_language"]) == ("Ana María", "García", "en")
    assert changed["email"] == "ana.garcia@example.com"
    assert good(change(client, tokens, {"email": None}))["email"] is None
    assert good(change(client, tokens, {}))["first_name"] == "Ana María"
    logged = admin.execute(
        "SELECT new_values, actor FROM auth_schema.auth_audit_log WHERE event_type = 'PROFILE_CHANGED' ORDER BY id"
    ).fetchall()
    assert logged == [
        ({"fields": ["first_name", "preferred_language"]}, ANA),
        ({"fields": ["email"]}, ANA),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"role": "SYSTEM_ADMIN"},
        {"phone_number": "+525512345679"},
        {"first_name": None},
        {"first_name": ""},
        {"email": ""},
    ],
)
def test_nobody_chooses_the_own_role_or_an_empty_name(body: dict[str, Any], client: Client, admin: Conn) -> None:
    assert problem(change(client, log_in(client, admin), body)) == (422, "request.invalid")


def test_terms_are_accepted_once_and_only_those_in_force(client: Client, admin: Conn) -> None:
    tokens = log_in(client, admin, "+525550000021")
    assert tokens["user"]["terms_are_current"] is False
    token = tokens["access_token"]
    assert problem(post(client, "/terms", {"terms_version": "2031-01"}, token)) == (409, "terms.not_current")
    first = good(post(client, "/terms", {"terms_version": "2026-01", "age_confirmed": True}, token))
    again = good(post(client, "/terms", {"terms_version": "2026-01"}, token))
    assert first["terms_accepted_at"] == again["terms_accepted_at"] == first["age_confirmed_at"]
    employee = tokens["user"]["public_id"]
    assert events_of(admin, employee).count(("TERMS_ACCEPTED", True, None)) == 1


def test_sessions_are_listed_with_the_current_one_and_ended_one_by_one(client: Client, admin: Conn) -> None:
    phone = log_in(client, admin)
    tablet = log_in_again(client, admin)
    listed = good(client.get("/api/auth/sessions", headers=bearer(tablet)))["items"]
    assert [session["is_current"] for session in listed] == [True, False]
    assert listed[0]["expires_at"] > listed[0]["last_used_at"] >= listed[0]["started_at"]
    other = listed[1]["session_id"]
    assert client.delete(f"/api/auth/sessions/{other}", headers=bearer(tablet)).status_code == 204
    assert problem(client.delete(f"/api/auth/sessions/{other}", headers=bearer(tablet))) == (404, "session.unknown")
    assert problem(post(client, "/refresh", {"refresh_token": phone["refresh_token"]})) == (401, "token.revoked")
    good(post(client, "/refresh", {"refresh_token": tablet["refresh_token"]}))


def test_nobody_ends_or_sees_the_session_of_another(client: Client, admin: Conn) -> None:
    ana = log_in(client, admin)
    luis = log_in(client, admin, "+525551000052")
    own = good(client.get("/api/auth/sessions", headers=bearer(ana)))["items"]
    assert len(own) == 1
    answer = client.delete(f"/api/auth/sessions/{own[0]['session_id']}", headers=bearer(luis))
    assert problem(answer) == (404, "session.unknown")
    good(post(client, "/refresh", {"refresh_token": ana["refresh_token"]}))


def test_logging_out_ends_this_session_alone_where_value_moves_at_once(client: Client, admin: Conn) -> None:
    phone = log_in(client, admin)
    tablet = log_in_again(client, admin)
    assert post(client, "/logout", {}, phone["access_token"]).status_code == 204
    assert problem(post(client, "/refresh", {"refresh_token": phone["refresh_token"]})) == (401, "token.revoked")
    body = {"phone_number": STRANGER_PHONE}
    assert problem(post(client, "/phone-change", body, phone["access_token"])) == (401, "auth.access_ended")
    good(post(client, "/refresh", {"refresh_token": tablet["refresh_token"]}))


def test_logging_out_everywhere_ends_all(client: Client, admin: Conn) -> None:
    phone = log_in(client, admin)
    tablet = log_in_again(client, admin)
    assert good(post(client, "/logout/everywhere", {}, tablet["access_token"])) == {"ended_sessions": 2}
    for tokens in (phone, tablet):
        assert problem(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]})) == (401, "token.revoked")


def test_moving_to_another_phone_ends_the_other_sessions_and_tells_the_old_number(client: Client, admin: Conn) -> None:
    other = log_in(client, admin)
    tokens = log_in_again(client, admin)
    token = tokens["access_token"]
    session = good(post(client, "/phone-change", {"phone_number": "+52 55 1234 5678"}, token), 202)["session_token"]
    body = {"session_token": session, "code": code_sent_to(admin, STRANGER_PHONE)}
    assert problem(post(client, "/login/verify", body)) == (410, "code.over"), "this code is for nothing else"
    assert good(post(client, "/phone-change/verify", body, token)) == {"ended_sessions": 1}
    assert good(client.get("/api/auth/profile", headers=bearer(tokens)))["phone_number"] == STRANGER_PHONE
    assert problem(post(client, "/refresh", {"refresh_token": other["refresh_token"]})) == (401, "token.revoked")
    good(post(client, "/refresh", {"refresh_token": tokens["refresh_token"]}))
    told = admin.execute(
        "SELECT message_text FROM auth_schema.development_inbox WHERE phone_number = %s ORDER BY id DESC LIMIT 1",
        (ANA_PHONE,),
    ).fetchone()
    assert told is not None
    assert "cambió" in told[0]
    assert STRANGER_PHONE not in told[0]
    assert ("PHONE_CHANGED", True, None) in events_of(admin, ANA)


def test_a_code_in_flight_to_the_old_number_is_withdrawn(client: Client, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    let_pass(admin, 1)
    old = ask_to_log_in(client)
    old_code = code_sent_to(admin, ANA_PHONE)
    session = good(post(client, "/phone-change", {"phone_number": STRANGER_PHONE}, token), 202)["session_token"]
    body = {"session_token": session, "code": code_sent_to(admin, STRANGER_PHONE)}
    good(post(client, "/phone-change/verify", body, token))
    assert problem(post(client, "/login/verify", {"session_token": old, "code": old_code})) == (410, "code.over")


def test_moving_to_the_own_number_is_refused_before_anything_is_sent(client: Client, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    count = "SELECT count(*) FROM auth_schema.development_inbox"
    before = admin.execute(count).fetchone()
    answer = post(client, "/phone-change", {"phone_number": "+52 555 100 0051"}, token)
    assert problem(answer) == (409, "phone.unchanged")
    assert admin.execute(count).fetchone() == before


def test_a_number_of_another_account_is_not_taken_over(client: Client, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    luis = "+525551000052"
    session = good(post(client, "/phone-change", {"phone_number": luis}, token), 202)["session_token"]
    body = {"session_token": session, "code": code_sent_to(admin, luis)}
    assert problem(post(client, "/phone-change/verify", body, token)) == (409, "phone.taken")


def test_the_code_of_another_persons_move_is_worth_nothing(client: Client, admin: Conn) -> None:
    ana = log_in(client, admin)["access_token"]
    luis = log_in(client, admin, "+525551000052")["access_token"]
    session = good(post(client, "/phone-change", {"phone_number": STRANGER_PHONE}, ana), 202)["session_token"]
    code = code_sent_to(admin, STRANGER_PHONE)
    body = {"session_token": session, "code": code}
    assert problem(post(client, "/phone-change/verify", body, luis)) == (410, "code.over")
    assert problem(post(client, "/phone-change/verify", body | {"code": wrong(code)}, ana)) == (401, "code.wrong")
    good(post(client, "/phone-change/verify", body, ana))


@pytest.mark.parametrize("path", ["/profile", "/sessions"])
def test_a_stranger_sees_nothing(path: str, client: Client) -> None:
    assert problem(client.get(f"/api/auth{path}")) == (401, "auth.no_token")


def test_only_the_platforms_services_look_up_people(client: Client, admin: Conn, settings: Settings) -> None:
    address = f"/api/auth/internal/users/{ANA}"
    assert problem(client.get(address)) == (401, "auth.no_token")
    assert problem(client.get(address, headers=bearer(log_in(client, admin)))) == (403, "auth.not_permitted")
    token = issue_service_token(load_keyring(settings), "station", "auth", now=datetime.now(UTC))
    service = {"authorization": f"Bearer {token}"}
    assert good(client.get(address, headers=service)) == {"public_id": ANA, "role": "CUSTOMER", "active": True}
    nobody = client.get("/api/auth/internal/users/00000000-0000-4000-8000-000000000000", headers=service)
    assert problem(nobody) == (404, "user.unknown")
