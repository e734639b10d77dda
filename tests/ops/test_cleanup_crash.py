"""A server that dies in the middle of a cleaning: nothing young is lost, and the next run finishes."""

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

import vuelo
from gasolinera.errors import UnavailableError
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.cleaning import clean
from gasolinera.ops.cleaning_batches import Pace
from gasolinera.ops.cleaning_rules import Rule
from gasolinera.ops.reaching import Operations
from tests.conftest import project_at
from vuelo import embedded
from vuelo.embedded import Server

_OLD, _YOUNG = 20_000, 500


@pytest.fixture
def root() -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    folder.chmod(0o711)  # the server's account must pass through
    yield folder
    embedded.destroy(folder)
    shutil.rmtree(folder)


def keys(url: str) -> tuple[int, int]:
    """Old ones and young ones."""
    with psycopg.connect(url) as conn:
        row = conn.execute(
            """SELECT count(*) FILTER (WHERE created_at < now() - interval '25 hours'),
                      count(*) FILTER (WHERE created_at >= now() - interval '25 hours')
                 FROM coupon_schema.idempotency_keys"""
        ).fetchone()
    assert row is not None
    return row


def prepared(server: Server) -> Operations:
    """One service, with old and young keys."""
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute("CREATE DATABASE crash")
    url = server.url("crash")
    project = project_at(url, "production").only(["coupon"])
    roles.initialise(project)
    vuelo.migrate(project)
    operations_schema.install(url)
    with psycopg.connect(url, autocommit=True) as conn:
        for count, age in ((_OLD, "30 hours"), (_YOUNG, "1 hour")):
            conn.execute(
                """INSERT INTO coupon_schema.idempotency_keys (key_hash, fingerprint, status, answer, created_at)
                   SELECT sha256((%(age)s || n)::bytea), sha256('f'), 200, '{}', now() - %(age)s::interval
                     FROM generate_series(1, %(count)s) AS n""",
                {"age": age, "count": count},
            )
    return Operations(project, url)


def test_a_server_that_dies_loses_nothing_and_the_next_run_finishes(root: Path) -> None:
    with embedded.running(root) as server:
        operations = prepared(server)
        postmaster = int((server.home / "data" / "postmaster.pid").read_text().splitlines()[0])

        def die(_rule: Rule, rows: int, _expected: int | None) -> None:
            if rows > 2_000:
                os.kill(postmaster, signal.SIGQUIT)  # at once, without a checkpoint: what follows is a recovery

        with pytest.raises((UnavailableError, psycopg.OperationalError)):
            clean(operations, services=["coupon"], table="idempotency_keys", pace=Pace(rest=0), told=die)
    with embedded.running(root) as server:
        url = server.url("crash")
        old, young = keys(url)
        assert 0 < old <= _OLD  # the last batches may be back: they were not waited for
        assert young == _YOUNG
        again = clean(Operations(operations.project, url), services=["coupon"], table="idempotency_keys")
        assert (again.rows, keys(url)) == (old, (0, _YOUNG))
        with psycopg.connect(url) as conn:
            rows = conn.execute("SELECT outcome, error FROM ops_schema.runs ORDER BY id").fetchall()
        assert rows == [("FAILED", "the process ended"), ("OK", None)]
