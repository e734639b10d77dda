"""What the service itself may not do in auth_schema: revive what has ended, back-date, write what did not happen."""

from collections.abc import Callable

import pytest
from psycopg import errors, sql
from tests.schema import catalog
from tests.schema.auth_rows import ANA, PHONE, insert, new_user, refused_by
from tests.schema.catalog import Conn

Connect = Callable[[str], Conn]

WINDOW = {"scope": "PHONE", "subject": PHONE, "window_s": 3600, "max_requests": 10}


def changed(conn: Conn, table: str, row: int, change: str) -> None:
    assert conn.execute(f"UPDATE auth_schema.{table} SET {change} WHERE id = {row}".encode()).rowcount == 1


def code(admin: Conn, age: str = "0 s") -> int:
    """An open session for a code of five minutes."""
    return catalog.number(
        admin,
        """
        INSERT INTO auth_schema.otp_sessions
            (session_token_hash, phone_number, purpose, code_hash, pepper_id, created_at, expires_at)
        SELECT sha256('session'), %s, 'LOGIN', sha256('code'), 1, t.at, t.at + interval '5 minutes'
          FROM (SELECT now() - %s::interval) AS t (at) RETURNING id
        """,
        PHONE,
        age,
    )


def token(admin: Conn, age: str = "0 s") -> int:
    """A live refresh token of seven days."""
    return catalog.number(
        admin,
        """
        INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, issued_at, expires_at, family_expires_at)
        SELECT u.id, sha256('token'), t.at, t.at + interval '7 days', t.at + interval '30 days'
          FROM auth_schema.users AS u, (SELECT now() - %s::interval) AS t (at) WHERE u.public_id = %s RETURNING id
        """,
        age,
        ANA,
    )


# What has ended


@pytest.mark.parametrize(
    ("ended", "revived"),
    [
        ("attempts = 3", "attempts = 2"),
        ("attempts = 1, consumed_at = now()", "consumed_at = NULL, attempts = 0"),
        ("attempts = 1, consumed_at = now()", "consumed_at = NULL"),
        ("attempts = 1, consumed_at = now()", "consumed_at = consumed_at + interval '1 second'"),
        ("voided_at = now(), void_reason = 'SUPERSEDED'", "voided_at = NULL, void_reason = NULL"),
        ("voided_at = now(), void_reason = 'SUPERSEDED'", "void_reason = 'EXPIRED'"),
    ],
)
def test_a_code_that_has_ended_is_not_revived(admin: Conn, as_role: Connect, ended: str, revived: str) -> None:
    session, conn = code(admin), as_role("auth_app")
    changed(conn, "otp_sessions", session, ended)
    for who in (conn, admin):
        with pytest.raises(errors.RestrictViolation) as refused:
            changed(who, "otp_sessions", session, revived)
        assert refused_by(refused) == "otp_sessions_final"


def test_an_expired_code_is_not_consumed_at_an_earlier_time(admin: Conn, as_role: Connect) -> None:
    session = code(admin, "6 minutes")
    with pytest.raises(errors.RestrictViolation) as refused:
        changed(as_role("auth_app"), "otp_sessions", session, "attempts = 1, consumed_at = created_at")
    assert refused_by(refused) == "otp_sessions_final"
    changed(as_role("auth_app"), "otp_sessions", session, "voided_at = now(), void_reason = 'EXPIRED'")


@pytest.mark.parametrize(
    ("ended", "revived"),
    [
        ("used_at = now()", "used_at = NULL"),
        ("used_at = now()", "used_at = used_at + interval '1 second'"),
        ("revoked_at = now(), revoke_reason = 'LOGOUT'", "revoked_at = NULL, revoke_reason = NULL"),
        ("revoked_at = now(), revoke_reason = 'LOGOUT'", "revoke_reason = 'REUSED'"),
        ("revoked_at = now(), revoke_reason = 'LOGOUT'", "used_at = now()"),
        (
            "used_at = now(), revoked_at = now(), revoke_reason = 'LOGOUT'",
            "used_at = NULL, revoked_at = NULL, revoke_reason = NULL",
        ),
    ],
)
def test_a_session_that_has_ended_is_not_revived(admin: Conn, as_role: Connect, ended: str, revived: str) -> None:
    row, conn = token(admin), as_role("auth_app")
    changed(conn, "refresh_tokens", row, ended)
    for who in (conn, admin):
        with pytest.raises(errors.RestrictViolation) as refused:
            changed(who, "refresh_tokens", row, revived)
        assert refused_by(refused) == "refresh_tokens_final"


def test_a_used_token_is_revoked_with_its_family(admin: Conn, as_role: Connect) -> None:
    row, conn = token(admin), as_role("auth_app")
    changed(conn, "refresh_tokens", row, "used_at = now()")
    changed(conn, "refresh_tokens", row, "revoked_at = now(), revoke_reason = 'REUSED'")


