"""What vuelo has undone is pending for Flyway too, repeatables included, however often it is done and undone again."""

from pathlib import Path

import pytest

from .conftest import Sites
from .sites import Site, assert_agreed_and_done, assert_same_lines

pytestmark = pytest.mark.needs_java

_FILES = {
    "V1__Products.sql": "CREATE TABLE products (id int);",
    "U1__Products.sql": "DROP TABLE products CASCADE;",
    "V2__Prices.sql": "CREATE TABLE prices (id int);",
    "U2__Prices.sql": "DROP TABLE prices CASCADE;",
    "V3__Orders.sql": "CREATE TABLE orders (id int);",
    "U3__Orders.sql": "DROP TABLE orders CASCADE;",
    "R__Price_list.sql": "CREATE OR REPLACE VIEW price_list AS SELECT products.id FROM products, prices;",
    "R__Sales.sql": "CREATE OR REPLACE VIEW sales AS SELECT id FROM orders;",
}
_ALL = ["1", "2", "3", "Price list", "Sales"]


@pytest.fixture
def site(new_site: Sites, tmp_path: Path) -> Site:
    for name, text in _FILES.items():
        (tmp_path / name).write_text(text)
    return new_site(tmp_path)


def objects(site: Site) -> list[str]:
    rows = site.execute(
        """SELECT relname FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relkind IN ('r', 'v')
              AND relname NOT IN ('flyway_schema_history', 'vuelo_log') ORDER BY 1"""
    )
    return [name for [name] in rows]


@pytest.mark.parametrize("first", ["vuelo", "flyway"])
def test_flyway_applies_again_what_vuelo_has_undone(site: Site, first: str) -> None:
    assert (site.migrate() if first == "vuelo" else site.flyway("migrate").applied) == _ALL
    assert site.undo() == ["3"]
    assert assert_same_lines(site) == [
        *(("1", "Success"), ("2", "Success"), ("3", "Deleted"), ("Price list", "Deleted"), ("Sales", "Deleted")),
        *(("3", "Pending"), ("Price list", "Pending"), ("Sales", "Pending")),
    ]
    assert [entry.state for entry in site.info().entries if entry.row][-3] == "Undone"  # vuelo's own word
    outcome = site.flyway("validate")
    assert [line.splitlines()[0] for line in outcome.invalid] == [
        "Detected resolved migration not applied to database: 3.",
        "Detected resolved repeatable migration not applied to database: Price list.",
        "Detected resolved repeatable migration not applied to database: Sales.",
    ]
    assert [problem.code for problem in site.info().problems] == ["pending"] * 3
    assert (outcome.error, outcome.current) == (None, "2")

    assert site.flyway("migrate").applied == ["3", "Price list", "Sales"]
    assert objects(site) == ["orders", "price_list", "prices", "products", "sales"]
    assert_agreed_and_done(site)


def test_vuelo_applies_again_what_it_has_undone_and_flyway_agrees(site: Site) -> None:
    assert site.flyway("migrate").applied == _ALL
    assert site.undo(2) == ["3", "2"]
    assert site.migrate() == ["2", "3", "Price list", "Sales"]
    assert objects(site) == ["orders", "price_list", "prices", "products", "sales"]
    assert_agreed_and_done(site)


def test_after_everything_is_undone_both_begin_again(site: Site) -> None:
    site.migrate()
    assert site.undo(target="1") == ["3", "2", "1"]
    assert objects(site) == []
    assert site.flyway("info").pending == _ALL
    assert [script.script.split("__")[0] for script in site.info().pending] == ["V1", "V2", "V3", "R", "R"]
    assert_same_lines(site)
    assert site.flyway("migrate").applied == _ALL
    assert_agreed_and_done(site)
    assert site.undo(3) == ["3", "2", "1"]
    assert site.migrate() == _ALL
    assert_agreed_and_done(site)


