"""Shifts that never overlap, and training that counts until it expires."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import Database, open_database
from gasolinera.permissions import Caller, Role
from gasolinera.station import shifts
from gasolinera.station.models_employees import NewShift
from gasolinera.station.training import CERTIFICATIONS_EXPIRING
from tests.station.conftest import Headers, Staff, problem, user

Admin = psycopg.Connection[Any]
CHAIN = Caller(role=Role.SYSTEM_ADMIN, user_id=UUID(user(1)))
RULE = "/api/stations/JSM001/required-certification"


@pytest.fixture(autouse=True)
def nothing_known(admin: Admin) -> None:
    """These tests begin with nothing planned and nobody trained."""
    admin.execute("TRUNCATE station_schema.employee_shifts, station_schema.employee_certifications")


def planned(
    staff: Staff, begins: datetime, hours: float = 8, number: str = "EMP000022", who: Headers | None = None
) -> Any:
    body = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=hours)).isoformat()}
    return staff.post(f"/employees/{number}/shifts", who or staff.manager, body)


def now() -> datetime:
    return datetime.now(UTC)


def test_shifts_of_one_employee_may_touch_but_not_overlap(staff: Staff) -> None:
    begins = now() + timedelta(days=1)
    first = planned(staff, begins)
    assert first.status_code == 201, first.text
    assert (first.json()["station_code"], first.json()["time_zone"]) == ("JSM001", "America/Mexico_City")
    assert problem(planned(staff, begins + timedelta(hours=7))) == (409, "shift.overlaps")
    assert planned(staff, begins + timedelta(hours=8)).status_code == 201
    assert planned(staff, begins, number="EMP000021").status_code == 201
    cancelled = staff.post(f"/shifts/{first.json()['shift_id']}/cancel", staff.manager)
    assert cancelled.status_code == 200
    assert planned(staff, begins, hours=4).status_code == 201


@pytest.mark.parametrize(
    ("days", "hours", "code"), [(1, 17, "shift.length"), (1, -1, "shift.length"), (-2, 8, "shift.past")]
)
def test_what_is_no_shift_is_refused(days: int, hours: float, code: str, staff: Staff) -> None:
    assert problem(planned(staff, now() + timedelta(days=days), hours)) == (422, code)


def test_shifts_of_other_stations_are_not_there(staff: Staff) -> None:
    begins = now() + timedelta(days=1)
    assert problem(planned(staff, begins, number="EMP000029")) == (404, "employee.unknown")
    theirs = planned(staff, begins, number="EMP000029", who=staff.other_manager).json()
    for action in ("cancel", "clock-in", "clock-out"):
        assert problem(staff.post(f"/shifts/{theirs['shift_id']}/{action}", staff.manager)) == (404, "shift.unknown")
    assert problem(staff.post(f"/shifts/{theirs['shift_id']}/clock-in", staff.attendant)) == (404, "shift.unknown")


def test_of_many_who_plan_the_same_hours_at_once_one_succeeds(settings: Settings) -> None:
    begins = now() + timedelta(days=1)

    async def plan(db: Database, minutes: int) -> bool:
        wish = NewShift(begins + timedelta(minutes=minutes), begins + timedelta(hours=8))
        try:
            await db.run(lambda conn: shifts.plan_shift(conn, CHAIN, "EMP000022", wish, now=now()))
        except (asyncpg.ExclusionViolationError, asyncpg.DeadlockDetectedError):
            return False
        return True

    async def race() -> list[bool]:
        async with open_database(settings, "station") as db:
            return await asyncio.gather(*(plan(db, minutes) for minutes in range(8)))

    assert sum(asyncio.run(race())) == 1


def test_a_shift_is_begun_and_ended_once_by_whose_it_is(staff: Staff) -> None:
    shift = planned(staff, now() + timedelta(minutes=20)).json()["shift_id"]
    later = planned(staff, now() + timedelta(days=2)).json()["shift_id"]
    colleague = staff.employed(21, "JSM001")
    assert problem(staff.post(f"/shifts/{shift}/clock-in", colleague)) == (404, "shift.unknown")
    assert problem(staff.post(f"/shifts/{shift}/clock-out", staff.attendant)) == (409, "shift.not_begun")
    assert problem(staff.post(f"/shifts/{later}/clock-in", staff.attendant)) == (409, "shift.not_now")
    begun = staff.post(f"/shifts/{shift}/clock-in", staff.attendant)
    assert begun.json()["clocked_in_at"] is not None
    assert problem(staff.post(f"/shifts/{shift}/clock-in", staff.attendant)) == (409, "shift.begun")
    assert problem(staff.post(f"/shifts/{shift}/cancel", staff.manager)) == (409, "shift.begun")
    assert staff.post(f"/shifts/{shift}/clock-out", staff.attendant).json()["clocked_out_at"] is not None
    assert problem(staff.post(f"/shifts/{shift}/clock-out", staff.attendant)) == (409, "shift.over")


def test_nobody_is_at_work_in_two_shifts(staff: Staff, admin: Admin) -> None:
    admin.execute(
        "INSERT INTO station_schema.employee_shifts (employee_id, station_id, starts_at, ends_at, clocked_in_at)"
        " SELECT id, station_id, now() - interval '9 hours', now() - interval '1 hour', now() - interval '9 hours'"
        " FROM station_schema.employees WHERE employee_number = 'EMP000022'"
    )
    shift = planned(staff, now() + timedelta(minutes=1)).json()["shift_id"]
    assert problem(staff.post(f"/shifts/{shift}/clock-in", staff.attendant)) == (409, "shift.still_at_work")


def test_a_day_is_the_stations_day(staff: Staff) -> None:
    """23:00 in Mexico City is the next day in UTC; a night belongs to both of its days."""
    day = (now() + timedelta(days=3)).date()
    begins = datetime(day.year, day.month, day.day, 5, 0, tzinfo=UTC)  # 23:00 of the day before
    shift = planned(staff, begins).json()["shift_id"]
    for offset, expected in ((-2, []), (-1, [shift]), (0, [shift]), (1, [])):
        listed = staff.get(f"/JSM001/shifts?day={day + timedelta(days=offset)}", staff.attendant)
        assert [item["shift_id"] for item in listed.json()["items"]] == expected
    assert staff.get(f"/JSM001/shifts?day={day}", staff.employed(21, "JSM001")).json()["items"] == []
    assert problem(staff.get("/JSM005/shifts", staff.manager)) == (403, "auth.other_station")


def certified(staff: Staff, expires: str | None, issued: str = "2024-01-01", kind: str = "COUPON_PROCESSING") -> Any:
    body = {"kind": kind, "issued_on": issued, "expires_on": expires}
    return staff.post("/employees/EMP000022/certifications", staff.manager, body)


def rule(staff: Staff, kind: str | None) -> Any:
    return staff.client.put(RULE, json={"required_certification": kind}, headers=staff.manager)


def test_a_station_lets_only_the_trained_process_transactions(staff: Staff, admin: Admin) -> None:
    certification = certified(staff, "2090-01-01")  # too far
    assert problem(certification) == (422, "certification.expires_on")
    certification = certified(staff, None)
    assert certification.status_code == 201, certification.text
    assert problem(certified(staff, None)) == (409, "certification.exists")
    applied = rule(staff, "COUPON_PROCESSING")
    assert applied.json()["withdrawn_from"] == ["EMP000011", "EMP000021"]
    assert problem(staff.patch("EMP000021", staff.manager, {"may_process_transactions": True})) == (
        409,
        "employee.not_certified",
    )
    assert problem(staff.hire(51, may_process_transactions=True)) == (409, "employee.not_certified")
    withdrawn = staff.post(
        f"/employees/EMP000022/certifications/{certification.json()['certification_id']}/withdraw",
        staff.manager,
        {"reason": "forged"},
    )
    assert withdrawn.status_code == 200
    assert staff.get("/employees/EMP000022", staff.manager).json()["may_process_transactions"] is False
    told = admin.execute(
        "SELECT aggregate_key FROM station_schema.outbox_events WHERE payload -> 'permissions'"
        " ? 'may_process_transactions' IS FALSE AND event_type = 'employee.changed' ORDER BY id"
    ).fetchall()
    assert {number for (number,) in told} == {"EMP000011", "EMP000021", "EMP000022"}
    assert rule(staff, None).json() == {"required_certification": None, "withdrawn_from": []}
    assert staff.patch("EMP000021", staff.manager, {"may_process_transactions": True}).status_code == 200


def test_the_right_goes_on_the_day_the_training_expires(staff: Staff, settings: Settings, admin: Admin) -> None:
    today = admin.execute("SELECT timezone('America/Mexico_City', now())::date").fetchone()
    assert today is not None
    tomorrow, soon = (str(today[0] + timedelta(days=days)) for days in (1, 20))
    for number in ("EMP000011", "EMP000021", "EMP000022"):
        admin.execute(
            "INSERT INTO station_schema.employee_certifications (employee_id, kind, issued_on, expires_on)"
            " SELECT id, 'COUPON_PROCESSING', '2025-01-01', %s FROM station_schema.employees"
            " WHERE employee_number = %s",
            (tomorrow if number != "EMP000011" else soon, number),
        )
    assert rule(staff, "COUPON_PROCESSING").json()["withdrawn_from"] == []
    certified(staff, soon, issued="2025-02-01")  # EMP000022 renews
    expiring = staff.get("/JSM001/certifications/expiring?days=10", staff.manager).json()["items"]
    assert [(item["employee_number"], item["is_required"]) for item in expiring] == [("EMP000021", True)]
    assert problem(staff.get("/JSM001/certifications/expiring", staff.attendant)) == (403, "auth.not_permitted")

    async def work() -> str:
        async with open_database(settings, "station") as db:
            return await CERTIFICATIONS_EXPIRING.run(db, {})

    assert asyncio.run(work()) == "3 certifications expire within 30 days; 0 rights withdrawn"
    admin.execute("UPDATE station_schema.employee_certifications SET expires_on = expires_on - 1")
    assert asyncio.run(work()) == "2 certifications expire within 30 days; 1 rights withdrawn"
    assert asyncio.run(work()).endswith(" 0 rights withdrawn")
    assert staff.get("/employees/EMP000021", staff.manager).json()["may_process_transactions"] is False


def test_the_summary_counts_each_thing_once(staff: Staff, admin: Admin) -> None:
    for kind in ("FIRST_AID", "FIRE_SAFETY", "CASH_HANDLING"):
        assert certified(staff, None, kind=kind).status_code == 201
    staff.post("/employees/EMP000021/terminate", staff.manager, {"reason": "moved"})
    admin.execute("UPDATE station_schema.employees SET suspended_at = now() WHERE employee_number = 'EMP000011'")
    row = admin.execute(
        "SELECT active_employees, suspended_employees, terminated_employees, administrators, supervisors,"
        " process_transactions, handle_cash, valid_certifications, expiring_certifications"
        " FROM station_schema.employee_summary WHERE station_code = 'JSM001'"
    ).fetchone()
    assert row == (1, 1, 1, 0, 0, 1, 1, 3, 0)
    active = admin.execute("SELECT employee_number FROM station_schema.active_employees WHERE station_code = 'JSM001'")
    assert active.fetchall() == [("EMP000022",)]
    overview = admin.execute(
        "SELECT kind, status FROM station_schema.certification_overview"
        " WHERE employee_number = 'EMP000022' AND issued_on = '2024-01-01' ORDER BY kind"
    ).fetchall()
    assert overview == [("CASH_HANDLING", "VALID"), ("FIRE_SAFETY", "VALID"), ("FIRST_AID", "VALID")]


def test_what_is_done_to_an_employee_is_one_history(staff: Staff, admin: Admin) -> None:
    shift = planned(staff, now() + timedelta(minutes=5)).json()["shift_id"]
    staff.post(f"/shifts/{shift}/clock-in", staff.attendant)
    certified(staff, None)
    rows = admin.execute(
        "SELECT event_type, actor, new_values ->> 'shift_id' = %s FROM station_schema.station_audit_log"
        " WHERE entity_reference = 'EMP000022' AND entity_type <> 'EMPLOYEE' AND correlation_id IS NOT NULL"
        " ORDER BY id",
        (shift,),
    ).fetchall()
    assert rows == [
        ("SHIFT_CREATED", user(11), True),
        ("SHIFT_UPDATED", user(22), True),
        ("CERTIFICATION_CREATED", user(11), None),
    ]
