"""How long tickets take to enter a raffle by event, beside what nobody can do without.

`python -m bench.entries [--tickets 100000] [--each 10] [--rounds 3] [--write]` starts a server of its own. In each
round, in turn: the consumers of the raffle service empty an inbox that holds the messages; the floor puts the rows that
came of it into an empty copy of the tables with the same indexes, keys and CHECKs, by multi-row INSERTs of as many
entries as a batch has, and counts participants and tickets in the same tables. The floor has no triggers and is given
hashes and tags. Times are of the wall, medians of the rounds.
"""

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import psycopg

from bench.entries import data, page
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.inbox import Inbox
from gasolinera.raffle.events import CONSUMERS
from vuelo import embedded
from vuelo.embedded import Server

_PAGE = Path(__file__).parents[2] / "docs/reference/raffle-entry-benchmarks.md"
_BATCH = 500
_ENTRIES = """
INSERT INTO raffle_schema.raffle_entries
       (raffle_id, issuance_id, user_id, source, entered_at, ticket_count, entry_hash, owner_tag)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::integer[], $7::bytea[],
                     $8::bytea[])
RETURNING id"""
_TICKETS = """
INSERT INTO raffle_schema.raffle_tickets (raffle_id, entry_id, ticket_number, user_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[])"""
_PARTICIPANTS = """
INSERT INTO raffle_schema.raffle_participants AS p (raffle_id, user_id, ticket_count)
SELECT raffle_id, user_id, sum(tickets)
  FROM unnest($1::bigint[], $2::uuid[], $3::integer[]) AS c (raffle_id, user_id, tickets)
 GROUP BY raffle_id, user_id ORDER BY raffle_id, user_id
    ON CONFLICT (raffle_id, user_id) DO UPDATE SET ticket_count = p.ticket_count + excluded.ticket_count"""
_COUNTERS = """
INSERT INTO raffle_schema.raffle_counters AS s (raffle_id, shard, ticket_count, participant_count)
VALUES ($1, 0, $2, $3)
    ON CONFLICT (raffle_id, shard) DO UPDATE
   SET ticket_count = s.ticket_count + excluded.ticket_count,
       participant_count = s.participant_count + excluded.participant_count"""
_MADE = """
SELECT e.raffle_id, e.issuance_id, e.user_id, e.source, e.entered_at, e.ticket_count, e.entry_hash, e.owner_tag,
       array_agg(t.ticket_number) AS numbers
  FROM raffle_schema.raffle_entries AS e JOIN raffle_schema.raffle_tickets AS t ON t.entry_id = e.id
  JOIN raffle_schema.raffles AS r ON r.id = e.raffle_id AND r.raffle_code = 'BENCH'
 GROUP BY e.id ORDER BY e.id"""


class Round(NamedTuple):
    """Seconds; `quarters` of the intake, by which one sees whether it is linear."""

    intake_s: float
    floor_s: float
    quarters: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=10, help="tickets a message")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write the page")
    chosen = parser.parse_args()
    with embedded.temporary() as server:
        data.prepare(server, chosen.tickets // chosen.each, chosen.each)
        rounds = [_round(server, number) for number in range(1, chosen.rounds + 1)]
    ratio = statistics.median(one.intake_s / one.floor_s for one in rounds)
    intake_s, floor_s = (statistics.median(values) for values in zip(*(one[:2] for one in rounds), strict=True))
    quarters = [statistics.median(values) for values in zip(*(one.quarters for one in rounds), strict=True)]
    found = page.Found(chosen.tickets, chosen.each, chosen.rounds, intake_s, floor_s, ratio, tuple(quarters))
    sys.stdout.write(page.text(found))
    if chosen.write:
        _PAGE.write_text(page.text(found), encoding="utf-8")


def _round(server: Server, number: int) -> Round:
    data.clone(server, "intake")
    quarters = asyncio.run(_intake(server))
    data.clone(server, "floor")
    floor_s = asyncio.run(_floor(server))
    _same_counts(server)
    data.drop(server, "floor")
    data.drop(server, "intake")
    found = Round(sum(quarters), floor_s, quarters)
    sys.stderr.write(f"round {number}: intake {found.intake_s:.2f} s, floor {floor_s:.2f} s\n")
    return found


async def _intake(server: Server) -> tuple[float, ...]:
    """Seconds of each quarter of the messages."""
    url = server.dsn("intake", "raffle_app")
    settings = Settings.model_validate({"environment": "test", "raffle_database_url": url})
    inbox = Inbox("raffle", "raffle_schema", CONSUMERS)
    async with open_database(settings, "raffle") as db:
        async with db.connection() as conn:
            waiting = int(await conn.fetchval("SELECT count(*) FROM raffle_schema.inbox_events"))
        quarters: list[float] = []
        started, done = time.perf_counter(), 0
        while settled := await inbox.work(db):
            done += settled
            if done >= waiting * (len(quarters) + 1) / 4:
                quarters.append(time.perf_counter() - started)
                started = time.perf_counter()
    assert done == waiting, (done, waiting)
    return tuple(quarters)


async def _floor(server: Server) -> float:
    made = await asyncpg.connect(server.dsn("intake"))
    rows = await made.fetch(_MADE)
    await made.close()
    with psycopg.connect(server.url("floor"), autocommit=True) as admin:
        for table in ("raffle_entries", "raffle_tickets", "raffle_participants"):
            admin.execute(f"ALTER TABLE raffle_schema.{table} DISABLE TRIGGER USER".encode())
    conn = await asyncpg.connect(server.dsn("floor"))
    batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
    seen: set[Any] = set()
    new_people: list[int] = []
    for batch in batches:
        before = len(seen)
        seen |= {row["user_id"] for row in batch}
        new_people.append(len(seen) - before)
    started = time.perf_counter()
    for batch, newcomers in zip(batches, new_people, strict=True):
        async with conn.transaction():
            await _insert(conn, batch, newcomers)
    took_s = time.perf_counter() - started
    await conn.close()
    return took_s


async def _insert(conn: "asyncpg.Connection[asyncpg.Record]", batch: list[Any], newcomers: int) -> None:
    columns = [[row[name] for row in batch] for name in list(batch[0].keys())[:8]]
    ids = [record["id"] for record in await conn.fetch(_ENTRIES, *columns)]
    tickets = [
        (row["raffle_id"], entry_id, ticket, row["user_id"])
        for row, entry_id in zip(batch, ids, strict=True)
        for ticket in row["numbers"]
    ]
    await conn.execute(_TICKETS, *(list(column) for column in zip(*tickets, strict=True)))
    await conn.execute(_PARTICIPANTS, columns[0], columns[2], columns[5])
    await conn.execute(_COUNTERS, batch[0]["raffle_id"], len(tickets), newcomers)


def _same_counts(server: Server) -> None:
    """Both ways leave the same rows and counts, and the counts are those of the rows."""
    totals: list[Any] = []
    for name in ("intake", "floor"):
        with psycopg.connect(server.url(name)) as conn:
            totals += conn.execute(
                """
                SELECT t.ticket_count, t.participant_count, count(*), count(DISTINCT k.user_id)
                  FROM raffle_schema.raffle_totals AS t JOIN raffle_schema.raffle_tickets AS k USING (raffle_id)
                 WHERE t.raffle_code = 'BENCH' GROUP BY 1, 2
                """
            ).fetchall()
    assert totals[0] == totals[1], totals
    assert totals[0][:2] == totals[0][2:], totals


if __name__ == "__main__":
    main()
