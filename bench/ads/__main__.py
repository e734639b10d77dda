"""`python -m bench.ads [--ads N] [--views 0,1000000,5000000] [--servings N]`: docs/reference/ad-benchmarks.md."""

import argparse
import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from uuid import UUID

import msgspec
import psycopg

import vuelo
from bench.ads.data import STATIONS, VIEWERS, engage, make_ads, settle, spend_all
from gasolinera.ads import serving
from gasolinera.ads.campaigns import deal_missing
from gasolinera.ads.models_serving import Viewer
from gasolinera.ads.pacing import close_paced
from gasolinera.config import Settings
from gasolinera.database import open_database
from gasolinera.ops import roles
from vuelo import embedded
from vuelo.embedded import Server

REPOSITORY = Path(__file__).parents[2]
_PAGE = REPOSITORY / "docs" / "reference" / "ad-benchmarks.md"
_PROMISED_MS = 5


class Measured(msgspec.Struct, frozen=True):
    kind: str
    views: int
    p50_ms: float
    p99_ms: float
    server_ms: float
    nothing: int


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ads", description=__doc__)
    parser.add_argument("--ads", type=int, default=10_000)
    parser.add_argument("--views", default="0,1000000,5000000")
    parser.add_argument("--servings", type=int, default=2_000)
    parser.add_argument("--output", type=Path, default=_PAGE)
    chosen = parser.parse_args()
    views = [int(text) for text in chosen.views.split(",")]
    root = Path(tempfile.mkdtemp(prefix="bench-ads-"))
    root.chmod(0o711)  # the server's account must pass through
    found: list[Measured] = []
    try:
        settings = {"shared_buffers": "2GB", "max_wal_size": "8GB", "autovacuum": "off"}
        with embedded.running(root, settings=settings) as server:
            for kind in ("all alike", "mixed", "all spent"):
                found += _measure(server, kind, chosen.ads, views, chosen.servings)
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)
    text = _page(found, chosen.ads, chosen.servings)
    chosen.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _measure(server: Server, kind: str, ads: int, views: list[int], servings: int) -> list[Measured]:
    name = kind.replace(" ", "_")
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
    project = vuelo.Project.load(
        REPOSITORY / "vuelo.toml", environment="production", variables={"GASOLINERA_DATABASE_URL": server.url(name)}
    )
    roles.initialise(project)
    vuelo.migrate(project)
    found: list[Measured] = []
    have = 0
    with psycopg.connect(server.url(name)) as conn:
        make_ads(conn, ads, all_alike=kind != "mixed")
        if kind == "all spent":
            spend_all(conn)
        for wanted in views:
            engage(conn, have, wanted)
            have = wanted
            settle(conn)
            found.append(asyncio.run(_serve(server.dsn(name, "ads_app"), kind, wanted, servings)))
    return found


async def _serve(dsn: str, kind: str, views: int, servings: int) -> Measured:
    """One who asks, alone, over the local socket: what is measured has the journey, the plan and the decoding in it."""
    dice = random.Random(views)  # noqa: S311  the same viewers each time
    times: list[float] = []
    nothing = 0
    settings = Settings.model_validate({"ads_database_url": dsn, "statement_timeout_ms": 600_000})
    async with open_database(settings, "ads") as db:
        async with db.transaction() as conn:
            await deal_missing(conn, 10)
            if kind != "all spent":  # which are those that nobody has closed yet
                await close_paced(conn)
        async with db.connection() as conn:
            for number in range(servings + 50):
                viewer = Viewer(
                    user_id=UUID(f"00000000-0000-4000-8000-{dice.randrange(VIEWERS):012}"),
                    station_code=f"BEN{dice.randrange(STATIONS)}",
                    city=dice.choice(("Puebla", "Toluca", "Cancún")),
                    fuel_type=dice.choice(("REGULAR", "PREMIUM", "DIESEL")),
                )
                began = perf_counter()
                ad = await serving.choose_ad(conn, viewer, lot=dice.getrandbits(63))
                if number >= 50:  # the first ones plan, and fill caches
                    times.append((perf_counter() - began) * 1000)
                    nothing += ad is None
            began = perf_counter()
            for _ in range(200):
                await conn.fetchval("SELECT 1")
            journey_ms = (perf_counter() - began) * 1000 / 200
    cuts = statistics.quantiles(times, n=100)
    return Measured(kind, views, cuts[49], cuts[98], cuts[49] - journey_ms, nothing)


def _page(found: list[Measured], ads: int, servings: int) -> str:
    worst = max(one.server_ms for one in found)
    flat = {
        kind: max(one.p50_ms for one in found if one.kind == kind)
        / max(0.001, min(one.p50_ms for one in found if one.kind == kind))
        for kind in dict.fromkeys(one.kind for one in found)
    }
    promised = [
        (
            f"a choice among {ads:,} advertisements, median at the database, slowest row",
            f"{_PROMISED_MS} ms",
            worst,
            _PROMISED_MS,
        ),
        *((f"{kind}: the slowest median to the fastest", "flat", ratio, 1.3) for kind, ratio in flat.items()),
    ]
    return "\n".join(
        [
            "# Advertising benchmarks",
            "",
            "`make bench-ads` measures these again and writes this page. Client and PostgreSQL share one machine.",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}; {servings:,} choices a row, one by one; {os.cpu_count()} cores",
            f"- {ads:,} advertisements that may be served. *All alike*: a campaign each, one priority, for everybody:",
            "  each choice is among all of them. *Mixed*: four a campaign, ten priorities, a quarter each for some",
            "  stations, for a city, for some hours, for everybody; a tenth of the campaigns has spent its day. *All",
            "  spent*: as all alike, each over its day, and none closed yet: the worst that a choice meets.",
            f"- Past views are rows of ad_engagements, by {VIEWERS:,} viewers, counted for each as the service counts",
            "- Times are of `choose_ad` as the process that asks sees it: journey, plan and decoding included; *at the",
            "  database* is the median without the journey (that of `SELECT 1`)",
            "",
            "| measure | promised | measured | kept |",
            "| --- | --- | --- | --- |",
            *(
                f"| {name} | {wanted} | {value:.2f} | {'yes' if value <= limit else 'no'} |"
                for name, wanted, value, limit in promised
            ),
            "",
            "| advertisements | past views | p50, ms | p99, ms | p50 at the database, ms | found nothing |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
            *(_row(one) for one in found),
            "",
        ]
    )


def _row(one: Measured) -> str:
    times = f"{one.p50_ms:.2f} | {one.p99_ms:.2f} | {one.server_ms:.2f}"
    return f"| {one.kind} | {one.views:,} | {times} | {one.nothing} |"


if __name__ == "__main__":
    main()
