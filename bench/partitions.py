"""How long others wait for partition work: for one that is made, and for a plain table that becomes one by month.

`python -m bench.partitions [--rows 3000000] [--rounds 20] [--bin FOLDER]` starts a server of its own, with data that
survive a crash (fsync on). A writer adds a row every two milliseconds all the while. For partitions that are made the
time is from the first statement to the commit, which is longer than any lock is held; for the conversion it is the
longest that one of the writer's rows took, beside the same without any conversion, and the time that the table was
locked.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg

import vuelo
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.partition_conversions import read_conversion
from gasolinera.ops.partition_converting import convert_table
from gasolinera.ops.partition_making import make_partition, newest
from gasolinera.ops.partition_rules import month_of, months_on
from gasolinera.ops.partition_tables import Span
from gasolinera.ops.reaching import Operations, owner_session
from vuelo import embedded

_CONFIG = Path(__file__).parents[1] / "vuelo.toml"
_LIMIT_CREATION_MS, _LIMIT_STALL_MS = 50, 200
_INSERT = "INSERT INTO coupon_schema.bench_scans (station, note) VALUES (3, 'w') RETURNING id"
_TABLE = """
CREATE TABLE coupon_schema.bench_scans (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, station int NOT NULL, note text,
    created_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX bench_scans_station_idx ON coupon_schema.bench_scans (station, created_at);
INSERT INTO coupon_schema.bench_scans (station, note, created_at)
SELECT n % 500, 'a note of some length, as people write them: ' || n, now() - n * interval '5 seconds'
  FROM generate_series(1, {rows}) AS n;
"""


class Writes(NamedTuple):
    rows: int
    failures: int
    longest_ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bin", type=Path, default=None)
    chosen = parser.parse_args()
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with embedded.temporary(bin_dir=chosen.bin, settings=durable) as server:
        url = server.url()
        project = vuelo.Project.load(_CONFIG, environment="production", variables={"GASOLINERA_DATABASE_URL": url})
        roles.initialise(project)
        vuelo.migrate(project.only(["coupon"]))
        operations_schema.install(url)
        operations = Operations(project, url)
        _creation(operations, url, chosen.rounds)
        _conversion(operations, url, chosen.rows)


def _creation(operations: Operations, url: str, rounds: int) -> None:
    took: list[float] = []
    insert = (
        "INSERT INTO coupon_schema.coupon_audit_log (action, coupon_code, actor) "
        "VALUES ('COUPON_SUSPENDED', 'BENCH', 'bench') RETURNING id"
    )
    with owner_session(operations.service("coupon")) as conn, _writing(url, insert) as writes:
        for ahead in range(10, 10 + rounds):
            begin = months_on(month_of(datetime.now(UTC)), ahead)
            table = newest(conn, "coupon", "coupon_schema", "coupon_audit_log")
            assert table is not None
            began = time.perf_counter()
            assert make_partition(conn, table, Span(begin, months_on(begin, 1))) is not None
            took.append((time.perf_counter() - began) * 1000)
    done = writes[0]
    print(  # noqa: T201
        f"creation of a partition: median {statistics.median(took):.1f} ms, longest {max(took):.1f} ms "
        f"(limit {_LIMIT_CREATION_MS}); {done.rows} rows beside it, {done.failures} failed, "
        f"the slowest took {done.longest_ms:.1f} ms"
    )


def _conversion(operations: Operations, url: str, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("SET ROLE coupon_owner")
        conn.execute(_TABLE.format(rows=rows).encode())
        conn.execute("ANALYZE coupon_schema.bench_scans")
        conn.execute("RESET ROLE")
        conn.execute("CHECKPOINT")
    with _writing(url, _INSERT) as alone:
        time.sleep(5)
    plan = read_conversion(operations, "coupon", "bench_scans", "created_at")
    began = time.perf_counter()
    with _writing(url, _INSERT) as beside:
        result = convert_table(operations, plan)
        took_s = time.perf_counter() - began
    print(  # noqa: T201
        f"conversion of {rows:,} rows: {took_s:.1f} s, locked for {result.locked_ms:.1f} ms; the slowest of "
        f"{beside[0].rows} rows took {beside[0].longest_ms:.1f} ms (limit {_LIMIT_STALL_MS}; without a conversion "
        f"{alone[0].longest_ms:.1f} ms), {beside[0].failures} failed"
    )
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*), count(DISTINCT id) FROM coupon_schema.bench_scans").fetchone()
    expected = rows + alone[0].rows + beside[0].rows
    assert row == (expected, expected), f"{row} rows, {expected} were written"


@contextmanager
def _writing(url: str, statement: str) -> Generator[list[Writes]]:
    """The list has what was written once the block has ended."""
    stop, done, took, failures = threading.Event(), list[Writes](), list[float](), list[Exception]()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            while not stop.is_set():
                began = time.perf_counter()
                try:
                    conn.execute(statement.encode())
                except psycopg.Error as error:
                    failures.append(error)
                took.append(time.perf_counter() - began)
                time.sleep(max(0.0, 0.002 - took[-1]))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()
        done.append(Writes(len(took) - len(failures), len(failures), max(took, default=0.0) * 1000))


if __name__ == "__main__":
    main()
