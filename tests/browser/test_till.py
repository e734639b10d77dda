"""The till in a browser: a code that one browser shows and the camera of another reads, until the receipt."""

import io
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from gasolinera.coupon import qr
from tests.browser.conftest import PHONE, Person, Site, Watch, watched
from tests.browser.doors import Door, go_offline, go_online
from tests.coupon.at_hand import make_campaign, make_coupon, signed_text
from tests.redemption.desk import user
from tests.web.looking import EMPLOYEE, cookie_of


def driver(number: int) -> str:
    """The phone of a sample customer: each test has its own, for who redeems often within an hour is looked at."""
    return f"+52555100{number:04}"


def shown_coupon(site: Site, number: int) -> str:
    """A customer's, for one use, with the signed code that the wallet shows: 10 %, two tickets."""
    admin = site.admin
    terms: dict[str, Any] = {"raffle_tickets_per_coupon": 2, "raffle_code": "MONTHLY-2026-12"}
    code = make_coupon(admin, make_campaign(admin, f"TILL{uuid4().hex[:8].upper()}", **terms), user(number))
    signed = qr.read(signed_text(admin, code))
    admin.execute(
        "UPDATE coupon_schema.coupons SET qr_key_id = 201, qr_payload = %s, qr_signature = %s WHERE coupon_code = %s",
        (signed.body, signed.signature, code),
    )
    return code


