"""A history that begins in the middle: Flyway's rows, Flyway's refusals, and the same from migrate."""

import json
import subprocess
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo.baselining import Baselined, baseline
from vuelo.errors import VueloError

Connection = psycopg.Connection[Any]
MakeProject = Callable[..., vuelo.Project]
Cli = Callable[..., "subprocess.CompletedProcess[str]"]
MARK = "<< Flyway Baseline >>"
FILES = {"V1__One.sql": "CREATE TABLE one ();", "V2__Two.sql": "CREATE TABLE two ();", "V3__Three.sql": "SELECT 3;"}


def rows(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        """SELECT installed_rank, version, description, type, script, checksum, execution_time, success
             FROM shop.flyway_schema_history ORDER BY 1"""
    ).fetchall()


def states(plan: vuelo.Plan) -> list[str]:
    return [entry.state.value for entry in plan.entries]


def test_a_schema_without_a_history_gets_one_with_one_row(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.old ()")
    project = make_project({"shop": FILES})
    assert baseline(project, version="2") == {"shop": Baselined("2", MARK, written=True)}
    assert rows(conn) == [(1, "2", MARK, "BASELINE", MARK, None, 0, True)]
    assert states(vuelo.info(project)["shop"]) == ["Below Baseline", "Ignored (Baseline)", "Baseline", "Pending"]
    [result] = vuelo.migrate(project)
    assert [step.version for step in result.steps] == ["3"]


def test_a_schema_that_is_made_has_its_row_after_the_baseline_s(make_project: MakeProject, conn: Connection) -> None:
    baseline(make_project({"shop": FILES}), version="1", description="as it was in May")
    assert rows(conn) == [
        (1, "1", "as it was in May", "BASELINE", "as it was in May", None, 0, True),
        (2, None, "<< Flyway Schema Creation >>", "SCHEMA", '"shop"', None, 0, True),
    ]


def test_the_same_baseline_again_changes_nothing_another_one_is_refused(
    make_project: MakeProject, conn: Connection
) -> None:
    project = make_project({"shop": FILES})
    baseline(project, version="1")
    before = rows(conn)
    assert baseline(project, version="1.0")["shop"].written is False
    for version, description in (("2", MARK), ("1", "another")):
        with pytest.raises(VueloError, match="has a baseline already, 1 ") as caught:
            baseline(project, version=version, description=description)
        assert caught.value.code == "baseline.other"
    assert rows(conn) == before


def test_a_baseline_after_migrations_is_refused(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": FILES})
    vuelo.migrate(project)
    before = rows(conn)
    with pytest.raises(VueloError) as caught:
        baseline(project)
    assert caught.value.code == "baseline.migrated"
    assert rows(conn) == before


def test_version_0_is_taken_by_the_creation_of_the_schema(make_project: MakeProject) -> None:
    project = make_project({"shop": {}})
    vuelo.migrate(project)
    with pytest.raises(VueloError) as caught:
        baseline(project, version="0")
    assert caught.value.code == "baseline.version"


@pytest.mark.parametrize("version", ["x", "1.", "1" * 51])
def test_a_version_that_is_none_is_refused_before_anything_is_made(
    make_project: MakeProject, conn: Connection, version: str
) -> None:
    with pytest.raises(VueloError) as caught:
        baseline(make_project({"shop": FILES}), version=version)
    assert caught.value.code == "baseline.version"
    assert conn.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'").fetchone() is None


def test_migrate_begins_with_a_baseline_where_the_settings_say_so(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.one ()")
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(make_project({"shop": FILES}))
    error = caught.value.results[0].error
    assert error is not None
    assert error.code == "migrate.not_empty"
    assert "vuelo baseline" in (error.hint or "")
    project = make_project({"shop": FILES}, "baseline_on_migrate = true\nbaseline_version = '1_0'")
    [result] = vuelo.migrate(project)
    assert [step.version for step in result.steps] == ["2", "3"]
    assert rows(conn)[0] == (1, "1.0", MARK, "BASELINE", MARK, None, 0, True)


def test_an_empty_schema_needs_no_baseline(make_project: MakeProject, conn: Connection) -> None:
    conn.execute("CREATE SCHEMA shop")
    vuelo.migrate(make_project({"shop": FILES}, "baseline_on_migrate = true"))
    assert [row[3] for row in rows(conn)] == ["SQL", "SQL", "SQL"]


def test_further_schemas_author_and_tablespace_are_as_the_settings_say(
    make_project: MakeProject, conn: Connection
) -> None:
    conn.execute("CREATE SCHEMA third")
    settings = 'schemas = ["second", "third"]\ninstalled_by = "the pipeline"\ntablespace = "pg_default"'
    vuelo.migrate(make_project({"shop": {}}, settings))
    assert rows(conn)[0][4] == '"shop","second"'
    assert conn.execute("SELECT installed_by FROM shop.flyway_schema_history").fetchall() == [("the pipeline",)]
    assert conn.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'second'").fetchall() == [("second",)]
    with pytest.raises(vuelo.RunFailedError, match="failed"):
        vuelo.migrate(make_project({"shop": {}}, 'schema = "fourth"\ntablespace = "nowhere"'))


def test_schemas_are_not_made_where_that_is_turned_off(make_project: MakeProject, conn: Connection) -> None:
    project = make_project({"shop": {}}, "create_schemas = false")
    with pytest.raises(vuelo.RunFailedError) as caught:
        vuelo.migrate(project)
    assert caught.value.results[0].error is not None
    assert caught.value.results[0].error.code == "schema.missing"
    conn.execute("CREATE SCHEMA shop")
    vuelo.migrate(project)
    assert rows(conn) == []


def test_the_command(make_project: MakeProject, cli: Cli) -> None:
    make_project({"shop": FILES})
    told = cli("baseline", "--version", "2", "--description", "taken over", "--json")
    assert json.loads(told.stdout) == {
        "services": [{"service": "shop", "version": "2", "description": "taken over", "written": True}]
    }
    again = cli("baseline", "--version", "2", "--description", "taken over")
    assert again.stdout == "shop: its history had begun already at version 2\n"
    assert cli("baseline").returncode == 1
