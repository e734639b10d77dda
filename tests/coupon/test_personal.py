"""What the service tells of one person."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.coupon.codes import new_numbers
from gasolinera.coupon.coupons import assign
from gasolinera.coupon.issuing import Issuer
from gasolinera.coupon.personal import export_person
from gasolinera.coupon.welcome import forget_user
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.keyring import load_keyring
from gasolinera.personal_data import PersonalData
from tests.coupon.at_hand import DRIVER, make_campaign, make_coupon

Admin = psycopg.Connection[Any]
EMPLOYEE = UUID(int=77)
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


def scan(admin: Admin, customer: UUID) -> None:
    """By an employee, whose request it is."""
    admin.execute(
        "INSERT INTO coupon_schema.coupon_validation_attempts"
        " (coupon_code, result, validation_method, user_id, device_id, ip_address, user_agent, requested_by)"
        " VALUES ('X', 'INVALID_CODE', 'QR_SCAN', %s, 'their-phone', '198.51.100.7', 'a till', %s)",
        (customer, str(EMPLOYEE)),
    )


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
            " (coupon_code, result, validation_method, user_id, device_id, ip_address, requested_by)"
            " VALUES ('X', 'INVALID_CODE', 'MANUAL_ENTRY', %s, %s, '203.0.113.9', %s)",
            (user, device, str(user)),
        )
    scan(admin, ana)
    admin.execute(
        "INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source)"
        " SELECT id, %s, 'LIST' FROM coupon_schema.campaigns ORDER BY id LIMIT 1",
        (ana,),
    )
    found = exported(settings, ana)
    assert set(found) == {*_TABLES, "scans", "grants"}
    for name, table in _TABLES.items():
        expected = number(admin, f"SELECT count(*) FROM coupon_schema.{table} WHERE user_id = %s", ana)
        assert len(found[name]) == expected > 0, name
    assert [grant["source"] for grant in found["grants"]] == ["LIST"]
    told = msgspec.json.encode(found).decode()
    assert "ana-phone" in told
    assert "203.0.113.9" in told
    assert "INVALID_CODE" not in told
    assert "bea-phone" not in told
    assert (found["scans"], "198.51.100.7" in told) == ([], False), "an employee's"
    of_employee = exported(settings, EMPLOYEE)
    assert [row["ip_address"] for row in of_employee["scans"]] == ["198.51.100.7"]
    assert of_employee["attempts"] == []


def test_of_a_stranger_nothing_is_held(settings: Settings) -> None:
    assert set(map(len, exported(settings, UUID(int=0)).values())) == {0}


def erased(settings: Settings, user: UUID) -> None:
    async def hear() -> None:
        async with open_database(settings, "coupon") as db, db.transaction() as conn:
            await forget_user(
                conn,
                Event(
                    id=uuid4(),
                    type="user.erased",
                    source="auth",
                    aggregate="user",
                    subject=str(user),
                    time=datetime.now(UTC),
                    data={"public_id": str(user)},
                ),
            )

    asyncio.run(hear())


def test_of_an_erased_person_devices_and_places_go_and_what_was_used_stays(settings: Settings, admin: Admin) -> None:
    ana, bea = UUID(int=1), UUID(int=2)
    for user in (ana, bea):
        admin.execute(
            "INSERT INTO coupon_schema.coupon_validation_attempts"
            " (coupon_code, result, validation_method, user_id, device_id, latitude, longitude, ip_address, user_agent)"
            " VALUES ('X', 'INVALID_CODE', 'MANUAL_ENTRY', %s, 'a-phone', 19.4, -99.1, '203.0.113.9', 'a browser')",
            (user,),
        )
        admin.execute(
            "INSERT INTO coupon_schema.coupon_audit_log (action, coupon_code, actor, ip_address, user_agent)"
            " VALUES ('COUPON_ASSIGNED', 'X', %s, '203.0.113.9', 'a browser')",
            (str(user),),
        )
    kept = number(admin, "SELECT count(*) FROM coupon_schema.coupon_validation_attempts")
    for _ in range(2):
        erased(settings, ana)
    traces = (
        "SELECT (SELECT count(*) FROM coupon_schema.coupon_validation_attempts AS a WHERE a.user_id = %s AND"
        " num_nonnulls(a.device_id, a.latitude, a.longitude, a.ip_address, a.user_agent) > 0)"
        " + (SELECT count(*) FROM coupon_schema.coupon_audit_log AS l WHERE l.actor = %s AND"
        " num_nonnulls(l.ip_address, l.user_agent) > 0)"
    )
    assert [number(admin, traces, user, str(user)) for user in (ana, bea)] == [0, 2]
    assert number(admin, "SELECT count(*) FROM coupon_schema.coupon_validation_attempts") == kept


def test_an_erasure_takes_the_addresses_of_the_erased_alone(settings: Settings, admin: Admin) -> None:
    ana, bea = UUID(int=1), UUID(int=2)
    for customer in (ana, bea):
        scan(admin, customer)
    traces = (
        "SELECT device_id, host(ip_address), user_agent FROM coupon_schema.coupon_validation_attempts"
        " WHERE requested_by = %s ORDER BY id"
    )
    erased(settings, ana)
    assert admin.execute(traces.encode(), (str(EMPLOYEE),)).fetchall() == [
        (None, "198.51.100.7", "a till"),
        ("their-phone", "198.51.100.7", "a till"),
    ]
    erased(settings, EMPLOYEE)
    assert admin.execute(traces.encode(), (str(EMPLOYEE),)).fetchall() == [
        (None, None, None),
        ("their-phone", None, None),
    ]


def test_what_an_erased_person_would_get_back_is_cancelled(settings: Settings, admin: Admin) -> None:
    code = make_coupon(admin, make_campaign(admin, "BACK"))
    admin.execute(
        "INSERT INTO coupon_schema.coupon_usage_history (redemption_reference, coupon_id, user_id, station_code,"
        " original_amount, discount_amount, final_amount, currency)"
        " SELECT 'RDM-ERASED', id, user_id, 'JSM001', 100, 10, 90, 'MXN' FROM coupon_schema.coupons"
        " WHERE coupon_code = %s",
        (code,),
    )
    erased(settings, DRIVER)
    admin.execute(
        "UPDATE coupon_schema.coupon_usage_history SET restored_at = now(), restore_reason = 'CANCELLED'"
        " WHERE redemption_reference = 'RDM-ERASED'"
    )
    found = admin.execute(
        "SELECT status, usage_count, status_reason FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)
    ).fetchone()
    assert found == ("CANCELLED", 0, "The account was erased")


def test_a_coupon_that_is_being_made_for_a_person_is_cancelled_by_the_erasure(settings: Settings, admin: Admin) -> None:
    ana, campaign = UUID(int=1), make_campaign(admin, "MADE")
    grant = "INSERT INTO coupon_schema.coupon_grants (campaign_id, user_id, source) VALUES (%s, %s, 'LIST')"
    admin.execute(grant.encode(), (campaign, ana))
    erasure = threading.Thread(target=erased, args=(settings, ana))

    def draw(count: int) -> Sequence[int]:
        erasure.start()
        time.sleep(0.7)  # it waits meanwhile
        return new_numbers(count)

    async def issue() -> list[int]:
        async with open_database(settings, "coupon") as db:
            first = await Issuer(db, load_keyring(settings), draw).issue_grants()
            await asyncio.to_thread(erasure.join)
            admin.execute("DELETE FROM coupon_schema.coupon_grants WHERE user_id = %s", (ana,))
            admin.execute(grant.encode(), (campaign, ana))
            return [first, await Issuer(db, load_keyring(settings)).issue_grants()]

    assert asyncio.run(issue()) == [1, 1], "made, and dropped"
    found = admin.execute("SELECT status FROM coupon_schema.coupons WHERE user_id = %s", (ana,)).fetchall()
    assert found == [("CANCELLED",)]
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants WHERE user_id = %s", (ana,)).fetchone() == (
        0,
    )


def test_a_coupon_that_is_being_assigned_to_a_person_is_cancelled_by_the_erasure(
    settings: Settings, admin: Admin
) -> None:
    ana, code = UUID(int=1), make_coupon(admin, make_campaign(admin, "ASSIGNED"), None)
    erasure = threading.Thread(target=erased, args=(settings, ana))

    async def hand_over() -> None:
        async with open_database(settings, "coupon") as db, db.transaction() as conn:
            await assign(conn, code, ana)
            erasure.start()
            await asyncio.sleep(0.7)  # it waits meanwhile

    asyncio.run(hand_over())
    erasure.join()
    found = admin.execute(
        "SELECT status, user_id FROM coupon_schema.coupons WHERE coupon_code = %s", (code,)
    ).fetchone()
    assert found == ("CANCELLED", ana)


def test_the_service_cannot_clean_after_somebody_who_is_not_erased(as_role: Callable[[str], Admin]) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        as_role("coupon_app").execute("SELECT coupon_schema.forget_person(%s)", (UUID(int=1),))
