"""One person's data: given on request, and forgotten for good."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from litestar.testing import TestClient
from psycopg import errors

from gasolinera.app import ALL_PARTS, create_app
from gasolinera.config import Settings, schema_of
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.key_file import PURPOSES, new_keys
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.parts import Parts
from tests.auth.administrators import bearer, headers
from tests.auth.journeys import (
    ANA,
    ANA_PHONE,
    EMPLOYEE,
    REGISTRATION,
    STRANGER_PHONE,
    Client,
    Conn,
    code_sent_to,
    good,
    let_pass,
    log_in,
    post,
    problem,
    wrong,
)

PERSONAL = ("Ana", "García", "ana.garcia", "51000051")


def dump(admin: Conn) -> str:
    """Every row of the service's tables, as text: whatever is personal would be seen."""
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'auth_schema'::regnamespace"
        " AND c.relkind = 'r' AND c.relname <> 'otp_rate_limits'"
    ).fetchall()
    rows: list[Any] = []
    for (table,) in tables:
        rows += admin.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
    return "\n".join(str(row[0]) for row in rows)


def test_the_export_holds_everything_but_secrets(client: Client, admin: Conn, settings: Settings) -> None:
    token = log_in(client, admin)["access_token"]
    found = good(client.get("/api/auth/export", headers=bearer(token)))
    assert (found["account"]["phone_number"], found["account"]["email"]) == (ANA_PHONE, "ana.garcia@example.com")
    assert (len(found["sessions"]), len(found["codes"])) == (3, 2)
    assert {"LOGIN_SUCCEEDED", "DATA_EXPORTED"} <= {one["event_type"] for one in found["log"]}
    assert "hash" not in str(found)
    asked = good(client.get(f"/api/auth/users/{EMPLOYEE}/export", headers=headers(settings)))
    assert [one["employee_number"] for one in asked["employments"]] == ["EMP000021"]


