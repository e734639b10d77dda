"""Tickets that had their draw: noted when the raffle tells of it, ended in batches.

A ticket that its raffle has not seen yet ends with the others, and waits again when the raffle says that it refused it.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gasolinera.database import Connection, Database, RequestContext, fetch_one, load_sql
from gasolinera.events import Consumer, Event
from gasolinera.jobs import Job, report_progress

_SQL: Final = load_sql("gasolinera.redemption", "queries_drawn.sql")
_NOTE_DRAWN: Final = _SQL["note_drawn"]
_END_DRAWN_TICKETS: Final = _SQL["end_drawn_tickets"]
_AT_ONCE: Final = 5_000


class _Drawn(msgspec.Struct, frozen=True):
    raffle_code: str


class Ended(msgspec.Struct, frozen=True):
    """How many tickets a batch ended, and how many raffles it was done with."""

    tickets: int
    raffles: int


async def note_drawn(conn: Connection, event: Event) -> None:
    """Raises msgspec.ValidationError for an event that is not what the catalogue says."""
    await conn.execute(_NOTE_DRAWN, msgspec.convert(event.data, _Drawn).raffle_code, event.time)


async def end_tickets(conn: Connection, at_most: int) -> Ended:
    """Locks one raffle's note and the tickets that it ends."""
    return await fetch_one(conn, Ended, _END_DRAWN_TICKETS, at_most)


async def _end(db: Database, _arguments: Mapping[str, str]) -> str:
    total = 0
    while True:
        async with db.transaction(RequestContext(actor="job:redemption.end_drawn_tickets")) as conn:
            ended = await end_tickets(conn, _AT_ONCE)
        total += ended.tickets
        if not ended.tickets and not ended.raffles:
            return f"{total} tickets had their draw"
        await report_progress(f"{total} tickets so far")


END_DRAWN_TICKETS: Final = Job(
    name="redemption.end_drawn_tickets",
    service="redemption",
    summary="End the tickets of raffles that were drawn.",
    run=_end,
    schedule="*/5 * * * *",
)
CONSUMERS: Final = (Consumer("redemption", frozenset({"raffle.drawn"}), note_drawn),)
