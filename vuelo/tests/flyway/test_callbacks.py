"""Callbacks run when the real Flyway runs them: every event has a file, and both engines write down what they ran."""

from pathlib import Path

import pytest

import vuelo
from vuelo.baselining import baseline
from vuelo.cleaning import clean
from vuelo.repairing import repair

from .conftest import Sites
from .sites import Site

# From Flyway's documentation. An operation has before…, after…, after…Error and after…OperationFinish.
_OPERATIONS = ("Migrate", "Clean", "Info", "Validate", "Baseline", "Repair")
_OF_EACH = ("EachMigrate", "EachMigrateStatement")
_OTHERS = ("createSchema", "beforeCreateSchema", "afterConnect", "beforeRepeatables", "afterVersioned")
EVENTS = (
    *(f"{when}{what}" for what in (*_OPERATIONS, *_OF_EACH) for when in ("before", "after")),
    *(f"after{what}Error" for what in (*_OPERATIONS, *_OF_EACH)),
    *(f"after{what}OperationFinish" for what in _OPERATIONS),
    *_OTHERS,
    "afterMigrateApplied",
)
_OF_MANY = ("V1__a", "V2__b", "R__c", "R__d")
_SETTINGS: list[dict[str, object]] = [
    {},
    {"group": True},
    {"skip_executing_migrations": True},
    {"validate_on_migrate": False},
]


def files(tmp_path: Path, *names: str, **contents: str) -> Path:
    """Callbacks for every event, and migrations, which write down that they ran."""
    folder = tmp_path / "sql"
    folder.mkdir(exist_ok=True)
    for name in (*EVENTS, *names):
        (folder / f"{name}.sql").write_text(f"INSERT INTO public.seen (what) VALUES ('{name}');\n")
    for name, content in contents.items():
        (folder / f"{name}.sql").write_text(content)
    return folder


def both(new_site: Sites, folder: Path, **settings: object) -> tuple[Site, Site]:
    """A database for each engine, where callbacks can write."""
    sites = (new_site(folder).configured(**settings), new_site(folder).configured(**settings))
    for site in sites:
        site.execute("CREATE TABLE public.seen (what text, n int GENERATED ALWAYS AS IDENTITY)")
    return sites


def seen(site: Site) -> list[str]:
    """What ran since we last asked. Flyway connects several times, and is asked for its info after each command."""
    query = "WITH gone AS (DELETE FROM public.seen RETURNING *) SELECT what FROM gone ORDER BY n"
    names = [what for [what] in site.execute(query)]
    return [name for name in names if name != "afterConnect" and "Info" not in name]


def fail(site: Site) -> None:
    """Migrate by vuelo, which fails."""
    with pytest.raises(vuelo.RunFailedError):
        site.migrate()


@pytest.mark.parametrize("settings", _SETTINGS, ids=str)
@pytest.mark.parametrize("names", [_OF_MANY, ("V1__a",), ("R__c",), ()], ids=str)
def test_migrate_on_nothing_with_nothing_to_do_and_with_one_more_file(
    new_site: Sites, tmp_path: Path, names: tuple[str, ...], settings: dict[str, object]
) -> None:
    ours, theirs = both(new_site, files(tmp_path, *names), **settings)
    for _ in range(2):
        ours.migrate()
        assert theirs.flyway("migrate").error is None
        assert seen(ours) == seen(theirs)
    files(tmp_path, "V3__e")
    ours.migrate()
    assert theirs.flyway("migrate").error is None
    assert seen(ours) == seen(theirs)


@pytest.mark.parametrize("group", [False, True])
def test_a_migration_that_fails(new_site: Sites, tmp_path: Path, group: bool) -> None:
    folder = files(tmp_path, "V1__a", V2__b="INSERT INTO public.seen (what) VALUES ('V2__b');\nSELECT 1/0;\n")
    ours, theirs = both(new_site, folder, group=group)
    fail(ours)
    assert theirs.flyway("migrate").error is not None
    # Flyway calls these two where PostgreSQL takes no statement any more: it loses them, vuelo does not.
    after_rollback = {"afterEachMigrateStatementError", "afterEachMigrateError"}
    assert [name for name in seen(ours) if name not in after_rollback] == seen(theirs)


def test_a_migration_without_a_transaction_that_fails(new_site: Sites, tmp_path: Path) -> None:
    folder = files(tmp_path, "V1__a", V2__b="INSERT INTO public.seen (what) VALUES ('V2__b');\nSELECT 1/0;\n")
    (folder / "V2__b.sql.conf").write_text("executeInTransaction=false\n")
    ours, theirs = both(new_site, folder)
    fail(ours)
    assert theirs.flyway("migrate").error is not None
    ran = seen(ours)
    assert ran[-3:] == ["afterEachMigrateStatementError", "afterEachMigrateError", "afterMigrateError"]
    assert ran == seen(theirs)


