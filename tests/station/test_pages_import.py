"""Tables that come in on pages: looked at first, when nothing is kept; mended; and kept as they were looked at."""

import re
from typing import Any, LiteralString

from tests.station.test_pages_office import Looker, looker
from tests.web.looking import ADMINISTRATOR, STATION_ADMIN

__all__ = ["looker"]  # a fixture

PAGE = "/office/stations/import"
FAULTY = (
    "station_code,name,country,latitude,longitude,postal_code\n"
    "JSM901,Uno,MX,20.5,-100.4,76000\n"
    "JSM902,Dos,MX,20.6,-100.5,7\n"
)
GOOD = FAULTY.replace(",7\n", ",76010\n")


def send(looker: Looker, text: str, page: str = PAGE) -> Any:
    return looker.post(page, page, files={"file": ("t.csv", text.encode(), "text/csv")})


def hidden(text: str) -> dict[str, str]:
    confirming = text.partition('name="confirmed"')[2].partition("</form>")[0]
    return {"confirmed": "yes"} | dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', confirming))


def known(looker: Looker) -> list[str]:
    rows = looker.admin.execute("SELECT station_code FROM station_schema.stations WHERE station_code LIKE 'JSM9%'")
    return sorted(row[0] for row in rows.fetchall())


def test_what_would_be_is_shown_and_nothing_is_kept(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    shown = send(looker, FAULTY)
    assert shown.status_code == 200
    assert "Todavía no se guardó nada" in shown.text
    assert "codigo_postal" in shown.text
    assert "Cuatro o cinco dígitos" in shown.text
    assert known(looker) == []


def test_the_mended_table_is_confirmed_and_kept(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    shown = send(looker, GOOD)
    assert "Guardar las 2 filas" in shown.text
    kept = looker.post(PAGE, PAGE, **hidden(shown.text))
    assert kept.headers["location"] == f"{PAGE}?inserted=2&updated=0&unchanged=0&rejected=0"
    assert known(looker) == ["JSM901", "JSM902"]
    assert "la tabla se guardó" in looker.get(kept.headers["location"]).text
    # A second press of the button finds nothing new.
    again = looker.post(PAGE, PAGE, **hidden(shown.text))
    assert again.headers["location"] == f"{PAGE}?inserted=0&updated=0&unchanged=2&rejected=0"


def test_good_rows_alone_are_kept_where_somebody_says_so(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    shown = send(looker, FAULTY)
    assert "Guardar solo la fila buena" in shown.text
    kept = looker.post(PAGE, PAGE, **hidden(shown.text))
    assert kept.headers["location"] == f"{PAGE}?inserted=1&updated=0&unchanged=0&rejected=1"
    assert known(looker) == ["JSM901"]


def test_another_table_than_the_one_that_was_looked_at_is_looked_at_first(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    fields = hidden(send(looker, GOOD).text)
    other = GOOD.replace("Uno", "Otra")
    shown = looker.post(PAGE, PAGE, files={"file": ("t.csv", other.encode(), "text/csv")}, **fields)
    assert (shown.status_code, "no es el que revisaste" in shown.text, known(looker)) == (422, True, [])


def check_overtaken(looker: Looker, page: str, text: str, change: LiteralString, told: LiteralString) -> None:
    fields = hidden(send(looker, text, page).text)
    looker.admin.execute(change)
    before = looker.admin.execute(told).fetchone()
    shown = looker.post(page, page, **fields)
    assert (shown.status_code, "mira otra vez qué cambiaría" in shown.text) == (422, True)
    assert looker.admin.execute(told).fetchone() == before
    kept = looker.post(page, page, **hidden(shown.text))
    assert kept.headers["location"].endswith("inserted=0&updated=1&unchanged=0&rejected=0")
    assert looker.admin.execute(told).fetchone() != before


def test_what_somebody_else_changes_meanwhile_is_not_overwritten_unseen(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    check_overtaken(
        looker,
        PAGE,
        "station_code,name\nJSM001,De la tabla\n",
        "UPDATE station_schema.stations SET name = 'De otra persona' WHERE station_code = 'JSM001'",
        "SELECT name FROM station_schema.stations WHERE station_code = 'JSM001'",
    )
    check_overtaken(
        looker,
        "/office/employees/import",
        "employee_number,position\nEMP000022,CASHIER\n",
        "UPDATE station_schema.employees SET position = 'ATTENDANT' WHERE employee_number = 'EMP000022'",
        "SELECT position FROM station_schema.employees WHERE employee_number = 'EMP000022'",
    )


def test_a_large_table_is_not_carried_by_the_page(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    rows = "".join(f"JSM9{number:05},Estación número {number * 7919 % 99991},MX,20.{number},-100.{number * 31}\n"
                   for number in range(3_000))  # fmt: skip
    text = f"station_code,name,country,latitude,longitude\n{rows}"
    shown = send(looker, text)
    assert shown.status_code == 200
    assert len(shown.content) < 60_000
    assert 'name="table"' not in shown.text
    fields = hidden(shown.text)
    assert looker.post(PAGE, PAGE, **fields).status_code == 422
    kept = looker.post(PAGE, PAGE, files={"file": ("t.csv", text.encode(), "text/csv")}, **fields)
    assert kept.headers["location"].endswith("inserted=3000&updated=0&unchanged=0&rejected=0")


def test_what_is_no_table_is_told_at_the_field(looker: Looker) -> None:
    looker.become(ADMINISTRATOR)
    for text, words in (
        ("", "está vacío"),
        ("a,b\n1,2\n", "columnas que no existen"),
        ("station_code\n\x00", "no es un CSV"),
    ):
        found = send(looker, text)
        assert found.status_code == 422
        assert words in found.text, text
    assert looker.post(PAGE, PAGE).status_code == 422
    assert looker.post(PAGE, PAGE, table="no table").status_code == 422


def test_employees_come_in_with_the_same_preview_at_the_own_station_alone(looker: Looker) -> None:
    looker.become(STATION_ADMIN)
    page = "/office/employees/import"
    text = "employee_number,position,shift\nEMP000022,CASHIER,NIGHT\nEMP000031,CASHIER,NIGHT\n"
    shown = send(looker, text, page)
    assert shown.status_code == 200
    assert "No hay un empleado con este número" in shown.text

    def jobs() -> Any:
        return looker.admin.execute(
            "SELECT position, shift FROM station_schema.employees WHERE employee_number = 'EMP000022'"
        ).fetchone()

    before = jobs()
    assert before != ("CASHIER", "NIGHT")
    kept = looker.post(page, page, **hidden(shown.text))
    assert kept.headers["location"] == f"{page}?inserted=0&updated=1&unchanged=0&rejected=1"
    assert jobs() == ("CASHIER", "NIGHT")
