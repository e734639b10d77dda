"""No number that is none: NaN sorts above every number, so only an upper bound keeps it out of a numeric column."""

from collections.abc import Callable

import psycopg
from psycopg import errors
from tests.schema import catalog
from tests.schema.catalog import SCHEMAS, Conn

from vuelo.embedded import Server

NUMERIC_COLUMNS = """
    SELECT n.nspname || '.' || c.relname, a.attname, a.attnum
      FROM pg_attribute AS a
      JOIN pg_class AS c ON c.oid = a.attrelid
      JOIN pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_type AS t ON t.oid = a.atttypid
     WHERE n.nspname = ANY (%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
       AND 'numeric'::regtype IN (t.oid, t.typbasetype)
     ORDER BY 1, 3
"""


def takes_nan(conn: Conn, table: str, column: str) -> bool:
    """Of a valid row, NaN in place of the column's number; without any, of a row that holds nothing else.

    In a copy that has the table's checks and nothing more, so that no trigger has a say.
    """
    with conn.transaction(force_rollback=True):
        conn.execute(f"CREATE TEMP TABLE copied (LIKE {table} INCLUDING CONSTRAINTS)".encode())
        conn.execute(f"INSERT INTO copied SELECT * FROM {table} WHERE {column} IS NOT NULL LIMIT 1".encode())
        statement = f"UPDATE copied SET {column} = 'NaN'"
        if catalog.number(conn, "SELECT count(*) FROM copied") == 0:
            statement = f"INSERT INTO copied ({column}) VALUES ('NaN')"
            for name in required_columns(conn):
                conn.execute(f"ALTER TABLE copied ALTER COLUMN {name} DROP NOT NULL".encode())
        try:
            with conn.transaction():
                conn.execute(statement.encode())
        except errors.CheckViolation as refused:
            return column not in columns_of_check(conn, table, column, refused.diag.constraint_name or "")
    return True


def required_columns(conn: Conn) -> list[str]:
    return catalog.texts(
        conn,
        "SELECT attname FROM pg_attribute WHERE attrelid = 'pg_temp.copied'::regclass AND attnum > 0 AND attnotnull",
    )


def columns_of_check(conn: Conn, table: str, column: str, check: str) -> list[str]:
    """The columns that a check of the table is of; of a domain's check, the column."""
    return catalog.texts(
        conn,
        """
        SELECT a.attname FROM pg_constraint AS k
          JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
         WHERE k.conrelid = %s::regclass AND k.conname = %s
        UNION ALL
        SELECT %s FROM pg_constraint AS k WHERE k.contypid <> 0 AND k.conname = %s
        """,
        table,
        check,
        column,
        check,
    )


def test_no_numeric_column_takes_nan(server: Server, clone_of: Callable[[str], str]) -> None:
    with psycopg.connect(server.url(clone_of("development")), autocommit=True) as conn:
        columns = catalog.rows(conn, NUMERIC_COLUMNS, SCHEMAS)
        assert len(columns) >= 30
        assert [f"{table}.{column}" for table, column, _ in columns if takes_nan(conn, table, column)] == []
