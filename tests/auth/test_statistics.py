"""Figures against numbers that were counted by hand, and the cleaning of what has ended."""

import asyncio
from collections import Counter

from gasolinera.auth.jobs import JOBS, forget_all
from gasolinera.auth.queries_statistics import FORGETTABLE
from gasolinera.config import Settings
from gasolinera.database import open_database
from tests.auth.administrators import headers, set_by_hand
from tests.auth.journeys import ANA, Client, Conn, good, log_in


def run(settings: Settings, name: str) -> str:
    job = next(job for job in JOBS if job.name == name)

    async def ran() -> str:
        async with open_database(settings, "auth") as db:
            return await job.run(db, {})

    return asyncio.run(ran())


def test_many_sessions_and_events_of_a_user_count_the_user_once(
    client: Client, settings: Settings, admin: Conn
) -> None:
    events = admin.execute("SELECT event_type FROM auth_schema.auth_audit_log").fetchall()
    before = Counter(row[0] for row in events)
    admin.execute(
        "INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at)"
        " SELECT u.id, sha256(convert_to(u.public_id || '-' || n, 'UTF8')), now() + interval '7 days',"
        " now() + interval '90 days' FROM auth_schema.users AS u, generate_series(1, 20) AS n"
    )
    admin.execute(
        "INSERT INTO auth_schema.auth_audit_log (event_type, user_id)"
        " SELECT 'LOGIN_SUCCEEDED', u.public_id FROM auth_schema.users AS u, generate_series(1, 30) AS n"
        " WHERE u.role = 'CUSTOMER'"
    )
    run(settings, "auth.refresh_statistics")
    found = good(client.get("/api/auth/statistics", headers=headers(settings)))
    summary = found["summary"]
    assert (summary["users"], summary["active_users"], summary["staff"]) == (42, 41, 28)
    by_role: Counter[str] = Counter()
    for one in found["users"]:
        by_role[one["role"]] += one["new_users"]
    assert by_role == {"CUSTOMER": 14, "EMPLOYEE": 24, "STATION_ADMIN": 3, "SYSTEM_ADMIN": 1}
    assert sum(one["new_users"] for one in found["users"] if one["preferred_language"] == "en") == 2
    assert sum(one["logins"] for one in found["logins"]) == before["LOGIN_SUCCEEDED"] + 14 * 30
    assert found["logins"][0]["users_logged_in"] == 14
    assert sum(one["accounts_created"] for one in found["logins"]) == before["ACCOUNT_CREATED"]


def test_what_ended_is_forgotten_in_batches_and_the_rest_stays(client: Client, settings: Settings, admin: Conn) -> None:
    set_by_hand(admin, "DELETE FROM auth_schema.otp_sessions")  # samples end as the tests' database gets older
    log_in(client, admin)
    user = f"(SELECT id FROM auth_schema.users WHERE public_id = '{ANA}')"
    for days, count in ((3, 25), (0, 4)):
        moved = f"now() - interval '{days} days'"
        set_by_hand(
            admin,
            "INSERT INTO auth_schema.otp_sessions (session_token_hash, phone_number, purpose, code_hash, pepper_id,"
            " created_at, expires_at, voided_at, void_reason)"
            f" SELECT sha256(convert_to('{days}-' || n, 'UTF8')), '+525512345678', 'LOGIN', sha256(''), 1, {moved},"
            f" {moved} + interval '5 minutes', {moved}, 'EXPIRED' FROM generate_series(1, {count}) AS n",
        )
        set_by_hand(
            admin,
            "INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, issued_at, expires_at, family_expires_at)"
            f" SELECT {user}, sha256(convert_to('{days}-' || n, 'UTF8')), {moved} - interval '1 hour',"
            f" {moved} + interval '1 minute', {moved} + interval '1 minute' FROM generate_series(1, {count}) AS n",
        )

    def left() -> tuple[int, int]:
        codes = admin.execute("SELECT count(*) FROM auth_schema.otp_sessions WHERE phone_number = '+525512345678'")
        tokens = admin.execute("SELECT count(*) FROM auth_schema.refresh_tokens WHERE octet_length(token_hash) = 32")
        return (codes.fetchone() or (0,))[0], (tokens.fetchone() or (0,))[0]

    codes, tokens = left()

    async def forget() -> dict[str, int]:
        async with open_database(settings, "auth") as db:
            return {what: await forget_all(db, what, at_once=10) for what in FORGETTABLE}

    forgotten = asyncio.run(forget())
    assert (forgotten["codes"], forgotten["refresh tokens"]) == (25, 25)
    assert left() == (codes - 25, tokens - 25)
    assert run(settings, "auth.forget_ended").startswith("forgot 0 codes")
