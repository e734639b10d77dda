"""Codes, limits and refresh tokens: each is good once, and that holds for two who try at once."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import errors
from tests.schema import catalog
from tests.schema.auth_rows import ANA, LUIS, PHONE, insert, refused_by
from tests.schema.catalog import Conn
from tests.schema.races import second_of_two

Connect = Callable[[str], Conn]


def ask_for_code(conn: Conn, token: int = 1, *, phone: str = PHONE, **values: Any) -> int:
    """Open a session for a code as the service does; `token` stands for the random session token."""
    filled = {
        "session_token_hash": bytes([token]) * 32,
        "phone_number": phone,
        "purpose": "LOGIN",
        "code_hash": bytes(32),
        "pepper_id": 1,
        "expires_at": catalog.rows(conn, "SELECT now() + interval '5 minutes'")[0][0],
    }
    return int(insert(conn, "otp_sessions", **{**filled, **values}))


# One-time codes


def test_asking_again_needs_the_open_code_voided_first(as_role: Connect) -> None:
    conn = as_role("auth_app")
    first = ask_for_code(conn, 1)
    with pytest.raises(errors.UniqueViolation) as refused:
        ask_for_code(conn, 2)
    assert refused_by(refused) == "otp_sessions_open_key"
    ask_for_code(conn, 3, purpose="REGISTRATION")  # another purpose is another code
    conn.execute(
        "UPDATE auth_schema.otp_sessions SET voided_at = now(), void_reason = 'SUPERSEDED' WHERE id = %s", (first,)
    )
    assert ask_for_code(conn, 4) > first


def test_two_requests_for_a_code_at_once_open_one_session(admin: Conn, as_role: Connect) -> None:
    tokens = iter((1, 2))
    error = second_of_two(
        admin, as_role("auth_app"), as_role("auth_app"), lambda conn: ask_for_code(conn, next(tokens))
    )
    assert isinstance(error, errors.UniqueViolation)
    assert error.diag.constraint_name == "otp_sessions_open_key"


TRY = "UPDATE auth_schema.otp_sessions SET attempts = attempts + 1 WHERE id = %s"


def test_a_fourth_try_is_refused(as_role: Connect) -> None:
    conn = as_role("auth_app")
    session = ask_for_code(conn)
    for _ in range(3):
        conn.execute(TRY, (session,))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(TRY, (session,))
    assert refused_by(refused) == "otp_sessions_attempts_check"


def test_parallel_guesses_share_the_three_tries(admin: Conn, as_role: Connect) -> None:
    session = ask_for_code(as_role("auth_app"))
    for _ in range(2):
        admin.execute(TRY, (session,))
    error = second_of_two(admin, as_role("auth_app"), as_role("auth_app"), lambda conn: conn.execute(TRY, (session,)))
    assert isinstance(error, errors.CheckViolation)
    assert error.diag.constraint_name == "otp_sessions_attempts_check"


@pytest.mark.parametrize(
    "change",
    [
        "consumed_at = now()",  # no try was counted
        "attempts = 1, consumed_at = expires_at",
        "attempts = 1, consumed_at = created_at - interval '1 second'",
    ],
)
def test_a_code_is_good_only_for_a_counted_try_in_its_time(as_role: Connect, change: str) -> None:
    conn = as_role("auth_app")
    session = ask_for_code(conn)
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(f"UPDATE auth_schema.otp_sessions SET {change} WHERE id = %s".encode(), (session,))
    assert refused_by(refused) == "otp_sessions_consumed_check"


def test_a_code_ends_in_one_way_only(as_role: Connect) -> None:
    conn = as_role("auth_app")
    session = ask_for_code(conn)
    conn.execute("UPDATE auth_schema.otp_sessions SET attempts = 1, consumed_at = now() WHERE id = %s", (session,))
    with pytest.raises(errors.CheckViolation) as refused:
        conn.execute(
            "UPDATE auth_schema.otp_sessions SET voided_at = now(), void_reason = 'EXPIRED' WHERE id = %s", (session,)
        )
    assert refused_by(refused) == "otp_sessions_voided_check"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"code_hash": b"123456"}, "otp_sessions_code_hash_check"),
        ({"session_token_hash": b"token"}, "otp_sessions_session_token_hash_check"),
        ({"purpose": "PASSWORD"}, "otp_sessions_purpose_check"),
        ({"purpose": "PHONE_CHANGE"}, "otp_sessions_phone_change_check"),
        ({"phone_number": "5550001"}, "otp_sessions_phone_number_check"),
        ({"attempts": -1}, "otp_sessions_attempts_check"),
        ({"channel": "CONSOLE"}, "otp_sessions_delivered_check"),
    ],
)
def test_a_session_with_a_wrong_value_is_refused(admin: Conn, values: dict[str, Any], constraint: str) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        ask_for_code(admin, **values)
    assert refused_by(refused) == constraint


def test_a_code_lives_five_minutes_and_no_more(as_role: Connect) -> None:
    conn = as_role("auth_app")
    too_late = catalog.rows(conn, "SELECT now() + interval '6 minutes'")[0][0]
    with pytest.raises(errors.CheckViolation) as refused:
        ask_for_code(conn, expires_at=too_late)
    assert refused_by(refused) == "otp_sessions_lifetime_check"


# Limits on asking for a code

# All limits of a request in one statement: the rows that come back are those that had room.
TAKE = """
    INSERT INTO auth_schema.otp_rate_limits AS t (scope, subject, window_s, window_start, max_requests)
    SELECT l.scope, l.subject, l.window_s, to_timestamp(l.window_s * 400000.0), l.max_requests
      FROM (VALUES ('IP', '192.0.2.7', 3600, 20), ('PHONE', %s, 3600, 10))
           AS l (scope, subject, window_s, max_requests)
     ORDER BY 1, 2, 3
    ON CONFLICT (scope, subject, window_s, window_start)
    DO UPDATE SET request_count = t.request_count + 1 WHERE t.request_count < t.max_requests
    RETURNING scope, window_s
