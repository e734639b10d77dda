"""The back office's pages of raffles: a draft becomes a published raffle step by step, and what is refused is told."""

import csv
import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.raffle.draw_steps import Entered, close_raffle
from tests.raffle.winner_steps import drawn_raffle, tell_all
from tests.web.looking import ADMINISTRATOR, ANA, HTML, cookie_of, token_in

Admin = psycopg.Connection[Any]
Client = TestClient[Litestar]
CODE = "OFFICE-1"
ROOT = "/office/raffles"


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), raise_server_exceptions=False, base_url="https://testserver.local") as opened:
        yield opened


@pytest.fixture
def office(client: Client, admin: Admin) -> Client:
    client.cookies.update(cookie_of(admin, ADMINISTRATOR))
    client.headers.update(HTML)
    return client


def token(client: Client) -> str:
    return token_in(client.get(ROOT).text)


def put(client: Client, path: str, fields: dict[str, Any] | None = None, **more: Any) -> Any:
    return client.post(path, data={"token": token(client), **(fields or {}), **more}, follow_redirects=False)


def version_of(client: Client, section: str, code: str = CODE) -> str:
    page = client.get(f"{ROOT}/{code}/edit/{section}").text
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, page
    return found[1]


def draft(client: Client, **fields: Any) -> Any:
    wish = {"raffle_code": CODE, "name": "Sorteo de la oficina", "raffle_type": "STANDARD"}
    wish |= {"selection_algorithm": "MERKLE_TREE", "time_zone": "America/Cancun"}
    return put(client, f"{ROOT}/new", wish | fields)


