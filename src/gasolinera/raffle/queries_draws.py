"""The only reader of `queries_draws.sql`: one typed function a query."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.raffle.leaves import SOURCES
from gasolinera.raffle.merkle import Tile
from gasolinera.raffle.models_draws import (
    ChainHead,
    ClosedRaffle,
    CountingDraw,
    DrawPrize,
    EntryTicket,
    ExcludedTotals,
    LockedRaffle,
    NewDraw,
    Page,
    PointedPage,
    RaffleTotals,
    WaitingDraw,
)

_SQL = load_sql("gasolinera.raffle", "queries_draws.sql")
_ROOM_FOR_MANY = _SQL["room_for_many"]
_LOCK_RAFFLE = _SQL["lock_raffle"]
_LOCK_CHAIN = _SQL["lock_chain"]
_READ_CLOCK = _SQL["read_clock"]
_CHAIN_HEAD = _SQL["chain_head"]
_PRIZES_OF = _SQL["prizes_of"]
_EXCLUDE_ENTRIES = _SQL["exclude_entries"]
_EXCLUDED_OF = _SQL["excluded_of"]
_TOTALS_OF = _SQL["totals_of"]
_OWNERS_LISTED = _SQL["owners_listed"]
_COPY_LIST = _SQL["copy_list"]
_COPY_LIST_OF_RANDOM = _SQL["copy_list_of_random"]
_INSERT_DRAW = _SQL["insert_draw"]
_COUNTING_DRAW = _SQL["counting_draw"]
_PAGES_OF_POINTS = _SQL["pages_of_points"]
_TICKETS_OF_ENTRIES = _SQL["tickets_of_entries"]
_BEGIN_DRAWING = _SQL["begin_drawing"]
_MARK_DRAWN = _SQL["mark_drawn"]
_INSERT_POSITIONS = _SQL["insert_positions"]
_INSERT_CONSULTED = _SQL["insert_consulted"]
_INSERT_WINNERS = _SQL["insert_winners"]
_COMPLETE_RAFFLE = _SQL["complete_raffle"]
_VOID_DRAW = _SQL["void_draw"]
_RAFFLES_TO_FREEZE = _SQL["raffles_to_freeze"]
_WAITING_DRAWS = _SQL["waiting_draws"]

_FREEZE_SETTINGS: Final = {"statement_timeout": "0", "work_mem": "128MB", "jit": "off"}


class NewPosition(msgspec.Struct, frozen=True, kw_only=True):
    draw_position: int
    block_number: int
    point: int
    leaf_index: int
    ticket: EntryTicket
    prize_id: int | None
    unit_number: int | None


async def make_room_for_many(conn: Connection) -> None:
    await conn.execute(_ROOM_FOR_MANY, list(_FREEZE_SETTINGS), list(_FREEZE_SETTINGS.values()))


async def lock_raffle(conn: Connection, raffle_code: str) -> LockedRaffle | None:
    return await fetch_optional(conn, LockedRaffle, _LOCK_RAFFLE, raffle_code)


async def lock_chain(conn: Connection) -> ChainHead | None:
    await conn.execute(_LOCK_CHAIN)
    # A statement of its own: its snapshot has to be from after the lock.
    return await fetch_optional(conn, ChainHead, _CHAIN_HEAD)


async def read_clock(conn: Connection) -> datetime:
    return await conn.fetchval(_READ_CLOCK)


async def prizes_of(conn: Connection, raffle_id: int) -> list[DrawPrize]:
    return await fetch_all(conn, DrawPrize, _PRIZES_OF, raffle_id)


async def exclude_entries(conn: Connection, raffle_id: int, draw_number: int) -> ExcludedTotals:
    await conn.execute(_EXCLUDE_ENTRIES, raffle_id, draw_number)
    return await fetch_one(conn, ExcludedTotals, _EXCLUDED_OF, draw_number)


async def totals_of(conn: Connection, raffle_id: int) -> RaffleTotals:
    return await fetch_one(conn, RaffleTotals, _TOTALS_OF, raffle_id)


async def owners_listed(conn: Connection, raffle_id: int, draw_number: int) -> int:
    return await conn.fetchval(_OWNERS_LISTED, raffle_id, draw_number)


async def copy_list(
    conn: Connection,
    raffle_id: int,
    draw_number: int,
    weights: Mapping[str, int] | None,
    take: Callable[[bytes], Coroutine[Any, Any, None]],
) -> None:
    """PostgreSQL's binary COPY format in pieces. `weights` None: as a RANDOM draw weighs."""
    values = () if weights is None else tuple(weights[source] for source in SOURCES)
    sql = _COPY_LIST_OF_RANDOM if weights is None else _COPY_LIST
    await conn.copy_from_query(sql, raffle_id, draw_number, *values, output=take, format="binary")


