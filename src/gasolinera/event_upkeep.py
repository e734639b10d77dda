"""How far events are behind, told to the metrics while a worker runs; and old rows, which a job deletes."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from prometheus_client import Gauge

from gasolinera import metrics
from gasolinera.database import Connection, Database, fetch_one
from gasolinera.event_tables import statements_of
from gasolinera.jobs import Job
from gasolinera.parts import Parts
from gasolinera.polling import repeat

_WATCH_EVERY_S = 10.0
_PURGE_AT_ONCE = 5_000
# An inbox remembers an event for longer than any transport repeats it: a stream keeps seven days.
_KEEP_DAYS = {"purge_published": 14, "purge_settled": 30, "purge_replayed": 90}
_INBOX_LAG = Gauge(
    "inbox_lag_seconds",
    "Age of the oldest event that came in and has not had its effect.",
    ["service"],
    registry=metrics.REGISTRY,
    multiprocess_mode="mostrecent",
)
_INBOX_PENDING = Gauge(
    "inbox_pending_events",
    "Events that came in and have not had their effect.",
    ["service"],
    registry=metrics.REGISTRY,
    multiprocess_mode="mostrecent",
)


class Lag(msgspec.Struct, frozen=True):
    """Counts, and the ages in seconds of the oldest."""

    unpublished: int
    oldest_unpublished_s: float
    unsettled: int
    oldest_unsettled_s: float
    dead_letters: int


async def read_lag(conn: Connection, schema: str) -> Lag:
    return await fetch_one(conn, Lag, statements_of(schema)["lag"])


async def watch_lag(databases: Mapping[str, Database], parts: Sequence[Parts], stop: asyncio.Event) -> None:
    """Set the gauges of these databases every ten seconds until `stop`."""
    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            if part.name in databases:
                step = partial(_measure, databases[part.name], part)
                tasks.create_task(repeat(f"lag of {part.name}", step, stop, every_s=_WATCH_EVERY_S))


async def _measure(db: Database, part: Parts) -> None:
    async with db.connection() as conn:
        lag = await read_lag(conn, part.schema)
    metrics.set_outbox(part.name, pending=lag.unpublished, lag_s=lag.oldest_unpublished_s)
    _INBOX_PENDING.labels(part.name).set(lag.unsettled)
    _INBOX_LAG.labels(part.name).set(lag.oldest_unsettled_s)
    metrics.set_dead_letters(part.name, lag.dead_letters)


def purge_job(service: str, schema: str) -> Job:
    """The daily job that forgets events of a service: published 14 days ago, settled 30, replayed 90."""

    async def run(db: Database, _arguments: Mapping[str, str]) -> str:
        return f"{await purge(db, schema)} rows of old events deleted"

    return Job(
        name=f"{service}.purge_events",
        service=service,
        summary="Delete events that were published, settled or replayed long ago.",
        run=run,
        schedule="23 4 * * *",
    )


async def purge(db: Database, schema: str, *, keep_days: Mapping[str, int] = _KEEP_DAYS) -> int:
    """In short transactions, so that nobody waits; gives how many rows are gone."""
    sql, deleted = statements_of(schema), 0
    for name, days in keep_days.items():
        while True:
            async with db.connection() as conn:
                count = int((await conn.execute(sql[name], days, _PURGE_AT_ONCE)).removeprefix("DELETE "))
            deleted += count
            if count < _PURGE_AT_ONCE:
                break
    return deleted
