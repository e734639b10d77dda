"""The flow of events in one process: relays of its publishers, receivers and effects of its consumers, until told to
stop. Any number of processes may run it at once.

Without NATS a relay writes straight into the inboxes of the consumers, so the process needs the databases of all of
them. With it, each process needs only the databases of its own services.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from gasolinera.database import Database
from gasolinera.errors import ConfigError
from gasolinera.event_upkeep import watch_lag
from gasolinera.inbox import Inbox
from gasolinera.nats import open_nats, publisher, run_receiver
from gasolinera.parts import Parts
from gasolinera.polling import poll
from gasolinera.relay import InboxTransport, Relay, Transport


async def run_events(
    databases: Mapping[str, Database], parts: Sequence[Parts], stop: asyncio.Event, *, nats_url: str | None = None
) -> None:
    """Everything that a worker does about events, for the services of `databases`. Ends when `stop` is set.

    `parts` are those of the whole platform, not only of this process: they say who listens. Raises ConfigError when
    a listener's database is not here and no NATS either: its events would be lost.
    """
    arrived = {part.name: asyncio.Event() for part in parts}
    transport = None if nats_url else embedded_transport(databases, parts, arrived)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch_lag(databases, parts, stop))
        tasks.create_task(run_consumers(databases, parts, stop, arrived))
        if nats_url:
            tasks.create_task(_run_nats(nats_url, databases, parts, stop, arrived))
        elif transport is not None:
            tasks.create_task(run_relay(databases, parts, stop, transport))


async def run_relay(
    databases: Mapping[str, Database], parts: Sequence[Parts], stop: asyncio.Event, transport: Transport
) -> None:
    """The relays of the publishers among these databases."""
    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            if part.outbox is not None and part.name in databases:
                relay = Relay(part.name, part.outbox.schema, transport)
                step = partial(relay.work, databases[part.name])
                tasks.create_task(poll(f"relay of {part.name}", step, stop))


async def run_consumers(
    databases: Mapping[str, Database],
    parts: Sequence[Parts],
    stop: asyncio.Event,
    arrived: Mapping[str, asyncio.Event] | None = None,
) -> None:
    """The effects of what is in the inboxes of these databases. `arrived`, by service, ends a pause early."""
    async with asyncio.TaskGroup() as tasks:
        for part, inbox in inboxes_of(parts):
            if part.name in databases:
                step = partial(inbox.work, databases[part.name])
                wake = None if arrived is None else arrived[part.name]
                tasks.create_task(poll(f"consumers of {part.name}", step, stop, wake=wake))


def inboxes_of(parts: Sequence[Parts]) -> list[tuple[Parts, Inbox]]:
    """The inbox of each service that listens to something."""
    return [(part, Inbox(part.name, part.schema, part.consumers)) for part in parts if part.consumers]


def embedded_transport(
    databases: Mapping[str, Database], parts: Sequence[Parts], arrived: Mapping[str, asyncio.Event]
) -> Transport:
    """Into the inboxes of all that listen. Raises ConfigError `events.listener_elsewhere` when one is out of reach."""
    inboxes = inboxes_of(parts)
    missing = [part.name for part, _ in inboxes if part.name not in databases]
    if missing and any(part.outbox is not None and part.name in databases for part in parts):
        raise ConfigError(
            "events.listener_elsewhere",
            f"events for {', '.join(missing)} would be lost: this process does not reach its database",
            "set GASOLINERA_NATS_URL, or give the worker the addresses of all services' databases",
        )
    return InboxTransport(
        [(inbox, databases[part.name], arrived[part.name]) for part, inbox in inboxes if part.name in databases]
    )


async def _run_nats(
    url: str,
    databases: Mapping[str, Database],
    parts: Sequence[Parts],
    stop: asyncio.Event,
    arrived: Mapping[str, asyncio.Event],
) -> None:
    async with open_nats(url, stop) as connection, asyncio.TaskGroup() as tasks:
        if connection is None:
            return
        tasks.create_task(run_relay(databases, parts, stop, publisher(connection)))
        for part, inbox in inboxes_of(parts):
            if part.name in databases:
                receiving = run_receiver(connection, inbox, databases[part.name], stop, arrived=arrived[part.name])
                tasks.create_task(receiving)
