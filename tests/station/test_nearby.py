"""Nearest stations, against brute force over every station, anywhere on Earth."""

import asyncio
import math
from contextlib import AsyncExitStack
from typing import Any

import hypothesis
import msgspec
import psycopg
import pytest
from hypothesis import strategies as st

from gasolinera.config import Settings
from gasolinera.database import Connection, open_database
from gasolinera.station import queries
from gasolinera.station.models import NearbyStation, Nearest

EARTH_RADIUS_KM = 6371.0088
Point = tuple[float, float]  # latitude, longitude

SPECIAL_LATITUDES = [-90.0, -89.9999, -45.0, 0.0, 45.0, 89.9999, 90.0]
SPECIAL_LONGITUDES = [-180.0, -179.9999, -90.0, 0.0, 90.0, 179.9999, 180.0]
latitudes = st.sampled_from(SPECIAL_LATITUDES) | st.floats(-90, 90)
longitudes = st.sampled_from(SPECIAL_LONGITUDES) | st.floats(-180, 180)
points = st.tuples(latitudes, longitudes)
offsets = st.floats(-0.5, 0.5)


def distance_km(a: Point, b: Point) -> float:
    """By atan2 of the vectors' cross and dot products: another formula than that of the code under test."""
    (u, v) = (vector(a), vector(b))
    cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
    return EARTH_RADIUS_KM * math.atan2(math.hypot(*cross), sum(p * q for p, q in zip(u, v, strict=True)))


def vector(place: Point) -> tuple[float, float, float]:
    latitude, longitude = math.radians(place[0]), math.radians(place[1])
    return (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )


def tolerance_km(distance: float) -> float:
    """The haversine formula loses digits near the antipodes."""
    return 1e-6 if distance < 19_000 else 1e-2


def around(place: Point, latitude: float, longitude: float) -> Point:
    """Near a place, over the pole or the antimeridian where that is where near is."""
    moved = place[0] + latitude
    turned = (place[1] + longitude + 180) % 360 - 180
    return (max(-90.0, min(90.0, moved)), turned)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Point, list[Point], float, int]:
    place = draw(points)
    near = [around(place, *offset) for offset in draw(st.lists(st.tuples(offsets, offsets), max_size=12))]
    far = draw(st.lists(points, max_size=12))
    radius = draw(st.sampled_from([0.5, 30.0, 1_000.0, 10_000.0, 20_016.0]) | st.floats(0.001, 20_016))
    return place, near + far, radius, draw(st.integers(1, 15))


def check(found: list[NearbyStation], everywhere: dict[str, Point], place: Point, radius: float, limit: int) -> None:
    true = {code: distance_km(place, where) for code, where in everywhere.items()}
    for station in found:
        assert abs(station.distance_km - true[station.station_code]) <= tolerance_km(true[station.station_code])
    surely = sorted(d for d in true.values() if d <= radius - tolerance_km(d))[:limit]
    perhaps = sorted(d for d in true.values() if d <= radius + tolerance_km(d))[:limit]
    assert len(surely) <= len(found) <= len(perhaps)
    assert len({station.station_code for station in found}) == len(found)
    for station, expected in zip(found, perhaps, strict=False):
        assert abs(station.distance_km - expected) <= tolerance_km(expected)
    assert [s.distance_km for s in found] == sorted(s.distance_km for s in found)


def test_nearby_is_what_brute_force_finds_on_the_whole_earth(settings: Settings) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        db = runner.run(stack.enter_async_context(open_database(settings, "station")))
        conn = runner.run(stack.enter_async_context(db.connection()))

        @hypothesis.settings(max_examples=150, deadline=None)
        @hypothesis.given(cases())
        def compare(case: tuple[Point, list[Point], float, int]) -> None:
            place, stations, radius, limit = case
            runner.run(compare_in_a_transaction(conn, place, stations, radius, limit))

        try:
            compare()
        finally:
            runner.run(stack.aclose())


async def compare_in_a_transaction(
    conn: Connection, place: Point, stations: list[Point], radius: float, limit: int
) -> None:
    undone = conn.transaction()
    await undone.start()
    try:
        await conn.execute(
            "INSERT INTO station_schema.stations (station_code, name, country, location)"
            " SELECT 'TEST' || n, 'Test', 'US', point(longitude, latitude)"
            " FROM unnest($1::float8[], $2::float8[]) WITH ORDINALITY AS t (latitude, longitude, n)"
            " WHERE (latitude, longitude) <> (0, 0)",  # refused: it is what a broken feed says
            [round(latitude, 9) for latitude, _ in stations],
            [round(longitude, 9) for _, longitude in stations],
        )
        rows = await conn.fetch(
            "SELECT station_code, location[1] AS y, location[0] AS x FROM station_schema.stations"
            " WHERE status = 'ACTIVE'"
        )
        said = await queries.find_nearby(
            conn, Nearest(latitude=place[0], longitude=place[1], radius_km=radius, limit=limit)
        )
        found = msgspec.json.decode(said, type=list[NearbyStation])
        check(found, {row["station_code"]: (row["y"], row["x"]) for row in rows}, place, radius, limit)
    finally:
        await undone.rollback()


@pytest.mark.parametrize("filters", ["NULL, NULL, NULL, NULL", "'DIESEL', NULL, NULL, NULL", "NULL, NULL, NULL, now()"])
def test_nearby_uses_the_index_and_looks_at_few_stations(filters: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "INSERT INTO station_schema.stations (station_code, name, country, location, fuels, time_zone, opening_hours)"
        " SELECT 'TEST' || n, 'Test', 'MX', point(-118 + 30 * random(), 15 + 17 * random()), ARRAY['DIESEL'],"
        " 'America/Mexico_City', (SELECT jsonb_object_agg(d, '[[\"00:00\", \"24:00\"]]'::jsonb)"
        " FROM unnest(ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) AS d)"
        " FROM generate_series(1, 20000) AS n"
    )
    admin.execute("ANALYZE station_schema.stations")
    question = f"SELECT * FROM station_schema.nearest_stations(19.43, -99.13, 5000, 20, {filters})"
    before = rows_read(admin)
    for _ in range(8):
        assert len(admin.execute(question.encode()).fetchall()) == 20
    assert rows_read(admin) - before < 8 * 200


def rows_read(conn: psycopg.Connection[Any]) -> int:
    """Rows of stations that scans of any kind have read."""
    conn.execute("SELECT pg_stat_force_next_flush()")
    row = conn.execute(
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'station_schema.stations'::regclass"
    ).fetchone()
    assert row is not None
    return int(row[0])
