"""Fourteen thousand stations: the regulator's, or as many made up around thirty towns; and where drivers ask."""

import random
from pathlib import Path
from typing import Any

import psycopg

from bench.http.commands import run_command

COUNT = 14_000
TOWNS = 30
_SPREAD_DEGREES = 0.1  # about eleven kilometres
RADIUS_KM = 10.0
LIMIT = 20

_MAKE = """
INSERT INTO station_schema.stations (station_code, name, permit_number, country, location, fuels)
SELECT 'B' || lpad(n::text, 6, '0'), 'Estación de servicio ' || n, 'PL/' || n || '/EXP/ES/2026', 'MX',
       point(-113 + (town / 6) * 4.2 + dx * 0.12, 16 + (town % 6) * 2.2 + dy * 0.12), '{REGULAR,PREMIUM,DIESEL}'
  FROM (SELECT n, n % 30 AS town, random_normal() AS dx, random_normal() AS dy
          FROM generate_series(1, %s) AS n, (SELECT setseed(0.5)) AS seeded) AS made;
"""
_PRICE = """
INSERT INTO station_schema.station_fuel_prices (station_id, fuel, price, currency, price_as_of)
SELECT s.id, f.fuel, f.price + (s.id % 100) * 0.01, 'MXN', '2026-11-20'
  FROM station_schema.stations AS s,
       (VALUES ('REGULAR', 23.1), ('PREMIUM', 25.2), ('DIESEL', 26.3)) AS f (fuel, price)
    ON CONFLICT DO NOTHING
"""

Place = tuple[float, float]


def fill(url: str, feed: Path | None, environment: dict[str, str]) -> int:
    """How many active stations there are afterwards."""
    if feed is not None:
        files = [str(next(feed.glob(f"{name}.xml*"))) for name in ("places", "prices")]
        run_command(["gasolinera", "stations", "import", *files], environment)
    with psycopg.connect(url, autocommit=True) as conn:
        if feed is None:
            conn.execute(_MAKE.replace("%s", str(COUNT)).encode())
            conn.execute(_PRICE)
        conn.execute("VACUUM ANALYZE")
        return _one(conn, "SELECT count(*) FROM station_schema.stations WHERE status = 'ACTIVE'")


def towns(url: str) -> list[Place]:
    """Latitude and longitude of stations that are spread over the table: drivers are where stations are."""
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT location[1], location[0] FROM station_schema.stations WHERE status = 'ACTIVE'"
            " ORDER BY md5(station_code) LIMIT %s",
            [TOWNS],
        ).fetchall()
    return [(float(latitude), float(longitude)) for latitude, longitude in rows]


def asked(places: list[Place], count: int, seed: int) -> list[Place]:
    """Points around the towns, the same for the same seed; pgbench draws from the same distribution."""
    chance = random.Random(seed)  # noqa: S311  repeatable on purpose
    near = [chance.choice(places) for _ in range(count)]
    return [(lat + _drawn(chance), lng + _drawn(chance)) for lat, lng in near]


def _drawn(chance: random.Random) -> float:
    return chance.uniform(-_SPREAD_DEGREES, _SPREAD_DEGREES)


def as_pgbench(places: list[Place]) -> str:
    """Sets lat and lng of one draw."""
    lat, lng = (
        " ".join(f"WHEN :town = {number} THEN {place[axis]!r}" for number, place in enumerate(places))
        for axis in (0, 1)
    )
    spread = round(_SPREAD_DEGREES * 1_000_000)
    return (
        f"\\set town random(0, {len(places) - 1})\n"
        f"\\set lat (CASE {lat} END) + random(-{spread}, {spread}) / 1000000.0\n"
        f"\\set lng (CASE {lng} END) + random(-{spread}, {spread}) / 1000000.0\n"
    )


def _one(conn: psycopg.Connection[Any], query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
