"""Every query of every service is prepared by PostgreSQL against the migrated schema."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from gasolinera.config import SERVICES
from gasolinera.database import load_queries

WITH_QUERIES = [
    (service, file.name)
    for service in SERVICES
    for file in files(f"gasolinera.{service}").iterdir()
    if file.name.startswith("queries") and file.name.endswith(".sql")
]


def test_some_service_has_queries() -> None:
    assert ("station", "queries.sql") in WITH_QUERIES


@pytest.mark.parametrize(("service", "file"), WITH_QUERIES)
def test_every_query_fits_the_schema_that_the_migrations_make(
    service: str, file: str, as_role: Callable[[str], psycopg.Connection[Any]]
) -> None:
    conn = as_role(f"{service}_app")
    queries = load_queries(f"gasolinera.{service}", file)
    for name, query in queries.items():
        conn.execute(f"PREPARE {name} AS {query.sql}".encode())
    prepared = conn.execute("SELECT name FROM pg_prepared_statements").fetchall()
    assert {name for (name,) in prepared} == set(queries)
