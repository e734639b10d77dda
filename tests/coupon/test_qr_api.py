"""Codes over HTTP: what anybody may have, and what only the coupon's owner sees."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon import codes, qr, qr_documents, qr_keys, revocations
from gasolinera.coupon.display import require_live
from gasolinera.database import open_database
from gasolinera.drawing import svg, symbol_of
from gasolinera.keyring import Keyring
from gasolinera.permissions import Caller, Role
from gasolinera.security import issue_access_token
from tests.applications import create_app

Admin = psycopg.Connection[Any]
OWNER = UUID("a0000000-0000-4000-8000-000000000051")
STRANGER = UUID("a0000000-0000-4000-8000-000000000052")


class Platform:
    """The application, its ring, and who asks it."""

    def __init__(self, client: TestClient[Any], keyring: Keyring) -> None:
        self.client = client
        self.keyring = keyring

    def get(self, path: str, who: UUID | None = None, *, known: str | None = None) -> Any:
        headers = {} if known is None else {"if-none-match": known}
        if who is not None:
            caller = Caller(role=Role.CUSTOMER, user_id=who)
            headers["authorization"] = (
                "Bearer " + issue_access_token(self.keyring, caller, now=self.keyring.clock()).token
            )
        return self.client.get(f"/api/coupons{path}", headers=headers)


@pytest.fixture
def platform(settings: Settings) -> Generator[Platform]:
    app = create_app(settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Platform(client, app.state["keyring"])


def in_database(settings: Settings, keyring: Keyring, *, with_list: bool) -> None:
    """What the upkeep does."""

    async def run() -> None:
        async with open_database(settings, "coupon") as db, db.transaction() as conn:
            await qr_keys.publish_keys(conn, keyring)
            if with_list:
                await revocations.publish_list(conn, keyring, now=keyring.clock())

    asyncio.run(run())


def signed_coupon(admin: Admin, keyring: Keyring, owner: UUID | None = OWNER, *, is_signed: bool = True) -> str:
    """A coupon of the sample's SUMMER2026 with its code; its letters."""
    now = datetime.now(UTC)
    code = codes.new_codes(1)[0]
    key = keyring.current("coupon")
    admin.execute(
        "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key, valid_from) VALUES (%s, %s, now())"
        " ON CONFLICT DO NOTHING",
        (key.id, qr_keys.public_half(key)),
    )
    found = admin.execute(
        "INSERT INTO coupon_schema.coupons (coupon_code, campaign_id, user_id, discount_type, discount_value, currency,"
        " valid_from, valid_until) SELECT %s, id, %s, discount_type, discount_value, currency, %s, %s"
        " FROM coupon_schema.campaigns WHERE campaign_code = 'SUMMER2026' RETURNING dense_index",
        (code, owner, now - timedelta(hours=1), now + timedelta(days=1)),
    ).fetchone()
    assert found is not None
    if is_signed:
        body = qr.pack(
            qr.CouponBody(
                key_id=key.id,
                dense_index=found[0],
                coupon=codes.number_of(code),
                campaign=qr.campaign_tag("SUMMER2026"),
                kind="FIXED_AMOUNT",
                value=Decimal(25),
                currency="MXN",
                valid_from=now - timedelta(hours=1),
                valid_until=now + timedelta(days=1),
                flags=qr.LIVE_ONLY,
            )
        )
        admin.execute(
            "UPDATE coupon_schema.coupons SET qr_key_id = %s, qr_payload = %s, qr_signature = %s"
            " WHERE coupon_code = %s",
            (key.id, body, qr.sign(body, key), code),
        )
    return code


def problem(response: Any) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_anybody_gets_the_key_set_and_is_told_when_it_is_the_same(platform: Platform) -> None:
    first = platform.get("/qr/keys")
    assert (first.status_code, first.headers["content-type"]) == (200, "application/jose")
    assert first.headers["cache-control"] == "public, max-age=300"
    now = platform.keyring.clock()
    keys = qr_documents.keys_of(qr_documents.read_key_set(first.text, trusted=None, now=now))
    current = platform.keyring.current("coupon")
    assert keys[current.id].public_key == qr_keys.public_half(current)
    again = platform.get("/qr/keys", known=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert platform.get("/qr/keys", known='"1-1"').status_code == 200


def test_anybody_gets_the_list_and_is_told_when_it_is_the_same(platform: Platform, settings: Settings) -> None:
    assert problem(platform.get("/qr/revocations")) == (404, "qr.no_list")
    in_database(settings, platform.keyring, with_list=True)
    first = platform.get("/qr/revocations")
    assert (first.status_code, first.headers["content-type"]) == (200, "application/statuslist+jwt")
    assert (first.headers["etag"], first.headers["cache-control"]) == ('"1"', "public, max-age=60")
    key = platform.keyring.current("coupon")
    keys = {key.id: qr.QrKey(key.id, qr_keys.public_half(key))}
    claims, _ = qr_documents.read_list(first.text, keys=keys, now=platform.keyring.clock())
    assert claims.version == 1
    for same in ('"1"', 'W/"1"'):  # a proxy that compresses makes it a weak one
        assert platform.get("/qr/revocations", known=same).status_code == 304
    for other in ('"2"', '"x"', "", "1" * 90):
        answer = platform.get("/qr/revocations", known=other)
        assert (answer.status_code, answer.text) == (200, first.text)


def test_a_wallet_shows_its_own_coupon_live(platform: Platform, admin: Admin) -> None:
    code = signed_coupon(admin, platform.keyring)
    response = platform.get(f"/{codes.grouped(code).lower()}/qr", OWNER)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    shown = response.json()
    assert shown["svg"] == svg(symbol_of(shown["text"]))
    assert symbol_of(shown["text"]).size == 41
    now = platform.keyring.clock()
    signed = qr.read(shown["text"])
    key = platform.keyring.current("coupon")
    body = qr.verify(signed, {key.id: qr.QrKey(key.id, qr_keys.public_half(key))}, now)
    assert codes.code_of(body.coupon) == code
    require_live(signed, body.flags, platform.keyring, now=now)


def test_nobody_else_sees_it_and_nobody_a_coupon_that_is_over(platform: Platform, admin: Admin) -> None:
    code = signed_coupon(admin, platform.keyring)
    assert problem(platform.get(f"/{code}/qr", STRANGER)) == (404, "coupon.unknown")
    assert problem(platform.get(f"/{code}/qr")) == (401, "auth.no_token")
    assert problem(platform.get(f"/{signed_coupon(admin, platform.keyring, None)}/qr", OWNER)) == (
        404,
        "coupon.unknown",
    )
    assert problem(platform.get("/NONSENSE/qr", OWNER)) == (404, "coupon.unknown")
    admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'SUSPENDED', status_reason = 'x' WHERE coupon_code = %s", (code,)
    )
    assert problem(platform.get(f"/{code}/qr", OWNER)) == (404, "coupon.unknown")


def test_a_coupon_that_nobody_signed_has_no_code(platform: Platform, admin: Admin) -> None:
    code = signed_coupon(admin, platform.keyring, is_signed=False)
    assert problem(platform.get(f"/{code}/qr", OWNER)) == (409, "qr.unsigned")
