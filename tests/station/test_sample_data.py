"""The sample data shows every side of a station that its views and lists have."""

from datetime import date
from typing import Any, LiteralString

import psycopg

from tests.station.conftest import Staff

Admin = psycopg.Connection[Any]


def rows(admin: Admin, query: LiteralString) -> list[tuple[Any, ...]]:
    return admin.execute(query).fetchall()


def test_every_station_has_holidays_to_come(staff: Staff, admin: Admin) -> None:
    shown = staff.get("/JSM001", {}).json()["exceptions"]
    days = [date.fromisoformat(one["day"]) for one in shown]
    assert sorted((day.month, day.day) for day in days) == [(1, 1), (12, 24), (12, 25), (12, 31)]
    ahead = rows(
        admin,
        "SELECT count(*), min(x.day - timezone(s.time_zone, now())::date) >= 0,"
        " max(x.day - timezone(s.time_zone, now())::date) <= 366, count(*) FILTER (WHERE x.hours = '[]')"
        " FROM station_schema.station_hours_exceptions AS x JOIN station_schema.stations AS s ON s.id = x.station_id",
    )
    assert ahead == [(12 * 4, True, True, 1)]


def test_training_is_there_in_each_of_its_states(admin: Admin) -> None:
    states = rows(admin, "SELECT status, count(*) FROM station_schema.certification_overview GROUP BY 1 ORDER BY 1")
    assert states == [("EXPIRED", 1), ("EXPIRING", 4), ("VALID", 52), ("WITHDRAWN", 1)]
    untrained = rows(
        admin,
        "SELECT e.employee_number FROM station_schema.employees AS e WHERE NOT station_schema.holds_certification("
        "e.id, 'COUPON_PROCESSING', current_date)",
    )
    assert untrained == []
    summary = rows(
        admin,
        "SELECT sum(valid_certifications)::integer, sum(expiring_certifications)::integer"
        " FROM station_schema.employee_summary",
    )
    assert summary == [(56, 4)]


def test_shifts_fill_the_week_at_the_employees_own_station_and_hours(staff: Staff, admin: Admin) -> None:
    wrong = rows(
        admin,
        "SELECT s.shift_id FROM station_schema.employee_shifts AS s"
        " JOIN station_schema.employees AS e ON e.id = s.employee_id"
        " JOIN station_schema.stations AS t ON t.id = s.station_id"
        " WHERE s.station_id <> e.station_id"
        " OR timezone(t.time_zone, s.starts_at)::time NOT IN ('06:00', '08:00', '14:00')",
    )
    assert wrong == []
    # Loading took place at one moment, which created_at remembers. One employee of all stayed away.
    stamped = rows(
        admin,
        "SELECT count(*) FILTER (WHERE (clocked_in_at IS NULL) = (starts_at <= created_at)),"
        " count(*) FILTER (WHERE (clocked_out_at IS NULL) = (ends_at <= created_at))"
        " FROM station_schema.employee_shifts",
    )
    assert stamped == [(1, 1)]
    counted = rows(
        admin,
        "SELECT count(DISTINCT employee_id), count(*), count(cancelled_at),"
        " min(starts_at) < now() - interval '2 days', max(ends_at) > now() + interval '2 days'"
        " FROM station_schema.employee_shifts",
    )
    assert counted == [(27, 27 * 6, 1, True, True)]
    today = staff.get("/JSM001/shifts", staff.manager).json()["items"]
    assert len(today) == 3


def test_terminals_are_there_seen_unseen_and_revoked(staff: Staff) -> None:
    listed = {
        code: staff.get(f"/{code}/terminals", staff.system).json()["items"] for code in ("JSM001", "JSM002", "JSM012")
    }
    assert [one["name"] for one in listed["JSM001"]] == ["Caja 1", "Caja 2"]
    assert [one["revoked_at"] is None for one in listed["JSM002"]] == [True, False]
    assert [one["last_seen_at"] is None for one in listed["JSM012"]] == [False, True]
