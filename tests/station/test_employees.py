"""Employments over HTTP: who may hire whom, what a change needs, what ends with an employment."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.errors import ConflictError, ForbiddenError
from gasolinera.events import Event
from gasolinera.permissions import Caller, Permission, Role
from gasolinera.station import employees, roster
from gasolinera.station.models_employees import JobTitle, NewEmployee
from tests.station.conftest import Staff, problem, user

Admin = psycopg.Connection[Any]
CHAIN = Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(user(1)), has_second_factor=True)


def told(admin: Admin, number: str) -> list[dict[str, Any]]:
    """What was published about an employee, in order."""
    rows = admin.execute(
        "SELECT payload FROM station_schema.outbox_events"
        " WHERE event_type = 'employee.changed' AND aggregate_key = %s ORDER BY id",
        (number,),
    ).fetchall()
    return [row[0] for row in rows]


def test_somebody_is_hired_once_told_of_and_logged(staff: Staff, admin: Admin) -> None:
    body = {"user_id": user(51), "position": "CASHIER", "may_handle_cash": True}
    headers = {"idempotency-key": "one", "user-agent": "panel", "x-correlation-id": "hire-1"}
    first, again = (staff.post("/JSM001/employees", staff.manager, body, **headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201), first.text
    hired = first.json()
    assert hired == again.json()
    assert hired["employee_number"] == "EMP000001"
    assert (hired["station_code"], hired["role"], hired["may_handle_cash"]) == ("JSM001", "EMPLOYEE", True)
    assert "id" not in hired
    (word,) = told(admin, "EMP000001")
    assert word.pop("version") > 0
    assert word == (
        {
            "employee_number": "EMP000001",
            "user_id": user(51),
            "station_code": "JSM001",
            "role": "EMPLOYEE",
            "permissions": ["may_handle_cash"],
            "active": True,
        }
    )
    logged = admin.execute(
        "SELECT event_type, actor, correlation_id, user_agent, new_values ->> 'position'"
        " FROM station_schema.station_audit_log WHERE entity_reference = 'EMP000001'"
    ).fetchall()
    assert logged == [("EMPLOYEE_CREATED", user(11), "hire-1", "panel", "CASHIER")]


def test_numbers_step_over_those_that_are_taken(staff: Staff, admin: Admin) -> None:
    admin.execute("SELECT setval('station_schema.employee_numbers', 20)")
    numbers = [staff.hire(number).json()["employee_number"] for number in (51, 52)]
    assert numbers == ["EMP000045", "EMP000046"]  # 21 to 44 are those of the sample data
    admin.execute("SELECT setval('station_schema.employee_numbers', 999999)")
    assert staff.hire(53).json()["employee_number"] == "EMP1000000"


@pytest.mark.parametrize(
    ("who", "station", "more", "status", "code"),
    [
        ("manager", "JSM005", {}, 403, "auth.other_station"),
        ("manager", "NOSUCH", {}, 403, "auth.other_station"),
        ("attendant", "JSM001", {}, 403, "auth.not_permitted"),
        ("manager", "JSM001", {"role": "STATION_ADMIN", "position": "MANAGER"}, 403, "employee.administrator"),
        ("system", "NOSUCH", {}, 404, "station.unknown"),
        ("system", "JSM001", {"user_id": str(uuid4())}, 404, "user.unknown"),
        ("system", "JSM001", {"user_id": user(21)}, 409, "employee.already_employed"),
        ("system", "JSM001", {"role": "STATION_ADMIN"}, 422, "employee.position"),
        ("system", "JSM001", {"may_supervise": True}, 422, "employee.position"),
        ("system", "JSM001", {"hired_on": "2199-01-01"}, 422, "employee.hired_on"),
        ("system", "JSM001", {"position": "KING"}, 422, "request.invalid"),
        ("system", "JSM001", {"salary": 1}, 422, "request.invalid"),
    ],
)
def test_who_may_not_be_hired_and_by_whom(
    who: str, station: str, more: dict[str, Any], status: int, code: str, staff: Staff, admin: Admin
) -> None:
    before = admin.execute("SELECT count(*) FROM station_schema.employees").fetchone()
    response = staff.hire(51, getattr(staff, who), station, **more)
    assert problem(response) == (status, code), response.text
    assert admin.execute("SELECT count(*) FROM station_schema.employees").fetchone() == before


def test_hiring_needs_a_key_and_a_second_factor(staff: Staff) -> None:
    body = {"user_id": user(51), "position": "CASHIER"}
    assert problem(staff.post("/JSM001/employees", staff.system, body)) == (400, "idempotency.missing")


def test_an_account_that_is_not_active_is_not_hired(staff: Staff, admin: Admin) -> None:
    admin.execute("UPDATE auth_schema.users SET is_active = false WHERE public_id = %s", (user(51),))
    assert problem(staff.hire(51)) == (409, "employee.user_inactive")


def test_a_change_of_what_somebody_else_changed_is_refused(staff: Staff, admin: Admin) -> None:
    etag = staff.get("/employees/emp000022", staff.manager).headers["etag"]
    changed = staff.patch("EMP000022", staff.manager, {"may_handle_cash": False}, etag)
    assert (changed.status_code, changed.json()["may_handle_cash"]) == (200, False), changed.text
    late = staff.patch("EMP000022", staff.system, {"position": "CASHIER"}, etag)
    assert problem(late) == (412, "employee.stale")
    unnamed = staff.client.patch("/api/stations/employees/EMP000022", json={}, headers=staff.system)
    assert problem(unnamed) == (428, "station.version_needed")
    assert [event["permissions"] for event in told(admin, "EMP000022")] == [["may_process_transactions"]]
    old_and_new = admin.execute(
        "SELECT old_values, new_values FROM station_schema.station_audit_log"
        " WHERE entity_reference = 'EMP000022' AND event_type = 'EMPLOYEE_UPDATED'"
    ).fetchall()
    assert old_and_new == [({"may_handle_cash": True}, {"may_handle_cash": False})]


def test_a_manager_manages_the_own_station_but_not_himself_and_makes_no_administrators(staff: Staff) -> None:
    assert problem(staff.patch("EMP000011", staff.manager, {"shift": "NIGHT"})) == (403, "employee.own")
    promotion = {"role": "STATION_ADMIN", "position": "MANAGER"}
    assert problem(staff.patch("EMP000022", staff.manager, promotion)) == (403, "employee.administrator")
    # Another station's employee, and one that nobody is: the same answer.
    for number in ("EMP000029", "EMP999999", "EMP1", "%00"):
        answers = [
            staff.get(f"/employees/{number}", staff.manager),
            staff.post(f"/employees/{number}/terminate", staff.manager, {"reason": "x"}),
            staff.get(f"/employees/{number}/certifications", staff.manager),
        ]
        assert [problem(answer) for answer in answers] == [(404, "employee.unknown")] * 3, number
    assert staff.patch("EMP000022", staff.system, promotion).json()["role"] == "STATION_ADMIN"
    # A colleague who has become an administrator is out of reach as well.
    assert problem(staff.post("/employees/EMP000022/terminate", staff.manager, {"reason": "rivalry"})) == (
        403,
        "employee.administrator",
    )


def test_a_transfer_takes_both_stations_and_cancels_the_shifts_to_come(staff: Staff, admin: Admin) -> None:
    admin.execute("TRUNCATE station_schema.employee_shifts")
    admin.execute(
        "INSERT INTO station_schema.employee_shifts (employee_id, station_id, starts_at, ends_at)"
        " SELECT id, station_id, now() + interval '1 day', now() + interval '1 day 8 hours'"
        " FROM station_schema.employees WHERE employee_number = 'EMP000022'"
    )
    etag = {"if-match": staff.get("/employees/EMP000022", staff.system).headers["etag"]}
    path, body = "/employees/EMP000022/transfer", {"station_code": "JSM002"}
    assert problem(staff.post(path, staff.manager, body, **etag)) == (403, "auth.other_station")
    moved = staff.post(path, staff.system, body, **etag)
    assert (moved.status_code, moved.json()["station_code"]) == (200, "JSM002")
    left = admin.execute("SELECT count(*) FROM station_schema.employee_shifts WHERE cancelled_at IS NULL").fetchone()
    assert left == (0,)
    assert told(admin, "EMP000022")[-1]["station_code"] == "JSM002"
    # The token of before speaks of another station.
    assert problem(staff.post(f"/shifts/{uuid4()}/clock-in", staff.attendant)) == (401, "auth.access_ended")


def test_an_ended_employment_stays_ended_and_a_new_one_begins(staff: Staff, admin: Admin) -> None:
    ended = staff.post("/employees/EMP000022/terminate", staff.manager, {"reason": "left for the coast"})
    assert ended.status_code == 200, ended.text
    assert ended.json()["terminated_on"] is not None
    assert told(admin, "EMP000022")[-1] | {"user_id": "", "version": 0} == {
        "version": 0,
        "employee_number": "EMP000022",
        "user_id": "",
        "station_code": "JSM001",
        "role": "EMPLOYEE",
        "permissions": [],
        "active": False,
    }
    assert problem(staff.patch("EMP000022", staff.system, {"shift": "DAY"})) == (409, "employee.terminated")
    assert problem(staff.post("/employees/EMP000022/terminate", staff.manager, {"reason": "again"})) == (
        409,
        "employee.terminated",
    )
    again = staff.hire(22)
    assert (again.status_code, again.json()["employee_number"]) == (201, "EMP000001")


def test_lists_show_what_the_asker_may_see(staff: Staff) -> None:
    numbers = [item["employee_number"] for item in staff.get("/employees?limit=100", staff.system).json()["items"]]
    assert len(numbers) == 27
    assert numbers == sorted(numbers)
    own_station = staff.get("/employees", staff.manager).json()["items"]
    assert [item["employee_number"] for item in own_station] == ["EMP000011", "EMP000021", "EMP000022"]
    assert staff.get("/JSM001/employees", staff.manager).json()["items"] == own_station
    assert [item["employee_number"] for item in staff.get("/employees", staff.attendant).json()["items"]] == [
        "EMP000022"
    ]
    assert problem(staff.get("/JSM002/employees", staff.manager)) == (403, "auth.other_station")
    assert problem(staff.get("/NOSUCH/employees", staff.manager)) == (403, "auth.other_station")
    assert problem(staff.get("/NOSUCH/employees", staff.system)) == (404, "station.unknown")
    assert problem(staff.get("/employees?cursor=xx", staff.system)) == (422, "request.cursor")
    admins = staff.get("/employees?role=STATION_ADMIN&status=ACTIVE&limit=2", staff.system).json()
    rest = staff.get(f"/employees?role=STATION_ADMIN&cursor={admins['next_cursor']}", staff.system).json()
    assert [item["employee_number"] for item in admins["items"] + rest["items"]] == [
        "EMP000011",
        "EMP000012",
        "EMP000013",
    ]
    assert rest["next_cursor"] is None


def test_two_stations_hiring_one_person_at_once_get_one_employment(settings: Settings) -> None:
    async def race() -> list[bool]:
        async with open_database(settings, "station") as db:
            return await asyncio.gather(*(_is_hired(db, f"JSM{station:03}") for station in range(1, 9)))

    assert sum(asyncio.run(race())) == 1


async def _is_hired(db: Database, station: str) -> bool:
    new = NewEmployee(user_id=UUID(user(51)), position=JobTitle.ATTENDANT)
    try:
        async with db.transaction() as conn:
            await employees.hire(conn, CHAIN, station, new)
    except asyncpg.UniqueViolationError as error:
        return error.constraint_name != "employees_active_user_id_idx"
    return True


def user_event(kind: str, number: int, **data: Any) -> Event:
    return Event(
        id=uuid4(),
        type=kind,
        source="urn:gasolinera:auth",
        aggregate="user",
        subject=user(number),
        time=datetime.now(UTC),
        data={"public_id": user(number)} | data,
    )


def test_an_employment_rests_with_its_account_and_ends_with_it(settings: Settings, admin: Admin) -> None:
    async def take(*events: Event) -> None:
        async with open_database(settings, "station") as db:
            for event in events:
                async with db.transaction() as conn:
                    await roster.take_user_event(conn, event)

    def state() -> tuple[Any, ...]:
        row = admin.execute(
            "SELECT suspended_at IS NOT NULL, terminated_on IS NOT NULL, may_handle_cash"
            " FROM station_schema.employees WHERE employee_number = 'EMP000022'"
        ).fetchone()
        assert row is not None
        return row

    earlier = user_event("user.changed", 22, role="EMPLOYEE", active=True)
    off = user_event("user.changed", 22, role="EMPLOYEE", active=False)
    on = user_event("user.changed", 22, role="EMPLOYEE", active=True)
    asyncio.run(take(off, off))
    assert state() == (True, False, True)
    assert [event["active"] for event in told(admin, "EMP000022")] == [False]
    asyncio.run(take(earlier))  # a dead letter, replayed late
    assert state() == (True, False, True)
    asyncio.run(take(on, on))
    asyncio.run(take(off))
    assert state() == (False, False, True)
    assert [event["active"] for event in told(admin, "EMP000022")] == [False, True]
    asyncio.run(take(user_event("user.erased", 22), user_event("user.erased", 22)))
    assert state() == (False, True, False)
    assert [event["active"] for event in told(admin, "EMP000022")] == [False, True, False]
    asyncio.run(take(on))  # an older word that comes again raises nobody from the dead
    assert admin.execute(
        "SELECT is_erased FROM station_schema.user_states WHERE user_id = %s", (user(22),)
    ).fetchall() == [(True,)]


def test_who_was_deactivated_while_the_hiring_was_decided_is_not_hired(settings: Settings) -> None:
    async def scene() -> None:
        async with open_database(settings, "station") as db:
            async with db.transaction() as conn:
                await roster.take_user_event(conn, user_event("user.changed", 51, role="CUSTOMER", active=False))
            new = NewEmployee(user_id=UUID(user(51)), position=JobTitle.ATTENDANT)
            with pytest.raises(ConflictError, match="not active"):
                await db.run(lambda conn: employees.hire(conn, CHAIN, "JSM001", new))

    asyncio.run(scene())


def test_what_a_token_says_of_an_employment_is_asked_of_the_tables(settings: Settings) -> None:
    true = Caller(role=Role.EMPLOYEE, user_id=UUID(user(22)), station_code="JSM001", employee_number="EMP000022")

    async def answers() -> list[bool]:
        other = msgspec.structs.replace
        callers = (
            true,
            CHAIN,
            other(true, station_code="JSM002"),
            other(true, role=Role.STATION_ADMIN),
            other(true, employee_number="EMP000021"),
            other(true, user_id=UUID(user(21))),
            other(true, employee_number=None),
        )
        async with open_database(settings, "station") as db, db.connection() as conn:
            return [await roster.is_current(conn, caller) for caller in callers]

    assert asyncio.run(answers()) == [True, True, False, False, False, False, False]


def test_sight_ends_where_the_permission_does() -> None:
    stationless = Caller(role=Role.STATION_ADMIN, user_id=UUID(user(11)))
    customer = Caller(role=Role.CUSTOMER, user_id=UUID(user(51)))
    for caller in (stationless, customer):
        with pytest.raises(ForbiddenError):
            roster.sight_of(caller, Permission.EMPLOYEES_READ)
