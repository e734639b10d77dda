"""How tests look at pages: sessions of sample people, and the tokens of forms."""

import hashlib
import re
from secrets import token_urlsafe
from typing import Any

import psycopg

from gasolinera.config import Environment
from gasolinera.web.cookies import session_cookie_name

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
ANA = "+525551000051"
LUIS = "+525551000052"
EMPLOYEE = "+525550000021"  # of JSM001
STATION_ADMIN = "+525550000011"  # of JSM001
ADMINISTRATOR = "+525550000001"
OTHER_EMPLOYEE = "+525550000027"


def session_of(admin: psycopg.Connection[Any], phone: str, *, second_factor: bool = True) -> str:
    """A live session as a login makes it; administrators' are confirmed with a second factor."""
    token = token_urlsafe(32)
    row = admin.execute(
        "INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at, second_factor_at,"
        " is_page_session)"
        " SELECT u.id, %s, now() + interval '6 days', now() + interval '29 days',"
        " CASE WHEN %s AND u.role IN ('STATION_ADMIN', 'SYSTEM_ADMIN') THEN now() END, true"
        " FROM auth_schema.users AS u WHERE u.phone_number = %s RETURNING 1",
        (hashlib.sha256(token.encode()).digest(), second_factor, phone),
    ).fetchone()
    assert row is not None, "there is no such sample person"
    return token


def cookie_of(
    admin: psycopg.Connection[Any],
    phone: str,
    environment: Environment = Environment.TEST,
    *,
    second_factor: bool = True,
) -> dict[str, str]:
    """For the cookies of a client."""
    return {session_cookie_name(environment): session_of(admin, phone, second_factor=second_factor)}


def token_in(page: str) -> str:
    """The token of the page's forms."""
    found = re.search(r'<meta name="form-token" content="([^"]+)"', page)
    assert found, page
    return found[1]
