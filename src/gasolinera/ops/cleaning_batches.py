"""Old rows go in small batches, each a transaction of its own, with rests between them.

A process that is killed has done what it has done, and the next run goes on. Rows that somebody else has locked are
passed over. Nobody waits for us for longer than a batch, and we for nobody longer than the lock timeout.
"""

import time
from collections.abc import Generator, Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.ops.cleaning_rules import SQL, Connection, Rule
from gasolinera.ops.cleaning_targets import Leaf, Target, change_of

_TRIES: Final = 6
_FIRST_WAIT_S: Final = 0.1
_FIRST_ROWS: Final = 250
_FEWEST_ROWS: Final = 10
_FIRST_BLOCKS: Final = 16
_MOST_BLOCKS: Final = 4096
_SESSION: Final = (
    "SET lock_timeout = '500ms'",
    "SET statement_timeout = '30s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # What a crash of the server brings back goes with the next run: no batch waits for the disk, or makes others wait.
    "SET synchronous_commit = off",
)
_RETRIED: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a run works: batches grow and shrink towards `batch_s`, and it rests for `rest` times as long."""

    batch_s: float = 0.05
    rest: float = 1.0
    most_rest_s: float = 5.0


class Batch(msgspec.Struct, frozen=True):
    rows: int
    seconds: float
    rested_s: float


def prepare(conn: Connection) -> None:
    """How the session behaves from now on."""
    for setting in _SESSION:
        conn.execute(setting.encode())


def batches(conn: Connection, rule: Rule, target: Target, leaf: Leaf, pace: Pace) -> Generator[Batch]:
    """Each is committed when it is given. Raises what psycopg raises, lock timeouts after some tries."""
    walk = _by_time if leaf.is_indexed else _by_place
    try:
        yield from walk(conn, rule, target, leaf, pace)
    except psycopg.errors.UndefinedTable:
        if leaf.name == rule.table:
            raise
        # A partition that was dropped meanwhile took its rows along.


def function_batches(conn: Connection, rule: Rule, schema: str, pace: Pace) -> Generator[Batch]:
    """By the service's own function, until it does fewer than it may."""
    assert rule.function is not None
    call = sql.SQL("SELECT {}(%s)").format(sql.Identifier(schema, rule.function))
    size = min(rule.batch_size, _FIRST_ROWS)
    while True:
        began = time.monotonic()
        (rows,) = _committed(conn, call, (size,))
        took = time.monotonic() - began
        yield Batch(rows, took, _rest(pace, took))
        if rows < size:
            return
        size = _next_size(size, took, rule, pace)


def _by_time(conn: Connection, rule: Rule, target: Target, leaf: Leaf, pace: Pace) -> Generator[Batch]:
    """The oldest first, each batch from where the last one ended: what is deleted stays in the index until a vacuum,
    and whoever began at its beginning each time would read all of it again. A second pass takes what was locked.
    """
    size = min(rule.batch_size, _FIRST_ROWS)
    for _ in range(2):
        since: Any = None
        total = 0
        while True:
            began = time.monotonic()
            try:
                found, rows, last = _committed(conn, _timed_batch(rule, target, leaf, since, size))
            except psycopg.errors.QueryCanceled:
                if size <= _FEWEST_ROWS:
                    raise
                size = max(_FEWEST_ROWS, size // 4)
                continue
            took = time.monotonic() - began
            total += rows
            yield Batch(rows, took, _rest(pace, took))
            if found < size or not rows:
                break
            since, size = last, _next_size(size, took, rule, pace)
        if not total:
            return


def _timed_batch(rule: Rule, target: Target, leaf: Leaf, since: object, size: int) -> sql.Composed:
    after = sql.SQL("") if since is None else sql.SQL(" AND {} >= {}").format(target.time, sql.Literal(since))
    return sql.SQL(
        "WITH due AS MATERIALIZED (SELECT t.ctid AS place, {time} AS at FROM {table} AS t WHERE {due}{after}"
        " ORDER BY {time} LIMIT {size} FOR UPDATE OF t SKIP LOCKED),"
        " gone AS ({change} WHERE t.ctid = ANY (ARRAY(SELECT d.place FROM due AS d)) AND {due} RETURNING 1)"
        " SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM gone), (SELECT max(d.at) FROM due AS d)"
    ).format(
        time=target.time,
        table=leaf.place,
        due=target.due,
        after=after,
        size=sql.Literal(size),
        change=change_of(rule, leaf),
    )


def _by_place(conn: Connection, rule: Rule, target: Target, leaf: Leaf, pace: Pace) -> Generator[Batch]:
    """Without an index by time: once through the table, some pages at a time, more of them while nothing is found."""
    row = conn.execute(SQL["blocks"].sql.encode(), {"schema": leaf.schema, "table": leaf.name}).fetchone()
    assert row is not None
    blocks, block, step = int(row[0]), 0, _FIRST_BLOCKS
    while block < blocks:
        began = time.monotonic()
        try:
            found, rows = _committed(conn, _placed_batch(rule, target, leaf, block, block + step))
        except psycopg.errors.QueryCanceled:
            if step == 1:
                raise
            step = max(1, step // 4)
            continue
        took = time.monotonic() - began
        yield Batch(rows, took, _rest(pace, took))
        if found < rule.batch_size or not rows:
            block += step  # else there are more of them in these pages
        if took > pace.batch_s or found == rule.batch_size:
            step = max(1, step // 2)
        elif rows <= rule.batch_size // 2:
            step = min(_MOST_BLOCKS, step * 2)


def _placed_batch(rule: Rule, target: Target, leaf: Leaf, first: int, end: int) -> sql.Composed:
    return sql.SQL(
        "WITH due AS MATERIALIZED (SELECT t.ctid AS place FROM {table} AS t"
        " WHERE t.ctid >= {first}::tid AND t.ctid < {end}::tid AND {due} LIMIT {most} FOR UPDATE OF t SKIP LOCKED),"
        " gone AS ({change} WHERE t.ctid = ANY (ARRAY(SELECT d.place FROM due AS d)) AND {due} RETURNING 1)"
        " SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM gone)"
    ).format(
        table=leaf.place,
        first=sql.Literal(f"({first},0)"),
        end=sql.Literal(f"({end},0)"),
        most=sql.Literal(rule.batch_size),
        due=target.due,
        change=change_of(rule, leaf),
    )


def _committed(conn: Connection, statement: sql.Composed, values: Sequence[object] | None = None) -> tuple[Any, ...]:
    """In a transaction that says that it is maintenance, which append-only tables ask for."""
    for attempt in range(_TRIES):
        try:
            with conn.transaction():
                conn.execute("SELECT set_config('gasolinera.maintenance', 'on', true)")
                row = conn.execute(statement, values, prepare=False).fetchone()
        except _RETRIED:
            if attempt == _TRIES - 1:
                raise
            time.sleep(_FIRST_WAIT_S * 2**attempt)
        else:
            assert row is not None
            return row
    raise AssertionError("the last try raises or returns")


def _rest(pace: Pace, took_s: float) -> float:
    rest_s = min(pace.most_rest_s, took_s * pace.rest)
    time.sleep(rest_s)
    return rest_s


def _next_size(size: int, took_s: float, rule: Rule, pace: Pace) -> int:
    if took_s > 2 * pace.batch_s:
        return max(_FEWEST_ROWS, size // 2)
    return min(rule.batch_size, size * 2) if took_s < pace.batch_s else size