def test_an_expired_token_is_not_used_at_an_earlier_time(admin: Conn, as_role: Connect) -> None:
    row = token(admin, "8 days")
    with pytest.raises(errors.RestrictViolation) as refused:
        changed(as_role("auth_app"), "refresh_tokens", row, "used_at = issued_at")
    assert refused_by(refused) == "refresh_tokens_final"


# Limits


def test_a_window_counts_up_only_and_remembers_when(admin: Conn, as_role: Connect) -> None:
    start = catalog.rows(admin, "SELECT date_trunc('hour', now(), 'UTC')")[0][0]
    conn = as_role("auth_app")
    insert(conn, "otp_rate_limits", window_start=start, **WINDOW)
    conn.execute("UPDATE auth_schema.otp_rate_limits SET request_count = 5")
    with pytest.raises(errors.RestrictViolation) as refused:
        conn.execute("UPDATE auth_schema.otp_rate_limits SET request_count = 4")
    assert refused_by(refused) == "otp_rate_limits_final"
    late = "SELECT count(*) FROM auth_schema.otp_rate_limits WHERE updated_at > now() - interval '1 minute'"
    assert catalog.number(conn, late) == 1


def test_a_window_is_deleted_when_it_is_over_and_not_before(admin: Conn, as_role: Connect) -> None:
    now, past = catalog.rows(
        admin, "SELECT date_trunc('hour', now(), 'UTC'), date_trunc('hour', now(), 'UTC') - interval '1 hour'"
    )[0]
    conn = as_role("auth_app")
    for start in (now, past):
        insert(conn, "otp_rate_limits", window_start=start, **WINDOW)
    delete = "DELETE FROM auth_schema.otp_rate_limits WHERE window_start = %s"
    with pytest.raises(errors.RestrictViolation) as refused:
        conn.execute(delete, (now,))
    assert refused_by(refused) == "otp_rate_limits_open"
    assert conn.execute(delete, (past,)).rowcount == 1


# What the database itself writes down


@pytest.mark.parametrize(
    "column",
    [
        "users.public_id", "users.erased_at", "users.created_at", "users.updated_at",
        "otp_sessions.attempts", "otp_sessions.consumed_at", "otp_sessions.created_at", "otp_sessions.ip_address",
        "otp_rate_limits.request_count", "refresh_tokens.issued_at", "refresh_tokens.created_at",
        "refresh_tokens.used_at", "refresh_tokens.revoked_at", "refresh_tokens.user_agent",
    ],
)  # fmt: skip
def test_the_service_does_not_choose_when_a_row_began_or_who_asked(as_role: Connect, column: str) -> None:
    table, name = column.split(".")
    statement = sql.SQL("INSERT INTO {} ({}) VALUES (NULL)").format(
        sql.Identifier("auth_schema", table), sql.Identifier(name)
    )
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("auth_app").execute(statement)


# The log

FORGED = [
    "ACCOUNT_CREATED", "ACCOUNT_ACTIVATED", "ACCOUNT_DEACTIVATED", "ACCOUNT_LOCKED", "ACCOUNT_UNLOCKED",
    "ACCOUNT_ERASED", "ROLE_CHANGED", "PHONE_CHANGED", "SECOND_FACTOR_ENABLED", "SECOND_FACTOR_DISABLED",
]  # fmt: skip


@pytest.mark.parametrize("column", ["id", "actor", "correlation_id", "ip_address", "user_agent", "created_at"])
def test_the_service_writes_an_event_as_itself_and_now(as_role: Connect, column: str) -> None:
    conn = as_role("auth_app")
    assert insert(conn, "auth_audit_log", event_type="LOGIN_SUCCEEDED", user_id=ANA) > 0
    with pytest.raises(errors.InsufficientPrivilege):
        conn.execute(
            sql.SQL("INSERT INTO auth_schema.auth_audit_log (event_type, {}) VALUES ('LOGOUT', DEFAULT)").format(
                sql.Identifier(column)
            )
        )


def test_the_service_does_not_forge_what_the_change_of_an_account_writes(as_role: Connect) -> None:
    conn = as_role("auth_app")
    for event in FORGED:
        with pytest.raises(errors.RestrictViolation) as refused:
            insert(conn, "auth_audit_log", event_type=event, user_id=ANA)
        assert refused_by(refused) == "auth_audit_log_not_forged"


# Names


@pytest.mark.parametrize("name", ["\u00a0", "\u200b", "\u2060\ufeff", "\u3164", "\u2800", "\u00ad", "\t", "\U000e0020"])
def test_a_name_that_nobody_sees_is_none(as_role: Connect, name: str) -> None:
    for column in ("first_name", "last_name"):
        with pytest.raises(errors.CheckViolation) as refused:
            new_user(as_role("auth_app"), **{column: name})
        assert refused_by(refused) == f"users_{column}_check"


@pytest.mark.parametrize("name", ["Ñ", "李", "José\u00a0María", "O'Neil", "Ana-Sofía", "Мария", "محمد"])
def test_names_of_people_are_names(as_role: Connect, name: str) -> None:
    assert new_user(as_role("auth_app"), first_name=name) > 0
