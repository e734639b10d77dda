"""The only reader of `queries_pages_office.sql`: one typed function a query."""

import msgspec

from gasolinera.ads.models_analytics import AdBudget
from gasolinera.database import Connection, fetch_all, fetch_one, load_sql

_SQL = load_sql("gasolinera.ads", "queries_pages_office.sql")
_LIST_FOR_OFFICE = _SQL["list_for_office"]
_WAITING_COUNTS = _SQL["waiting_counts"]


class SortedCampaign(AdBudget, frozen=True, kw_only=True):
    """With its place in the list."""

    sort_key: str


class Waiting(msgspec.Struct, frozen=True):
    advertisements: int
    views: int


async def list_for_office(
    conn: Connection,
    *,
    status: str | None,
    advertiser_code: str | None,
    text: str | None,
    by: str,
    is_descending: bool,
    after: tuple[str, str] | None,
    limit: int,
) -> list[SortedCampaign]:
    key, code = (None, None) if after is None else after
    return await fetch_all(
        conn, SortedCampaign, _LIST_FOR_OFFICE, status, advertiser_code, text, by, is_descending, key, code, limit
    )


async def waiting_counts(conn: Connection) -> Waiting:
    return await fetch_one(conn, Waiting, _WAITING_COUNTS)
