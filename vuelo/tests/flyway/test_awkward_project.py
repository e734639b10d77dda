"""Whichever engine migrates, and whichever goes on, history, schema and what info says are the same."""

from pathlib import Path

import pytest

from . import awkward
from .conftest import Sites
from .sites import Site, assert_agreed_and_done, flyway_lines, states

pytestmark = pytest.mark.needs_java

_ALL = [*awkward.VERSIONS, *awkward.REPEATABLES]


@pytest.fixture
def pair(new_site: Sites, tmp_path: Path) -> tuple[Site, Site]:
    """The awkward project twice, each in a database of its own."""
    locations = awkward.write(tmp_path)
    first, second = (new_site(*locations, placeholders=awkward.PLACEHOLDERS) for _ in range(2))
    return first, second


def test_before_anything_is_applied_both_show_the_same_files_as_pending(pair: tuple[Site, Site]) -> None:
    site, _ = pair
    outcome = site.flyway("info")
    assert outcome.pending == _ALL
    assert site.lines() == flyway_lines(outcome)
    assert [entry.state for entry in site.info().entries] == ["Pending"] * len(_ALL)


def test_flyway_finds_nothing_to_do_after_vuelo(pair: tuple[Site, Site]) -> None:
    site, _ = pair
    assert site.migrate() == _ALL
    assert_agreed_and_done(site)
    assert {state for _, state in states(site.lines())} == {"Success"}


def test_vuelo_finds_nothing_to_do_after_flyway(pair: tuple[Site, Site]) -> None:
    site, _ = pair
    assert site.flyway("migrate").applied == _ALL
    assert_agreed_and_done(site)
    assert {state for _, state in states(site.lines())} == {"Success"}


def test_history_schema_and_history_table_are_the_same_whoever_made_them(pair: tuple[Site, Site]) -> None:
    by_vuelo, by_flyway = pair
    by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error is None
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.history()[0] == (0, None, "<< Flyway Schema Creation >>", "SCHEMA", '"shop"', None, True)
    catalog = by_vuelo.catalog()
    assert catalog == by_flyway.catalog()
    assert {name for name in catalog if "flyway_schema_history" in name and name.startswith(("table", "index"))} == {
        "table shop.flyway_schema_history",
        "index shop.flyway_schema_history.flyway_schema_history_pk",
        "index shop.flyway_schema_history.flyway_schema_history_s_idx",
    }


@pytest.mark.parametrize("middle", ["1.10", "7"])
def test_one_begins_and_the_other_goes_on(pair: tuple[Site, Site], middle: str) -> None:
    vuelo_first, flyway_first = pair
    done = _ALL.index(middle) + 1
    # Repeatables run at the end of every migrate, and these need tables that only the rest makes: they wait outside.
    repeatables = _set_aside(vuelo_first)
    assert vuelo_first.migrate(target=middle) == _ALL[:done]
    assert flyway_first.flyway("migrate", target=middle).applied == _ALL[:done]
    assert vuelo_first.history() == flyway_first.history()
    for path, content in repeatables.items():
        path.write_bytes(content)

    assert vuelo_first.flyway("migrate").applied == _ALL[done:]
    assert flyway_first.migrate() == _ALL[done:]
    assert vuelo_first.history() == flyway_first.history()
    assert vuelo_first.catalog() == flyway_first.catalog()
    assert_agreed_and_done(vuelo_first)
    assert_agreed_and_done(flyway_first)


def test_an_existing_schema_gets_no_row_of_its_creation_from_either(pair: tuple[Site, Site]) -> None:
    by_vuelo, by_flyway = pair
    for site in pair:
        site.execute("CREATE SCHEMA shop")
    by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error is None
    assert by_vuelo.history()[0].installed_rank == 1
    assert by_vuelo.history() == by_flyway.history()


def test_a_target_leaves_the_same_files_above_it(pair: tuple[Site, Site]) -> None:
    site, _ = pair
    _set_aside(site)
    site.migrate(target="3")
    plan = site.info()
    assert [script.version and script.version.text for script in plan.pending] == awkward.VERSIONS[7:]
    assert site.flyway("info").pending == awkward.VERSIONS[7:]


def _set_aside(site: Site) -> dict[Path, bytes]:
    taken: dict[Path, bytes] = {}
    for location in site.service.locations:
        for path in location.rglob("R__*"):
            taken[path] = path.read_bytes()
            path.unlink()
    return taken
