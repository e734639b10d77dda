"""Partners and their keys over HTTP: who may make them, what they open, rotation, revocation, the log."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from psycopg import errors

from gasolinera.auth import partners, queries_partners
from gasolinera.auth.models_partners import KeyWish
from gasolinera.auth.revocations import FORGET_REVOCATIONS
from gasolinera.authentication import hash_api_key
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import ConflictError
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Caller, Permission, Role
from gasolinera.security import issue_access_token

Client = TestClient[Litestar]
Conn = psycopg.Connection[Any]
ADMINISTRATOR = UUID("a0000000-0000-4000-8000-000000000001")
KEY = {"label": "cajas", "scopes": ["prices:set"], "station_code": "JSM001"}


def token(settings: Settings, *, role: Role = Role.SYSTEM_ADMIN, second_factor: bool = True) -> dict[str, str]:
    caller = Caller(role=role, user_id=ADMINISTRATOR, session_id=uuid4(), has_second_factor=second_factor)
    issued = issue_access_token(load_keyring(settings), caller, now=datetime.now(UTC))
    return {"authorization": f"Bearer {issued.token}"}


@pytest.fixture
def ask(client: Client, settings: Settings) -> Callable[..., Any]:
    headers = token(settings)

    def asked(method: str, path: str, body: Any = None) -> Any:
        return client.request(method, f"/api/auth/partners{path}", json=body, headers=headers)

    return asked


@pytest.fixture
def partner(ask: Callable[..., Any]) -> str:
    made = ask("POST", "", {"partner_code": "POS-NORTE", "name": "Cobros del Norte", "contact_email": "a@example.com"})
    assert made.status_code == 201, made.text
    return "POS-NORTE"


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_only_an_administrator_with_a_second_factor_manages_partners(client: Client, settings: Settings) -> None:
    path = "/api/auth/partners"
    assert code(client.get(path)) == (401, "auth.no_token")
    assert code(client.get(path, headers=token(settings, second_factor=False))) == (403, "auth.second_factor_needed")
    assert code(client.get(path, headers=token(settings, role=Role.STATION_ADMIN))) == (403, "auth.not_permitted")
    assert client.get(path, headers=token(settings)).status_code == 200


def test_a_partner_is_made_once_listed_changed_and_never_deleted(ask: Callable[..., Any], partner: str) -> None:
    again = ask("POST", "", {"partner_code": partner, "name": "Otro"})
    assert code(again) == (409, "partner.exists")
    assert ask("POST", "", {"partner_code": "POS-SUR", "name": "Cobros del Sur"}).status_code == 201
    first = ask("GET", "?limit=1").json()
    assert [one["partner_code"] for one in first["items"]] == ["POS-NORTE"]
    second = ask("GET", f"?limit=1&cursor={first['next_cursor']}").json()
    assert ([one["partner_code"] for one in second["items"]], second["next_cursor"]) == (["POS-SUR"], None)
    changed = ask("PATCH", f"/{partner}", {"is_active": False}).json()
    assert (changed["is_active"], changed["name"]) == (False, "Cobros del Norte")
    assert code(ask("PATCH", "/NOBODY", {"is_active": False})) == (404, "partner.unknown")
    assert code(ask("POST", f"/{partner}/keys", KEY)) == (409, "partner.inactive")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("", {"partner_code": "a", "name": "x"}),
        ("", {"partner_code": "POS", "name": ""}),
        ("", {"partner_code": "POS", "name": "a\x00b"}),
        ("", {"partner_code": "POS", "name": "  "}),
        ("", {"partner_code": "POS", "name": "x", "contact_email": "nobody"}),
        ("", {"partner_code": "POS", "name": "x", "contact_email": "a@b"}),
        ("", {"partner_code": "POS", "name": "x", "more": 1}),
        ("/POS-NORTE/keys", KEY | {"scopes": []}),
        ("/POS-NORTE/keys", KEY | {"scopes": ["users:manage"]}),
        ("/POS-NORTE/keys", KEY | {"scopes": ["everything"]}),
        ("/POS-NORTE/keys", KEY | {"valid_days": 400}),
        ("/POS-NORTE/keys", KEY | {"requests_per_minute": 0}),
        ("/POS-NORTE/keys", KEY | {"station_code": "jsm 1"}),
        ("/POS-NORTE/keys", KEY | {"label": "\u200b"}),
    ],
)
def test_wrong_values_are_refused_and_nothing_is_half_done(
    ask: Callable[..., Any], partner: str, admin: Conn, path: str, body: dict[str, Any]
) -> None:
    refused = ask("POST", path, body)
    assert refused.status_code == 422, refused.text
    assert admin.execute("SELECT count(*) FROM auth_schema.partners").fetchone() == (1,)
    assert admin.execute("SELECT count(*) FROM auth_schema.api_keys").fetchone() == (0,)


def test_a_key_is_shown_once_and_only_its_hash_is_kept(ask: Callable[..., Any], partner: str, admin: Conn) -> None:
    made = ask("POST", f"/{partner}/keys", KEY)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    api_key = made.json()["api_key"]
    assert len(api_key) == 57
    row = admin.execute("SELECT * FROM auth_schema.api_keys").fetchone()
    assert row is not None
    assert hash_api_key(api_key) in row
    assert not any(isinstance(value, str) and api_key[14:] in value for value in row)
    listed = ask("GET", f"/{partner}/keys").json()["items"]
    assert [one["prefix"] for one in listed] == [made.json()["key"]["prefix"]] == [api_key[5:13]]
    assert "api_key" not in listed[0]


def test_a_key_has_its_scopes_and_stops_when_it_is_revoked(
    ask: Callable[..., Any], partner: str, client: Client, monkeypatch: pytest.MonkeyPatch, admin: Conn
) -> None:
    monkeypatch.setattr("gasolinera.authentication._API_KEY_GOOD_FOR_S", 0.0)
    made = ask("POST", f"/{partner}/keys", KEY).json()
    shown = {"x-api-key": made["api_key"]}
    path = "/api/auth/partners"
    assert code(client.get(path, headers=shown)) == (403, "auth.not_permitted")  # known, and may not
    assert ask("GET", f"/{partner}/keys").json()["items"][0]["last_used_at"] is not None
    for other in ("", "gjsm_", made["api_key"][:20] + "AAAA" + made["api_key"][24:], made["api_key"] + "A", "é" * 57):
        answer = client.get(path, headers={b"x-api-key": other.encode()})
        assert answer.status_code == 401
    assert code(client.get(path, headers=shown | {"authorization": "Bearer x"})) == (401, "auth.ambiguous")
    prefix = made["key"]["prefix"]
    revoked = ask("POST", f"/{partner}/keys/{prefix}/revoke").json()
    assert revoked["revoked_at"] is not None
    assert ask("POST", f"/{partner}/keys/{prefix}/revoke").json()["revoked_at"] == revoked["revoked_at"]
    assert code(client.get(path, headers=shown)) == (401, "auth.api_key_invalid")
    assert code(ask("POST", f"/{partner}/keys/nothing_/revoke")) == (404, "api_key.unknown")
    with pytest.raises(errors.RestrictViolation):
        admin.execute("UPDATE auth_schema.api_keys SET revoked_at = NULL")


def test_the_keys_of_a_deactivated_partner_open_nothing(
    ask: Callable[..., Any], partner: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gasolinera.authentication._API_KEY_GOOD_FOR_S", 0.0)
    shown = {"x-api-key": ask("POST", f"/{partner}/keys", KEY).json()["api_key"]}
    ask("PATCH", f"/{partner}", {"is_active": False})
    assert code(client.get("/api/auth/partners", headers=shown)) == (401, "auth.api_key_invalid")


def test_a_key_is_limited_by_its_own_rate(ask: Callable[..., Any], partner: str, client: Client) -> None:
    shown = {"x-api-key": ask("POST", f"/{partner}/keys", KEY | {"requests_per_minute": 3}).json()["api_key"]}
    answers = [client.get("/api/auth/partners", headers=shown).status_code for _ in range(5)]
    assert answers == [403, 403, 403, 429, 429]


def test_rotation_overlaps_and_happens_once(ask: Callable[..., Any], partner: str) -> None:
    old = ask("POST", f"/{partner}/keys", KEY).json()["key"]
    made = ask("POST", f"/{partner}/keys/{old['prefix']}/rotate", {"overlap_hours": 2})
    assert made.status_code == 201, made.text
    new = made.json()["key"]
    assert {name: new[name] for name in KEY} == {name: old[name] for name in KEY}
    listed = {one["prefix"]: one for one in ask("GET", f"/{partner}/keys").json()["items"]}
    left = datetime.fromisoformat(listed[old["prefix"]]["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=59) < left <= timedelta(hours=2)
    assert code(ask("POST", f"/{partner}/keys/{old['prefix']}/rotate", {})) == (409, "api_key.rotated")
    ask("POST", f"/{partner}/keys/{new['prefix']}/revoke")
    assert code(ask("POST", f"/{partner}/keys/{new['prefix']}/rotate", {})) == (410, "api_key.over")


def test_rotation_keeps_to_what_making_a_key_keeps_to(ask: Callable[..., Any], partner: str) -> None:
    prefixes = [ask("POST", f"/{partner}/keys", KEY).json()["key"]["prefix"] for _ in range(20)]
    rotate = f"/{partner}/keys/{prefixes[0]}/rotate"
    assert code(ask("POST", rotate, {})) == (409, "api_key.too_many")
    assert ask("POST", rotate, {"overlap_hours": 0}).status_code == 201  # one ends, one begins
    assert code(ask("POST", "/NOBODY/keys/aaaaaaaa/rotate", {})) == (404, "partner.unknown")
    assert code(ask("POST", f"/{partner}/keys/aaaaaaaa/rotate", {})) == (410, "api_key.over")
    ask("PATCH", f"/{partner}", {"is_active": False})
    assert code(ask("POST", f"/{partner}/keys/{prefixes[1]}/rotate", {})) == (409, "partner.inactive")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/%00/keys"),
        ("GET", "/%00/history"),
        ("PATCH", "/POS%00"),
        ("POST", "/%00/keys"),
        ("POST", "/POS-NORTE/keys/aaaa%00aaa/rotate"),
        ("POST", "/POS-NORTE/keys/aaaa%00aaa/revoke"),
    ],
)
def test_an_address_with_characters_of_no_code_is_refused(ask: Callable[..., Any], method: str, path: str) -> None:
    body: Any = None if method == "GET" else KEY if path.endswith("keys") else {}
    assert code(ask(method, path, body)) == (422, "request.invalid")


def test_what_was_done_and_by_whom_is_kept(ask: Callable[..., Any], partner: str, admin: Conn) -> None:
    old = ask("POST", f"/{partner}/keys", KEY).json()["key"]["prefix"]
    new = ask("POST", f"/{partner}/keys/{old}/rotate", {}).json()["key"]["prefix"]
    ask("POST", f"/{partner}/keys/{new}/revoke")
    history = ask("GET", f"/{partner}/history").json()["items"]
    assert sorted((one["event_type"], one["key_prefix"]) for one in history) == sorted(
        [
            ("PARTNER_CREATED", None),
            ("API_KEY_CREATED", old),
            ("API_KEY_EXPIRY_SET", old),
            ("API_KEY_ROTATED", new),
            ("API_KEY_REVOKED", new),
        ],
        key=lambda entry: (entry[0], str(entry[1])),
    )
    assert {one["actor"] for one in history} == {str(ADMINISTRATOR)}
    assert "example.com" not in str(history)
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM auth_schema.partner_audit_log")


WISH = KeyWish(
    label="cajas",
    scopes=frozenset({Permission.PRICES_SET}),
    station_code=None,
    requests_per_minute=60,
    valid_for=timedelta(days=1),
)


def test_keys_made_at_the_same_moment_stay_within_the_partners_limit(settings: Settings, admin: Conn) -> None:
    admin.execute("INSERT INTO auth_schema.partners (partner_code, name) VALUES ('POS', 'x')")

    async def make(url: str) -> bool:
        conn = await asyncpg.connect(url)
        try:
            async with conn.transaction():
                await partners.create_api_key(conn, "POS", WISH)
        except ConflictError:
            return False
        else:
            return True
        finally:
            await conn.close()

    async def race() -> list[bool]:
        url = settings.service_url("auth")
        return await asyncio.gather(*(make(url) for _ in range(30)))

    assert sum(asyncio.run(race())) == 20
    assert admin.execute("SELECT count(*) FROM auth_schema.api_keys").fetchone() == (20,)


def test_a_key_in_heavy_use_is_written_once_a_minute(settings: Settings, admin: Conn) -> None:
    admin.execute("INSERT INTO auth_schema.partners (partner_code, name) VALUES ('POS', 'x')")

    async def use() -> str:
        async with open_database(settings, "auth") as db:
            async with db.transaction() as conn:
                made = await partners.create_api_key(conn, "POS", WISH)
            digest = hash_api_key(made.api_key)

            async def find() -> None:
                async with db.connection() as conn:
                    found = await queries_partners.find_api_key(conn, digest)
                    assert found is not None
                    assert found.partner_code == "POS"

            await asyncio.gather(*(find() for _ in range(40)))
            async with db.connection() as conn:
                return str(await conn.fetchval("SELECT xmin FROM auth_schema.api_keys"))

    first = asyncio.run(use())
    writes = admin.execute("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'api_keys'").fetchone()
    assert first
    assert writes is not None
    assert writes[0] <= 1


def test_revocations_are_forgotten_only_when_their_tokens_have_ended(settings: Settings, admin: Conn) -> None:
    admin.execute(
        "INSERT INTO auth_schema.access_revocations (session_id, revoked_at)"
        " VALUES (gen_random_uuid(), now()), (gen_random_uuid(), now() - interval '2 hours')"
    )

    async def forget() -> str:
        async with open_database(settings, "auth") as db:
            return await FORGET_REVOCATIONS.run(db, {})

    assert asyncio.run(forget()).startswith("forgot 1 ")
    assert admin.execute("SELECT count(*) FROM auth_schema.access_revocations").fetchone() == (1,)
    with pytest.raises(errors.RestrictViolation):
        admin.execute("DELETE FROM auth_schema.access_revocations")
