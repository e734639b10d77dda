"""A platform with redemptions of four weeks, and in the same database rows whose time is over."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

import vuelo
from bench.http.commands import run_command
from bench.redemptions import data
from bench.redemptions.data import Stock
from gasolinera.config import SERVICES, load_settings
from gasolinera.coupon.qr_keys import public_half
from gasolinera.keyring import load_keyring
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.reaching import Operations
from vuelo.embedded import Server

REPOSITORY = Path(__file__).parents[2]
DATABASE = "cleanup"
TABLE = "idempotency_keys"
_AT_ONCE = 500_000

# Answers of redemptions, of the days before yesterday: the size of real ones.
_FILL = f"""
INSERT INTO redemption_schema.{TABLE} (key_hash, fingerprint, status, answer, created_at)
SELECT sha256(('old' || n)::bytea), sha256(('body' || n)::bytea), 201,
       convert_to(format('{{"reference":"RDM-%%s","discount":"50.00"}}', n), 'UTF8'),
       now() - interval '30 hours' - n * interval '1 ms'
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""  # noqa: S608  constants of this module alone


@dataclass(frozen=True)
class Platform:
    server: Server
    operations: Operations
    stock: Stock


def prepared(server: Server, root: Path, coupons: int) -> Platform:
    """The database is made once."""
    keys = root / "keys.json"
    environment = {
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_KEYS_FILE": str(keys),
        **{f"GASOLINERA_{name.upper()}_DATABASE_URL": server.dsn(DATABASE, f"{name}_app") for name in SERVICES},
    }
    if not keys.exists():
        run_command(["gasolinera", "keys", "generate"], environment)
    key = load_keyring(load_settings(environment)).current("coupon")
    url = server.url(DATABASE)
    variables = {"GASOLINERA_DATABASE_URL": url}
    project = vuelo.Project.load(REPOSITORY / "vuelo.toml", environment="production", variables=variables)
    with psycopg.connect(server.url(), autocommit=True) as conn:
        is_there = conn.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is not None
        if not is_there:
            conn.execute(f"CREATE DATABASE {DATABASE}".encode())
    if not is_there:
        roles.initialise(project)
        vuelo.migrate(project)
        operations_schema.install(url)
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("CREATE ROLE bench LOGIN IN ROLE auth_app, coupon_app, redemption_app")
            conn.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO bench".encode())
            conn.execute(
                "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key, valid_from) VALUES (%s, %s, %s)",
                [key.id, public_half(key), key.active_from],
            )
        data.fill(url, coupons, key.id)
    return Platform(server, Operations(project, url), Stock(url, key.id))


def fill_expired(platform: Platform, rows: int) -> None:
    """So many rows whose time is over, instead of those that a run before left."""
    began = time.monotonic()
    with psycopg.connect(platform.server.url(DATABASE), autocommit=True) as conn:
        conn.execute(f"TRUNCATE redemption_schema.{TABLE}".encode())
        conn.execute("SET synchronous_commit = off")
        for first in range(1, rows + 1, _AT_ONCE):
            conn.execute(_FILL.encode(), {"first": first, "last": min(rows, first + _AT_ONCE - 1)})
        conn.execute(f"VACUUM (ANALYZE) redemption_schema.{TABLE}".encode())
        conn.execute("CHECKPOINT")
    sys.stderr.write(f"{rows:,} old rows made in {time.monotonic() - began:.0f} s\n")


def rows_left(platform: Platform) -> int:
    with psycopg.connect(platform.server.url(DATABASE)) as conn:
        row = conn.execute(
            f"SELECT count(*) FROM redemption_schema.{TABLE}".encode()  # noqa: S608  a constant of this module
        ).fetchone()
    assert row is not None
    return int(row[0])
