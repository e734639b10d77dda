"""One person's data of all services, in one process: who gets it, what is in it, and what is said of a missing part."""

from typing import Any
from uuid import UUID

import pytest
from litestar.testing import TestClient
from psycopg import errors
from pydantic import SecretStr

from gasolinera.app import ALL_PARTS, create_app
from gasolinera.auth.parts import PARTS as AUTH
from gasolinera.config import Settings
from gasolinera.keyring import load_keyring
from gasolinera.permissions import Role
from gasolinera.service_tokens import issue_service_token
from tests.auth.administrators import ADMINISTRATOR, bearer, headers
from tests.auth.journeys import ANA, ANA_PHONE, EMPLOYEE, Client, Conn, events_of, good, log_in, problem

# The employment of EMPLOYEE in the sample data.
NUMBER = "EMP000021"
INTERNAL = f"/api/internal/personal-data/station/{EMPLOYEE}"


def parts_of(found: Any) -> dict[str, Any]:
    """The rows of the station's part, by kind."""
    (holdings,) = [one["holdings"] for one in found["services"] if one["service"] == "station"]
    assert all(one["is_complete"] for one in holdings)
    return {one["name"]: one["rows"] for one in holdings}


def fill(admin: Conn) -> None:
    """A shift, a training, a terminal and a change of prices of EMPLOYEE."""
    admin.execute("DELETE FROM station_schema.employee_shifts")
    admin.execute("SELECT set_config('gasolinera.actor', %s, false)", (EMPLOYEE,))
    admin.execute("SELECT set_config('gasolinera.ip_address', '203.0.113.9', false)")
    admin.execute(
        "WITH person AS (SELECT e.id, e.station_id FROM station_schema.employees AS e WHERE e.employee_number = %s),"
        " shift AS (INSERT INTO station_schema.employee_shifts (employee_id, station_id, starts_at, ends_at)"
        "  SELECT id, station_id, '2026-11-02 06:00+00', '2026-11-02 14:00+00' FROM person),"
        " training AS (INSERT INTO station_schema.employee_certifications"
        "   (employee_id, kind, issued_on, certificate_number)"
        "  SELECT id, 'FIRST_AID', '2026-01-07', 'CRUZ-ROJA-4711' FROM person)"
        " INSERT INTO station_schema.terminals (terminal_code, station_id, name, public_key, enrolled_by)"
        " SELECT 'TRM900001', station_id, 'Caja 9', sha256('terminal'), %s FROM person",
        (NUMBER, EMPLOYEE),
    )
    for name in ("actor", "ip_address"):
        admin.execute("SELECT set_config(%s, '', false)", (f"gasolinera.{name}",))


def test_an_administrator_gives_a_person_what_both_services_hold(
    client: Client, admin: Conn, settings: Settings
) -> None:
    fill(admin)
    response = client.get(f"/api/auth/users/{EMPLOYEE}/export", headers=headers(settings))
    assert response.headers["cache-control"] == "no-store"
    found = good(response)
    assert found["account"]["public_id"] == EMPLOYEE
    assert found["incomplete"] == []
    station = parts_of(found)
    assert [one["employee_number"] for one in station["employments"]] == [NUMBER]
    assert [one["starts_at"] for one in station["shifts"]] == ["2026-11-02T06:00:00Z"]
    assert "CRUZ-ROJA-4711" in [one["certificate_number"] for one in station["certifications"]]
    assert "TRM900001" in [one["terminal_code"] for one in station["terminals"]]
    acts = {(one["event_type"], one["entity_reference"], one["ip_address"]) for one in station["acts"]}
    assert {("TERMINAL_CREATED", "TRM900001", "203.0.113.9"), ("SHIFT_CREATED", NUMBER, "203.0.113.9")} <= acts
    history = [one for one in station["history"] if one["event_type"] == "CERTIFICATION_CREATED"]
    assert "CRUZ-ROJA-4711" in str(history)
    assert all({"id", "station_id", "employee_id"}.isdisjoint(one["new_values"] or {}) for one in station["history"])
    others = "SELECT employee_number FROM station_schema.employees WHERE user_id <> %s"
    assert not [number for (number,) in admin.execute(others, (EMPLOYEE,)).fetchall() if number in str(station)]


