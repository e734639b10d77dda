"""`python -m bench.http [--feed FOLDER] [--rounds N] [--seconds S] [--output FILE]`: writes the page."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import vuelo
from bench.http import page, scenarios, stations
from bench.http.commands import run_command
from bench.http.scenarios import Bench
from gasolinera.config import SERVICES
from gasolinera.ops import roles
from vuelo import embedded

REPOSITORY = Path(__file__).parents[2]
_PAGE = REPOSITORY / "docs" / "reference" / "http-benchmarks.md"
_DATABASE = "gasolinera"


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.http")
    arguments.add_argument("--feed", type=Path, help="a folder with the regulator's places.xml and prices.xml (or .xz)")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--output", type=Path, default=_PAGE)
    chosen = arguments.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root) as server:
            bench = _prepared(server, chosen.feed, root, chosen.rounds, chosen.seconds)
            text = page.render(bench, scenarios.run_all(bench))
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _prepared(server: embedded.Server, feed: Path | None, root: Path, rounds: int, seconds: int) -> Bench:
    """A database, migrated, with stations; each service connects as its own role."""
    vuelo_url = server.url("postgres")
    scenarios.execute(vuelo_url, f"CREATE DATABASE {_DATABASE}")
    variables = {"GASOLINERA_DATABASE_URL": server.url(_DATABASE)}
    project = vuelo.Project.load(REPOSITORY / "vuelo.toml", environment="production", variables=variables)
    roles.initialise(project)
    vuelo.migrate(project)
    environment = {
        "GASOLINERA_TRUSTED_PROXIES": "1",  # each driver and each phone has an address of its own
        "GASOLINERA_ENVIRONMENT": "test",
        "GASOLINERA_KEYS_FILE": str(root / "keys.json"),
        **{
            f"GASOLINERA_{service.upper()}_DATABASE_URL": server.dsn(_DATABASE, f"{service}_app")
            for service in SERVICES
        },
    }
    run_command(["gasolinera", "keys", "generate"], environment)
    url = server.url(_DATABASE)
    count = stations.fill(url, feed, environment)
    source = "the regulator's" if feed else "made up around thirty towns"
    return Bench(server, _DATABASE, environment, root, rounds, seconds, count, source, stations.towns(url))


if __name__ == "__main__":
    main()
