"""Partners and webhooks in the back office: secrets shown once, what takes away asks first."""

import html
import re
from collections.abc import Generator

import pytest

from gasolinera.config import Settings
from tests.auth.browsing import browsing, look, said, send, went_to
from tests.auth.journeys import Client, Conn
from tests.web.looking import ADMINISTRATOR, STATION_ADMIN, cookie_of

PAGES = ("/office/partners", "/office/partners.csv", "/office/partners/new", "/office/webhooks", "/office/webhooks.csv")


def become(client: Client, admin: Conn, phone: str) -> None:
    client.cookies.clear()
    for name, value in cookie_of(admin, phone).items():
        client.cookies.set(name, value, domain="testserver.local", path="/")


@pytest.fixture
def client(settings: Settings, admin: Conn) -> Generator[Client]:
    """A browser in which an administrator is logged in, and a partner."""
    with browsing(settings) as opened:
        become(opened, admin, ADMINISTRATOR)
        fields = {"partner_code": "POS-PRUEBA", "name": "Cobros de Prueba", "contact_email": "soporte@example.com"}
        went_to(send(opened, "/office/partners/new", fields), "/office/partners/POS-PRUEBA?said=created")
        yield opened


def secret_in(page: str) -> str:
    found = re.search(r'<code class="lines">([^<]+)</code>', page)
    assert found, said(page)
    return html.unescape(found[1])


def test_only_system_administrators_come_in(client: Client, admin: Conn) -> None:
    for path in (*PAGES, "/office/partners/POS-PRUEBA"):
        look(client, path)
    become(client, admin, STATION_ADMIN)
    for path in (*PAGES, "/office/partners/POS-PRUEBA"):
        look(client, path, 403)


def test_a_partner_that_cannot_be_is_shown_again_with_the_reason(client: Client) -> None:
    wrong = {"partner_code": "pos", "name": "Otro", "contact_email": "nadie"}
    refused = send(client, "/office/partners/new", wrong)
    assert refused.status_code == 422
    assert 'value="pos"' in refused.text
    assert "mayúsculas" in said(refused.text)
    again = send(client, "/office/partners/new", {"partner_code": "POS-PRUEBA", "name": "Otro"})
    assert (again.status_code, "Ya hay un socio" in said(again.text)) == (409, True)


def test_a_partner_is_found_changed_and_deactivated_after_a_question(client: Client) -> None:
    assert "Cobros de Prueba" in said(look(client, "/office/partners?q=cobros&sort=-code"))
    assert "Cobros de Prueba" not in said(look(client, "/office/partners?active=no"))
    path = "/office/partners/POS-PRUEBA"
    went_to(send(client, path, {"name": "Cobros", "contact_email": ""}), f"{path}?said=saved")
    assert "soporte@example.com" not in look(client, path)
    assert "¿Desactivar a Cobros?" in said(send(client, f"{path}/deactivate", {}).text)
    went_to(send(client, f"{path}/deactivate", {"confirmed": "yes"}), f"{path}?said=deactivated")
    assert "Cobros" in said(look(client, "/office/partners?active=no"))
    refused = send(client, f"{path}/keys", {"label": "x", "scopes": "prices:set"})
    assert (refused.status_code, "Actívalo primero" in said(refused.text)) == (409, True)
    went_to(send(client, f"{path}/activate", {}), f"{path}?said=activated")


