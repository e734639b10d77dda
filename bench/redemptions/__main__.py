"""`python -m bench.redemptions [--small N] [--large N] [--rounds N] [--seconds S] [--parts http,half,size]`.

With `--folder F` the server and its databases stay in F, and are taken from there the next time: ten million
redemptions take a quarter of an hour to make.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import psycopg

import vuelo
from bench.http.commands import run_command
from bench.redemptions import data, page, scenarios
from bench.redemptions.data import Stock
from bench.redemptions.scenarios import Bench
from gasolinera.config import SERVICES, load_settings
from gasolinera.coupon.qr_keys import public_half
from gasolinera.keyring import load_keyring
from gasolinera.ops import roles
from vuelo import embedded
from vuelo.embedded import Server

REPOSITORY = Path(__file__).parents[2]
_PAGE = REPOSITORY / "docs" / "reference" / "redemption-benchmarks.md"
# Else the journal of the large database is written out all the time, and vacuums fall on one round and not on another.
SETTINGS = {
    "shared_buffers": "4GB",
    "max_wal_size": "12GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "off",
    "max_connections": "200",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.redemptions", description=__doc__)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=0, help="10000000 for the page")
    parser.add_argument("--rounds", type=int, default=3)
    # Of pgbench, each of 32 connections plans all statements anew, which takes it the first seconds.
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--parts", default="http,half,size")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--output", type=Path, default=_PAGE)
    chosen = parser.parse_args()
    counts = {"small": chosen.small} | ({"large": chosen.large} if chosen.large else {})
    root: Path = chosen.folder or Path(tempfile.mkdtemp(prefix="bench-"))
    root.mkdir(exist_ok=True)
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root, settings=SETTINGS) as server:
            bench = _prepared(server, root, counts, chosen.rounds, chosen.seconds)
            times = scenarios.statement_times(bench)
            found = scenarios.run_all(bench, scenarios.known_of(chosen.parts))
    finally:
        if chosen.folder is None:
            embedded.destroy(root)
            shutil.rmtree(root)
    text = page.render(bench, found, times)
    if chosen.output != _PAGE or {"one_worker", "half_rate", "size_large"} <= found.keys():
        chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _prepared(server: Server, root: Path, counts: dict[str, int], rounds: int, seconds: int) -> Bench:
    """Each database is made once; coupons that a run before left over are redeemed by nobody."""
    keys = root / "keys.json"
    environments = {name: _environment(server, keys, name) for name in counts}
    if not keys.exists():
        run_command(["gasolinera", "keys", "generate"], environments["small"])
    key = load_keyring(load_settings(environments["small"])).current("coupon")
    stocks: dict[str, Stock] = {}
    for name, count in counts.items():
        if _is_missing(server, name):
            _make(server, name)
            with psycopg.connect(server.url(name)) as conn:
                conn.execute(
                    "INSERT INTO coupon_schema.qr_signing_keys (key_id, public_key, valid_from) VALUES (%s, %s, %s)",
                    [key.id, public_half(key), key.active_from],
                )
            data.fill(server.url(name), count, key.id)
        stocks[name] = Stock(server.url(name), key.id)
    return Bench(server, root, counts, stocks, environments, rounds, seconds)


def _environment(server: Server, keys: Path, name: str) -> dict[str, str]:
    return {
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_KEYS_FILE": str(keys),
        **{f"GASOLINERA_{service.upper()}_DATABASE_URL": server.dsn(name, f"{service}_app") for service in SERVICES},
    }


def _is_missing(server: Server, name: str) -> bool:
    with psycopg.connect(server.url()) as conn:
        return conn.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None


def _make(server: Server, name: str) -> None:
    """Migrated, and with an account that has the rights of those three whose statements it sends."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
    variables = {"GASOLINERA_DATABASE_URL": server.url(name)}
    project = vuelo.Project.load(REPOSITORY / "vuelo.toml", environment="production", variables=variables)
    roles.initialise(project)
    vuelo.migrate(project)
    with psycopg.connect(server.url(), autocommit=True) as conn:
        if conn.execute("SELECT FROM pg_roles WHERE rolname = 'bench'").fetchone() is None:
            conn.execute("CREATE ROLE bench LOGIN IN ROLE auth_app, coupon_app, redemption_app")
        conn.execute(f"GRANT CONNECT ON DATABASE {name} TO bench".encode())


if __name__ == "__main__":
    main()