async def store_pages(conn: Connection, draw_number: int, pages: Iterable[Page]) -> None:
    await conn.copy_records_to_table(
        "draw_leaf_pages",
        schema_name="raffle_schema",
        columns=("draw_number", "page_number", "first_entry_hash", "range_start", "leaves", "entry_ids"),
        records=(
            (draw_number, number, page.first_entry_hash, page.range_start, page.leaves, page.entry_ids)
            for number, page in enumerate(pages)
        ),
    )


async def store_tiles(conn: Connection, draw_number: int, tiles: Iterable[Tile]) -> None:
    await conn.copy_records_to_table(
        "draw_tiles",
        schema_name="raffle_schema",
        columns=("draw_number", "level", "tile_number", "hashes"),
        records=((draw_number, tile.level, tile.number, tile.hashes) for tile in tiles),
    )


async def insert_draw(conn: Connection, draw: NewDraw) -> int:
    return await conn.fetchval(_INSERT_DRAW, *msgspec.structs.astuple(draw))


async def counting_draw(conn: Connection, raffle_id: int) -> CountingDraw | None:
    return await fetch_optional(conn, CountingDraw, _COUNTING_DRAW, raffle_id)


async def pages_of_points(conn: Connection, draw_number: int, points: Sequence[int]) -> list[PointedPage]:
    return await fetch_all(conn, PointedPage, _PAGES_OF_POINTS, draw_number, points)


async def tickets_of_entries(conn: Connection, entry_ids: Sequence[int]) -> list[EntryTicket]:
    return [EntryTicket(*record) for record in await conn.fetch(_TICKETS_OF_ENTRIES, entry_ids)]


async def begin_drawing(conn: Connection, raffle_id: int) -> None:
    await conn.execute(_BEGIN_DRAWING, raffle_id)


async def mark_drawn(
    conn: Connection, draw_id: int, *, signature: bytes, randomness: bytes, blocks: int
) -> datetime | None:
    return await conn.fetchval(_MARK_DRAWN, draw_id, signature, randomness, blocks)


async def insert_positions(conn: Connection, draw_number: int, positions: Sequence[NewPosition]) -> None:
    await conn.execute(
        _INSERT_POSITIONS,
        draw_number,
        [one.draw_position for one in positions],
        [one.block_number for one in positions],
        [one.point for one in positions],
        [one.leaf_index for one in positions],
        [one.ticket.ticket_number for one in positions],
    )


async def insert_consulted(conn: Connection, draw_number: int, indexes: Sequence[int]) -> None:
    await conn.execute(_INSERT_CONSULTED, draw_number, indexes)


async def insert_winners(conn: Connection, raffle_id: int, draw_id: int, positions: Sequence[NewPosition]) -> None:
    await conn.execute(
        _INSERT_WINNERS,
        raffle_id,
        draw_id,
        [one.draw_position for one in positions],
        [one.ticket.ticket_id for one in positions],
        [one.ticket.user_id for one in positions],
        [one.prize_id for one in positions],
        [one.unit_number for one in positions],
    )


async def complete_raffle(conn: Connection, raffle_id: int) -> None:
    await conn.execute(_COMPLETE_RAFFLE, raffle_id)


async def void_draw(conn: Connection, draw_id: int, *, reason: str, document: bytes, signature: bytes) -> int | None:
    return await conn.fetchval(_VOID_DRAW, draw_id, reason, document, signature)


async def raffles_to_freeze(conn: Connection, reason: str) -> list[ClosedRaffle]:
    return await fetch_all(conn, ClosedRaffle, _RAFFLES_TO_FREEZE, reason)


async def waiting_draws(conn: Connection) -> list[WaitingDraw]:
    return await fetch_all(conn, WaitingDraw, _WAITING_DRAWS)