def film_of(page: Page, where: Path, selector: str) -> Path:
    """What a camera sees that is held before a part of a page: a film of one picture, for Chromium's fake camera."""
    picture = Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")
    picture.thumbnail((460, 460))
    frame = Image.new("RGB", (640, 480), (90, 96, 92))
    frame.paste(picture, ((640 - picture.width) // 2, (480 - picture.height) // 2))
    made = io.BytesIO()
    frame.save(made, "JPEG", quality=92)
    film = where / "camera.mjpeg"
    film.write_bytes(made.getvalue() * 4)
    return film


@contextmanager
def with_camera(browser: Browser, site: Site, film: Path, phone: str) -> Generator[Page]:
    """A browser of its own, whose camera plays the film."""
    args = [
        "--no-sandbox",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]
    program = browser.browser_type.launch(executable_path="/usr/bin/chromium", args=args)
    try:
        context = program.new_context(base_url=site.url, locale="es-MX", viewport=PHONE)
        context.set_default_timeout(15_000)
        address = site.url.replace("http:", "https:")
        for name, value in cookie_of(site.admin, phone).items():
            context.add_cookies([{"name": name, "value": value, "url": address, "secure": True, "httpOnly": True}])
        context.grant_permissions(["camera"], origin=site.url)
        yield context.new_page()
    finally:
        program.close()


def test_a_code_shown_in_one_browser_is_scanned_in_another_and_redeemed(
    site: Site, person: Person, browser: Browser, tmp_path: Path
) -> None:
    code = shown_coupon(site, 53)
    wallet = person(driver(53)).new_page()
    wallet.goto(f"/wallet/{code}")
    film = film_of(wallet, tmp_path, "#code")
    watch = Watch()
    with with_camera(browser, site, film, EMPLOYEE) as opened:
        page = watched(opened, watch)
        page.goto("/till")
        # The camera was allowed before, so it starts by itself.
        expect(page.locator("h1")).to_have_text("Cupón válido", timeout=15_000)
        page.get_by_label("Regular").check()
        page.get_by_label("Importe en MXN").fill("478,10")
        page.get_by_label("Bomba").fill("d03")
        expect(page.locator("[data-charge]")).to_have_text("MXN\xa0430.29")
        page.get_by_role("button", name="Completar el canje").click()
        expect(page.locator("h1")).to_have_text("Canje completado")
        expect(page.locator(".charge dd")).to_have_text("MXN\xa0430.29")
        assert page.locator(".numbers li").count() == 2
        receipt = page.url

        page.goto("/till")
        expect(page.locator("h1")).to_have_text("No se puede canjear", timeout=15_000)
        expect(page.locator(".verdict")).to_contain_text("El cupón ya se usó.")

        page.goto(receipt)
        page.get_by_role("link", name="Deshacer el canje").click()
        page.get_by_label("El importe o los litros eran otros").check()
        page.get_by_role("button", name="Sí, deshacer").click()
        expect(page.locator("h1")).to_have_text("Canje deshecho")
        expect(page.locator(".notice")).to_contain_text("vuelve al cliente")
    # What is refused is told with its status, which the console repeats.
    assert [one for one in watch.complaints if "409" not in one] == []


def test_a_photo_and_a_typed_code_do_without_a_camera_and_without_scripts(
    site: Site, person: Person, tmp_path: Path
) -> None:
    code = shown_coupon(site, 54)
    wallet = person(driver(54)).new_page()
    wallet.goto(f"/wallet/{code}")
    photo = tmp_path / "photo.png"
    wallet.screenshot(path=photo, full_page=True)
    page = person(EMPLOYEE, java_script_enabled=False).new_page()
    page.goto("/till")
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff\xd8" * 5_500_000)
    for one in (large, photo):
        page.get_by_text("Leer desde una foto").click()
        page.get_by_label("Foto del código").set_input_files(one)
        page.get_by_role("button", name="Leer la foto").click()
        if one == large:
            expect(page.locator("#photo-error")).to_contain_text("demasiado grande")
            page.goto("/till")
    expect(page.locator("h1")).to_have_text("Cupón válido")
    page.get_by_role("link", name="Escanear otro").click()
    page.get_by_label("Código escrito").fill(code.lower())
    page.get_by_role("button", name="Revisar").click()
    page.get_by_label("Diésel").check()
    page.get_by_label("Importe en MXN").fill("200")
    page.get_by_label("Bomba").fill("D1")
    page.get_by_role("button", name="Calcular").click()
    expect(page.locator("[data-charge]")).to_have_text("MXN\xa0180.00")
    page.get_by_role("button", name="Completar el canje").click()
    expect(page.locator("h1")).to_have_text("Canje completado")


def test_the_till_is_worked_with_the_keyboard_alone(site: Site, person: Person) -> None:
    code = shown_coupon(site, 55)
    page = person(EMPLOYEE, viewport={"width": 1280, "height": 800}).new_page()
    page.goto("/till")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("sel => document.activeElement.matches(sel)", selector):
                return
        raise AssertionError(f"the keyboard does not get to {selector}")

    tab_to("#code")
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Cupón válido")
    page.keyboard.press("Shift+Tab")
    page.locator("body").focus()
    page.evaluate("document.activeElement.blur()")
    tab_to("[name=fuel_type]")
    page.keyboard.press("Space")
    tab_to("#amount")
    page.keyboard.type("100")
    tab_to("#dispenser_code")
    page.keyboard.type("D2")
    expect(page.locator("[data-charge]")).to_have_text("MXN\xa090.00")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Canje completado")
    page.go_back()
    expect(page.locator("h1")).to_contain_text("Canjear un cupón")


def test_a_photo_larger_than_is_taken_is_made_smaller_first(site: Site, person: Person, tmp_path: Path) -> None:
    code = shown_coupon(site, 59)
    wallet = person(driver(59)).new_page()
    wallet.goto(f"/wallet/{code}")
    shown = Image.open(io.BytesIO(wallet.locator("#code").screenshot())).convert("RGB")
    photo = Image.effect_noise((4000, 3000), 90).convert("RGB")
    photo.paste(shown.resize((2400, 2400)), (800, 300))
    taken = tmp_path / "photo.jpg"
    photo.save(taken, "JPEG", quality=100, subsampling=0)
    assert taken.stat().st_size > 8_100_000
    page = person(EMPLOYEE).new_page()
    page.goto("/till")
    page.get_by_text("Leer desde una foto").click()
    page.get_by_label("Foto del código").set_input_files(taken)
    page.get_by_role("button", name="Leer la foto").click()
    expect(page.locator("h1")).to_have_text("Cupón válido", timeout=20_000)


def test_what_is_typed_without_a_connection_is_sent_once_when_it_is_back(
    site: Site, person: Person, door: Door
) -> None:
    code = shown_coupon(site, 56)
    context = person(EMPLOYEE, base_url=door.url)
    page = context.new_page()
    page.goto("/till/offline")
    go_offline(context, door)
    expect(page.locator("[data-connection]")).to_have_text("Sin conexión")
    page.get_by_label("Código escrito").fill(code)
    page.get_by_label("Premium").check()
    page.get_by_label("Importe").fill("300")
    page.get_by_label("Bomba").fill("D4")
    page.get_by_role("button", name="Guardar y enviar").click()
    kept = page.locator("[data-list] li")
    expect(kept).to_contain_text("Nadie ha comprobado este cupón")
    go_online(context, door)
    expect(kept).to_contain_text("a cobrar MXN\xa0270.00")
    page.reload()
    expect(page.locator("[data-list] li")).to_contain_text("a cobrar MXN\xa0270.00")
    kept.get_by_role("link", name="Recibo").click()
    expect(page.locator("h1")).to_have_text("Canje completado")


def test_the_till_opens_without_a_connection_and_sends_once_it_is_back(site: Site, person: Person, door: Door) -> None:
    code = shown_coupon(site, 60)
    context = person(EMPLOYEE, base_url=door.url)
    page = context.new_page()
    page.goto("/till")
    until = time.monotonic() + 15
    while not page.evaluate("async () => Boolean(await caches.match('/till/offline'))"):
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    go_offline(context, door)
    page.goto("/till")
    expect(page.locator("[data-connection]")).to_have_text("Sin conexión")
    page.get_by_label("Código escrito").fill(code)
    page.get_by_label("Premium").check()
    page.get_by_label("Importe").fill("300")
    page.get_by_label("Bomba").fill("D4")
    page.get_by_role("button", name="Guardar y enviar").click()
    kept = page.locator("[data-list] li")
    expect(kept).to_contain_text("Nadie ha comprobado este cupón")
    page.reload()
    expect(kept).to_contain_text("Nadie ha comprobado este cupón")
    go_online(context, door)
    expect(kept).to_contain_text("a cobrar MXN\xa0270.00")


def test_what_is_kept_has_its_shape_and_what_was_refused_is_corrected(site: Site, person: Person) -> None:
    code = shown_coupon(site, 58)
    page = person(EMPLOYEE).new_page()
    page.goto("/till/offline")
    page.get_by_label("Código escrito").fill("7K2M-9QXD-4T5WP")
    page.get_by_label("Regular").check()
    page.get_by_label("Importe").fill("$ 500")
    page.get_by_label("Bomba").fill("d 03")
    keep = page.get_by_role("button", name="Guardar y enviar")
    keep.click()
    expect(page.locator("#amount-error, #dispenser_code-error")).to_have_count(2)
    expect(page.get_by_label("Importe")).to_be_focused()
    expect(page.locator("[data-list] li")).to_have_count(0)
    page.get_by_label("Importe").fill("500")
    page.get_by_label("Bomba").fill("d03")
    keep.click()
    kept = page.locator("[data-list] li")
    expect(kept).to_contain_text("no se puede canjear")
    kept.get_by_role("button", name="Corregir").click()
    expect(page.get_by_label("Importe")).to_have_value("500")
    page.get_by_label("Código escrito").fill(code)
    keep.click()
    expect(kept).to_contain_text("a cobrar MXN\xa0450.00")


def test_a_pumps_code_is_scanned_with_a_camera_and_paid_by_the_driver(
    site: Site, person: Person, browser: Browser, tmp_path: Path
) -> None:
    code = shown_coupon(site, 57)
    till = person(EMPLOYEE).new_page()
    till.goto("/till/pump")
    till.get_by_label("Bomba").fill("D5")
    till.get_by_label("Importe").fill("500")
    till.get_by_label("Regular").check()
    till.get_by_role("button", name="Mostrar el código").click()
    film = film_of(till, tmp_path, ".pumpcode img")
    with with_camera(browser, site, film, driver(57)) as page:
        page.goto(f"/pump?coupon={code}")
        page.get_by_role("button", name="Es mi compra").click()
        page.get_by_role("button", name="Usar mi cupón").click()
        expect(page.locator("h1")).to_have_text("Canje completado")
        expect(page.locator(".charge dd")).to_have_text("MXN\xa0450.00")
    expect(till.locator("h1")).to_have_text("El cliente confirmó", timeout=15_000)
