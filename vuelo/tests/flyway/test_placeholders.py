"""The built-in placeholders have Flyway's values: a repeatable that one engine ran is not outdated for the other."""

from pathlib import Path

import pytest

from .conftest import Sites
from .sites import assert_agreed_and_done

pytestmark = pytest.mark.needs_java

_NAMES = ("defaultSchema", "user", "database", "filename", "workingDirectory", "table", "environment")


@pytest.mark.parametrize("role", [None, "shop_owner"])
def test_every_built_in_placeholder_but_the_time_has_flyways_value(
    new_site: Sites, tmp_path: Path, role: str | None
) -> None:
    columns = ", ".join(f"'${{flyway:{name}}}' AS {name}" for name in _NAMES)
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    (tmp_path / "R__Placeholders.sql").write_text(f"CREATE OR REPLACE VIEW placeholders AS SELECT {columns};")
    site = new_site(tmp_path, role=role)
    site.migrate()
    [by_vuelo] = site.execute("SELECT * FROM shop.placeholders")
    assert_agreed_and_done(site)

    site.execute("DROP SCHEMA shop CASCADE")
    assert site.flyway("migrate").error is None
    [by_flyway] = site.execute("SELECT * FROM shop.placeholders")
    assert by_vuelo == by_flyway
    assert_agreed_and_done(site)


@pytest.mark.parametrize("role", [None, "shop_owner"])
def test_rows_and_tables_belong_to_the_same_role_whoever_migrates(
    new_site: Sites, tmp_path: Path, role: str | None
) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    owners = """SELECT relname, relowner::regrole::text, installed_by
                  FROM pg_class CROSS JOIN shop.flyway_schema_history
                 WHERE relnamespace = 'shop'::regnamespace AND relname NOT LIKE 'vuelo_log%'
                 ORDER BY relname, installed_rank"""
    by_vuelo, by_flyway = (new_site(tmp_path, role=role) for _ in range(2))
    by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error is None
    assert by_vuelo.execute(owners) == by_flyway.execute(owners)
    assert {owner for _, owner, _ in by_vuelo.execute(owners)} == {role or "postgres"}


def test_the_search_path_of_a_script_is_the_same(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE path AS SELECT current_setting('search_path') AS path;")
    by_vuelo, by_flyway = (new_site(tmp_path) for _ in range(2))
    by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error is None
    [[path]] = by_vuelo.execute("SELECT path FROM shop.path")
    [[flyways_path]] = by_flyway.execute("SELECT path FROM shop.path")
    assert path.replace('"', "").replace(" ", "") == flyways_path.replace('"', "").replace(" ", "")


def test_an_unknown_placeholder_stops_both_before_anything_is_done(new_site: Sites, tmp_path: Path) -> None:
    (tmp_path / "R__View.sql").write_text("CREATE OR REPLACE VIEW v AS SELECT '${nobody_knows}' AS a;")
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    site = new_site(tmp_path)
    with pytest.raises(Exception, match="1 of 1 service failed"):
        site.migrate()
    assert "nobody_knows" in (site.flyway("migrate").error or "")
    assert site.execute("SELECT relname FROM pg_class WHERE relname = 'one'") == []
