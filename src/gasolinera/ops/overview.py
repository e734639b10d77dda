"""What exists: per schema its tables and rows."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from vuelo import Service
from vuelo.schema.snapshot import own_tables

Connection = psycopg.Connection[Any]

_TABLES = """
SELECT c.relname
  FROM pg_class AS c
 WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
 ORDER BY c.relname
"""


@dataclass(frozen=True)
class SchemaOverview:
    """Rows are counted, not estimated: for a new or small database. The migration engine's own tables are not."""

    tables: int
    rows: int


def overview(conn: Connection, service: Service) -> SchemaOverview:
    left_out = list(own_tables(service))
    tables = [name for (name,) in conn.execute(_TABLES, (service.schema, left_out)).fetchall()]
    counts = sql.SQL(" + ").join(
        sql.SQL("(SELECT count(*) FROM {})").format(sql.Identifier(service.schema, name)) for name in tables
    )
    row = conn.execute(sql.SQL("SELECT {}").format(counts if tables else sql.SQL("0"))).fetchone()
    assert row is not None
    return SchemaOverview(len(tables), row[0])
