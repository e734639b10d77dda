"""Sessions of browsers: they open pages and nothing for programs; who lacks one is led to the door and back."""

from collections.abc import Generator
from urllib.parse import unquote

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.web.looking import ADMINISTRATOR, ANA, HTML, cookie_of

Client = TestClient[Litestar]


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), base_url="https://testserver.local", raise_server_exceptions=False) as opened:
        yield opened


def test_a_stranger_is_led_to_the_door_and_comes_back_to_the_same_address(client: Client) -> None:
    led = client.get("/me?tab=x", headers=HTML, follow_redirects=False)
    assert led.status_code == 303
    door, _, then = led.headers["location"].partition("?next=")
    assert (door, unquote(then)) == ("/login", "/me?tab=x")
    assert client.get("/me", headers={"accept": "application/json"}).status_code == 401


def test_a_session_opens_pages_and_nothing_for_programs(client: Client, admin: psycopg.Connection) -> None:
    client.cookies.update(cookie_of(admin, ANA))
    assert client.get("/me", headers=HTML, follow_redirects=False).status_code == 200
    refused = client.get("/api/auth/profile", headers={"accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (401, "auth.no_token")


def test_a_session_that_is_ended_is_over_with_the_next_page(client: Client, admin: psycopg.Connection) -> None:
    client.cookies.update(cookie_of(admin, ANA))
    assert client.get("/me", headers=HTML, follow_redirects=False).status_code == 200
    admin.execute(
        "UPDATE auth_schema.refresh_tokens SET revoked_at = now(), revoke_reason = 'LOGOUT' WHERE revoked_at IS NULL"
    )
    assert client.get("/me", headers=HTML, follow_redirects=False).headers["location"].startswith("/login?next=")


def test_who_lacks_the_second_factor_is_led_to_it(client: Client, admin: psycopg.Connection) -> None:
    client.cookies.update(cookie_of(admin, ADMINISTRATOR, second_factor=False))
    led = client.get("/office/users", headers=HTML, follow_redirects=False)
    assert led.headers["location"] == "/login/second-factor?next=/office/users"


def test_a_customer_is_told_that_the_office_is_not_for_him(client: Client, admin: psycopg.Connection) -> None:
    client.cookies.update(cookie_of(admin, ANA))
    refused = client.get("/office/users", headers=HTML)
    assert refused.status_code == 403
    assert "No tienes permiso" in refused.text


def test_a_form_that_was_too_old_is_shown_with_what_was_typed_to_be_sent_again(
    client: Client, admin: psycopg.Connection
) -> None:
    client.cookies.update(cookie_of(admin, ANA))
    headers = {**HTML, "sec-fetch-site": "same-origin", "referer": "https://testserver.local/me?x=1"}
    old = client.post("/me", data={"first_name": "Ana <b>", "token": "1.1.00"}, headers=headers)
    assert old.status_code == 403
    assert "La página era vieja" in old.text
    assert 'name="first_name" value="Ana &lt;b&gt;"' in old.text
    assert 'href="/me?x=1"' in old.text
    foreign = client.post(
        "/me", data={"first_name": "x", "token": "1.1.00"}, headers={**HTML, "sec-fetch-site": "none"}
    )
    assert 'name="first_name"' not in foreign.text


def test_who_posts_after_the_session_ended_is_shown_the_door_back_to_the_page(client: Client) -> None:
    headers = {**HTML, "sec-fetch-site": "same-origin", "referer": "https://testserver.local/me"}
    ended = client.post("/me", data={"first_name": "x"}, headers=headers)
    assert ended.status_code == 401
    assert 'href="/login?next=/me"' in ended.text
    elsewhere = client.post("/me", headers={**headers, "referer": "https://evil.example/me"})
    assert 'href="/login?next=/"' in elsewhere.text