def local(days: float) -> str:
    """As it is typed in Cancún, which is five hours behind UTC all year."""
    return (datetime.now(UTC) - timedelta(hours=5) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def test_strangers_are_sent_to_log_in_and_customers_may_not(client: Client, admin: Admin) -> None:
    client.headers.update(HTML)
    answer = client.get(ROOT, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/office/raffles")
    client.cookies.update(cookie_of(admin, ANA))
    assert client.get(ROOT).status_code == 403
    assert client.get(f"{ROOT}/winners").status_code == 403


def test_without_the_second_factor_one_looks_and_changes_nothing(client: Client, admin: Admin) -> None:
    client.headers.update(HTML)
    client.cookies.update(cookie_of(admin, ADMINISTRATOR, second_factor=False))
    page = client.get(f"{ROOT}/VIP-2026")
    assert page.status_code == 200
    assert "segundo factor" in page.text
    assert "/VIP-2026/opening" not in page.text
    assert put(client, f"{ROOT}/VIP-2026/opening", confirmed="yes").status_code == 403


def test_the_list_is_searched_filtered_sorted_and_taken_along(office: Client) -> None:
    page = office.get(ROOT, params={"q": "sorteo", "status": "DRAFT", "type": "", "sort": "name"}).text
    assert "VIP-2026" in page
    assert "MONTHLY-2026-12" not in page
    charity = office.get(ROOT, params={"type": "CHARITY"}).text
    assert "ANNIVERSARY-2026" in charity
    assert "MONTHLY-2026-12" not in charity
    by_code = office.get(ROOT, params={"sort": "-code"}).text
    assert by_code.index("WEEKLY-2026-47") < by_code.index("MONTHLY-2026-12")
    assert "Ningún sorteo coincide" in office.get(ROOT, params={"q": "nothing like it"}).text
    sheet = office.get(f"{ROOT}/export.csv", params={"status": "OPEN", "sort": "code"})
    lines = sheet.text.splitlines()
    assert lines[0].startswith("\ufeffCódigo,Nombre")
    assert [line.split(",")[0] for line in lines[1:]] == ["MONTHLY-2026-12", "NEWYEAR-2027"]
    english = office.get(ROOT, headers={"accept-language": "en"}).text
    assert "Participants" in english
    assert "Participantes" not in english


def test_a_draft_says_what_it_lacks_until_it_is_published(office: Client) -> None:
    assert draft(office).headers["location"] == f"{ROOT}/{CODE}?said=drafted"
    page = office.get(f"{ROOT}/{CODE}").text
    for text in (
        "Falta escribir las bases",
        "Falta cuándo abre",
        "Falta al menos un premio",
        "Falta el número de permiso",
    ):
        assert text in page
    dates = {"time_zone": "America/Cancun", "opens_at": local(-1), "closes_at": local(5), "draw_at": local(6)}
    changes = {
        "about": {"name": "Sorteo", "raffle_type": "STANDARD", "organizer": "Us", "permit_number": "P-1",
                  "terms_url": "https://example.com/terms"},
        "dates": dates,
        "players": {"min_age": "21", "takes_choices": "true", "free_entries_per_day": "0"},
        "rules": {"selection_algorithm": "MERKLE_TREE", "alternate_count": "2", "claim_days": "15"},
    }  # fmt: skip
    for section, fields in changes.items():
        answer = put(office, f"{ROOT}/{CODE}/edit/{section}", fields, version=version_of(office, section))
        assert answer.status_code == 303, answer.text
    assert put(office, f"{ROOT}/{CODE}/terms", version="1.0", text="Bases del sorteo").status_code == 303
    prize = {"rank": "1", "name": "Gasolina", "prize_type": "FUEL_CREDIT", "prize_value": "1000.00", "currency": "MXN"}
    prize |= {"quantity": "2", "delivery_method": "CREDIT"}
    assert put(office, f"{ROOT}/{CODE}/prizes/new", prize).status_code == 303
    page = office.get(f"{ROOT}/{CODE}").text
    assert "Falta " not in page
    assert f"{ROOT}/{CODE}/opening" in page
    nobody = {"name": "Sorteo", "raffle_type": "STANDARD", "organizer": "Us", "terms_url": "https://example.com/terms"}
    put(office, f"{ROOT}/{CODE}/edit/about", nobody, version=version_of(office, "about"))
    page = office.get(f"{ROOT}/{CODE}").text
    assert page.count("Falta el número de permiso; sin él no se publica.") == 2, "at its step, and at publishing"
    assert f"{ROOT}/{CODE}/opening" not in page
    put(office, f"{ROOT}/{CODE}/edit/about", changes["about"], version=version_of(office, "about"))
    page = office.get(f"{ROOT}/{CODE}").text
    assert "Desde 21 años" in page
    asked = put(office, f"{ROOT}/{CODE}/opening")
    assert "¿Publicar OFFICE-1?" in asked.text
    assert put(office, f"{ROOT}/{CODE}/opening", confirmed="yes").headers["location"].endswith("?said=opened")
    page = office.get(f"{ROOT}/{CODE}", params={"said": "opened"}).text
    assert "Sorteo publicado." in page
    assert f"{ROOT}/{CODE}/prizes/new" not in page


def test_dates_are_those_of_the_wall_in_the_raffles_zone(office: Client, admin: Admin) -> None:
    draft(office)
    fields = {"time_zone": "America/Cancun", "closes_at": "2027-07-01T18:30"}
    put(office, f"{ROOT}/{CODE}/edit/dates", fields, version=version_of(office, "dates"))
    found = admin.execute("SELECT closes_at FROM raffle_schema.raffles WHERE raffle_code = %s", (CODE,)).fetchone()
    assert found == (datetime(2027, 7, 1, 23, 30, tzinfo=UTC),)
    assert 'value="2027-07-01T18:30"' in office.get(f"{ROOT}/{CODE}/edit/dates").text


def test_a_form_that_is_refused_keeps_what_was_typed_and_says_where(office: Client) -> None:
    draft(office)
    again = draft(office, name="Otro con el mismo código")
    assert again.status_code == 422
    assert "Otro sorteo ya tiene este código." in again.text
    assert 'value="Otro con el mismo código"' in again.text
    wrong = put(office, f"{ROOT}/{CODE}/prizes/new", name="Uno", prize_value="mil", rank="1", quantity="0",
                prize_type="CASH", delivery_method="MANUAL")  # fmt: skip
    assert wrong.status_code == 422
    assert 'id="prize_value-error"' in wrong.text
    assert 'id="quantity-error"' in wrong.text
    assert 'value="mil"' in wrong.text
    upside_down = {"time_zone": "America/Cancun", "opens_at": local(5), "closes_at": local(1), "draw_at": local(6)}
    refused = put(office, f"{ROOT}/{CODE}/edit/dates", upside_down, version=version_of(office, "dates"))
    assert refused.status_code == 422
    assert "Abre antes de cerrar" in refused.text
    weighted = {"selection_algorithm": "WEIGHTED", "alternate_count": "1", "claim_days": "5", "weight_bonus": "3"}
    refused = put(office, f"{ROOT}/{CODE}/edit/rules", weighted, version=version_of(office, "rules"))
    assert "escribe los cinco pesos" in refused.text


def test_of_two_who_edit_at_once_the_second_is_told(office: Client) -> None:
    draft(office)
    seen = version_of(office, "about")
    fields = {"name": "Primero", "raffle_type": "STANDARD"}
    assert put(office, f"{ROOT}/{CODE}/edit/about", fields, version=seen).status_code == 303
    second = put(office, f"{ROOT}/{CODE}/edit/about", fields | {"name": "Segundo"}, version=seen)
    assert second.status_code == 422
    assert "Alguien cambió el sorteo" in second.text
    assert 'value="Segundo"' in second.text


def test_what_ends_a_raffle_needs_its_code_typed_and_a_reason(office: Client) -> None:
    draft(office)
    refused = put(office, f"{ROOT}/{CODE}/cancellation", reason="Sin permiso", typed="OTHER")
    assert refused.status_code == 422
    assert "Escribe exactamente OFFICE-1" in refused.text
    assert "Sin permiso" in refused.text
    assert put(office, f"{ROOT}/{CODE}/cancellation", reason="Sin permiso", typed=CODE).status_code == 303
    assert "Sin permiso" in office.get(f"{ROOT}/{CODE}").text
    draft(office, raffle_code="OFFICE-2")
    asked = put(office, f"{ROOT}/OFFICE-2/deletion", confirmed="yes", typed="wrong")
    assert asked.status_code == 422
    assert put(office, f"{ROOT}/OFFICE-2/deletion", confirmed="yes", typed="OFFICE-2").status_code == 303
    assert office.get(f"{ROOT}/OFFICE-2").status_code == 404


def test_a_closed_raffle_is_frozen_and_not_drawn_before_its_round(office: Client, admin: Admin) -> None:
    close_raffle(admin, CODE, [Entered(1, 3), Entered(2, 1)])
    assert "Congelar la lista" in office.get(f"{ROOT}/{CODE}").text
    early = put(office, f"{ROOT}/{CODE}/drawing", confirmed="yes", typed=CODE)
    assert early.status_code == 409
    assert "La lista no está congelada." in early.text
    assert put(office, f"{ROOT}/NEVER-1/drawing", confirmed="yes", typed="NEVER-1").status_code == 404
    assert put(office, f"{ROOT}/{CODE}/freezing", confirmed="yes").headers["location"].endswith("said=frozen")
    page = office.get(f"{ROOT}/{CODE}").text
    assert "data-until=" in page
    early = put(office, f"{ROOT}/{CODE}/drawing", confirmed="yes", typed=CODE)
    assert early.status_code == 409
    assert "todavía no llega" in early.text
    twice = put(office, f"{ROOT}/{CODE}/freezing", confirmed="yes")
    assert twice.status_code == 409
    assert "ya está congelada" in twice.text


def test_a_raffle_that_nobody_entered_is_to_be_cancelled(office: Client, admin: Admin) -> None:
    close_raffle(admin, CODE, [])
    page = office.get(f"{ROOT}/{CODE}").text
    assert page.count("cancela el sorteo") == 2, "above the steps, and at its step"
    assert f"{ROOT}/{CODE}/freezing" not in page
    assert page.count(f"{ROOT}/{CODE}/cancellation") == 2


def test_a_long_name_is_paged_by(office: Client, admin: Admin) -> None:
    for number in range(26):
        draft(office, raffle_code=f"LONG-{number}", name="\U0001d4d0" * 195 + f"{number:05}")
    first = office.get(ROOT, params={"q": "LONG-", "sort": "name"}).text
    following = re.search(r'href="([^"]*cursor=[^"]*)"', first)
    assert following, first
    second = office.get(following[1].replace("&amp;", "&"))
    assert second.status_code == 200
    assert "LONG-25" in second.text


def test_winners_and_people_kept_out_are_searched_and_taken_along(office: Client) -> None:
    rows = list(csv.reader(office.get(f"{ROOT}/winners/export.csv").text.splitlines()))
    assert len(rows[0]) == len(set(rows[0]))
    ticket, deadlines = rows[1][3], [row[9] for row in rows[1:] if row[9]]
    assert deadlines
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", one) for one in deadlines)
    only = office.get(f"{ROOT}/winners/export.csv", params={"q": ticket.lower()}).text.splitlines()
    assert len(only) == 2
    assert ticket in only[1]
    assert "Nadie coincide" in office.get(f"{ROOT}/winners", params={"q": "nothing like it"}).text
    draft(office)
    path = f"{ROOT}/{CODE}/exclusions"
    for person, note in ((1, "Hermana del gerente"), (2, "Proveedor de lonas")):
        assert put(office, path, user_id=str(UUID(int=person)), kind="FAMILY", note=note).status_code == 303
    found = office.get(path, params={"q": "hermana"}).text
    assert "Hermana del gerente" in found
    assert "Proveedor de lonas" not in found
    assert "Nadie coincide" in office.get(path, params={"q": "nobody"}).text
    lines = office.get(f"{path}/export.csv", params={"q": "lonas"}).text.splitlines()
    assert lines[0] == "\ufeffPersona,Tipo,De,Nota,Desde"
    assert [line.split(",")[3] for line in lines[1:]] == ["Proveedor de lonas"]


def test_a_prize_goes_from_claim_to_delivery_with_two_people_where_it_is_worth_much(
    office: Client, admin: Admin, as_role: Callable[[str], Admin]
) -> None:
    drawn = drawn_raffle(admin, as_role("raffle_app"), alternates=1, method="CREDIT", value=60_000)
    tell_all(admin, drawn)
    path = f"{ROOT}/winners/{drawn.winners[0]}"
    assert "Reclamar por la persona" in office.get(path).text
    refused = put(office, f"{path}/claim", recipient="María González")
    assert refused.status_code == 422
    assert 'value="María González"' in refused.text
    assert put(office, f"{path}/claim", recipient="María González", account="PTS-1").status_code == 303
    seen = {"document_type": "NATIONAL_ID", "document_number": "GOMC-850101 K7QF", "is_of_age": "true"}
    own = put(office, f"{path}/identity", seen | {"is_the_holder": "true"})
    assert own.status_code == 422
    assert "Quien dijo a dónde va el premio" in own.text
    office.cookies.update(cookie_of(admin, second_administrator(admin)))
    lacking = put(office, f"{path}/identity", seen)
    assert "no recibe el premio" in lacking.text
    assert put(office, f"{path}/identity", seen | {"is_the_holder": "true"}).status_code == 303
    assert "Falta la segunda persona" in office.get(path).text
    asked = put(office, f"{path}/disqualify", reason="DECLINED", note="Lo dijo por teléfono")
    assert "pasa al siguiente suplente" in asked.text
    done = put(office, f"{path}/disqualify", reason="DECLINED", note="Lo dijo por teléfono", confirmed="yes")
    assert done.status_code == 303
    assert "Rechazó el premio: Lo dijo por teléfono" in office.get(path).text
    assert "Elegido" in office.get(f"{ROOT}/winners", params={"raffle": "TEST-1", "status": "SELECTED"}).text


def second_administrator(admin: Admin) -> str:
    row = admin.execute(
        "UPDATE auth_schema.users SET role = 'SYSTEM_ADMIN' WHERE phone_number = '+525550000011' RETURNING phone_number"
    ).fetchone()
    assert row is not None
    return str(row[0])
