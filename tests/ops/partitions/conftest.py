"""One database a module with the roles, `ops_schema`, and of the services the coupon schema's common functions."""

from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

import vuelo
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.reaching import Operations
from tests.conftest import Connection, drop, project_at
from vuelo.embedded import Server


@pytest.fixture(scope="module")
def module_database(server: Server, request: pytest.FixtureRequest) -> Generator[str]:
    name = request.path.stem
    prepare(server, name)
    yield name
    drop(server, name)


def prepare(server: Server, name: str) -> Operations:
    """Make such a database."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {name}".encode())
    url = server.url(name)
    project = project_at(url, "production")
    roles.initialise(project)
    (coupon,) = project.only(["coupon"]).services
    shared = tuple(place for place in coupon.locations if "coupon" not in place.parts)
    vuelo.migrate(replace(project, services=(replace(coupon, locations=shared),)))
    operations_schema.install(url)
    return Operations(project, url)


@pytest.fixture
def database(server: Server, module_database: str) -> Generator[str]:
    """The module's, with nothing in it of other tests."""
    yield module_database
    with psycopg.connect(server.url(module_database), autocommit=True) as conn:
        conn.execute("DROP SCHEMA IF EXISTS coupon_restored CASCADE")
        tables = conn.execute(
            """SELECT c.oid::regclass::text FROM pg_class AS c
                WHERE c.relnamespace = 'coupon_schema'::regnamespace AND c.relkind IN ('r', 'p')
                  AND c.relname <> 'flyway_schema_history' AND NOT c.relispartition"""
        ).fetchall()
        for (table,) in tables:
            conn.execute(f"DROP TABLE IF EXISTS {table} CASCADE".encode())
        conn.execute("DELETE FROM ops_schema.archives")
        conn.execute("DELETE FROM ops_schema.runs")
        conn.execute("DELETE FROM ops_schema.partition_rules WHERE table_pattern = 'scans'")


@pytest.fixture
def operations(server: Server, database: str) -> Operations:
    url = server.url(database)
    return Operations(project_at(url, "production"), url)


@pytest.fixture
def admin(server: Server, database: str) -> Generator[Connection]:
    """As superuser."""
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        yield conn