"""


def test_the_eleventh_request_finds_no_room(as_role: Connect) -> None:
    conn = as_role("auth_app")
    room = [len(catalog.rows(conn, TAKE, PHONE)) for _ in range(11)]
    assert room == [2] * 10 + [1]
    # Another phone at the same address has its own ten, and the address still its rest of twenty.
    assert len(catalog.rows(conn, TAKE, "+525599990002")) == 2


def test_two_requests_for_the_last_place_get_it_once(admin: Conn, as_role: Connect) -> None:
    for _ in range(9):
        catalog.rows(admin, TAKE, PHONE)
    room: list[int] = []
    error = second_of_two(
        admin,
        as_role("auth_app"),
        as_role("auth_app"),
        lambda conn: room.append(len(catalog.rows(conn, TAKE, PHONE))),
    )
    assert error is None
    assert room == [2, 1]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"request_count": 11}, "otp_rate_limits_request_count_check"),
        ({"window_start": "2026-11-01 12:00:01+00"}, "otp_rate_limits_window_start_check"),
        ({"scope": "DEVICE"}, "otp_rate_limits_scope_check"),
    ],
)
def test_a_wrong_window_is_refused(admin: Conn, values: dict[str, Any], constraint: str) -> None:
    window = {
        "scope": "PHONE", "subject": PHONE, "window_s": 3600, "window_start": "2026-11-01 12:00+00", "max_requests": 10,
    }  # fmt: skip
    with pytest.raises(errors.CheckViolation) as refused:
        insert(admin, "otp_rate_limits", **{**window, **values})
    assert refused_by(refused) == constraint


# Refresh tokens


def log_in(conn: Conn, user: str = ANA) -> tuple[int, str]:
    """Start a family of tokens; (token, family)."""
    row = catalog.rows(
        conn,
        """
        INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at)
        SELECT id, sha256(gen_random_uuid()::text::bytea), now() + interval '7 days', now() + interval '30 days'
          FROM auth_schema.users WHERE public_id = %s RETURNING id, family_id
        """,
        user,
    )[0]
    return int(row[0]), str(row[1])


def use(conn: Conn, token: int) -> None:
    conn.execute("UPDATE auth_schema.refresh_tokens SET used_at = now() WHERE id = %s", (token,))


def succeed(conn: Conn, token: int, *, user: str = ANA) -> int:
    return catalog.number(
        conn,
        """
        INSERT INTO auth_schema.refresh_tokens
            (user_id, family_id, token_hash, rotated_from_id, expires_at, family_expires_at)
        SELECT u.id, t.family_id, sha256(gen_random_uuid()::text::bytea), t.id, now() + interval '7 days',
               t.family_expires_at
          FROM auth_schema.refresh_tokens AS t, auth_schema.users AS u
         WHERE t.id = %s AND u.public_id = %s RETURNING id
        """,
        token,
        user,
    )


def test_a_family_has_one_live_token(as_role: Connect) -> None:
    conn = as_role("auth_app")
    first, _ = log_in(conn)
    with pytest.raises(errors.UniqueViolation) as refused:
        succeed(conn, first)  # the first one was not marked used
    assert refused_by(refused) == "refresh_tokens_live_family_id_key"
    use(conn, first)
    assert succeed(conn, first) > first


def test_two_uses_of_one_token_at_once_make_one_successor(admin: Conn, as_role: Connect) -> None:
    token, family = log_in(as_role("auth_app"))

    def rotate(conn: Conn) -> None:
        with conn.transaction():
            use(conn, token)
            succeed(conn, token)

    error = second_of_two(admin, as_role("auth_app"), as_role("auth_app"), rotate)
    assert isinstance(error, errors.RestrictViolation)
    assert error.diag.constraint_name == "refresh_tokens_final"
    count = "SELECT count(*) FROM auth_schema.refresh_tokens WHERE family_id = %s"
    assert catalog.number(admin, count, family) == 2


def test_a_token_that_was_rotated_is_not_rotated_again(as_role: Connect) -> None:
    conn = as_role("auth_app")
    first, _ = log_in(conn)
    use(conn, first)
    second = succeed(conn, first)
    use(conn, second)
    with pytest.raises(errors.UniqueViolation) as refused:
        succeed(conn, first)
    assert refused_by(refused) == "refresh_tokens_rotated_from_id_key"


def test_a_successor_belongs_to_the_same_user(as_role: Connect) -> None:
    conn = as_role("auth_app")
    token, _ = log_in(conn)
    use(conn, token)
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        succeed(conn, token, user=LUIS)
    assert refused_by(refused) == "refresh_tokens_rotated_from_id_fk"


def test_deleting_an_old_token_keeps_its_successor(as_role: Connect) -> None:
    conn = as_role("auth_app")
    old, family = log_in(conn)
    use(conn, old)
    successor = succeed(conn, old)
    conn.execute("DELETE FROM auth_schema.refresh_tokens WHERE id = %s", (old,))
    left = "SELECT id, rotated_from_id FROM auth_schema.refresh_tokens WHERE family_id = %s"
    assert catalog.rows(conn, left, family) == [(successor, None)]


@pytest.mark.parametrize(
    ("lives", "family_lives", "constraint"),
    [
        ("8 days", "30 days", "refresh_tokens_expires_at_check"),
        ("7 days", "6 days", "refresh_tokens_expires_at_check"),
        ("7 days", "91 days", "refresh_tokens_family_lifetime_check"),
    ],
)
def test_a_token_outlives_neither_seven_days_nor_its_family(
    as_role: Connect, lives: str, family_lives: str, constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        as_role("auth_app").execute(
            """
            INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at)
            SELECT id, sha256('x'), now() + %s::interval, now() + %s::interval
              FROM auth_schema.users WHERE public_id = %s
            """,
            (lives, family_lives, ANA),
        )
    assert refused_by(refused) == constraint


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE auth_schema.refresh_tokens SET token_hash = sha256('x')",
        "UPDATE auth_schema.refresh_tokens SET expires_at = now()",
        "UPDATE auth_schema.otp_sessions SET code_hash = sha256('x')",
        "UPDATE auth_schema.otp_sessions SET phone_number = '+525599990009'",
        "UPDATE auth_schema.otp_rate_limits SET max_requests = 1000",
        "UPDATE auth_schema.users SET created_at = now()",
        "UPDATE auth_schema.users SET public_id = gen_random_uuid()",
    ],
)
def test_the_service_cannot_change_what_a_code_or_a_token_is(as_role: Connect, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("auth_app").execute(statement.encode())
