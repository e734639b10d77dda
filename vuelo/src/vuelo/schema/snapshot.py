"""What a schema consists of, object by object, and what differs between two of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString, cast

from vuelo.history import Connection, HistoryTable
from vuelo.project import Service
from vuelo.sidelog import USUAL_NAME, table_beside

_QUERY = cast("LiteralString", files("vuelo.schema").joinpath("snapshot.sql").read_text(encoding="utf-8"))
_VIEW = re.compile("\x1f(.*?)\x1f", re.DOTALL)
_SHORT_COLUMNS = 160000  # from 16 on a view of one relation is written without the relation's name before each column
OWN_TABLES = (HistoryTable.name, USUAL_NAME)

Snapshot = Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """One object that is not the same in both; `before` or `after` is None where it does not exist."""

    object: str
    before: str | None
    after: str | None


def take(conn: Connection, schema: str, *, left_out: Sequence[str] = OWN_TABLES) -> Snapshot:
    """Definitions by object, such as `column shop.orders.total`. Partitions are shown by their table's key only.

    On PostgreSQL 15 this needs the extra `check`: raises VueloError `extra.missing`.
    """
    with conn.transaction():
        conn.execute("SET LOCAL search_path = pg_catalog")  # so that every name in a definition is written in full
        found = conn.execute(_QUERY, {"schema": schema, "left_out": list(left_out)}).fetchall()
    return {name: canonical_views(definition, conn.info.server_version) for name, definition in found}


def of_service(conn: Connection, service: Service) -> Snapshot:
    """Its schema without the tables that are vuelo's or Flyway's."""
    return take(conn, service.schema, left_out=own_tables(service))


def own_tables(service: Service) -> tuple[str, str]:
    table = HistoryTable(service.schema, service.table)
    return table.name, table_beside(table).name


def canonical_views(text: str, server_version: int) -> str:
    """The text with the views in it, which stand between marks, as every server version would write them."""
    if server_version >= _SHORT_COLUMNS or "\x1f" not in text:
        return text.replace("\x1f", "")
    from vuelo.schema.views import without_needless_names  # noqa: PLC0415  needs an extra, and that on one version only

    return _VIEW.sub(lambda match: without_needless_names(match[1]), text)


def differences(before: Snapshot, after: Snapshot) -> list[Difference]:
    """In the order of the objects' names."""
    return [
        Difference(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