def test_who_asks_with_a_fresh_code_is_forgotten_at_once(client: Client, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    let_pass(admin, 2)
    session = good(post(client, "/erasure/otp", {}, token), 202)["session_token"]
    body = {"session_token": session, "code": code_sent_to(admin, ANA_PHONE)}
    refused = post(client, "/erasure", body | {"code": wrong(body["code"])}, token)
    assert problem(refused) == (401, "code.wrong")
    assert all(text in dump(admin) for text in PERSONAL)
    good(post(client, "/erasure", body, token), 204)
    left = dump(admin)
    assert [text for text in PERSONAL if text in left] == []
    assert ANA in left
    assert problem(client.get("/api/auth/export", headers=bearer(token))) == (401, "auth.access_ended")
    event = admin.execute("SELECT payload FROM auth_schema.outbox_events WHERE event_type = 'user.erased'").fetchall()
    assert [row[0] for row in event] == [{"public_id": ANA, "role": "CUSTOMER", "active": False}]
    ledger = admin.execute("SELECT public_id::text, reason, requested_by FROM auth_schema.erasures").fetchall()
    assert ledger == [(ANA, "OWN_REQUEST", ANA)]


def test_a_code_for_another_purpose_erases_nobody(client: Client, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    let_pass(admin, 2)
    session = good(post(client, "/login/otp", {"phone_number": ANA_PHONE}), 202)["session_token"]
    body = {"session_token": session, "code": code_sent_to(admin, ANA_PHONE)}
    assert problem(post(client, "/erasure", body, token)) == (410, "code.over")


def test_an_administrator_erases_once_but_nobody_who_works(client: Client, settings: Settings, admin: Conn) -> None:
    shown = headers(settings)

    def erase(user: str) -> Any:
        return client.delete(f"/api/auth/users/{user}", headers=shown)

    assert problem(erase(EMPLOYEE)) == (409, "erasure.employed")
    assert problem(erase("00000000-0000-4000-8000-000000000000")) == (404, "user.unknown")
    assert (erase(ANA).status_code, erase(ANA).status_code) == (204, 204)
    assert admin.execute("SELECT count(*) FROM auth_schema.erasures").fetchone() == (1,)
    for path in ("activate", "unlock"):
        assert problem(client.post(f"/api/auth/users/{ANA}/{path}", headers=shown)) == (409, "user.erased")
    assert good(client.get(f"/api/auth/users/{ANA}", headers=shown))["phone_number"] is None


def test_what_the_phone_asked_for_before_its_account_is_in_the_export_and_goes_with_it(
    admin: Conn, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of such entries the log has the phone's hash alone, by the key of then; others' entries stay."""
    ring = load_keyring(settings)
    (made,) = new_keys(("phone",), datetime.now(UTC) - timedelta(days=9))
    older = msgspec.structs.replace(made, id=2)
    rotated = Keyring([older, *(key for purpose in PURPOSES for key in ring.all_of(purpose))])

    def load(_settings: Settings) -> Keyring:
        return rotated

    monkeypatch.setattr("gasolinera.app.load_keyring", load)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        shown = {"user-agent": "Elena's phone"}
        session = good(client.post("/api/auth/register", json=REGISTRATION, headers=shown), 202)["session_token"]
        body = {"session_token": session, "code": code_sent_to(admin, STRANGER_PHONE)}
        told = good(client.post("/api/auth/login/verify", json=body, headers=shown))
        add = (
            "INSERT INTO auth_schema.auth_audit_log (event_type, succeeded, phone_hash, reason, user_agent)"
            " VALUES ('OTP_FAILED', false, %s, %s, 'an older phone')"
        )
        admin.execute(add, (Keyring([older]).mac("phone", STRANGER_PHONE.encode())[1], "WRONG"))
        admin.execute(add, (Keyring([older]).mac("phone", b"+525587654321")[1], "UNKNOWN"))
        token = bearer(told["access_token"])
        log = good(client.get("/api/auth/export", headers=token))["log"]
        found = [(one["event_type"], one["reason"], one["user_agent"]) for one in log]
        assert {("OTP_REQUESTED", "REGISTRATION", "Elena's phone"), ("OTP_FAILED", "WRONG", "an older phone")} <= {
            *found
        }
        assert "UNKNOWN" not in {reason for _, reason, _ in found}
        assert [one["created_at"] for one in log] == sorted((one["created_at"] for one in log), reverse=True)
        assert (
            client.delete(f"/api/auth/users/{told['user']['public_id']}", headers=headers(settings)).status_code == 204
        )
        left = admin.execute(
            "SELECT reason, user_agent FROM auth_schema.auth_audit_log WHERE phone_hash IS NOT NULL"
            " OR user_agent IN ('Elena''s phone', 'an older phone')"
        ).fetchall()
        assert left == [("UNKNOWN", "an older phone")]


def test_hashes_of_phones_are_cleared_by_the_erasure_itself_alone(
    client: Client, settings: Settings, admin: Conn
) -> None:
    """Or the service could clean the traces of any phone by the name of somebody who was erased once."""
    assert client.delete(f"/api/auth/users/{ANA}", headers=headers(settings)).status_code == 204
    with pytest.raises(errors.RestrictViolation, match="was erased before"):
        admin.execute("SELECT auth_schema.forget_addresses_of(%s, ARRAY[sha256('phone')])", (ANA,))
    assert admin.execute("SELECT auth_schema.forget_addresses_of(%s, '{}')", (ANA,)).fetchone() == (0,)


def hear_of_erasure(settings: Settings, part: Parts, user: str) -> None:
    """As each consumer of the service hears an event of its own that says so."""
    event = Event(
        id=uuid4(),
        type="user.erased",
        source="urn:gasolinera:auth",
        aggregate="user",
        subject=user,
        time=datetime.now(UTC),
        data={"public_id": user, "role": "EMPLOYEE", "active": False},
    )

    async def hear() -> None:
        async with open_database(settings, part.name) as db:
            for consumer in [one for one in part.consumers if event.type in one.types]:
                async with db.transaction() as conn:
                    await consumer.handle(conn, event)

    asyncio.run(hear())


@pytest.mark.parametrize("part", ALL_PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("user", [ANA, EMPLOYEE])
def test_an_erasure_that_is_told_again_changes_nothing_anywhere(
    part: Parts, user: str, settings: Settings, admin: Conn
) -> None:
    """But when it was last said: a service cannot know whether a backup came back in between."""
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'",
        (schema_of(part.name),),
    ).fetchall()

    def rows() -> set[str]:
        told = "to_jsonb(t) - ARRAY['as_of', 'updated_at']"
        return {
            f"{table} {row}"
            for (table,) in tables
            for (row,) in admin.execute(f"SELECT ({told})::text FROM {table} AS t".encode())
        }

    hear_of_erasure(settings, part, user)
    once = rows()
    hear_of_erasure(settings, part, user)
    assert rows() == once
