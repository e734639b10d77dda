"""Campaigns in the back office: the wizard keeps what was typed, the trial tells what it gives, guards hold."""

import html
import re
from collections.abc import Callable, Generator
from typing import Any

import pytest
from litestar.testing import TestClient

from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.config import Settings
from gasolinera.coupon.parts import PARTS as COUPON
from tests.applications import create_app
from tests.auth.browsing import BASE_URL, said
from tests.redemption.desk import Conn
from tests.web.looking import ADMINISTRATOR, ANA, HTML, STATION_ADMIN, cookie_of, token_in

_FROM_US = {"sec-fetch-site": "same-origin", "accept-language": "es-MX"}
Office = Callable[..., "Browser"]
GIVES = {
    "campaign_code": "verano2027",
    "name": "Verano 2027",
    "discount_type": "PERCENTAGE",
    "discount_value": "12,5",
    "maximum_discount": "50",
    "minimum_purchase": "150",
    "currency": "MXN",
}
WHERE = {"audience": "ALL", "fuel_types": ["REGULAR", "PREMIUM"], "stations": "JSM001, jsm002"}
LIMITS = {"budget_amount": "20000", "total_usage_limit": "1000", "cancellation_policy": "RESTORE_IF_VALID"}
RAFFLE = {"raffle_tickets_per_coupon": "2"}
WHEN = {
    "time_zone": "America/Mexico_City",
    "valid_from": "2026-01-01T00:00",
    "valid_until": "2050-09-01T00:00",
    "weekdays": [str(day) for day in range(1, 8)],
}


