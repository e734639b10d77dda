"""Prizes on pages: claimed by who won them, with what was typed kept, and shown to nobody else."""

import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.raffle.winner_steps import drawn_raffle, tell_all
from tests.redemption.desk import Desk, user
from tests.web.looking import ANA, HTML, LUIS, cookie_of, token_in

Admin = psycopg.Connection[Any]
FORM = {
    "recipient": "María de la Luz González",
    "phone_number": "+52 55 1234-5678",
    "address": "Calle 5\nColonia Centro, 06000 CDMX",
    "shows_name": "on",
}


@pytest.fixture
def prize(desk: Desk, admin: Admin, as_role: Callable[[str], Admin]) -> str:
    """The path of a prize that Ana has won and was told of; she looks at it."""
    drawn = drawn_raffle(admin, as_role("raffle_app"), users=[user(51)], alternates=1)
    tell_all(admin, drawn)
    desk.client.cookies.update(cookie_of(admin, ANA))
    return f"/prizes/{drawn.winners[0]}"


def shown(desk: Desk, path: str, language: str = "es") -> str:
    answer = desk.client.get(path, headers=HTML | {"accept-language": language})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", answer.text)


def test_a_winner_claims_and_sees_how_far_the_prize_is(desk: Desk, prize: str) -> None:
    assert prize in shown(desk, "/prizes")
    page = shown(desk, prize)
    assert "¡Ganaste!" in page
    form = FORM | {"token": token_in(page)}
    claimed = desk.client.post(f"{prize}/claim", data=form, headers=HTML)
    assert "reclamaste tu premio" in claimed.text
    for told in ("Falta ver tu identificación", "María de la Luz González", "Colonia Centro", "M•••• G."):
        assert told in claimed.text, told
    again = desk.client.post(f"{prize}/claim", data=form | {"recipient": "Otra"}, headers=HTML)
    assert "Así está ahora" in again.text
    assert "María de la Luz González" in again.text
    assert "You have claimed your prize" not in shown(desk, prize, "en")


def test_what_was_typed_stays_and_each_field_says_what_to_change(desk: Desk, prize: str) -> None:
    token = token_in(shown(desk, prize))
    wrong = {"recipient": "", "phone_number": "55 1234", "address": "Calle 5", "token": token}
    refused = desk.client.post(f"{prize}/claim", data=wrong, headers=HTML)
    assert refused.status_code == 422
    assert 'id="recipient-error"' in refused.text
    assert 'id="phone_number-error"' in refused.text
    assert 'value="55 1234"' in refused.text
    assert "Escribe el teléfono con clave de país" in refused.text
    nowhere = desk.client.post(f"{prize}/claim", data={"recipient": "Ana", "token": token}, headers=HTML)
    assert nowhere.status_code == 422
    assert "Escribe un domicilio" in nowhere.text
    assert 'value="Ana"' in nowhere.text


def test_where_a_claimed_prize_goes_is_changed_by_its_winner(desk: Desk, prize: str) -> None:
    form = FORM | {"token": token_in(shown(desk, prize))}
    assert desk.client.post(f"{prize}/claim", data=form, headers=HTML).status_code == 200
    form = {"recipient": "María González", "station_code": "jsm001", "token": form["token"]}
    changed = desk.client.post(f"{prize}/delivery", data=form, headers=HTML)
    assert "Guardamos a dónde va" in changed.text
    assert "JSM001" in changed.text
    assert "Calle 5" not in changed.text


def test_a_prize_is_shown_to_nobody_else(desk: Desk, admin: Admin, prize: str) -> None:
    form = FORM | {"token": token_in(shown(desk, prize))}
    assert desk.client.post(f"{prize}/claim", data=form, headers=HTML).status_code == 200
    desk.client.cookies.clear()
    desk.client.cookies.update(cookie_of(admin, LUIS))
    assert desk.client.get(prize, headers=HTML).status_code == 404
    token = token_in(shown(desk, "/prizes"))
    for act in ("claim", "delivery"):
        foreign = {"recipient": "Luis", "address": "Calle 6", "token": token}
        assert desk.client.post(f"{prize}/{act}", data=foreign, headers=HTML).status_code == 404
    desk.client.cookies.clear()
    assert desk.client.get(prize, headers=HTML, follow_redirects=False).headers["location"].startswith("/login")
