"""What the station schema itself refuses, logs and hides."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

Conn = psycopg.Connection[Any]
Connect = Callable[[str], Conn]
STATION: dict[str, str] = {
    "station_code": "'NEW001'",
    "name": "'New'",
    "country": "'MX'",
    "location": "point(-99.1, 19.4)",
}
EMPLOYEE = (
    "INSERT INTO station_schema.employees (employee_number, user_id, station_id, position, hired_on)"
    " SELECT %s, %s, id, 'CASHIER', '2026-01-01' FROM station_schema.stations WHERE station_code = 'JSM001'"
)
SOMEBODY = "b0000000-0000-4000-8000-000000000001"


def add_station(conn: Conn, **values: str) -> None:
    row = STATION | values
    conn.execute(f"INSERT INTO station_schema.stations ({', '.join(row)}) VALUES ({', '.join(row.values())})".encode())


def test_a_station_may_be_known_only_roughly(as_role: Connect) -> None:
    add_station(as_role("station_app"))


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"station_code": "'new001'"}, "stations_station_code_check"),
        ({"station_code": "'N1'"}, "stations_station_code_check"),
        ({"station_code": "'JSM001'"}, "stations_station_code_key"),
        ({"name": "' New'"}, "stations_name_check"),
        ({"name": "U&'\\00A0'"}, "stations_name_check"),
        ({"name": "U&'\\200B \\FEFF'"}, "stations_name_check"),
        ({"name": "U&'\\3000\\2060\\00AD\\0085'"}, "stations_name_check"),
        ({"name": "'. - .'"}, "stations_name_readable_check"),
        ({"name": "U&'Pemex \\202E77'"}, "stations_name_readable_check"),
        ({"country": "'FR'"}, "stations_country_check"),
        ({"postal_code": "'1234'"}, "stations_postal_code_check"),
        ({"country": "'SV'", "postal_code": "'12345'"}, "stations_postal_code_check"),
        ({"location": "point(180.1, 0.1)"}, "stations_location_check"),
        ({"location": "point(0.1, -90.1)"}, "stations_location_check"),
        ({"location": "point('NaN', 1)"}, "stations_location_check"),
        ({"location": "point(1e-200, 1)"}, "stations_location_check"),
        ({"location": "point(0, 0)"}, "stations_location_is_not_zero_check"),
        ({"location": "point(99.1, 19.4)"}, "stations_mexico_location_check"),
        ({"location": "point(19.4, -99.1)"}, "stations_location_check"),
        ({"location": "point(-99.1, 32.9)"}, "stations_mexico_location_check"),
        ({"time_zone": "'mexico'"}, "stations_time_zone_check"),
        ({"status": "'OPEN'"}, "stations_status_check"),
        ({"pump_count": "51"}, "stations_pump_count_check"),
        ({"fuels": "ARRAY['KEROSENE']"}, "stations_fuels_check"),
        ({"fuels": "ARRAY[['REGULAR', 'PREMIUM']]"}, "stations_fuels_check"),
        ({"services_offered": "ARRAY[['ATM'], ['WIFI']]"}, "stations_services_offered_check"),
        ({"storage_capacity_l": "'NaN'"}, "stations_storage_capacity_check"),
        ({"phone": "'5555000101'"}, "stations_phone_check"),
        ({"email": "'a@b'"}, "stations_email_check"),
        ({"email": "'a@example.com'"}, "stations_email_domain_check"),
        ({"opening_hours": "'[]'"}, "stations_opening_hours_check"),
        ({"accepts_coupons": "true"}, "stations_participant_is_known_check"),
    ],
)
def test_a_wrong_station_is_refused_by_a_named_rule(values: dict[str, str], constraint: str, as_role: Connect) -> None:
    with pytest.raises(errors.IntegrityError) as caught:
        add_station(as_role("station_app"), **values)
    assert caught.value.diag.constraint_name == constraint


def test_a_station_lies_in_its_country_as_far_as_that_is_certain(as_role: Connect) -> None:
    conn = as_role("station_app")
    # Tijuana, Tapachula, Cancún, and places of countries that nobody has drawn.
    places = (
        ("MX", "-117.1, 32.53"),
        ("MX", "-92.26, 14.9"),
        ("MX", "-86.85, 21.16"),
        ("GT", "-90.5, 14.6"),
        ("US", "2, 48"),
    )
    for number, (country, place) in enumerate(places):
        add_station(conn, station_code=f"'NEW00{number}'", country=f"'{country}'", location=f"point({place})")
    with pytest.raises(errors.CheckViolation) as caught:
        conn.execute("UPDATE station_schema.stations SET country = 'MX' WHERE station_code = 'NEW004'")
    assert caught.value.diag.constraint_name == "stations_mexico_location_check"


def test_a_zone_that_the_server_does_not_know_is_refused(as_role: Connect) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        add_station(as_role("station_app"), time_zone="'America/Atlantis'")


def test_a_person_works_at_one_station_at_a_time(as_role: Connect) -> None:
    conn = as_role("station_app")
    conn.execute(EMPLOYEE, ("EMP900001", SOMEBODY))
    with pytest.raises(errors.UniqueViolation):
        conn.execute(EMPLOYEE, ("EMP900002", SOMEBODY))
    conn.execute("UPDATE station_schema.employees SET terminated_on = '2026-02-01' WHERE employee_number = 'EMP900001'")
    conn.execute(EMPLOYEE, ("EMP900002", SOMEBODY))


def test_the_log_holds_what_changed_and_nothing_when_nothing_did(as_role: Connect, admin: Conn) -> None:
    conn = as_role("station_app")
    conn.execute(EMPLOYEE, ("EMP900001", SOMEBODY))
    conn.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE employee_number = 'EMP900001'")
    conn.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE employee_number = 'EMP900001'")
    rows = admin.execute(
        "SELECT event_type, old_values ->> 'shift', new_values ->> 'shift', actor"
        " FROM station_schema.station_audit_log WHERE entity_reference = 'EMP900001' ORDER BY id"
    ).fetchall()
    assert rows == [
        ("EMPLOYEE_CREATED", None, "DAY", "role:station_app"),
        ("EMPLOYEE_UPDATED", "DAY", "NIGHT", "role:station_app"),
    ]


@pytest.mark.parametrize("table", ["stations", "employees", "station_fuel_prices", "station_audit_log"])
def test_the_service_deletes_nothing(table: str, as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("station_app").execute(sql.SQL("DELETE FROM station_schema.{}").format(sql.Identifier(table)))


def test_a_name_in_any_script_can_be_read(as_role: Connect) -> None:
    for number, name in enumerate(("Ñandú", "加油站", "Станция", "\u00a0Ω", "7")):
        add_station(as_role("station_app"), station_code=f"'NEW00{number}'", name=f"'{name}'")


@pytest.mark.parametrize(
    "forgery",
    [
        """
        INSERT INTO station_schema.station_audit_log (event_type, entity_type, entity_reference, new_values)
        VALUES ('STATION_CREATED', 'STATION', 'JSM001', '{}')
        """,
        """
        INSERT INTO station_schema.station_fuel_prices (station_id, fuel, price, currency, price_as_of, created_at)
        SELECT id, 'DIESEL', 1, 'MXN', '2026-01-01', '2026-01-01' FROM station_schema.stations LIMIT 1
        """,
        "UPDATE station_schema.stations SET station_code = 'OTHER001' WHERE station_code = 'JSM001'",
        "UPDATE station_schema.stations SET created_at = '2020-01-01'",
        "UPDATE station_schema.employees SET user_id = gen_random_uuid()",
    ],
)
def test_the_service_forges_no_history(forgery: str, as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("station_app").execute(forgery.encode())


@pytest.mark.parametrize("column", ["user_id", "termination_reason", "metadata"])
def test_who_an_employee_is_is_hidden_from_reports(column: str, as_role: Connect) -> None:
    conn = as_role("station_ro")
    conn.execute("SELECT employee_number, position FROM station_schema.employees")
    with pytest.raises(errors.InsufficientPrivilege):
        conn.execute(sql.SQL("SELECT {} FROM station_schema.employees").format(sql.Identifier(column)))
