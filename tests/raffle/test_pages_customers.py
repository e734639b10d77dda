"""Pages of raffles for who takes part: what is open, the own part in it, receipts and proofs, and nobody else's."""

import re
from typing import Any

import psycopg
import pytest

from gasolinera.raffle.bundles import Inclusion
from gasolinera.raffle.documents import read_document
from gasolinera.raffle.pages import WORDING
from gasolinera.wording import load_wording
from tests.redemption.desk import Desk
from tests.web.looking import ANA, HTML, LUIS, cookie_of, token_in

Admin = psycopg.Connection[Any]
OPEN = "MONTHLY-2026-12"
DRAWN = "WEEKLY-2026-47"
ANAS = "6dbc0d31-a0b8-8177-8beb-25f118bfb992"


def shown(desk: Desk, path: str, language: str = "es") -> str:
    answer = desk.client.get(path, headers=HTML | {"accept-language": language})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


@pytest.mark.parametrize("topic", ["raffles", "prizes", "fairness", "verify"])
def test_both_languages_have_the_same_texts(topic: str) -> None:
    wording = load_wording("gasolinera.raffle", topic)
    assert set(wording.names("es")) == set(wording.names("en")) != set()


def test_open_raffles_are_shown_to_everybody_and_to_their_participants_with_their_part(
    desk: Desk, admin: Admin
) -> None:
    stranger = shown(desk, "/raffles")
    assert "Sorteo mensual de diciembre" in stranger
    assert "19 boletos hasta ahora." in stranger
    assert "VIP" not in stranger, "a draft is nobody's yet"
    desk.client.cookies.update(cookie_of(admin, ANA))
    assert "Llevas 3 de 19 boletos hasta ahora." in shown(desk, "/raffles")
    assert "You have 3 of 19 tickets so far." in shown(desk, "/raffles", "en")
    assert "Ningún sorteo coincide" in shown(desk, "/raffles?q=nada")


def test_a_raffle_says_what_it_gives_and_asks_and_the_own_chance(desk: Desk, admin: Admin) -> None:
    desk.client.cookies.update(cookie_of(admin, ANA))
    page = shown(desk, f"/raffles/{OPEN.lower()}")
    assert "1 oportunidad entre 6 de salir en primer lugar" in page
    assert "MXN 15,000.00" in page
    assert "Cada boleto tiene la misma oportunidad." in page
    assert "SEGOB-MONTHLY-2026-12" in page
    unknown = desk.client.get("/raffles/VIP-2026", headers=HTML)
    assert unknown.status_code == 404
    assert "Si se sorteara" not in shown(desk, f"/raffles/{DRAWN}")


def test_the_age_is_confirmed_by_a_form_of_the_page_alone(desk: Desk, admin: Admin) -> None:
    admin.execute("SET session_replication_role = replica")  # rules of an open raffle stay as they are
    admin.execute("UPDATE raffle_schema.raffles SET min_age = 18 WHERE raffle_code = %s", (OPEN,))
    admin.execute("RESET session_replication_role")
    desk.client.cookies.update(cookie_of(admin, ANA))
    page = shown(desk, f"/raffles/{OPEN}")
    assert "tener al menos 18 años" in page
    path = f"/raffles/{OPEN}/age"
    assert desk.client.post(path, data={"min_age": "18", "token": "x"}, headers=HTML).status_code == 403
    form = {"min_age": "18", "token": token_in(page)}
    done = desk.client.post(path, data=form, headers=HTML)
    assert WORDING.text("es", "said-age-confirmed") in done.text
    assert "age_not_confirmed" not in done.text
    assert "tener al menos 18 años" not in done.text
    young = desk.client.post(path, data=form | {"min_age": "12"}, headers=HTML, follow_redirects=False)
    assert young.headers["location"].endswith("said=age-refused")


def test_own_entries_come_with_their_receipts_and_nobody_elses(desk: Desk, admin: Admin) -> None:
    led = desk.client.get(f"/raffles/{OPEN}/mine", headers=HTML, follow_redirects=False)
    assert led.headers["location"].startswith("/login?next=")
    desk.client.cookies.update(cookie_of(admin, ANA))
    page = shown(desk, f"/raffles/{OPEN}/mine")
    assert "TKTRZK95HKR74JP54PE" in page
    assert "Carga con cupón" in page
    assert "/proofs/" not in page, "nothing is frozen"
    receipt = desk.client.get(f"/raffles/{OPEN}/entries/{ANAS}/receipt")
    assert receipt.headers["content-disposition"].startswith("attachment; filename=")
    assert receipt.json()["receipt"]["numbers"][0] in page
    desk.client.cookies.clear()
    desk.client.cookies.update(cookie_of(admin, LUIS))
    assert "TKTRZK95HKR74JP54PE" not in shown(desk, f"/raffles/{OPEN}/mine")
    assert desk.client.get(f"/raffles/{OPEN}/entries/{ANAS}/receipt").status_code == 404


def test_a_frozen_entry_has_its_proof_which_opens_for_its_holder_alone(desk: Desk, admin: Admin) -> None:
    desk.client.cookies.update(cookie_of(admin, "+525551000057"))
    page = shown(desk, f"/raffles/{DRAWN}/mine", "en")
    assert "Check in this browser" in page
    assert 'type="importmap"' in page
    path = re.search(rf'data-proof="(/raffles/{DRAWN}/proofs/TKT[0-9A-Z]+)"', page)
    assert path is not None
    proof = read_document(Inclusion, desk.client.get(path[1]).content)
    assert proof.opening is not None
    desk.client.cookies.clear()
    desk.client.cookies.update(cookie_of(admin, LUIS))
    assert read_document(Inclusion, desk.client.get(path[1]).content).opening is None
