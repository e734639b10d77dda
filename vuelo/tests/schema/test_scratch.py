"""A scratch database looks like the real one, has the roles that the scripts need, and leaves nothing behind."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from vuelo import VueloError, embedded
from vuelo.embedded import Server
from vuelo.schema import scratch

GRANTS = '''
    CREATE TABLE shop.a (b int);
    GRANT SELECT ON shop.a TO scratch_reader, "Scratch ""Writer""" WITH GRANT OPTION;
    REVOKE ALL ON shop.a FROM GROUP scratch_taken;
    GRANT scratch_member TO scratch_holder;
    ALTER TABLE shop.a OWNER TO scratch_owner;
    ALTER TABLE shop.a RENAME TO renamed;
    CREATE POLICY p ON shop.renamed TO scratch_seen USING (b IN (SELECT b FROM shop.renamed));
    ALTER DEFAULT PRIVILEGES FOR ROLE scratch_maker IN SCHEMA shop GRANT SELECT ON TABLES TO scratch_later;
    SET ROLE scratch_owner;
'''
ROLES = {
    "scratch_reader", 'Scratch "Writer"', "scratch_taken", "scratch_member", "scratch_holder", "scratch_owner",
    "scratch_seen", "scratch_maker", "scratch_later", "scratch_migrator",
}  # fmt: skip


@pytest.fixture
def without_roles(server: Server) -> Any:
    yield
    with psycopg.connect(server.url(), autocommit=True) as conn:
        for role in ROLES:
            conn.execute(f'DROP ROLE IF EXISTS "{role.replace(chr(34), chr(34) * 2)}"'.encode())


def scalar(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def test_every_role_that_scripts_name_is_there(
    make_project: Callable[..., vuelo.Project], server: Server, without_roles: None
) -> None:
    project = make_project({"shop": {"V1__a.sql": GRANTS}}, 'role = "scratch_migrator"')
    with scratch.opened(project, server.url()) as opened:
        names = "SELECT array_agg(rolname) FROM pg_roles WHERE rolname ILIKE 'scratch%'"
        assert set(scalar(opened.services[0].url, names)) == ROLES


def test_a_role_that_a_script_makes_is_left_to_it(
    make_project: Callable[..., vuelo.Project], server: Server, without_roles: None
) -> None:
    made = 'CREATE ROLE scratch_reader; CREATE USER "Scratch ""Writer"""; CREATE TABLE a (b int); '
    files = {"V1__a.sql": made + 'GRANT SELECT ON a TO scratch_reader, "Scratch ""Writer""", scratch_seen;'}
    with scratch.opened(make_project({"shop": files}), server.url()) as opened:
        vuelo.migrate(opened)
        names = "SELECT array_agg(rolname) FROM pg_roles WHERE rolname ILIKE 'scratch%'"
        assert set(scalar(opened.services[0].url, names)) == {"scratch_reader", 'Scratch "Writer"', "scratch_seen"}


def test_the_services_role_may_make_its_schema(
    make_project: Callable[..., vuelo.Project], server: Server, without_roles: None
) -> None:
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a (b int)"}}, 'role = "scratch_migrator"')
    with scratch.opened(project, server.url()) as opened:
        vuelo.migrate(opened)
        owner = scalar(opened.services[0].url, "SELECT tableowner FROM pg_tables WHERE tablename = 'a'")
    assert owner == "scratch_migrator"


def test_the_real_database_is_never_asked_for(make_project: Callable[..., vuelo.Project]) -> None:
    """Its name and user are those of the scratch database on a server of our own."""
    project = make_project({"shop": {}}, address="postgresql://harold@nowhere.invalid:1/orders")
    with scratch.opened(project) as opened, psycopg.connect(opened.services[0].url) as conn:
        assert (conn.info.dbname, conn.info.user) == ("orders", "harold")


def test_services_of_one_database_share_one_and_nothing_is_left(
    make_project: Callable[..., vuelo.Project], server: Server
) -> None:
    databases = "SELECT array_agg(datname ORDER BY datname) FROM pg_database"
    before = scalar(server.url(), databases)
    with scratch.opened(make_project({"shop": {}, "depot": {}}), server.url()) as opened:
        assert len({service.url for service in opened.services}) == 1
        assert len(scalar(server.url(), databases)) == len(before) + 1
    assert scalar(server.url(), databases) == before


def test_an_sql_file_sets_it_up(
    make_project: Callable[..., vuelo.Project], write: Callable[[Mapping[str, str]], Path], server: Server
) -> None:
    write({"setup.sql": "CREATE TABLE public.was_here (a int); INSERT INTO public.was_here VALUES (7)"})
    with scratch.opened(make_project({"shop": {}}, 'scratch_setup = "setup.sql"'), server.url()) as opened:
        assert scalar(opened.services[0].url, "SELECT a FROM public.was_here") == 7


def test_a_function_sets_it_up(
    make_project: Callable[..., vuelo.Project],
    write: Callable[[Mapping[str, str]], Path],
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    write({"scratch_setup_for_tests.py": "seen = []\ndef prepare(project): seen.append(project.services[0].url)"})
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    setting = 'scratch_setup = "scratch_setup_for_tests:prepare"'
    with scratch.opened(make_project({"shop": {}}, setting), server.url()) as opened:
        assert import_module("scratch_setup_for_tests").seen == [opened.services[0].url]


@pytest.mark.parametrize("setting", ["missing.sql", "no_such_module:prepare", "vuelo:no_such_function", "vuelo"])
def test_a_setup_that_is_not_there_is_an_error(
    make_project: Callable[..., vuelo.Project], server: Server, setting: str
) -> None:
    project = make_project({"shop": {}}, f'scratch_setup = "{setting}"')
    with pytest.raises(VueloError) as caught, scratch.opened(project, server.url()):
        pass
    assert caught.value.code == "scratch.setup"


def test_a_scratch_server_that_does_not_answer_is_an_error(make_project: Callable[..., vuelo.Project]) -> None:
    with (
        pytest.raises(VueloError) as caught,
        scratch.opened(make_project({"shop": {}}), "host=127.0.0.1 port=1 connect_timeout=2"),
    ):
        pass
    assert caught.value.code == "scratch.refused"


def test_the_embedded_server_of_the_project_gives_the_version(make_project: Callable[..., vuelo.Project]) -> None:
    project = make_project({"shop": {}}, address="embedded:never-made?database=orders&version=16")
    with scratch.opened(project) as opened, psycopg.connect(opened.services[0].url) as conn:
        assert conn.info.server_version // 10000 == 16
        assert conn.info.dbname == "orders"
    assert not (project.base / "never-made").exists()
    assert embedded.database_of("embedded:a") == "postgres"
