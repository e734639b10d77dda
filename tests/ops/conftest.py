"""A test's database with `ops_schema` in it."""

from collections.abc import Generator
from contextlib import ExitStack
from itertools import count
from typing import Any

import psycopg
import pytest

from gasolinera.ops import operations_schema, roles
from gasolinera.ops.reaching import Operations, ops_session
from tests.conftest import Clone, drop, project_at
from tests.ops.platform import Platform, copied
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
_copies = count(1)


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


@pytest.fixture(scope="session")
def agreed(server: Server, clone_of: Clone) -> Generator[str]:
    """The sample data once its own gaps are repaired and all events have had their effects."""
    name = clone_of("test")
    operations_schema.install(server.url(name))
    platform = Platform(server, name)
    platform.settle()
    platform.compare(is_repair=True)
    platform.settle()
    yield name
    drop(server, name)


@pytest.fixture
def copies(server: Server, agreed: str) -> Generator[Any]:
    """Makes databases in the agreed state."""
    with ExitStack() as stack:

        def copy(of: str = agreed) -> str:
            name = stack.enter_context(copied(server, of, f"apart_{next(_copies)}"))
            roles.initialise(project_at(server.url(name), "test"))
            return name

        yield copy


@pytest.fixture
def platform(server: Server, copies: Any) -> Platform:
    return Platform(server, copies())
