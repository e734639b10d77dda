"""What a database does at this moment: sessions by state, old transactions, rates between two looks, waiting events."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.ops.live import PRIVILEGE, UNREACHABLE, Connection, Place, place_session, rows_of, sees_others
from gasolinera.ops.masking import masked

_OLDEST_SHOWN: Final = 8
_STATEMENT_SHOWN: Final = 300
_OUTBOX = """
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM clock_timestamp() - min(o.created_at)), 0)::double precision AS oldest_s
  FROM {}.outbox_events AS o
 WHERE o.published_at IS NULL
"""


class Counters(msgspec.Struct, frozen=True):
    """Since the statistics were reset. `at`: seconds by the server's clock."""

    at: float
    commits: int
    rollbacks: int
    blocks_hit: int
    blocks_read: int
    rows_read: int
    rows_written: int
    temporary_bytes: int
    deadlocks: int
    wal_bytes: float
    size_bytes: int
    is_standby: bool
    connections_possible: int


class Rates(msgspec.Struct, frozen=True):
    """Of the seconds between two looks. `cache_hit_ratio`: None where nothing was read; WAL is the whole server's."""

    seconds: float
    commits_per_s: float
    rollbacks_per_s: float
    rows_read_per_s: float
    rows_written_per_s: float
    wal_bytes_per_s: float
    temporary_bytes_per_s: float
    deadlocks: int
    cache_hit_ratio: float | None


class Session(msgspec.Struct, frozen=True):
    """`statement` is masked; it is the last one of a session that is idle in its transaction."""

    pid: int
    role: str | None
    application: str
    state: str
    waits_for: str | None
    waits_on: str | None
    connected_at: datetime
    transaction_s: float | None
    statement_s: float | None
    statement: str


class OutboxLag(msgspec.Struct, frozen=True):
    service: str
    waiting: int
    oldest_s: float


class Activity(msgspec.Struct, frozen=True):
    """Of one place. `reason`: why nothing, or not all, can be said: unreachable, or privilege when others' sessions are
    hidden. `oldest`: of open transactions, the oldest first. `outboxes`: of services whose outbox can be read.
    """

    place: str
    reason: str | None = None
    counters: Counters | None = None
    rates: Rates | None = None
    sessions: int = 0
    states: dict[str, int] = {}
    waiting: int = 0
    oldest: tuple[Session, ...] = ()
    outboxes: tuple[OutboxLag, ...] = ()


def read_activity(place: Place, before: Counters | None = None) -> Activity:
    """`before`: what an earlier look has counted. Never raises for a database that cannot be asked."""
    try:
        with place_session(place) as conn:
            return _read(conn, place, before)
    except psycopg.errors.InsufficientPrivilege:
        return Activity(place.name, PRIVILEGE)
    except psycopg.OperationalError:  # and what took too long
        return Activity(place.name, UNREACHABLE)


def _read(conn: Connection, place: Place, before: Counters | None) -> Activity:
    (counters,) = rows_of(conn, Counters, "counters")
    sessions = [
        msgspec.structs.replace(one, statement=masked(one.statement, most=_STATEMENT_SHOWN))
        for one in rows_of(conn, Session, "activity")
    ]
    return Activity(
        place=place.name,
        reason=None if sees_others(conn) else PRIVILEGE,
        counters=counters,
        rates=rates_between(before, counters),
        sessions=len(sessions),
        states=dict(Counter(one.state or "hidden" for one in sessions)),
        waiting=sum(one.waits_for == "Lock" for one in sessions),
        oldest=tuple(one for one in sessions if one.transaction_s is not None)[:_OLDEST_SHOWN],
        outboxes=_outboxes(conn, place.schemas),
    )


def rates_between(before: Counters | None, now: Counters) -> Rates | None:
    """None without an earlier look, and where the statistics were reset or the server was changed meanwhile. Pure."""
    if before is None or now.at <= before.at or now.commits < before.commits or now.wal_bytes < before.wal_bytes:
        return None
    seconds = now.at - before.at
    hit, read = now.blocks_hit - before.blocks_hit, now.blocks_read - before.blocks_read

    def per_s(name: str) -> float:
        return (getattr(now, name) - getattr(before, name)) / seconds

    return Rates(
        seconds=seconds,
        commits_per_s=per_s("commits"),
        rollbacks_per_s=per_s("rollbacks"),
        rows_read_per_s=per_s("rows_read"),
        rows_written_per_s=per_s("rows_written"),
        wal_bytes_per_s=per_s("wal_bytes"),
        temporary_bytes_per_s=per_s("temporary_bytes"),
        deadlocks=now.deadlocks - before.deadlocks,
        cache_hit_ratio=hit / (hit + read) if hit + read else None,
    )


def _outboxes(conn: Connection, schemas: Mapping[str, str]) -> tuple[OutboxLag, ...]:
    found: list[OutboxLag] = []
    for service, schema in schemas.items():
        try:
            row: Any = conn.execute(sql.SQL(_OUTBOX).format(sql.Identifier(schema))).fetchone()
        except (
            psycopg.errors.InsufficientPrivilege,
            psycopg.errors.UndefinedTable,
            psycopg.errors.LockNotAvailable,
            psycopg.errors.QueryCanceled,
        ):
            continue
        found.append(OutboxLag(service, row[0], row[1]))
    return tuple(found)
