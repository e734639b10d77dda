"""The only reader of `queries_published.sql`: one typed function a query."""

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.raffle.merkle import Tile
from gasolinera.raffle.models_draws import (
    MAX_GIVEN_UP,
    NO_EVIDENCE,
    ConsultedPage,
    EntryOpening,
    ExcludedEntry,
    FoundLeaf,
    ListedDraw,
    PublishedDraw,
    StoredOpening,
    StoredPosition,
)

_SQL = load_sql("gasolinera.raffle", "queries_published.sql")
_LIST_DRAWS = _SQL["list_draws"]
_GET_DRAW = _SQL["get_draw"]
_NEWEST_DRAW_OF = _SQL["newest_draw_of"]
_LIST_PAGES = _SQL["list_pages"]
_EXCLUDED_AFTER = _SQL["excluded_after"]
_FIND_LEAF = _SQL["find_leaf"]
_OPENING_OF = _SQL["opening_of"]
_TILES_OF = _SQL["tiles_of"]
_CONSULTED_AFTER = _SQL["consulted_after"]
_OPENINGS_AFTER = _SQL["openings_after"]
_POSITIONS_AFTER = _SQL["positions_after"]


async def list_draws(conn: Connection, *, before: int | None, limit: int) -> list[ListedDraw]:
    return await fetch_all(conn, ListedDraw, _LIST_DRAWS, before, limit, NO_EVIDENCE, MAX_GIVEN_UP)


async def get_draw(conn: Connection, draw_number: int) -> PublishedDraw | None:
    return await fetch_optional(conn, PublishedDraw, _GET_DRAW, draw_number, NO_EVIDENCE, MAX_GIVEN_UP)


async def newest_draw_of(conn: Connection, raffle_code: str) -> int | None:
    return await conn.fetchval(_NEWEST_DRAW_OF, raffle_code)


async def list_pages(conn: Connection, draw_number: int, *, first: int, end: int) -> list[bytes]:
    return [record["leaves"] for record in await conn.fetch(_LIST_PAGES, draw_number, first, end)]


async def excluded_after(conn: Connection, draw_number: int, *, after: bytes, limit: int) -> list[ExcludedEntry]:
    return await fetch_all(conn, ExcludedEntry, _EXCLUDED_AFTER, draw_number, after, limit)


async def find_leaf(conn: Connection, ticket_number: str) -> FoundLeaf | None:
    return await fetch_optional(conn, FoundLeaf, _FIND_LEAF, ticket_number)


async def opening_of(conn: Connection, entry_id: int, draw_number: int, index: int) -> EntryOpening:
    return await fetch_one(conn, EntryOpening, _OPENING_OF, entry_id, draw_number, index)


async def tiles_of(conn: Connection, draw_number: int) -> list[Tile]:
    return await fetch_all(conn, Tile, _TILES_OF, draw_number)


async def consulted_after(conn: Connection, draw_number: int, *, after: int, limit: int) -> list[ConsultedPage]:
    return await fetch_all(conn, ConsultedPage, _CONSULTED_AFTER, draw_number, after, limit)


async def openings_after(conn: Connection, draw_number: int, *, after: int, limit: int) -> list[StoredOpening]:
    return await fetch_all(conn, StoredOpening, _OPENINGS_AFTER, draw_number, after, limit)


async def positions_after(conn: Connection, draw_number: int, *, after: int, limit: int) -> list[StoredPosition]:
    return await fetch_all(conn, StoredPosition, _POSITIONS_AFTER, draw_number, after, limit)
