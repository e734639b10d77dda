"""The administrator's journey: a campaign from the wizard to coupons by the hundred, taken out as a table."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, Person, Site
from tests.web.looking import ADMINISTRATOR


def test_a_campaign_goes_from_the_wizard_to_two_hundred_coupons(person: Person, site: Site) -> None:
    page = person(ADMINISTRATOR, viewport=DESKTOP).new_page()
    page.goto("/office/campaigns")
    page.get_by_role("link", name="Nueva campaña").click()
    page.get_by_label("Código", exact=True).fill("otono2027")
    page.get_by_label("Nombre", exact=True).fill("Otoño 2027")
    page.get_by_label("Descuento", exact=True).fill("10")
    page.get_by_label("Descuento máximo").fill("40")
    page.get_by_role("button", name="Siguiente").click()
    page.get_by_label("Diésel").uncheck()
    page.get_by_role("button", name="Siguiente").click()
    page.get_by_label("Presupuesto (MXN)").fill("20000")
    page.get_by_role("button", name="Siguiente").click()
    page.get_by_label("Boletos por cupón").fill("1")
    page.get_by_role("button", name="Siguiente").click()
    page.get_by_label("Empieza").fill("2026-01-01T00:00")
    page.get_by_role("button", name="Siguiente").click()
    expect(page.locator("#valid_until-error")).to_be_visible()
    page.get_by_label("Termina").fill("2049-12-31T00:00")
    page.get_by_role("button", name="Siguiente").click()
    trial = page.get_by_role("region", name="Prueba").or_(page.locator("section[aria-labelledby=trial]"))
    expect(trial).to_contain_text("MXN 20,000.00")
    page.get_by_role("button", name="Guardar el borrador").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Otoño 2027")
    page.get_by_role("button", name="Activar ahora").click()
    expect(page.get_by_text("La campaña está activa")).to_be_visible()
    page.get_by_label("Cuántos cupones").fill("200")
    page.get_by_role("button", name="Emitir").click()
    expect(page.get_by_text("200 de 200 cupones")).to_be_visible(timeout=60_000)
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Descargar CSV").click()
    lines = downloading.value.path().read_text(encoding="utf-8-sig").strip().splitlines()
    assert len(lines) == 201
    assert len({line.split(",")[0] for line in lines[1:]}) == 200
    assert re.search(r",OTONO2027,ACTIVE,PERCENTAGE,10.00,40.00,", lines[1]), lines[1]
    found = site.admin.execute(
        "SELECT count(*) FROM coupon_schema.coupons AS c JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id"
        " WHERE g.campaign_code = 'OTONO2027'"
    ).fetchone()
    assert found == (200,)