def test_what_an_administrator_did_is_in_the_own_export_without_whom_it_was_about(
    client: Client, settings: Settings
) -> None:
    shown = headers(settings) | {"user-agent": "the panel"}
    good(client.get(f"/api/auth/users/{EMPLOYEE}/export", headers=shown))
    found = good(client.get("/api/auth/export", headers=shown))
    assert {"event_type": "DATA_EXPORTED", "user_agent": "the panel"}.items() <= found["acts"][0].items()
    assert EMPLOYEE not in str(found["acts"])


def test_somebody_who_never_worked_gets_the_own_data_with_the_wishes_about_messages(
    client: Client, admin: Conn
) -> None:
    shown = bearer(log_in(client, admin)["access_token"])
    quiet = {"time_zone": "America/Mexico_City", "begins": "22:00", "ends": "07:00"}
    good(client.put("/api/auth/notifications/preferences", json={"choices": [], "quiet_hours": quiet}, headers=shown))
    admin.execute(
        "INSERT INTO auth_schema.notifications (event_id, user_id, channel, category, template, status, sent_at)"
        " VALUES (gen_random_uuid(), %s, 'IN_APP', 'ACCOUNT', 'welcome', 'SENT', now())",
        (ANA,),
    )
    found = good(client.get("/api/auth/export", headers=shown))
    assert found["preferences"]["quiet_hours"] == quiet
    assert [one["template"] for one in found["notifications"]] == ["welcome"]
    station = parts_of(found)
    assert set(station) == {
        "account_state", "employments", "shifts", "certifications", "terminals", "history", "acts",
    }  # fmt: skip
    assert [name for name, rows in station.items() if rows] == []


def test_strangers_others_and_people_at_the_internal_route_get_nothing(
    client: Client, admin: Conn, settings: Settings
) -> None:
    ana = bearer(log_in(client, admin)["access_token"])
    path = f"/api/auth/users/{EMPLOYEE}/export"
    assert problem(client.get("/api/auth/export")) == (401, "auth.no_token")
    assert problem(client.get(path)) == (401, "auth.no_token")
    assert problem(client.get(path, headers=ana)) == (403, "auth.not_permitted")
    weak = headers(settings, second_factor=False)
    assert problem(client.get(path, headers=weak)) == (403, "auth.second_factor_needed")
    assert problem(client.get(INTERNAL)) == (401, "auth.no_token")
    for shown in (ana, headers(settings), headers(settings, EMPLOYEE, role=Role.EMPLOYEE)):
        assert problem(client.get(INTERNAL, headers=shown)) == (403, "auth.not_permitted")
    keyring = load_keyring(settings)
    # The process serves all services; only auth may ask, and the station alone may be told.
    for asker, audience, status in (
        ("auth", "station", 200),
        ("auth", "auth", 403),
        ("auth", "coupon", 403),
        ("redemption", "station", 403),
        ("station", "station", 403),
        ("auth", "ads", 403),
        ("auth", "raffle", 403),
        ("auth", "ops", 401),
    ):
        token = issue_service_token(keyring, asker, audience, now=keyring.clock())
        assert (asker, audience, client.get(INTERNAL, headers=bearer(token)).status_code) == (asker, audience, status)
    assert "DATA_EXPORTED" not in str(events_of(admin))


def test_nobody_is_unknown(client: Client, settings: Settings) -> None:
    path = "/api/auth/users/00000000-0000-4000-8000-000000000000/export"
    assert problem(client.get(path, headers=headers(settings))) == (404, "user.unknown")


