"""Employees and terminals of the back office: hired, changed, let go, let in and shut out on pages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.station.conftest import user
from tests.station.test_pages_office import Looker, looker
from tests.web.looking import ADMINISTRATOR, STATION_ADMIN

__all__ = ["looker"]  # a fixture

EMPLOYEE_PAGE = "/office/employees/EMP000022"


def of_employee(looker: Looker, columns: str, number: str = "EMP000022") -> Any:
    return looker.admin.execute(
        f"SELECT {columns} FROM station_schema.employees WHERE employee_number = %s".encode(), (number,)
    ).fetchone()


def test_somebody_is_hired_once_and_what_is_wrong_is_told_at_its_field(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    page = "/office/employees/new"
    fields = {"user_id": user(55), "station_code": "jsm001", "position": "ATTENDANT", "role": "EMPLOYEE",
              "employment_type": "FULL_TIME", "shift": "DAY", "may_handle_cash": "on"}  # fmt: skip
    for wrong, field in (({"user_id": "somebody"}, "user_id"), ({"user_id": user(999_999)}, "user_id"),
                         ({"station_code": "NONE99"}, "station_code"), ({"position": ""}, "position")):  # fmt: skip
        found = looker.post(page, **fields | wrong)
        assert (found.status_code, f'id="{field}-error"' in found.text) == (422, True), wrong
        assert 'value="JSM001"' in found.text or "NONE99" in found.text
    hired = looker.post(page, **fields)
    assert re.fullmatch(r"/office/employees/EMP\d+\?said=employee-hired", hired.headers["location"])
    assert looker.post(page, **fields).status_code == 422


def test_a_station_administrator_hires_at_the_own_station_whatever_the_form_says(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    fields = {"user_id": user(56), "station_code": "JSM005", "position": "ATTENDANT", "role": "EMPLOYEE",
              "employment_type": "FULL_TIME", "shift": "DAY"}  # fmt: skip
    found = looker.post("/office/employees/new", **fields)
    assert found.status_code == 422
    assert "Esa estación no es la tuya" in found.text


def test_an_employee_is_changed_with_the_version_that_was_read(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    page = f"{EMPLOYEE_PAGE}/edit"
    version = looker.get(page).text.partition('name="version" value="')[2].partition('"')[0]
    fields = {"version": version, "position": "CASHIER", "role": "EMPLOYEE", "employment_type": "PART_TIME",
              "shift": "NIGHT"}  # fmt: skip
    assert looker.post(page, **fields).status_code == 303
    assert of_employee(looker, "position, shift, may_handle_cash") == ("CASHIER", "NIGHT", False)
    stale = looker.post(page, **fields | {"position": "ATTENDANT"})
    assert (stale.status_code, "Alguien cambió el empleo" in stale.text) == (422, True)


def test_an_employment_ends_only_with_a_reason_and_the_number_typed(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    page = f"{EMPLOYEE_PAGE}/terminate"
    assert looker.post(page, reason="").status_code == 422
    assert 'name="typed"' in looker.post(page, reason="se mudó").text
    assert of_employee(looker, "terminated_on IS NULL") == (True,)
    assert looker.post(page, reason="se mudó", confirmed="yes", typed="EMP000022").status_code == 303
    assert of_employee(looker, "terminated_on IS NULL, termination_reason") == (False, "se mudó")
    assert looker.post(page, reason="otra", confirmed="yes", typed="EMP000022").status_code == 422


def test_shifts_and_training_are_kept_on_the_employees_page(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    assert looker.post(f"{EMPLOYEE_PAGE}/shifts", day=day, begins="22:00", ends="06:00").status_code == 303
    twice = looker.post(f"{EMPLOYEE_PAGE}/shifts", day=day, begins="23:00", ends="05:00")
    assert (twice.status_code, "Ya tiene otro turno" in twice.text) == (422, True)
    assert looker.post(f"{EMPLOYEE_PAGE}/training", kind="FIRST_AID", issued_on="2026-10-01").status_code == 303
    wrong = looker.post(f"{EMPLOYEE_PAGE}/training", kind="FIRST_AID", issued_on="2026-10-01")
    assert (wrong.status_code, 'id="issued_on-error"' in wrong.text) == (422, True)
    shown = looker.get(EMPLOYEE_PAGE).text
    assert "Primeros auxilios" in shown
    withdraw = re.search(r'href="([^"]+/withdraw)"', shown)
    assert withdraw is not None
    assert looker.post(withdraw[1], reason="falsa").status_code == 303
    assert "Retirada" in looker.get(EMPLOYEE_PAGE).text


def test_a_terminal_is_let_in_by_a_code_that_is_shown_once(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    other = looker.post("/office/terminals/new", station_code="JSM005", name="Caja 9")
    assert (other.status_code, "Esa estación no es la tuya" in other.text) == (422, True)
    made = looker.post("/office/terminals/new", station_code="JSM001", name="Caja 9")
    assert made.status_code == 200
    assert re.search(r"\b[0-9A-Z]{6}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", made.text)
    assert made.headers["cache-control"] == "no-store"


def test_a_terminal_is_renamed_and_shut_out_with_a_reason(looker: Looker) -> None:
    looker.admin.execute(
        "INSERT INTO station_schema.terminals (terminal_code, station_id, name, public_key, enrolled_by)"
        " SELECT 'TRM00000' || n, s.id, 'Caja ' || n, sha256(n::text::bytea), 'test'"
        "   FROM (VALUES (8, 'JSM001'), (9, 'JSM005')) AS v (n, code)"
        "   JOIN station_schema.stations AS s ON s.station_code = v.code"
    )
    looker.become(STATION_ADMIN)
    assert looker.get("/office/terminals/TRM000009").status_code == 404
    assert "Caja 9" not in looker.get("/office/terminals").text
    assert looker.post("/office/terminals/TRM000008", name="Caja nueva").status_code == 303
    assert looker.post("/office/terminals/TRM000008/revoke", reason="").status_code == 422
    assert looker.post("/office/terminals/TRM000008/revoke", reason="robada").status_code == 303
    shown = looker.get("/office/terminals/TRM000008").text
    assert ("robada" in shown, "Caja nueva" in shown) == (True, True)
    assert looker.post("/office/terminals/TRM000008", name="Otra").status_code == 422
