"""The wallet's pages: what they show and to whom, the code that changes, offers that are taken, and the app around."""

import asyncio
import re
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from gasolinera.coupon.issuing import Issuer
from gasolinera.coupon.wallet_words import WORDING, until_in_words
from gasolinera.database import open_database
from gasolinera.keyring import load_keyring
from tests.applications import create_app
from tests.coupon.at_hand import DRIVER, OTHER_DRIVER, make_campaign, make_coupon
from tests.web.looking import ANA, HTML, LUIS, cookie_of, token_in

Admin = psycopg.Connection[Any]
Client = TestClient[Litestar]
ENGLISH = HTML | {"accept-language": "en-US,en;q=0.9"}
SUMMER = "GASX00000011H"  # Ana's, of the sample
NBSP = "\N{NO-BREAK SPACE}"


@pytest.fixture
def client(settings: Settings, admin: Admin) -> Generator[Client]:
    """Ana's browser."""
    with TestClient(create_app(settings), base_url="https://testserver.local", raise_server_exceptions=False) as opened:
        opened.cookies.update(cookie_of(admin, ANA))
        yield opened


def become(client: Client, admin: Admin, phone: str) -> None:
    client.cookies.clear()
    client.cookies.update(cookie_of(admin, phone))


def issue(settings: Settings) -> None:
    """What the worker does all the time."""

    async def work() -> None:
        async with open_database(settings, "coupon") as db:
            while await Issuer(db, load_keyring(settings)).step():
                pass

    asyncio.run(work())


def cards_of(page: str) -> list[str]:
    return re.findall(r'href="/wallet/([0-9A-Z]{13})"', page)


def test_strangers_are_led_to_the_door(client: Client) -> None:
    client.cookies.clear()
    for path in ("/wallet", f"/wallet/{SUMMER}", "/offers"):
        led = client.get(path, headers=HTML, follow_redirects=False)
        assert (led.status_code, led.headers["location"]) == (303, f"/login?next={path}")


def test_the_wallet_shows_the_own_coupons_and_what_ends_first_first(client: Client, admin: Admin) -> None:
    campaign = make_campaign(
        admin, "MINE", name="Lunes de diésel", fuel_types=["DIESEL"], weekdays=[1], minimum_purchase=200
    )
    soon = make_coupon(admin, campaign, valid_until=datetime.now(UTC) + timedelta(hours=30))
    used = make_coupon(admin, campaign, status="USED", usage_count=1)
    others = make_coupon(admin, campaign, OTHER_DRIVER)
    page = client.get("/wallet", headers=HTML)
    codes = cards_of(page.text)
    assert codes[0] == soon
    assert SUMMER in codes
    assert used not in codes
    assert others not in codes
    for text in (
        "Lunes de diésel",
        f"10{NBSP}% de descuento",
        f"En cargas desde MXN{NBSP}200.00",
        "Solo Diésel · Lunes",
    ):
        assert text in page.text, text
    assert cards_of(client.get("/wallet?view=used", headers=HTML).text) == ["GASX00000001N", used]
    assert cards_of(client.get("/wallet?q=LUNES", headers=HTML).text) == [soon]
    nothing = client.get("/wallet?q=%25", headers=HTML).text
    assert cards_of(nothing) == []
    assert "Ningún cupón coincide con «%»" in nothing
    assert "Monday" in client.get("/wallet", headers=ENGLISH).text


def test_a_wallet_goes_on_where_its_page_ended(client: Client, admin: Admin) -> None:
    campaign = make_campaign(admin, "MANY")
    until = datetime.now(UTC) + timedelta(days=3)
    made = {make_coupon(admin, campaign, valid_until=until) for _ in range(205)}
    first = client.get("/wallet", headers=HTML).text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    rest = cards_of(client.get(following[1].replace("&amp;", "&"), headers=HTML).text)
    assert made <= {*cards_of(first), *rest}
    assert not {*cards_of(first)} & {*rest}
    assert client.get("/wallet?cursor=nonsense", headers=HTML).status_code == 422


def test_a_coupon_shows_its_code_to_its_owner_alone(client: Client, admin: Admin, settings: Settings) -> None:
    issue(settings)
    page = client.get(f"/wallet/{SUMMER}", headers=HTML)
    for text in (
        "GASX-0000-0011H",
        f"MXN{NBSP}25.00 de descuento",
        "Quedan 2 usos",
        "ya la usaste 1 vez",
        'role="img"',
    ):
        assert text in page.text, text
    now = client.get(f"/wallet/{SUMMER}/now")
    assert now.headers["cache-control"] == "no-store"
    assert now.json()["refresh_after_s"] == 20
    assert now.json()["svg"].startswith("<svg")
    become(client, admin, LUIS)
    for path in (f"/wallet/{SUMMER}", f"/wallet/{SUMMER}/now", "/wallet/NONSENSE"):
        assert client.get(path, headers=HTML).status_code == 404


