"""The gate: credentials on real routes, access that ends at once, services that ask each other, two processes."""

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import uvicorn
from litestar import Litestar, get
from litestar.di import NamedDependency
from litestar.testing import TestClient

from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.auth.revocations import revoke_access
from gasolinera.authentication import reach_station, requires
from gasolinera.authority import (
    KeyHolder,
    Revocations,
    remote_authority,
)
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.errors import ForbiddenError, UnavailableError
from gasolinera.key_file import PURPOSES, new_keys
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.parts import Parts
from gasolinera.permissions import Caller, Permission, Role
from gasolinera.routing import service_router
from gasolinera.security import issue_access_token
from gasolinera.service_tokens import issue_service_token
from tests.applications import create_app

Conn = psycopg.Connection[Any]
ANA = UUID("a0000000-0000-4000-8000-000000000051")


@get("/mine", guards=[requires(Permission.PROFILE)])
async def mine(caller: NamedDependency[Caller]) -> str:
    return caller.actor


@get("/value", guards=[requires(Permission.PROFILE, fresh=True)])
async def value() -> str:
    return "moved"


@get("/powerful", guards=[requires(Permission.JOBS_RUN, second_factor=True)])
async def powerful() -> str:
    return "done"


@get("/everybody", opt={"open": True})
async def everybody() -> str:
    return "hello"


SHOP = Parts(
    name="station",
    schema="station_schema",
    routers=(service_router("station", "/shop", [mine, value, powerful, everybody]),),
)


@pytest.fixture
def client(settings: Settings) -> Generator[TestClient[Litestar]]:
    with TestClient(create_app(settings, (AUTH, SHOP)), raise_server_exceptions=False) as opened:
        yield opened


def bearer(keyring: Keyring, *, session: UUID | None = None, role: Role = Role.CUSTOMER, factor: bool = False) -> Any:
    caller = Caller(role=role, user_id=ANA, session_id=session or uuid4(), has_second_factor=factor)
    return {"authorization": f"Bearer {issue_access_token(keyring, caller, now=datetime.now(UTC)).token}"}


def answer(response: Any) -> tuple[int, str]:
    is_problem = response.headers["content-type"] == "application/problem+json"
    return response.status_code, str(response.json()["code"] if is_problem else response.text)


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return load_keyring(settings)


