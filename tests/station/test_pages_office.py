"""The back office of stations: who gets in, what is shown, what a form keeps, and that nothing is kept too early."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.web.looking import ADMINISTRATOR, ANA, EMPLOYEE, HTML, STATION_ADMIN, cookie_of, token_in

Admin = psycopg.Connection[Any]
PAGES = (
    "/office/stations",
    "/office/stations/new",
    "/office/stations/import",
    "/office/stations/JSM001",
    "/office/stations/JSM001/edit",
    "/office/stations/JSM001/hours",
    "/office/stations/JSM001/prices",
    "/office/stations/JSM001/status",
    "/office/stations/JSM001/audit",
    "/office/stations/JSM001/training",
    "/office/employees",
    "/office/employees/new",
    "/office/employees/import",
    "/office/employees/EMP000022",
    "/office/employees/EMP000022/edit",
    "/office/employees/EMP000022/terminate",
    "/office/terminals",
    "/office/terminals/new",
)
FILES = ("/office/stations/list.csv", "/office/stations/table.csv", "/office/employees/list.csv",
         "/office/employees/table.csv", "/office/terminals/list.csv")  # fmt: skip


class Looker:
    """A browser without scripts, as somebody."""

    def __init__(self, client: TestClient[Litestar], admin: Admin) -> None:
        self.client = client
        self.admin = admin

    def become(self, phone: str, *, second_factor: bool = True) -> None:
        self.client.cookies.clear()
        for name, value in cookie_of(self.admin, phone, second_factor=second_factor).items():
            self.client.cookies.set(name, value)

    def get(self, path: str, language: str = "es") -> Any:
        return self.client.get(path, headers=HTML | {"accept-language": language}, follow_redirects=False)

    def post(self, path: str, page: Any = None, files: Any = None, **fields: Any) -> Any:
        """With the token of a page that the same person looks at."""
        token = token_in(self.get(page or "/office/stations").text)
        headers = HTML | {"accept-language": "es"}
        return self.client.post(
            path, data={"token": token, **fields}, files=files, headers=headers, follow_redirects=False
        )


@pytest.fixture
def looker(settings: Settings, admin: Admin) -> Generator[Looker]:
    with TestClient(create_app(settings), base_url="https://testserver.local", raise_server_exceptions=True) as client:
        yield Looker(client, admin)


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_page_opens_for_the_chain_in_both_languages(looker: Looker, language: str) -> None:
    looker.become(ADMINISTRATOR)
    for path in PAGES:
        found = looker.get(path, language)
        assert (found.status_code, path) == (200, path)
        assert f'<html lang="{language}">' in found.text
        assert len(found.content) < 60_000
    for path in FILES:
        found = looker.get(path, language)
        assert (found.status_code, found.headers["content-type"].partition(";")[0]) == (200, "text/csv")


def test_customers_and_employees_do_not_get_in(looker: Looker) -> None:
    for phone in (ANA, EMPLOYEE):
        looker.become(phone)
        assert {looker.get(path).status_code for path in (*PAGES, *FILES)} == {403}
    looker.client.cookies.clear()
    assert looker.get("/office/stations").headers["location"].startswith("/login")


def test_a_station_administrator_reaches_the_own_station_alone(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    assert "JSM001" in looker.get("/office/stations").text
    assert "/office/stations/JSM005" not in looker.get("/office/stations").text
    for path in ("/office/stations/JSM001", "/office/stations/JSM001/edit", "/office/stations/JSM001/prices"):
        assert looker.get(path).status_code == 200
    for path in ("", "/edit", "/hours", "/prices", "/audit", "/training"):
        assert looker.get(f"/office/stations/JSM005{path}").status_code == 403
    for path in ("/office/stations/new", "/office/stations/import", "/office/stations/JSM001/status"):
        assert looker.get(path).status_code == 403
    assert "JSM005" not in looker.get("/office/employees/list.csv").text
    assert "JSM005" not in looker.get("/office/employees?station=JSM005").text.partition("<tbody>")[2]
    of_another = looker.admin.execute(
        "SELECT e.employee_number FROM station_schema.employees AS e JOIN station_schema.stations AS s"
        " ON s.id = e.station_id WHERE s.station_code = 'JSM005' LIMIT 1"
    ).fetchone()
    assert of_another is not None
    assert looker.get(f"/office/employees/{of_another[0]}").status_code == 404


def test_without_the_second_factor_nothing_is_changed(looker: Looker) -> None:
    looker.become(ADMINISTRATOR, second_factor=False)
    assert looker.get("/office/stations/new").headers["location"].startswith("/login/second-factor")
    assert looker.post("/office/employees/EMP000022/terminate", reason="x").status_code in (303, 403)
    assert looker.admin.execute(
        "SELECT terminated_on FROM station_schema.employees WHERE employee_number = 'EMP000022'"
    ).fetchone() == (None,)


def test_the_list_is_searched_sorted_and_said_to_be_empty(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    names = [row[0] for row in looker.admin.execute(
        "SELECT station_code FROM station_schema.stations ORDER BY station_code DESC").fetchall()]  # fmt: skip
    body = looker.get("/office/stations?sort=-code&q=&status=").text.partition("<tbody>")[2]
    assert sorted(names, key=body.index) == names
    assert "JSM002" not in looker.get("/office/stations?q=JSM001").text.partition("<tbody>")[2]
    assert "Ninguna estación coincide" in looker.get("/office/stations?q=nosuchplace").text
    assert looker.get("/office/stations?status=NONE").status_code == 422
    assert looker.get("/office/stations?sort=secret").status_code == 422
    assert looker.get("/office/stations?cursor=abc").status_code == 422


def test_files_and_the_log_speak_as_the_pages_do(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    looker.admin.execute(
        "UPDATE station_schema.stations SET performance_measured_at = '2026-11-23 14:23:39.885Z', time_zone ="
        " 'America/Mexico_City' WHERE station_code = 'JSM001'"
    )
    found = looker.get("/office/stations/list.csv?q=JSM001").text
    assert all(one in found for one in ("Abierta", "Sí", "México", "Diésel"))
    assert not any(one in found for one in ("ACTIVE", "true", "DIESEL", ",MX,"))
    found = looker.get("/office/employees/list.csv").text
    assert all(one in found for one in ("Gerente", "Activo", "Administra la estación"))
    assert not any(one in found for one in ("MANAGER", "ACTIVE", "true", "DAY"))
    looker.admin.execute("UPDATE station_schema.terminals SET name = 'Una'")
    assert "T" not in looker.get("/office/terminals/list.csv").text.rpartition(",")[2]
    for page in ("", "/audit"):
        text = looker.get(f"/office/stations/JSM001{page}").text
        assert "Desempeño medido" in text
        assert "23 nov 2026, 08:23" in text
        assert "14:23:39" not in text
    log = "/office/stations/JSM001/audit"
    line = "Estación modificada,role:postgres,Desempeño medido,"
    assert line in looker.get(f"{log}.csv?kind=STATION_UPDATED&q=14:23&order=oldest").text
    assert line not in looker.get(f"{log}.csv?kind=PRICE_UPDATED").text
    assert "Ningún cambio coincide" in looker.get(f"{log}?q=nosuchvalue").text
    assert looker.get(f"{log}?order=who").status_code == 422


def test_a_form_keeps_what_was_typed_and_says_what_is_wrong_at_the_field(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    version = looker.get("/office/stations/JSM001/edit").text.partition('name="version" value="')[2].partition('"')[0]
    fields = {
        "version": version,
        "name": "Otro nombre",
        "station_type": "HYBRID",
        "phone": "55 1234",
        "fuels": "REGULAR",
    }
    shown = looker.get("/office/stations/JSM001/edit").text
    assert 'name="accepts_coupons" value="on" checked aria-' in shown
    found = looker.post("/office/stations/JSM001/edit", **fields)
    assert found.status_code == 422
    assert 'value="Otro nombre"' in found.text
    assert 'id="phone-error"' in found.text
    assert 'value="55 1234"' in found.text


def test_a_change_is_kept_once_and_a_stale_one_is_told(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    page = "/office/stations/JSM001/edit"
    version = looker.get(page).text.partition('name="version" value="')[2].partition('"')[0]
    fields = {"version": version, "name": "Centro renovado", "station_type": "HYBRID", "fuels": ["REGULAR", "DIESEL"],
              "address": "Calle 5", "city": "México", "state": "CDMX", "pump_count": "9",
              "accepts_coupons": "", "latitude": "1"}  # fmt: skip
    assert looker.post(page, **fields).headers["location"] == "/office/stations/JSM001?said=station-changed"
    row = looker.admin.execute(
        "SELECT name, fuels, accepts_coupons, location[1] > 10, phone FROM station_schema.stations"
        " WHERE station_code = 'JSM001'"
    ).fetchone()
    # What the chain alone changes stays, and what was emptied is gone.
    assert row == ("Centro renovado", ["DIESEL", "REGULAR"], True, True, None)
    again = looker.post(page, **fields | {"name": "Tarde"})
    assert again.status_code == 422
    assert "Alguien cambió la estación" in again.text


def test_a_station_is_opened_on_a_page_and_its_code_is_taken_then(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    fields = {"station_code": "jsm900", "name": "Nueva", "country": "MX", "status": "CONSTRUCTION",
              "station_type": "FULL_SERVICE", "latitude": "20.5", "longitude": "-100.4"}  # fmt: skip
    made = looker.post("/office/stations/new", **fields)
    assert made.headers["location"] == "/office/stations/JSM900?said=station-created"
    assert "quedó creada" in looker.get(made.headers["location"]).text
    again = looker.post("/office/stations/new", **fields)
    assert (again.status_code, "Otra estación ya tiene este código" in again.text) == (422, True)


def test_what_closes_a_station_asks_and_for_good_wants_its_code(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    page = "/office/stations/JSM002/status"

    def status() -> Any:
        found = looker.admin.execute("SELECT status FROM station_schema.stations WHERE station_code = 'JSM002'")
        return found.fetchone()

    before = status()
    asked = looker.post(page, status="PERMANENTLY_CLOSED", reason="fin")
    assert (asked.status_code, 'name="typed"' in asked.text, status()) == (200, True, before)
    wrong = looker.post(page, status="PERMANENTLY_CLOSED", reason="fin", confirmed="yes", typed="JSM")
    assert (wrong.status_code, status()) == (422, before)
    done = looker.post(page, status="PERMANENTLY_CLOSED", reason="fin", confirmed="yes", typed="JSM002")
    assert (done.status_code, status()) == (303, ("PERMANENTLY_CLOSED",))


def test_hours_are_typed_as_people_write_them(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    page = "/office/stations/JSM001/hours"
    version = looker.get(page).text.partition('name="version" value="')[2].partition('"')[0]
    wrong = looker.post(page, version=version, mon="siempre", tue="6-14, 16:00-22:00", count="1")
    assert (wrong.status_code, 'value="siempre"' in wrong.text, 'id="mon-error"' in wrong.text) == (422, True, True)
    fields = {"day-0": "2027-01-01", "hours-0": "8-12", "note-0": "Año nuevo"}
    kept = looker.post(page, version=version, mon="", tue="6-14, 16:00-22:00", count="1", **fields)
    assert kept.status_code == 303
    shown = looker.get("/office/stations/JSM001").text
    assert "06:00\N{EN DASH}14:00, 16:00\N{EN DASH}22:00" in shown
    assert "Año nuevo" in shown


def test_a_price_is_scheduled_in_the_stations_zone_and_withdrawn(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    page = "/office/stations/JSM001/prices"
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    assert looker.post(page, fuel="REGULAR", price="abc").status_code == 422
    assert looker.post(page, fuel="REGULAR", price="24.10", day=day, time="06:00").status_code == 303
    row = looker.admin.execute(
        "SELECT valid_from, price::text FROM station_schema.station_scheduled_prices"
        " WHERE timezone('America/Mexico_City', valid_from)::time = '06:00'"
    ).fetchone()
    assert row is not None
    assert row[1] == "24.100"
    fields = {"fuel": "REGULAR", "valid_from": row[0].isoformat()}
    assert looker.post(f"{page}/withdraw", **fields).status_code == 200
    assert looker.post(f"{page}/withdraw", **fields, confirmed="yes").status_code == 303
    assert "No hay precios programados" in looker.get(page).text
