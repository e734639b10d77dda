"""What all pages share: policy, static files, language, forms, cookies, and errors that people can read."""

import re
from collections.abc import Generator
from importlib.resources import files
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Environment, Settings
from gasolinera.keyring import Keyring, load_keyring
from gasolinera.web.assets import asset_url
from gasolinera.web.cookies import ended_session_cookie, session_cookie
from gasolinera.web.forms import local_path
from gasolinera.wording import load_wording, preferred_language
from tests.applications import create_app

NOWHERE = Settings.model_validate({"environment": "test", "database_url": "postgresql://x@127.0.0.1:1/x"})
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
Client = TestClient[Litestar]


@pytest.fixture
def client() -> Generator[Client]:
    with TestClient(create_app(NOWHERE), raise_server_exceptions=False, base_url="https://testserver.local") as opened:
        yield opened


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_a_browser_gets_a_page_for_an_unknown_address_and_a_program_problem_details(client: Client) -> None:
    page = client.get("/nothing", headers=HTML)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "No encontramos esta página" in page.text
    assert "request.unknown_path" in page.text
    for path, accept in (("/nothing", "*/*"), ("/nothing", "application/json"), ("/api/nothing", HTML["accept"])):
        problem = client.get(path, headers={"accept": accept})
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json"), path


def test_what_is_away_is_told_with_its_status_and_when_to_come_again(client: Client) -> None:
    page = client.get("/dev/inbox", headers=HTML)
    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert "Volvemos enseguida" in page.text


def test_the_policy_of_pages_lets_nothing_in_that_stands_in_the_page(client: Client) -> None:
    page = client.get("/nothing", headers=HTML)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|<script(?! type=\"module\" src=)| style=| on[a-z]+=", page.text)


def test_an_address_in_a_page_is_shown_as_text(client: Client) -> None:
    page = client.get("/%22%3E%3Cscript%3Ealert(1)%3C/script%3E", headers=HTML)
    assert "<script>" not in page.text


def test_static_files_are_kept_for_good_under_an_address_of_their_content(client: Client) -> None:
    address = asset_url("style.css")
    assert re.fullmatch(r"/static/[0-9a-f]{16}/style\.css", address)
    found = client.get(address)
    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert found.headers["content-type"] == "text/css; charset=utf-8"
    for wrong in (
        "style.css",
        "0000000000000000/style.css",
        address.split("/")[2] + "/..%2f__init__.py",
        address.split("/")[2] + "/%2e%2e/__init__.py",
        address.split("/")[2] + "/npm/%40noble/../../pages.py",
    ):
        assert client.get(f"/static/{wrong}").status_code in (400, 404), wrong


@pytest.mark.parametrize(
    ("accepted", "chosen", "language"),
    [
        ("", None, "es"),
        ("en-US,en;q=0.9", None, "en"),
        ("fr, en;q=0.5, es;q=0.8", None, "es"),
        ("de", None, "es"),
        ("es;q=0, en;q=0.1", None, "en"),
        ("en;q=high, *;q=0.1", None, "es"),
        ("en", "es", "es"),
        ("en", "xx", "en"),
    ],
)
def test_the_language_is_the_choice_or_the_browsers_or_spanish(accepted: str, chosen: str, language: str) -> None:
    assert preferred_language(accepted, chosen) == language


def test_both_languages_have_the_same_texts() -> None:
    folders = sorted(path for path in Path(str(files("gasolinera"))).glob("*/locales/*.ftl"))
    assert len(folders) > 2
    for path in folders:
        package, topic = f"gasolinera.{path.parents[1].name}", path.name.rpartition(".")[0].rpartition(".")[0] or None
        spanish, english = (set(load_wording(package, topic).names(language)) for language in ("es", "en"))
        assert spanish == english != set(), path


def test_a_chosen_language_stays_and_leads_back_to_the_page(client: Client) -> None:
    page = client.get("/somewhere", headers=HTML)
    form = {"language": "en", "token": token_of(page.text), "back": "/somewhere"}
    chosen = client.post("/language", data=form, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/somewhere")
    cookie = chosen.headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "We did not find this page" in client.get("/somewhere", headers=HTML).text


@pytest.mark.parametrize(
    ("headers", "spoils", "code"),
    [
        ({"sec-fetch-site": "cross-site"}, False, "form.foreign"),
        ({"sec-fetch-site": "same-site"}, False, "form.foreign"),
        ({"origin": "https://evil.example"}, False, "form.foreign"),
        ({"origin": "null"}, False, "form.foreign"),
        ({"origin": "http://testserver.local"}, False, "form.foreign"),
        ({"sec-fetch-site": "same-origin"}, True, "form.expired"),
    ],
)
def test_a_form_of_another_site_or_with_another_token_does_nothing(
    client: Client, headers: dict[str, str], spoils: bool, code: str
) -> None:
    token = token_of(client.get("/", headers=HTML).text)
    form = {"language": "en", "token": token[:-2] + ("00" if token[-2:] != "00" else "11") if spoils else token}
    refused = client.post("/language", data=form, headers=headers, follow_redirects=False)
    assert (refused.status_code, refused.json()["code"]) == (403, code)
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize("token", ["", "x", "1.2.3", "99999999999.1.00", "9" * 300, "²³.1.00", "-1.1.0", "9.99999.0"])
def test_a_token_that_is_none_is_refused(client: Client, token: str) -> None:
    refused = client.post("/language", data={"language": "en", "token": token}, follow_redirects=False)
    assert refused.status_code in (403, 422)


def test_the_token_of_a_form_is_good_in_its_session_alone(client: Client) -> None:
    token = token_of(client.get("/", headers=HTML).text)
    with_session = {"cookie": "__Host-session=somebody", "sec-fetch-site": "same-origin"}
    refused = client.post("/language", data={"language": "en", "token": token}, headers=with_session)
    assert refused.json()["code"] == "form.expired"


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\nb", "/ñ"])
def test_a_form_never_leads_to_another_site(path: str) -> None:
    assert local_path(path) == "/"


def test_the_session_cookie_is_out_of_reach_for_scripts_and_other_sites() -> None:
    header = session_cookie("secret", Environment.PRODUCTION).to_header(header="")
    name, *attributes = header.split("; ")
    assert name == "__Host-session=secret"
    assert set(attributes) == {"HttpOnly", "Max-Age=604800", "Path=/", "SameSite=lax", "Secure"}
    assert "Secure" not in session_cookie("secret", Environment.DEVELOPMENT).to_header(header="")
    assert "Max-Age=0" in ended_session_cookie(Environment.PRODUCTION).to_header(header="")


def test_the_keys_of_forms_are_in_every_ring() -> None:
    ring: Keyring = load_keyring(NOWHERE)
    assert ring.has("cursor")


def test_the_inbox_of_development_does_not_exist_in_production() -> None:
    app = create_app(NOWHERE.model_copy(update={"environment": Environment.TEST}))
    with TestClient(app) as client:
        app.state["settings"] = NOWHERE.model_copy(update={"environment": Environment.PRODUCTION})
        found = client.get("/dev/inbox")
    assert (found.status_code, found.json()["code"]) == (404, "request.unknown_path")
