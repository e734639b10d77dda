"""What the service tells of one person."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from gasolinera.config import Settings
from gasolinera.coupon.personal import export_person
from gasolinera.database import open_database
from gasolinera.personal_data import PersonalData

Admin = psycopg.Connection[Any]
_TABLES = {
    "coupons": "coupons",
    "uses": "coupon_usage_history",
    "campaign_uses": "campaign_user_usages",
    "attempts": "coupon_validation_attempts",
}


def exported(settings: Settings, user: UUID) -> dict[str, list[dict[str, Any]]]:
    async def ask() -> PersonalData:
        async with open_database(settings, "coupon") as db, db.connection() as conn:
            return await export_person(conn, user)

    found = msgspec.json.decode(msgspec.json.encode(asyncio.run(ask())))
    return {one["name"]: one["rows"] for one in found["holdings"]}


def number(admin: Admin, query: str, *values: object) -> int:
    row = admin.execute(query.encode(), values).fetchone()
    assert row is not None
    return row[0]


def test_a_persons_coupons_uses_and_attempts_are_told_and_nobody_elses(settings: Settings, admin: Admin) -> None:
    users = admin.execute(
        "SELECT DISTINCT h.user_id FROM coupon_schema.coupon_usage_history AS h"
        " JOIN coupon_schema.coupons AS c ON c.user_id = h.user_id ORDER BY h.user_id LIMIT 2"
    ).fetchall()
    assert len(users) == 2, "the sample has people with coupons and uses"
    (ana,), (bea,) = users
    for user, device in ((ana, "ana-phone"), (bea, "bea-phone")):
        admin.execute(
            "INSERT INTO coupon_schema.coupon_validation_attempts"
            " (coupon_code, result, validation_method, user_id, device_id, ip_address)"
            " VALUES ('X', 'INVALID_CODE', 'MANUAL_ENTRY', %s, %s, '203.0.113.9')",
            (user, device),
        )
    admin.execute(
        "INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)"
        " SELECT id, %s, 'LIST' FROM coupon_schema.campaigns ORDER BY id LIMIT 1",
        (ana,),
    )
    found = exported(settings, ana)
    assert set(found) == {*_TABLES, "grants"}
    for name, table in _TABLES.items():
        expected = number(admin, f"SELECT count(*) FROM coupon_schema.{table} WHERE user_id = %s", ana)
        assert len(found[name]) == expected > 0, name
    assert [grant["source"] for grant in found["grants"]] == ["LIST"]
    told = msgspec.json.encode(found).decode()
    assert "ana-phone" in told
    assert "203.0.113.9" in told
    assert "INVALID_CODE" not in told
    assert "bea-phone" not in told


def test_of_a_stranger_nothing_is_held(settings: Settings) -> None:
    assert set(map(len, exported(settings, UUID(int=0)).values())) == {0}
