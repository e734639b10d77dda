"""What the station tells of one person, and what it forgets when the account is erased."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from psycopg import errors

from gasolinera.config import Settings
from gasolinera.database import Connection, open_database
from gasolinera.events import Event
from gasolinera.permissions import Caller, Role
from gasolinera.personal_data import PersonalData
from gasolinera.station.events import CONSUMERS
from gasolinera.station.personal import export_person
from gasolinera.station.training import withdraw_certification
from tests.station.conftest import Staff, UntilWaiting, user

Admin = psycopg.Connection[Any]
SECRETS = ("the till was short", "CRUZ-ROJA-4711", "forged paper", "203.0.113.9", "old phone")


def exported(settings: Settings, number: int) -> str:
    async def ask() -> PersonalData:
        async with open_database(settings, "station") as db, db.connection() as conn:
            return await export_person(conn, UUID(user(number)))

    return msgspec.json.encode(asyncio.run(ask())).decode()


def of_user(kind: str, number: int, **data: Any) -> Event:
    return Event(
        id=uuid4(),
        type=kind,
        source="urn:gasolinera:auth",
        aggregate="user",
        subject=user(number),
        time=datetime.now(UTC),
        data={"public_id": user(number), "role": "CUSTOMER", "active": False} | data,
    )


def hear(settings: Settings, kind: str, number: int, **data: Any) -> None:
    """As the consumers of the service hear an event, twice."""
    event = of_user(kind, number, **data)

    async def take() -> None:
        async with open_database(settings, "station") as db:
            for consumer in [one for one in CONSUMERS if kind in one.types] * 2:
                async with db.transaction() as conn:
                    await consumer.handle(conn, event)

    asyncio.run(take())


def dump(admin: Admin) -> str:
    tables = admin.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'station_schema'::regnamespace"
        " AND c.relkind = 'r'"
    ).fetchall()
    return "\n".join(
        row for (table,) in tables for (row,) in admin.execute(f"SELECT t::text FROM {table} AS t".encode()).fetchall()
    )


@pytest.fixture
def left(staff: Staff, admin: Admin) -> None:
    """User 51 worked, was trained, did something from an address, and was dismissed; user 52 works on beside."""
    number = staff.hire(51).json()["employee_number"]
    beside = staff.hire(52).json()["employee_number"]
    for who, certificate in ((number, "CRUZ-ROJA-4711"), (beside, "CRUZ-ROJA-0815")):
        body = {"kind": "FIRST_AID", "issued_on": "2026-01-07", "certificate_number": certificate}
        made = staff.post(f"/employees/{who}/certifications", staff.system, body)
        assert made.status_code == 201, made.text
        if who == number:
            path = f"/employees/{who}/certifications/{made.json()['certification_id']}/withdraw"
            assert staff.post(path, staff.system, {"reason": "forged paper"}).status_code == 200
    ended = staff.post(f"/employees/{number}/terminate", staff.system, {"reason": "the till was short"})
    assert ended.status_code == 200, ended.text
    admin.execute(
        "INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values, actor,"
        " ip_address, user_agent) VALUES ('STATION_UPDATED', 'STATION', 'JSM001', '{\"name\": \"x\"}', %s,"
        " '203.0.113.9', 'old phone')",
        (user(51),),
    )


@pytest.mark.usefixtures("left")
def test_an_erased_account_leaves_references_days_and_nothing_that_tells_who_it_was(
    settings: Settings, admin: Admin
) -> None:
    before = exported(settings, 51)
    assert [text for text in SECRETS if text not in before] == []
    hear(settings, "user.erased", 51)
    after, rows = exported(settings, 51), dump(admin)
    assert [text for text in SECRETS if text in after or text in rows] == []
    assert "CRUZ-ROJA-0815" in rows, "of others nothing is forgotten"
    holdings = {one["name"]: one["rows"] for one in msgspec.json.decode(after)["holdings"]}
    assert holdings["account_state"][0]["is_erased"] is True
    assert len(holdings["employments"]) == len(holdings["certifications"]) == len(holdings["acts"]) == 1
    assert {"EMPLOYEE_CREATED", "EMPLOYEE_UPDATED"} <= {one["event_type"] for one in holdings["history"]}


@pytest.mark.usefixtures("left")
def test_what_is_said_of_an_erased_person_afterwards_is_not_kept(
    staff: Staff, settings: Settings, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    number = "EMP000001"
    body = {"kind": "FIRE_SAFETY", "issued_on": "2026-01-07"}
    path = f"/employees/{staff.hire(53).json()['employee_number']}/certifications"
    beside = f"{path}/{staff.post(path, staff.system, body).json()['certification_id']}/withdraw"
    add = (
        "INSERT INTO station_schema.employee_certifications (employee_id, kind, issued_on, certificate_number)"
        " SELECT id, 'FUEL_HANDLING', '2026-01-07', %s FROM station_schema.employees WHERE employee_number = %s"
        " RETURNING certification_id::text, certificate_number"
    )
    hear(settings, "user.erased", 51)
    service = as_role("station_app")
    added = service.execute(add, ("CRUZ-ROJA-LATE", number)).fetchone()
    assert added is not None
    withdrawal = f"/employees/{number}/certifications/{added[0]}/withdraw"
    withdrawn = staff.post(withdrawal, staff.system, {"reason": "stole at night"})
    assert (withdrawn.status_code, withdrawn.json()["withdrawal_reason"]) == (200, "erased"), withdrawn.text
    service.execute(
        "UPDATE station_schema.employees SET termination_reason = 'drank at work' WHERE employee_number = %s", (number,)
    )
    assert staff.post(beside, staff.system, {"reason": "never came"}).json()["withdrawal_reason"] == "never came"
    rows = dump(admin)
    assert [text for text in ("CRUZ-ROJA-LATE", "stole at night", "drank at work") if text in rows] == []
    assert "never came" in rows, "of others it is kept"


@pytest.mark.parametrize("first", ["withdrawal", "erasure"])
def test_what_is_said_while_the_person_is_erased_is_not_kept(
    first: str, staff: Staff, settings: Settings, admin: Admin, until_waiting: UntilWaiting
) -> None:
    number = staff.hire(51).json()["employee_number"]
    # Without a reason there is nothing to forget of the employment itself.
    admin.execute("UPDATE station_schema.employees SET terminated_on = hired_on WHERE user_id = %s", (user(51),))
    training = admin.execute(
        "INSERT INTO station_schema.employee_certifications (employee_id, kind, issued_on)"
        " SELECT id, 'FIRST_AID', '2026-01-07' FROM station_schema.employees WHERE employee_number = %s"
        " RETURNING certification_id",
        (number,),
    ).fetchone()
    assert training is not None
    system = Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(user(1)), has_second_factor=True)
    (erased,) = [one for one in CONSUMERS if "user.erased" in one.types]

    async def withdraw(conn: Connection) -> None:
        await withdraw_certification(conn, system, number, training[0], "stole at night")

    async def erase(conn: Connection) -> None:
        await erased.handle(conn, of_user("user.erased", 51))

    async def alone(work: Callable[[Connection], Awaitable[None]]) -> None:
        async with open_database(settings, "station") as db, db.transaction() as conn:
            await work(conn)

    async def race(pool: ThreadPoolExecutor) -> None:
        one, other = (withdraw, erase) if first == "withdrawal" else (erase, withdraw)
        async with open_database(settings, "station") as db:
            async with db.transaction() as conn:
                await one(conn)
                second = pool.submit(lambda: asyncio.run(alone(other)))
                await asyncio.to_thread(until_waiting, 1)
            await asyncio.to_thread(second.result)

    with ThreadPoolExecutor() as pool:
        asyncio.run(race(pool))
    found = admin.execute(
        "SELECT withdrawn_at IS NOT NULL, withdrawal_reason FROM station_schema.employee_certifications"
        " WHERE certification_id = %s",
        training,
    ).fetchone()
    assert found == (True, "erased")
    assert "stole at night" not in dump(admin)


@pytest.mark.usefixtures("left")
def test_a_deactivated_account_is_not_forgotten(settings: Settings) -> None:
    hear(settings, "user.changed", 51)
    after = exported(settings, 51)
    assert [text for text in SECRETS if text not in after] == []


def test_who_still_worked_when_erased_leaves(staff: Staff, settings: Settings, admin: Admin) -> None:
    number = staff.hire(51).json()["employee_number"]
    hear(settings, "user.erased", 51)
    ended = "SELECT terminated_on IS NOT NULL FROM station_schema.employees WHERE employee_number = %s"
    assert admin.execute(ended, (number,)).fetchone() == (True,)


@pytest.mark.usefixtures("left")
def test_the_service_cannot_forget_somebody_whose_account_is_there(
    admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    with pytest.raises(errors.RestrictViolation, match="is not erased"):
        as_role("station_app").execute("SELECT station_schema.forget_person(%s)", (user(51),))
    assert "CRUZ-ROJA-4711" in dump(admin)


def test_a_person_whom_the_service_never_saw_has_nothing(settings: Settings) -> None:
    holdings = msgspec.json.decode(exported(settings, 999))["holdings"]
    assert [one["rows"] for one in holdings] == [[]] * len(holdings)
