"""The back office's pages of advertising: campaigns in words, previews, approval by a second person, reports."""

import csv
import re
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.ads.desk import SECOND
from tests.ads.media_files import picture
from tests.applications import create_app
from tests.web.looking import ADMINISTRATOR, ANA, HTML, cookie_of, token_in

Admin = psycopg.Connection[Any]
Client = TestClient[Litestar]
ROOT = "/office/ads"
CODE = "ADC-OFFICE"


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with TestClient(create_app(settings), raise_server_exceptions=False, base_url="https://testserver.local") as opened:
        yield opened


@pytest.fixture
def office(client: Client, admin: Admin) -> Client:
    client.cookies.update(cookie_of(admin, ADMINISTRATOR))
    client.headers.update(HTML)
    return client


def put(client: Client, path: str, fields: dict[str, Any] | None = None, **more: Any) -> Any:
    files = more.pop("files", None)
    token = token_in(client.get(ROOT).text)
    data = {"token": token, **(fields or {}), **more}
    return client.post(path, data=data, files=files, follow_redirects=False)


def local(days: float) -> str:
    """As it is typed in Cancún, which is five hours behind UTC all year."""
    return (datetime.now(UTC) - timedelta(hours=5) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def draft(client: Client, **fields: Any) -> Any:
    wish = {"campaign_code": CODE, "advertiser_code": "REFRESCO-LUNA", "name": "Luna de oficina", "pacing": "EVEN"}
    wish |= {"time_zone": "America/Cancun", "starts_at": local(-1), "ends_at": local(9), "currency": "MXN"}
    wish |= {"total_budget": "1000", "cost_per_engagement": "1.50", "frequency_period": "DAY"}
    return put(client, f"{ROOT}/campaigns/new", wish | fields)


def draft_ad(client: Client, *, content: bytes | None = None, **fields: Any) -> str:
    wish = {"campaign_code": CODE, "title": "La playa", "ad_format": "IMAGE", "duration_s": "15", "languages": "es"}
    files = {"media": ("a.png", content or picture("PNG"), "image/png")}
    answer = put(client, f"{ROOT}/advertisements/new", wish | fields, files=files)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"].partition("?")[0])


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, page
    return found[1]


def test_only_who_may_reads_advertising_and_changing_needs_the_second_factor(client: Client, admin: Admin) -> None:
    client.headers.update(HTML)
    assert client.get(ROOT, follow_redirects=False).status_code == 303
    client.cookies.update(cookie_of(admin, ANA))
    assert client.get(ROOT).status_code == 403
    client.cookies.update(cookie_of(admin, ADMINISTRATOR, second_factor=False))
    assert client.get(ROOT).status_code == 200
    assert client.get(f"{ROOT}/campaigns/new", follow_redirects=False).status_code in (303, 403)


@pytest.mark.parametrize(
    "path", ["", "/advertisements", "/reports", "/reviews", "/advertisers", "/why", "/campaigns/ADC-REFRESCO"]
)
def test_every_page_is_there_in_both_languages(office: Client, path: str) -> None:
    spanish = office.get(ROOT + path)
    english = office.get(ROOT + path, headers={"accept-language": "en"})
    assert (spanish.status_code, english.status_code) == (200, 200), spanish.text
    assert '<html lang="es">' in spanish.text
    assert '<html lang="en">' in english.text


def test_campaigns_are_searched_sorted_and_taken_along(office: Client) -> None:
    page = office.get(ROOT, params={"q": "refresco", "sort": "-spent", "status": "", "advertiser": ""}).text
    assert "ADC-REFRESCO" in page
    assert "ADC-BANCO" not in page
    sheet = office.get(f"{ROOT}/export.csv", params={"sort": "-code"}).text.splitlines()
    codes = [line.split(",")[0] for line in sheet[1:]]
    assert sheet[0].startswith("\ufeffCódigo,")
    assert codes == sorted(codes, reverse=True)
    texts = office.get(f"{ROOT}/advertisements", params={"format": "TEXT", "status": "", "waiting": ""}).text
    assert "Cuenta sin vueltas" in texts
    assert "la playa" not in texts
    assert office.get(f"{ROOT}/advertisements/export.csv").text.count("ADC-REFRESCO") >= 1


def test_a_campaign_is_drafted_with_targets_and_times_and_told_in_words(office: Client) -> None:
    made = draft(
        office,
        target_station="JSM001, -JSM004",
        target_fuel_type=["PREMIUM", "DIESEL"],
        window_1="06:00-10:00, 17:00-20:00",
    )
    assert made.headers["location"] == f"{ROOT}/campaigns/{CODE}?said=campaign-drafted"
    page = office.get(f"{ROOT}/campaigns/{CODE}").text
    assert "Solo en las estaciones JSM001." in page
    assert "No en las estaciones JSM004." in page
    assert re.search(r"Solo para quien carga (Premium, Diésel|Diésel, Premium)\.", page)
    assert re.search(r"Lunes\s+06:00\D10:00,\s+17:00\D20:00", page)
    form = office.get(f"{ROOT}/campaigns/{CODE}/edit").text
    assert 'value="JSM001, -JSM004"' in form
    assert re.search(r'value="PREMIUM"[^>]*checked', form)
    assert 'value="06:00-10:00, 17:00-20:00"' in form
    fields = {"name": "Otra", "starts_at": local(-1), "ends_at": local(9), "time_zone": "America/Cancun"}
    fields |= {"total_budget": "2000,50", "cost_per_engagement": "1.50"}
    changed = put(office, f"{ROOT}/campaigns/{CODE}/edit", fields, version=version_in(form))
    assert changed.status_code == 303, changed.text
    assert "2,000.50" in office.get(f"{ROOT}/campaigns/{CODE}").text
    started = put(office, f"{ROOT}/campaigns/{CODE}/status", status="ACTIVE")
    assert started.headers["location"].endswith("said=campaign-active")
    asked = put(office, f"{ROOT}/campaigns/{CODE}/status", status="CANCELLED")
    assert "¿Cancelar ADC-OFFICE?" in asked.text


def test_a_campaign_that_is_refused_keeps_what_was_typed_and_says_where(office: Client) -> None:
    wrong = draft(office, total_budget="mil", window_3="de noche", target_city="Mérida")
    assert wrong.status_code == 422
    assert 'id="total_budget-error"' in wrong.text
    assert 'value="Mérida"' in wrong.text
    times = draft(office, window_3="de noche")
    assert "Escribe horas como" in times.text
    assert 'value="de noche"' in times.text
    assert draft(office).status_code == 303
    again = draft(office)
    assert "Otra campaña ya tiene este código." in again.text
    upside_down = draft(office, campaign_code="ADC-OTHER", starts_at=local(9), ends_at=local(1))
    assert "Termina antes de empezar." in upside_down.text


def test_an_advertisement_is_approved_by_somebody_else_who_sees_it(office: Client, admin: Admin) -> None:
    draft(office)
    path = draft_ad(office)
    page = office.get(path).text
    shown = re.search(r'<img src="(/office/ads/media/[0-9a-f]{64})"', page)
    assert shown, page
    assert office.get(shown[1]).content == picture("PNG")
    assert put(office, f"{path}/submission").status_code == 303
    page = office.get(path).text
    assert "lo revisa otra persona" in page
    assert put(office, f"{path}/review", version=version_of(office, path), answer="approve").status_code == 409
    second(office, admin)
    page = office.get(path).text
    assert "Apruebas lo que ves aquí" in page
    assert put(office, f"{path}/review", version=str(2**63), answer="approve").status_code == 422
    nothing = put(office, f"{path}/review", version=version_in(page), answer="reject")
    assert "escribe la razón" in nothing.text
    assert put(office, f"{path}/review", version=version_in(page), answer="approve").status_code == 303
    assert put(office, f"{path}/status", status="ACTIVE").headers["location"].endswith("said=ad-active")
    office.cookies.clear()
    assert office.get(shown[1], follow_redirects=False).status_code == 303


def version_of(client: Client, path: str) -> str:
    return version_in(client.get(f"{path}/edit").text)


def second(client: Client, admin: Admin) -> None:
    """From now on another administrator looks."""
    row = admin.execute(
        "UPDATE auth_schema.users SET role = 'SYSTEM_ADMIN' WHERE public_id = %s RETURNING phone_number", (SECOND,)
    ).fetchone()
    if row is None:
        row = admin.execute(
            "UPDATE auth_schema.users SET role = 'SYSTEM_ADMIN' WHERE phone_number = '+525550000011'"
            " RETURNING phone_number"
        ).fetchone()
    assert row is not None
    client.cookies.update(cookie_of(admin, row[0]))


def test_a_draft_that_is_sent_twice_is_made_once(office: Client) -> None:
    draft(office)
    page = office.get(f"{ROOT}/advertisements/new?campaign={CODE}").text
    found = re.search(r'name="key" value="([0-9a-f-]{36})"', page)
    assert found, page
    made = draft_ad(office, key=found[1])
    assert draft_ad(office, key=found[1]) == made
    assert draft_ad(office, key=found[1], title="El mar") != made


def test_a_file_that_is_none_is_said_at_its_field_and_the_rest_stays(office: Client) -> None:
    draft(office)
    wish = {"campaign_code": CODE, "title": "Mi título", "ad_format": "IMAGE", "duration_s": "15", "languages": "es"}
    files = {"media": ("a.png", b"no picture at all", "image/png")}
    answer = put(office, f"{ROOT}/advertisements/new", wish, files=files)
    assert answer.status_code == 422
    assert 'id="media-error"' in answer.text
    assert 'value="Mi título"' in answer.text


def test_reports_have_a_chart_a_table_and_files(office: Client) -> None:
    chart = office.get(f"{ROOT}/reports/chart.svg")
    assert (chart.status_code, chart.headers["content-type"]) == (200, "image/svg+xml")
    assert office.get(f"{ROOT}/reports/export.csv").text.startswith("\ufeffdia,")
    assert office.get(f"{ROOT}/advertisers/REFRESCO-LUNA/report.pdf").content.startswith(b"%PDF")
    wrong = office.get(f"{ROOT}/reports", params={"from": "2026-12-01", "to": "2026-01-01"})
    assert wrong.status_code == 422
    assert "el primero antes del último" in wrong.text


def test_advertisers_and_doubtful_views_are_searched_and_taken_along(office: Client) -> None:
    lines = office.get(f"{ROOT}/advertisers/export.csv", params={"q": "luna"}).text.splitlines()
    assert lines[0].startswith("\ufeffCódigo,Nombre,Contacto")
    assert [line.split(",")[0] for line in lines[1:]] == ["REFRESCO-LUNA"]
    for status in ("PENDING", "ACCEPTED", "REJECTED"):
        sheet = office.get(f"{ROOT}/reviews/export.csv", params={"status": status})
        assert sheet.status_code == 200
        for row in list(csv.reader(sheet.text.splitlines()))[1:]:
            assert row[0] in office.get(f"{ROOT}/reviews", params={"status": status, "q": row[0].upper()}).text
    assert "Nada coincide" in office.get(f"{ROOT}/reviews", params={"q": "nothing like it"}).text
    starts = list(csv.reader(office.get(f"{ROOT}/export.csv").text.splitlines()))[1][4]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", starts)


def test_why_nothing_is_shown_is_told_in_words(office: Client) -> None:
    page = office.get(
        f"{ROOT}/why", params={"user": "a0000000-0000-4000-8000-000000000051", "station": "JSM001", "fuel": ""}
    )
    assert page.status_code == 200
    assert "La campaña está en pausa" in page.text
    assert "CAMPAIGN_PAUSED" not in page.text
    assert office.get(f"{ROOT}/why", params={"user": "nobody"}).status_code == 422
