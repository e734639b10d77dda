"""What statements cost, kept twice and compared: on Debian's server, which has pg_stat_statements."""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from gasolinera.cli.app import app
from gasolinera.errors import InputError, UnknownError
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.live import Place, places_of
from gasolinera.ops.reaching import Operations
from gasolinera.ops.statement_counters import Figures, read_statements
from gasolinera.ops.statement_snapshots import (
    Kind,
    Limits,
    compare_snapshots,
    list_snapshots,
    regressions_between,
    take_snapshots,
)
from tests.conftest import project_at
from vuelo import embedded
from vuelo.embedded import Server

BIN_DIR = Path("/usr/lib/postgresql/15/bin")
needs_debian = pytest.mark.skipif(not BIN_DIR.exists(), reason="there is no PostgreSQL 15 of Debian's")
SLOW = "SELECT count(*), pg_sleep(0.012) FROM generate_series(1, 3) AS g WHERE g < 7"
FAST = "SELECT count(*), pg_sleep(0.0) FROM generate_series(1, 3) AS g WHERE g < 5"

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def counting_server() -> Generator[Server]:
    settings = {"shared_preload_libraries": "pg_stat_statements"}
    with embedded.temporary(bin_dir=BIN_DIR, settings=settings) as running:
        yield running


@pytest.fixture
def counting(counting_server: Server) -> Generator[tuple[Operations, Connection]]:
    """Operations whose services have no tables, which nobody needs here, and a session that runs statements."""
    with psycopg.connect(counting_server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE counted")
    url = counting_server.url("counted")
    project = project_at(url, "test")
    roles.initialise(project)
    operations_schema.install(url)
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("CREATE SCHEMA extensions")
        conn.execute("CREATE EXTENSION pg_stat_statements SCHEMA extensions")
        conn.execute("SELECT extensions.pg_stat_statements_reset()")
        yield Operations(project, url), conn
    with psycopg.connect(counting_server.url(), autocommit=True) as conn:
        conn.execute("DROP DATABASE counted WITH (FORCE)")


@needs_debian
def test_a_statement_that_became_slower_is_told_and_others_are_not(counting: tuple[Operations, Connection]) -> None:
    operations, conn = counting
    for _ in range(5):
        conn.execute(FAST)
        conn.execute("SELECT 'Elena', 42")
    take_snapshots(operations, note="before")
    for _ in range(6):
        conn.execute(SLOW)  # the same statement, but for its values
        conn.execute("SELECT 'Pilar', 43")
    conn.execute("SELECT pg_sleep(0.06) AS never_before")
    take_snapshots(operations)
    limits = Limits(factor=3.0, calls=5, added_ms=30.0, new_ms=50.0)
    found = compare_snapshots(operations, limits=limits)
    assert not found.was_reset
    told = {one.statement: one for one in found.regressions}
    assert set(told) == {
        "SELECT count(*), pg_sleep($1) FROM generate_series($2, $3) AS g WHERE g < $4",
        "SELECT pg_sleep($1) AS never_before",
    }
    slower, new = (told[one] for one in sorted(told))
    assert (slower.kind, slower.calls, slower.role) == (Kind.SLOWER, 6, "postgres")
    assert slower.after_ms >= 12
    assert slower.before_ms is not None
    assert slower.before_ms < 4
    assert slower.added_ms >= 6 * 8
    assert (new.kind, new.calls, new.before_ms) == (Kind.NEW, 1, None)
    assert [one.note for one in list_snapshots(operations)] == [None, "before"]


@needs_debian
def test_a_reset_between_two_is_noticed_and_the_newer_counts_for_itself(
    counting: tuple[Operations, Connection],
) -> None:
    operations, conn = counting
    for _ in range(50):
        conn.execute(FAST)
    take_snapshots(operations)
    conn.execute("SELECT extensions.pg_stat_statements_reset()")
    for _ in range(5):
        conn.execute(SLOW)
    take_snapshots(operations)
    found = compare_snapshots(operations, limits=Limits(factor=2.0, calls=5, added_ms=10.0, new_ms=10_000))
    assert found.was_reset
    (slower,) = found.regressions
    assert slower.calls == 5


@needs_debian
def test_old_snapshots_go_and_the_newest_stays(counting: tuple[Operations, Connection]) -> None:
    operations, conn = counting
    for days in (100, 40, 20):
        take_snapshots(operations, keep_days=3650)
        conn.execute(
            "UPDATE ops_schema.statement_snapshots SET taken_at = now() - make_interval(days => %s)"
            " WHERE id = (SELECT max(id) FROM ops_schema.statement_snapshots)",
            (days,),
        )
    (taken,) = take_snapshots(operations, keep_days=30)
    assert taken.removed == 2
    assert len(list_snapshots(operations)) == 2
    conn.execute("UPDATE ops_schema.statement_snapshots SET taken_at = now() - interval '9 years'")
    assert conn.execute("SELECT count(*) > 0 FROM ops_schema.statement_figures").fetchone() == (True,)
    (taken,) = take_snapshots(operations, keep_days=30)
    assert taken.removed == 2


@needs_debian
def test_secrets_in_commands_of_old_servers_are_not_kept(counting: tuple[Operations, Connection]) -> None:
    operations, conn = counting
    conn.execute("ALTER ROLE station_ro PASSWORD 'hush-hush'")
    take_snapshots(operations)
    texts = [row[0] for row in conn.execute("SELECT statement FROM ops_schema.statement_figures").fetchall()]
    assert "ALTER ROLE station_ro PASSWORD ?" in texts
    assert [text for text in texts if "hush" in text] == []


@needs_debian
def test_an_extension_that_an_upgrade_left_behind_is_told(counting: tuple[Operations, Connection]) -> None:
    operations, conn = counting
    conn.execute("DROP EXTENSION pg_stat_statements")
    conn.execute("CREATE EXTENSION pg_stat_statements SCHEMA extensions VERSION '1.8'")
    assert [one.reason for one in take_snapshots(operations)] == ["old_extension"]


@needs_debian
def test_who_is_not_shown_the_statements_of_others_is_told(
    counting: tuple[Operations, Connection], counting_server: Server
) -> None:
    _, conn = counting
    conn.execute("GRANT USAGE ON SCHEMA extensions TO station_ro")
    assert read_statements(Place("x", counting_server.url("counted", "station_ro"), {}), limit=5).reason == "privilege"
    conn.execute("REVOKE ALL ON SCHEMA extensions FROM station_ro")


@needs_debian
def test_the_commands_show_keep_and_compare(
    counting: tuple[Operations, Connection], counting_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, conn = counting
    for name in [name for name in os.environ if name.startswith("GASOLINERA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", counting_server.dsn("counted"))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["ops", "queries", *arguments])
        return done.exit_code, done.stdout

    conn.execute(FAST)
    code, shown = run("--once", "--order", "calls")
    assert code == 0
    assert "generate_series($2, $3)" in shown
    assert run("snapshot", "--note", "release 40")[0] == 0
    assert run("compare")[0] == 1, "there is nothing to compare it with"
    for _ in range(8):
        conn.execute(SLOW)
    assert run("snapshot")[0] == 0
    found = json.loads(run("list", "--json")[1])
    code, told = run("compare", "--min-calls", "5", "--min-added-ms", "20", "--json")
    assert code == 1
    told = json.loads(told)
    assert [told["before"]["id"], told["after"]["id"]] == [found[1]["id"], found[0]["id"]]
    assert any("generate_series" in one["statement"] for one in told["regressions"])
    assert run("compare", str(found[1]["id"]), str(found[0]["id"]), "--factor", "100000")[0] == 0
    assert "release 40" in run("list")[1]


def test_where_nothing_counts_statements_it_is_skipped_with_the_reason(operations: Operations) -> None:
    (place,) = places_of(operations)
    assert read_statements(place, limit=5).reason == "no_extension"
    (taken,) = take_snapshots(operations)
    assert (taken.snapshot, taken.reason) == (None, "no_extension")
    with pytest.raises(UnknownError, match="there is no snapshot"):
        compare_snapshots(operations)


def test_two_of_different_databases_are_not_compared(operations: Operations, ops: Connection) -> None:
    for place in ("a:5432/x", "b:5432/x"):
        ops.execute("INSERT INTO ops_schema.statement_snapshots (place, server_version) VALUES (%s, 180000)", (place,))
    first, second = sorted(one.id for one in list_snapshots(operations))
    with pytest.raises(InputError, match="is not an older snapshot"):
        compare_snapshots(operations, first, second)
    with pytest.raises(InputError, match="several databases"):
        compare_snapshots(operations)


def figures(calls: int, total_ms: float, query_id: int = 7) -> Figures:
    return Figures("app", query_id, True, "SELECT", calls, total_ms, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        # 100 calls of 10 ms, then 50 of 30 ms: 1.0 s more than they would have taken.
        (figures(100, 1000), figures(150, 2500), (10.0, 30.0, 50, 1000.0)),
        (figures(100, 1000), figures(150, 1700), None),  # 14 ms: not yet one and a half times
        (figures(100, 1000), figures(110, 1400), None),  # too few calls
        (figures(1000, 10), figures(2000, 40), None),  # three times slower, and nobody notices 20 ms
        # It was dropped meanwhile, and counts anew.
        (figures(100, 1000), figures(40, 1200), (10.0, 30.0, 40, 800.0)),
    ],
)
def test_means_are_of_the_time_between_the_two(
    before: Figures, after: Figures, told: tuple[float, float, int, float] | None
) -> None:
    found = regressions_between([before], [after], was_reset=False, limits=Limits())
    assert [(one.before_ms, one.after_ms, one.calls, one.added_ms) for one in found] == ([told] if told else [])
