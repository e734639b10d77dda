"""Cookies of pages: the session, and the language that somebody chose.

The session's holds 256 random bits that name a session of pages. It is looked up for each page, so that a session that
was ended is over at once, and never rotated, since two tabs would rotate it at the same moment and look like a thief.
No script can read it; it ends after seven days, and gives no access token.
"""

import hashlib
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from gasolinera.config import Environment

LANGUAGE_COOKIE: Final = "language"
_SESSION: Final = "session"
_MAX_TOKEN: Final = 100
_OF_PROGRAMS: Final = ("/api/", "/static/", "/health/", "/metrics", "/openapi.json", "/.well-known/")
_LIFE_S: Final = 7 * 86_400
_YEAR_S: Final = 365 * 86_400


def session_cookie_name(environment: Environment) -> str:
    """The prefix makes browsers refuse a cookie that another host or an open connection has set (RFC 6265bis)."""
    return _SESSION if environment is Environment.DEVELOPMENT else f"__Host-{_SESSION}"


def session_cookie(token: str, environment: Environment) -> Cookie:
    return _cookie(session_cookie_name(environment), token, environment, max_age_s=_LIFE_S)


def ended_session_cookie(environment: Environment) -> Cookie:
    """Makes the browser forget it. The session itself is ended in the database."""
    return _cookie(session_cookie_name(environment), "", environment, max_age_s=0)


def language_cookie(language: str, environment: Environment) -> Cookie:
    return _cookie(LANGUAGE_COOKIE, language, environment, max_age_s=_YEAR_S)


def session_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    """What the browser shows; nobody has looked yet whether it is good."""
    return connection.cookies.get(session_cookie_name(connection.app.state["settings"].environment)) or None


def hash_session(token: str) -> bytes | None:
    """How a session is looked up; None for what no session of ours has."""
    if len(token) > _MAX_TOKEN or not token.isascii():
        return None
    return hashlib.sha256(token.encode()).digest()


def is_for_programs(path: str) -> bool:
    """Addresses that answer programs, whatever they accept and whatever cookie they show."""
    return path.startswith(_OF_PROGRAMS)


def _cookie(name: str, value: str, environment: Environment, *, max_age_s: int) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=max_age_s,
        path="/",
        secure=environment is not Environment.DEVELOPMENT,
        httponly=True,
        samesite="lax",
    )
