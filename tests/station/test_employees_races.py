"""Tables of employees while others change employments: everybody waits for a turn, nobody for each other."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg

from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.events import Event
from gasolinera.metrics import REGISTRY
from gasolinera.station.events import CONSUMERS
from gasolinera.station.training import CERTIFICATIONS_EXPIRING
from tests.station.conftest import Staff, UntilWaiting, user

Admin = psycopg.Connection[Any]


def table(*numbers: str) -> str:
    return "employee_number,shift\n" + "".join(f"{number},NIGHT\n" for number in numbers)


def brought(staff: Staff, sheet: str) -> Any:
    headers = staff.system | {"content-type": "text/csv"}
    return staff.client.post("/api/stations/employees/import", content=sheet.encode(), headers=headers)


def deadlocks() -> float:
    """Transactions that ran again because of one."""
    return REGISTRY.get_sample_value("db_transaction_retries_total", {"service": "station", "reason": "deadlock"}) or 0


def test_tables_of_the_same_employees_in_opposite_order_are_both_brought_in(
    staff: Staff, admin: Admin, until_waiting: UntilWaiting
) -> None:
    before = deadlocks()
    with ThreadPoolExecutor() as pool:
        with admin.transaction():
            # Each stops in the middle, so that each has its first row when it wants the other's.
            admin.execute(
                "SELECT FROM station_schema.employees WHERE employee_number IN ('EMP000031', 'EMP000032') FOR UPDATE"
            )
            one = pool.submit(brought, staff, table("EMP000021", "EMP000031", "EMP000022"))
            until_waiting(1)
            other = pool.submit(brought, staff, table("EMP000022", "EMP000032", "EMP000021"))
            until_waiting(2)
        answers = [one.result(), other.result()]
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    assert [answer.json()["updated"] for answer in answers] == [3, 1], "the second finds two as they are to be"
    assert deadlocks() == before


def test_user_events_taken_in_while_a_table_comes_in(
    staff: Staff, settings: Settings, admin: Admin, until_waiting: UntilWaiting
) -> None:
    """The inbox takes several events in one transaction, in the order in which they came."""
    (consumer,) = [one for one in CONSUMERS if "user.changed" in one.types]

    def deactivated(number: int) -> Event:
        return Event(
            id=uuid4(),
            type="user.changed",
            source="urn:gasolinera:auth",
            aggregate="user",
            subject=user(number),
            time=datetime.now(UTC),
            data={"public_id": user(number), "role": "CUSTOMER", "active": False},
        )

    async def take(pool: ThreadPoolExecutor) -> Any:
        async with open_database(settings, "station") as db:
            async with db.transaction() as conn:
                await consumer.handle(conn, deactivated(22))
                bringing = pool.submit(brought, staff, table("EMP000021", "EMP000022"))
                await asyncio.to_thread(until_waiting, 1)
                await consumer.handle(conn, deactivated(21))
            return await asyncio.to_thread(bringing.result)

    before = deadlocks()
    with ThreadPoolExecutor() as pool:
        answer = asyncio.run(take(pool))
    assert (answer.status_code, answer.json()["updated"]) == (200, 2), answer.text
    assert deadlocks() == before
    resting = admin.execute(
        "SELECT employee_number FROM station_schema.employees WHERE suspended_at IS NOT NULL AND shift = 'NIGHT'"
        " ORDER BY 1"
    ).fetchall()
    assert resting == [("EMP000021",), ("EMP000022",)]


def test_rights_whose_training_expired_go_while_a_table_comes_in(
    staff: Staff, settings: Settings, admin: Admin, until_waiting: UntilWaiting
) -> None:
    lapse = (
        "UPDATE station_schema.stations SET required_certification = 'FIRST_AID'"
        " WHERE station_code IN ('JSM001', 'JSM002', 'JSM003', 'JSM004')"
    )
    admin.execute(lapse)

    async def look() -> str:
        async with open_database(settings, "station") as db:
            return await CERTIFICATIONS_EXPIRING.run(db, {})

    before = deadlocks()
    with ThreadPoolExecutor() as pool:
        with admin.transaction():
            admin.execute("SELECT FROM station_schema.employees WHERE employee_number = 'EMP000028' FOR UPDATE")
            bringing = pool.submit(brought, staff, table("EMP000028", "EMP000021"))
            until_waiting(1)
            looking = pool.submit(asyncio.run, look())
            until_waiting(2)
        answer = bringing.result()
        assert looking.result().endswith(" 8 rights withdrawn")
    assert (answer.status_code, answer.json()["updated"]) == (200, 2), answer.text
    assert deadlocks() == before