@pytest.mark.parametrize(
    "event",
    ["beforeValidate", "createSchema", "beforeMigrate", "beforeEachMigrate", "beforeEachMigrateStatement",
     "afterEachMigrateStatement", "afterEachMigrate", "afterVersioned", "beforeRepeatables", "afterMigrateApplied",
     "afterMigrate"],
)  # fmt: skip
def test_a_callback_that_fails_stops_the_run_there(new_site: Sites, tmp_path: Path, event: str) -> None:
    folder = files(tmp_path, "V1__a", "R__b", **{event: "INSERT INTO public.seen (what) VALUES ('x'); SELECT 1/0;"})
    ours, theirs = both(new_site, folder)
    for site in (ours, theirs):
        site.execute("CREATE SCHEMA shop")
    fail(ours)
    assert theirs.flyway("migrate").error is not None
    after_rollback = {"afterEachMigrateStatementError", "afterEachMigrateError"}
    assert [name for name in seen(ours) if name not in after_rollback] == seen(theirs)


def test_several_statements_and_a_migrate_that_validates_badly(new_site: Sites, tmp_path: Path) -> None:
    ours, theirs = both(new_site, files(tmp_path, "V1__a", V2__b="SELECT 1; SELECT 2;"))
    ours.migrate()
    assert theirs.flyway("migrate").error is None
    assert seen(ours) == seen(theirs)
    files(tmp_path, V1__a="SELECT 2;")
    fail(ours)
    assert theirs.flyway("migrate").error is not None
    assert seen(ours) == seen(theirs) == ["beforeValidate", "afterValidateError"]


def test_without_making_schemas(new_site: Sites, tmp_path: Path) -> None:
    ours, theirs = both(new_site, files(tmp_path, "V1__a"), create_schemas=False)
    for site in (ours, theirs):
        site.execute("CREATE SCHEMA shop")
    ours.migrate()
    assert theirs.flyway("migrate").error is None
    assert seen(ours) == seen(theirs)


def test_repair_baseline_and_clean(new_site: Sites, tmp_path: Path) -> None:
    ours, theirs = both(new_site, files(tmp_path, "V1__a"), clean_disabled=False)
    ours.migrate()
    assert theirs.flyway("migrate").error is None
    assert seen(ours) == seen(theirs)
    repair(ours.project)
    assert theirs.flyway("repair").error is None
    assert seen(ours) == seen(theirs) == ["beforeRepair", "afterRepair", "afterRepairOperationFinish"]
    with pytest.raises(vuelo.VueloError):
        baseline(ours.project)
    assert theirs.flyway("baseline").error is not None
    assert seen(ours) == seen(theirs)
    clean(ours.project)
    assert theirs.flyway("clean").error is None
    assert seen(ours) == seen(theirs) == ["beforeClean", "afterClean", "afterCleanOperationFinish"]
    baseline(ours.project)
    assert theirs.flyway("baseline").error is None
    assert seen(ours) == seen(theirs)


def test_validate_and_info(new_site: Sites, tmp_path: Path) -> None:
    ours, theirs = both(new_site, files(tmp_path, "V1__a"))
    for change in ({}, {"V1__a": "SELECT 2;"}):
        ours.migrate()
        assert theirs.flyway("migrate").error is None
        assert seen(ours) == seen(theirs)
        files(tmp_path, **change)
        vuelo.info(ours.project, command="Validate")
        theirs.flyway("validate")
        assert seen(ours) == seen(theirs)


@pytest.mark.parametrize("is_there", [False, True])
def test_validate_and_info_with_and_without_a_schema(new_site: Sites, tmp_path: Path, is_there: bool) -> None:
    ours, theirs = both(new_site, files(tmp_path))
    if is_there:
        for site in (ours, theirs):
            site.execute("CREATE SCHEMA shop")
    vuelo.info(ours.project, command="Validate")
    theirs.flyway("validate")
    assert seen(ours) == seen(theirs)
    vuelo.info(ours.project, command="Info")
    theirs.flyway("info")
    names = [what for [what] in theirs.execute("SELECT what FROM public.seen WHERE what <> 'afterConnect' ORDER BY n")]
    assert [what for [what] in ours.execute("SELECT what FROM public.seen ORDER BY n")][1:] == names
