"""repair, baseline and clean by one engine leave what the other would have left."""

from pathlib import Path

import pytest

import vuelo
from vuelo import VueloError

from .conftest import Sites
from .histories import HISTORIES, play
from .sites import Site, assert_agreed_and_done, flyway_lines

pytestmark = pytest.mark.needs_java

_PLAYED = [name for name, (steps, _, _) in HISTORIES.items() if any(step.command for step in steps)]


@pytest.mark.parametrize("name", _PLAYED)
def test_repair_leaves_the_same_rows(new_site: Sites, tmp_path: Path, name: str) -> None:
    steps, settings, _ = HISTORIES[name]
    for engine in ("vuelo", "flyway"):
        (tmp_path / engine).mkdir()
    by_vuelo, by_flyway = (play(new_site(tmp_path / engine), steps) for engine in ("vuelo", "flyway"))
    assert by_vuelo.history() == by_flyway.history()
    vuelo.repair(by_vuelo.project)
    assert by_flyway.flyway("repair", **settings).error is None
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.lines() == flyway_lines(by_vuelo.flyway("info"))


def test_repair_accepts_what_was_renamed_and_changed(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    (tmp_path / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT 1 AS a; -- ${flyway:filename}")
    by_vuelo, by_flyway = new_site(tmp_path), new_site(tmp_path)
    for site in (by_vuelo, by_flyway):
        site.migrate()
        site.execute("UPDATE shop.flyway_schema_history SET checksum = 1 WHERE version = '1'")
    (tmp_path / "V1__One.sql").rename(tmp_path / "V1__Another_name.sql")
    vuelo.repair(by_vuelo.project)
    assert by_flyway.flyway("repair").error is None
    assert by_vuelo.history() == by_flyway.history()
    assert_agreed_and_done(by_vuelo)


@pytest.mark.parametrize(
    "prepare",
    ["", "CREATE SCHEMA shop", "CREATE SCHEMA shop; CREATE TABLE shop.old ()"],
    ids=["no schema", "empty", "old"],
)
@pytest.mark.parametrize("version", ["1", "2.0"])
def test_baseline_leaves_the_same_rows(new_site: Sites, tmp_path: Path, prepare: str, version: str) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"V{number}__T.sql").write_text(f"CREATE TABLE t{number} ();")
    sites = [
        new_site(tmp_path).configured(baseline_version=version, baseline_description="from before") for _ in range(2)
    ]
    by_vuelo, by_flyway = sites
    for site in sites:
        if prepare:
            site.execute(prepare)
    for _ in range(2):  # the second time it is there already
        vuelo.baseline(by_vuelo.project)
        assert by_flyway.flyway("baseline").error is None
        assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.catalog() == by_flyway.catalog()
    for site in sites:
        assert site.lines() == flyway_lines(site.flyway("info"))
    assert by_vuelo.flyway("migrate").applied == by_flyway.migrate()
    assert by_vuelo.history() == by_flyway.history()


def test_a_baseline_comes_too_late_for_both(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    site = new_site(tmp_path)
    site.migrate()
    before = site.history()
    assert site.flyway("baseline").error
    with pytest.raises(VueloError):
        vuelo.baseline(site.project)
    assert site.history() == before


_OBJECTS = """CREATE TABLE t (id int PRIMARY KEY, other int REFERENCES t); CREATE VIEW v AS SELECT * FROM t;
CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE SEQUENCE s; CREATE TYPE e AS ENUM ('a'); CREATE DOMAIN d AS int;
CREATE TYPE c AS (a int, b e); CREATE FUNCTION f(e) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE g(int) (SFUNC = int4pl, STYPE = int);
CREATE TABLE parts (id int) PARTITION BY RANGE (id); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
CREATE COLLATION k FROM "C"; CREATE TABLE "other schema".x ();"""


@pytest.fixture(params=["made by migrate", "there before"])
def full_sites(request: pytest.FixtureRequest, new_site: Sites, tmp_path: Path) -> list[Site]:
    (tmp_path / "V1__Everything.sql").write_text(_OBJECTS)
    sites = [new_site(tmp_path).configured(clean_disabled=False, schemas=("shop", "other schema")) for _ in range(2)]
    for site in sites:
        if request.param == "there before":
            site.execute('CREATE SCHEMA shop; CREATE SCHEMA "other schema";')
        assert site.flyway("migrate").error is None
    return sites


_SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname IN ('shop', 'other schema') ORDER BY 1"


def test_clean_leaves_the_same_nothing(full_sites: list[Site]) -> None:
    by_vuelo, by_flyway = full_sites
    vuelo.clean(by_vuelo.project)
    by_flyway.flyway("clean")
    assert by_vuelo.execute(_SCHEMAS) == by_flyway.execute(_SCHEMAS)
    if by_vuelo.execute(_SCHEMAS):
        assert by_vuelo.catalog() == by_flyway.catalog()
    assert by_vuelo.flyway("migrate").applied == by_flyway.migrate() == ["1"]
    assert by_vuelo.history() == by_flyway.history()


def test_clean_is_off_until_it_is_turned_on(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    site = new_site(tmp_path)
    site.migrate()
    before = site.catalog()
    assert "cleanDisabled" in (site.flyway("clean").error or "")
    with pytest.raises(VueloError):
        vuelo.clean(site.project)
    assert site.catalog() == before
