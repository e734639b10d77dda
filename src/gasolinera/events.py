"""Events between services: what one is, how it is written in the transaction of its fact, and who takes it in.

The envelope is CloudEvents 1.0 in JSON; `docs/reference/events.md` is the catalogue.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gasolinera.database import Connection


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event as a consumer sees it. `aggregate` and `subject` say what it is about: order is kept for these."""

    id: UUID
    type: str
    source: str
    aggregate: str
    subject: str
    time: datetime
    data: dict[str, Any]
    schema_version: int = 1
    correlation_id: str | None = None
    causation_id: UUID | None = None
    trace_parent: str | None = None


class Consumer(msgspec.Struct, frozen=True):
    """What a service does about events of some types, each once, in the transaction that its inbox remembers it in."""

    service: str
    types: frozenset[str]
    handle: Callable[[Connection, Event], Awaitable[None]]


class Outbox:
    """The outbox table of one publisher's schema."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._publish = f"""
INSERT INTO {schema}.outbox_events (event_type, aggregate_type, aggregate_key, payload, causation_id)
VALUES ($1, $2, $3, $4, $5) RETURNING event_id"""  # noqa: S608  the schema is a constant of the service

    async def publish(
        self,
        conn: Connection,
        type_: str,
        *,
        aggregate: str,
        subject: str,
        data: Mapping[str, Any],
        causation_id: UUID | None = None,
    ) -> UUID:
        """Write an event in the caller's transaction, which holds the lock of the aggregate's row; gives its id."""
        event_id = await conn.fetchval(self._publish, type_, aggregate, subject, dict(data), causation_id)
        assert isinstance(event_id, UUID)
        return event_id
