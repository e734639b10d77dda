"""Who looks at a page: the cookie names a live session of a browser, which is looked up and never rotated.

An app's refresh token opens no page, and what is in the cookie gives no access token.
"""

from gasolinera.database import Connection, fetch_optional, load_sql
from gasolinera.permissions import Caller

_SQL = load_sql("gasolinera.auth", "queries_pages.sql")
_FIND = _SQL["find_page_session"]
_END = _SQL["end_page_session"]


async def find_page_caller(conn: Connection, token_hash: bytes) -> Caller | None:
    """None for a session that is unknown, over, ended, or of an account that is not active: all look the same."""
    return await fetch_optional(conn, Caller, _FIND, token_hash)


async def end_page_session(conn: Connection, token_hash: bytes) -> None:
    """A logout, by what the browser holds: also where nobody could be told who that is. Again is no error."""
    await conn.execute(_END, token_hash)
