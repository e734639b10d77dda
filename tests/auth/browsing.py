"""What tests of pages do as somebody in a browser: read forms, post them with their token, log in by phone and code."""

import html
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from litestar.testing import TestClient

from gasolinera.auth.parts import PARTS
from gasolinera.config import Settings
from gasolinera.parts import Parts
from tests.applications import create_app
from tests.auth.administrators import App
from tests.auth.journeys import ANA_PHONE, Client, Conn, code_sent_to

BASE_URL = "https://testserver.local"
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "es-MX"}
_FROM_US = HTML | {"sec-fetch-site": "same-origin"}


@contextmanager
def browsing(settings: Settings, parts: Sequence[Parts] = (PARTS,)) -> Generator[Client]:
    """Over https: without it a browser would not keep the cookies."""
    app = create_app(settings, parts)
    with TestClient(app, raise_server_exceptions=False, base_url=BASE_URL) as client:
        client.headers.update(HTML)
        yield client


def another(client: httpx.Client) -> httpx.Client:
    """Another browser, at the same running application."""
    return httpx.Client(transport=client._transport, base_url=BASE_URL, headers=HTML)  # pyright: ignore[reportPrivateUsage]  it keeps the loop


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def look(client: httpx.Client, path: str, status: int = 200) -> str:
    found = client.get(path, follow_redirects=False)
    assert found.status_code == status, (found.status_code, found.headers.get("location"), found.text[:2000])
    return str(found.text)


def send(client: httpx.Client, path: str, fields: dict[str, Any], *, page: str | None = None) -> Any:
    """Posts a form with the token of a page of this browser; gives the response, unfollowed."""
    token = token_of(page or client.get("/terms").text)
    return client.post(path, data={"token": token, **fields}, headers=_FROM_US, follow_redirects=False)


def went_to(response: Any, path: str) -> None:
    assert response.status_code == 303, (response.status_code, said(response.text))
    assert response.headers["location"] == path


def said(page: str) -> str:
    """The text of a page, as people read it."""
    main = page.split("<main", 1)[-1].split("</main>", maxsplit=1)[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def log_in(client: httpx.Client, admin: Conn, phone: str = ANA_PHONE, then: str = "/") -> Any:
    """By phone and code; gives the last answer, which leads on."""
    asked = send(client, "/login", {"phone": phone, "country": "+52", "then": then})
    went_to(asked, "/login/code")
    return send(client, "/login/code", {"code": code_sent_to(admin, phone)})


def enrol(client: httpx.Client) -> App:
    """A second factor for whoever is logged in."""
    page = send(client, "/login/second-factor/enrol", {"then": "/"}).text
    secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', page)
    assert secret, said(page)
    app = App(f"otpauth://totp/x?secret={secret[1]}")
    done = send(client, "/login/second-factor/confirm", {"secret": secret[1], "code": app.code(-1), "then": "/"})
    assert done.status_code == 200, said(done.text)
    return app
