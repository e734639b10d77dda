"""Journeys through the door: somebody registers on a phone, an administrator comes in with a second factor."""

import re

from playwright.sync_api import Page, expect

from tests.auth.administrators import App
from tests.browser.conftest import DESKTOP, Person, Site
from tests.browser.test_catalogue import findings
from tests.web.looking import STATION_ADMIN

NEW_PHONE = "+525598765432"


def code_sent_to(site: Site, phone: str) -> str:
    row = site.admin.execute(
        "SELECT message_text FROM auth_schema.development_inbox WHERE phone_number = %s ORDER BY id DESC LIMIT 1",
        (phone,),
    ).fetchone()
    assert row is not None, "nothing was sent"
    return str(row[0])[-6:]


def until_sent(page: Page, site: Site, phone: str) -> str:
    """The message leaves after the answer."""
    for _ in range(50):
        sent = site.admin.execute(
            "SELECT count(*) FROM auth_schema.development_inbox WHERE phone_number = %s", (phone,)
        ).fetchone()
        if sent and sent[0]:
            break
        page.wait_for_timeout(100)
    return code_sent_to(site, phone)


def test_somebody_registers_on_a_phone_with_the_keyboard_alone_and_leaves(site: Site, person: Person) -> None:
    page = person(None).new_page()
    page.goto("/")
    page.get_by_role("link", name="Crear cuenta").focus()
    page.keyboard.press("Enter")
    for label, typed in (("Nombre", "Elena"), ("Apellidos", "Vega"), ("Número de celular", "55 9876 5432")):
        page.get_by_label(label, exact=True).focus()
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.get_by_text("Acepto los términos de uso").wait_for()
    for label in ("Acepto los términos de uso", "Tengo 18 años o más"):
        page.get_by_label(label).focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Enviar código").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code")
    expect(page.get_by_role("button", name="Enviar otro código")).to_be_disabled()
    assert findings(page) == []
    code = page.get_by_label("Código de seis dígitos")
    code.focus()
    page.keyboard.type(until_sent(page, site, NEW_PHONE))
    page.keyboard.press("Enter")
    page.wait_for_url("**/wallet")
    page.goto("/me")
    expect(page.get_by_text("Elena Vega")).to_be_visible()
    page.get_by_role("button", name="Cerrar sesión").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saliste de tu cuenta")).to_be_visible()
    page.goto("/me")
    assert "/login?next=/me" in page.url


def test_an_administrator_enrols_a_second_factor_and_is_let_into_the_office(site: Site, person: Person) -> None:
    page = person(None, viewport=DESKTOP).new_page()
    page.goto("/office/employees")
    page.get_by_label("Número de celular").fill(STATION_ADMIN)
    page.get_by_role("button", name="Enviar código").click()
    page.wait_for_url("**/login/code")
    page.get_by_label("Código de seis dígitos").fill(until_sent(page, site, STATION_ADMIN))
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url("**/login/second-factor?next=/office/employees")
    page.get_by_role("button", name="Empezar").click()
    key = page.locator("code.key").inner_text()
    assert re.fullmatch(r"[A-Z2-7]{32}", key)
    expect(page.get_by_alt_text("Código QR para la aplicación de autenticación")).to_be_visible()
    assert findings(page) == []
    page.get_by_label("Código que muestra la aplicación").fill(App(f"otpauth://totp/x?secret={key}").code(-1))
    page.get_by_role("button", name="Activar").click()
    expect(page.locator(".recovery li")).to_have_count(10)
    page.get_by_role("link", name="Ya los guardé").click()
    page.wait_for_url("**/office/employees")
