"""Raffles in a browser: a draw verified from files without a connection, an own entry checked, a prize claimed."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Person, Site, Watch, watched
from tests.raffle.bundle_maker import Draw, Entry, Made, made
from tests.web.looking import ANA

WINNER = "+525551000059"  # of WEEKLY-2026-47
_PATIENCE_MS = 15_000  # with a machine that does other things


def a_hundred_winners() -> Made:
    return made(Draw(entries=tuple(Entry(owner, 2) for owner in range(400)), prizes=(1, 9, 90), alternates=10))


def choose(page: Page, folder: Path, draw: Made, *, listed: bytes | None = None) -> None:
    (folder / "bundle.json").write_bytes(draw.data)
    (folder / "list.bin").write_bytes(draw.leaves if listed is None else listed)
    page.set_input_files("#files", [folder / "bundle.json", folder / "list.bin"])
    expect(page.locator("#chosen li")).to_have_count(2)


def test_a_draw_is_verified_from_its_files_without_a_connection(person: Person, tmp_path: Path) -> None:
    draw = a_hundred_winners()
    watch = Watch()
    context = person(None)
    page = watched(context.new_page(), watch)
    page.goto("/verify")
    choose(page, tmp_path, draw)
    page.click("#run")
    expect(page.locator("#status")).to_contain_text("es de un ensayo", timeout=_PATIENCE_MS)
    expect(page.locator("#beacon")).to_be_focused()
    expect(page.locator("#verdict")).to_be_hidden()
    context.set_offline(True)
    asked = len(watch.asked)
    page.select_option("#beacon", "test")
    page.fill("#kept", "12")
    page.click("#run")
    expect(page.locator("#kept-error")).to_contain_text("64 caracteres")
    page.fill("#kept", draw.manifest_sha256.hex())
    page.click("#run")
    expect(page.locator("#verdict h2")).to_have_text("Verificado", timeout=_PATIENCE_MS)
    expect(page.locator("#verdict .rehearsal")).to_be_visible()
    expect(page.locator("#checks .badge:visible")).to_have_count(17)
    assert float(page.locator("#verdict").get_attribute("data-took") or "inf") <= 2_000

    flipped = bytearray(draw.leaves)
    flipped[5] ^= 1
    choose(page, tmp_path, draw, listed=bytes(flipped))
    page.click("#run")
    expect(page.locator("#verdict h2")).to_have_text("Rechazado", timeout=_PATIENCE_MS)
    expect(page.locator("#checks li.bad strong")).to_have_text(["La lista entera es la que se congeló"])
    expect(page.locator("#checks li.bad .why")).to_contain_text("La lista no es la que se congeló")

    draw.bundle["positions"][0]["ticket"] = draw.bundle["positions"][1]["ticket"]
    choose(page, tmp_path, draw)
    page.click("#run")
    expect(page.locator('[data-check="seal"]')).to_have_class("bad")
    expect(page.locator('[data-check="selection"]')).to_have_class("bad")
    assert watch.asked[asked:] == []
    assert watch.complaints == []


def test_without_its_libraries_the_page_leads_to_the_other_ways(person: Person, tmp_path: Path) -> None:
    page = person(None).new_page()
    page.route("**/verify_draw.mjs", lambda route: route.abort())
    page.goto("/verify")
    choose(page, tmp_path, a_hundred_winners())
    page.click("#run")
    expect(page.locator("#unloaded")).to_contain_text("No dice nada del sorteo", timeout=_PATIENCE_MS)
    expect(page.locator("#unloaded a")).to_have_attribute("href", "#others")
    expect(page.locator("#run")).to_be_enabled()


def test_the_files_of_a_raffle_are_taken_from_its_page(person: Person) -> None:
    page = person(None, locale="en-US").new_page()
    page.goto("/fairness/WEEKLY-2026-47")
    page.get_by_role("link", name="Verify this draw in my browser").click()
    page.get_by_role("button", name="Use the files of this raffle").click()
    expect(page.locator("#chosen li")).to_have_count(2)
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator("#status")).to_contain_text("If it was given to you as a real draw, it is none")
    page.select_option("#beacon", "test")
    page.get_by_role("button", name="Verify", exact=True).click()
    expect(page.locator("#verdict h2")).to_have_text("Consistent")


def test_a_participant_finds_the_receipt_and_checks_the_own_entry(person: Person) -> None:
    page = person(ANA).new_page()
    page.goto("/raffles")
    page.get_by_role("link", name="Sorteo mensual de diciembre").click()
    page.get_by_role("link", name="Ver mis boletos y comprobantes").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Comprobante firmado").first.click()
    assert download.value.suggested_filename.startswith("receipt-MONTHLY-2026-12-")
    page.goto("/raffles/WEEKLY-2026-47/mine")
    page.get_by_role("button", name="Comprobar en este navegador").click()
    expect(page.locator(".result .good")).to_contain_text("Está en la lista congelada")


def test_a_winner_claims_a_prize_and_what_was_typed_wrong_stays(site: Site, person: Person) -> None:
    _unclaimed(site)
    page = person(WINNER).new_page()
    page.goto("/prizes")
    page.get_by_role("link", name="Reclamar premio").click()
    page.get_by_label("Nombre completo").fill("Ana Rosa Ruiz")
    page.get_by_label("Teléfono").fill("55 1234 5678")
    page.get_by_label("Cuenta a la que se abona").fill("ana@example.com")
    page.get_by_role("button", name="Reclamar este premio").click()
    expect(page.locator("#phone_number-error")).to_be_visible()
    expect(page.get_by_label("Nombre completo")).to_have_value("Ana Rosa Ruiz")
    page.get_by_label("Teléfono").fill("+525512345678")
    page.get_by_role("button", name="Reclamar este premio").click()
    expect(page.locator(".notice.good")).to_contain_text("reclamaste tu premio")
    expect(page.get_by_text("ana@example.com").first).to_be_visible()


def _unclaimed(site: Site) -> None:
    """The sample's prize as it was before its winner claimed it."""
    site.admin.execute("SET session_replication_role = replica")
    site.admin.execute("DELETE FROM raffle_schema.prize_claims")
    site.admin.execute(
        "UPDATE raffle_schema.raffle_winners SET status = 'NOTIFIED', claimed_at = NULL,"
        " claim_deadline = now() + interval '5 days' WHERE status = 'CLAIMED'"
    )
    site.admin.execute("RESET session_replication_role")