def test_a_coupon_that_cannot_be_used_shows_no_code_and_says_why(client: Client, admin: Admin) -> None:
    used = client.get("/wallet/GASX00000001N", headers=HTML)
    assert "Usado" in used.text
    assert 'id="code"' not in used.text
    never = datetime.now(UTC).isoweekday() % 7 + 2  # neither today nor tomorrow in any zone
    campaign = make_campaign(admin, "OTHER_DAY", weekdays=[(never - 1) % 7 + 1])
    waiting = client.get(f"/wallet/{make_coupon(admin, campaign)}", headers=HTML).text
    assert "Ahora no se puede usar" in waiting
    assert "Se usa en otro momento" in waiting


def test_an_offer_is_taken_once_and_issued_for_as_often_as_the_campaign_is_for_one(
    client: Client, admin: Admin, settings: Settings
) -> None:
    make_campaign(admin, "TAKE_ME", name="Para todos", per_user_usage_limit=3)
    page = client.get("/offers", headers=HTML).text
    assert "Hasta 3 veces por persona: aún no la has usado" in page
    for said in ("offer-taken", "offer-had"):
        taken = client.post("/offers/TAKE_ME", data={"token": token_in(page)}, follow_redirects=False)
        assert (taken.status_code, taken.headers["location"]) == (303, f"/wallet?said={said}")
    waiting = client.get("/wallet?said=offer-taken", headers=HTML).text
    assert "Tu cupón aparecerá aquí" in waiting
    assert waiting.count("data-owed") == 1
    assert "En camino" in client.get("/offers", headers=HTML).text
    issue(settings)
    made = admin.execute(
        "SELECT c.user_id, c.max_usage, c.qr_key_id IS NOT NULL FROM coupon_schema.coupons AS c"
        " JOIN coupon_schema.campaigns AS g ON g.id = c.campaign_id WHERE g.campaign_code = 'TAKE_ME'"
    ).fetchall()
    assert made == [(DRIVER, 3, True)]
    assert "data-owed" not in client.get("/wallet", headers=HTML).text


def test_offers_that_are_not_for_everybody_are_refused(client: Client, admin: Admin) -> None:
    make_campaign(admin, "NAMED", audience="ASSIGNED", name="Solo con nombre")
    make_campaign(admin, "REGULARS", audience="LOYAL", loyal_after_redemptions=50, name="Frecuentes")
    page = client.get("/offers", headers=HTML).text
    assert "Solo con nombre" not in page
    assert "Para quien ya cargó 50 veces" in page
    token = token_in(page)
    for code in ("NAMED", "REGULARS", "SPRING2026"):
        refused = client.post(f"/offers/{code}", data={"token": token}, headers=HTML)
        assert refused.status_code == 409
        assert "ya no está abierta" in refused.text
    assert client.post("/offers/NEVER_MADE", data={"token": token}, headers=HTML).status_code == 404
    assert client.post("/offers/REGULARS", data={"token": "1.1.00"}, headers=HTML).status_code == 403
    assert admin.execute("SELECT count(*) FROM coupon_schema.coupon_grants WHERE source = 'OFFER'").fetchone() == (0,)


def test_when_a_coupon_ends_is_said_in_the_zone_of_its_campaign() -> None:
    now = datetime(2027, 1, 30, 18, 0, tzinfo=UTC)  # noon in Mexico City
    cases = {
        datetime(2027, 1, 31, 6, 0, tzinfo=UTC): "Vence hoy a las 24:00",  # midnight: good all of the 30th
        datetime(2027, 1, 31, 6, 1, tzinfo=UTC): "Vence mañana",
        datetime(2027, 2, 4, 6, 0, tzinfo=UTC): "Vence en 4 días",
        datetime(2027, 4, 1, 6, 0, tzinfo=UTC): "Hasta el 31 mar 2027",
        datetime(2027, 1, 30, 17, 0, tzinfo=UTC): "Terminó el 30 ene 2027",
    }
    assert {at: until_in_words(at, "America/Mexico_City", "es", now) for at in cases} == cases
    assert set(WORDING.names("es")) == set(WORDING.names("en"))


def test_the_app_can_be_installed_and_its_worker_looks_after_all_pages(client: Client) -> None:
    client.cookies.clear()
    manifest = client.get("/manifest.webmanifest")
    assert manifest.headers["content-type"] == "application/manifest+json"
    said = manifest.json()
    assert (said["start_url"], said["display"]) == ("/wallet", "standalone")
    for icon in said["icons"]:
        drawn = client.get(icon["src"])
        assert (drawn.status_code, drawn.headers["content-type"]) == (200, icon["type"])
    worker = client.get("/sw.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert worker.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"
    assert client.get("/offline", headers=HTML).status_code == 200


def test_a_kept_page_says_whose_session_it_is_of_and_nothing_of_its_secret(client: Client, admin: Admin) -> None:
    first = client.get("/wallet", headers=HTML).headers["x-wallet-owner"]
    assert client.get(f"/wallet/{SUMMER}", headers=HTML).headers["x-wallet-owner"] == first
    assert not any(first in value for value in client.cookies.values())
    become(client, admin, ANA)
    assert client.get("/wallet", headers=HTML).headers["x-wallet-owner"] != first
