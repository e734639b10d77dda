"""People, permissions and the log in the back office: for administrators with a second factor, and in words."""

import csv
import io
import re
from collections.abc import Generator

import pytest

from gasolinera.config import Settings
from tests.auth.administrators import ADMINISTRATOR, CHIEF
from tests.auth.browsing import browsing, look, said, send, went_to
from tests.auth.journeys import ANA, ANA_PHONE, EMPLOYEE, Client, Conn
from tests.web.looking import ADMINISTRATOR as ADMINISTRATOR_PHONE
from tests.web.looking import ANA as ANAS
from tests.web.looking import STATION_ADMIN, cookie_of

OFFICE = ("/office/users", f"/office/users/{ANA}", "/office/permissions", "/office/audit")
FILES = ("/office/users.csv", "/office/audit.csv")


def become(client: Client, admin: Conn, phone: str, *, second_factor: bool = True) -> None:
    client.cookies.clear()
    for name, value in cookie_of(admin, phone, second_factor=second_factor).items():
        client.cookies.set(name, value, domain="testserver.local", path="/")


@pytest.fixture
def client(settings: Settings, admin: Conn) -> Generator[Client]:
    """A browser in which an administrator is logged in."""
    with browsing(settings) as opened:
        become(opened, admin, ADMINISTRATOR_PHONE)
        yield opened


def test_only_administrators_with_their_second_factor_come_in(client: Client, admin: Conn) -> None:
    for path in (*OFFICE, *FILES):
        look(client, path)
    for phone in (ANAS, STATION_ADMIN):
        become(client, admin, phone)
        for path in (*OFFICE, *FILES):
            look(client, path, 403)
    become(client, admin, ADMINISTRATOR_PHONE, second_factor=False)
    for path in OFFICE:
        went_to(client.get(path, follow_redirects=False), f"/login/second-factor?next={path}")
    client.cookies.clear()
    for path in OFFICE:
        went_to(client.get(path, follow_redirects=False), f"/login?next={path}")


def test_pages_about_people_are_whole_in_english(client: Client, admin: Conn) -> None:
    client.headers["accept-language"] = "en"
    people = admin.execute("SELECT unnest(ARRAY[first_name, last_name]) FROM auth_schema.users WHERE erased_at IS NULL")
    names = {str(row[0]) for row in people}
    for path in OFFICE:
        shown = said(look(client, path)).replace("Español", "")
        for name in sorted(names, key=len, reverse=True):
            shown = shown.replace(name, "")
        assert not re.search(r"[áéíóúñ¿¡]|[A-Z]{2,}_[A-Z]+", shown), shown


def test_people_are_found_by_phone_by_name_and_by_kind(client: Client, admin: Conn) -> None:
    assert "García, Ana" in said(look(client, f"/office/users?q={ANA_PHONE.replace('+', '%2B')}"))
    assert "García, Ana" in said(look(client, "/office/users?q=55+5100+0051"))
    assert "García, Ana" in said(look(client, "/office/users?q=ana+gar"))
    assert "García, Ana" not in said(look(client, "/office/users?q=zz"))
    staff = admin.execute("SELECT count(*) FROM auth_schema.users WHERE role = 'SYSTEM_ADMIN'").fetchone()
    assert staff is not None
    assert look(client, "/office/users?role=SYSTEM_ADMIN").count("<tr>") == staff[0] + 1
    refused = client.get("/office/users?q=123")
    assert (refused.status_code, 'value="123"' in refused.text) == (422, True)


