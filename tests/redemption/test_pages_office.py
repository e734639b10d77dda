"""The back office's pages of redemptions: guarded, bounded to the own station, with the right figures."""

import re
from collections.abc import Callable, Generator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from litestar.testing import TestClient

from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.config import Settings
from gasolinera.coupon.parts import PARTS as COUPON
from gasolinera.redemption.parts import PARTS as REDEMPTION
from gasolinera.web import sheets
from tests.applications import create_app
from tests.auth.browsing import BASE_URL, said
from tests.redemption.desk import Conn
from tests.redemption.test_reports import begin, cancel_one, complete
from tests.web.looking import ADMINISTRATOR, ANA, EMPLOYEE, HTML, STATION_ADMIN, cookie_of, token_in

ZONE = ZoneInfo("America/Mexico_City")
CASE = "f0000000-0000-4000-8000-000000000002"
Office = Callable[..., "Browser"]


class Browser:
    """Somebody who looks at pages, and sends their forms."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def look(self, path: str, status: int = 200, language: str = "es-MX") -> str:
        headers = HTML | {"accept-language": language}
        found = self.client.get(path, headers=headers, follow_redirects=False)
        assert found.status_code == status, (found.status_code, found.headers.get("location"), said(found.text)[:1500])
        return str(found.text)

    def read(self, path: str, status: int = 200, language: str = "es-MX") -> str:
        return said(self.look(path, status, language))

    def send(self, path: str, fields: dict[str, Any], page: str) -> Any:
        headers = HTML | {"sec-fetch-site": "same-origin", "accept-language": "es-MX"}
        posted = {"token": token_in(self.look(page)), **fields}
        return self.client.post(path, data=posted, headers=headers, follow_redirects=False)


@pytest.fixture
def office(settings: Settings, admin: Conn) -> Generator[Office]:
    app = create_app(settings, (AUTH, COUPON, REDEMPTION))
    with TestClient(app, raise_server_exceptions=False, base_url=BASE_URL) as client:

        def opened(phone: str | None = ADMINISTRATOR, **options: Any) -> Browser:
            client.cookies.clear()
            if phone is not None:
                client.cookies.update(cookie_of(admin, phone, **options))
            return Browser(client)

        yield opened


@pytest.fixture
def counted(admin: Conn) -> None:
    """Today, in the station's zone, three of 500 with 50 off and one that was cancelled, and one at another station; a
    week ago two before this hour, one that was cancelled, and one that came later.
    """
    admin.execute("DELETE FROM redemption_schema.report_changes")
    admin.execute("UPDATE redemption_schema.fraud_rules SET is_enabled = false")
    now = datetime.now(ZONE)
    week = timedelta(days=7)
    moments = [("JSM001", now)] * 3 + [("JSM002", now)]
    moments += [("JSM001", now - week - timedelta(seconds=20))] * 2 + [("JSM001", now - week + timedelta(seconds=50))]
    for station, at in moments:
        one = begin(admin, station)
        admin.execute("UPDATE redemption_schema.redemptions SET created_at = %s WHERE id = %s", (at, one))
        complete(admin, one, at.isoformat(), tickets=2)
    gone = begin(admin, "JSM001")
    complete(admin, gone, now.isoformat())
    cancel_one(admin, gone)
    kept = begin(admin, "JSM001")
    then = now - week - timedelta(seconds=30)
    admin.execute("UPDATE redemption_schema.redemptions SET created_at = %s WHERE id = %s", (then, kept))
    complete(admin, kept, then.isoformat(), tickets=3)
    cancel_one(admin, kept)
    admin.execute("SELECT redemption_schema.fold_report_changes(1000)")


@pytest.mark.usefixtures("counted")
def test_the_dashboard_sets_today_beside_the_same_hour_of_last_week(office: Office) -> None:
    page = office().read("/office")
    # Five were completed today, one of them cancelled since: it counts in nothing.
    assert "Canjes de hoy 4 +100 % contra el mismo día de la semana pasada a esta hora (2)" in page
    assert "Descuento de hoy MXN 200.00 +100 % contra el mismo día de la semana pasada a esta hora (MXN 100.00)" in page
    assert "Boletos de hoy 8 +100 % contra el mismo día de la semana pasada a esta hora (4)" in page
    assert "JSM001 3 MXN 150.00" in page
    assert "JSM002 1 MXN 50.00" in page
    assert "Redemptions today 4" in office().read("/office", language="en-US")
    own = office().read("/office?station=JSM002")
    assert "Tablero de JSM002" in own
    assert "Canjes de hoy 1 El mismo día de la semana pasada no hubo a esta hora" in own


@pytest.mark.usefixtures("counted")
def test_a_station_administrator_sees_the_own_station_alone(office: Office) -> None:
    browser = office(STATION_ADMIN)
    assert "Canjes de hoy 3" in browser.read("/office")
    browser.look("/office?station=JSM002", 403)
    browser.look("/office/redemptions?station=JSM002", 403)
    assert "JSM002" not in browser.read("/office/redemptions")
    browser.look("/office/fraud/rules", 403)
    for path in ("fraud", "redemptions", "offline-review"):
        browser.look(f"/office/{path}/export.csv?station=JSM002", 403)


def test_strangers_are_sent_to_the_login_and_others_are_refused(office: Office) -> None:
    for path in ("/office", "/office/redemptions", "/office/fraud", "/office/offline-review"):
        answer = office(None).client.get(path, headers=HTML, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login")
        for phone in (ANA, EMPLOYEE):
            office(phone).look(path, 403)


def test_charts_are_pictures_and_figures_a_file(office: Office) -> None:
    browser = office()
    assert "<svg" in browser.look("/office/charts/discount-MXN.svg?station=JSM001")
    assert browser.look("/office/figures.csv").startswith("\ufeffdia,codigo_estacion,")


def test_redemptions_are_found_by_what_they_are_called(office: Office) -> None:
    browser = office()
    everything = browser.read("/office/redemptions")
    assert "RDM-20261101-000001" in everything
    for asked, is_there in (
        ("q=RDM-20261101-000003", "RDM-20261101-000003"),
        ("q=emp000026", "RDM-20261101-000003"),
        ("q=JSM003", "RDM-20261101-000003"),
        ("status=FAILED", "RDM-20261101-000008"),
        ("status=FAILED&q=JSM008", "RDM-20261101-000010"),
        ("station=JSM005&fuel=REGULAR", "RDM-20261101-000005"),
        ("sort=when&status=CANCELLED", "RDM-20261101-000009"),
    ):
        page = browser.read(f"/office/redemptions?{asked}")
        assert is_there in page, asked
        assert "RDM-20261101-000001" not in page, asked
    assert "Ningún canje" in browser.read("/office/redemptions?q=JSM999")
    assert "El primer día va antes" in browser.read("/office/redemptions?first=2026-11-05&last=2026-11-01", 422)
    assert "Ningún canje" in browser.read("/office/redemptions?first=2020-01-01&last=2020-01-31")
    assert "RDM-20261101-000008" in browser.look("/office/redemptions/export.csv?status=FAILED")


def test_a_file_tells_the_time_as_the_page_does_and_that_it_was_cut(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "_MOST", 2)
    lines = office().look("/office/redemptions/export.csv").splitlines()
    assert len(lines) == 4
    assert re.match(r"RDM-[0-9]{8}-[0-9]+,20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2},", lines[1]), lines[1]
    assert "Hay más: el archivo termina tras 2 renglones" in lines[3]


def test_the_story_of_a_redemption_has_what_it_gave(office: Office) -> None:
    story = office().read("/office/redemptions/RDM-20261101-000001")
    assert "MXN 478.00" in story
    assert "MXN 50.00" in story
    assert "3 · Por el canje" in story
    office(STATION_ADMIN).look("/office/redemptions/RDM-20261101-000001")
    office(STATION_ADMIN).look("/office/redemptions/RDM-20261101-000002", 404)


def test_a_redemption_is_cancelled_after_a_question(office: Office, admin: Conn) -> None:
    browser = office()
    page = "/office/redemptions/RDM-20261101-000007"
    assert "Corrige" in said(browser.send(f"{page}/cancel", {"reason": ""}, page).text)
    asked = browser.send(f"{page}/cancel", {"reason": "Pagó sin cupón"}, page)
    assert "¿Cancelar el canje RDM-20261101-000007?" in said(asked.text)
    assert "Completado" in browser.read(page)
    done = browser.send(f"{page}/cancel", {"reason": "Pagó sin cupón", "confirmed": "yes"}, page)
    assert (done.status_code, done.headers["location"]) == (303, f"{page}?said=cancelled"), said(done.text)
    assert "Pagó sin cupón" in browser.read(page)
    row = admin.execute(
        "SELECT status FROM redemption_schema.redemptions WHERE transaction_reference = 'RDM-20261101-000007'"
    ).fetchone()
    assert row == ("CANCELLED",)


def test_a_case_of_fraud_is_taken_and_decided_with_a_note(office: Office) -> None:
    browser = office()
    queue = browser.look("/office/fraud")
    path = next(part.split('"')[0] for part in queue.split('href="')[1:] if part.startswith("/office/fraud/f"))
    assert "Toma el caso" in browser.read(path)
    taken = browser.send(f"{path}/take", {}, path)
    assert taken.headers.get("location") == f"{path}?said=taken", said(taken.text)
    empty = browser.send(f"{path}/resolve", {"resolution": "DISMISS", "notes": ""}, path)
    assert empty.status_code == 422
    assert 'value="DISMISS" checked' in empty.text
    done = browser.send(f"{path}/resolve", {"resolution": "DISMISS", "notes": "Flotilla"}, path)
    assert done.headers.get("location") == f"{path}?said=resolved", said(done.text)
    assert "Flotilla" in browser.read(path)
    assert "Ver el caso" in browser.read("/office/fraud/log")


def test_rules_are_changed_as_forms_and_tried_before(office: Office, admin: Conn) -> None:
    browser = office()
    page = "/office/fraud/rules/user_hour"
    assert "Cliente: muchos en una hora" in browser.read("/office/fraud/rules")
    fields = {"points": "30", "window_minutes": "60", "max_count": "0", "is_enabled": "on", "version": "1"}
    wrong = browser.send(page, fields, page)
    assert wrong.status_code == 422
    assert 'name="points" type="text" value="30"' in wrong.text
    tried = browser.send(page, fields | {"max_count": "4", "go": "try"}, page)
    assert "Nada se guardó" in said(tried.text)
    kept = browser.send(page, fields | {"max_count": "4"}, page)
    assert kept.headers.get("location") == "/office/fraud/rules?said=rule", said(kept.text)
    stale = browser.send(page, fields | {"max_count": "3"}, page)
    assert "Alguien lo cambió" in said(stale.text)
    row = admin.execute(
        "SELECT points, parameters ->> 'max_count' FROM redemption_schema.fraud_rules WHERE rule_name = 'user_hour'"
    ).fetchone()
    assert row == (30, "4")
    thresholds = {"flagged_from": "50", "review_from": "45", "blocked_from": "80", "version": "1"}
    refused = browser.send("/office/fraud/rules/thresholds", thresholds, "/office/fraud/rules")
    assert "van en aumento" in said(refused.text)


def test_conflicts_of_terminals_wait_for_somebody(office: Office) -> None:
    assert "No hay nada por resolver" in office().read("/office/offline-review")
    office().look("/office/offline-review/TRM000001/1", 404)


def test_filters_of_a_file_that_do_not_fit_are_told_before_it_begins(office: Office) -> None:
    browser = office()
    for query in ("first=2026-11-20&last=2026-11-01", "status=WORST"):
        browser.look(f"/office/redemptions/export.csv?{query}", 422)


def test_an_attendant_sees_no_story_of_the_back_office(office: Office) -> None:
    attendant = office(EMPLOYEE)
    path = "/office/redemptions/RDM-20261101-000001"
    attendant.look(path, 403)
    refused = attendant.send(f"{path}/cancel", {"reason": ""}, "/till/today")
    assert (refused.status_code, "Empezó" in refused.text) == (403, False)


def test_a_chart_is_kept_by_no_browser(office: Office) -> None:
    found = office().client.get("/office/charts/tickets.svg", headers=HTML)
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
