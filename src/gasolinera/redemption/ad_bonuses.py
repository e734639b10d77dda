"""Bonus tickets of ad views, as the ad engine tells of them: made once, by the own tickets, or taken back."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.redemption import queries_ad_bonuses as queries


class _View(msgspec.Struct, frozen=True, kw_only=True):
    view_id: UUID
    user_id: UUID
    reference: str | None
    chain_step: Annotated[int, Meta(ge=1, le=10)]
    bonus_tickets: Annotated[int, Meta(ge=0, le=1_000_000)]
    multiplier: Annotated[int, Meta(ge=1, le=1_000)] = 1


async def take_ad_view_event(conn: Connection, event: Event) -> None:
    """A completed view earns once; a rejected one loses it, also when that is told first.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks the view, its redemption.
    """
    view = msgspec.convert(event.data, _View)
    if event.type == "ad.view.completed":
        await queries.take_bonus(
            conn,
            view.view_id,
            view.user_id,
            view.reference,
            chain_step=view.chain_step,
            multiplier=view.multiplier,
            tickets=view.bonus_tickets,
        )
    else:
        await queries.take_bonus_back(conn, view.view_id, view.user_id, view.reference, chain_step=view.chain_step)


CONSUMERS: Final = (
    Consumer(
        "redemption",
        frozenset({"ad.view.completed", "ad.view.rejected"}),
        take_ad_view_event,
        is_alone=True,
    ),
)
