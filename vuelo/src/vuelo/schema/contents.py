"""What rows a schema's tables hold, as counts and sums of hashes: enough to see that nothing was lost."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from vuelo.history import Connection

_COLUMNS = """SELECT c.relname, a.attname
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> ALL (%s)
 ORDER BY c.relname, a.attname"""


@dataclass(frozen=True)
class Contents:
    """Of one table, whatever the order of its rows and columns: `whole` tells whether values stand in the same rows."""

    rows: int
    columns: Mapping[str, int]
    whole: int


def read(conn: Connection, schema: str, left_out: Sequence[str]) -> dict[str, Contents]:
    """By table. Needs to read every row."""
    names: dict[str, list[str]] = defaultdict(list)
    for table, column in conn.execute(_COLUMNS, (schema, list(left_out))):
        names[table] += [] if column is None else [column]
    return {table: _of_table(conn, schema, table, columns) for table, columns in names.items()}


def _of_table(conn: Connection, schema: str, table: str, columns: list[str]) -> Contents:
    hashes = [
        sql.SQL("coalesce(sum(hashtextextended({}::text, 0)::numeric), 0)").format(sql.Identifier(column))
        for column in columns
    ]
    row_text = sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    whole = sql.SQL("coalesce(sum(hashtextextended({}, 0)::numeric), 0)").format(row_text)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join([sql.SQL("count(*)"), *hashes, whole]), sql.Identifier(schema, table)
    )
    row = conn.execute(query).fetchone()
    assert row is not None
    return Contents(row[0], dict(zip(columns, map(int, row[1:-1]), strict=True)), int(row[-1]))


def losses(before: Mapping[str, Contents], after: Mapping[str, Contents]) -> list[str]:
    """A sentence for each table of `before` whose rows are not the same in `after`. Gone tables are the schema's."""
    found: list[str] = []
    for table, old in before.items():
        new = after.get(table)
        if new is None or new == old:
            continue
        changed = [name for name, value in old.columns.items() if new.columns.get(name, value) != value]
        if new.rows != old.rows:
            found.append(f"table {table} had {old.rows} rows and has {new.rows}")
        elif changed:
            found.append(f"table {table}: other values in {', '.join(changed)} ({old.rows} rows)")
        elif new.columns.keys() == old.columns.keys():
            found.append(f"table {table}: values stand in other rows ({old.rows} rows)")
    return found


def other_counts(before: Mapping[str, Contents], after: Mapping[str, Contents]) -> list[str]:
    """Of tables in both; times and random values make the rest differ from run to run."""
    return [
        f"table {table} had {old.rows} rows and has {after[table].rows}"
        for table, old in before.items()
        if table in after and after[table].rows != old.rows
    ]
