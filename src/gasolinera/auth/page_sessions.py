"""Who looks at a page: the session's cookie names a live refresh token, which is looked up and never rotated."""

import hashlib

from gasolinera.database import Connection, fetch_optional, load_sql
from gasolinera.permissions import Caller

_FIND = load_sql("gasolinera.auth", "queries_pages.sql")["find_page_session"]
_MAX_TOKEN = 100


async def find_page_caller(conn: Connection, token: str) -> Caller | None:
    """None for a session that is unknown, over, ended, or of an account that is not active: all look the same."""
    if len(token) > _MAX_TOKEN or not token.isascii():
        return None
    return await fetch_optional(conn, Caller, _FIND, hashlib.sha256(token.encode()).digest())
