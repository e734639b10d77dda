"""What somebody has earned, on pages: the own things alone, the right figures, forms that ask and that keep."""

import re
from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.web.looking import ANA, HTML, LUIS, cookie_of, token_in

Admin = psycopg.Connection[Any]
ANA_ID = "a0000000-0000-4000-8000-000000000051"
OF_ANA = "RDM-20261101-000001"
FORGED = {"token": "x"}


class Reader:
    """Somebody's browser."""

    def __init__(self, client: TestClient[Litestar], admin: Admin, phone: str) -> None:
        self.client = client
        (cookie,) = cookie_of(admin, phone).items()
        self.headers = HTML | {"cookie": "=".join(cookie)}

    def get(self, path: str, language: str = "es") -> Any:
        return self.client.get(path, headers=self.headers | {"accept-language": language})

    def post(self, path: str, **fields: str) -> Any:
        fields = {"token": token_in(self.get("/history").text)} | fields
        return self.client.post(path, data=fields, headers=self.headers, follow_redirects=False)

    def confirm(self, page: Any, path: str) -> Any:
        """Presses yes on the page that asks."""
        assert page.status_code == 200, page.text
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text.split("<h1>")[1]))
        assert fields["confirmed"] == "yes"
        return self.client.post(path, data=fields, headers=self.headers, follow_redirects=False)


@pytest.fixture
def ana(settings: Settings, admin: Admin) -> Generator[Reader]:
    with TestClient(create_app(settings), base_url="https://testserver.local") as client:
        yield Reader(client, admin, ANA)


def waiting(admin: Admin, count: int = 4) -> None:
    """Tickets of Ana that wait for a raffle."""
    admin.execute(
        "SELECT redemption_schema.issue_tickets('PROMOTIONAL', ARRAY['of a page'], ARRAY[%s]::uuid[],"
        " ARRAY[%s::integer], p_expires_at => ARRAY[now() + interval '9 days'])",
        (ANA_ID, count),
    )


def open_raffle(admin: Admin, code: str = "OPEN-1", free: int = 2) -> None:
    admin.execute(
        "INSERT INTO redemption_schema.ticket_raffles"
        " (raffle_code, opens_at, closes_at, takes_choices, free_entries_per_day, time_zone)"
        " VALUES (%s, now() - interval '1 day', now() + interval '9 days', true, %s, 'America/Mexico_City')",
        (code, free),
    )


