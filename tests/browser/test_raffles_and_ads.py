"""An administrator takes a raffle from draft to open by its list of steps, and approves an advertisement of another."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.browser.conftest import DESKTOP, Person, Site, Watch, watched
from tests.web.looking import ADMINISTRATOR


def local(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT10:00")


def test_a_raffle_goes_from_draft_to_open_with_its_list_of_steps(site: Site, person: Person) -> None:
    watch = Watch()
    page = watched(person(ADMINISTRATOR, viewport=DESKTOP).new_page(), watch)
    code = f"PASOS-{uuid4().hex[:6].upper()}"
    page.goto("/office/raffles")
    page.get_by_role("link", name="Nuevo sorteo").click()
    page.get_by_label("Código").fill(code)
    page.get_by_label("Nombre").fill("Sorteo por pasos")
    page.get_by_role("button", name="Crear borrador").click()
    page.get_by_text("Borrador creado. Sigue la lista de pasos.").wait_for()
    assert page.locator(".step.lacking").count() == 4

    page.locator("#step-about").get_by_role("link", name="Editar").click()
    page.get_by_label("Organizador").fill("Gasolinera JSM")
    page.get_by_label("Número de permiso").fill("SEGOB-1")
    page.get_by_label("Dirección de las bases").fill("https://gasolinera-jsm.example/bases")
    page.get_by_role("button", name="Guardar").click()

    page.locator("#step-terms").get_by_role("link", name="Escribir las bases").click()
    page.get_by_label("Texto de las bases").fill("Participa quien quiera.")
    page.get_by_role("button", name="Guardar esta versión").click()

    page.locator("#step-dates").get_by_role("link", name="Editar").click()
    page.get_by_label("Abre").fill(local(3))
    page.get_by_label("Cierra").fill(local(1))
    page.get_by_label("Sorteo", exact=False).last.fill(local(4))
    page.get_by_role("button", name="Guardar").click()
    page.get_by_text("Abre antes de cerrar, y se sortea al cierre o después.").first.wait_for()
    page.get_by_label("Abre").fill(local(-1))
    page.get_by_role("button", name="Guardar").click()

    page.locator("#step-prizes").get_by_role("link", name="Agregar premio").click()
    page.get_by_label("Nombre del premio").fill("Gasolina por un mes")
    page.get_by_label("Valor").fill("3000.00")
    page.get_by_role("button", name="Guardar").click()

    page.get_by_text("Premio guardado.").wait_for()
    assert page.locator(".step.lacking").count() == 0
    page.get_by_role("button", name="Publicar", exact=True).click()
    page.get_by_role("heading", name=f"¿Publicar {code}?").wait_for()
    page.get_by_role("button", name="Publicar", exact=True).click()
    page.get_by_text("Sorteo publicado.").wait_for()
    assert page.locator("#step-opening.done").count() == 1
    found = site.admin.execute("SELECT status FROM raffle_schema.raffles WHERE raffle_code = %s", (code,)).fetchone()
    assert found == ("OPEN",)
    # The dates that were refused, of which browsers say so.
    assert len(watch.complaints) == 1
    assert "422" in watch.complaints[0]


def test_an_advertisement_of_another_is_approved_after_looking_at_it(site: Site, person: Person) -> None:
    watch = Watch()
    page = watched(person(ADMINISTRATOR, viewport=DESKTOP).new_page(), watch)
    title = f"Texto {uuid4().hex[:6]}"
    site.admin.execute(
        "INSERT INTO ad_schema.advertisements (campaign_id, title, ad_format, body_text, duration_s, languages,"
        " created_by, submitted_at)"
        " SELECT c.id, %s, 'TEXT', 'Ahorra en cada litro.', 10, '{es}', 'a0000000-0000-4000-8000-000000000011', now()"
        " FROM ad_schema.ad_campaigns AS c WHERE c.campaign_code = 'ADC-REFRESCO'",
        (title,),
    )
    page.goto("/office/ads")
    page.get_by_role("link", name="Anuncios por revisar").click()
    page.get_by_role("link", name=title).click()
    assert page.locator(".screen").inner_text() == "Ahorra en cada litro."
    page.get_by_role("button", name="Aprobar").click()
    page.get_by_text("Aprobado.", exact=True).wait_for()
    page.get_by_role("button", name="Mostrar").click()
    page.get_by_text("El anuncio se muestra mientras su campaña esté activa.").wait_for()
    page.get_by_role("button", name="Pausar").click()
    page.get_by_text("El anuncio está en pausa.", exact=True).wait_for()
    assert watch.complaints == []
