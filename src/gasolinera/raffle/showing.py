"""What pages show of raffles, draws, tickets and prizes: to everybody, and to who is named."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.errors import UnknownError
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import proofs
from gasolinera.raffle import queries_pages as queries
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.errors_fulfilment import unknown_prize
from gasolinera.raffle.leaves import read_leaf
from gasolinera.raffle.models import RafflePosition, RaffleStatus
from gasolinera.raffle.models_pages import (
    DrawState,
    FoundTicket,
    GivenUpDraw,
    OwnPrize,
    RaffleWithDraw,
    RefusedHere,
    ShownPosition,
    ShownRaffle,
    TicketRange,
)


class Stage(StrEnum):
    """How far a raffle is, in the words of who looks for it."""

    OPEN = "open"
    WAITING = "waiting"
    DRAWN = "drawn"
    CANCELLED = "cancelled"


STAGES: Final[Mapping[RaffleStatus, Stage]] = {
    RaffleStatus.OPEN: Stage.OPEN,
    RaffleStatus.CLOSED: Stage.WAITING,
    RaffleStatus.DRAWING: Stage.WAITING,
    RaffleStatus.COMPLETED: Stage.DRAWN,
    RaffleStatus.CANCELLED: Stage.CANCELLED,
}


class TicketLookup(msgspec.Struct, frozen=True):
    """`place` is known once the list is frozen, where the draw has not left the entry out."""

    ticket: FoundTicket
    place: TicketRange | None


async def list_open(
    conn: Connection, user_id: UUID | None, text: str | None, *, cursor: str | None, limit: int
) -> Page[ShownRaffle]:
    """What takes entries or waits for its draw, the next to close first. Raises InputError `request.cursor`."""
    after = decode_cursor(ShownPosition, cursor)
    found = await queries.shown_raffles(conn, user_id, text, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda row: ShownPosition(row.closes_at, row.id))


async def list_with_draws(
    conn: Connection, stage: Stage | None, text: str | None, *, cursor: str | None, limit: int
) -> Page[RaffleWithDraw]:
    """All that were published, the newest first. Raises InputError `request.cursor`."""
    before = decode_cursor(RafflePosition, cursor)
    statuses = None if stage is None else [status for status, its in STAGES.items() if its is stage]
    found = await queries.raffles_with_draws(conn, statuses, text, before=before, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda row: RafflePosition(row.created_at, row.id))


async def draw_state(conn: Connection, code: str) -> DrawState:
    """Raises UnknownError `raffle.unknown`."""
    found = await queries.draw_state(conn, code)
    if found is None:
        raise unknown_raffle()
    return found


async def draws_given_up(conn: Connection, code: str) -> list[GivenUpDraw]:
    return await queries.draws_given_up(conn, code)


async def left_out(conn: Connection, code: str, user_id: UUID) -> dict[UUID, str]:
    """Why the draw has left own entries out, by their issuances."""
    return {one.issuance_id: one.reason for one in await queries.own_entries_left_out(conn, code, user_id)}


async def refused_here(conn: Connection, code: str, user_id: UUID) -> list[RefusedHere]:
    return await queries.own_tickets_refused(conn, code, user_id)


async def look_up_ticket(conn: Connection, number: str) -> TicketLookup:
    """For whoever has the number. Raises UnknownError `ticket.unknown` where no raffle has it now."""
    found = await queries.find_ticket(conn, number)
    if found is None:
        raise UnknownError("ticket.unknown", "no raffle has a ticket of this number")
    if found.draw_number is None or found.is_left_out:
        return TicketLookup(found, None)
    proof = await proofs.prove(conn, number, holder=None, sees_all=False)
    leaf, entries = read_leaf(bytes.fromhex(proof.leaf)), proof.manifest.entries
    place = TicketRange(proof.index, entries.leaves, leaf.start, leaf.end - 1, entries.weight)
    return TicketLookup(found, place)


async def own_prize(conn: Connection, winner_id: UUID, user_id: UUID) -> OwnPrize:
    """Raises UnknownError `prize.unknown`, also for another's."""
    found = await queries.own_prize(conn, winner_id, user_id)
    if found is None:
        raise unknown_prize()
    return found
