"""Prizes on their way: the steps of a delivery, and what is forgotten of it afterwards."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.events import Consumer, Event
from gasolinera.jobs import Job, in_batches
from gasolinera.raffle import errors_fulfilment as errors
from gasolinera.raffle import queries_winners as queries
from gasolinera.raffle.models_winners import Step, StepWish

# Long enough for a complaint about what came; what accounts need stays: who won what, when, and the receipt's hash.
KEPT_DAYS: Final = 90
_AT_ONCE: Final = 500


class _User(msgspec.Struct, frozen=True):
    public_id: UUID


async def record_step(conn: Connection, winner_id: UUID, wish: StepWish) -> None:
    """The last step makes the prize delivered. The guard refuses a step before the identity, or out of order.

    Raises UnknownError `prize.unknown`, InputError `prize.step`; by refusal ForbiddenError `prize.own_case`. Locks the
    winner.
    """
    is_sent, is_signed = wish.step is Step.SENT, wish.step is Step.RECEIPT_SIGNED
    if is_sent != (wish.tracking is not None) or (wish.carrier is not None and not is_sent):
        raise InputError("prize.step", "a tracking number or reference belongs to SENT, and to no other step")
    if is_signed != (wish.receipt_sha256 is not None):
        raise InputError("prize.step", "the hash of the receipt belongs to RECEIPT_SIGNED, and to no other step")
    if not await queries.add_step(conn, winner_id, wish):
        raise errors.unknown_prize()


async def forget_person(conn: Connection, event: Event) -> None:
    """An erased person's name and details go at once; those of a prize on its way when it has arrived.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks the person's draws
    and winners.
    """
    user_id = msgspec.convert(event.data, _User).public_id
    # Whichever consumer comes first: a claim that begins later knows that the account is erased.
    await queries.mark_erased(conn, user_id, event.time)
    await queries.forget_person(conn, user_id)


async def _forget(db: Database, _arguments: Mapping[str, str]) -> str:
    async def forget(conn: Connection, at_most: int) -> int:
        return await queries.forget_deliveries(conn, at_most, days=KEPT_DAYS)

    context = RequestContext(actor="job:raffle.forget_deliveries")
    count = await in_batches(db, forget, _AT_ONCE, "{} deliveries so far", context=context)
    return f"details of {count} deliveries forgotten"


FORGET_DELIVERIES: Final = Job(
    name="raffle.forget_deliveries",
    service="raffle",
    summary=f"Delete names, addresses and documents of deliveries that were over {KEPT_DAYS} days ago.",
    run=_forget,
    schedule="23 4 * * *",
)
FORGET_PERSON: Final = Consumer("raffle", frozenset({"user.erased"}), forget_person, "forget_deliveries")
