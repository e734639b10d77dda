"""A whole platform that browsers look at: all services and their worker on sample data, in one process of its own."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gasolinera.ops import jobs_schema
from tests.browser.doors import Door
from tests.conftest import Clone, chromium, drop
from tests.web.looking import cookie_of
from vuelo.embedded import Server

COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
PHONE: Any = {"width": 390, "height": 844}
DESKTOP: Any = {"width": 1280, "height": 800}
SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")
_STARTS_WITHIN_S = 60
expect.set_options(timeout=20_000)  # beside other tests a page has a fraction of a core; the wallet waits six seconds


class Site(msgspec.Struct):
    """Where it is, and a superuser's connection to its database."""

    url: str
    admin: psycopg.Connection[Any]


class Watch(msgspec.Struct):
    """What a page did that none of ours may: complaints of the console, requests that leave the origin."""

    complaints: list[str] = []
    asked: list[str] = []


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One for a module's tests, which have contexts of their own. No longer: its driver's loop would be in the way of
    tests that run loops.
    """
    with chromium() as opened:
        yield opened


Person = Callable[..., BrowserContext]


@pytest.fixture(scope="session")
def site(server: Server, clone_of: Clone, tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    folder = tmp_path_factory.mktemp("site")
    name = clone_of("test")
    jobs_schema.install(server.url(name))
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GASOLINERA_")}
    environ |= {f"GASOLINERA_{one.upper()}_DATABASE_URL": server.dsn(name, f"{one}_app") for one in SERVICES}
    environ |= {
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_DATABASE_URL": server.dsn(name),
        "GASOLINERA_OPS_DATABASE_URL": server.dsn(name, "ops"),
    }
    log = folder / "log"
    with log.open("w") as messages:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--with-worker"], env=environ, cwd=folder, stderr=messages
        )
    try:
        url = _address(log, process)
        ready = httpx.get(f"{url}/health/ready", timeout=_STARTS_WITHIN_S)
        assert ready.status_code == 200, ready.text
        with psycopg.connect(server.url(name), autocommit=True) as admin:
            yield Site(url, admin)
    finally:
        process.terminate()
        process.wait(timeout=30)
        drop(server, name)
    assert "Traceback" not in log.read_text(), log.read_text()


def _address(log: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        said = re.search(r"^serving (\S+)$", log.read_text(), re.MULTILINE)
        if said:
            return said[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def door(site: Site) -> Generator[Door]:
    """For a person whose connection is cut: `person(phone, base_url=door.url)`."""
    made = Door(site.url)
    yield made
    made.remove()


@pytest.fixture
def person(site: Site, browser: Browser) -> Generator[Person]:
    """Opens a browser of somebody: `person(phone)` is logged in, `person(None)` a stranger. On a phone, in Spanish."""
    opened: list[BrowserContext] = []

    def look(phone: str | None, **options: Any) -> BrowserContext:
        settings: dict[str, Any] = {
            "base_url": site.url,
            "locale": "es-MX",
            "viewport": PHONE,
            "timezone_id": "America/Mexico_City",
            **options,
        }
        context = browser.new_context(**settings)
        context.set_default_timeout(15_000)
        if phone is not None:
            cookies = cookie_of(site.admin, phone)
            address = settings["base_url"].replace("http:", "https:")  # browsers take 127.0.0.1 for as good as that
            context.add_cookies(
                [
                    {"name": name, "value": value, "url": address, "secure": True, "httpOnly": True, "sameSite": "Lax"}
                    for name, value in cookies.items()
                ]
            )
        opened.append(context)
        return context

    yield look
    for context in opened:
        context.close()


def watched(page: Page, watch: Watch) -> Page:
    page.on("console", lambda message: watch.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: watch.complaints.append(str(error)))
    page.on("request", lambda request: watch.asked.append(request.url))
    return page