class Browser:
    """Somebody who looks at pages and sends their forms on as they are, but for what is typed."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def look(self, path: str, status: int = 200) -> str:
        found = self.client.get(path, headers=HTML | _FROM_US, follow_redirects=False)
        assert found.status_code == status, (found.status_code, found.headers.get("location"), said(found.text)[:1500])
        return str(found.text)

    def send(self, path: str, fields: dict[str, Any], page: str) -> Any:
        return self.client.post(
            path, data={"token": token_in(page), **fields}, headers=HTML | _FROM_US, follow_redirects=False
        )

    def go_on(self, page: str, typed: dict[str, Any], go: str = "next", path: str = "/office/campaigns/new") -> Any:
        return self.send(path, {**hidden_in(page), **typed, "go": go}, page)


def hidden_in(page: str) -> dict[str, list[str]]:
    """What the page carries along."""
    found: dict[str, list[str]] = {}
    for tag in re.findall(r'<input type="hidden"[^>]*>', page.split('<form method="post" class', 1)[1]):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        assert name is not None
        assert value is not None
        if name[1] not in ("token", "back"):
            found.setdefault(name[1], []).append(html.unescape(value[1]))
    return found


@pytest.fixture
def office(settings: Settings, admin: Conn) -> Generator[Office]:
    app = create_app(settings, (AUTH, COUPON))
    with TestClient(app, raise_server_exceptions=False, base_url=BASE_URL) as client:

        def opened(phone: str | None = ADMINISTRATOR, **options: Any) -> Browser:
            client.cookies.clear()
            if phone is not None:
                client.cookies.update(cookie_of(admin, phone, **options))
            return Browser(client)

        yield opened


def through_the_steps(browser: Browser, *, fails: bool = False, **typed: dict[str, Any]) -> str:
    """To the summary; gives its page, or that of the step which the last answer leads back to."""
    page = browser.look("/office/campaigns/new")
    for step, usual in (("gives", GIVES), ("where", WHERE), ("limits", LIMITS), ("raffle", RAFFLE), ("when", WHEN)):
        answer = browser.go_on(page, {**usual, **typed.get(step, {})})
        assert answer.status_code == (422 if fails and step == "when" else 200), said(answer.text)
        page = answer.text
    return page


def test_the_wizard_leads_to_a_draft_that_says_what_was_typed(office: Office, admin: Conn) -> None:
    browser = office()
    summary = through_the_steps(browser)
    assert admin.execute(
        "SELECT count(*) FROM coupon_schema.campaigns WHERE campaign_code = 'VERANO2027'"
    ).fetchone() == (0,), "a trial keeps nothing"
    text = said(summary)
    # 12.5 % of 200 is 25; of 500 it is 62.50, which the cap makes 50; 149.99 is below the minimum.
    assert "MXN 200.00 Descuento MXN 25.00, paga MXN 175.00 · 2 boletos" in text
    assert "MXN 500.00 Descuento MXN 50.00, paga MXN 450.00" in text
    assert "MXN 149.99 No da nada: no llega a la compra mínima" in text
    assert "12.5 %" in text.replace("\xa0", " ")
    assert "1 ene 2026, 00:00" in text
    assert "JSM001, JSM002" in text
    # A thousand uses of 50 would be 50,000: the budget comes first.
    assert "Como máximo MXN 20,000.00" in text
    answer = browser.go_on(summary, {}, "save")
    assert (answer.status_code, answer.headers["location"]) == (303, "/office/campaigns/VERANO2027?said=created")
    page = said(browser.look("/office/campaigns/VERANO2027?said=created"))
    assert "Borrador guardado" in page
    assert "JSM001 , JSM002" in page
    row = admin.execute(
        "SELECT discount_value, maximum_discount, fuel_types, budget_amount,"
        " timezone('America/Mexico_City', valid_from)::text, raffle_tickets_per_coupon"
        " FROM coupon_schema.campaigns WHERE campaign_code = 'VERANO2027'"
    ).fetchone()
    assert row is not None
    assert [str(value) for value in row] == [
        "12.50",
        "50.00",
        "['PREMIUM', 'REGULAR']",
        "20000.00",
        "2026-01-01 00:00:00",
        "2",
    ]


def test_what_does_not_fit_is_told_at_the_field_and_all_that_was_typed_stays(office: Office) -> None:
    browser = office()
    page = browser.look("/office/campaigns/new")
    wrong = browser.go_on(page, {**GIVES, "campaign_code": "A", "discount_value": "150"})
    assert wrong.status_code == 422
    assert 'id="campaign_code-error"' in wrong.text
    assert 'value="Verano 2027"' in wrong.text
    over = browser.go_on(wrong.text, {**GIVES, "discount_value": "150"})
    assert 'id="discount_value-error"' in over.text
    second = browser.go_on(over.text, GIVES).text
    assert 'type="hidden" name="name" value="Verano 2027"' in second
    back = browser.go_on(second, {**WHERE, "stations": "JSM007"}, "gives").text
    assert 'value="Verano 2027"' in back
    assert 'type="hidden" name="stations" value="JSM007"' in back
    taken = through_the_steps(browser, gives={"campaign_code": "WELCOME2026"}, fails=True)
    assert "Otra campaña ya tiene este código" in said(taken)
    assert 'id="campaign_code-error"' in taken
    half = {**LIMITS, "per_user_period": "WEEK"}
    limits = browser.go_on(browser.go_on(second, WHERE).text, half)
    assert 'id="per_user_period_limit-error"' in limits.text


def test_names_that_no_other_campaign_has_are_asked_for_a_look(office: Office) -> None:
    browser = office()
    browser.go_on(through_the_steps(browser), {}, "save")
    gives = {"campaign_code": "OTRA"}
    where = {"stations": "JSM001 ZZZ999"}
    text = said(through_the_steps(browser, gives=gives, where=where, raffle={"raffle_code": "NOSUCH-RAFFLE"}))
    assert "Ninguna otra campaña nombra ZZZ999: comprueba" in text
    assert "Ninguna otra campaña nombra el sorteo NOSUCH-RAFFLE: comprueba" in text


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_an_amount_that_is_no_number_is_told_at_its_field(office: Office, amount: str) -> None:
    browser = office()
    wrong = browser.go_on(browser.look("/office/campaigns/new"), {**GIVES, "discount_value": amount})
    assert wrong.status_code == 422
    assert 'id="discount_value-error"' in wrong.text


def test_a_large_budget_waits_for_a_second_person(office: Office, admin: Conn) -> None:
    admin.execute("UPDATE auth_schema.users SET role = 'SYSTEM_ADMIN' WHERE phone_number = %s", (STATION_ADMIN,))
    browser = office()
    browser.go_on(through_the_steps(browser, limits={"budget_amount": "60000", "total_usage_limit": ""}), {}, "save")
    page = "/office/campaigns/VERANO2027"
    seen = browser.look(page)
    assert "quien la creó o lo subió no lo aprueba" in said(seen)
    version = re.search(r'name="version" value="([0-9]+)"', office(STATION_ADMIN).look(page))
    assert version is not None
    own = office()
    assert "no lo aprueba" in said(own.send(f"{page}/approval", {"version": version[1]}, own.look(page)).text)
    opening = own.send(f"{page}/status", {"status": "ACTIVE"}, own.look(page))
    assert opening.status_code == 409
    assert "necesita la aprobación de otra persona" in said(opening.text)
    other = office(STATION_ADMIN)
    done = other.send(f"{page}/approval", {"version": version[1]}, other.look(page))
    assert done.headers.get("location") == f"{page}?said=approved", said(done.text)
    open_now = other.send(f"{page}/status", {"status": "ACTIVE"}, other.look(page))
    assert open_now.headers.get("location") == f"{page}?said=now-active", said(open_now.text)


def test_a_change_of_what_somebody_else_changed_is_refused_and_kept_on_the_page(office: Office, admin: Conn) -> None:
    browser = office()
    page = browser.look("/office/campaigns/PREMIUM2026/edit")
    admin.execute("UPDATE coupon_schema.campaigns SET name = 'Otro' WHERE campaign_code = 'PREMIUM2026'")
    path = "/office/campaigns/PREMIUM2026/edit"
    gives = {"name": "Premium nuevo", "discount_type": "PERCENTAGE", "discount_value": "9", "maximum_discount": "40"}
    page = browser.go_on(page, gives, path=path).text
    for typed in (WHERE, {**LIMITS, "total_usage_limit": ""}, RAFFLE, WHEN):
        page = browser.go_on(page, typed, path=path).text
    assert "Alguien cambió la campaña mientras tanto" in said(page)
    assert 'value="Premium nuevo"' in page


def test_coupons_are_asked_for_once_whatever_is_clicked_twice(office: Office, admin: Conn) -> None:
    browser = office()
    page = browser.look("/office/campaigns/SUMMER2026")
    path = "/office/campaigns/SUMMER2026/batches"
    assert browser.send(path, {"latest": "", "count": "0"}, page).status_code == 422
    first = browser.send(path, {"latest": "", "count": "200"}, page)
    assert first.status_code == 303, said(first.text)
    again = browser.send(path, {"latest": "", "count": "200"}, page)
    assert again.status_code == 409
    assert "Ya se pidió un lote" in said(again.text)
    assert admin.execute("SELECT sum(requested_count) FROM coupon_schema.coupon_batches").fetchone() == (200,)
    batch = first.headers["location"]
    assert "0 de 200 cupones" in said(browser.look(batch))
    progress = browser.client.get(f"{batch}/progress", headers={"accept": "application/json"}).json()
    assert (progress["status"], progress["issued"], progress["asked"]) == ("ISSUING", 0, 200)
    asked = browser.send(f"{batch}/cancel", {}, browser.look(batch))
    assert "¿Detener la emisión?" in said(asked.text)
    stopped = browser.send(f"{batch}/cancel", {"confirmed": "yes"}, browser.look(batch))
    assert stopped.headers.get("location") == f"{batch}?said=batch-cancelled"
    assert "Emitir los 200 que faltan" in said(browser.look(batch))


def test_ending_a_campaign_asks(office: Office) -> None:
    browser = office()
    page = browser.look("/office/campaigns/SUMMER2026")
    asked = browser.send("/office/campaigns/SUMMER2026/status", {"status": "CANCELLED"}, page)
    assert "¿Cancelar SUMMER2026?" in said(asked.text)
    assert "Activa" in said(browser.look("/office/campaigns/SUMMER2026"))
    wish = {"status": "CANCELLED", "confirmed": "yes"}
    done = browser.send("/office/campaigns/SUMMER2026/status", wish, page)
    assert done.headers.get("location") == "/office/campaigns/SUMMER2026?said=now-cancelled"


def test_somebody_tries_a_purchase_of_an_own(office: Office) -> None:
    page = said(office().look("/office/campaigns/WELCOME2026?amount=300&fuel=DIESEL"))
    assert "Descuento MXN 45.00, paga MXN 255.00" in page  # 15 % of 300
    assert 'id="amount-error"' in office().look("/office/campaigns/WELCOME2026?amount=x")


def test_lists_are_searched_sorted_and_taken_out(office: Office) -> None:
    browser = office()
    found = said(browser.look("/office/campaigns?q=premium"))
    assert "PREMIUM2026" in found
    assert "WELCOME2026" not in found
    by_code = said(browser.look("/office/campaigns?sort=code"))
    assert by_code.index("CORPORATE2026") < by_code.index("WELCOME2026")
    assert "Ninguna campaña" in said(browser.look("/office/campaigns?q=nothing"))
    sheet = browser.look("/office/campaigns/export.csv?status=ACTIVE")
    assert "PREMIUM2026" in sheet
    assert re.search(r",MXN,20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2},", sheet), sheet


def test_a_coupon_is_looked_up_suspended_and_cancelled(office: Office) -> None:
    browser = office()
    found = browser.client.get("/office/coupons?code=gasx-000000-10k", headers=HTML, follow_redirects=False)
    assert found.headers["location"] == "/office/coupons/GASX00000010K"
    page = "/office/coupons/GASX00000010K"
    assert browser.send(f"{page}/suspend", {"reason": ""}, browser.look(page)).status_code == 422
    done = browser.send(f"{page}/suspend", {"reason": "Lo reportó robado"}, browser.look(page))
    assert done.headers.get("location") == f"{page}?said=suspend", said(done.text)
    assert "Lo reportó robado" in said(browser.look(page))
    asked = browser.send(f"{page}/cancel", {"reason": "Robado"}, browser.look(page))
    assert "¿Cancelar el cupón" in said(asked.text)
    gone = browser.send(f"{page}/cancel", {"reason": "Robado", "confirmed": "yes"}, browser.look(page))
    assert gone.headers.get("location") == f"{page}?said=cancel"
    assert "Se canceló: Robado" in said(browser.look(page))
    assert "di también la campaña" in said(browser.look("/office/coupons?status=USED", 422))
    sheet = browser.look("/office/coupons/export.csv?campaign=WELCOME2026")
    assert "010K,WELCOME2026," in sheet
    assert "GASX" not in sheet  # whole codes go out with their campaign, on record


def test_stations_read_campaigns_and_customers_nothing(office: Office) -> None:
    station = office(STATION_ADMIN)
    assert "Bienvenida 2026" in said(station.look("/office/campaigns"))
    shown = said(station.look("/office/campaigns/WELCOME2026"))
    assert "Prueba" not in shown
    assert "Pausar" not in shown
    station.look("/office/campaigns/new", 403)
    station.look("/office/coupons", 403)
    for path in ("/office/campaigns", "/office/campaigns/WELCOME2026", "/office/coupons/GASX00000010K"):
        office(ANA).look(path, 403)
        assert office(None).client.get(path, headers=HTML, follow_redirects=False).status_code == 303
    english = HTML | {"accept-language": "en-US"}
    assert "Campaigns" in said(office().client.get("/office/campaigns", headers=english).text)
