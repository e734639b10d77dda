"""The wallet in a browser: a code that a camera reads and the platform takes, and all of it without a connection."""

import io
import re
import time
from collections.abc import Callable
from typing import Any, cast

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError

from gasolinera.coupon.codes import number_of
from gasolinera.coupon.qr import QrKey, read, verify_signature
from tests.browser.conftest import PHONE, Person, Site, Watch, watched
from tests.browser.doors import Door, go_offline
from tests.web.looking import ANA, LUIS, cookie_of

SUMMER = "GASX00000011H"  # Ana's, of the sample
KEPT = "caches.keys().then(names => names.filter(name => name.startsWith('wallet-')).sort())"


def read_by_camera(code: Locator) -> str:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(code.screenshot())).convert("L"))
    assert len(found) == 1
    return found[0].text


def keys_of(site: Site) -> dict[int, QrKey]:
    """What verifies codes, as terminals know it."""
    return {
        row[0]: QrKey(row[0], bytes(row[1]))
        for row in site.admin.execute("SELECT key_id, public_key FROM coupon_schema.qr_signing_keys")
    }


def kept_paths(page: Page) -> list[str]:
    return page.evaluate(
        """async () => {
          const names = (await caches.keys()).filter((name) => name.startsWith("wallet-"));
          const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
          return kept.flat().map((one) => new URL(one.url).pathname).sort();
        }"""
    )


def until(condition: Callable[[], bool], page: Page) -> None:
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came")


def opened_wallet(context: BrowserContext) -> Page:
    """The list, once all that it shows is kept, and what is said instead of other pages."""
    page = context.new_page()
    page.goto("/wallet")
    listed = page.locator("#coupons a").count()
    until(lambda: len(kept_paths(page)) == listed + 2, page)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_camera_reads_the_code_the_platform_takes_it_and_it_changes(site: Site, person: Person, scheme: str) -> None:
    watch = Watch()
    page = watched(person(ANA, color_scheme=scheme).new_page(), watch)
    page.clock.install()
    page.goto(f"/wallet/{SUMMER}")
    code = page.locator("#code")
    text = read_by_camera(code)
    signed = read(text)
    assert verify_signature(signed, keys_of(site)).coupon == number_of(SUMMER)
    assert signed.display is not None
    moment = int.from_bytes(signed.display[:4], "big")
    assert abs(time.time() - moment) < 30
    expect(page.locator("#typed")).to_have_text("GASX-0000-0011H")
    shown = re.search(r"\d+", page.locator("#countdown").inner_text())
    assert shown is not None
    assert 0 < int(shown[0]) <= 20
    page.wait_for_timeout(1_100)  # so that the moment in the code is another one
    before = code.inner_html()
    with page.expect_response(re.compile("/now$")):
        page.clock.run_for(21_000)
    expect(code).not_to_have_js_property("innerHTML", before)
    assert read_by_camera(code) != text
    assert watch.complaints == []


def test_the_wallet_opens_without_a_connection_and_says_since_when(person: Person, door: Door) -> None:
    context = person(ANA, base_url=door.url)
    page = opened_wallet(context)
    # Not the browser's setting: it is dropped and set again with each page, of which the page that is left hears, and
    # reads itself again.
    door.close()
    page.reload()
    expect(page.get_by_text("Sin conexión. Ves tus cupones como estaban el")).to_be_visible()
    page.get_by_role("link", name="Verano 2026").click()
    expect(page.get_by_text("este código se actualizó el")).to_be_visible()
    assert read(read_by_camera(page.locator("#code"))).display is not None
    expect(page.locator("#countdown")).to_be_hidden()
    page.goto("/offers")
    expect(page.get_by_role("heading", name="Sin conexión")).to_be_visible()
    page.goto("/wallet?view=used")  # nobody kept that list, and the one of those at hand does not stand in for it
    expect(page.get_by_role("heading", name="Sin conexión")).to_be_visible()
    page.get_by_role("link", name="Mis cupones").click()
    expect(page.get_by_role("heading", name="Mis cupones")).to_be_visible()
    door.open()
    page.goto(f"/wallet/{SUMMER}")
    expect(page.locator("#countdown")).to_be_visible()
    expect(page.locator("#offline")).to_be_hidden()


def test_logging_out_forgets_what_was_kept(person: Person, door: Door) -> None:
    context = person(ANA, base_url=door.url)
    page = opened_wallet(context)
    page.get_by_role("button", name="Cerrar sesión").click()
    page.wait_for_load_state()
    assert page.evaluate(KEPT) == []
    go_offline(context, door)
    with pytest.raises(PlaywrightError, match="ERR_"):
        page.goto("/wallet")


def test_nobody_sees_the_pages_of_a_session_before(site: Site, person: Person) -> None:
    context = person(ANA)
    page = opened_wallet(context)
    (first,) = page.evaluate(KEPT)
    context.clear_cookies()
    page.goto("/wallet")  # the session is over: to the door
    until(lambda: page.evaluate(KEPT) == [], page)
    for name, value in cookie_of(site.admin, LUIS).items():
        address = site.url.replace("http:", "https:")
        context.add_cookies(
            [{"name": name, "value": value, "url": address, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
        )
    other = opened_wallet(context)
    (second,) = other.evaluate(KEPT)
    assert second != first
    assert f"/wallet/{SUMMER}" not in kept_paths(other)


def test_an_offer_is_taken_and_its_coupon_appears_by_itself(site: Site, person: Person) -> None:
    page = person(LUIS).new_page()
    page.goto("/offers")
    page.get_by_role("button", name="Tomar cupón: Premium 2026").click()
    expect(page.get_by_text("¡Listo! Tu cupón aparecerá aquí")).to_be_visible()
    page.get_by_role("link", name="Premium 2026").click()
    expect(page.locator("#code")).to_be_visible()
    expect(page.get_by_text("Solo Premium")).to_be_visible()
    page.goto("/offers")
    expect(page.get_by_role("link", name="Ver mi cupón: Premium 2026")).to_be_visible()


def test_an_open_coupon_says_when_it_can_no_longer_be_used(site: Site, person: Person) -> None:
    page = person(LUIS).new_page()
    page.clock.install()
    page.goto("/wallet/GASX00000022V")
    expect(page.locator("#code")).to_be_visible()
    site.admin.execute(
        "UPDATE coupon_schema.coupons SET status = 'SUSPENDED', status_reason = 'Se revisa'"
        " WHERE coupon_code = 'GASX00000022V'"
    )
    page.clock.run_for(21_000)
    expect(page.get_by_text("Suspendido")).to_be_visible()
    expect(page.locator("#code")).to_have_count(0)


def test_the_code_fills_the_screen_and_lets_go_of_it_by_key(site: Site, person: Person) -> None:
    page = person(ANA).new_page()
    page.goto(f"/wallet/{SUMMER}")
    button = page.get_by_role("button", name="Pantalla completa")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Salir")).to_be_visible()
    box = page.locator("#card").bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"]
    assert read(read_by_camera(page.locator("#code"))).display is not None
    page.keyboard.press("Enter")
    expect(button).to_be_visible()


def test_the_wallet_can_be_installed(person: Person) -> None:
    context = person(ANA)
    page = opened_wallet(context)
    session = cast("Any", context.new_cdp_session(page))
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/manifest.webmanifest")
    missing = {one["errorId"] for one in session.send("Page.getInstallabilityErrors")["installabilityErrors"]}
    assert missing <= {"in-incognito"}  # as every browser context of a test is
