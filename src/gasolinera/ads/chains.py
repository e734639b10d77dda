"""What views may multiply: completed redemptions as their events tell of them, and the chains of views that do it."""

from typing import Final
from uuid import UUID

import msgspec

from gasolinera.ads import queries_views as queries
from gasolinera.ads.models_views import Chain
from gasolinera.ads.queries_views import RedemptionFacts
from gasolinera.database import Connection
from gasolinera.events import Consumer, Event


async def take_redemption_event(conn: Connection, event: Event) -> None:
    """A completed redemption may be multiplied, a cancelled one no more, in whatever order the two come.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks the redemption.
    """
    told = msgspec.convert(event.data, RedemptionFacts)
    if event.type == "redemption.completed":
        await queries.note_redemption(conn, told)
    else:
        await queries.note_cancellation(conn, told, told.cancelled_at or event.time)


async def list_chains(conn: Connection, user_id: UUID) -> tuple[Chain, ...]:
    return tuple(await queries.list_chains(conn, user_id))


REDEMPTION_CONSUMERS: Final = (
    Consumer(
        "ads",
        frozenset({"redemption.completed", "redemption.cancelled"}),
        take_redemption_event,
        "take_redemption_event",
    ),
)
