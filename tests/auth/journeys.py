"""What the tests of the auth service do with it: ask for codes, read them where they went, move time."""

import re
import time
from collections.abc import Callable
from typing import Any

import psycopg
from litestar import Litestar
from litestar.testing import TestClient

Client = TestClient[Litestar]
Conn = psycopg.Connection[Any]

ANA = "a0000000-0000-4000-8000-000000000051"
ANA_PHONE = "+525551000051"
EMPLOYEE = "a0000000-0000-4000-8000-000000000021"
STRANGER_PHONE = "+525512345678"
REGISTRATION: dict[str, Any] = {
    "phone_number": STRANGER_PHONE,
    "first_name": "Elena",
    "last_name": "Vega",
    "age_confirmed": True,
    "terms_version": "2026-01",
}


def post(client: Client, path: str, body: dict[str, Any], token: str | None = None) -> Any:
    """POST below /api/auth; gives the response."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return client.post(f"/api/auth{path}", json=body, headers=headers)


def good(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def code_sent_to(admin: Conn, phone: str) -> str:
    """The newest code in the development inbox."""
    row = admin.execute(
        """
        SELECT message_text FROM auth_schema.development_inbox
         WHERE phone_number = %s AND message_text ~ '#[0-9]{6}$' ORDER BY id DESC LIMIT 1
        """,
        (phone,),
    ).fetchone()
    assert row is not None, "nothing was sent"
    found = re.search(r"@127\.0\.0\.1 #(\d{6})$", row[0])
    assert found, row[0]
    return found[1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def ask_to_log_in(client: Client, phone: str = ANA_PHONE) -> str:
    return str(good(post(client, "/login/otp", {"phone_number": phone}), 202)["session_token"])


def log_in(client: Client, admin: Conn, phone: str = ANA_PHONE) -> Any:
    session = ask_to_log_in(client, phone)
    body = {"session_token": session, "code": code_sent_to(admin, phone)}
    return good(post(client, "/login/verify", body))


def let_pass(admin: Conn, hours: int) -> None:
    """Everything that was counted or locked until now was so many hours earlier."""
    shift = f"interval '{hours} hours'"
    times = ", ".join(f"{column} = {column} - {shift}" for column in ("created_at", "expires_at", "consumed_at"))
    for statement in (
        f"UPDATE auth_schema.otp_sessions SET {times}",
        f"UPDATE auth_schema.otp_rate_limits SET window_start = window_start - {shift}",
        f"UPDATE auth_schema.users SET locked_until = locked_until - {shift} WHERE locked_until IS NOT NULL",
        f"UPDATE auth_schema.phone_lockouts SET locked_until = locked_until - {shift}",
    ):
        admin.execute("SET session_replication_role = replica")  # past the triggers that keep the past as it was
        admin.execute(statement.encode())
        admin.execute("SET session_replication_role = origin")


def let_a_minute_pass(admin: Conn) -> None:
    """Codes were sent a minute and a second ago; what was counted was in windows before."""
    admin.execute(
        "UPDATE auth_schema.otp_sessions SET created_at = created_at - interval '61 s',"
        " expires_at = expires_at - interval '61 s' WHERE consumed_at IS NULL"
    )
    admin.execute(
        "UPDATE auth_schema.otp_rate_limits SET window_start = window_start - interval '1 min' WHERE window_s = 60"
    )


def until_undelivered(admin: Conn) -> None:
    """Waits for the newest code's sending to have failed: it begins after the answer."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        row = admin.execute("SELECT undelivered_at FROM auth_schema.otp_sessions ORDER BY id DESC LIMIT 1").fetchone()
        if row is not None and row[0] is not None:
            return
        time.sleep(0.02)
    raise AssertionError("no sending has failed")


def events_of(admin: Conn, user: str | None = None) -> list[tuple[str, bool, str | None]]:
    """The audit log in order: what, whether it succeeded, why."""
    rows = admin.execute(
        "SELECT event_type, succeeded, reason FROM auth_schema.auth_audit_log"
        " WHERE %s::uuid IS NULL OR user_id = %s ORDER BY id",
        (user, user),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


Connect = Callable[[str], Conn]
