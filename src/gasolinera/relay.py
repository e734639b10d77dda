"""Events that go out: what stands in a publisher's outbox is handed to a transport at least once, in order.

A relay holds the lock of the oldest unpublished event of each aggregate that it carries, until the transport has the
whole batch. So any number of relays share the work, and none overtakes another within an aggregate.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog

from gasolinera.database import Connection, Database, fetch_all
from gasolinera.errors import GasolineraError
from gasolinera.event_tables import UNFIT, is_passing, reason, statements_of
from gasolinera.events import Event, encode_event, source_of
from gasolinera.inbox import Inbox
from gasolinera.polling import RetryPolicy

_BATCH = 100
_DELIVER_WITHIN_S = 30.0  # below the time that the server lets a transaction idle
RETRIES = RetryPolicy(longest_s=30.0)
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class UnfitError(GasolineraError):
    """The transport will never carry this event."""


class Transport(Protocol):
    """Takes events in order and gives those that it did not take: UnfitError for one that it never will.

    When it did not take one, it did not give a newer one of that aggregate to the same consumer either.
    """

    async def __call__(self, events: Sequence[Event], /) -> Mapping[UUID, Exception]: ...


class _Waiting(msgspec.Struct, frozen=True):
    id: int
    event_id: UUID
    event_type: str
    aggregate_type: str
    aggregate_key: str
    payload: dict[str, Any]
    schema_version: int
    correlation_id: str | None
    causation_id: UUID | None
    trace_parent: str | None
    occurred_at: datetime
    attempts: int
    is_due: bool


class Relay:
    """The relay of one publisher."""

    def __init__(self, service: str, schema: str, transport: Transport) -> None:
        self.service = service
        self._source = source_of(service)
        self._sql = statements_of(schema)
        self._transport = transport

    async def work(self, db: Database, *, batch: int = _BATCH, retries: RetryPolicy = RETRIES) -> int:
        """Hand over a batch; gives how many events were published, set back or given up."""
        async with db.transaction() as conn:
            await conn.execute(self._sql["read_in_order"], "off")
            waiting = await fetch_all(conn, _Waiting, self._sql["claim_unpublished"], batch)
            due = _due(waiting)
            if not due:
                return 0
            async with asyncio.timeout(_DELIVER_WITHIN_S):
                failed = await self._transport([self._event(row) for row in due])
            await self._mark(conn, due, failed, retries)
        return len(due)

    async def _mark(
        self, conn: Connection, due: Sequence[_Waiting], failed: Mapping[UUID, Exception], retries: RetryPolicy
    ) -> None:
        held: set[tuple[str, str]] = set()
        published: list[int] = []
        late: list[tuple[int, str, float]] = []
        for row in due:
            place, error = (row.aggregate_type, row.aggregate_key), failed.get(row.event_id)
            if place in held:
                continue
            if error is None:
                published.append(row.id)
            elif isinstance(error, UnfitError) and row.attempts + 1 >= retries.attempts:
                await self._bury(conn, row, error)
            else:
                held.add(place)
                late.append((row.id, reason(error), retries.delay_s(row.attempts + 1)))
        if published:
            await conn.execute(self._sql["mark_published"], published)
        if late:
            await conn.execute(self._sql["delay_publishing"], *map(list, zip(*late, strict=True)))
            _log.warning("events_delayed", service=self.service, count=len(late), error=late[0][1])

    async def _bury(self, conn: Connection, row: _Waiting, error: Exception) -> None:
        document = encode_event(self._event(row)).decode()
        await conn.execute(self._sql["bury_unpublished"], row.id, reason(error), msgspec.json.decode(document))
        _log.error("event_unfit", service=self.service, event_id=str(row.event_id), event_type=row.event_type)

    def _event(self, row: _Waiting) -> Event:
        return Event(
            id=row.event_id,
            type=row.event_type,
            source=self._source,
            aggregate=row.aggregate_type,
            subject=row.aggregate_key,
            time=row.occurred_at,
            data=row.payload,
            schema_version=row.schema_version,
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
            trace_parent=row.trace_parent,
        )


def _due(waiting: Sequence[_Waiting]) -> list[_Waiting]:
    """Without what was set back and what follows it in its aggregate."""
    held: set[tuple[str, str]] = set()
    due: list[_Waiting] = []
    for row in waiting:
        place = (row.aggregate_type, row.aggregate_key)
        if row.is_due and place not in held:
            due.append(row)
        else:
            held.add(place)
    return due


class InboxTransport:
    """Straight into the consumers' inboxes, of databases that this process reaches. `arrived` is set for each."""

    def __init__(self, inboxes: Sequence[tuple[Inbox, Database, asyncio.Event]]) -> None:
        self._inboxes = inboxes

    async def __call__(self, events: Sequence[Event], /) -> Mapping[UUID, Exception]:
        failed: dict[UUID, Exception] = {}
        for inbox, db, arrived in self._inboxes:
            wanted = [event for event in events if event.type in inbox.types]
            if wanted:
                failed |= await _receive(inbox, db, wanted)
                arrived.set()
        return failed


async def _receive(inbox: Inbox, db: Database, events: Sequence[Event]) -> dict[UUID, Exception]:
    """One service whose database is away does not keep events from the others."""
    try:
        async with db.transaction() as conn:
            failed = await inbox.receive(conn, events)
    except Exception as error:
        if not is_passing(error):
            raise
        return dict.fromkeys((event.id for event in events), error)
    return {
        event_id: UnfitError("event.unfit", reason(error)) if isinstance(error, UNFIT) else error
        for event_id, error in failed.items()
    }
