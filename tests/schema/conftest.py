"""One migrated database for all tests that only look: most of the schema tests ask and change nothing."""

from collections.abc import Callable, Generator

import psycopg
import pytest
from tests.schema.catalog import Conn

from vuelo.embedded import Server


@pytest.fixture(scope="session")
def migrated(server: Server, clone_of: Callable[[str], str]) -> Generator[Conn]:
    """A superuser's connection to a database of environment `test` that all share, so it cannot write."""
    with psycopg.connect(server.url(clone_of("test")), autocommit=True) as conn:
        conn.execute("SET default_transaction_read_only = on")
        yield conn
