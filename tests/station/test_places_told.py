"""Others hear where the stations are that take coupons: when they begin to, and when they lie elsewhere."""

from typing import Any

import psycopg
import pytest

Admin = psycopg.Connection[Any]


@pytest.fixture(autouse=True)
def nothing_told(admin: Admin) -> None:
    admin.execute("DELETE FROM station_schema.outbox_events")


def told(admin: Admin) -> list[tuple[str, float, float]]:
    return admin.execute(
        "SELECT aggregate_key, (payload -> 'latitude')::double precision, (payload -> 'longitude')::double precision"
        " FROM station_schema.outbox_events WHERE event_type = 'station.changed' ORDER BY id"
    ).fetchall()


def test_a_station_is_told_of_once_it_takes_coupons_and_whenever_it_moves(admin: Admin) -> None:
    admin.execute(
        "INSERT INTO station_schema.stations (station_code, name, country, location, accepts_coupons)"
        " VALUES ('NEW001', 'New', 'MX', point(-99.5, 19.5), false)"
    )
    assert told(admin) == []
    change = "UPDATE station_schema.stations SET {} WHERE station_code = 'JSM001'"
    for values in ("accepts_coupons = false", "name = 'Another'", "location = point(-99.2, 19.2)"):
        admin.execute(change.format(values).encode())
    assert told(admin) == []
    admin.execute(change.format("accepts_coupons = true").encode())
    admin.execute(change.format("name = 'A third'").encode())
    admin.execute(change.format("location = point(-99.3, 19.3)").encode())
    assert told(admin) == [("JSM001", 19.2, -99.2), ("JSM001", 19.3, -99.3)]


def test_another_time_zone_is_told_and_the_same_one_is_not(admin: Admin) -> None:
    for zone in ("America/Tijuana", "America/Tijuana", "America/Cancun"):
        admin.execute("UPDATE station_schema.stations SET time_zone = %s WHERE station_code = 'JSM001'", (zone,))
    zones = admin.execute(
        "SELECT payload ->> 'time_zone' FROM station_schema.outbox_events WHERE event_type = 'station.changed'"
        " ORDER BY id"
    ).fetchall()
    assert zones == [("America/Tijuana",), ("America/Cancun",)]


def test_many_stations_at_once_are_told_of_by_one_statement(admin: Admin) -> None:
    admin.execute("UPDATE station_schema.stations SET location = point(location[0], location[1] + 0.001)")
    count = admin.execute("SELECT count(*) FROM station_schema.stations WHERE accepts_coupons").fetchone()
    assert count == (len(told(admin)),)
    assert len(told(admin)) >= 12
