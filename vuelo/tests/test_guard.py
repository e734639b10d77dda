"""An application asks at its start whether the schema is the one that it was written for."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

import vuelo

Connection = psycopg.Connection[Any]


def refusal(project: vuelo.Project, **options: Any) -> str:
    with pytest.raises(vuelo.VueloError) as caught:
        vuelo.require_current(project, **options)
    assert caught.value.code == "not_current"
    return caught.value.message.partition("\n")[2] or caught.value.message


def test_a_schema_that_has_everything_passes_by_project_and_by_path(
    make_project: Callable[..., vuelo.Project], tmp_path: Path
) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "R__v.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    vuelo.require_current(project)
    vuelo.require_current(tmp_path / "vuelo.toml")
    vuelo.require_current(str(tmp_path / "vuelo.toml"), ["shop"])


def test_what_is_pending_is_named_by_service(make_project: Callable[..., vuelo.Project], history: Any) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "R__v.sql": "SELECT 1;"}, "till": {}})
    vuelo.migrate(project.only(["till"]))
    with pytest.raises(vuelo.VueloError) as caught:
        vuelo.require_current(project)
    assert caught.value.code == "not_current"
    assert caught.value.message == "the database is not what this code expects: shop: V1__a.sql, R__v.sql not applied"
    assert caught.value.hint
    vuelo.require_current(project, ["till"])


def test_it_writes_nothing(make_project: Callable[..., vuelo.Project], conn: Connection) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    with pytest.raises(vuelo.VueloError):
        vuelo.require_current(project)
    assert conn.execute("SELECT FROM pg_namespace WHERE nspname = 'shop'").fetchone() is None


def test_a_schema_that_is_further_on_passes_unless_it_may_not(make_project: Callable[..., vuelo.Project]) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "V2__b.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    (project.base / "shop" / "V2__b.sql").unlink()
    vuelo.require_current(project)
    assert "V2__b.sql applied, unknown to this code" in refusal(project, allow_newer=False)


def test_a_changed_and_a_failed_migration_are_named(
    make_project: Callable[..., vuelo.Project], conn: Connection
) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    make_project({"shop": {"V1__a.sql": "SELECT 2;"}})
    assert "V1__a.sql" in refusal(project)
    make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    conn.execute("UPDATE shop.flyway_schema_history SET success = false WHERE version = '1'")
    assert "V1__a.sql failed" in refusal(project)


def test_what_waits_for_the_contract_phase_is_not_missed(make_project: Callable[..., vuelo.Project]) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;", "V2__b.sql": "-- vuelo: phase=contract\nSELECT 1;"}})
    vuelo.migrate(project)
    vuelo.require_current(project)


def test_the_right_to_read_the_history_is_enough(
    make_project: Callable[..., vuelo.Project], conn: Connection, url: str
) -> None:
    vuelo.migrate(make_project({"shop": {"V1__a.sql": "SELECT 1;"}}))
    conn.execute("CREATE ROLE guard_reader LOGIN")
    try:
        conn.execute("GRANT USAGE ON SCHEMA shop TO guard_reader")
        conn.execute("GRANT SELECT ON shop.flyway_schema_history TO guard_reader")
        vuelo.require_current(make_project({"shop": {}}, address=make_conninfo(url, user="guard_reader")))
    finally:
        conn.execute("DROP OWNED BY guard_reader")
        conn.execute("DROP ROLE guard_reader")


def test_an_async_application_asks_in_a_thread(make_project: Callable[..., vuelo.Project]) -> None:
    project = make_project({"shop": {"V1__a.sql": "SELECT 1;"}})
    vuelo.migrate(project)
    asyncio.run(asyncio.to_thread(vuelo.require_current, project))
