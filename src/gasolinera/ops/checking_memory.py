"""What checks remember between two looks, in `ops_schema`: counters for a day, sizes for 90 days."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from gasolinera.database import load_queries
from gasolinera.ops import thresholds
from gasolinera.ops.checking import Against, Counters
from gasolinera.ops.checking_questions import Memory, Sample
from gasolinera.ops.checking_rules import RULES

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "thresholds.sql")
_GONE: Final = [rule.name for rule in RULES if rule.against is Against.GONE]
_COUNTERS: Final = dict[str, dict[str, tuple[float, float | None]]]


def load_memory(conn: Connection, place: str) -> Memory:
    """Nothing where the tables are missing. Needs only to read."""
    if not thresholds.are_there(conn):
        return Memory()
    limits = tuple(thresholds.listed(conn))
    row = conn.execute(_SQL["newest_before"].sql.encode(), {"place": place}).fetchone()
    if row is None:
        return Memory(limits)
    counters = msgspec.convert(row[1], _COUNTERS)
    # A standby that left two hours ago is gone still, so that these look at the whole day.
    for name, thing in conn.execute(_SQL["seen"].sql.encode(), {"place": place, "names": _GONE}).fetchall():
        counters.setdefault(name, {}).setdefault(thing, (1.0, None))
    return Memory(limits, Sample(row[0], counters))


def keep_counters(conn: Connection, place: str, counters: Counters) -> None:
    """Nothing where the tables are missing, or somebody kept some in the last minute."""
    if thresholds.are_there(conn):
        conn.execute(_SQL["keep_sample"].sql.encode(), {"place": place, "counters": Jsonb(counters)})
        conn.execute(_SQL["forget_samples"].sql.encode(), {"place": place})


def keep_sizes(conn: Connection, place: str, sizes: Mapping[str, int]) -> None:
    """Nothing where the tables are missing, or somebody kept them in the last hour."""
    if sizes and thresholds.are_there(conn):
        values = {"place": place, "objects": list(sizes), "sizes": list(sizes.values())}
        conn.execute(_SQL["keep_sizes"].sql.encode(), values)
        conn.execute(_SQL["forget_sizes"].sql.encode())


def growth_of(conn: Connection, place: str) -> dict[str, float]:
    """Bytes a day, of objects that are known for long enough: three sizes or more, over six hours or more."""
    if not thresholds.are_there(conn):
        return {}
    return dict(conn.execute(_SQL["growth"].sql.encode(), {"place": place}).fetchall())
