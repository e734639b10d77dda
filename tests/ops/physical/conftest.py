"""A server of its own whose log is archived, and what happened on it: rows, a disaster, more rows."""

import shutil
import tempfile
import time
from collections.abc import Generator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from gasolinera.ops.archive_setup import set_up_archive
from gasolinera.ops.base_backups import BaseBackup, Taking, label_for, take
from gasolinera.ops.base_servers import PhysicalServer, server_at
from gasolinera.ops.catalogue import Kind
from vuelo import embedded
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
QUICK = Taking(syncs=False)


class Story(msgspec.Struct, frozen=True):
    """Rows are numbers; the disaster is a wrong DELETE. `before`: the rows that were committed until then, `at` that
    time, `lsn` that position; `xid` is the DELETE's; `after`: the rows at the end.
    """

    root: Path
    full: BaseBackup
    later: BaseBackup  # an incremental one, taken after the disaster
    before: list[int]
    at: datetime
    lsn: str
    xid: str
    after: list[int]


@pytest.fixture(scope="package")
def backup_root() -> Generator[Path]:
    """Where the server's account may write its log to."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-backups-"))
    root.chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="package")
def archiving_server(backup_root: Path) -> Generator[Server]:
    with embedded.temporary(settings={"archive_mode": "on", "summarize_wal": "on"}) as server:
        set_up_archive(described(server), backup_root)
        yield server


def described(server: Server) -> PhysicalServer:
    return msgspec.structs.replace(server_at(server.url()), services=("coupon",))


def back_up(server: Server, root: Path, parent: BaseBackup | None = None) -> BaseBackup:
    about = described(server)
    label = label_for(about, Kind.INCREMENTAL if parent else Kind.BASE)
    return take(about, root, QUICK, label=label, parent=parent)


def switch_log(conn: Connection) -> None:
    """Returns when the segment that was written until now is in the archive."""
    row = conn.execute("SELECT pg_walfile_name(pg_current_wal_lsn())").fetchone()
    assert row is not None
    conn.execute("SELECT pg_switch_wal()")
    for _ in range(600):
        archived = conn.execute("SELECT last_archived_wal >= %s FROM pg_stat_archiver", row).fetchone()
        if archived == (True,):
            return
        time.sleep(0.1)
    raise AssertionError(f"{row[0]} is not archived")


def one(conn: Connection, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def rows_of(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("SELECT id FROM redeemed ORDER BY id")]


@pytest.fixture(scope="package")
def story(archiving_server: Server, backup_root: Path) -> Story:
    with psycopg.connect(archiving_server.url(), autocommit=True) as conn:
        conn.execute("CREATE TABLE redeemed (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())")
        conn.execute("INSERT INTO redeemed SELECT generate_series(1, 100)")
        full = back_up(archiving_server, backup_root)
        for number in range(101, 151):
            conn.execute("INSERT INTO redeemed VALUES (%s)", (number,))
        before = rows_of(conn)
        conn.execute("SELECT pg_create_restore_point('before the disaster')")
        at, lsn = one(conn, "SELECT clock_timestamp()"), str(one(conn, "SELECT pg_current_wal_insert_lsn()"))
        with conn.transaction():
            xid = str(one(conn, "SELECT pg_current_xact_id()"))
            conn.execute("DELETE FROM redeemed WHERE id > 20")
        conn.execute("INSERT INTO redeemed SELECT generate_series(1001, 1010)")
        switch_log(conn)
        later = back_up(archiving_server, backup_root, full)
        conn.execute("INSERT INTO redeemed SELECT generate_series(2001, 2003)")
        after = rows_of(conn)
        switch_log(conn)
    return Story(backup_root, full, later, before, at, lsn, xid, after)
