"""Importing into a real database: what is written, what a second import does, and what two at once do."""

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.config import Settings
from gasolinera.database import RequestContext, open_database
from gasolinera.station.feed import read_feed
from gasolinera.station.importing import import_feed
from gasolinera.station.models import Feed, ImportResult
from tests.station.feeds import FAULTY_PLACES, FAULTY_PRICES, GOOD, GOOD_PRICES, Place, Prices, permit, written

Admin = psycopg.Connection[Any]
DAY = date(2026, 11, 19)
STATE = """
SELECT (SELECT jsonb_agg(to_jsonb(s) ORDER BY s.id) FROM station_schema.stations AS s),
       (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.station_id, p.fuel) FROM station_schema.station_fuel_prices AS p),
       (SELECT count(*) FROM station_schema.station_audit_log)
"""
LISTED = "FROM station_schema.stations WHERE permit_number IS NOT NULL"


def state(admin: Admin) -> Any:
    return admin.execute(STATE).fetchone()


def feed_of(folder: Path, places: tuple[Place, ...] = GOOD, prices: tuple[Prices, ...] = GOOD_PRICES) -> Feed:
    files = written(folder, places, prices)
    return read_feed(files.places, files.prices, lambda count: None)


def imported(settings: Settings, feed: Feed, day: date = DAY) -> ImportResult:
    async def run() -> ImportResult:
        async with open_database(settings, "station") as db, db.transaction(RequestContext(actor="test")) as conn:
            return await import_feed(conn, feed, as_of=day)

    return asyncio.run(run())


def count(admin: Admin, what: str) -> int:
    row = admin.execute(f"SELECT count(*) {what}".encode()).fetchone()
    assert row is not None
    return row[0]


def test_new_places_become_stations_with_prices_and_a_log(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    result = imported(settings, feed_of(tmp_path))
    assert (result.places_read, result.inserted, result.updated, result.unchanged, result.rejected) == (3, 3, 0, 0, 0)
    assert (result.prices_read, result.prices_set, result.prices_unchanged, result.prices_refused) == (4, 4, 0, {})
    rows = admin.execute(
        "SELECT station_code, location[0], location[1], country, fuels, accepts_coupons, regulator_place_id"
        f" {LISTED} ORDER BY station_code".encode()
    ).fetchall()
    assert rows[0] == ("PL1EXPES2015", -99.13, 19.43, "MX", ["REGULAR", "PREMIUM"], False, 1)
    logged = "FROM station_schema.station_audit_log WHERE actor = 'test' AND event_type = 'STATION_CREATED'"
    assert count(admin, logged) == 3


def test_importing_the_same_again_changes_nothing(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    feed = feed_of(tmp_path)
    imported(settings, feed)
    before = state(admin)
    again = imported(settings, feed)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 3)
    assert (again.prices_set, again.prices_unchanged) == (0, 4)
    assert state(admin) == before


def test_only_what_differs_is_updated_and_the_log_says_what(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    imported(settings, feed_of(tmp_path))
    moved = (Place("1", permit(1), x="-99.14"), *GOOD[1:])
    result = imported(settings, feed_of(tmp_path, moved))
    assert (result.updated, result.unchanged) == (1, 2)
    row = admin.execute(
        "SELECT entity_reference, old_values, new_values FROM station_schema.station_audit_log"
        " WHERE event_type = 'STATION_UPDATED'"
    ).fetchone()
    assert row == ("PL1EXPES2015", {"location": "(-99.13,19.43)"}, {"location": "(-99.14,19.43)"})


def test_an_older_price_never_replaces_a_newer_one(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    imported(settings, feed_of(tmp_path))
    cheaper = (Prices("1", (("regular", "20.00"),)),)
    older = imported(settings, feed_of(tmp_path, prices=cheaper), date(2026, 11, 18))
    assert older.prices_refused == {"older_than_known": 1}
    newer = imported(settings, feed_of(tmp_path, prices=cheaper), date(2026, 11, 20))
    assert newer.prices_set == 1
    stored = admin.execute(
        "SELECT price, price_as_of FROM station_schema.station_fuel_prices AS p JOIN station_schema.stations AS s"
        " ON s.id = p.station_id WHERE s.station_code = 'PL1EXPES2015' AND fuel = 'REGULAR'"
    ).fetchall()
    assert [(str(price), day) for price, day in stored] == [("20.000", date(2026, 11, 20))]


def test_every_planted_fault_is_counted_and_the_sums_agree(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    places = (*GOOD, *FAULTY_PLACES.values(), *(Place(str(n), permit(n)) for n in range(201, 205)))
    result = imported(settings, feed_of(tmp_path, places, (*GOOD_PRICES, *FAULTY_PRICES.values())))
    assert result.rejected_by_reason == dict.fromkeys(sorted(FAULTY_PLACES), 1)
    assert result.prices_refused == {reason: len(faulty.prices) for reason, faulty in sorted(FAULTY_PRICES.items())}
    assert result.places_read == result.inserted + result.updated + result.unchanged + result.rejected
    assert result.prices_read == result.prices_set + result.prices_unchanged + sum(result.prices_refused.values())
    assert count(admin, LISTED) == 7


def test_a_code_that_another_station_has_is_rejected(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    admin.execute(
        "INSERT INTO station_schema.stations (station_code, name, country, location)"
        " VALUES ('PL1EXPES2015', 'Other', 'MX', point(-99, 19))"
    )
    result = imported(settings, feed_of(tmp_path))
    assert (result.inserted, result.rejected_by_reason) == (2, {"station_code_taken": 1})
    assert result.prices_refused == {"place_rejected": 2}
    assert result.unchanged == 0
    assert result.prices_unchanged == 0


def test_a_place_that_lists_no_fuel_keeps_what_was_known(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    imported(settings, feed_of(tmp_path))
    result = imported(settings, feed_of(tmp_path, prices=(GOOD_PRICES[0],)))
    assert result.updated == 0
    assert count(admin, f"{LISTED} AND fuels = ARRAY['REGULAR', 'DIESEL']") == 1


def test_two_imports_at_once_double_nothing(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    places = tuple(Place(str(n), permit(n), y=f"{19 + n / 1000:.3f}") for n in range(1, 800))
    prices = tuple(Prices(str(n), (("regular", "23.49"),)) for n in range(1, 800))
    feed = feed_of(tmp_path, places, prices)

    async def both() -> list[ImportResult]:
        async with open_database(settings, "station") as db:

            async def one() -> ImportResult:
                async with db.transaction() as conn:
                    return await import_feed(conn, feed, as_of=DAY)

            return list(await asyncio.gather(one(), one()))

    results = asyncio.run(both())
    assert sorted(result.inserted for result in results) == [0, 799]
    assert sorted(result.unchanged for result in results) == [0, 799]
    assert count(admin, LISTED) == 799
    assert count(admin, "FROM station_schema.station_fuel_prices WHERE price_as_of = '2026-11-19'") == 799


def test_a_failure_in_the_middle_leaves_everything_as_it_was(settings: Settings, admin: Admin, tmp_path: Path) -> None:
    admin.execute(
        "CREATE FUNCTION station_schema.explode() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'no prices today'; END $$;"
        " CREATE TRIGGER station_fuel_prices_explode BEFORE INSERT ON station_schema.station_fuel_prices"
        " FOR EACH STATEMENT EXECUTE FUNCTION station_schema.explode()"
    )
    before = state(admin)
    with pytest.raises(Exception, match="no prices today"):
        imported(settings, feed_of(tmp_path))
    assert state(admin) == before
