"""Both engines at work on one schema at the same time: each migration is applied once, and nobody fails."""

import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from vuelo.history import HistoryTable

from .conftest import Sites
from .engine import Outcome
from .sites import Site, assert_agreed_and_done

pytestmark = pytest.mark.needs_java

_COUNT = 12
_GATE = 4711
_DEADLINE_S = 30


@pytest.fixture
def threads() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


@pytest.fixture
def site(new_site: Sites, tmp_path: Path) -> Site:
    for number in range(1, _COUNT + 1):
        (tmp_path / f"V{number}__Table_{number}.sql").write_text(f"CREATE TABLE t{number} ();")
    (tmp_path / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS one;")
    return new_site(tmp_path)


@pytest.fixture
def gated_site(site: Site) -> Site:
    """Its first migration waits until the test lets go of an advisory lock."""
    (site.service.locations[0] / "V1__Table_1.sql").write_text(f"SELECT pg_advisory_xact_lock({_GATE});")
    return site


def wait_for_session(site: Site, condition: str) -> None:
    deadline = time.monotonic() + _DEADLINE_S
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    query = f"SELECT pid FROM pg_stat_activity WHERE {others} AND {condition}"
    while not site.execute(query):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)


def assert_applied_once(site: Site, by_vuelo: list[str], by_flyway: Outcome) -> None:
    assert by_flyway.error is None
    assert sorted([*by_vuelo, *by_flyway.applied]) == sorted([*map(str, range(1, _COUNT + 1)), "View"])
    rows = [row.version or row.description for row in site.history() if row.type != "SCHEMA"]
    assert sorted(rows) == sorted([*map(str, range(1, _COUNT + 1)), "View"])
    assert_agreed_and_done(site)


@pytest.mark.parametrize("delay_s", [0, 0.03, 0.06, 0.09, 0.12, 0.15, 0.2, 0.25])
def test_started_together_on_an_empty_database(site: Site, threads: ThreadPoolExecutor, delay_s: float) -> None:
    by_flyway: Future[Outcome] = threads.submit(site.flyway, "migrate")
    time.sleep(delay_s)
    by_vuelo = site.migrate()
    assert_applied_once(site, by_vuelo, by_flyway.result())


def test_flyway_waits_while_vuelo_works(gated_site: Site, threads: ThreadPoolExecutor) -> None:
    with gated_site.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (_GATE,))
        by_vuelo = threads.submit(gated_site.migrate)
        wait_for_session(gated_site, f"query LIKE '%({_GATE})%' AND wait_event = 'advisory'")
        by_flyway = threads.submit(gated_site.flyway, "migrate")
        wait_for_session(gated_site, "query LIKE '%pg_try_advisory_xact_lock%'")
        time.sleep(0.3)
        assert not by_flyway.done()
    assert_applied_once(gated_site, by_vuelo.result(), by_flyway.result())


def test_vuelo_waits_while_flyway_works(gated_site: Site, threads: ThreadPoolExecutor) -> None:
    with gated_site.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (_GATE,))
        by_flyway = threads.submit(gated_site.flyway, "migrate")
        wait_for_session(gated_site, f"query LIKE '%({_GATE})%' AND wait_event = 'advisory'")
        by_vuelo = threads.submit(gated_site.migrate)
        wait_for_session(gated_site, "application_name = 'vuelo shop' AND query LIKE '%pg_try_advisory_lock%'")
        time.sleep(0.3)
        assert not by_vuelo.done()
    assert_applied_once(gated_site, by_vuelo.result(), by_flyway.result())


def test_undo_waits_while_flyway_works(gated_site: Site, threads: ThreadPoolExecutor) -> None:
    """Flyway lets go of the lock between two migrations, so the undo may come before its end.

    It never applies a migration twice in one run, so it may have gone on to newer ones without the one undone.
    """
    for number in range(1, _COUNT + 1):
        undo = gated_site.service.locations[0] / f"U{number}__Table_{number}.sql"
        undo.write_text(f"DROP TABLE IF EXISTS t{number};")
    with gated_site.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(%s)", (_GATE,))
        by_flyway = threads.submit(gated_site.flyway, "migrate")
        wait_for_session(gated_site, f"query LIKE '%({_GATE})%' AND wait_event = 'advisory'")
        undone = threads.submit(gated_site.undo)
        wait_for_session(gated_site, "application_name = 'vuelo shop' AND query LIKE '%pg_try_advisory_lock%'")
    assert by_flyway.result().error is None
    assert len(undone.result()) == 1
    assert gated_site.flyway("migrate", out_of_order=True).applied[:1] == undone.result()
    assert_agreed_and_done(gated_site)


def test_whoever_makes_the_schema_does_not_wait_for_who_holds_the_lock(site: Site, threads: ThreadPoolExecutor) -> None:
    """Flyway makes the schema first and asks for the lock then, in one transaction; here a session does so slowly."""
    table = HistoryTable("shop")
    with site.connect() as as_flyway, as_flyway.transaction():
        as_flyway.execute("CREATE SCHEMA shop")
        by_vuelo = threads.submit(site.migrate)
        wait_for_session(site, "application_name = 'vuelo shop' AND wait_event_type = 'Lock'")
        [[is_free]] = as_flyway.execute("SELECT pg_try_advisory_xact_lock(%s)", (table.lock_key(),)).fetchall()
        assert is_free
    assert len(by_vuelo.result()) == _COUNT + 1
    assert site.history()[0].installed_rank == 1  # vuelo did not make the schema
    assert_agreed_and_done(site)


def test_the_row_of_the_schema_that_flyway_writes_without_the_lock_may_come_first(
    gated_site: Site, threads: ThreadPoolExecutor
) -> None:
    """Flyway commits schema and table, lets go of the lock and writes its row then; here a session does so late."""
    gated_site.flyway("migrate", target="0")
    gated_site.execute("DELETE FROM shop.flyway_schema_history")
    with gated_site.connect() as gate, gated_site.connect() as as_flyway:
        gate.execute("SELECT pg_advisory_lock(%s)", (_GATE,))
        by_vuelo = threads.submit(gated_site.migrate)
        wait_for_session(gated_site, f"query LIKE '%({_GATE})%' AND wait_event = 'advisory'")
        with as_flyway.transaction():
            as_flyway.execute(
                """INSERT INTO shop.flyway_schema_history VALUES
                   (1, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '"shop"', NULL, 'postgres', now(), 0, true)"""
            )
            gate.execute("SELECT pg_advisory_unlock(%s)", (_GATE,))
            wait_for_session(gated_site, "application_name = 'vuelo shop' AND wait_event_type = 'Lock'")
    assert len(by_vuelo.result()) == _COUNT + 1
    assert [row.installed_rank for row in gated_site.history()] == list(range(1, _COUNT + 3))
    assert_agreed_and_done(gated_site)
