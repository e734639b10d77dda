"""A database of a given size with one service in it, as redemptions are: short rows, numbers, texts, three indexes."""

from pathlib import Path

import psycopg

import vuelo
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.reaching import Operations
from vuelo.embedded import Server

SERVICE = "bench"
SCHEMA = "bench_schema"
_BYTES_A_ROW = 330  # with its share of the indexes, as measured
_TABLES = 4
_MIGRATION = """
CREATE TABLE bench_schema.facts_{n} (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT facts_{n}_pk PRIMARY KEY,
    reference text NOT NULL,
    holder uuid NOT NULL,
    station text NOT NULL,
    amount numeric(12,2) NOT NULL,
    currency text NOT NULL,
    happened_at timestamptz NOT NULL,
    details jsonb NOT NULL,
    CONSTRAINT facts_{n}_reference_uk UNIQUE (reference)
);
CREATE INDEX facts_{n}_holder_idx ON bench_schema.facts_{n} (holder, happened_at);
"""
_FILL = """
INSERT INTO bench_schema.facts_{n} (reference, holder, station, amount, currency, happened_at, details)
SELECT 'R' || upper(substr(md5('{n}' || i::text), 1, 16)), md5((i / 7)::text)::uuid,
       'JSM' || to_char(i %% 900, 'FM000'), (i %% 90000) / 100.0, (ARRAY['MXN', 'CRC', 'USD'])[i %% 3 + 1],
       timestamptz '2026-01-01' + i * interval '3 seconds',
       jsonb_build_object('fuel', (ARRAY['REGULAR', 'PREMIUM'])[i %% 2 + 1], 'litres', i %% 80, 'note', md5(i::text))
  FROM generate_series(1, %(rows)s) AS i
"""


def prepared(server: Server, root: Path, size_mb: int) -> Operations:
    """Makes and fills the database `bench`."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE bench")
    url = server.url("bench")
    folder = root / "migrations"
    folder.mkdir()
    tables = range(1, _TABLES + 1)
    (folder / "V1__facts.sql").write_text("".join(_MIGRATION.format(n=n) for n in tables))
    service = vuelo.Service(name=SERVICE, url=url, schema=SCHEMA, locations=(folder,), role=f"{SERVICE}_owner")
    project = vuelo.Project(root, "production", (service,))
    roles.initialise(project)
    operations_schema.install(url)
    vuelo.migrate(project)
    rows = size_mb * 1_000_000 // _BYTES_A_ROW // _TABLES
    with psycopg.connect(url, autocommit=True) as conn:
        for n in tables:
            conn.execute(_FILL.format(n=n).encode(), {"rows": rows})
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
    return Operations(project, url)


def size_of(operations: Operations) -> int:
    """Bytes of the whole database."""
    with psycopg.connect(operations.ops_url) as conn:
        row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
