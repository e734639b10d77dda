"""Where vuelo does not do what Flyway does, and says so instead of doing something else in silence."""

from pathlib import Path

import pytest

from vuelo import RunFailedError
from vuelo.flyway.locations import folders
from vuelo.settings import Phase

from .conftest import Sites
from .sites import assert_agreed_and_done, assert_same_lines

pytestmark = pytest.mark.needs_java


def test_a_version_in_other_scripts_digits_is_run_by_flyway_and_refused_by_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    (tmp_path / "V\u0663__Arabic_digits.sql").write_text("CREATE TABLE of_flyway ();")
    site = new_site(tmp_path)
    assert [problem.code for problem in site.info().problems] == ["name", "pending"]
    with pytest.raises(RunFailedError):
        site.migrate()
    assert site.flyway("migrate").error is None
    assert site.execute("SELECT relname FROM pg_class WHERE relname = 'of_flyway'") == [("of_flyway",)]


def test_a_baseline_migration_above_the_target_is_run_by_flyway_and_left_by_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    for name in ("V1__One", "B2__Two", "V3__Three"):
        (tmp_path / f"{name}.sql").write_text("SELECT 1;")
    assert new_site(tmp_path).flyway("migrate", target="1").applied == ["2"]
    assert new_site(tmp_path).migrate(target="1") == ["1"]


def test_a_file_without_a_suffix_is_a_shell_script_for_flyway_and_nothing_for_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One").write_text("exit 0\n")
    site = new_site(tmp_path)
    migrations = site.flyway("info").migrations or []
    assert [(each.version, each.type) for each in migrations] == [("1", "SCRIPT")]
    assert site.info().entries == ()


def test_a_script_that_ends_its_transaction_is_run_by_flyway_and_refused_by_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one (); COMMIT; CREATE TABLE two ();")
    site = new_site(tmp_path)
    with pytest.raises(RunFailedError):
        site.migrate()
    assert site.flyway("migrate").error is None
    assert_agreed_and_done(site)


def test_a_group_that_needs_to_leave_its_transaction_is_run_apart_by_flyway_and_refused_by_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one (id int);")
    (tmp_path / "V2__Index.sql").write_text("CREATE INDEX CONCURRENTLY one_id ON one (id);")
    site = new_site(tmp_path).configured(group=True, mixed=True)
    with pytest.raises(RunFailedError) as caught:
        site.migrate()
    assert [result.error.code for result in caught.value.results if result.error] == ["group.no_transaction"]
    outcome = site.flyway("migrate", **{"postgresql.transactional.lock": False})
    assert (outcome.error, outcome.applied) == (None, ["1", "2"])
    assert_agreed_and_done(site)


def test_two_stars_at_the_end_are_nothing_to_flyway_and_everything_below_to_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "db" / "one").mkdir(parents=True)
    (tmp_path / "db" / "one" / "V1__One.sql").write_text("SELECT 1;")
    site = new_site(*folders(["filesystem:db/**"], tmp_path))
    assert site.flyway("info", locations=f"filesystem:{tmp_path}/db/**").migrations == []
    assert site.migrate() == ["1"]


@pytest.mark.parametrize(
    "statement",
    [
        "REINDEX INDEX CONCURRENTLY parts_1_id;",
        "REINDEX TABLE CONCURRENTLY parts_1;",
        "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY;",
        "CALL commits();",
    ],
)
def test_statements_that_flyway_does_not_know_to_need_no_transaction_are_run_by_vuelo_alone(
    new_site: Sites, tmp_path: Path, statement: str
) -> None:
    (tmp_path / "V1__Tables.sql").write_text(
        """CREATE TABLE parts (id int) PARTITION BY RANGE (id);
        CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
        CREATE INDEX parts_1_id ON parts_1 (id);
        CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;"""
    )
    (tmp_path / "V2__Alone.sql").write_text(statement)
    by_vuelo, by_flyway = new_site(tmp_path), new_site(tmp_path)
    assert by_vuelo.migrate() == ["1", "2"]
    outcome = by_flyway.flyway("migrate", **{"postgresql.transactional.lock": False})
    assert outcome.error is not None
    assert by_flyway.history()[-1].version == "1"
    assert by_flyway.migrate() == ["2"]
    assert_agreed_and_done(by_vuelo)
    assert_agreed_and_done(by_flyway)


def test_a_migration_of_the_contract_phase_is_pending_for_flyway_and_out_of_order_in_the_end(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one (a int, b int);")
    (tmp_path / "V2__Contract.sql").write_text("-- vuelo: phase=contract\nALTER TABLE one DROP COLUMN a;")
    site = new_site(tmp_path)
    assert site.migrate() == ["1"]
    assert site.flyway("info").pending == ["2"]
    (tmp_path / "V3__Three.sql").write_text("CREATE TABLE three ();")
    assert site.migrate() == ["3"]
    flyways = {one.version: one.state for one in site.flyway("info").migrations or []}
    assert (flyways["2"], flyways["3"]) == ("Ignored", "Success")
    assert site.migrate(phase=Phase.CONTRACT) == ["2"]
    assert assert_same_lines(site)[-1] == ("2", "Out of Order")
    assert_agreed_and_done(site)


def test_a_failure_outside_a_transaction_is_forgotten_by_flyway_with_its_usual_lock_and_kept_by_vuelo(
    new_site: Sites, tmp_path: Path
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();\nSELECT 1 / 0;")
    (tmp_path / "V1__One.sql.conf").write_text("executeInTransaction=false")
    by_vuelo, by_flyway = new_site(tmp_path), new_site(tmp_path)
    with pytest.raises(RunFailedError):
        by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error is not None
    assert [row.success for row in by_vuelo.history()] == [True, False]
    assert [row.success for row in by_flyway.history()] == [True]
