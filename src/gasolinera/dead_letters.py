"""Events that were given up: looked at, and replayed once what was wrong is mended.

A replayed event comes late: newer events of its aggregate may have had their effects meanwhile.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.database import Connection, Database, fetch_all, fetch_optional
from gasolinera.errors import ConflictError, InputError, UnknownError
from gasolinera.event_tables import RELAY, reason, statements_of
from gasolinera.events import event_of_document
from gasolinera.inbox import Inbox


class DeadLetter(msgspec.Struct, frozen=True):
    """An event and the consumer that failed at it; consumer `relay`: no transport could carry it."""

    id: int
    event_id: UUID
    consumer: str
    event_type: str
    aggregate_type: str
    aggregate_key: str
    correlation_id: str | None
    attempts: int
    last_error: str
    first_failed_at: datetime
    last_failed_at: datetime
    replayed_at: datetime | None
    event: dict[str, Any] | None = None


class Replay(StrEnum):
    DONE = "done"
    DONE_BEFORE = "done before"
    QUEUED = "queued"  # for the relay


class _Begun(msgspec.Struct, frozen=True):
    consumer: str
    event: dict[str, Any]


async def list_dead_letters(
    conn: Connection, schema: str, *, after: int = 0, with_replayed: bool = False, limit: int = 100
) -> list[DeadLetter]:
    """Oldest first, without their events."""
    return await fetch_all(conn, DeadLetter, statements_of(schema)["list_dead_letters"], after, with_replayed, limit)


class LettersWanted(msgspec.Struct, frozen=True, kw_only=True):
    words: str | None = None
    with_replayed: bool = False
    newest_first: bool = False


async def find_dead_letters(
    conn: Connection, schema: str, wanted: LettersWanted, *, after: int | None, limit: int
) -> list[DeadLetter]:
    """Those after the letter `after`, as they are sorted, without their events."""
    values = (after, wanted.with_replayed, limit, wanted.words, wanted.newest_first)
    return await fetch_all(conn, DeadLetter, statements_of(schema)["find_dead_letters"], *values)


async def get_dead_letter(conn: Connection, schema: str, letter_id: int) -> DeadLetter:
    """With its event. Raises UnknownError."""
    found = await fetch_optional(conn, DeadLetter, statements_of(schema)["get_dead_letter"], letter_id)
    if found is None:
        raise UnknownError("event.unknown_dead_letter", f"there is no dead letter {letter_id}")
    return found


async def replay(db: Database, inbox: Inbox, letter_id: int) -> Replay:
    """Have the effect of a dead letter, once however often and by however many it is asked for.

    Raises UnknownError; InputError when its consumer is no more, or when it is no event of ours, which is counted;
    ConflictError when the consumer fails again, which is counted, or when the outbox has forgotten the event.
    """
    sql = statements_of(inbox.schema)
    failure: Exception | None = None
    try:
        async with db.transaction() as conn:
            letter = await fetch_optional(conn, _Begun, sql["begin_replay"], letter_id)
            if letter is None:
                await get_dead_letter(conn, inbox.schema, letter_id)
                return Replay.DONE_BEFORE
            try:
                event = event_of_document(letter.event)
            except InputError as error:
                failure = error
                raise
            if letter.consumer == RELAY:
                await _requeue(conn, sql["requeue_unpublished"], event.id)
                return Replay.QUEUED
            if letter.consumer not in inbox.consumers:
                raise InputError(
                    "event.unknown_consumer", f"{inbox.service} has no consumer {letter.consumer} any more"
                )
            try:
                await inbox.handle(conn, letter.consumer, event)
            except Exception as error:
                failure = error
                raise
    except Exception as error:
        if failure is None:
            raise
        async with db.connection() as conn:
            await conn.execute(sql["record_failed_replay"], letter_id, reason(error))
        if isinstance(failure, InputError) and failure.code == "event.malformed":
            raise
        raise ConflictError("event.replay_failed", f"dead letter {letter_id} failed again: {reason(error)}") from error
    return Replay.DONE


async def _requeue(conn: Connection, sql: str, event_id: UUID) -> None:
    if await conn.execute(sql, event_id) != "UPDATE 1":
        raise ConflictError("event.forgotten", "the outbox has no such published event any more")
