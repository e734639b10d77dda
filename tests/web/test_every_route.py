"""What holds for the pages of all services, asked of each route that there is."""

import re
from collections.abc import Generator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.web.cookies import is_for_programs
from tests.applications import create_app
from tests.web.looking import ADMINISTRATOR, ANA, EMPLOYEE, HTML, cookie_of

Client = TestClient[Litestar]
NOWHERE = Settings.model_validate({"environment": "test", "database_url": "postgresql://x@127.0.0.1:1/x"})
SAMPLES = {"str": "JSM001", "int": "1", "uuid": str(UUID(int=7)), "path": "x", "date": "2026-01-01", "decimal": "1"}


def paths(method: str) -> list[str]:
    """The addresses of pages, with something of the right kind in their places."""
    found = {
        re.sub(r"\{\w+:(\w+)\}", lambda place: SAMPLES[place[1]], route.path)
        for route in create_app(NOWHERE).routes
        if isinstance(route, HTTPRoute) and method in route.methods and not is_for_programs(route.path + "/")
    }
    return sorted(found)


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), base_url="https://testserver.local", raise_server_exceptions=False) as opened:
        yield opened


def test_no_form_does_anything_without_its_token(client: Client, admin: psycopg.Connection[Any]) -> None:
    client.cookies.update(cookie_of(admin, ADMINISTRATOR))
    posts = paths("POST")
    assert len(posts) > 60
    done: list[str] = []
    for path in posts:
        answer = client.post(path, data={"confirmed": "yes"}, follow_redirects=False)
        code = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""
        if not code.startswith("form.") and answer.status_code not in (400, 401, 404, 405, 415, 422):
            done.append(f"{path} {answer.status_code} {code}")
    assert done == []


def test_the_back_office_is_closed_to_customers_staff_and_strangers(
    client: Client, admin: psycopg.Connection[Any]
) -> None:
    offices = [path for path in paths("GET") if path.startswith("/office")]
    assert len(offices) > 40
    for phone, statuses in ((None, {303}), (ANA, {403}), (EMPLOYEE, {403})):
        client.cookies.clear()
        if phone is not None:
            client.cookies.update(cookie_of(admin, phone))
        answers = {path: client.get(path, headers=HTML, follow_redirects=False).status_code for path in offices}
        assert {path: status for path, status in answers.items() if status not in statuses} == {}


def test_what_belongs_to_people_is_closed_to_strangers(client: Client) -> None:
    own = [
        path for path in paths("GET") if path.startswith(("/me", "/wallet", "/till", "/tickets", "/history", "/watch"))
    ]
    assert len(own) > 15
    for path in own:
        answer = client.get(path, headers=HTML, follow_redirects=False)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/login?next="), path
