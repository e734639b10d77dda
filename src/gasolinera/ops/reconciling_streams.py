"""Two services are compared by streams of sorted keys, since they may be on two servers: no table is ever in memory.

Each side is read by a server-side cursor in a read-only transaction of one moment, ordered by key in the collation
"C", which is the order of code points that Python compares by too.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

import msgspec
import psycopg
from psycopg.rows import class_row

import vuelo
from gasolinera.errors import GasolineraError
from gasolinera.ops.reaching import owner_session

_ROWS_AT_ONCE: Final = 2_000

Connection = psycopg.Connection[Any]


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


Left = TypeVar("Left", bound=Keyed)
Right = TypeVar("Right", bound=Keyed)
Row = TypeVar("Row", bound=msgspec.Struct)
AnyKeyed = TypeVar("AnyKeyed", bound=Keyed)


@contextmanager
def snapshot(service: vuelo.Service, *, statement_timeout_s: int = 0) -> Generator[Connection]:
    """A session of a service's owner in which nothing changes while it is looked at, and that changes nothing. 0: a
    statement may take as long as it needs.
    """
    with owner_session(service) as conn:
        conn.read_only = True
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            # All rows are wanted, not the first tenth as soon as possible; and Python is slower than the server.
            conn.execute(
                "SELECT set_config('statement_timeout', %s, true), set_config('cursor_tuple_fraction', '1', true), "
                "set_config('idle_in_transaction_session_timeout', '0', true)",
                (f"{statement_timeout_s}s",),
            )
            yield conn


def streamed(
    conn: Connection, name: str, kind: type[Row], statement: str, parameters: Mapping[str, Any] | None = None
) -> Iterator[Row]:
    """The rows of a statement, a bounded number at a time. `name` is the cursor's, one of its own in a session."""
    with conn.cursor(name=name, row_factory=class_row(kind)) as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(statement.encode(), parameters)
        yield from cursor


def merged(left: Iterable[Left], right: Iterable[Right]) -> Iterator[tuple[Left | None, Right | None]]:
    """Every key of the two once, ascending, with what either side has of it; one row of each is in memory.

    Raises GasolineraError `ops.unsorted` where a side does not ascend: keys that repeat, or another order.
    """
    lefts, rights = _ascending(left), _ascending(right)
    one, other = next(lefts, None), next(rights, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.key < other.key):
            yield one, None
            one = next(lefts, None)
        elif one is None or other.key < one.key:
            yield None, other
            other = next(rights, None)
        else:
            yield one, other
            one, other = next(lefts, None), next(rights, None)


def _ascending(rows: Iterable[AnyKeyed]) -> Iterator[AnyKeyed]:
    before: str | None = None
    for row in rows:
        if before is not None and row.key <= before:
            hint = "is the database's encoding UTF8? A damaged index gives another order too: run amcheck"
            raise GasolineraError("ops.unsorted", f"key {row.key!r} came after {before!r}", hint)
        before = row.key
        yield row
