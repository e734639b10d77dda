"""Each option of Flyway's does the same in both engines: rows, objects and states, whoever migrates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vuelo import RunFailedError, VueloError

from .conftest import Sites
from .sites import Site, assert_agreed_and_done, flyway_lines

pytestmark = pytest.mark.needs_java

_SESSION_LOCK: dict[str, Any] = {"postgresql.transactional.lock": False}  # else Flyway waits for itself for ever
_ONE = {"V1__One.sql": "CREATE TABLE one (id int);"}
_TWO = {"V2__Two.sql": "CREATE TABLE two (id int);"}
_INDEX = "CREATE INDEX CONCURRENTLY one_id ON one (id);"


@dataclass(frozen=True)
class Case:
    """A project, its settings, and what migrate applies; `prepare` is run in the database first."""

    files: Mapping[str, str | bytes]
    applied: list[str]
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    prepare: str = ""


_OLD = "CREATE SCHEMA shop; CREATE TABLE shop.old ();"
_CASES: dict[str, Case] = {
    "group": Case(_ONE | _TWO, ["1", "2"], {"group": True}),
    "target": Case(_ONE | _TWO, ["1"], {"target": "1"}),
    "target next": Case(_ONE | _TWO, ["1"], {"target": "next"}),
    "target current": Case(_ONE | {"R__V.sql": "CREATE VIEW v AS SELECT 1 AS a;"}, ["V"], {"target": "current"}),
    "target that may be missing": Case(_ONE | _TWO, ["1", "2"], {"target": "7?"}),
    "skipExecutingMigrations": Case(
        {"V1__One.sql": "this is no SQL", "R__V.sql": "nor this"}, ["1", "V"], {"skip_executing_migrations": True}
    ),
    "installedBy": Case(_ONE, ["1"], {"installed_by": "somebody else"}),
    "table": Case(_ONE, ["1"], {"table": "my history"}),
    "tablespace": Case(_ONE, ["1"], {"tablespace": "pg_default"}),
    "several schemas": Case(
        {"V1__One.sql": 'CREATE TABLE one (); CREATE TABLE "other one".two ();'},
        ["1"],
        {"schemas": ("shop", "other one", "third")},
    ),
    "several schemas, one there": Case(_ONE, ["1"], {"schemas": ("shop", "other")}, "CREATE SCHEMA other"),
    "schemas that are not made": Case(_ONE, ["1"], {"create_schemas": False}, "CREATE SCHEMA shop"),
    "baselineOnMigrate": Case(_ONE | _TWO, ["2"], {"baseline_on_migrate": True}, _OLD),
    "baselineVersion and baselineDescription": Case(
        _ONE | _TWO | {"V3__Three.sql": "CREATE TABLE three ();"},
        ["3"],
        {"baseline_on_migrate": True, "baseline_version": "2.0", "baseline_description": "from before"},
        _OLD,
    ),
    "baselineOnMigrate on nothing": Case(_ONE | _TWO, ["1", "2"], {"baseline_on_migrate": True}),
    "a baseline migration": Case(
        _ONE | {"B2__All.sql": "CREATE TABLE one (id int); CREATE TABLE two ();", "V3__Three.sql": "SELECT 1;"},
        ["2", "3"],
    ),
    "prefixes, separator and suffixes": Case(
        {
            "mig-1--One.pgsql": "CREATE TABLE one ();",
            "rep-View.ddl": "SELECT 1;",
            "rep---View.ddl": "CREATE VIEW v AS SELECT 1 AS a;",
            "V1__Not_this.sql": "this is no SQL",
        },
        ["1", "View"],
        {
            "sql_migration_prefix": "mig-",
            "repeatable_sql_migration_prefix": "rep-",
            "sql_migration_separator": "--",
            "sql_migration_suffixes": (".pgsql", ".ddl"),
            "validate_migration_naming": False,
        },
    ),
    "placeholderPrefix, -Suffix and -Separator": Case(
        {
            "V1__One.sql": "CREATE TABLE #[name] (); COMMENT ON TABLE #[NAME] IS '#[flyway-table] ${untouched}';",
            "R__V.sql": "CREATE VIEW v AS SELECT '#[flyway-filename] #[flyway-defaultSchema] ${flyway:table}' AS a;",
        },
        ["1", "V"],
        {"placeholder_prefix": "#[", "placeholder_suffix": "]", "placeholder_separator": "-"},
    ),
    "no placeholderReplacement": Case(
        {"V1__One.sql": "CREATE TABLE one (); COMMENT ON TABLE one IS '${nobody}';", "R__V.sql": "-- ${nobody}"},
        ["1", "V"],
        {"placeholder_replacement": False},
    ),
    "no placeholderReplacement in a script": Case(
        {
            "V1__One.sql": "CREATE TABLE one (); COMMENT ON TABLE one IS '${nobody}';",
            "V1__One.sql.conf": "placeholderReplacement=false\n",
            "R__V.sql": "-- ${name} ${nobody}",
            "R__V.sql.conf": "placeholderReplacement=false\n",
        },
        ["1", "V"],
    ),
    "encoding": Case(
        {
            "V1__One.sql": "CREATE TABLE one (); COMMENT ON TABLE one IS 'señor';".encode("latin-1"),
            "R__V.sql": "CREATE VIEW v AS SELECT 'ñandú' AS a;".encode("latin-1"),
        },
        ["1", "V"],
        {"encoding": "ISO-8859-1"},
    ),
    "encoding of a script": Case(
        {
            "V1__One.sql": "CREATE TABLE one (); COMMENT ON TABLE one IS 'señor';".encode("utf-16"),
            "V1__One.sql.conf": "encoding=UTF-16\n",
            "V2__Two.sql": "COMMENT ON TABLE one IS 'ñ';".encode("latin-1"),
            "V2__Two.sql.conf": "encoding=ISO-8859-1\n",
            "V3__Three.sql": "COMMENT ON TABLE one IS 'ñandú';",
        },
        ["1", "2", "3"],
    ),
    "a concurrent index": Case(_ONE | {"V2__Index.sql": _INDEX}, ["1", "2"], _SESSION_LOCK),
    "a concurrent index among others, mixed": Case(
        _ONE | {"V2__Index.sql": f"CREATE TABLE two ();\n{_INDEX}\nCREATE TABLE three ();"},
        ["1", "2"],
        {**_SESSION_LOCK, "mixed": True},
    ),
    "VACUUM": Case(_ONE | {"V2__Vacuum.sql": "VACUUM one;"}, ["1", "2"], _SESSION_LOCK),
    "a script without a transaction": Case(
        {"V1__One.sql": "CREATE TABLE one (); SELECT 1;", "V1__One.sql.conf": "executeInTransaction=false"},
        ["1"],
        _SESSION_LOCK,
    ),
    "no transaction at all": Case(_ONE | _TWO, ["1", "2"], {**_SESSION_LOCK, "execute_in_transaction": False}),
    "initSql": Case(
        {"V1__One.sql": "CREATE TABLE one AS SELECT current_setting('my.own') AS own;"},
        ["1"],
        {"init_sql": "SET my.own = 'set'"},
    ),
    "a version that reads as a number of another form": Case(
        {"V01.0__One.sql": "SELECT 1;", "V1_1__Two.sql": "SELECT 1;"}, ["01.0", "1.1"]
    ),
    "a search path that a script has set": Case(
        {
            "V1__One.sql": "SET search_path = pg_catalog; SET ROLE pg_monitor;",
            "V2__Two.sql": "CREATE TABLE two AS SELECT current_user::text AS who;",
        },
        ["1", "2"],
    ),
}


def made(new_site: Sites, folder: Path, case: Case) -> Site:
    for name, content in case.files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    site = new_site(folder, placeholders={"name": "one"}).configured(**case.settings)
    if case.prepare:
        site.execute(case.prepare)
    return site


@pytest.mark.parametrize("name", _CASES)
def test_an_option_does_the_same(new_site: Sites, tmp_path: Path, name: str) -> None:
    case = _CASES[name]
    by_vuelo, by_flyway = (made(new_site, tmp_path, case) for _ in range(2))
    outcome = by_flyway.flyway("migrate")
    assert (outcome.error, outcome.applied) == (None, case.applied)
    assert by_vuelo.migrate() == case.applied
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.catalog() == by_flyway.catalog()
    for site in (by_vuelo, by_flyway):
        assert site.lines() == flyway_lines(site.flyway("info"))
    assert by_vuelo.flyway("migrate").applied == by_flyway.migrate() == (["2"] if name == "target next" else [])


_REFUSED: dict[str, tuple[Case, str]] = {
    "a target that is not there": (Case(_ONE, [], {"target": "7"}), "No migration with a target version 7"),
    "mixed statements": (
        Case(_ONE | {"V2__Index.sql": f"CREATE TABLE two ();\n{_INDEX}"}, [], _SESSION_LOCK),
        "both transactional and non-transactional",
    ),
    "a group with a concurrent index": (
        Case(_ONE | {"V2__Index.sql": _INDEX}, [], {**_SESSION_LOCK, "group": True}),
        "both transactional and non-transactional",
    ),
    "a bad name": (
        Case(_ONE | {"V2_Two.sql": ""}, [], {"validate_migration_naming": True}),
        "Invalid SQL filenames found",
    ),
    "a location that is missing": (
        Case(_ONE, [], {"fail_on_missing_locations": True, "locations": "filesystem:/nowhere/at/all"}),
        "Failed to find filesystem location",
    ),
    "a schema that may not be made": (Case(_ONE, [], {"create_schemas": False}), "does not exist"),
    "an unknown placeholder": (Case({"V1__One.sql": "SELECT '${nobody}';"}, []), "No value provided for placeholder"),
    "a script setting that nobody knows": (
        Case(_ONE | {"V1__One.sql.conf": "executeInTransactions=true"}, []),
        "executeInTransactions",
    ),
    "a group of which one fails": (
        Case(_ONE | {"V2__Two.sql": "SELECT 1 / 0;"}, [], {"group": True}),
        "division by zero",
    ),
}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_flyway_refuses_vuelo_refuses_and_leaves_the_same(new_site: Sites, tmp_path: Path, name: str) -> None:
    case, message = _REFUSED[name]
    by_vuelo, by_flyway = (made(new_site, tmp_path, case) for _ in range(2))
    if "locations" in case.settings:
        by_vuelo = by_vuelo.with_locations(Path("/nowhere/at/all"))
    assert message in (by_flyway.flyway("migrate").error or "no error")
    with pytest.raises((RunFailedError, VueloError)):
        by_vuelo.migrate()
    tables = "SELECT relname FROM pg_class WHERE relname IN ('one', 'two', 'one_id') ORDER BY 1"
    assert by_vuelo.execute(tables) == by_flyway.execute(tables)


def test_a_failed_script_without_a_transaction_is_seen_by_both_until_repaired(new_site: Sites, tmp_path: Path) -> None:
    files = {"V1__One.sql": "CREATE TABLE one ();\nSELECT 1 / 0;", "V1__One.sql.conf": "executeInTransaction=false"}
    case = Case(files, [], _SESSION_LOCK)
    by_vuelo, by_flyway = (made(new_site, tmp_path, case) for _ in range(2))
    with pytest.raises(RunFailedError):
        by_vuelo.migrate()
    assert "division by zero" in (by_flyway.flyway("migrate").error or "")
    assert by_vuelo.history() == by_flyway.history()
    assert by_vuelo.history()[-1].success is False
    for site in (by_vuelo, by_flyway):
        assert site.lines() == flyway_lines(site.flyway("info"))
        assert "failed migration" in (site.flyway("migrate").error or "")
        with pytest.raises(RunFailedError):
            site.migrate()
        site.execute("DROP TABLE shop.one")
        assert site.flyway("repair").error is None
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE one ();")
    assert by_vuelo.flyway("migrate").applied == by_flyway.migrate() == ["1"]
    assert by_vuelo.history() == by_flyway.history()
    assert_agreed_and_done(by_vuelo)


@pytest.mark.parametrize(
    ("patterns", "faults"),
    [("*:future", 2), ("*:missing", 1), ("versioned:missing,*:ignored", 0), ("repeatable:missing", 2), ("*:*", 0)],
)
def test_patterns_of_what_is_ignored_are_read_the_same(
    new_site: Sites, tmp_path: Path, patterns: str, faults: int
) -> None:
    for version in (1, 2, 4):
        (tmp_path / f"V{version}__T.sql").write_text("SELECT 1;")
    site = new_site(tmp_path)
    site.migrate()
    (tmp_path / "V2__T.sql").unlink()
    (tmp_path / "V3__T.sql").write_text("SELECT 1;")
    configured = site.configured(ignore_migration_patterns=tuple(patterns.split(",")))
    assert len(configured.flyway("validate").invalid) == faults
    assert len(configured.info().problems) == faults
    outcome = configured.flyway("migrate")
    assert (outcome.error is None) is (faults == 0)
    if faults:
        with pytest.raises(RunFailedError):
            configured.migrate()
    else:
        assert configured.migrate() == []


def test_without_validation_a_changed_file_stops_neither(new_site: Sites, tmp_path: Path) -> None:
    site = made(new_site, tmp_path, Case(_ONE, [], {"validate_on_migrate": False}))
    site.migrate()
    (tmp_path / "V1__One.sql").write_text("CREATE TABLE another ();")
    assert site.flyway("migrate").error is None
    assert site.migrate() == []


@pytest.mark.parametrize(
    ("conf", "has_transaction"),
    [
        ("executeInTransaction : false", False),
        ("# why\r\n  executeInTransaction   FALSE\r\n", False),
        ("executeInTransaction=\\\n  false", False),
        ("#executeInTransaction=false", True),
        ("executeInTransaction=false\nexecuteInTransaction=true\n", True),
        ("", True),
    ],
)
def test_what_stands_beside_a_script_is_read_the_same(
    new_site: Sites, tmp_path: Path, conf: str, has_transaction: bool
) -> None:
    files = {"V1__One.sql": "CREATE TABLE one (); SELECT 1 / 0;", "V1__One.sql.conf": conf}
    by_vuelo, by_flyway = (made(new_site, tmp_path, Case(files, [])) for _ in range(2))
    with pytest.raises(RunFailedError):
        by_vuelo.migrate()
    assert by_flyway.flyway("migrate").error
    for site in (by_vuelo, by_flyway):
        assert site.execute("SELECT to_regclass('shop.one') IS NULL") == [(has_transaction,)]
