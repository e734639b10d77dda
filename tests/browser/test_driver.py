"""A driver's pages in a browser: the nearest stations, an advertisement watched to its end, and its tickets."""

from typing import Any

from tests.browser.conftest import Person, Site, Watch, watched
from tests.web.looking import ANA, LUIS

HERE: Any = {"latitude": 19.4361, "longitude": -99.1952}  # near Polanco
REFERENCE = "RDM-20261101-000007"  # two tickets of Ana's


def film_alone(site: Site) -> None:
    """The video of 15 seconds, which doubles the tickets, is what there is to watch."""
    site.admin.execute(
        """
        UPDATE ad_schema.advertisements SET status = CASE WHEN ad_format = 'VIDEO' THEN 'ACTIVE' ELSE 'PAUSED' END
         WHERE status IN ('ACTIVE', 'PAUSED') AND approval_status = 'APPROVED'
        """
    )
    site.admin.execute("UPDATE ad_schema.ad_campaigns SET frequency_cap = 1000")


def test_the_nearest_stations_are_shown_once_the_driver_lets_them(person: Person) -> None:
    watch = Watch()
    context = person(None, geolocation=HERE, permissions=["geolocation"])
    page = watched(context.new_page(), watch)
    page.goto("/stations")
    assert "lat=" not in page.url
    page.get_by_role("button", name="Cerca de mí").click()
    page.wait_for_url("**/stations?lat=19.436&lng=-99.195")
    first = page.locator(".stations li").first
    assert "Polanco" in first.inner_text()
    assert "760 m" in first.inner_text()
    page.get_by_role("link", name="Gasolinera JSM Polanco").click()
    page.get_by_role("heading", name="Gasolinera JSM Polanco").wait_for()
    assert page.get_by_role("link", name="Cómo llegar").get_attribute("href", timeout=5_000) is not None
    assert watch.complaints == []


def test_a_driver_who_does_not_say_where_finds_stations_by_words_on_the_map_and_in_the_list(person: Person) -> None:
    context = person(None, locale="en-US", java_script_enabled=False)
    page = context.new_page()
    page.goto("/stations")
    assert page.get_by_role("button", name="Near me").count() == 0
    page.get_by_role("searchbox").fill("77500")
    page.get_by_role("button", name="Search").click()
    assert page.locator(".stations h3").all_inner_texts() == ["Gasolinera JSM Cancún"]
    page.locator(".map .one").click()
    page.get_by_role("heading", name="Gasolinera JSM Cancún").wait_for()


def test_an_advertisement_watched_to_its_end_gives_tickets_that_say_where_they_came_from(
    site: Site, person: Person
) -> None:
    film_alone(site)
    watch = Watch()
    page = watched(person(ANA).new_page(), watch)
    page.goto(f"/history/{REFERENCE}")
    page.get_by_role("link", name="Ver anuncios").click()
    play = page.get_by_role("button", name="Reproducir")
    play.wait_for()
    assert "ganas 2 boletos extra" in page.locator("[data-part=said]").inner_text()
    play.click()
    page.get_by_role("button", name="Pausar").click()
    assert "En pausa" in page.locator("[data-part=said]").inner_text()
    page.get_by_role("button", name="Continuar").click()
    page.get_by_text("¡Ganaste 2 boletos extra!").wait_for(timeout=40_000)
    assert "y 2 extra hasta ahora" in page.locator("#sum").inner_text()
    found = page.locator(".entries li", has_text="Por ver un anuncio")
    for _ in range(20):
        page.goto(f"/tickets?q={REFERENCE}")
        if found.count() == 2:
            break
        page.wait_for_timeout(500)
    assert found.count() == 2
    found.first.get_by_role("link").first.click()
    assert page.get_by_role("link", name=REFERENCE).count() == 1
    assert watch.complaints == []
    assert all(address.startswith((site.url, "data:", "blob:")) for address in watch.asked)


def test_an_advertisement_that_ends_without_a_connection_counts_once_it_is_back(site: Site, person: Person) -> None:
    film_alone(site)
    page = person(LUIS).new_page()
    page.goto("/watch/RDM-20261101-000002")
    before = page.locator("#sum").inner_text()
    page.route("**/complete", lambda route: route.abort("internetdisconnected"))
    page.get_by_role("button", name="Reproducir").click()
    retry = page.get_by_role("button", name="Intentar de nuevo")
    retry.wait_for(timeout=40_000)
    assert "no cierres esta página" in page.locator("[data-part=said]").inner_text()
    retry.click()
    retry.wait_for()
    page.unroute("**/complete")
    page.evaluate("dispatchEvent(new Event('online'))")
    page.get_by_text("¡Ganaste").wait_for()
    assert not retry.is_visible()
    assert page.locator("#sum").inner_text() != before
