"""Stations over HTTP, against the sample data of a real database."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app

Client = TestClient[Litestar]
ALL = [f"JSM{number:03}" for number in range(1, 13)]


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), raise_server_exceptions=False) as opened:
        yield opened


def codes(client: Client, path: str) -> list[str]:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return [item["station_code"] for item in response.json()["items"]]


def test_one_station_by_its_code_in_any_case(client: Client) -> None:
    station = client.get("/api/stations/jsm008").json()
    assert station["station_code"] == "JSM008"
    assert (station["city"], station["time_zone"], station["country"]) == ("Tijuana", "America/Tijuana", "MX")
    assert (station["latitude"], station["longitude"]) == (32.512, -117.008)
    assert {price["fuel"] for price in station["prices"]} == set(station["fuels"]) == {"REGULAR", "PREMIUM", "DIESEL"}
    assert all(price["currency"] == "MXN" and 20 < float(price["price"]) < 30 for price in station["prices"])
    assert station["opening_hours"]["mon"] == [["00:00", "24:00"]]


@pytest.mark.parametrize("code", ["JSM999", "x", "a" * 2000, "%00", "JSM001'--", "%F0%9F%9A%97"])
def test_a_code_that_nobody_has_is_not_found(code: str, client: Client) -> None:
    response = client.get(f"/api/stations/{code}")
    assert (response.status_code, response.json()["code"]) == (404, "station.unknown")


def test_pages_follow_each_other_without_gap_or_repeat(client: Client) -> None:
    found: list[str] = []
    cursor = ""
    for _ in range(10):
        page = client.get(f"/api/stations?limit=5{cursor}").json()
        found += [item["station_code"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == ALL


def test_a_last_page_that_is_exactly_full_is_the_last(client: Client) -> None:
    assert client.get("/api/stations?limit=12").json()["next_cursor"] is None


def test_filters_narrow_the_list(client: Client) -> None:
    assert codes(client, "/api/stations?status=MAINTENANCE") == ["JSM011"]
    assert codes(client, "/api/stations?state=Jalisco") == ["JSM003"]
    assert codes(client, "/api/stations?city=Ciudad de México&fuel=DIESEL") == ["JSM001"]
    assert codes(client, "/api/stations?city=Atlantis") == []


def test_the_nearest_come_first_and_closed_ones_do_not_come(client: Client) -> None:
    response = client.get("/api/stations/nearby?lat=19.43&lng=-99.20&radius_km=150")
    found = [(item["station_code"], item["distance_km"]) for item in response.json()["items"]]
    assert [code for code, _ in found] == ["JSM002", "JSM001", "JSM005"]  # JSM011 in Toluca is under maintenance
    assert [distance for _, distance in found] == pytest.approx([1.013, 7.011, 114.3], rel=0.01)


def test_a_fuel_that_is_no_longer_sold_has_no_price(client: Client, admin: psycopg.Connection[Any]) -> None:
    admin.execute("UPDATE station_schema.stations SET fuels = '{REGULAR}' WHERE station_code = 'JSM002'")
    nearest = client.get("/api/stations/nearby?lat=19.43&lng=-99.20&radius_km=5").json()["items"][0]
    assert nearest["station_code"] == "JSM002"
    assert [price["fuel"] for price in nearest["prices"]] == ["REGULAR"]
    assert nearest["prices"] == client.get("/api/stations/JSM002").json()["prices"]


def test_everywhere_is_a_radius_too(client: Client) -> None:
    assert len(codes(client, "/api/stations/nearby?lat=-90&lng=180&radius_km=20016&limit=100")) == 11


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("?limt=5", 400, "request.unknown_parameter", None),
        ("?db=1", 400, "request.unknown_parameter", None),
        ("?limit=1&limit=2", 400, "request.repeated_parameter", None),
        ("?limit=0", 422, "request.invalid", "limit"),
        ("?limit=101", 422, "request.invalid", "limit"),
        ("?limit=1.5", 422, "request.invalid", "limit"),
        ("?limit=99999999999999999999999", 422, "request.invalid", "limit"),
        ("?status=OPEN", 422, "request.invalid", "status"),
        ("?fuel=KEROSENE", 422, "request.invalid", "fuel"),
        ("?state=%00", 422, "request.invalid", "state"),
        ("?city=", 422, "request.invalid", "city"),
        ("?cursor=jsm", 422, "request.invalid", "cursor"),
        ("/nearby?lng=0", 422, "request.invalid", "lat"),
        ("/nearby?lat=90.1&lng=0", 422, "request.invalid", "lat"),
        ("/nearby?lat=nan&lng=0", 422, "request.invalid", "lat"),
        ("/nearby?lat=0&lng=-inf", 422, "request.invalid", "lng"),
        ("/nearby?lat=0&lng=0&radius_km=0", 422, "request.invalid", "radius_km"),
        ("/nearby?lat=0&lng=0&radius_km=20017", 422, "request.invalid", "radius_km"),
        ("/JSM001?code=JSM002", 400, "request.unknown_parameter", None),
    ],
)
def test_wrong_parameters_are_problems_that_name_them(
    query: str, status: int, code: str, field: str | None, client: Client
) -> None:
    response = client.get(f"/api/stations{query}")
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code)
    assert [error["field"] for error in problem.get("errors", [])] == ([field] if field else [])


@pytest.mark.parametrize("tiny", ["5e-324", "-5e-324", "1e-200", "-0.0"])
def test_the_smallest_numbers_are_numbers(tiny: str, client: Client) -> None:
    assert client.get(f"/api/stations/nearby?lat={tiny}&lng={tiny}&radius_km=20016").status_code == 200


def test_a_database_that_is_gone_is_told_and_found_again(client: Client, admin: psycopg.Connection[Any]) -> None:
    assert client.get("/api/stations").status_code == 200
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'station_app'")
    answers = [client.get("/api/stations").status_code for _ in range(3)]
    assert set(answers) <= {200, 503}
    assert answers[-1] == 200


@pytest.mark.parametrize("path", ["", "/nearby?lat=19.43&lng=-99.13", "/JSM001"])
def test_what_is_open_to_all_is_limited_by_address(path: str, client: Client) -> None:
    answer = client.get(f"/api/stations{path}")
    assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"ip";q=300;w=60')
