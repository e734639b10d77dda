"""The only reader of `queries_pages_office.sql`: one typed function a query."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.raffle.models import RaffleFilter, RaffleSummary

_SQL = load_sql("gasolinera.raffle", "queries_pages_office.sql")
_LIST_FOR_OFFICE = _SQL["list_for_office"]
_OFFICE_FACTS = _SQL["office_facts"]


class SortedRaffle(RaffleSummary, frozen=True, kw_only=True):
    """With its place in the list."""

    id: int
    sort_key: str


class OfficeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`winners`: how many there are by status. `now`: the database's clock."""

    kept_out_here: int
    kept_out_everywhere: int
    witnesses: int
    winners: Mapping[str, int]
    terms_versions: tuple[str, ...]
    now: datetime


async def list_for_office(
    conn: Connection, wanted: RaffleFilter, *, by: str, is_descending: bool, after: tuple[str, int] | None, limit: int
) -> list[SortedRaffle]:
    key, row = (None, None) if after is None else after
    statuses = None if wanted.statuses is None else list(wanted.statuses)
    return await fetch_all(
        conn,
        SortedRaffle,
        _LIST_FOR_OFFICE,
        statuses,
        wanted.raffle_type,
        wanted.text,
        by,
        is_descending,
        key,
        row,
        limit,
    )


async def office_facts(conn: Connection, code: str) -> OfficeFacts | None:
    return await fetch_optional(conn, OfficeFacts, _OFFICE_FACTS, code)
