"""Administrators and people's accounts: who may, roles, activation, locks, lists, and the administrator who stays."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from psycopg import errors

from gasolinera.auth import administration
from gasolinera.config import Settings
from gasolinera.permissions import Role
from tests.auth.administrators import ADMINISTRATOR, CHIEF, bearer, headers
from tests.auth.journeys import ANA, ANA_PHONE, Client, Conn, events_of, good, log_in, post, problem

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client, settings: Settings) -> Ask:
    shown = headers(settings)

    def asked(method: str, path: str, body: Any = None) -> Any:
        return client.request(method, f"/api/auth/users{path}", json=body, headers=shown)

    return asked


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", f"/{ANA}"),
        ("PUT", f"/{ANA}/role"),
        ("POST", f"/{ANA}/deactivate"),
        ("POST", f"/{ANA}/unlock"),
        ("POST", f"/{ANA}/logout"),
        ("GET", f"/{ANA}/export"),
        ("DELETE", f"/{ANA}"),
    ],
)
def test_only_an_administrator_with_a_second_factor_may(
    client: Client, settings: Settings, method: str, path: str
) -> None:
    def code(**who: Any) -> tuple[int, str]:
        body = {"role": "EMPLOYEE"} if method == "PUT" else None
        return problem(client.request(method, f"/api/auth/users{path}", json=body, headers=headers(settings, **who)))

    assert code(second_factor=False) == (403, "auth.second_factor_needed")
    assert code(user=CHIEF, role=Role.STATION_ADMIN) == (403, "auth.not_permitted")


def test_people_are_found_by_role_phone_and_the_beginning_of_a_name(ask: Ask) -> None:
    def found(query: str) -> list[str]:
        return [user["first_name"] for user in good(ask("GET", query))["items"]]

    assert found("?role=STATION_ADMIN") == ["Ricardo", "Patricia", "Gerardo"]
    assert found("?phone=%2B52%2055%205100%200051") == ["Ana"]
    assert found("?name=ana%20%20gar") == ["Ana"]
    assert found("?name=GARC") == ["Ana"]
    assert found("?name=cia") == []
    assert found("?name=an%25") == []
    assert found("?active=false") == ["Andrés"]
    assert problem(ask("GET", "?name=a")) == (422, "request.invalid")
    assert problem(ask("GET", "?role=PARTNER")) == (422, "request.invalid")


def test_pages_give_everybody_once(ask: Ask) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        page = good(ask("GET", f"?limit=5{cursor}"))
        seen += [user["public_id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert (len(seen), len(set(seen))) == (42, 42)


def test_a_new_role_ends_the_sessions_and_is_told(client: Client, ask: Ask, admin: Conn) -> None:
    opened = log_in(client, admin)
    assert good(ask("PUT", f"/{ANA}/role", {"role": "SYSTEM_ADMIN"}))["role"] == "SYSTEM_ADMIN"
    assert problem(post(client, "/refresh", {"refresh_token": opened["refresh_token"]})) == (401, "token.revoked")
    assert problem(post(client, "/second-factor/enrol", {}, opened["access_token"])) == (401, "auth.access_ended")
    good(ask("PUT", f"/{ANA}/role", {"role": "SYSTEM_ADMIN"}))
    rows = admin.execute("SELECT payload FROM auth_schema.outbox_events WHERE event_type = 'user.changed'").fetchall()
    assert [row[0] for row in rows] == [{"public_id": ANA, "role": "SYSTEM_ADMIN", "active": True}]
    actor = admin.execute("SELECT actor FROM auth_schema.auth_audit_log WHERE event_type = 'ROLE_CHANGED'").fetchone()
    assert actor == (ADMINISTRATOR,)


@pytest.mark.parametrize("role", ["PARTNER", "SERVICE", "system_admin", "", None, 7])
def test_there_are_four_roles_of_people(ask: Ask, role: Any) -> None:
    assert problem(ask("PUT", f"/{ANA}/role", {"role": role})) == (422, "request.invalid")


def test_nobody_changes_the_own_role_or_access(ask: Ask) -> None:
    for method, path, body in (
        ("PUT", "/role", {"role": "CUSTOMER"}),
        ("POST", "/deactivate", None),
        ("POST", "/second-factor/reset", None),
        ("DELETE", "", None),
    ):
        assert problem(ask(method, f"/{ADMINISTRATOR}{path}", body)) == (403, "user.self")


def test_a_deactivated_user_is_out_at_once_and_back_when_activated(client: Client, ask: Ask, admin: Conn) -> None:
    token = log_in(client, admin)["access_token"]
    assert good(ask("POST", f"/{ANA}/deactivate"))["is_active"] is False
    assert problem(post(client, "/second-factor/enrol", {}, token)) == (401, "auth.access_ended")
    assert good(ask("POST", f"/{ANA}/activate"))["is_active"] is True
    events = [event for event, _, _ in events_of(admin, ANA)]
    assert (events.count("ACCOUNT_DEACTIVATED"), events.count("ACCOUNT_ACTIVATED")) == (1, 1)


def test_a_locked_user_is_unlocked(ask: Ask, admin: Conn) -> None:
    marta = "a0000000-0000-4000-8000-000000000070"
    assert good(ask("GET", f"/{marta}"))["locked_until"] is not None
    assert good(ask("POST", f"/{marta}/unlock"))["locked_until"] is None
    assert "ACCOUNT_UNLOCKED" in [event for event, _, _ in events_of(admin, marta)]


def test_an_administrator_ends_somebodys_sessions(client: Client, ask: Ask, admin: Conn) -> None:
    token = log_in(client, admin, ANA_PHONE)["access_token"]
    assert good(ask("POST", f"/{ANA}/logout")) == {"ended_sessions": 1}
    assert problem(client.post("/api/auth/second-factor/enrol", headers=bearer(token)))[0] in (401, 415)
    assert good(ask("POST", f"/{ANA}/logout")) == {"ended_sessions": 0}
    nobody = "00000000-0000-4000-8000-000000000000"
    assert problem(ask("POST", f"/{nobody}/logout")) == (404, "user.unknown")
    assert problem(ask("POST", f"/{nobody}/activate")) == (404, "user.unknown")


def test_the_last_administrator_stays_whoever_asks(admin: Conn) -> None:
    for change in ("is_active = false", "role = 'EMPLOYEE'"):
        with pytest.raises(errors.RestrictViolation, match="last active system administrator"):
            admin.execute(f"UPDATE auth_schema.users SET {change} WHERE role = 'SYSTEM_ADMIN'".encode())


def test_of_two_who_take_each_others_role_at_the_same_moment_one_stays(settings: Settings, admin: Conn) -> None:
    admin.execute(
        "UPDATE auth_schema.users SET role = 'SYSTEM_ADMIN', last_login_at = NULL WHERE public_id = %s", (ANA,)
    )

    async def demote(user: str, barrier: asyncio.Barrier) -> bool:
        conn = await asyncpg.connect(settings.service_url("auth"))
        try:
            async with conn.transaction():
                await conn.execute("SELECT 1")
                await barrier.wait()
                await conn.execute(
                    "UPDATE auth_schema.users SET role = 'EMPLOYEE' WHERE public_id = $1::text::uuid", user
                )
                await asyncio.sleep(0.1)
        except asyncpg.RestrictViolationError:
            return False
        else:
            return True
        finally:
            await conn.close()

    async def race() -> list[bool]:
        barrier = asyncio.Barrier(2)
        return list(await asyncio.gather(demote(ANA, barrier), demote(ADMINISTRATOR, barrier)))

    assert sorted(asyncio.run(race())) == [False, True]
    assert "users_last_administrator" in administration.REFUSALS
