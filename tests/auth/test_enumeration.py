"""Nothing tells a stranger which phones have an account."""

from typing import Any

from tests.auth.journeys import ANA_PHONE, REGISTRATION, STRANGER_PHONE, Client, Conn, let_pass, post

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