def within_a_second(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 1.0
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def test_a_guard_tells_strangers_from_those_who_may_not(client: TestClient[Litestar], keyring: Keyring) -> None:
    assert answer(client.get("/shop/mine")) == (401, "auth.no_token")
    assert client.get("/shop/mine").headers["www-authenticate"] == "Bearer"
    assert answer(client.get("/shop/mine", headers=bearer(keyring))) == (200, str(ANA))
    assert answer(client.get("/shop/powerful", headers=bearer(keyring))) == (403, "auth.not_permitted")
    plain = bearer(keyring, role=Role.SYSTEM_ADMIN)
    assert answer(client.get("/shop/powerful", headers=plain)) == (403, "auth.second_factor_needed")
    strong = bearer(keyring, role=Role.SYSTEM_ADMIN, factor=True)
    assert answer(client.get("/shop/powerful", headers=strong)) == (200, "done")


@pytest.mark.parametrize("shown", ["Basic YTpi", "Bearer", "Bearer ", "Bearer x", "bearer a.b.c", "é", ""])
def test_a_bad_credential_is_refused_where_one_is_needed_and_ignored_elsewhere(
    client: TestClient[Litestar], shown: str
) -> None:
    headers = {b"authorization": shown.encode()}
    assert answer(client.get("/shop/mine", headers=headers)) == (401, "auth.token_invalid")
    assert answer(client.get("/shop/everybody", headers=headers)) == (200, "hello")


def test_two_credentials_are_refused(client: TestClient[Litestar], keyring: Keyring) -> None:
    both = bearer(keyring) | {"x-api-key": "gjsm_"}
    assert answer(client.get("/shop/mine", headers=both)) == (401, "auth.ambiguous")


def test_a_session_that_is_ended_loses_access_within_a_second_and_at_once_where_value_moves(
    client: TestClient[Litestar], keyring: Keyring, admin: Conn
) -> None:
    session = uuid4()
    headers, other = bearer(keyring, session=session), bearer(keyring)
    assert answer(client.get("/shop/value", headers=headers)) == (200, "moved")
    admin.execute("INSERT INTO auth_schema.access_revocations (session_id) VALUES (%s)", (session,))
    assert answer(client.get("/shop/value", headers=headers)) == (401, "auth.access_ended")
    assert answer(client.get("/shop/mine", headers=headers)) == (401, "auth.access_ended")
    assert answer(client.get("/shop/mine", headers=other)) == (200, str(ANA))


def test_the_process_hears_of_it_by_itself(client: TestClient[Litestar], keyring: Keyring, admin: Conn) -> None:
    session = uuid4()
    headers = bearer(keyring, session=session)
    admin.execute("INSERT INTO auth_schema.access_revocations (session_id) VALUES (%s)", (session,))
    assert within_a_second(lambda: client.get("/shop/mine", headers=headers).status_code == 401)


@pytest.mark.parametrize("change", ["is_active = false", "role = 'EMPLOYEE'"])
def test_deactivating_or_another_role_ends_the_tokens_of_before_by_itself(
    client: TestClient[Litestar], keyring: Keyring, admin: Conn, change: str
) -> None:
    headers = bearer(keyring)
    assert client.get("/shop/value", headers=headers).status_code == 200
    admin.execute(f"UPDATE auth_schema.users SET {change} WHERE public_id = '{ANA}'".encode())
    assert answer(client.get("/shop/value", headers=headers)) == (401, "auth.access_ended")
    assert client.get("/shop/value", headers=bearer(keyring)).status_code == 200  # issued after: what it says is new


def test_ending_a_session_in_the_tables_ends_its_access_tokens(
    client: TestClient[Litestar], keyring: Keyring, admin: Conn
) -> None:
    session = uuid4()
    admin.execute(
        "INSERT INTO auth_schema.refresh_tokens (user_id, family_id, token_hash, expires_at, family_expires_at)"
        " SELECT id, %s, sha256('x'), now() + interval '7 days', now() + interval '7 days'"
        "   FROM auth_schema.users WHERE public_id = %s",
        (session, ANA),
    )
    headers = bearer(keyring, session=session)
    assert client.get("/shop/value", headers=headers).status_code == 200
    admin.execute(
        "UPDATE auth_schema.refresh_tokens SET revoked_at = now(), revoke_reason = 'LOGOUT' WHERE family_id = %s",
        (session,),
    )
    assert client.get("/shop/value", headers=headers).status_code == 401


def test_a_revocation_that_is_committed_late_is_not_missed(
    client: TestClient[Litestar], keyring: Keyring, settings: Settings
) -> None:
    """Its number and time are older than those of one that was heard of before."""
    late, soon = uuid4(), uuid4()
    with psycopg.connect(settings.service_url("auth")) as slow, psycopg.connect(settings.service_url("auth")) as fast:
        slow.execute("INSERT INTO auth_schema.access_revocations (session_id) VALUES (%s)", (late,))
        fast.execute("INSERT INTO auth_schema.access_revocations (session_id) VALUES (%s)", (soon,))
        fast.commit()
        of_soon, of_late = bearer(keyring, session=soon), bearer(keyring, session=late)
        assert client.get("/shop/value", headers=of_soon).status_code == 401
        assert client.get("/shop/value", headers=of_late).status_code == 200
        slow.commit()
    assert client.get("/shop/value", headers=of_late).status_code == 401


def test_where_value_moves_nobody_is_let_through_when_it_cannot_be_asked(
    client: TestClient[Litestar], keyring: Keyring, admin: Conn
) -> None:
    headers = bearer(keyring)
    admin.execute("ALTER TABLE auth_schema.access_revocations RENAME TO elsewhere")
    assert client.get("/shop/value", headers=headers).status_code == 503
    assert client.get("/shop/mine", headers=headers).status_code == 200


def test_revoking_again_changes_nothing(settings: Settings, admin: Conn) -> None:
    session = uuid4()

    async def twice() -> None:
        async with open_database(settings, "auth") as db, db.transaction() as conn:
            await revoke_access(conn, session_id=session)
            await revoke_access(conn, session_id=session)
            await revoke_access(conn, user_id=ANA)

    asyncio.run(twice())
    assert admin.execute("SELECT count(*) FROM auth_schema.access_revocations").fetchone() == (2,)


def test_internal_routes_are_for_services_alone(client: TestClient[Litestar], keyring: Keyring) -> None:
    path = "/api/auth/internal/revocations"
    administrator = bearer(keyring, role=Role.SYSTEM_ADMIN, factor=True)
    assert answer(client.get(path, headers=administrator)) == (403, "auth.not_permitted")
    for audience, status in (("auth", 200), ("raffle", 401)):
        token = issue_service_token(keyring, "raffle", audience, now=datetime.now(UTC))
        assert client.get(path, headers={"authorization": f"Bearer {token}"}).status_code == status
    token = issue_service_token(keyring, "raffle", "auth", now=datetime.now(UTC))
    assert answer(client.get("/shop/mine", headers={"authorization": f"Bearer {token}"})) == (403, "auth.not_permitted")


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("GET", "/api/auth/internal/revocations", "auth"),
        ("POST", "/api/auth/internal/api-keys", "auth"),
        ("GET", f"/api/auth/internal/users/{ANA}", "auth"),
        ("POST", "/api/stations/internal/terminals/verify", "station"),
        ("POST", "/api/coupons/internal/find", "coupon"),
    ],
)
def test_a_token_for_one_service_opens_no_route_of_another_in_the_same_process(
    method: str, path: str, service: str, settings: Settings, keyring: Keyring
) -> None:
    with TestClient(create_app(settings), raise_server_exceptions=False) as all_services:
        for audience in ("auth", "station", "coupon", "redemption"):
            token = issue_service_token(keyring, "redemption", audience, now=datetime.now(UTC))
            headers = {"authorization": f"Bearer {token}"}
            body: dict[str, str] | None = {} if method == "POST" else None
            response = all_services.request(method, path, headers=headers, json=body)
            if audience == service:
                assert response.status_code in {200, 400, 404, 422}, response.text
            else:
                assert answer(response) == (403, "auth.other_service")


