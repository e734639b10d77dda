"""Events that come in: each is received once a consumer, in order, and has its effect once.

An event is first kept in the inbox of the consumer's schema, by whatever transport brings it; a second delivery finds
its row there. Then the row is settled in the transaction of the consumer's effect. The oldest unsettled event of a
consumer and an aggregate is the one that is locked, so that several processes share the work and keep the order, and
one that fails holds back the newer ones of its aggregate and no others. A consumer that takes many events at once is
given those that follow each other in one call.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from gasolinera import metrics
from gasolinera.database import Connection, Database, fetch_all
from gasolinera.errors import ConfigError, UnavailableError, unavailable
from gasolinera.event_tables import RELAY, UNFIT, is_passing, reason, statements_of
from gasolinera.events import Consumer, Event, encode_event, event_of_document
from gasolinera.polling import RetryPolicy

_BATCH = 50
_BATCH_OF_MANY = 500  # where a consumer takes many at once, a statement serves them all
_HANDLE_WITHIN_S = 30.0
_LET_PASS_S = 10.0  # twice what a statement waits for a lock
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,99}")
RETRIES = RetryPolicy()
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Claimed(msgspec.Struct, frozen=True):
    id: int
    consumer: str
    event: dict[str, Any]
    attempts: int
    is_due: bool


class _HandlingError(Exception):
    """A consumer failed at this row, and the transaction is gone."""

    def __init__(self, row: _Claimed, reason: Exception) -> None:
        super().__init__(f"consumer {row.consumer} failed")
        self.row = row
        self.reason = reason


class _TogetherError(Exception):
    """A consumer failed at several rows, and nobody knows at which."""


class Inbox:
    """The inbox of one service, and its consumers. Raises ConfigError when a consumer has no name of its own."""

    def __init__(self, service: str, schema: str, consumers: Sequence[Consumer]) -> None:
        self.service = service
        self.schema = schema
        self.consumers = {consumer.key: consumer for consumer in consumers}
        if len(self.consumers) < len(consumers):
            raise ConfigError("events.consumer_name", f"consumers of {service} share a name", "name each on its own")
        unfit = [key for key in self.consumers if not _KEY.fullmatch(key) or key == RELAY]
        if unfit:
            raise ConfigError("events.consumer_name", f"{unfit[0]!r} cannot be the name of a consumer")
        self._sql = statements_of(schema)
        takes_many = any(consumer.handle_many is not None for consumer in consumers)
        self._batch = _BATCH_OF_MANY if takes_many else _BATCH

    @property
    def types(self) -> frozenset[str]:
        """What the service listens to."""
        return frozenset[str]().union(*(consumer.types for consumer in self.consumers.values()))

    async def receive(
        self, conn: Connection, events: Sequence[Event], *, goes_on: bool = False
    ) -> dict[UUID, Exception]:
        """Keep events in the order given, each once a consumer. Gives those that were not kept: those that no row can
        hold, one of the errors UNFIT, and the newer ones of their aggregates, UnavailableError: they wait, unless it
        `goes_on` because whoever brings the events gives up at once what no row can hold.
        """
        try:
            async with conn.transaction():
                await self._insert(conn, events)
        except UNFIT as error:
            if len(events) == 1:
                return {events[0].id: error}
        else:
            return {}
        failed: dict[UUID, Exception] = {}
        held: set[tuple[str, str]] = set()
        for event in events:
            place = (event.aggregate, event.subject)
            if place in held:
                failed[event.id] = UnavailableError("event.held_back", "an older event of its aggregate was not taken")
                continue
            unfit = await self.receive(conn, [event])
            failed |= unfit
            if unfit and not goes_on:
                held.add(place)
        return failed

    async def _insert(self, conn: Connection, events: Sequence[Event]) -> None:
        rows = [
            (event.id, key, event.type, event.aggregate, event.subject, document, event.correlation_id)
            for event in events
            for document in [encode_event(event).decode()]
            for key, consumer in self.consumers.items()
            if event.type in consumer.types
        ]
        if rows:
            await conn.execute(self._sql["receive"], *map(list, zip(*rows, strict=True)))

    async def work(self, db: Database, *, batch: int | None = None, retries: RetryPolicy = RETRIES) -> int:
        """Have the effects of a batch of events; gives how many rows were settled, set back or given up.

        A failure undoes the transaction of its batch: the event is set back or given up in the next one, and the
        others are tried again without it.
        """
        tried: list[_Claimed] = []
        try:
            async with db.transaction() as conn:
                await self._settle(conn, batch or self._batch, tried)
            for row in tried:
                metrics.count_event(self.service, str(row.event["type"]), "handled")
        except _HandlingError as failure:
            await self._set_back(db, failure.row, failure.reason, retries)
        except Exception as error:
            # Refused at the end: a deferred constraint, or a consumer that hid an error of the database.
            if not tried or unavailable(error) is not None:
                raise
            if len(tried) == 1:
                await self._set_back(db, tried[0], error, retries)
            else:  # whose fault it was shows when each goes alone
                return sum([await self.work(db, batch=1, retries=retries) for _ in tried])
        return len(tried)

    async def _settle(self, conn: Connection, batch: int, tried: list[_Claimed]) -> None:
        await conn.execute(self._sql["read_in_order"], "off")
        rows = await fetch_all(conn, _Claimed, self._sql["claim_unsettled"], batch, list(self.consumers))
        await conn.execute(self._sql["read_in_order"], "on")  # for the consumers' statements
        waiting: list[tuple[_Claimed, Event]] = []
        for row, event in self._due(rows):
            if waiting and (waiting[0][0].consumer != row.consumer or not self._takes_many(row)):
                await self._handle_waiting(conn, waiting, tried)
                waiting = []
            waiting.append((row, event))
        await self._handle_waiting(conn, waiting, tried)
        if tried:
            status = await conn.execute(self._sql["settle"], [row.id for row in tried])
            assert status == f"UPDATE {len(tried)}", "a row was settled elsewhere while its aggregate was locked"

    def _due(self, rows: Sequence[_Claimed]) -> list[tuple[_Claimed, Event]]:
        """Those that may be handled now, in their order: none whose older ones wait, and one alone that must be so."""
        due: list[tuple[_Claimed, Event]] = []
        held: set[tuple[str, str, str]] = set()
        for row in rows:
            event = event_of_document(row.event)
            place = (row.consumer, event.aggregate, event.subject)
            is_alone = self.consumers[row.consumer].is_alone
            if place in held or not row.is_due or (is_alone and due):
                held.add(place)
                continue
            due.append((row, event))
            if is_alone:
                break
        return due

    def _takes_many(self, row: _Claimed) -> bool:
        return self.consumers[row.consumer].handle_many is not None

    async def _handle_waiting(
        self, conn: Connection, waiting: Sequence[tuple[_Claimed, Event]], tried: list[_Claimed]
    ) -> None:
        """One event, or several of one consumer that takes them together. Raises _HandlingError for one alone."""
        if not waiting:
            return
        row = waiting[0][0]
        tried.extend(one for one, _ in waiting)
        try:
            if len(waiting) == 1:
                await self.handle(conn, row.consumer, waiting[0][1])
            else:
                await self._handle_many(conn, row.consumer, [event for _, event in waiting])
        except asyncpg.InFailedSQLTransactionError:
            raise  # whoever came before may have hidden its error
        except Exception as error:
            if len(waiting) > 1:  # whose fault it was shows when each goes alone
                raise _TogetherError(f"consumer {row.consumer} failed") from error
            raise _HandlingError(row, error) from error

    async def _handle_many(self, conn: Connection, consumer: str, events: Sequence[Event]) -> None:
        """With the publisher as the context, and the correlation id that all have, if they have the same."""
        handle_many = self.consumers[consumer].handle_many
        assert handle_many is not None, "it was asked for before"
        first = events[0]
        is_one = all(event.correlation_id == first.correlation_id for event in events)
        correlation_id = first.correlation_id if is_one else None
        await conn.execute(self._sql["set_context"], f"service:{first.publisher}", correlation_id or "", "")
        async with asyncio.timeout(_HANDLE_WITHIN_S):
            await handle_many(conn, events)

    async def handle(self, conn: Connection, consumer: str, event: Event) -> None:
        """One effect, with the event's publisher, correlation id and trace as the context of the transaction."""
        actor = f"service:{event.publisher}"
        await conn.execute(self._sql["set_context"], actor, event.correlation_id or "", event.trace_parent or "")
        async with asyncio.timeout(_HANDLE_WITHIN_S):
            await self.consumers[consumer].handle(conn, event)

    async def _set_back(self, db: Database, row: _Claimed, cause: Exception, retries: RetryPolicy) -> None:
        is_final = row.attempts + 1 >= retries.attempts and not is_passing(cause)
        async with db.connection() as conn:
            if is_final:
                await conn.execute(self._sql["bury_effect"], row.id, row.attempts, reason(cause))
            else:
                delay_s = retries.delay_s(row.attempts + 1)
                if isinstance(cause, asyncpg.LockNotAvailableError):  # the others go first, and not behind it again
                    delay_s = max(delay_s, _LET_PASS_S)
                await conn.execute(self._sql["delay_effect"], row.id, row.attempts, reason(cause), delay_s)
        metrics.count_event(self.service, str(row.event["type"]), "dead" if is_final else "failed")
        _log.warning(
            "event_given_up" if is_final else "event_failed",
            service=self.service,
            consumer=row.consumer,
            event_id=row.event.get("id"),
            event_type=row.event.get("type"),
            correlation_id=row.event.get("correlationid"),
            attempts=row.attempts + 1,
            error=reason(cause),
        )
