"""The only reader of `queries_pages.sql`."""

from collections.abc import Sequence
from uuid import UUID

from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql
from gasolinera.raffle.models import RafflePosition
from gasolinera.raffle.models_pages import (
    DrawState,
    FoundTicket,
    GivenUpDraw,
    LeftOutEntry,
    OwnPrize,
    RaffleWithDraw,
    RefusedHere,
    ShownPosition,
    ShownRaffle,
)

_SQL = load_sql("gasolinera.raffle", "queries_pages.sql")
_SHOWN_RAFFLES = _SQL["shown_raffles"]
_WITH_DRAWS = _SQL["raffles_with_draws"]
_DRAW_STATE = _SQL["draw_state"]
_GIVEN_UP = _SQL["draws_given_up"]
_LEFT_OUT = _SQL["own_entries_left_out"]
_REFUSED = _SQL["own_tickets_refused"]
_FIND_TICKET = _SQL["find_ticket"]
_OWN_PRIZE = _SQL["own_prize"]


async def shown_raffles(
    conn: Connection, user_id: UUID | None, text: str | None, *, after: ShownPosition | None, limit: int
) -> list[ShownRaffle]:
    moment, number = (None, None) if after is None else (after.closes_at, after.id)
    return await fetch_all(conn, ShownRaffle, _SHOWN_RAFFLES, moment, number, text, user_id, limit)


async def raffles_with_draws(
    conn: Connection, statuses: Sequence[str] | None, text: str | None, *, before: RafflePosition | None, limit: int
) -> list[RaffleWithDraw]:
    moment, number = (None, None) if before is None else (before.created_at, before.id)
    wanted = None if statuses is None else list(statuses)
    return await fetch_all(conn, RaffleWithDraw, _WITH_DRAWS, moment, number, wanted, text, limit)


async def draw_state(conn: Connection, code: str) -> DrawState | None:
    return await fetch_optional(conn, DrawState, _DRAW_STATE, code)


async def draws_given_up(conn: Connection, code: str) -> list[GivenUpDraw]:
    return await fetch_all(conn, GivenUpDraw, _GIVEN_UP, code)


async def own_entries_left_out(conn: Connection, code: str, user_id: UUID) -> list[LeftOutEntry]:
    return await fetch_all(conn, LeftOutEntry, _LEFT_OUT, code, user_id)


async def own_tickets_refused(conn: Connection, code: str, user_id: UUID) -> list[RefusedHere]:
    return await fetch_all(conn, RefusedHere, _REFUSED, code, user_id)


async def find_ticket(conn: Connection, number: str) -> FoundTicket | None:
    return await fetch_optional(conn, FoundTicket, _FIND_TICKET, number)


async def own_prize(conn: Connection, winner_id: UUID, user_id: UUID) -> OwnPrize | None:
    return await fetch_optional(conn, OwnPrize, _OWN_PRIZE, winner_id, user_id)
