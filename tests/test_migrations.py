"""The six schemas up, down and up again, by the engine itself; and several runners at once."""

import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

import vuelo
from gasolinera.ops import roles
from gasolinera.ops.overview import overview
from tests.conftest import REPOSITORY, Clone, drop, project_at
from vuelo import State
from vuelo.embedded import Server
from vuelo.schema import snapshot

EVERYTHING = "0"


@pytest.fixture
def empty_database(server: Server) -> Generator[str]:
    name = "test_empty"
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield name
    drop(server, name)


def snapshots(project: vuelo.Project) -> dict[str, snapshot.Snapshot]:
    with psycopg.connect(project.services[0].url, autocommit=True) as conn:
        return {service.name: snapshot.take(conn, service.schema) for service in project.services}


def rows(project: vuelo.Project) -> dict[str, tuple[int, int]]:
    with psycopg.connect(project.services[0].url, autocommit=True) as conn:
        counted = {s.name: overview(conn, s) for s in project.services}
    return {name: (found.tables, found.rows) for name, found in counted.items()}


@pytest.mark.parametrize("environment", ["development", "test", "production"])
def test_every_schema_goes_up_down_and_up_again_and_is_the_same(
    server: Server, clone_of: Clone, environment: str
) -> None:
    name = clone_of(environment)
    project = project_at(server.url(name), environment)
    whole, counted = snapshots(project), rows(project)
    assert all(len(objects) > 50 for objects in whole.values())

    vuelo.undo(project, target=EVERYTHING)
    for service, objects in snapshots(project).items():
        left = {key for key in objects if not key.startswith(("grant on schema", "schema "))}
        assert left == set(), service
    assert {tables for tables, _ in rows(project).values()} == {0}

    vuelo.migrate(project)
    again = snapshots(project)
    for service, objects in whole.items():
        assert snapshot.differences(objects, again[service]) == []
    assert rows(project) == counted
    drop(server, name)


def test_each_step_down_is_the_inverse_of_its_step_up(server: Server, empty_database: str) -> None:
    project = project_at(server.url(empty_database), "production")
    roles.initialise(project)
    # Without the repeatables, which run whatever the version.
    versioned = [path for path in project.services[0].locations if path.name == "migrations"]
    assert len(versioned) == 2
    project = replace(
        project, services=tuple(replace(service, locations=service.locations[:2]) for service in project.services)
    )
    passed: list[dict[str, snapshot.Snapshot]] = []
    for version in ("0.1", "1", "2", "3"):
        vuelo.migrate(project, target=version)
        passed.append(snapshots(project))
    for version, before in zip(("3", "2", "1"), reversed(passed[:-1]), strict=True):
        vuelo.undo(project, target=version)
        after = snapshots(project)
        assert {name: snapshot.differences(before[name], after[name]) for name in before} == {
            name: [] for name in before
        }


def test_environments_differ_in_sample_data_and_constraints_alone(server: Server, clone_of: Clone) -> None:
    counted: dict[str, dict[str, tuple[int, int]]] = {}
    for environment in ("development", "test", "production"):
        name = clone_of(environment)
        counted[environment] = rows(project_at(server.url(name), environment))
        drop(server, name)
    assert counted["development"] == counted["test"]
    for service, (tables, count) in counted["production"].items():
        assert tables == counted["test"][service][0]
        assert count < counted["test"][service][1]


def test_info_shows_six_services_up_to_date(server: Server, database: str) -> None:
    plans = vuelo.info(project_at(server.url(database), "test"))
    assert list(plans) == ["auth", "station", "coupon", "redemption", "ads", "raffle"]
    for plan in plans.values():
        assert plan.pending == ()
        assert plan.problems == ()
        assert {entry.state for entry in plan.entries} == {State.SUCCESS}


def test_four_runners_at_once_apply_each_migration_once(server: Server, empty_database: str) -> None:
    url = server.url(empty_database)
    project = project_at(url, "test")
    roles.initialise(project)
    command = [sys.executable, "-m", "vuelo", "migrate", "--environment", "test", "--json"]
    environment = {**os.environ, "GASOLINERA_DATABASE_URL": url}
    runners = [
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for runner in runners:
        _, errors = runner.communicate(timeout=100)
        assert runner.returncode == 0, errors.decode()
    with psycopg.connect(url, autocommit=True) as conn:
        for service in project.services:
            table = sql.Identifier(service.schema, service.table)
            history = conn.execute(sql.SQL("SELECT script FROM {} ORDER BY script").format(table)).fetchall()
            assert len(history) == len(set(history)) >= 5
    assert all(not plan.pending for plan in vuelo.info(project).values())
