"""What a schema consists of, object by object, and what differs between two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString, cast

from vuelo.history import Connection

_QUERY = cast("LiteralString", files("vuelo").joinpath("snapshot.sql").read_text(encoding="utf-8"))
HISTORY_TABLES = ("flyway_schema_history",)

Snapshot = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """One object that is not the same in both; `before` or `after` is None where it does not exist."""

    object: str
    before: str | None
    after: str | None


def take(conn: Connection, schema: str, *, left_out: Sequence[str] = HISTORY_TABLES) -> Snapshot:
    """Definitions by object, such as `column shop.orders.total`. Partitions are shown by their table's key only."""
    with conn.transaction():
        conn.execute("SET LOCAL search_path = pg_catalog")  # so that every name in a definition is written in full
        cursor = conn.execute(_QUERY, {"schema": schema, "left_out": list(left_out)})
        return dict(cursor.fetchall())


def differences(before: Snapshot, after: Snapshot) -> list[Difference]:
    """In the order of the objects' names."""
    return [
        Difference(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
