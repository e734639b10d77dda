"""The auth schema's users, its log and its secrets: what is refused, what is written down, what nobody may read."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.auth_rows import ADMINISTRATOR, ANA, LOCKED, LUIS, PHONE, insert, new_user, refused_by, set_user
from tests.schema.catalog import BY_NAME, SOURCE, Conn
from tests.schema.races import second_of_two

Connect = Callable[[str], Conn]

AUTH = BY_NAME["auth"]


# Users


def test_active_users_are_those_not_deactivated(admin: Conn) -> None:
    shown = set(catalog.texts(admin, "SELECT phone_number FROM auth_schema.active_users"))
    everybody = set(catalog.texts(admin, "SELECT phone_number FROM auth_schema.users"))
    assert everybody - shown == {"+525551000071"}


@pytest.mark.parametrize(
    "phone",
    ["5255500001", "+05255500001", "+52 55 5000 01", "+52", "+5255500001234567", "+52555000a1", "", "+525550000001\n"],
)
def test_a_phone_number_is_strict_e164(as_role: Connect, phone: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        new_user(as_role("auth_app"), phone_number=phone)
    assert refused_by(refused) == "users_phone_number_check"


@pytest.mark.parametrize("phone", ["+50688881111", "+12025550123", "+525599990002"])
def test_phone_numbers_of_several_countries_are_accepted(as_role: Connect, phone: str) -> None:
    assert new_user(as_role("auth_app"), phone_number=phone) > 0


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"email": "nobody"}, "users_email_check"),
        ({"email": "a@b"}, "users_email_check"),
        ({"email": "a b@example.com"}, "users_email_check"),
        ({"role": "ADMIN"}, "users_role_check"),
        ({"preferred_language": "fr"}, "users_preferred_language_check"),
        ({"first_name": " "}, "users_first_name_check"),
        ({"last_name": "x" * 101}, "users_last_name_check"),
        ({"failed_login_attempts": 6}, "users_failed_login_attempts_check"),
        ({"failed_login_attempts": 5}, "users_lockout_check"),
        ({"terms_version": None}, "users_terms_check"),
        ({"metadata": "[]"}, "users_metadata_check"),
        ({"second_factor_enabled_at": "2026-11-01"}, "users_second_factor_check"),
        ({"second_factor_secret": bytes(64)}, "users_second_factor_check"),
        ({"first_name": None}, "users_erasure_check"),
        ({"phone_number": None}, "users_erasure_check"),
    ],
)
def test_a_user_with_a_wrong_value_is_refused(as_role: Connect, values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        new_user(as_role("auth_app"), **values)
    assert refused_by(refused) == constraint


def test_two_registrations_of_one_phone_at_once_make_one_user(admin: Conn, as_role: Connect) -> None:
    error = second_of_two(admin, as_role("auth_app"), as_role("auth_app"), new_user)
    assert isinstance(error, errors.UniqueViolation)
    assert error.diag.constraint_name == "users_phone_number_key"


def erase(conn: Conn, user: str, **values: object) -> None:
    nothing = dict.fromkeys(("phone_number", "first_name", "last_name", "email"), None)
    set_user(conn, user, **{**nothing, "is_active": False, "metadata": "{}", "erased_at": "2026-11-20", **values})


@pytest.mark.parametrize(
    "kept", [{"first_name": "Ana"}, {"email": "a@example.com"}, {"is_active": True}, {"metadata": '{"plate": "X"}'}]
)
def test_erasure_leaves_nothing_personal_and_nobody_active(as_role: Connect, kept: dict[str, Any]) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        erase(as_role("auth_app"), ANA, **kept)
    assert refused_by(refused) == "users_erasure_check"


def test_an_erased_phone_registers_again_as_a_new_person(as_role: Connect) -> None:
    conn = as_role("auth_app")
    phone = catalog.texts(conn, "SELECT phone_number FROM auth_schema.users WHERE public_id = %s", ANA)[0]
    erase(conn, ANA)
    user = new_user(conn, phone_number=phone)
    assert catalog.texts(conn, "SELECT public_id FROM auth_schema.users WHERE id = %s", user) != [ANA]
    assert catalog.number(conn, "SELECT count(*) FROM auth_schema.users WHERE public_id = %s", ANA) == 1


def test_erasure_is_never_undone_and_a_reference_never_changes(admin: Conn, as_role: Connect) -> None:
    conn = as_role("auth_app")
    erase(conn, ANA)
    with pytest.raises(errors.RestrictViolation):
        set_user(conn, ANA, erased_at=None, phone_number=PHONE, first_name="Ana", last_name="García")
    with pytest.raises(errors.RestrictViolation):
        set_user(admin, LUIS, public_id="b0000000-0000-4000-8000-000000000001")


def test_the_service_cannot_delete_a_user(as_role: Connect) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("auth_app").execute("DELETE FROM auth_schema.users")


# The audit log


def events(conn: Conn, user: str) -> list[str]:
    return catalog.texts(
        conn,
        "SELECT event_type FROM auth_schema.auth_audit_log WHERE user_id = %s AND event_type <> 'ACCOUNT_CREATED'"
        " ORDER BY id",
        user,
    )


def test_a_change_of_role_is_logged_with_who_did_it_and_in_which_request(as_role: Connect) -> None:
    conn = as_role("auth_app")
    with conn.transaction():
        for name, value in (
            ("actor", ADMINISTRATOR), ("correlation_id", "c-1"), ("ip_address", "192.0.2.7"), ("user_agent", "test"),
        ):  # fmt: skip
            conn.execute("SELECT set_config(%s, %s, true)", (f"gasolinera.{name}", value))
        set_user(conn, ANA, role="EMPLOYEE")
    logged = catalog.rows(
        conn,
        """
        SELECT old_values ->> 'role', new_values ->> 'role', actor, correlation_id, host(ip_address), user_agent
          FROM auth_schema.auth_audit_log WHERE user_id = %s AND event_type = 'ROLE_CHANGED'
        """,
        ANA,
    )
    assert logged == [("CUSTOMER", "EMPLOYEE", ADMINISTRATOR, "c-1", "192.0.2.7", "test")]


def test_what_changes_an_account_is_logged_and_a_login_is_not(admin: Conn, as_role: Connect) -> None:
    conn = as_role("auth_app")
    set_user(conn, ANA, last_login_at="2026-11-20 12:00+00", failed_login_attempts=1)
    assert events(conn, ANA) == []
    later = catalog.rows(conn, "SELECT now() + interval '30 minutes'")[0][0]
    set_user(conn, ANA, failed_login_attempts=5, locked_until=later)
    set_user(conn, ANA, failed_login_attempts=0, locked_until=None)
    set_user(conn, ANA, phone_number=PHONE)
    set_user(conn, ANA, second_factor_secret=bytes(64), second_factor_key_id=1, second_factor_enabled_at="2026-11-20")
    set_user(conn, ANA, is_active=False)
    set_user(conn, ANA, is_active=True)
    assert events(conn, ANA) == [
        "ACCOUNT_LOCKED", "ACCOUNT_UNLOCKED", "PHONE_CHANGED", "SECOND_FACTOR_ENABLED", "ACCOUNT_DEACTIVATED",
        "ACCOUNT_ACTIVATED",
    ]  # fmt: skip
    # No personal data got into it.
    assert catalog.number(
        admin, "SELECT count(*) FROM auth_schema.auth_audit_log AS l WHERE l::text LIKE '%%' || %s || '%%'", PHONE
    ) == 0  # fmt: skip


def test_one_statement_over_many_users_logs_each_of_them(admin: Conn) -> None:
    changed = admin.execute("UPDATE auth_schema.users SET is_active = false WHERE role = 'EMPLOYEE'").rowcount
    assert changed == 24
    logged = "SELECT count(*) FROM auth_schema.auth_audit_log WHERE event_type = 'ACCOUNT_DEACTIVATED'"
    assert catalog.number(admin, logged) == 24


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auth_schema.auth_audit_log SET actor = 'nobody'",
        "DELETE FROM auth_schema.auth_audit_log",
        "TRUNCATE auth_schema.auth_audit_log",
    ],
)
def test_the_log_is_append_only(admin: Conn, as_role: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("auth_app").execute(statement.encode())
    with pytest.raises(errors.RestrictViolation):
        admin.execute(statement.encode())


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"event_type": "SOMETHING"}, "auth_audit_log_event_type_check"),
        ({"event_type": "OTP_FAILED", "phone_hash": b"+525550000001"}, "auth_audit_log_phone_hash_check"),
        ({"event_type": "LOGOUT", "old_values": "[1]"}, "auth_audit_log_values_check"),
    ],
)
def test_an_event_with_a_wrong_value_is_refused(as_role: Connect, values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        insert(as_role("auth_app"), "auth_audit_log", **values)
    assert refused_by(refused) == constraint


# Secrets


@pytest.mark.parametrize(
    "column",
    [
        "users.phone_number", "users.first_name", "users.last_name", "users.email", "users.second_factor_secret",
        "users.metadata", "users.last_login_at", "active_users.phone_number", "otp_sessions.code_hash",
        "otp_sessions.session_token_hash", "otp_sessions.phone_number", "otp_sessions.ip_address",
        "otp_rate_limits.subject", "refresh_tokens.token_hash", "refresh_tokens.device_name",
        "auth_audit_log.phone_hash", "auth_audit_log.ip_address", "auth_audit_log.user_agent",
    ],
)  # fmt: skip
def test_the_reading_role_reads_neither_secrets_nor_persons(as_role: Connect, column: str) -> None:
    table, name = column.split(".")
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("auth_ro").execute(f"SELECT {name} FROM auth_schema.{table}".encode())


def test_the_reading_role_counts_users_by_role(as_role: Connect) -> None:
    counted = catalog.rows(
        as_role("auth_ro"), "SELECT role, count(*) FROM auth_schema.users GROUP BY role ORDER BY role"
    )
    assert counted == [("CUSTOMER", 14), ("EMPLOYEE", 24), ("STATION_ADMIN", 3), ("SYSTEM_ADMIN", 1)]


def test_every_column_of_a_person_says_so(admin: Conn) -> None:
    personal = {
        "users": {"phone_number", "first_name", "last_name", "email", "second_factor_secret", "last_login_at"},
        "otp_sessions": {"phone_number", "ip_address", "user_agent"},
        "otp_rate_limits": {"subject"},
        "refresh_tokens": {"device_id", "device_name", "ip_address", "user_agent"},
        "auth_audit_log": {"ip_address", "user_agent"},
    }
    for table, columns in personal.items():
        marked = catalog.texts(
            admin,
            """
            SELECT attname FROM pg_attribute
             WHERE attrelid = %s::regclass AND attnum > 0
               AND col_description(attrelid, attnum) LIKE 'Personal data:%%'
            """,
            f"auth_schema.{table}",
        )
        assert set(marked) == columns, table


# The rules of production


def test_an_administrator_logs_in_with_a_second_factor_only(production: Conn) -> None:
    new_user(production, public_id=ADMINISTRATOR, role="SYSTEM_ADMIN", phone_verified_at="2026-11-01")
    with pytest.raises(errors.CheckViolation) as refused:
        set_user(production, ADMINISTRATOR, last_login_at="2026-11-20")
    assert refused_by(refused) == "users_administrator_second_factor_check"
    set_user(
        production,
        ADMINISTRATOR,
        second_factor_secret=bytes(64),
        second_factor_key_id=1,
        second_factor_enabled_at="2026-11-20",
        last_login_at="2026-11-20",
    )


def test_who_logs_in_without_a_second_factor_becomes_no_administrator(as_role: Connect) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        set_user(as_role("auth_app"), ANA, role="STATION_ADMIN")
    assert refused_by(refused) == "users_administrator_second_factor_check"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"terms_version": None, "terms_accepted_at": None}, "users_customer_terms_check"),
        ({"age_confirmed_at": None}, "users_customer_terms_check"),
        ({"last_login_at": "2026-11-20"}, "users_verified_login_check"),
        ({"second_factor_secret": bytes(20), "second_factor_key_id": 1}, "users_second_factor_encrypted_check"),
    ],
)
def test_production_refuses_what_development_allows(production: Conn, values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        new_user(production, **values)
    assert refused_by(refused) == constraint


def test_production_starts_without_users(production: Conn) -> None:
    assert catalog.number(production, "SELECT count(*) FROM auth_schema.users") == 0


# Sample data


def test_the_sample_users_are_those_the_other_services_refer_to(admin: Conn) -> None:
    found = catalog.rows(
        admin,
        """
        SELECT right(public_id::text, 2)::integer, right(phone_number, 10) FROM auth_schema.users
         WHERE public_id::text LIKE 'a0000000-0000-4000-8000-0000000000__' ORDER BY 1
        """,
    )
    numbers = [1, 11, 12, 13, *range(21, 45), *range(51, 63), 70, 71]
    assert found == [(n, f"{5550000000 + n if n < 50 else 5551000000 + n}") for n in numbers]
    state = "SELECT failed_login_attempts, locked_until > now() FROM auth_schema.users WHERE public_id = %s"
    assert catalog.rows(admin, state, LOCKED) == [(5, True)]


def test_loading_the_sample_data_again_logs_nothing(admin: Conn) -> None:
    counts = [
        (
            catalog.number(admin, "SELECT count(*) FROM auth_schema.users"),
            catalog.number(admin, "SELECT count(*) FROM auth_schema.refresh_tokens"),
            catalog.number(admin, "SELECT count(*) FROM auth_schema.auth_audit_log"),
        )
    ]
    catalog.apply(admin, AUTH, SOURCE / "auth" / "sample_data" / "R__90_sample_data.sql")
    counts.append(
        (
            catalog.number(admin, "SELECT count(*) FROM auth_schema.users"),
            catalog.number(admin, "SELECT count(*) FROM auth_schema.refresh_tokens"),
            catalog.number(admin, "SELECT count(*) FROM auth_schema.auth_audit_log"),
        )
    )
    assert counts == [(42, 2, 42)] * 2
