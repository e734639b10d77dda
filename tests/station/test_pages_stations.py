"""The pages of stations: by words, near, on the map, and what one of them says."""

import re
from collections.abc import Generator

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.station.map_view import HEIGHT, WIDTH, Marker, Place, Window, apart, drawn, labelled, window_around
from tests.applications import create_app
from tests.web.looking import HTML

Client = TestClient[Litestar]


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), base_url="https://testserver.local") as opened:
        opened.headers.update(HTML)
        yield opened


def listed(text: str) -> list[str]:
    """The codes of the list, in its order."""
    return re.findall(r'<h3><a href="/stations/(\w+)">', text)


def mapped(text: str) -> int:
    """How many stations the map's circles stand for."""
    singles = len(re.findall(r'<a href="/stations/\w+" class="one', text))
    return singles + sum(int(count) for count in re.findall(r'aria-label="(\d+) estaciones: acercar"', text))


def test_everybody_sees_all_stations_in_the_list_and_on_the_map(client: Client) -> None:
    page = client.get("/stations")
    assert page.status_code == 200
    assert listed(page.text) == [f"JSM{number:03}" for number in range(1, 13)]
    assert mapped(page.text) == 12
    assert "En mantenimiento" in page.text  # JSM011
    assert page.headers["permissions-policy"] == "camera=(), geolocation=(self), microphone=()"


def test_the_nearest_come_first_with_their_distance(client: Client) -> None:
    page = client.get("/stations?lat=19.427&lng=-99.133")
    assert listed(page.text)[:3] == ["JSM001", "JSM002", "JSM005"]
    assert re.findall(r'class="far">([^<]+)<', page.text)[:2] == ["20 m", "7.3 km"]  # 7.30 by the haversine formula
    assert 'class="me"' in page.text


def test_words_postal_codes_and_filters_find_the_same_in_the_list_on_the_map_and_in_the_sheet(client: Client) -> None:
    for query, codes in (
        ("q=merida", ["JSM007"]),
        ("q=jsm004", ["JSM004"]),
        ("q=11520", ["JSM002"]),
        ("q=99999", []),
        ("q=Jalisco&fuel=DIESEL", ["JSM003"]),
        ("q=Merida&fuel=DIESEL", []),
        ("only=JSM002,JSM007", ["JSM002", "JSM007"]),
        ("only=JSM002,JSM007&lat=20.9&lng=-89.6", ["JSM002", "JSM007"]),
        ("open=on&q=Toluca", []),
    ):
        page = client.get(f"/stations?{query}")
        assert (page.status_code, listed(page.text), mapped(page.text)) == (200, codes, len(codes)), query
        sheet = client.get(f"/stations.csv?{query}").text.splitlines()
        assert [line.split(",")[0] for line in sheet[1:]] == codes, query


def test_what_is_typed_wrongly_stays_and_is_told(client: Client) -> None:
    page = client.get("/stations?lat=north&q=puebla")
    assert page.status_code == 422
    assert 'value="puebla"' in page.text
    assert "Escribe un número" in page.text


def test_one_station_says_everything_in_both_languages(client: Client) -> None:
    page = client.get("/stations/jsm001")
    assert "Av. Fray Servando Teresa de Mier 120, 06080 Ciudad de México" in page.text
    assert 'href="geo:19.427,-99.1332?q=19.427,-99.1332(' in page.text
    assert "Abierto las 24 horas" in page.text
    prices = re.findall(r"MXN\xa0([\d.]+)", page.text)
    assert prices == ["23.54", "25.84", "26.24"]  # magna, premium, diesel
    english = client.get("/stations/JSM001", headers={"accept-language": "en"}).text
    assert "Open 24 hours" in english
    assert client.get("/stations/JSM999").status_code == 404


def test_hours_of_a_day_and_closed_days_are_told(client: Client, admin: psycopg.Connection[tuple[object]]) -> None:
    admin.execute(
        """
        UPDATE station_schema.stations SET opening_hours = '{"mon": [["06:00", "13:30"], ["15:00", "22:00"]]}'
         WHERE station_code = 'JSM001'
        """
    )
    page = client.get("/stations/JSM001").text
    assert "06:00\N{EN DASH}13:30, 15:00\N{EN DASH}22:00" in page
    assert page.count("Cerrado") >= 6


def test_the_map_keeps_angles_and_its_scale_is_true() -> None:
    window = Window(Place(19.43, -99.13), 4)
    assert window.on_paper(19.43, -99.13) == (WIDTH / 2, HEIGHT / 2)
    # Mercator: near a place a degree of latitude is longer than one of longitude by 1 / cos(latitude).
    _, north = window.on_paper(19.53, -99.13)
    east, _ = window.on_paper(19.43, -99.03)
    assert (HEIGHT / 2 - north) / (east - WIDTH / 2) == pytest.approx(1.060, abs=0.005)
    scale = drawn(window).scale
    metres_a_unit = scale.length_m / scale.units
    # 0.1 degrees of longitude at 19.43 degrees north are 10,486 m.
    assert (east - WIDTH / 2) * metres_a_unit == pytest.approx(10_486, rel=0.02)


def test_the_window_shows_all_that_it_is_made_for() -> None:
    places = [Place(32.5, -117.0), Place(21.15, -86.83), Place(9.9, -84.1)]
    window = window_around(places)
    assert window is not None
    for place in places:
        x, y = window.on_paper(place.latitude, place.longitude)
        assert 0 < x < WIDTH
        assert 0 < y < HEIGHT
    assert window_around([]) is None


def test_markers_that_would_cover_each_other_are_one_and_names_never_overlap() -> None:
    def marker(x: float, y: float, code: str) -> Marker:
        return Marker(x=x, y=y, count=1, code=code, name="JSM Estación", is_active=True, place=Place(19.0, -99.0))

    near = apart([marker(100, 100, "A"), marker(110, 100, "B"), marker(300, 100, "C")])
    assert sorted(one.count for one in near) == [1, 2]
    named = labelled([marker(100, 100, "A"), marker(140, 100, "B"), marker(390, 100, "C")])
    assert [one.label for one in named] == ["left", "right", "left"]
