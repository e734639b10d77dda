"""What tests of backups ask a database: whether anything of a schema is otherwise than it was."""

import hashlib
from typing import Any

import psycopg
from psycopg import sql

from vuelo.schema import snapshot
from vuelo.schema.snapshot import Snapshot

Connection = psycopg.Connection[Any]
SCHEMAS = {
    "auth": "auth_schema",
    "station": "station_schema",
    "coupon": "coupon_schema",
    "redemption": "redemption_schema",
    "ads": "ad_schema",
    "raffle": "raffle_schema",
}
SIX = tuple(SCHEMAS)


def structure(conn: Connection, service: str) -> Snapshot:
    """Tables, constraints, functions, triggers, owners, grants: object by object."""
    return snapshot.take(conn, SCHEMAS[service])


def rows_digest(conn: Connection, service: str) -> dict[str, str]:
    """By table: its rows as text, in the order of that text; materialized views are made anew by a restore."""
    schema = SCHEMAS[service]
    tables = conn.execute(
        """SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = %s AND c.relkind = 'r'""",
        (schema,),
    ).fetchall()
    digests: dict[str, str] = {}
    for (table,) in tables:
        query = sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1").format(sql.Identifier(schema, table))
        digest = hashlib.sha256()
        for (row,) in conn.execute(query):
            digest.update(row.encode() + b"\n")
        digests[table] = digest.hexdigest()
    return digests


def sequences(conn: Connection, service: str) -> dict[str, Any]:
    return dict(
        conn.execute(
            "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = %s", (SCHEMAS[service],)
        ).fetchall()
    )
