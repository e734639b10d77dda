"""The only reader of `queries_statistics.sql`: one typed function a query."""

from typing import Final

from gasolinera.auth.models_administration import LoginStatistics, Summary, UserStatistics
from gasolinera.database import Connection, fetch_all, fetch_one, load_sql

_SQL = load_sql("gasolinera.auth", "queries_statistics.sql")
_REFRESH = _SQL["refresh_statistics"]
_GET_SUMMARY = _SQL["get_summary"]
_LIST_USER_STATISTICS = _SQL["list_user_statistics"]
_LIST_LOGIN_STATISTICS = _SQL["list_login_statistics"]
_FORGET: Final = {
    "codes": _SQL["forget_codes"],
    "windows of limits": _SQL["forget_windows"],
    "refresh tokens": _SQL["forget_tokens"],
    "failures of phones without account": _SQL["forget_lockouts"],
    "messages of the development inbox": _SQL["forget_messages"],
}
FORGETTABLE: Final = tuple(_FORGET)


async def refresh_statistics(conn: Connection) -> None:
    await conn.execute(_REFRESH)


async def get_summary(conn: Connection) -> Summary:
    return await fetch_one(conn, Summary, _GET_SUMMARY)


async def list_user_statistics(conn: Connection) -> list[UserStatistics]:
    return await fetch_all(conn, UserStatistics, _LIST_USER_STATISTICS)


async def list_login_statistics(conn: Connection) -> list[LoginStatistics]:
    return await fetch_all(conn, LoginStatistics, _LIST_LOGIN_STATISTICS)


async def forget(conn: Connection, what: str, limit: int) -> int:
    """`what` is one of FORGETTABLE; gives how many rows are gone."""
    return int((await conn.execute(_FORGET[what], limit)).removeprefix("DELETE "))
