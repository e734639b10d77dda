"""A growing table of the coupon service, as tests of partitions need it: with old months, rows, and a writer."""

import threading
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from gasolinera.ops.reaching import Operations

Connection = psycopg.Connection[Any]
NOW = datetime.now(UTC)
THIS_MONTH = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month(back: int) -> datetime:
    """The first of the month so many months ago."""
    index = THIS_MONTH.year * 12 + THIS_MONTH.month - 1 - back
    return THIS_MONTH.replace(year=index // 12, month=index % 12 + 1)


def name_of(back: int, table: str = "scans") -> str:
    return f"{table}_{month(back):%Y_%m}"


def make_scans(operations: Operations, months_back: Iterable[int] = (), rows: int = 50) -> None:
    """Partitioned by the service's own function, to three months ahead, with awkward values in every old month."""
    with psycopg.connect(operations.ops_url, autocommit=True) as conn:
        conn.execute("SET ROLE coupon_owner")
        conn.execute(
            """CREATE TABLE coupon_schema.scans (
                   id bigint GENERATED ALWAYS AS IDENTITY, note text, place point, amount numeric(12, 2),
                   tags text[], raw bytea, created_at timestamptz NOT NULL DEFAULT now(),
                   CONSTRAINT scans_pk PRIMARY KEY (id, created_at)) PARTITION BY RANGE (created_at)"""
        )
        conn.execute("GRANT USAGE ON SCHEMA coupon_schema TO coupon_app")
        conn.execute("GRANT SELECT, INSERT ON coupon_schema.scans TO coupon_app")
        ahead = (month(0).date(), month(-4).date())
        conn.execute("SELECT coupon_schema.ensure_month_partitions('scans', %s, %s)", ahead)
        for back in months_back:
            add_month(conn, back, rows)


def add_month(conn: Connection, back: int, rows: int) -> None:
    """`conn` is of somebody who may become the owner."""
    conn.execute("SET ROLE coupon_owner")
    begin, end = month(back), month(back - 1)
    conn.execute("SELECT coupon_schema.ensure_month_partitions('scans', %s, %s)", (begin.date(), end.date()))
    conn.execute(
        r"""INSERT INTO coupon_schema.scans (note, place, amount, tags, raw, created_at)
           SELECT CASE WHEN n %% 7 = 0 THEN NULL WHEN n %% 7 = 1 THEN ''
                       WHEN n %% 7 = 2 THEN E'two\nlines, "quoted" ' || chr(92) || 'N' ELSE 'nota ñ ' || n END,
                  point(n, 1.0 / 3), n / 7.0, ARRAY['a,b', NULL, '"'], decode(md5(n::text), 'hex'),
                  %s::timestamptz + (n / %s::float8) * (%s::timestamptz - %s::timestamptz)
             FROM generate_series(0, %s - 1) AS n""",
        (begin, rows, end, begin, rows),
    )
    conn.execute("RESET ROLE")


def rows_of(operations: Operations, table: str) -> list[tuple[Any, ...]]:
    """In a text that does not depend on us."""
    with psycopg.connect(operations.ops_url, autocommit=True) as conn:
        return conn.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1".encode()).fetchall()


def set_rule(operations: Operations, action: str, keep_months: int | None, *, ahead: int = 3) -> None:
    """For the table `scans`."""
    with psycopg.connect(operations.ops_url, autocommit=True) as conn:
        conn.execute("DELETE FROM ops_schema.partition_rules WHERE table_pattern = 'scans'")
        conn.execute(
            """INSERT INTO ops_schema.partition_rules
                   (service, table_pattern, action, keep_months, reason, explanation, months_ahead)
               VALUES ('coupon', 'scans', %s, %s, 'SPACE', 'A test says so.', %s)""",
            (action, keep_months, ahead),
        )


class Written:
    """What a writer did: the keys it got, what failed, and the longest that one row took."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.failures: list[Exception] = []
        self.longest_s = 0.0

    def wait_for(self, rows: int) -> None:
        """Until so many are written, or something failed."""
        while len(self.ids) < rows and not self.failures:
            time.sleep(0.01)


@contextmanager
def writing(url: str, statement: str, per_second: int = 500) -> Generator[Written]:
    """A writer of its own connection, who goes on until the block ends."""
    written, stop = Written(), threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as conn:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    row = conn.execute(statement.encode()).fetchone()
                    assert row is not None
                    written.ids.append(row[0])
                except psycopg.Error as error:
                    written.failures.append(error)
                took = time.monotonic() - began
                written.longest_s = max(written.longest_s, took)
                time.sleep(max(0.0, 1 / per_second - took))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()