def test_the_public_keys_are_published_without_anything_secret(client: TestClient[Litestar], keyring: Keyring) -> None:
    response = client.get("/.well-known/jwks.json")
    assert response.headers["cache-control"] == "public, max-age=300"
    keys = response.json()["keys"]
    assert [key["kid"] for key in keys] == [key.kid for key in keyring.public_keys()]
    assert {name for key in keys for name in key} == {"kid", "x", "kty", "crv", "alg", "use"}


def test_a_permission_for_a_station_ends_at_the_own_station() -> None:
    chief = Caller(role=Role.STATION_ADMIN, user_id=ANA, station_code="JSM001")
    reach_station(chief, Permission.PRICES_SET, "JSM001")
    for caller, station in (
        (chief, "JSM002"),
        (Caller(role=Role.STATION_ADMIN, user_id=ANA), "JSM001"),
        (Caller(role=Role.CUSTOMER, user_id=ANA, station_code="JSM001"), "JSM001"),
        (Caller(role=Role.EMPLOYEE, user_id=ANA, station_code="JSM001"), "JSM001"),
    ):
        with pytest.raises(ForbiddenError):
            reach_station(caller, Permission.PRICES_SET, station)
    reach_station(Caller(role=Role.SYSTEM_ADMIN, user_id=ANA), Permission.PRICES_SET, "JSM002")


# Two processes ------------------------------------------------------------------------------------------------------


@contextmanager
def served(app: Litestar) -> Generator[str]:
    """The application on a real port; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_a_process_without_auth_hears_of_it_over_http(
    settings: Settings, keyring: Keyring, admin: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = keyring.verifying("service")
    others = new_keys([purpose for purpose in PURPOSES if purpose not in ("token", "service")], datetime.now(UTC))
    with served(create_app(settings, (AUTH,))) as address:
        # The other process has no key for access tokens, only that of services.
        def with_few_keys(_settings: Settings) -> Keyring:
            return Keyring([*own, *others])

        monkeypatch.setattr("gasolinera.app.load_keyring", with_few_keys)
        alone = settings.model_copy(update={"auth_url": address})
        with TestClient(create_app(alone, (SHOP,)), raise_server_exceptions=False) as client:
            session = uuid4()
            headers = bearer(keyring, session=session)
            assert answer(client.get("/shop/mine", headers=headers)) == (200, str(ANA))
            assert answer(client.get("/shop/value", headers=headers)) == (200, "moved")
            admin.execute("INSERT INTO auth_schema.access_revocations (session_id) VALUES (%s)", (session,))
            assert answer(client.get("/shop/value", headers=headers)) == (401, "auth.access_ended")
            foreign = Keyring(new_keys(PURPOSES, datetime.now(UTC)))
            assert answer(client.get("/shop/mine", headers=bearer(foreign))) == (401, "auth.token_invalid")
            assert answer(client.get("/shop/mine", headers={"x-api-key": f"gjsm_{'a' * 8}_{'b' * 43}"})) == (
                401,
                "auth.api_key_invalid",
            )


def test_an_auth_service_that_is_down_is_said_so(keyring: Keyring) -> None:
    async def ask() -> list[Revocations | KeyHolder | None]:
        def token(audience: str) -> str:
            return issue_service_token(keyring, "station", audience, now=datetime.now(UTC))

        async with remote_authority("http://127.0.0.1:9", token) as authority:
            return [await authority.revocations(None), await authority.find_api_key(b"x" * 32)]

    with pytest.raises(UnavailableError):
        asyncio.run(ask())


def test_a_process_that_knows_no_auth_service_lets_nobody_through_where_value_moves(
    settings: Settings, keyring: Keyring
) -> None:
    with TestClient(create_app(settings, (SHOP,)), raise_server_exceptions=False) as client:
        assert answer(client.get("/shop/mine", headers=bearer(keyring))) == (200, str(ANA))
        assert answer(client.get("/shop/value", headers=bearer(keyring))) == (503, "auth.no_address")