def test_a_key_is_shown_once_renewed_and_revoked(client: Client) -> None:
    path = "/office/partners/POS-PRUEBA"
    refused = send(client, f"{path}/keys", {"label": "Cajas", "station_code": "x"})
    assert (refused.status_code, 'value="Cajas"' in refused.text) == (422, True)
    assert "al menos un permiso" in said(refused.text)
    fields = {"label": "Cajas", "scopes": "prices:set", "station_code": "jsm001", "requests_per_minute": "60"}
    made = send(client, f"{path}/keys", fields)
    key = secret_in(made.text)
    assert re.fullmatch(r"gjsm_[A-Za-z0-9_-]{8}_[A-Za-z0-9_-]{43}", key)
    page = look(client, path)
    assert key not in page
    assert "Fijar precios JSM001 60" in said(page)
    prefix = key[5:13]
    assert f"¿Renovar la clave {prefix}?" in said(send(client, f"{path}/keys/{prefix}/rotate", {}).text)
    assert secret_in(send(client, f"{path}/keys/{prefix}/rotate", {"confirmed": "yes"}).text) != key
    again = send(client, f"{path}/keys/{prefix}/rotate", {"confirmed": "yes"})
    assert (again.status_code, "ya tiene una sucesora" in said(again.text)) == (409, True)
    went_to(send(client, f"{path}/keys/{prefix}/revoke", {"confirmed": "yes"}), f"{path}?said=revoked")
    assert "Revocada" in said(look(client, path))
    assert "Clave renovada" in said(look(client, path))


def test_a_form_of_a_key_that_is_sent_twice_makes_one_and_shows_it_again(client: Client, admin: Conn) -> None:
    path = "/office/partners/POS-PRUEBA"
    page = look(client, path)
    fields = {"label": "Dos veces", "scopes": "prices:set", "key": hidden_in(page, "key")}
    first, second = (secret_in(send(client, f"{path}/keys", fields, page=page).text) for _ in range(2))
    assert first == second
    assert secret_in(send(client, f"{path}/keys", {**fields, "label": "Otra"}, page=page).text) != first
    renewing = f"{path}/keys/{first[5:13]}/rotate"
    asked = send(client, renewing, {}).text
    answer = {"confirmed": "yes", "key": hidden_in(asked, "key")}
    assert secret_in(send(client, renewing, answer).text) == secret_in(send(client, renewing, answer).text)
    made = admin.execute("SELECT count(*) FROM auth_schema.api_keys WHERE label = 'Dos veces'").fetchone()
    assert made == (2,)  # itself and its successor
    kept = admin.execute("SELECT count(*) FROM auth_schema.idempotency_keys WHERE answer LIKE '%gjsm%'").fetchone()
    assert kept == (0,)