def in_raffle(admin: Admin, code: str = "OPEN-1") -> int:
    row = admin.execute(
        "SELECT count(*) FROM redemption_schema.raffle_tickets WHERE raffle_code = %s AND user_id = %s", (code, ANA_ID)
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_strangers_are_led_to_the_login(ana: Reader) -> None:
    for path in ("/history", "/tickets", "/tickets/choose", "/points", f"/history/{OF_ANA}"):
        asked = ana.client.get(path, headers=HTML, follow_redirects=False)
        assert asked.headers["location"].startswith("/login?next="), path


def test_the_history_has_what_was_redeemed_and_saved_in_the_stations_time(ana: Reader) -> None:
    page = ana.get("/history").text
    assert re.findall(r'href="/history/(RDM-[\d-]+)"', page) == ["RDM-20261101-000007", OF_ANA]
    assert re.search(r"Has ahorrado.*?MXN\xa075\.00.*?en 2 cargas", page, re.DOTALL)  # 50 and 25
    assert "38.4 L" in page  # 20 and 18.4
    assert "You saved" in ana.get("/history", "en").text


def test_the_history_is_filtered_and_sorted_in_the_list_and_the_sheet(ana: Reader) -> None:
    for query, found in (
        ("fuel=PREMIUM", ["RDM-20261101-000007"]),
        ("q=jsm001", [OF_ANA]),
        ("status=FAILED", []),
        ("sort=oldest", [OF_ANA, "RDM-20261101-000007"]),
        ("until=2020-01-01", []),
    ):
        page = ana.get(f"/history?{query}").text
        assert re.findall(r'href="/history/(RDM-[\d-]+)"', page) == found, query
        sheet = ana.get(f"/history.csv?{query}").text.splitlines()
        assert [line.rsplit(",", 1)[1] for line in sheet[1:]] == found, query
    wrong = ana.get("/history?since=yesterday")
    assert wrong.status_code == 422
    assert "Escribe una fecha válida" in wrong.text
    assert 'value="yesterday"' in wrong.text


def test_a_receipt_is_for_its_driver_alone(ana: Reader, admin: Admin) -> None:
    page = ana.get(f"/history/{OF_ANA}").text
    for text in ("MXN\xa0478.00", "MXN\xa050.00", "MXN\xa0428.00", "GASX00000001N"):
        assert text in page
    assert len(set(re.findall(r"/tickets/(TKT\w{16})", page))) == 3
    assert f'href="/watch/{OF_ANA}"' in page
    ticket = re.findall(r"/tickets/(TKT\w{16})", page)[0]
    luis = Reader(ana.client, admin, LUIS)
    assert luis.get(f"/history/{OF_ANA}").status_code == 404
    assert luis.get(f"/tickets/{ticket}").status_code == 404
    assert OF_ANA not in luis.get("/history").text


def test_tickets_say_where_they_came_from_and_where_they_are(ana: Reader, admin: Admin) -> None:
    waiting(admin)
    page = ana.get("/tickets").text
    assert re.findall(r'class="value">(\d+)<', page) == ["4", "3", "2"]  # to be used, in raffles, earlier ones
    assert "Promoción" in page
    assert 'href="/raffles/MONTHLY-2026-12/mine"' in page
    promotional = ana.get("/tickets?source=PROMOTIONAL").text
    numbers = re.findall(r'href="/tickets/(TKT\w{16})"', promotional)
    assert len(numbers) == 4
    assert f"/tickets/{numbers[0]}" in ana.get(f"/tickets?q={numbers[0].lower()}").text
    one = ana.get(f"/tickets/{numbers[0]}", "en").text
    assert "It waits for you to choose its raffle." in one
    assert f"/tickets/choose?number={numbers[0]}" in one
    sheet = ana.get("/tickets.csv").text.splitlines()
    assert len(sheet) == 10
    assert all(re.search(r"(,\d{4}-\d\d-\d\d \d\d:\d\d){2}$", line) for line in sheet[1:])


def test_choosing_a_raffle_asks_and_a_second_yes_moves_nothing_more(ana: Reader, admin: Admin) -> None:
    waiting(admin)
    open_raffle(admin)
    asked = ana.post("/tickets/choose", raffle="OPEN-1", count="3")
    assert "¿Enviar 3 boletos al sorteo OPEN-1?" in asked.text
    assert in_raffle(admin) == 0
    for _ in range(2):
        done = ana.confirm(asked, "/tickets/choose")
        assert (done.status_code, done.headers["location"]) == (303, "/tickets?said=chosen")
        assert in_raffle(admin) == 3
    assert "tus boletos ya van al sorteo" in ana.get("/tickets?said=chosen").text


def test_a_refused_choice_keeps_what_was_typed_and_says_why_at_the_field(ana: Reader, admin: Admin) -> None:
    waiting(admin, 2)
    open_raffle(admin)
    page = ana.post("/tickets/choose", raffle="OPEN-1", count="3")
    assert page.status_code == 422
    assert 'id="count-error"' in page.text
    assert 'value="3"' in page.text
    asked = ana.post("/tickets/choose", raffle="OPEN-1", count="2")
    admin.execute("UPDATE redemption_schema.ticket_raffles SET takes_choices = false")
    late = ana.confirm(asked, "/tickets/choose")
    assert late.status_code == 422
    assert in_raffle(admin) == 0


def test_a_free_entry_is_given_once_a_click_and_as_often_as_the_raffle_says(ana: Reader, admin: Admin) -> None:
    open_raffle(admin, free=2)
    page = ana.get("/tickets/free-entries").text
    assert "Hoy te quedan 2." in page
    for _ in range(2):  # the same click twice
        assert ana.post("/tickets/free-entries", raffle="OPEN-1", had="0").status_code == 303
        assert in_raffle(admin) == 1
    for _ in range(2):  # and the one that takes the last
        assert ana.post("/tickets/free-entries", raffle="OPEN-1", had="1").status_code == 303
        assert in_raffle(admin) == 2
    full = ana.post("/tickets/free-entries", raffle="OPEN-1", had="2")
    assert (full.status_code, in_raffle(admin)) == (422, 2)
    assert "Ya tienes los boletos gratuitos de hoy" in full.text


def test_points_are_redeemed_once_after_a_question(ana: Reader) -> None:
    page = ana.get("/points").text
    reference = re.findall(r'name="reference" value="([^"]+)"', page)[0]
    assert "278" in page
    few = ana.post("/points", points="300", reference=reference, description="Lavado")
    assert few.status_code == 422
    assert 'value="Lavado"' in few.text
    asked = ana.post("/points", points="78", reference=reference, description="Lavado")
    assert "Te quedarán 200" in asked.text
    for _ in range(2):
        assert ana.confirm(asked, "/points").headers["location"] == "/points?said=redeemed"
    after = ana.get("/points?said=redeemed", "en").text
    assert "your points were redeemed" in after
    assert after.count("· Lavado</p>") == 1
    sheet = ana.get("/points.csv").text.splitlines()
    assert len(sheet) == 4
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d,[^,]+,-78,200,Lavado,", sheet[1])


def test_what_changes_something_needs_the_token_of_the_page(ana: Reader) -> None:
    for path in ("/tickets/choose", "/tickets/free-entries", "/points"):
        assert ana.post(path, **FORGED).status_code == 403, path
