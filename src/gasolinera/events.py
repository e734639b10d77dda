"""Events between services: what one is, how it is written in the transaction of its fact, and who takes it in.

The envelope is CloudEvents 1.0 in JSON; `docs/reference/events.md` is the catalogue. `relay` carries events out,
`inbox` has their effects, `event_flow` runs both.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.errors import InputError

MEDIA_TYPE = "application/cloudevents+json"
_SOURCE = "urn:gasolinera:"


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

    @property
    def publisher(self) -> str:
        """The service that published it."""
        return self.source.removeprefix(_SOURCE)


class Consumer(msgspec.Struct, frozen=True):
    """What a service does about events of some types, each once, in the transaction that its inbox settles it in.

    `handle` changes nothing but through its connection: a transaction that fails is run again. `name` is what the
    inbox knows the consumer by, the function's name unless given; it stays when the function is renamed. `is_alone`:
    its locks are those of requests, in their order, which a second event of the same transaction would break.
    `handle_many` does the same for events that follow each other, in their order and at once; when it fails, each is
    tried alone.
    """

    service: str
    types: frozenset[str]
    handle: Callable[[Connection, Event], Awaitable[None]]
    name: str = ""
    is_alone: bool = False
    handle_many: Callable[[Connection, Sequence[Event]], Awaitable[None]] | None = None

    @property
    def key(self) -> str:
        return self.name or getattr(self.handle, "__name__", "").lstrip("_")


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
        """Write an event in the caller's transaction, which holds the lock of the aggregate's row; gives its id.

        The correlation id and the trace come from the transaction's context.
        """
        event_id = await conn.fetchval(self._publish, type_, aggregate, subject, dict(data), causation_id)
        assert isinstance(event_id, UUID)
        return event_id


def source_of(service: str) -> str:
    """What CloudEvents calls the publisher."""
    return _SOURCE + service


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The wire's names. Extension attributes are lower case without separators (CloudEvents 1.0, section 3.1)."""

    version: ClassVar[str] = "1.0"

    specversion: str
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    aggregatetype: str
    schemaversion: int
    data: dict[str, Any]
    correlationid: str | None = None
    causationid: UUID | None = None
    traceparent: str | None = None


_decoder = msgspec.json.Decoder(_CloudEvent)


def encode_event(event: Event) -> bytes:
    """The event as CloudEvents 1.0 in JSON, structured mode."""
    return msgspec.json.encode(
        _CloudEvent(
            specversion=_CloudEvent.version,
            id=event.id,
            source=event.source,
            type=event.type,
            subject=event.subject,
            time=event.time,
            datacontenttype="application/json",
            aggregatetype=event.aggregate,
            schemaversion=event.schema_version,
            data=event.data,
            correlationid=event.correlation_id,
            causationid=event.causation_id,
            traceparent=event.trace_parent,
        )
    )


def decode_event(body: bytes) -> Event:
    """The event that a CloudEvents document is. Raises InputError `event.malformed`; unknown attributes are ignored."""
    try:
        return _as_event(_decoder.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("event.malformed", f"not an event of ours: {error}") from None


def event_of_document(document: object) -> Event:
    """As `decode_event`, of a document that is parsed already."""
    try:
        return _as_event(msgspec.convert(document, _CloudEvent, str_keys=True))
    except msgspec.MsgspecError as error:
        raise InputError("event.malformed", f"not an event of ours: {error}") from None


def _as_event(found: _CloudEvent) -> Event:
    if found.specversion != _CloudEvent.version:
        raise InputError("event.malformed", "not an event of ours: it is of another version of CloudEvents")
    return Event(
        id=found.id,
        type=found.type,
        source=found.source,
        aggregate=found.aggregatetype,
        subject=found.subject,
        time=found.time,
        data=found.data,
        schema_version=found.schemaversion,
        correlation_id=found.correlationid,
        causation_id=found.causationid,
        trace_parent=found.traceparent,
    )
