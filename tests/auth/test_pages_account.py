"""The own account with a browser: changed, watched, taken along and forgotten by its owner alone."""

import re
from collections.abc import Generator

import pytest

from gasolinera.app import ALL_PARTS
from gasolinera.config import Settings
from tests.auth.administrators import ADMINISTRATOR_PHONE
from tests.auth.browsing import another, browsing, enrol, log_in, look, said, send, went_to
from tests.auth.journeys import ANA, ANA_PHONE, STRANGER_PHONE, Client, Conn, code_sent_to, let_pass

OWN_PAGES = (
    "/me",
    "/me/notifications",
    "/me/preferences",
    "/me/sessions",
    "/me/activity",
    "/me/security",
    "/me/phone",
    "/me/privacy",
)


@pytest.fixture
def client(settings: Settings, admin: Conn) -> Generator[Client]:
    """A browser in which Ana is logged in."""
    with browsing(settings) as opened:
        log_in(opened, admin)
        yield opened


def column(admin: Conn, name: str) -> object:
    row = admin.execute(f"SELECT {name} FROM auth_schema.users WHERE public_id = %s".encode(), (ANA,)).fetchone()
    assert row is not None
    return row[0]


def test_pages_of_the_own_account_lead_strangers_to_the_door_and_back(client: Client) -> None:
    stranger = another(client)
    for path in OWN_PAGES:
        went_to(stranger.get(path, follow_redirects=False), f"/login?next={path}")
        look(client, path)


def test_pages_of_the_own_account_are_whole_in_english(client: Client) -> None:
    client.headers["accept-language"] = "en"
    client.cookies.delete("language")
    for path in OWN_PAGES:
        shown = said(look(client, path))
        for name in ("Ana", "García", "México", "Panamá", "Español"):
            shown = shown.replace(name, "")
        assert not re.search(r"[áéíóúñ¿¡]", shown), shown


def test_a_changed_profile_is_kept_and_a_wrong_one_shown_again(client: Client, admin: Conn) -> None:
    fields = {"first_name": " Ana  María ", "last_name": "García", "email": "ana@", "preferred_language": "en"}
    refused = send(client, "/me", fields)
    assert refused.status_code == 422
    assert 'value="ana@"' in refused.text
    assert "nombre@ejemplo.com" in said(refused.text)
    went_to(send(client, "/me", fields | {"email": ""}), "/me?said=saved")
    assert (column(admin, "first_name"), column(admin, "email")) == ("Ana María", None)
    assert "Your changes are saved" in said(look(client, "/me?said=saved"))


def ticked(page: str) -> int:
    return len(re.findall(r'name="wanted" value="[^"]+" checked', page))


def test_wishes_about_messages_are_kept(client: Client, admin: Conn) -> None:
    page = look(client, "/me/preferences")
    assert ticked(page) == 15
    wish = {"wanted": ["PRIZES.SMS", "WORK.EMAIL"], "quiet": "on", "begins": "22:00", "ends": "22:00"}
    zone = {"zone": "America/Tijuana"}
    refused = send(client, "/me/preferences", wish | zone)
    assert (refused.status_code, ticked(refused.text)) == (422, 2)
    assert "horas distintas" in said(refused.text)
    went_to(send(client, "/me/preferences", wish | zone | {"ends": "07:30"}), "/me/preferences?said=saved")
    page = look(client, "/me/preferences")
    assert 'value="PRIZES.SMS" checked' in page
    assert 'value="07:30"' in page
    assert 'value="America/Tijuana" selected' in page


def test_somebody_ends_the_own_other_sessions_and_nobody_elses(client: Client, admin: Conn) -> None:
    let_pass(admin, 1)
    elsewhere, administrator = another(client), another(client)
    elsewhere.headers["user-agent"] = (
        "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
    )
    log_in(elsewhere, admin)
    log_in(administrator, admin, ADMINISTRATOR_PHONE)
    page = look(client, "/me/sessions")
    assert "Chrome · Android" in said(page)
    families = re.findall(r"/me/sessions/([0-9a-f-]{36})/end", page)
    strange = re.findall(r"/me/sessions/([0-9a-f-]{36})/end", look(administrator, "/me/sessions"))
    assert not set(families) & set(strange)
    assert send(client, f"/me/sessions/{strange[0]}/end", {}).status_code == 404
    went_to(send(client, "/me/sessions/end-others", {}), "/me/sessions?said=ended-others")
    went_to(elsewhere.get("/me", follow_redirects=False), "/login?next=/me")
    look(administrator, "/me")
    went_to(send(client, f"/me/sessions/{families[0]}/end", {}), "/?said=bye")
    went_to(client.get("/me", follow_redirects=False), "/login?next=/me")


