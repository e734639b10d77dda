"""The inbox of development in a real browser: both languages, light and dark, as wide as a phone, without complaint."""

import json
import urllib.request
from collections.abc import Generator
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from gasolinera.config import Settings
from tests.applications import create_app
from tests.auth.journeys import ANA_PHONE, Conn, code_sent_to

PHONE: Any = {"width": 360, "height": 740}


@pytest.fixture
def url(settings: Settings) -> Generator[str]:
    """The application behind a real server, which a browser needs."""
    # The prefix of the session's cookie and Secure need TLS; pages are the same without.
    server = uvicorn.Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def ask_for_code(url: str) -> None:
    body = json.dumps({"phone_number": ANA_PHONE}).encode()
    request = urllib.request.Request(  # noqa: S310  our own server
        f"{url}/api/auth/login/otp", body, {"content-type": "application/json"}
    )
    urllib.request.urlopen(request).close()  # noqa: S310


def watched(page: Page, complaints: list[str], asked: list[str]) -> Page:
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.on("request", lambda request: asked.append(request.url))
    return page


def test_messages_appear_by_themselves_in_both_languages_dark_and_on_a_phone(
    url: str, admin: Conn, tmp_path: Path, browser: Browser
) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    spanish = browser.new_context(locale="es-MX", viewport=PHONE, color_scheme="light")
    page = watched(spanish.new_page(), complaints, asked)
    page.goto(f"{url}/dev/inbox")
    assert page.locator(".empty").inner_text() == "Todavía no hay mensajes."
    page.screenshot(path=tmp_path / "empty.png")

    ask_for_code(url)
    page.wait_for_selector(".code", timeout=10_000)
    assert page.locator(".code").inner_text() == code_sent_to(admin, ANA_PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.screenshot(path=tmp_path / "phone-light-es.png", full_page=True)

    page.get_by_role("button", name="English").focus()
    assert page.evaluate("document.activeElement.value") == "en"
    english = browser.new_context(locale="en-US", viewport=PHONE, color_scheme="dark")
    page = watched(english.new_page(), complaints, asked)
    page.goto(f"{url}/dev/inbox")
    assert page.locator("h1").inner_text() == "Development inbox"
    assert page.locator("html").get_attribute("lang") == "en"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.screenshot(path=tmp_path / "phone-dark-en.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.screenshot(path=tmp_path / "desktop-dark-en.png")
    page.get_by_role("button", name="Español").click()
    page.wait_for_url(f"{url}/dev/inbox")
    assert complaints == []
    assert {address for address in asked if not address.startswith((url, "data:"))} == set()
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_without_scripts_the_page_reloads_itself(url: str, browser: Browser) -> None:
    page = browser.new_context(java_script_enabled=False, locale="en").new_page()
    page.goto(f"{url}/dev/inbox")
    assert page.locator(".empty").count() == 1
    ask_for_code(url)
    page.wait_for_selector(".code", timeout=10_000)
