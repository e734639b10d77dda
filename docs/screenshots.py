"""`make screenshots`: the pictures of README, taken from the pages as they are, on sample data."""

import hashlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import msgspec
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from bench.screens.place import Place, open_place

IMAGES: Final = Path(__file__).parent / "images"
ANA, EMPLOYEE, ADMINISTRATOR = "+525551000051", "+525550000021", "+525550000001"
PHONE: Final[Any] = {"width": 390, "height": 780}
DESKTOP: Final[Any] = {"width": 1280, "height": 800}
_RAFFLE: Final = "SIM0001-RAFFLE"
_SETTLES_MS: Final = 1_500  # codes are drawn, tiles are fetched
_GAP: Final = 24
_COLOURS: Final = 128


class View(msgspec.Struct, frozen=True):
    path: str
    person: str | None
    scheme: str = "light"
    language: str = "es-MX"


PHONES: Final = {
    "driver.png": (View("/wallet", ANA), View("/wallet/GASX00000011H", ANA), View("/raffles", ANA, "dark")),
    "pump.png": (View("/till", EMPLOYEE), View("/till/today", EMPLOYEE), View("/stations", ANA)),
}


def main() -> None:
    with open_place(with_worker=True, with_day=True) as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, views in PHONES.items():
            _saved(_beside([_seen(browser, place, view, PHONE) for view in views]), name)
        _saved(_seen(browser, place, View("/office", ADMINISTRATOR), DESKTOP), "office.png")
        _saved(_verified(browser, place), "fairness.png")
        browser.close()


def _seen(browser: Browser, place: Place, view: View, size: Any) -> Image.Image:
    page = _opened(browser, place, view, size)
    page.wait_for_timeout(_SETTLES_MS)
    return _picture(page)


def _verified(browser: Browser, place: Place) -> Image.Image:
    """The day's draw, checked by the page with its files and the fingerprint of the manifest that was published."""
    page = _opened(browser, place, View(f"/fairness/{_RAFFLE}", None, language="en-US"), DESKTOP)
    page.get_by_role("link", name="Verify this draw in my browser").click()
    page.get_by_role("button", name="Use the files of this raffle").click()
    page.locator("#chosen li").nth(1).wait_for()
    manifest = page.request.get(f"{place.url}/fairness/{_RAFFLE}/manifest").body()
    page.locator("#stronger summary").click()
    page.fill("#kept", hashlib.sha256(manifest).hexdigest())
    page.select_option("#beacon", "test")
    page.get_by_role("button", name="Verify", exact=True).click()
    page.locator("#verdict h2").wait_for()
    page.locator("#verdict").scroll_into_view_if_needed()
    page.wait_for_timeout(_SETTLES_MS)
    return _picture(page)


def _opened(browser: Browser, place: Place, view: View, size: Any) -> Page:
    context = browser.new_context(
        viewport=size, locale=view.language, color_scheme=cast("Any", view.scheme), timezone_id="America/Mexico_City"
    )
    if view.person is not None:
        address = place.url.replace("http:", "https:")
        session = {"name": "__Host-session", "value": place.session(view.person), "url": address, "secure": True}
        context.add_cookies([cast("Any", session)])
    page = context.new_page()
    answer = page.goto(place.url + view.path, wait_until="load")
    assert answer is not None
    assert answer.ok, view.path
    return page


def _picture(page: Page) -> Image.Image:
    drawn = page.screenshot()
    page.context.close()
    return Image.open(io.BytesIO(drawn)).convert("RGB")


def _beside(pictures: Sequence[Image.Image]) -> Image.Image:
    width = sum(one.width for one in pictures) + _GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, max(one.height for one in pictures)), "#8a9792")
    left = 0
    for one in pictures:
        whole.paste(one, (left, 0))
        left += one.width + _GAP
    return whole


def _saved(picture: Image.Image, name: str) -> None:
    picture.quantize(_COLOURS).save(IMAGES / name, optimize=True)


if __name__ == "__main__":
    main()