@pytest.mark.parametrize("away", ["no address", "nobody there", "no database"])
def test_a_part_that_cannot_be_had_is_named_and_nothing_is_given(away: str, settings: Settings, admin: Conn) -> None:
    """In each case the other service's data may be there: an export without it would look whole."""
    parts = (AUTH,)
    if away == "nobody there":
        settings = settings.model_copy(update={"station_url": "http://127.0.0.1:9"})
    elif away == "no database":
        unreachable = SecretStr("postgresql://station_app@127.0.0.1:9/gasolinera")
        settings = settings.model_copy(update={"station_database_url": unreachable})
        parts = ALL_PARTS
    with TestClient(create_app(settings, parts), raise_server_exceptions=False) as client:
        response = client.get(f"/api/auth/users/{EMPLOYEE}/export", headers=headers(settings))
        assert problem(response) == (503, "export.station_unavailable")
        assert (response.headers["retry-after"], "account" in response.text) == ("5", False)
        if away == "no address":
            assert "GASOLINERA_STATION_URL" in response.json()["hint"]
    assert events_of(admin, EMPLOYEE) == [one for one in events_of(admin, EMPLOYEE) if one[0] != "DATA_EXPORTED"]


def test_of_a_very_long_log_the_newest_are_given_and_it_is_said(client: Client, admin: Conn) -> None:
    shown = bearer(log_in(client, admin)["access_token"])
    admin.execute(
        "INSERT INTO auth_schema.auth_audit_log (event_type, user_id, reason, created_at)"
        " SELECT 'TOKEN_REFRESHED', %s, 'n' || n, now() - n * interval '1 second' FROM generate_series(1, 10001) AS n",
        (ANA,),
    )
    found = good(client.get("/api/auth/export", headers=shown))
    assert (found["incomplete"], len(found["log"])) == (["log"], 10_000)
    assert "n10001" not in {one["reason"] for one in found["log"]}


def test_after_an_erasure_the_export_finds_a_reference_and_no_person(
    client: Client, admin: Conn, settings: Settings
) -> None:
    shown = bearer(log_in(client, admin)["access_token"]) | {"user-agent": "Ana's phone"}
    good(client.get("/api/auth/export", headers=shown))
    admin.execute(  # what she did to somebody else, once an administrator
        "INSERT INTO auth_schema.auth_audit_log (event_type, user_id, actor, ip_address)"
        " VALUES ('DATA_EXPORTED', %s, %s, '203.0.113.9')",
        (EMPLOYEE, ANA),
    )
    admin.execute(
        "INSERT INTO auth_schema.partner_audit_log (event_type, partner_code, new_values, actor, user_agent)"
        " VALUES ('PARTNER_CHANGED', 'POS', '{}', %s, 'Ana''s phone')",
        (ANA,),
    )
    chief = headers(settings) | {"user-agent": "the chief's panel"}
    assert client.delete(f"/api/auth/users/{ANA}", headers=chief).status_code == 204
    found = good(client.get(f"/api/auth/users/{ANA}/export", headers=chief))
    assert [text for text in ("Ana", "García", ANA_PHONE, "203.0.113.9", "testclient") if text in str(found)] == []
    assert (found["sessions"], found["codes"], found["notifications"]) == ([], [], [])
    assert {"LOGIN_SUCCEEDED", "ACCOUNT_ERASED"} <= {one["event_type"] for one in found["log"]}
    assert {one["event_type"] for one in found["acts"]} == {"DATA_EXPORTED", "PARTNER_CHANGED"}
    assert all(one["ip_address"] is one["user_agent"] is None for one in (*found["log"], *found["acts"]))
    told = "SELECT DISTINCT user_agent FROM auth_schema.auth_audit_log WHERE event_type = 'ACCOUNT_ERASED'"
    assert admin.execute(told).fetchall() == [("the chief's panel",)], "an administrator's own trace stays"


def test_the_service_cannot_clean_the_traces_of_somebody_who_is_there(admin: Conn) -> None:
    for person in (ADMINISTRATOR, str(UUID(int=1))):
        with pytest.raises(errors.RestrictViolation, match="is not erased"):
            admin.execute("SELECT auth_schema.forget_addresses_of(%s, '{}')", (person,))
