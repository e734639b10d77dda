"""How many codes may be asked for, at the borders of minutes and hours too, and by whom."""

import pytest
from litestar.testing import TestClient

from gasolinera.config import Settings
from tests.applications import create_app
from tests.auth.journeys import (
    ANA_PHONE,
    STRANGER_PHONE,
    Client,
    Conn,
    good,
    let_a_minute_pass,
    let_pass,
    post,
    problem,
)


def ask(client: Client, phone: str = ANA_PHONE) -> tuple[int, int]:
    """Status, and seconds to wait."""
    answer = post(client, "/login/otp", {"phone_number": phone})
    return answer.status_code, int(answer.headers.get("retry-after", 0))


def test_a_second_code_within_a_minute_is_refused_and_counts_nothing(client: Client, admin: Conn) -> None:
    assert ask(client) == (202, 0)
    before = admin.execute("SELECT scope, window_s, request_count FROM auth_schema.otp_rate_limits").fetchall()
    status, wait_s = ask(client)
    assert status == 429
    assert 50 <= wait_s <= 60
    assert admin.execute("SELECT scope, window_s, request_count FROM auth_schema.otp_rate_limits").fetchall() == before
    last = admin.execute(
        "SELECT event_type, succeeded, reason FROM auth_schema.auth_audit_log ORDER BY id DESC LIMIT 1"
    ).fetchone()
    assert last == ("OTP_RATE_LIMITED", False, "LOGIN")


def test_a_new_minute_of_the_clock_does_not_shorten_the_minute_of_a_phone(client: Client, admin: Conn) -> None:
    assert ask(client) == (202, 0)
    admin.execute("UPDATE auth_schema.otp_rate_limits SET window_start = window_start - interval '1 hour'")
    assert ask(client)[0] == 429
    open_since(admin, 59)
    status, wait_s = ask(client)
    assert (status, wait_s) == (429, 1)
    open_since(admin, 60)
    assert ask(client)[0] == 202


def open_since(admin: Conn, seconds: int) -> None:
    admin.execute(
        "UPDATE auth_schema.otp_sessions SET created_at = now() - make_interval(secs => %s),"
        " expires_at = now() + interval '5 min' - make_interval(secs => %s) WHERE consumed_at IS NULL",
        (seconds, seconds),
    )


def test_the_eleventh_code_of_an_hour_is_refused_whatever_hour_the_clock_shows(client: Client, admin: Conn) -> None:
    for _ in range(10):
        assert ask(client)[0] == 202
        let_a_minute_pass(admin)
    status, wait_s = ask(client)
    assert status == 429
    assert 3600 - 11 * 61 <= wait_s <= 3600
    # The clock's next hour: the ten are still less than an hour old.
    admin.execute("UPDATE auth_schema.otp_rate_limits SET window_start = window_start - interval '1 hour'")
    assert ask(client)[0] == 429
    let_pass(admin, 1)
    assert ask(client)[0] == 202


def test_the_limits_of_a_phone_hold_for_every_purpose_together(client: Client) -> None:
    assert ask(client) == (202, 0)
    body = {"first_name": "A", "last_name": "B", "age_confirmed": True, "terms_version": "2026-01"}
    assert problem(post(client, "/register", body | {"phone_number": ANA_PHONE})) == (429, "code.too_many")


def full_window(admin: Conn, scope: str, subject: str, window_s: int, maximum: int) -> None:
    admin.execute(
        "INSERT INTO auth_schema.otp_rate_limits (scope, subject, window_s, window_start, request_count, max_requests)"
        " VALUES (%s, %s, %s, to_timestamp(floor(extract(epoch FROM now()) / %s) * %s), %s, %s)",
        (scope, subject, window_s, window_s, window_s, maximum, maximum),
    )


@pytest.mark.parametrize(("scope", "subject"), [("COUNTRY_PREFIX", "+52"), ("IP", "198.51.100.7")])
def test_a_country_and_an_address_have_limits_too(scope: str, subject: str, settings: Settings, admin: Conn) -> None:
    full_window(admin, scope, subject, 3600, 60)
    behind_proxy = settings.model_copy(update={"trusted_proxies": 1})
    with TestClient(create_app(behind_proxy)) as client:
        for address, status in (("198.51.100.7", 429), ("198.51.100.8", 429 if scope == "COUNTRY_PREFIX" else 202)):
            answer = client.post(
                "/api/auth/login/otp",
                json={"phone_number": ANA_PHONE},
                headers={"x-forwarded-for": address},
            )
            assert answer.status_code == status, (address, answer.text)


def test_phones_without_account_use_up_no_country_and_meet_its_limit(client: Client, admin: Conn) -> None:
    """What is not sent costs nobody anything; but an answer of its own would tell who has an account."""
    country = "SELECT request_count FROM auth_schema.otp_rate_limits WHERE scope = 'COUNTRY_PREFIX'"
    assert ask(client, STRANGER_PHONE)[0] == 202
    assert admin.execute(country).fetchall() == []
    assert ask(client)[0] == 202
    assert admin.execute(country).fetchall() == [(1,)]
    let_a_minute_pass(admin)
    admin.execute("UPDATE auth_schema.otp_rate_limits SET request_count = max_requests WHERE scope = 'COUNTRY_PREFIX'")
    assert ask(client, STRANGER_PHONE)[0] == ask(client)[0] == 429


def test_the_many_networks_of_one_customer_are_one_subject(settings: Settings, admin: Conn) -> None:
    full_window(admin, "IP", "2001:db8:7::/48", 3600, 60)
    with TestClient(create_app(settings.model_copy(update={"trusted_proxies": 1}))) as client:
        for address, status in (("2001:db8:7:1::1", 429), ("2001:db8:7:2::1", 429), ("2001:db8:8:1::1", 202)):
            answer = client.post(
                "/api/auth/login/otp", json={"phone_number": ANA_PHONE}, headers={"x-forwarded-for": address}
            )
            assert answer.status_code == status, (address, answer.text)


def test_other_phones_are_not_held_up(client: Client) -> None:
    assert ask(client) == (202, 0)
    assert good(post(client, "/login/otp", {"phone_number": "+525551000052"}), 202)
