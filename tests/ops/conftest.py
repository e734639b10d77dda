"""A test's database with `ops_schema` in it."""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest

from gasolinera.ops import operations_schema
from gasolinera.ops.reaching import Operations, ops_session
from tests.conftest import project_at
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]


@pytest.fixture
def ops_url(server: Server, database: str) -> str:
    """As superuser, who may become anybody."""
    url = server.url(database)
    operations_schema.install(url)
    return url


@pytest.fixture
def ops(ops_url: str) -> Generator[Connection]:
    """A session as the role ops."""
    with ops_session(ops_url) as conn:
        yield conn


@pytest.fixture
def operations(ops_url: str) -> Operations:
    return Operations(project_at(ops_url, "test"), ops_url)