@pytest.mark.parametrize("sort", ["joined", "-joined", "name", "-name"])
def test_every_order_of_people_has_all_of_them_once_over_its_pages(client: Client, admin: Conn, sort: str) -> None:
    admin.execute(
        "INSERT INTO auth_schema.users"
        " (phone_number, first_name, last_name, role, terms_version, terms_accepted_at, age_confirmed_at)"
        " SELECT '+5255' || (60000000 + n), 'Nora', 'Apellido' || (n % 7), 'CUSTOMER', '2026-01', now(), now()"
        " FROM generate_series(1, 120) AS n"
    )
    expected = admin.execute(
        "SELECT public_id::text, lower(last_name) FROM auth_schema.users WHERE erased_at IS NULL ORDER BY id"
    ).fetchall()
    seen: list[str] = []
    path: str | None = f"/office/users?sort={sort}"
    while path:
        page = look(client, path)
        seen += re.findall(r'<th scope="row"><a href="/office/users/([0-9a-f-]{36})"', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = found[1].replace("&amp;", "&") if found else None
    assert sorted(seen) == sorted(row[0] for row in expected)
    names = dict(expected)
    order = {"joined": [row[0] for row in expected], "-joined": [row[0] for row in reversed(expected)]}
    if sort in order:
        assert seen == order[sort]
    else:
        shown = [names[one].encode() for one in seen]
        assert shown == sorted(shown, reverse=sort == "-name")


def test_the_file_of_people_has_what_the_filters_leave_and_no_formulas(client: Client, admin: Conn) -> None:
    admin.execute("UPDATE auth_schema.users SET first_name = '=1+1' WHERE public_id = %s", (ANA,))
    text = client.get("/office/users.csv?q=55+5100+0051").text
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert len(rows) == 2
    assert not rows[1][0].startswith("=")
    assert (rows[1][1], rows[1][3]) == ("García", "Cliente")


def test_who_took_a_list_out_is_on_record(client: Client, admin: Conn) -> None:
    for path in FILES:
        client.get(path)
    found = admin.execute(
        "SELECT reason, actor FROM auth_schema.auth_audit_log WHERE event_type = 'DATA_EXPORTED' ORDER BY id"
    ).fetchall()
    assert found == [("PEOPLE", ADMINISTRATOR), ("AUDIT_LOG", ADMINISTRATOR)]
    for query in ("", f"actor={ADMINISTRATOR}&"):
        shown = said(look(client, f"/office/audit?{query}event=DATA_EXPORTED"))
        assert "Muchas personas" in shown
        assert "la lista de personas" in shown


def test_a_kind_of_account_is_changed_after_a_question(client: Client, admin: Conn) -> None:
    path = f"/office/users/{ANA}"
    asked = send(client, f"{path}/role", {"role": "EMPLOYEE"})
    assert (asked.status_code, "De Cliente" in said(asked.text) or "de Cliente" in said(asked.text)) == (200, True)
    assert role_of(admin, ANA) == "CUSTOMER"
    went_to(send(client, f"{path}/role", {"role": "EMPLOYEE", "confirmed": "yes"}), f"{path}?said=role")
    assert role_of(admin, ANA) == "EMPLOYEE"
    assert "Personal de estación" in said(look(client, f"{path}?said=role"))
    assert send(client, f"{path}/role", {"role": "PARTNER", "confirmed": "yes"}).status_code == 422


def role_of(admin: Conn, user: str) -> str:
    row = admin.execute("SELECT role FROM auth_schema.users WHERE public_id = %s", (user,)).fetchone()
    assert row is not None
    return str(row[0])


def test_an_account_is_deactivated_activated_and_its_sessions_ended(client: Client, admin: Conn) -> None:
    path = f"/office/users/{ANA}"
    cookie_of(admin, ANAS)
    assert "Sesiones abiertas 1" in said(look(client, path)) or "Cerrar sus sesiones" in said(look(client, path))
    assert "confirmed" in send(client, f"{path}/end", {}).text
    went_to(send(client, f"{path}/end", {"confirmed": "yes"}), f"{path}?said=ended")
    went_to(send(client, f"{path}/deactivate", {"confirmed": "yes"}), f"{path}?said=deactivated")
    assert "Desactivada" in said(look(client, path))
    went_to(send(client, f"{path}/activate", {}), f"{path}?said=activated")
    assert send(client, f"{path}/explode", {"confirmed": "yes"}).status_code in (404, 422)


def test_what_is_refused_is_told_in_words_and_nothing_happens(client: Client, admin: Conn) -> None:
    own = f"/office/users/{ADMINISTRATOR}"
    assert "Es tu propia cuenta" in said(look(client, own))
    refused = send(client, f"{own}/deactivate", {"confirmed": "yes"})
    assert (refused.status_code, "Nadie cambia su propio acceso" in said(refused.text)) == (403, True)
    employed = f"/office/users/{EMPLOYEE}"
    wrong = send(client, f"{employed}/erase", {"confirmed": "yes", "typed": "BORRAR"})
    assert (wrong.status_code, 'value="BORRAR"' in wrong.text) == (422, True)
    kept = send(client, f"{employed}/erase", {"confirmed": "yes", "typed": "ELIMINAR"})
    assert (kept.status_code, "trabaja en una estación" in said(kept.text)) == (409, True)
    reset = send(client, f"/office/users/{ANA}/reset", {"confirmed": "yes"})
    assert (reset.status_code, "no tiene segundo factor" in said(reset.text)) == (409, True)


@pytest.mark.parametrize("query", ["", f"person={ANA}", f"actor={ADMINISTRATOR}", "request=many"])
def test_both_orders_of_the_log_have_every_entry_once_over_its_pages(client: Client, admin: Conn, query: str) -> None:
    admin.execute(
        "INSERT INTO auth_schema.auth_audit_log (event_type, user_id, actor, correlation_id, reason, created_at)"
        " SELECT 'LOGIN_FAILED', %s, %s, 'many', 'TRY_' || n, now() + n / 4 * interval '1 millisecond'"
        " FROM generate_series(1, 70) AS n",
        (ANA, ADMINISTRATOR),
    )
    oldest = [f"try {n}" for n in range(1, 71)]
    for sort, expected in (("at", oldest), ("-at", oldest[::-1]), ("", oldest[::-1])):
        seen: list[str] = []
        path: str | None = f"/office/audit?{query}&event=LOGIN_FAILED&sort={sort}"
        while path:
            page = look(client, path)
            assert f'aria-sort="{"ascending" if sort == "at" else "descending"}"' in page
            seen += re.findall(r"try \d+", page)
            found = re.search(r'rel="next" href="([^"]+)"', page)
            path = found[1].replace("&amp;", "&") if found else None
        assert seen == expected
        file = client.get(f"/office/audit.csv?{query}&event=LOGIN_FAILED&sort={sort}").text
        assert re.findall(r"try \d+", file) == expected


def test_the_log_tells_in_words_who_did_what_to_whom(client: Client, admin: Conn) -> None:
    send(client, f"/office/users/{ANA}/role", {"role": "EMPLOYEE", "confirmed": "yes"})
    shown = said(look(client, f"/office/audit?person={ANA}&event=ROLE_CHANGED"))
    assert "Tipo de cuenta cambiado" in shown
    assert "tipo de cuenta: Cliente → Personal de estación" in shown
    assert "Ana García" in shown
    acts = said(look(client, f"/office/audit?actor={ADMINISTRATOR}&event=ROLE_CHANGED"))
    assert "Ana García" in acts
    assert "Ana García" not in said(look(client, f"/office/audit?actor={CHIEF}"))
    by_phone = said(look(client, "/office/audit?person=55+5100+0051&event=ROLE_CHANGED"))
    assert "Ana García" in by_phone
    rows = list(csv.reader(io.StringIO(client.get(f"/office/audit.csv?person={ANA}&event=ROLE_CHANGED").text)))
    assert len(rows) == 2
    assert ANA in rows[1]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("person=nobody", "referencia"),
        ("ip=1.2.3", "203.0.113.7"),
        ("since=2026-01-01T00:00&until=2026-06-01T00:00", "31 días"),
        ("since=yesterday", "fechas"),
    ],
)
def test_a_search_of_the_log_that_cannot_be_says_what_to_change(client: Client, query: str, text: str) -> None:
    refused = client.get(f"/office/audit?{query}")
    assert (refused.status_code, text in said(refused.text)) == (422, True), said(refused.text)


def test_the_matrix_of_permissions_is_that_of_the_code(client: Client) -> None:
    shown = said(look(client, "/office/permissions")).replace("\N{EN DASH}", "-")
    assert "Canjear cupones - Su estación Su estación Todo -" in shown
