"""The server crashes in the middle: what was on its way is gone on with, and nothing is lost."""

import os
import signal
import time
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from gasolinera.ops import archiving
from gasolinera.ops.archive_stores import open_store
from gasolinera.ops.archived_partitions import list_archives
from gasolinera.ops.partition_retiring import Tell
from gasolinera.ops.partition_upkeep import maintain
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from tests.ops.partitions.conftest import prepare
from tests.ops.partitions.growing_tables import add_month, make_scans, name_of, rows_of, set_rule
from vuelo import embedded

LONG = pytest.mark.long
STEPS = (
    pytest.param(0, "made", marks=LONG),
    pytest.param(1, "begun", marks=LONG),
    pytest.param(2, "detached", marks=LONG),
    (3, "exported"),
    (4, "verified"),
)


@pytest.fixture(scope="module")
def operations() -> Generator[Operations]:
    """On a server of its own, since it goes down and everybody's connections with it."""
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with embedded.temporary(settings=durable) as server:
        operations = prepare(server, "crashing")
        make_scans(operations)
        yield operations


@pytest.mark.parametrize(("number", "step"), STEPS)
def test_after_a_crash_of_the_server_the_next_round_completes(
    operations: Operations, tmp_path: Path, number: int, step: str
) -> None:
    back = 3 + number
    with psycopg.connect(operations.ops_url, autocommit=True) as conn:
        add_month(conn, back, 60)
    set_rule(operations, "ARCHIVE", 1, ahead=4 + number)
    before = rows_of(operations, f"coupon_schema.{name_of(back)}")
    with pytest.raises(psycopg.OperationalError):
        maintain(operations, ["coupon"], open_store(str(tmp_path)), tell=_crashing(operations, step))
    _wait(operations)
    (done,) = maintain(operations, ["coupon"], open_store(str(tmp_path)))
    assert done.problems == ()
    with ops_session(operations.ops_url) as ops:
        archive = list_archives(ops, ["coupon"], None, 1)[0]
    assert (archive.partition_name, archive.state, archive.row_count) == (name_of(back), "DROPPED", 60)
    with owner_session(operations.service("coupon")) as conn:
        archiving.restore(conn, archive, "coupon_restored", name_of(back))
        later = conn.execute("SELECT to_regclass('coupon_schema.' || %s) IS NOT NULL", (name_of(-4 - number),))
        assert later.fetchone() == (True,)
        assert conn.execute("SELECT count(*) FROM coupon_schema.scans").fetchone() == (0,)
    assert rows_of(operations, f"coupon_restored.{name_of(back)}") == before


def _crashing(operations: Operations, step: str) -> Tell:
    """A backend that dies by signal 9 makes the server end all others and recover."""

    def tell(what: str, done: str) -> None:
        if done == step:
            with psycopg.connect(operations.ops_url) as victim:
                os.kill(victim.info.backend_pid, signal.SIGKILL)
                with pytest.raises(psycopg.OperationalError):
                    victim.execute("SELECT pg_sleep(10)")

    return tell


def _wait(operations: Operations) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(operations.ops_url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
