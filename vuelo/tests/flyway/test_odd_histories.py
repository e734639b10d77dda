"""Histories that are not as they should be: both engines see the same in them, and refuse the same."""

from pathlib import Path

import pytest

from vuelo import RunFailedError

from .conftest import Sites
from .sites import Site, assert_agreed_and_done, assert_same_lines

pytestmark = pytest.mark.needs_java


@pytest.fixture
def site(new_site: Sites, tmp_path: Path) -> Site:
    """Three versions and a repeatable, applied."""
    for number in (1, 2, 3):
        (tmp_path / f"V{number}__Table_{number}.sql").write_text(f"CREATE TABLE t{number} ();")
    (tmp_path / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS one;")
    site = new_site(tmp_path)
    site.migrate()
    return site


def folder(site: Site) -> Path:
    return site.service.locations[0]


def assert_both_refuse(site: Site, *codes: str) -> None:
    """Validate finds as many faults with either engine, and neither migrates."""
    before = site.history()
    assert [problem.code for problem in site.info().problems] == list(codes)
    assert len(site.flyway("validate").invalid) == len(codes)
    with pytest.raises(RunFailedError):
        site.migrate()
    assert "Validate failed" in (site.flyway("migrate").error or "")
    assert site.history() == before


def test_an_applied_file_that_is_gone_is_missing_until_repaired(site: Site) -> None:
    (folder(site) / "V2__Table_2.sql").unlink()
    assert assert_same_lines(site)[1] == ("2", "Missing")
    assert_both_refuse(site, "missing")
    assert site.flyway("repair").error is None
    assert assert_same_lines(site)[1] == ("2", "Deleted")
    assert_agreed_and_done(site)


def test_a_version_that_came_back_after_a_repair_is_ignored(site: Site) -> None:
    path = folder(site) / "V2__Table_2.sql"
    path.unlink()
    site.flyway("repair")
    path.write_text("CREATE TABLE IF NOT EXISTS t2 ();")
    assert ("2", "Ignored") in assert_same_lines(site)
    assert_both_refuse(site, "ignored")
    assert site.flyway("migrate", out_of_order=True).applied == ["2"]
    assert ("2", "Out of Order") in assert_same_lines(site)
    assert_agreed_and_done(site)


def test_a_version_from_the_future_troubles_nobody(site: Site) -> None:
    (folder(site) / "V3__Table_3.sql").unlink()
    assert assert_same_lines(site)[2] == ("3", "Future")
    assert_agreed_and_done(site)


def test_a_file_without_any_other_left_is_from_the_future(site: Site) -> None:
    for path in folder(site).glob("V*"):
        path.unlink()
    assert [state for _, state in assert_same_lines(site)] == ["Future"] * 3 + ["Success"]
    assert_agreed_and_done(site)


def test_a_repeatable_that_is_gone_is_missing_until_repaired(site: Site) -> None:
    (folder(site) / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS one, 2 AS two;")
    site.migrate()
    (folder(site) / "R__View.sql").unlink()
    assert assert_same_lines(site)[3:] == [("View", "Superseded"), ("View", "Missing")]
    assert_both_refuse(site, "missing")
    assert site.flyway("repair").error is None
    assert_same_lines(site)
    assert_agreed_and_done(site)


def test_a_changed_repeatable_is_outdated_and_pending(site: Site) -> None:
    (folder(site) / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS one, 2 AS two;")
    assert assert_same_lines(site)[3:] == [("View", "Outdated"), ("View", "Pending")]
    assert site.flyway("migrate").applied == ["View"]
    assert assert_same_lines(site)[3:] == [("View", "Superseded"), ("View", "Success")]
    assert_agreed_and_done(site)


def test_a_repeatable_changed_back_is_run_again(site: Site) -> None:
    path = folder(site) / "R__View.sql"
    first = path.read_text()
    path.write_text(first + "-- a comment")
    assert site.migrate() == ["View"]
    path.write_text(first)
    assert ("View", "Outdated") in assert_same_lines(site)
    assert site.flyway("migrate").applied == ["View"]
    assert_agreed_and_done(site)


@pytest.mark.parametrize(("name", "code"), [("V2__Table_2.sql", "checksum"), ("V2__Renamed.sql", "description")])
def test_a_changed_or_renamed_file_is_refused_until_repaired(site: Site, name: str, code: str) -> None:
    path = folder(site) / "V2__Table_2.sql"
    text = path.read_text()
    path.unlink()
    (folder(site) / name).write_text(text + "-- more" if code == "checksum" else text)
    assert_same_lines(site)
    assert_both_refuse(site, code)
    assert site.flyway("repair").error is None
    assert_agreed_and_done(site)


def test_a_version_written_another_way_is_the_same_version(site: Site) -> None:
    (folder(site) / "V2__Table_2.sql").rename(folder(site) / "V02.0__Table_2.sql")
    assert_same_lines(site)
    assert_agreed_and_done(site)


def test_two_files_of_one_version_are_refused_before_anything_is_done(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    (tmp_path / "V1.0__Other.sql").write_text("CREATE TABLE other ();")
    site = new_site(tmp_path)
    with pytest.raises(RunFailedError):
        site.migrate()
    assert "more than one migration with version 1" in (site.flyway("migrate").error or "")
    assert site.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'shop'") == []


def test_an_older_version_that_appears_late_is_ignored_unless_allowed(site: Site) -> None:
    (folder(site) / "V2.5__Late.sql").write_text("CREATE TABLE late ();")
    assert ("2.5", "Ignored") in assert_same_lines(site)
    assert_both_refuse(site, "ignored")
    assert ("2.5", "Pending") in assert_same_lines(site, out_of_order=True)
    assert site.flyway("migrate", out_of_order=True).applied == ["2.5"]
    assert assert_same_lines(site)[-1] == ("2.5", "Out of Order")
    assert_agreed_and_done(site)


def test_a_failed_migration_leaves_the_same_history_behind(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    (tmp_path / "V2__Fails.sql").write_text("CREATE TABLE two ();\nSELECT 1 / 0;")
    (tmp_path / "V3__Three.sql").write_text("CREATE TABLE three ();")
    by_vuelo, by_flyway = (new_site(tmp_path) for _ in range(2))
    with pytest.raises(RunFailedError):
        by_vuelo.migrate()
    assert "division by zero" in (by_flyway.flyway("migrate").error or "")
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.catalog() == by_flyway.catalog()
    for site in (by_vuelo, by_flyway):
        assert assert_same_lines(site) == [("1", "Success"), ("2", "Pending"), ("3", "Pending")]


def test_with_no_migrations_at_all_both_make_an_empty_history(new_site: Sites, tmp_path: Path) -> None:
    by_vuelo, by_flyway = (new_site(tmp_path) for _ in range(2))
    assert by_vuelo.migrate() == []
    assert by_flyway.flyway("migrate").error is None
    assert by_vuelo.history() == by_flyway.history()
    assert_agreed_and_done(by_vuelo)


@pytest.mark.parametrize("baseline", ["1", "2", "5"])
def test_a_schema_baselined_by_flyway_is_read_and_taken_on(
    new_site: Sites, site: Site, tmp_path: Path, baseline: str
) -> None:
    other = new_site(tmp_path)
    other.execute("CREATE SCHEMA shop; CREATE TABLE shop.old ();")
    assert other.flyway("baseline", baseline_version=baseline).error is None
    assert_same_lines(other)
    expected = [*(version for version in ("1", "2", "3") if int(version) > int(baseline)), "View"]
    assert other.flyway("info").pending == expected
    assert other.migrate() == expected
    assert_same_lines(other)
    assert_agreed_and_done(other)


@pytest.mark.parametrize(
    ("objects", "refused"),
    [
        ("CREATE TABLE shop.old ()", True),
        ("CREATE VIEW shop.old AS SELECT 1", True),
        ("CREATE SEQUENCE shop.old", True),
        ("CREATE FUNCTION shop.old() RETURNS int LANGUAGE sql AS 'SELECT 1'", True),
        ("CREATE TYPE shop.old AS ENUM ('a')", True),
        ("CREATE DOMAIN shop.old AS int", True),
        ("CREATE TYPE shop.old AS (a int)", False),
        ("COMMENT ON SCHEMA shop IS 'empty'", False),
    ],
)
def test_a_schema_with_objects_and_no_history_is_taken_on_by_neither(
    new_site: Sites, tmp_path: Path, objects: str, refused: bool
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    for_flyway, for_vuelo = new_site(tmp_path), new_site(tmp_path)
    for site in (for_flyway, for_vuelo):
        site.execute(f"CREATE SCHEMA shop; {objects};")
    complaint = 'Found non-empty schema(s) "shop" but no schema history table'
    assert (complaint in (for_flyway.flyway("migrate").error or "")) is refused
    if refused:
        with pytest.raises(RunFailedError) as caught:
            for_vuelo.migrate()
        error = caught.value.results[0].error
        assert error is not None
        assert error.code == "migrate.not_empty"
    else:
        assert for_vuelo.migrate() == ["1"]