def test_what_happened_to_the_account_is_told_in_words(client: Client) -> None:
    shown = said(look(client, "/me/activity"))
    assert "Inicio de sesión" in shown
    assert "LOGIN" not in shown


def test_somebody_moves_to_another_number(client: Client, admin: Conn) -> None:
    same = send(client, "/me/phone", {"phone": ANA_PHONE})
    assert (same.status_code, "Este ya es el número" in said(same.text)) == (422, True)
    went_to(send(client, "/me/phone", {"phone": "55 1234 5678", "country": "+52"}), "/me/phone/code")
    assert "termina en 78" in said(look(client, "/me/phone/code"))
    went_to(send(client, "/me/phone/code", {"code": code_sent_to(admin, STRANGER_PHONE)}), "/me?said=phone")
    assert column(admin, "phone_number") == STRANGER_PHONE


def test_an_own_second_factor_is_renewed_and_removed_with_its_codes(client: Client) -> None:
    app = enrol(client)
    wrong = send(client, "/me/security/recovery-codes", {"code": "12x"})
    assert (wrong.status_code, 'value="12x"' in wrong.text) == (422, True)
    made = send(client, "/me/security/recovery-codes", {"code": app.code()})
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", made.text)
    assert len(codes) == 10
    went_to(send(client, "/me/security/disable", {"code": codes[0]}), "/me/security?said=removed")
    assert "Desactivado" in said(look(client, "/me/security"))


def test_an_administrator_keeps_the_second_factor(settings: Settings, admin: Conn) -> None:
    with browsing(settings) as client:
        log_in(client, admin, ADMINISTRATOR_PHONE)
        app = enrol(client)
        kept = send(client, "/me/security/disable", {"code": app.code()})
    assert (kept.status_code, "necesita segundo factor" in said(kept.text)) == (409, True)


def test_the_own_data_come_as_a_file_and_from_a_form_of_ours_alone(settings: Settings, admin: Conn) -> None:
    with browsing(settings, ALL_PARTS) as client:
        log_in(client, admin)
        forged = client.post("/me/privacy/export", data={}, follow_redirects=False)
        assert forged.status_code == 403
        given = send(client, "/me/privacy/export", {})
    assert given.headers["content-disposition"] == 'attachment; filename="gasolinera-jsm.json"'
    found = given.json()
    assert found["account"]["public_id"] == ANA
    assert {one["service"] for one in found["services"]} >= {"station", "coupon", "redemption", "ads", "raffle"}


def test_an_account_is_erased_with_a_code_and_a_word(client: Client, admin: Conn) -> None:
    let_pass(admin, 1)
    went_to(send(client, "/me/privacy/erase/code", {}), "/me/privacy/erase")
    code = code_sent_to(admin, ANA_PHONE)
    refused = send(client, "/me/privacy/erase", {"code": code, "word": "BORRAR"})
    assert (refused.status_code, column(admin, "erased_at")) == (422, None)
    assert f'value="{code}"' in refused.text
    went_to(send(client, "/me/privacy/erase", {"code": code, "word": "eliminar"}), "/?said=erased")
    assert column(admin, "erased_at") is not None
    went_to(client.get("/me", follow_redirects=False), "/login?next=/me")


def test_staff_cannot_be_erased_while_employed(settings: Settings, admin: Conn) -> None:
    row = admin.execute(
        "SELECT u.phone_number FROM auth_schema.users AS u JOIN auth_schema.employments AS e"
        " ON e.user_id = u.public_id WHERE e.is_active AND u.role = 'EMPLOYEE' LIMIT 1"
    ).fetchone()
    assert row is not None
    with browsing(settings) as client:
        log_in(client, admin, row[0])
        assert "/me/privacy/erase/code" not in look(client, "/me/privacy")
        let_pass(admin, 1)
        went_to(send(client, "/me/privacy/erase/code", {}), "/me/privacy/erase")
        fields = {"code": code_sent_to(admin, row[0]), "word": "ELIMINAR"}
        refused = send(client, "/me/privacy/erase", fields)
    assert (refused.status_code, "Trabajas en una estación" in said(refused.text)) == (409, True)
