"""Campaigns and coupons as a test needs them, and their signed codes."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from nacl.signing import SigningKey
from psycopg import sql

from gasolinera.config import Environment, Settings
from gasolinera.coupon import display, qr
from gasolinera.coupon.codes import new_codes, number_of
from gasolinera.key_file import Key
from gasolinera.keyring import load_keyring

Conn = psycopg.Connection[Any]
DRIVER = UUID("a0000000-0000-4000-8000-000000000051")
OTHER_DRIVER = UUID("a0000000-0000-4000-8000-000000000052")


def make_campaign(admin: Conn, code: str, **terms: Any) -> int:
    """An ACTIVE campaign that gives 10 % of pesos to everybody, everywhere, always, unless told otherwise; its id."""
    now = datetime.now(UTC)
    row: dict[str, Any] = {
        "campaign_code": code,
        "name": code,
        "status": "ACTIVE",
        "discount_type": "PERCENTAGE",
        "discount_value": Decimal(10),
        "currency": "MXN",
        "budget_amount": Decimal(1_000_000),
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=30),
        "created_by": UUID("a0000000-0000-4000-8000-000000000011"),
        "approved_by": UUID("a0000000-0000-4000-8000-000000000001"),
        "approved_at": now,
    } | terms
    return int(_insert(admin, "campaigns", row, "id"))


def make_coupon(admin: Conn, campaign_id: int, user_id: UUID | None = DRIVER, **terms: Any) -> str:
    """A coupon on its campaign's terms; its code."""
    code = new_codes(1)[0]
    now = datetime.now(UTC)
    found = admin.execute(
        "SELECT discount_type, discount_value, maximum_discount, minimum_purchase, currency, raffle_tickets_per_coupon"
        " FROM coupon_schema.campaigns WHERE id = %s",
        (campaign_id,),
    ).fetchone()
    assert found is not None
    names = ("discount_type", "discount_value", "maximum_discount", "minimum_purchase", "currency", "raffle_tickets")
    row: dict[str, Any] = dict(zip(names, found, strict=True)) | {
        "coupon_code": code,
        "campaign_id": campaign_id,
        "user_id": user_id,
        "valid_from": now - timedelta(days=1),
        "valid_until": now + timedelta(days=20),
    }
    return str(_insert(admin, "coupons", row | terms, "coupon_code"))


def signed_text(
    admin: Conn,
    code: str,
    *,
    seed: bytes = b"\x07" * 32,
    key_id: int = 201,
    is_known: bool = True,
    good_for: timedelta = timedelta(days=20),
) -> str:
    """What the coupon's QR code says, signed by a key that the database knows; live where the coupon has an owner."""
    made = datetime.now(UTC) - timedelta(days=2)
    key = Key(purpose="coupon", id=key_id, created_at=made, active_from=made, secret=seed)
    if is_known:
        admin.execute(
            "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (key_id, _public(seed)),
        )
    now = datetime.now(UTC)
    body = qr.pack(
        qr.CouponBody(
            key_id=key_id,
            dense_index=7,
            coupon=number_of(code),
            campaign=qr.campaign_tag("ANY"),
            kind="PERCENTAGE",
            value=Decimal(10),
            currency="MXN",
            valid_from=now - timedelta(days=9),
            valid_until=now + good_for,
        )
    )
    owner = admin.execute("SELECT user_id FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)).fetchone()
    if owner is None or owner[0] is None:
        return qr.as_text(body, qr.sign(body, key))
    return display.live_text(body, qr.sign(body, key), load_keyring(Settings(environment=Environment.TEST)), now=now)


def _public(seed: bytes) -> bytes:
    return bytes(SigningKey(seed).verify_key)


def _insert(admin: Conn, table: str, row: dict[str, Any], wanted: str) -> Any:
    statement = sql.SQL("INSERT INTO coupon_schema.{} ({}) VALUES ({}) RETURNING {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
        sql.Identifier(wanted),
    )
    found = admin.execute(statement, list(row.values())).fetchone()
    assert found is not None
    return found[0]
