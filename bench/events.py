"""How fast events drain: 20,000 of 2,000 aggregates, from a full outbox through the inbox to their effects.

`python -m bench.events` starts a server of its own, and prints events a second beside the least that any outbox on
PostgreSQL does: the same rows marked by `UPDATE … FOR UPDATE SKIP LOCKED`, 100 a statement, over one connection.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psycopg

import vuelo
from gasolinera.config import Settings
from gasolinera.database import Connection, Database, open_database
from gasolinera.events import Consumer, Event
from gasolinera.inbox import Inbox
from gasolinera.ops import roles
from gasolinera.relay import InboxTransport, Relay
from vuelo import embedded
from vuelo.embedded import Server

EVENTS = 20_000
_CONFIG = Path(__file__).parents[1] / "vuelo.toml"
_ROUNDS = 3

_FILL = f"""
INSERT INTO auth_schema.outbox_events (event_type, aggregate_type, aggregate_key, payload)
SELECT 'user.changed', 'user', 'user-' || n % 2000,
       jsonb_build_object('public_id', gen_random_uuid(), 'role', 'CUSTOMER', 'active', true)
  FROM generate_series(1, {EVENTS}) AS n"""  # noqa: S608  a number
_RAW = """
UPDATE auth_schema.outbox_events SET published_at = now()
 WHERE id IN (SELECT id FROM auth_schema.outbox_events WHERE published_at IS NULL
               ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)"""


def main() -> None:
    with embedded.temporary() as server:
        settings = _prepare(server)
        rates = [asyncio.run(_measure(settings, server)) for _ in range(_ROUNDS)]
    best = {name: max(rate[name] for rate in rates) for name in rates[0]}
    for name, rate in best.items():
        sys.stdout.write(f"{name:28} {rate:10,.0f} events/s   {rate / best['raw UPDATE']:5.2f} x raw\n")


def _prepare(server: Server) -> Settings:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE bench")
    variables = {"GASOLINERA_DATABASE_URL": server.url("bench")}
    project = vuelo.Project.load(_CONFIG, environment="test", variables=variables)
    roles.initialise(project)
    vuelo.migrate(project)
    with psycopg.connect(server.url("bench"), autocommit=True) as conn:
        conn.execute("CREATE TABLE station_schema.effects (event_id uuid, subject text)")
        conn.execute("GRANT INSERT ON station_schema.effects TO station_app")
    return Settings.model_validate({"environment": "test", "database_url": server.dsn("bench")})


async def _measure(settings: Settings, server: Server) -> dict[str, float]:
    """Events a second of each part, on tables that were emptied before."""
    inbox = Inbox("station", "station_schema", [Consumer("station", frozenset({"user.changed"}), _effect)])
    async with open_database(settings, "auth") as auth, open_database(settings, "station") as station:
        _fill(server)
        raw = await _timed(lambda: _raw(auth))
        _fill(server)
        relay = Relay("auth", "auth_schema", InboxTransport([(inbox, station, asyncio.Event())]))
        out = await _timed(lambda: relay.work(auth))
        effects = await _timed(lambda: inbox.work(station))
    return {
        "raw UPDATE": EVENTS / raw,
        "relay: outbox to inbox": EVENTS / out,
        "consumer: inbox to effect": EVENTS / effects,
        "both, one after the other": EVENTS / (out + effects),
    }


def _fill(server: Server) -> None:
    with psycopg.connect(server.url("bench"), autocommit=True) as conn:
        conn.execute("TRUNCATE auth_schema.outbox_events, station_schema.inbox_events, station_schema.effects")
        conn.execute(_FILL.encode())
        conn.execute("VACUUM ANALYZE auth_schema.outbox_events, station_schema.inbox_events")


async def _timed(work: Callable[[], Awaitable[int]]) -> float:
    begun = time.perf_counter()
    while await work():
        pass
    return time.perf_counter() - begun


async def _raw(db: Database) -> int:
    async with db.connection() as conn:
        return int((await conn.execute(_RAW)).removeprefix("UPDATE "))


async def _effect(conn: Connection, event: Event) -> None:
    await conn.execute("INSERT INTO station_schema.effects VALUES ($1, $2)", event.id, event.subject)


if __name__ == "__main__":
    main()
