"""Logging in with a browser: one door for everybody, closed to forms of others, and a new session each time."""

import re
from collections.abc import Generator

import pytest

from gasolinera.config import Settings
from tests.auth.administrators import ADMINISTRATOR_PHONE
from tests.auth.browsing import another, browsing, enrol, log_in, look, said, send, token_of, went_to
from tests.auth.journeys import ANA, ANA_PHONE, EMPLOYEE, STRANGER_PHONE, Client, Conn, code_sent_to, let_pass, wrong

SESSION = "__Host-session"


@pytest.fixture
def client(settings: Settings) -> Generator[Client]:
    with browsing(settings) as opened:
        yield opened


def phone_of(admin: Conn, user: str) -> str:
    row = admin.execute("SELECT phone_number FROM auth_schema.users WHERE public_id = %s", (user,)).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize(
    ("typed", "country"), [(ANA_PHONE, "+506"), ("55 5100 0051", "+52"), ("(55) 5100-0051", "+52")]
)
def test_somebody_logs_in_with_a_national_or_a_whole_number(
    client: Client, admin: Conn, typed: str, country: str
) -> None:
    assert 'autocomplete="tel-national"' in look(client, "/login")
    went_to(send(client, "/login", {"phone": typed, "country": country}), "/login/code")
    page = look(client, "/login/code")
    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page
    assert "termina en 51" in said(page)
    code = code_sent_to(admin, ANA_PHONE)
    went_to(send(client, "/login/code", {"code": f"{code[:3]} {code[3:]}"}), "/wallet")
    assert len(client.cookies[SESSION]) == 43
    went_to(client.get("/", follow_redirects=False), "/wallet")
    went_to(client.get("/login", follow_redirects=False), "/wallet")


def test_each_role_is_led_to_its_own_place_and_whoever_came_from_a_page_back_to_it(client: Client, admin: Conn) -> None:
    went_to(log_in(client, admin, phone_of(admin, EMPLOYEE)), "/till")
    client.cookies.clear()
    went_to(log_in(client, admin, ADMINISTRATOR_PHONE), "/login/second-factor?next=/office")
    client.cookies.clear()
    went_to(log_in(client, admin, ANA_PHONE, then="/tickets?year=2026"), "/tickets?year=2026")


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_never_leads_to_another_site(client: Client, admin: Conn, then: str) -> None:
    assert "evil" not in re.findall(r'name="then" value="([^"]*)"', look(client, f"/login?next={then}"))[0]
    went_to(log_in(client, admin, ANA_PHONE, then=then), "/wallet")


def test_a_known_and_an_unknown_phone_get_the_same_pages(client: Client, admin: Conn) -> None:
    """All but what is random, and the last digits of what was typed."""
    pages: list[list[str]] = []
    for phone in (ANA_PHONE, STRANGER_PHONE[:-2] + "51"):
        browser = another(client)
        asked = send(browser, "/login", {"phone": phone})
        page = look(browser, "/login/code")
        refused = send(browser, "/login/code", {"code": "000000"}, page=page)
        shown = [
            re.sub(r"[0-9]{10}\.[0-9]+\.[0-9a-f]{64}|data-wait=\"\d+\"", "", text) for text in (page, refused.text)
        ]
        pages.append([str(asked.status_code), asked.headers["location"], str(refused.status_code), *shown])
    assert pages[0] == pages[1]
    assert "no es correcto" in said(pages[0][-1])


def test_a_number_that_is_none_is_told_at_its_field_and_stays(client: Client) -> None:
    refused = send(client, "/login", {"phone": "12345", "country": "+506", "then": "/tickets"})
    assert refused.status_code == 422
    assert 'value="12345"' in refused.text
    assert 'value="+506" selected' in refused.text
    assert 'name="then" value="/tickets"' in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert "Ningún teléfono tiene este número" in said(refused.text)


