"""NATS JetStream as the transport of events: publishers' relays write a stream, each service's receiver reads it.

Order: a relay publishes the events of an aggregate one after the other, so the stream has them in order, but for
repetitions, which inboxes know. A service's durable consumer may be read by several processes; a receiver holds an
advisory lock in the service's database while it fetches and stores, and stores only when what it has in hand is all
that the server has out: nothing older can then be on its way elsewhere. What follows is the inbox's affair, so a
message is acknowledged when the inbox has it, and an event that fails there holds back its own aggregate alone.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from uuid import UUID

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, StreamConfig
from nats.js.errors import NotFoundError

from gasolinera.database import Database
from gasolinera.errors import InputError
from gasolinera.event_tables import reason
from gasolinera.events import MEDIA_TYPE, Event, decode_event, encode_event
from gasolinera.inbox import Inbox
from gasolinera.polling import poll
from gasolinera.relay import Transport, UnfitError

STREAM = "GASOLINERA"
_PREFIX = "gasolinera."
_MAX_AGE_S = 7 * 24 * 3600.0  # an inbox remembers events for longer than that
_DUPLICATE_WINDOW_S = 600.0
_PUBLISH_WITHIN_S = 5.0
_ACK_WITHIN_S = 5.0
_BATCH = 100
_FETCH_S = 1.0
_MORE_S = 0.05
_COLLECT_WITHIN_S = 30.0
_RECONNECT_EVERY_S = 1
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@asynccontextmanager
async def open_nats(url: str, stop: asyncio.Event) -> AsyncGenerator[Client | None]:
    """A connection that comes back by itself; waits for a server that is not there yet. None: `stop` came first.

    The stream is made where it is missing; one that is there keeps what its operator has set.
    """
    connecting = asyncio.ensure_future(_connect(url))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((connecting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            connecting.cancel()
            with suppress(asyncio.CancelledError):
                await connecting
            yield None
            return
        connection = await connecting
    finally:
        stopping.cancel()
    try:
        yield connection
    finally:
        await connection.close()


async def _connect(url: str) -> Client:
    async def lost() -> None:
        _log.warning("nats_disconnected")

    async def found() -> None:
        _log.info("nats_reconnected")

    async def failed(error: Exception) -> None:
        _log.warning("nats_trouble", error=type(error).__name__)

    connection = Client()
    await connection.connect(
        url.split(","),
        name="gasolinera",
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_EVERY_S,
        disconnected_cb=lost,
        reconnected_cb=found,
        error_cb=failed,
    )
    return connection


async def ensure_stream(stream: JetStreamContext) -> None:
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        await stream.add_stream(  # pyright: ignore[reportUnknownMemberType]  its **params have no type
            StreamConfig(
                name=STREAM,
                description="Events between the services of the platform",
                subjects=[f"{_PREFIX}>"],
                max_age=_MAX_AGE_S,
                duplicate_window=_DUPLICATE_WINDOW_S,
            )
        )


def publisher(connection: Client) -> Transport:
    """Into the stream: events of one aggregate one after the other, aggregates side by side."""
    stream = JetStreamContext(connection, timeout=_PUBLISH_WITHIN_S)
    is_ready = asyncio.Event()

    async def publish(events: Sequence[Event], /) -> Mapping[UUID, Exception]:
        if not is_ready.is_set():
            await ensure_stream(stream)
            is_ready.set()
        aggregates: dict[tuple[str, str], list[Event]] = {}
        for event in events:
            aggregates.setdefault((event.aggregate, event.subject), []).append(event)
        failed = await asyncio.gather(*(_publish_in_order(stream, group) for group in aggregates.values()))
        errors = dict(pair for pair in failed if pair is not None)
        if errors:
            is_ready.clear()  # the server may have lost the stream
        return errors

    return publish


async def _publish_in_order(stream: JetStreamContext, events: Sequence[Event]) -> tuple[UUID, Exception] | None:
    """Stops at the first that is not taken, and gives it."""
    for event in events:
        try:
            await stream.publish(
                _PREFIX + event.type,
                encode_event(event),
                stream=STREAM,
                headers={"Nats-Msg-Id": str(event.id), "Content-Type": MEDIA_TYPE},
            )
        except MaxPayloadError as error:
            return event.id, UnfitError("event.unfit", reason(error))
        except Exception as error:
            return event.id, error
    return None


async def run_receiver(
    connection: Client,
    inbox: Inbox,
    db: Database,
    stop: asyncio.Event,
    *,
    arrived: asyncio.Event | None = None,
    ack_within_s: float = _ACK_WITHIN_S,
) -> None:
    """What the stream has for a service, into its inbox, until `stop`."""
    stream = JetStreamContext(connection, timeout=_PUBLISH_WITHIN_S)
    receiver = _Receiver(stream, inbox, arrived or asyncio.Event(), ack_within_s)
    await poll(f"receiver of {inbox.service}", partial(receiver.work, db), stop)


class _Receiver:
    def __init__(self, stream: JetStreamContext, inbox: Inbox, arrived: asyncio.Event, ack_within_s: float) -> None:
        self._stream = stream
        self._inbox = inbox
        self._arrived = arrived
        self._ack_within_s = ack_within_s
        self._subscription: JetStreamContext.PullSubscription | None = None
        self._held: dict[int, Msg] = {}  # by place in the stream; stays in hand when storing fails

    async def work(self, db: Database) -> int:
        """Store what is there, then acknowledge it; gives how much that was."""
        async with db.transaction() as conn:
            if not await conn.fetchval(_LOCK, f"{self._inbox.schema}.inbox_events"):
                await self._give_back()  # another process receives
                return 0
            if not await self._collect(await self._subscribed()):
                return 0
            messages = [self._held[place] for place in sorted(self._held)]
            events = [event for event in map(_decoded, messages) if event is not None]
            unfit = await self._inbox.receive(conn, events, goes_on=True) if events else {}
        for event_id, error in unfit.items():
            _log.error("event_unfit", service=self._inbox.service, event_id=str(event_id), error=reason(error))
        self._held.clear()
        for message in messages:
            await message.ack()
        if events:
            self._arrived.set()
        return len(messages)

    async def _subscribed(self) -> JetStreamContext.PullSubscription:
        if self._subscription is None:
            await ensure_stream(self._stream)
            await self._ensure_consumer()
            self._subscription = await self._stream.pull_subscribe_bind(self._inbox.service, STREAM)
        return self._subscription

    async def _ensure_consumer(self) -> None:
        """The server changes a consumer that is there to listen to what the service listens to now."""
        await self._stream.add_consumer(  # pyright: ignore[reportUnknownMemberType]  its **params have no type
            STREAM,
            ConsumerConfig(
                durable_name=self._inbox.service,
                description=f"Events for the {self._inbox.service} service",
                filter_subjects=sorted(_PREFIX + type_ for type_ in self._inbox.types),
                deliver_policy=DeliverPolicy.ALL,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self._ack_within_s,
                max_ack_pending=_BATCH,  # so all that is out fits one batch
            ),
        )

    async def _collect(self, subscription: JetStreamContext.PullSubscription) -> bool:
        """Fetch until everything that the server has out for this service is in hand; False when there is nothing.

        What a process that died had fetched comes again when its time to acknowledge is over.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + _COLLECT_WITHIN_S
        while loop.time() < until:
            for message in await self._fetch(subscription, _MORE_S if self._held else _FETCH_S):
                self._held[message.metadata.sequence.stream] = message
            if not self._held:
                return False
            info: ConsumerInfo = await subscription.consumer_info()
            if info.num_ack_pending == len(self._held):
                return True
        _log.warning("events_out_elsewhere", service=self._inbox.service, in_hand=len(self._held))
        await self._give_back()
        return False

    async def _give_back(self) -> None:
        while self._held:
            await self._held.popitem()[1].nak(delay=_FETCH_S)

    async def _fetch(self, subscription: JetStreamContext.PullSubscription, timeout_s: float) -> list[Msg]:
        try:
            return await subscription.fetch(_BATCH, timeout=timeout_s)
        except TimeoutError:  # the library's own, and the plain one that it lets through
            return []
        except Exception:
            # The server may have lost the consumer. A fetch that it still knows of must not catch what comes next.
            self._subscription = None
            with suppress(Exception):
                await subscription.unsubscribe()
            raise


def _decoded(message: Msg) -> Event | None:
    """None for what is no event of ours: somebody else wrote it into the stream, where it stays for a look."""
    try:
        return decode_event(message.data)
    except InputError:
        _log.error("event_malformed", subject=message.subject, sequence=message.metadata.sequence.stream)
        return None
