"""docs/reference/schema holds what the migrations build today, and it loads."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg import sql

from gasolinera.ops import roles
from tests.conftest import REPOSITORY, Clone, Connection, drop, project_at
from vuelo.embedded import Server
from vuelo.schema import dump, snapshot

SERVICES = ("auth", "station", "coupon", "redemption", "ads", "raffle")


@pytest.fixture
def empty(server: Server) -> Generator[Connection]:
    name = "test_schema_files"
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        yield conn
    drop(server, name)


@pytest.mark.parametrize("service", SERVICES)
def test_the_schema_file_is_what_the_migrations_build(server: Server, production: Connection, service: str) -> None:
    project = project_at(server.url(production.info.dbname), "production").only([service])
    kept = (REPOSITORY / "docs" / "reference" / "schema" / f"{service}.sql").read_text()
    assert dump.schema_sql(production, project.services[0]) == kept, "stale: run vuelo dump --environment production"


def test_the_schema_files_load_and_give_the_same_schemas(
    server: Server, production: Connection, empty: Connection, clone_of: Clone
) -> None:
    project = project_at(server.url(empty.info.dbname), "production")
    roles.initialise(project)
    for service in project.services:
        empty.execute((REPOSITORY / "docs" / "reference" / "schema" / f"{service.name}.sql").read_bytes())
        empty.execute("RESET ALL")
        whole = snapshot.of_service(production, service)
        assert len(whole) > 50
        assert snapshot.differences(whole, snapshot.of_service(empty, service)) == []