def test_wrong_codes_are_counted_for_people_and_the_fifth_locks_the_door(client: Client, admin: Conn) -> None:
    send(client, "/login", {"phone": ANA_PHONE})
    code = wrong(code_sent_to(admin, ANA_PHONE))
    answers = [send(client, "/login/code", {"code": code}) for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [422, 422]
    assert "Te quedan 2 intentos" in said(answers[0].text)
    assert "Te queda un intento" in said(answers[1].text)
    let_pass(admin, 1)
    send(client, "/login", {"phone": ANA_PHONE})
    code = wrong(code_sent_to(admin, ANA_PHONE))
    answers = [send(client, "/login/code", {"code": code}) for _ in range(2)]
    assert answers[1].status_code == 423
    assert "30 minutos" in said(answers[1].text)
    assert SESSION not in client.cookies


def test_too_many_codes_are_refused_with_the_time_that_is_left(client: Client, admin: Conn) -> None:
    send(client, "/login", {"phone": ANA_PHONE})
    again = send(client, "/login/code/again", {})
    assert again.status_code == 429
    assert re.search(r"Podrás pedir otro en (\d+ segundos|un segundo)", said(again.text))
    let_pass(admin, 0)
    refused = send(another(client), "/login", {"phone": ANA_PHONE})
    assert refused.status_code == 429
    assert f'value="{ANA_PHONE}"' in refused.text


def test_the_code_of_one_browser_opens_no_other(client: Client, admin: Conn) -> None:
    send(client, "/login", {"phone": ANA_PHONE})
    other = another(client)
    went_to(send(other, "/login/code", {"code": code_sent_to(admin, ANA_PHONE)}), "/login?said=over")
    assert SESSION not in other.cookies


def test_a_login_from_another_site_is_refused(client: Client, admin: Conn) -> None:
    send(client, "/login", {"phone": ANA_PHONE})
    fields = {"code": code_sent_to(admin, ANA_PHONE), "token": token_of(look(client, "/login/code"))}
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        forged = client.post("/login/code", data=fields, headers=headers, follow_redirects=False)
        assert forged.status_code == 403
    without = client.post("/login/code", data={"code": fields["code"]}, follow_redirects=False)
    assert without.status_code == 403
    assert SESSION not in client.cookies


def test_a_session_that_was_there_before_the_login_is_not_the_one_after_it(client: Client, admin: Conn) -> None:
    log_in(client, admin)
    before = client.cookies[SESSION]
    let_pass(admin, 1)
    planted = another(client)
    planted.cookies.set(SESSION, before, domain="testserver.local", path="/")
    went_to(log_in(planted, admin), "/wallet")
    assert planted.cookies[SESSION] != before
    went_to(client.get("/me", follow_redirects=False), "/login?next=/me")


def test_a_session_that_is_ended_loses_its_pages_at_once(client: Client, admin: Conn) -> None:
    log_in(client, admin)
    look(client, "/me")
    kept = client.cookies[SESSION]
    left = send(client, "/logout", {})
    went_to(left, "/?said=bye")
    assert SESSION not in client.cookies
    assert "Saliste de tu cuenta" in said(look(client, "/?said=bye"))
    client.cookies.set(SESSION, kept, domain="testserver.local", path="/")
    went_to(client.get("/me", follow_redirects=False), "/login?next=/me")
    ended = admin.execute(
        "SELECT count(*) FROM auth_schema.auth_audit_log WHERE user_id = %s AND event_type = 'LOGOUT'", (ANA,)
    ).fetchone()
    assert ended == (1,)


def test_a_person_registers_with_what_the_api_asks_for(client: Client, admin: Conn) -> None:
    page = look(client, "/register?next=/raffles")
    assert 'href="/register?next=/raffles"' in look(client, "/login?next=/raffles")
    fields = {
        "then": "/raffles",
        "first_name": "Elena",
        "last_name": "Vega",
        "phone": "55 1234 5678",
        "country": "+52",
        "email": "elena",
        "preferred_language": "es",
        "terms_version": "2026-01",
        "terms": "on",
    }
    refused = send(client, "/register", fields, page=page)
    assert refused.status_code == 422
    assert "nombre@ejemplo.com" in said(refused.text)
    assert 'id="age-error"' in refused.text
    assert 'value="Elena"' in refused.text
    went_to(send(client, "/register", fields | {"email": "elena@example.com", "age": "on"}), "/login/code")
    went_to(send(client, "/login/code", {"code": code_sent_to(admin, STRANGER_PHONE)}), "/raffles")
    row = admin.execute(
        "SELECT first_name, email, terms_version, age_confirmed_at IS NOT NULL FROM auth_schema.users"
        " WHERE phone_number = %s",
        (STRANGER_PHONE,),
    ).fetchone()
    assert row == ("Elena", "elena@example.com", "2026-01", True)


def test_an_administrator_enrols_a_second_factor_once_and_confirms_each_login(client: Client, admin: Conn) -> None:
    log_in(client, admin, ADMINISTRATOR_PHONE)
    assert "segundo factor" in said(look(client, "/login/second-factor?next=/me"))
    app = enrol(client)
    went_to(client.get("/login/second-factor?next=/me/sessions", follow_redirects=False), "/me/sessions")
    let_pass(admin, 1)
    second = another(client)
    went_to(log_in(second, admin, ADMINISTRATOR_PHONE), "/login/second-factor?next=/office")
    refused = send(second, "/login/second-factor", {"code": app.code(-1), "then": "/me"})
    assert (refused.status_code, "Cada código sirve una vez" in said(refused.text)) == (422, True)
    shape = send(second, "/login/second-factor", {"code": "12", "then": "/me"})
    assert (shape.status_code, 'value="12"' in shape.text) == (422, True)
    went_to(send(second, "/login/second-factor", {"code": app.code(), "then": "/me"}), "/me")


@pytest.mark.parametrize("path", ["/", "/login", "/register", "/terms"])
def test_the_door_speaks_english_too(client: Client, path: str) -> None:
    client.headers["accept-language"] = "en-US"
    shown = said(look(client, path))
    assert not re.search(r"[áéíóúñ¿¡]", shown.replace("Español", "")), shown
