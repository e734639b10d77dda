"""A table of stations is brought in by an administrator: a fault is shown, mended, and what was seen is kept."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, Person
from tests.web.looking import ADMINISTRATOR

FAULTY = (
    "codigo,nombre,pais,latitud,longitud,codigo_postal\n"
    "JSM951,Gasolinera JSM Celaya,MX,20.52,-100.81,38000\n"
    "JSM952,Gasolinera JSM Irapuato,MX,20.67,-101.35,3650-A\n"
)


def test_a_table_with_a_fault_is_mended_and_brought_in(person: Person, tmp_path: Path) -> None:
    table = tmp_path / "estaciones.csv"
    table.write_text(FAULTY)
    page = person(ADMINISTRATOR, viewport=DESKTOP).new_page()
    page.goto("/office/stations")
    page.get_by_role("link", name="Importar estaciones").click()
    page.get_by_label("Archivo CSV").set_input_files(table)
    page.get_by_role("button", name="Revisar").click()
    expect(page.get_by_text("Todavía no se guardó nada.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="codigo_postal")
    expect(row).to_contain_text("Cuatro o cinco dígitos")
    expect(row).to_contain_text("3")

    table.write_text(FAULTY.replace("3650-A", "36500"))
    page.get_by_label("Archivo CSV").set_input_files(table)
    page.get_by_role("button", name="Revisar").click()
    page.get_by_role("button", name="Guardar las 2 filas").click()
    expect(page.get_by_text("Listo: la tabla se guardó.")).to_be_visible()

    page.get_by_role("link", name="Ver las estaciones").click()
    page.get_by_label("Código, nombre o lugar").fill("Irapuato")
    page.get_by_role("button", name="Aplicar").click()
    page.get_by_role("link", name="Gasolinera JSM Irapuato").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gasolinera JSM Irapuato")
    expect(page.get_by_text("36500, México")).to_be_visible()
