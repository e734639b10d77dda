"""What raffles tell: which of them take tickets, and which tickets they did not take or gave back."""

from typing import Final

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.redemption import queries_raffles as queries
from gasolinera.redemption.queries_raffles import ToldRaffle


class _Refused(msgspec.Struct, frozen=True):
    raffle_code: str
    numbers: tuple[str, ...]


async def take_raffle_changed(conn: Connection, event: Event) -> None:
    """Raises msgspec.ValidationError for an event that is not what the catalogue says."""
    raffle = msgspec.convert(event.data, ToldRaffle)
    if raffle.status == "OPEN":
        await queries.keep_raffle(conn, raffle)
    elif raffle.status != "DRAFT":
        await queries.end_raffle(conn, raffle.code)


async def take_refused_tickets(conn: Connection, event: Event) -> None:
    """They wait for their holder's choice again. Raises msgspec.ValidationError. Locks the tickets."""
    refused = msgspec.convert(event.data, _Refused)
    await queries.take_back(conn, refused.numbers, refused.raffle_code)


CONSUMERS: Final = (
    Consumer("redemption", frozenset({"raffle.changed"}), take_raffle_changed),
    Consumer("redemption", frozenset({"tickets.refused"}), take_refused_tickets),
)
