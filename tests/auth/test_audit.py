"""Searching the log, and what everybody sees of the own account."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from gasolinera.config import Settings
from gasolinera.permissions import Role
from tests.auth.administrators import ADMINISTRATOR, CHIEF, bearer, headers
from tests.auth.journeys import ANA, Client, Conn, good, log_in, problem

Search = Callable[..., Any]


@pytest.fixture
def search(client: Client, settings: Settings) -> Search:
    shown = headers(settings)

    def searched(**query: Any) -> Any:
        return client.get(f"/api/auth/audit?{urlencode(query)}", headers=shown)

    return searched


@pytest.fixture
def filled(admin: Conn) -> None:
    """25 entries of Ana over 25 hours, four of a moment; from two addresses and in two requests."""
    admin.execute(
        "INSERT INTO auth_schema.auth_audit_log (event_type, user_id, ip_address, correlation_id, actor, created_at)"
        " SELECT CASE WHEN mod(n, 5) = 0 THEN 'LOGOUT' ELSE 'TOKEN_REFRESHED' END, %s::uuid,"
        " CASE WHEN mod(n, 2) = 0 THEN inet '203.0.113.7' ELSE inet '2001:db8::1' END,"
        " 'request-' || mod(n, 2), CASE WHEN n = 1 THEN %s ELSE %s END,"
        " date_trunc('minute', now()) - interval '1 hour' * greatest(n, 4)"
        " FROM generate_series(1, 25) AS n",
        (ANA, ADMINISTRATOR, ANA),
    )


@pytest.mark.usefixtures("filled")
def test_the_log_is_found_by_user_kind_address_and_request(search: Search) -> None:
    def count(**query: Any) -> int:
        return len([one for one in good(search(limit=100, **query))["items"] if one["user_id"] == ANA])

    start = (datetime.now(UTC) - timedelta(days=3)).isoformat()
    base = {"user_id": ANA, "since": start}
    assert count(**base, event_type="LOGOUT", correlation_id="request-0") == 2
    assert count(**base, event_type="LOGOUT", ip="203.0.113.7") == 2
    assert count(since=start, ip="2001:db8:0:0::1") == 13
    assert count(correlation_id="request-1") == 13
    assert count(since=start, until=(datetime.now(UTC) - timedelta(hours=20)).isoformat(), ip="203.0.113.7") == 3


@pytest.mark.usefixtures("filled")
def test_pages_give_every_entry_once_newest_first_though_some_share_a_moment(search: Search) -> None:
    seen: list[tuple[str, int]] = []
    query: dict[str, Any] = {"correlation_id": "request-1", "limit": 2}
    while True:
        page = good(search(**query))
        seen += [(one["created_at"], one["id"]) for one in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert (len(seen), seen) == (13, sorted(set(seen), reverse=True))


def test_wrong_questions_are_said_so(search: Search) -> None:
    for query in (
        {"since": "2026-01-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
        {"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "9999-12-31T23:59:59-14:00"},
        {"since": "2026-11-01T00:00:00"},
        {"ip": "1.2.3"},
        {"event_type": "x"},
        {"user_id": "me"},
        {"cursor": "AAAA"},
        {"limit": 0},
    ):
        assert search(**query).status_code in (400, 422), query


def test_only_administrators_read_the_log_of_others(client: Client, settings: Settings) -> None:
    weak = client.get("/api/auth/audit", headers=headers(settings, second_factor=False))
    assert problem(weak) == (403, "auth.second_factor_needed")
    chief = client.get("/api/auth/audit", headers=headers(settings, CHIEF, role=Role.STATION_ADMIN))
    assert problem(chief) == (403, "auth.not_permitted")


@pytest.mark.usefixtures("filled")
def test_everybody_sees_the_own_log_and_not_where_an_administrator_was(client: Client, admin: Conn) -> None:
    shown = bearer(log_in(client, admin)["access_token"])
    items = good(client.get("/api/auth/audit/mine?limit=100", headers=shown))["items"]
    assert items[0]["event_type"] in ("TOKEN_ISSUED", "LOGIN_SUCCEEDED", "OTP_VERIFIED")
    assert [(one["ip_address"], one["user_agent"]) for one in items if not one["by_you"]] == [(None, None)]
    assert len([one for one in items if one["event_type"] == "LOGOUT"]) >= 5
    luis = bearer(log_in(client, admin, "+525551000052")["access_token"])
    others = good(client.get("/api/auth/audit/mine?limit=100", headers=luis))["items"]
    assert not [one for one in others if one["event_type"] == "LOGOUT"]