def test_undo_and_redo_by_turns_as_often_as_one_likes(site: Site) -> None:
    site.migrate()
    for turn in range(4):
        steps = 1 + turn % 3
        site.undo(steps)
        assert_same_lines(site)
        applied = site.migrate() if turn % 2 else site.flyway("migrate").applied
        assert applied == _ALL[3 - steps :]
        assert_agreed_and_done(site)
    assert site.execute("SELECT count(*) FROM shop.flyway_schema_history WHERE NOT success") == [(0,)]


def test_a_repeatable_that_ran_several_times_is_run_again_once_by_either(site: Site) -> None:
    sales = site.service.locations[0] / "R__Sales.sql"
    site.migrate()
    for turn in range(2):
        sales.write_text(f"CREATE OR REPLACE VIEW sales AS SELECT id FROM orders; -- {turn}")
        assert site.flyway("migrate").applied == ["Sales"]
    assert_same_lines(site)
    site.undo()
    assert_same_lines(site)
    assert site.flyway("migrate").applied == ["3", "Price list", "Sales"]
    assert_agreed_and_done(site)
    site.undo()
    assert site.migrate() == ["3", "Price list", "Sales"]
    assert_agreed_and_done(site)


def test_a_repeatable_changed_while_undone_is_run_once_in_its_new_form(site: Site) -> None:
    site.migrate()
    site.undo()
    (site.service.locations[0] / "R__Sales.sql").write_text("CREATE VIEW sales AS SELECT 1 AS one;")
    assert_same_lines(site)
    assert site.flyway("migrate").applied == ["3", "Price list", "Sales"]
    assert site.execute("SELECT one FROM shop.sales") == [(1,)]
    assert_agreed_and_done(site)


def test_a_repeatable_that_ran_before_and_after_is_not_forgotten_by_either(site: Site) -> None:
    """It ran, then version 4, then it ran again: undoing 4 takes back the later run alone, and it must run again."""
    site.migrate()
    folder = site.service.locations[0]
    (folder / "V4__Bills.sql").write_text("CREATE TABLE bills (id int);")
    (folder / "U4__Bills.sql").write_text("DROP TABLE bills CASCADE;")
    (folder / "R__Sales.sql").write_text("CREATE OR REPLACE VIEW sales AS SELECT o.id FROM orders o, bills;")
    assert site.migrate() == ["4", "Sales"]
    assert_same_lines(site)
    assert site.undo() == ["4"]
    assert ("Sales", "Pending") in assert_same_lines(site)
    assert site.flyway("migrate").applied == ["4", "Sales"]
    assert_agreed_and_done(site)


def test_a_repeatable_from_before_the_undone_version_stays(site: Site) -> None:
    site.migrate()
    folder = site.service.locations[0]
    (folder / "V4__Bills.sql").write_text("CREATE TABLE bills (id int);")
    (folder / "U4__Bills.sql").write_text("DROP TABLE bills;")
    assert site.flyway("migrate").applied == ["4"]
    assert site.undo() == ["4"]
    assert assert_same_lines(site)[-1] == ("4", "Pending")
    assert site.flyway("info").pending == ["4"]
    assert site.flyway("migrate").applied == ["4"]
    assert_agreed_and_done(site)


def test_flyways_repair_leaves_an_undone_history_alone(site: Site) -> None:
    site.migrate()
    site.undo()
    before = site.history()
    assert site.flyway("repair").error is None
    assert site.history() == before
    assert site.flyway("migrate").applied == ["3", "Price list", "Sales"]
    assert_agreed_and_done(site)


def test_an_undone_file_that_is_deleted_is_missed_by_nobody(site: Site) -> None:
    site.migrate()
    site.undo()
    folder = site.service.locations[0]
    for name in ("V3__Orders.sql", "U3__Orders.sql", "R__Sales.sql"):
        (folder / name).unlink()
    assert assert_same_lines(site)[-1] == ("Price list", "Pending")
    assert site.flyway("migrate").applied == ["Price list"]
    assert_agreed_and_done(site)