def hidden_in(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([0-9a-f-]{{36}})"', page)
    assert found, said(page)
    return found[1]


def test_a_webhook_is_made_tested_sent_again_and_disabled(client: Client, admin: Conn) -> None:
    partner = "/office/partners/POS-PRUEBA"
    wrong = {"url": "ftp://x", "event_types": "coupon.consumed"}
    refused = send(client, f"{partner}/webhooks", wrong)
    assert (refused.status_code, 'value="ftp://x"' in refused.text) == (422, True)
    fields = {"url": "https://pos.example.com/avisos", "event_types": ["coupon.consumed", "raffle.drawn"]}
    made = send(client, f"{partner}/webhooks", fields)
    assert secret_in(made.text).startswith("whsec_")
    found = re.search(r'href="(/office/webhooks/POS-PRUEBA/[0-9a-f-]{36})"', made.text)
    assert found
    path = found[1]
    shown = said(look(client, "/office/webhooks?q=pos.example"))
    assert "Cupón usado, Sorteo realizado Activo" in shown
    went_to(send(client, f"{path}/test", {}), f"{path}?said=test")
    page = look(client, path)
    delivery = re.search(r"/deliveries/([0-9a-f-]{36})", page)
    assert delivery
    log = f"{path}/deliveries/{delivery[1]}"
    assert delivery[1] in look(client, f"{path}/deliveries.csv")
    assert delivery[1] not in look(client, f"{path}/deliveries.csv?shown=DEAD")
    assert "Todavía no se ha intentado" in said(look(client, log))
    waiting = send(client, f"{log}/again", {})
    assert (waiting.status_code, "todavía espera" in said(waiting.text)) == (409, True)
    admin.execute("UPDATE auth_schema.webhook_deliveries SET status = 'DEAD'")
    assert "Prueba Abandonado" in said(look(client, f"{path}?shown=DEAD"))
    went_to(send(client, f"{log}/again", {}), f"{log}?said=again")
    one_event = {"url": "https://pos.example.com/otra", "event_types": "raffle.drawn"}
    went_to(send(client, path, one_event), f"{path}?said=saved")
    assert secret_in(send(client, f"{path}/secret", {"confirmed": "yes"}).text).startswith("whsec_")
    assert "¿Desactivar este webhook?" in said(send(client, f"{path}/disable", {}).text)
    went_to(send(client, f"{path}/disable", {"confirmed": "yes"}), f"{path}?said=deactivated")
    off = send(client, f"{path}/test", {})
    assert (off.status_code, "no está activo" in said(off.text)) == (409, True)
    went_to(send(client, f"{path}/enable", {}), f"{path}?said=activated")


def walked(client: Client, path: str, pattern: str) -> list[str]:
    """What all pages of a list show, in their order."""
    seen: list[str] = []
    following: str | None = path
    while following:
        page = look(client, following)
        seen += re.findall(pattern, page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        following = html.unescape(found[1]) if found else None
    return seen


def test_every_order_of_webhooks_has_all_of_them_once_over_its_pages(client: Client, admin: Conn) -> None:
    admin.execute("INSERT INTO auth_schema.partners (partner_code, name) VALUES ('POS-A', 'Z'), ('POS-Z', 'A')")
    admin.execute(
        "INSERT INTO auth_schema.webhook_endpoints"
        " (endpoint_id, partner_id, url, event_types, secret, secret_key_id)"
        " SELECT gen_random_uuid(), p.id, 'https://' || lower(p.partner_code) || '.example.com/' || n,"
        " ARRAY['coupon.consumed'], decode(repeat('00', 60), 'hex'), 1"
        " FROM generate_series(1, 35) AS n CROSS JOIN auth_schema.partners AS p"
        " WHERE p.partner_code IN ('POS-A', 'POS-Z') ORDER BY n, p.id"
    )
    codes = ("pos-a", "pos-z")
    by_age = [f"https://{code}.example.com/{n}" for n in range(1, 36) for code in codes]
    by_partner = [f"https://{code}.example.com/{n}" for code in codes for n in range(1, 36)]
    orders = {"": by_age, "since": by_age, "partner": by_partner}
    orders |= {"-since": by_age[::-1], "-partner": by_partner[::-1]}
    for sort, expected in orders.items():
        query = f"q=.example.com/&sort={sort}"
        assert walked(client, f"/office/webhooks?{query}", r">(https://pos-[az]\.example\.com/\d+)<") == expected
        file = client.get(f"/office/webhooks.csv?{query}").text
        assert re.findall(r"https://pos-[az]\.example\.com/\d+", file) == expected


def test_every_order_of_partners_has_all_of_them_once_over_its_pages(client: Client, admin: Conn) -> None:
    admin.execute(
        "INSERT INTO auth_schema.partners (partner_code, name)"
        " SELECT 'ORD-' || lpad(n::text, 3, '0'), 'Orden' FROM generate_series(1, 70) AS n"
    )
    by_code = [f"ORD-{n:03}" for n in range(1, 71)]
    orders = {"": by_code, "code": by_code, "-code": by_code[::-1]}
    for sort, expected in orders.items():
        assert walked(client, f"/office/partners?q=orden&sort={sort}", r">(ORD-\d+)<") == expected
        file = client.get(f"/office/partners.csv?q=orden&sort={sort}").text
        assert re.findall(r"ORD-\d+", file) == expected


def test_pages_about_partners_are_whole_in_english(client: Client) -> None:
    client.headers["accept-language"] = "en"
    for path in ("/office/partners", "/office/partners/new", "/office/partners/POS-PRUEBA", "/office/webhooks"):
        shown = said(look(client, path)).replace("Sofía Herrera", "")
        assert not re.search(r"[áéíóúñ¿¡]|[A-Z]{2,}_[A-Z]+", shown), shown
