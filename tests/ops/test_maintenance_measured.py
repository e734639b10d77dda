"""Bloat is measured where the server has pgstattuple: Debian's has it, the embedded one has no extensions."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.ops.maintaining_plans import Kind, Limits, tasks_of
from vuelo import embedded
from vuelo.embedded import Server

DEBIAN = Path("/usr/lib/postgresql/15/bin")
Connection = psycopg.Connection[Any]
_LIMITS = Limits(least_bytes=1024 * 1024)

pytestmark = pytest.mark.skipif(not (DEBIAN / "postgres").exists(), reason="there is no PostgreSQL with extensions")


@pytest.fixture(scope="module")
def extended() -> Generator[Server]:
    with embedded.temporary(bin_dir=DEBIAN) as running:
        yield running


@pytest.fixture(scope="module")
def conn(extended: Server) -> Generator[Connection]:
    with psycopg.connect(extended.url(), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION pgstattuple")
        conn.execute("CREATE ROLE guest LOGIN")
        conn.execute("CREATE SCHEMA worn AUTHORIZATION guest")
        conn.execute("CREATE TABLE worn.things AS SELECT n AS id, n AS other FROM generate_series(1, 500000) AS n")
        conn.execute("CREATE INDEX things_id_idx ON worn.things (id)")
        conn.execute("CREATE INDEX things_other_idx ON worn.things (other)")
        # Of each nine of ten: no page is empty, and all are nearly so.
        conn.execute("DELETE FROM worn.things WHERE id % 10 <> 0")
        conn.execute("VACUUM (ANALYZE) worn.things")
        conn.execute("REINDEX INDEX worn.things_other_idx")
        conn.execute("ALTER TABLE worn.things OWNER TO guest")
        yield conn


def test_an_index_that_is_nearly_empty_is_measured_or_by_who_may_not_estimated(
    conn: Connection, extended: Server
) -> None:
    with psycopg.connect(extended.url(user="guest"), autocommit=True) as guest:
        (task,) = tasks_of(guest, "worn", Kind.REINDEX, _LIMITS)
    assert task.object == "worn.things_id_idx"
    assert task.why.endswith("by estimate")
    (task,) = tasks_of(conn, "worn", Kind.REINDEX, _LIMITS)
    assert task.object == "worn.things_id_idx"
    size = conn.execute("SELECT pg_relation_size('worn.things_id_idx')").fetchone()
    conn.execute("REINDEX INDEX CONCURRENTLY worn.things_id_idx")
    new = conn.execute("SELECT pg_relation_size('worn.things_id_idx')").fetchone()
    assert size is not None
    assert new is not None
    share = round(100 * (1 - new[0] / size[0]))
    assert task.why in {f"{percent} % of it is empty, measured" for percent in range(share - 3, share + 4)}
    assert tasks_of(conn, "worn", Kind.REINDEX, _LIMITS) == []
