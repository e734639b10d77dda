"""`python -m bench.checks [--tables N] [--rounds N] [--output FILE]`: writes docs/reference/check-benchmarks.md.

A round of `ops check` without the group `data`, on the platform's own schemas and thousands of tables beside them, each
with a primary key, an index, an identity and a reference. Rounds are timed as the command makes them, connecting
included; the machine is shared, so that the median and the worst are both told.
"""

import argparse
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import psycopg
from tests.conftest import project_at

import vuelo
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.checking import Group, Rule
from gasolinera.ops.checking_questions import Memory, look
from gasolinera.ops.checking_rounds import Wanted, check_operations, places_of
from gasolinera.ops.checking_rules import QUESTIONS
from gasolinera.ops.reaching import Operations, ops_session
from vuelo import embedded
from vuelo.embedded import Server

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "check-benchmarks.md"
_AT_ONCE = 100
_LIMIT_S = 2.0
_SLOWEST = 12

Connection = psycopg.Connection[Any]


class Figures(msgspec.Struct, frozen=True):
    tables: int
    indexes: int
    server: str
    rounds: list[float]
    checks: list[tuple[str, float]]


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.checks")
    arguments.add_argument("--tables", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    with embedded.temporary(settings={"max_locks_per_transaction": "1024"}) as server:
        operations = _platform(server)
        with psycopg.connect(operations.ops_url, autocommit=True) as conn:
            _fill(conn, chosen.tables)
        figures = _measured(operations, chosen.rounds)
    chosen.output.write_text(_page(figures), encoding="utf-8")


def _platform(server: Server) -> Operations:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE checked")
    url = server.url("checked")
    project = project_at(url, "test")
    roles.initialise(project)
    vuelo.migrate(project)
    operations_schema.install(url)
    return Operations(project, url)


def _fill(conn: Connection, tables: int) -> None:
    conn.execute("SET search_path = station_schema")
    for first in range(0, tables, _AT_ONCE):
        # Each part refers to a table of its own: one that thousands refer to makes each more expensive to add.
        statements = [
            f"CREATE TABLE bench_{n} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            f" parent_id bigint REFERENCES bench_{first} (id), note text); CREATE INDEX ON bench_{n} (parent_id)"
            for n in range(first, min(first + _AT_ONCE, tables))
        ]
        conn.execute("; ".join(statements).encode())
    conn.execute("ANALYZE pg_class")
    conn.execute("ANALYZE pg_attribute")


def _measured(operations: Operations, rounds: int) -> Figures:
    wanted = Wanted(without=frozenset({Group.DATA}))
    check_operations(operations, wanted)  # catalogs into memory, as where a timer runs every minute
    took: list[float] = []
    for _ in range(rounds):
        began = perf_counter()
        check_operations(operations, wanted)
        took.append(perf_counter() - began)
    [place] = places_of(operations)
    with ops_session(operations.ops_url) as conn:
        counts = conn.execute(
            "SELECT count(*) FILTER (WHERE relkind IN ('r', 'p')), count(*) FILTER (WHERE relkind IN ('i', 'I')),"
            " current_setting('server_version') FROM pg_class"
        ).fetchone()
        assert counts is not None
        checks = [(rule.name, _time_of(conn, place.schemas, rule)) for rule in QUESTIONS]
    return Figures(counts[0], counts[1], counts[2], took, sorted(checks, key=lambda one: -one[1]))


def _time_of(conn: Connection, schemas: Sequence[str], rule: Rule) -> float:
    times: list[float] = []
    for _ in range(3):
        began = perf_counter()
        look(conn, schemas, [rule], Memory())
        times.append(perf_counter() - began)
    return statistics.median(times)


def _page(figures: Figures) -> str:
    median, worst = statistics.median(figures.rounds), max(figures.rounds)
    slow = "\n".join(f"| `{name}` | {1000 * seconds:.0f} ms |" for name, seconds in figures.checks[:_SLOWEST])
    return f"""# Benchmarks of health checks

Written by `make bench-checks`. A round of `ops check` without the group `data` and without `drift`, on
PostgreSQL {figures.server} with {figures.tables:,} tables and {figures.indexes:,} indexes, on two shared cores
({platform.machine()}), in memory.

| what | time | limit |
| --- | --- | --- |
| a whole round, median of {len(figures.rounds)} | {median:.2f} s | {_LIMIT_S:.0f} s |
| the slowest of them | {worst:.2f} s | |

The slowest questions, each with the one statement that asks what a role may see:

| check | time |
| --- | --- |
{slow}
"""


if __name__ == "__main__":
    main()
