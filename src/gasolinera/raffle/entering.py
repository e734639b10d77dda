"""Tickets enter raffles and leave them by event, many at once; each message has its effect once."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.raffle import queries_entries as queries
from gasolinera.raffle.queries_entries import IssuedTickets, RevokedTickets

_ISSUED: Final = "tickets.issued"
_TYPES: Final = frozenset({_ISSUED, "tickets.revoked"})


async def take_ticket_events(conn: Connection, events: Sequence[Event]) -> None:
    """What a raffle does not take is told back in the same transaction, by a trigger. Locks the raffles shared, and
    where tickets come and go in turn all their holders first, or two such batches would wait for each other.

    Raises msgspec.ValidationError for an event that is not what the catalogue says, and the database's constraints.
    """
    told = [_read(event) for event in events]
    # A ticket without a raffle waits with the redemption service until its holder chooses one.
    moving = [one for one in told if one.raffle_code is not None and one.numbers]
    groups = [list(found) for _, found in groupby(moving, key=type)]
    if len(groups) > 1:
        await queries.lock_participants(conn, moving)
    for group in groups:
        issued = [one for one in group if isinstance(one, IssuedTickets)]
        if issued:
            await queries.enter_tickets(conn, issued)
        else:
            await queries.withdraw_tickets(conn, [one for one in group if isinstance(one, RevokedTickets)])


def _read(event: Event) -> IssuedTickets | RevokedTickets:
    return msgspec.convert(event.data, IssuedTickets if event.type == _ISSUED else RevokedTickets)


async def take_ticket_event(conn: Connection, event: Event) -> None:
    """One of them, as when a dead letter is replayed."""
    await take_ticket_events(conn, (event,))


CONSUMERS: Final = (
    Consumer("raffle", _TYPES, take_ticket_event, "take_ticket_events", handle_many=take_ticket_events),
)
