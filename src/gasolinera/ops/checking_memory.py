"""What checks remember between two looks, in `ops_schema`: counters for a day, sizes for 90 days."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import Jsonb

from gasolinera.database import load_queries
from gasolinera.ops import thresholds
from gasolinera.ops.checking import Against, Counters, Threshold
from gasolinera.ops.checking_questions import Sample
from gasolinera.ops.checking_rules import RULES

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "thresholds.sql")
_GONE: Final = [rule.name for rule in RULES if rule.against is Against.GONE]
_COUNTERS: Final = dict[str, dict[str, tuple[float, float | None]]]


def place_key(url: str) -> str:
    """What a database is remembered by: its address without who asks, and how."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('host', '')}:{parts.get('port', '')}/{parts.get('dbname', '')}"


def load_limits(conn: Connection) -> tuple[Threshold, ...]:
    """None where the tables are missing."""
    return tuple(thresholds.listed(conn)) if thresholds.are_there(conn) else ()


def load_sample(conn: Connection, place: str) -> Sample | None:
    """What an earlier look counted: the oldest of the last hour, else the newest of the last day."""
    if not thresholds.are_there(conn):
        return None
    row = conn.execute(_SQL["newest_before"].sql.encode(), {"place": place}).fetchone()
    if row is None:
        return None
    counters = msgspec.convert(row[1], _COUNTERS)
    # A standby that left two hours ago is gone still, so that these look at the whole day.
    for name, thing in conn.execute(_SQL["seen"].sql.encode(), {"place": place, "names": _GONE}).fetchall():
        counters.setdefault(name, {}).setdefault(thing, (1.0, None))
    return Sample(row[0], counters)


def keep_counters(conn: Connection, place: str, counters: Counters) -> None:
    """Nothing where the tables are missing, or somebody kept some in the last minute."""
    if thresholds.are_there(conn):
        conn.execute(_SQL["keep_sample"].sql.encode(), {"place": place, "counters": Jsonb(counters)})
        conn.execute(_SQL["forget_samples"].sql.encode(), {"place": place})


def sizes_are_due(conn: Connection, place: str) -> bool:
    """Whether somebody should measure: sizes are kept once an hour, and cost a look at every file."""
    if not thresholds.are_there(conn):
        return False
    row = conn.execute(_SQL["sizes_are_due"].sql.encode(), {"place": place}).fetchone()
    return row is not None and bool(row[0])


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
