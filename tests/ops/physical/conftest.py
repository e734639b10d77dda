"""A server of its own whose log is archived, and what happened on it: rows, a disaster, more rows."""

import os
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

import vuelo
from gasolinera.ops import operations_schema, roles
from gasolinera.ops.archive_setup import set_up_archive
from gasolinera.ops.base_backups import BaseBackup, Taking
from gasolinera.ops.base_servers import server_at
from gasolinera.ops.physical_backups import WantedBase, back_up_servers
from gasolinera.ops.reaching import Operations
from tests.conftest import project_at
from vuelo import embedded
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
QUICK = Taking(syncs=False)
DATABASE = "gasolinera"
FIRST_WITH_INCREMENTS = 17


class Story(msgspec.Struct, frozen=True):
    """Rows are numbers; the disaster is a wrong DELETE. `before`: the rows that were committed until then, `at` that
    time, `lsn` that position; `xid` is the DELETE's; `after`: the rows at the end.
    """

    url: str
    root: Path
    full: BaseBackup
    later: BaseBackup  # taken after the disaster; incremental where the server can
    before: list[int]
    at: datetime
    lsn: str
    xid: str
    after: list[int]

    @property
    def full_data(self) -> Path:
        return self.root / self.full.label / "data"


@pytest.fixture(scope="package")
def backup_root() -> Generator[Path]:
    """Where the server's account may write its log to."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-backups-"))
    root.chmod(0o711)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="package")
def archiving_server(backup_root: Path) -> Generator[Server]:
    chosen = os.environ.get("GASOLINERA_TEST_POSTGRES", "18")
    version, bin_dir = (int(chosen), None) if chosen.isdigit() else (0, Path(chosen))
    settings = {"archive_mode": "on"} | ({"summarize_wal": "on"} if version >= FIRST_WITH_INCREMENTS else {})
    with embedded.temporary(version=version, bin_dir=bin_dir, settings=settings) as server:
        set_up_archive(server_at(server.url()), backup_root)
        yield server


@pytest.fixture(scope="package")
def platform(archiving_server: Server) -> Operations:
    """One service and `ops_schema`, in one database of that server."""
    with psycopg.connect(archiving_server.url(), autocommit=True) as conn:
        conn.execute(f"CREATE DATABASE {DATABASE}".encode())
    url = archiving_server.url(DATABASE)
    project = project_at(url, "test").only(["station"])
    roles.initialise(project)
    vuelo.migrate(project)
    operations_schema.install(url)
    return Operations(project, url)


def wanted(root: Path, *, is_incremental: bool = False, verify: bool = True) -> WantedBase:
    return WantedBase(folder=root, is_incremental=is_incremental, verify=verify, taking=QUICK)


def switch_log(conn: Connection) -> None:
    """Returns when the segment that was written until now is in the archive."""
    segment = one(conn, "SELECT pg_walfile_name(pg_switch_wal() - 1::numeric)")
    for _ in range(600):
        if one(conn, f"SELECT coalesce(left(last_archived_wal, 24) >= '{segment}', false) FROM pg_stat_archiver"):
            return
        time.sleep(0.1)
    raise AssertionError(f"{segment} is not archived")


def one(conn: Connection, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def rows_of(conn: Connection) -> list[int]:
    return [row[0] for row in conn.execute("SELECT id FROM redeemed ORDER BY id")]


@pytest.fixture(scope="package")
def story(archiving_server: Server, platform: Operations, backup_root: Path) -> Story:
    with psycopg.connect(archiving_server.url(DATABASE), autocommit=True) as conn:
        conn.execute("CREATE TABLE redeemed (id int PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp())")
        conn.execute("INSERT INTO redeemed SELECT generate_series(1, 100)")
        (full,) = back_up_servers(platform, wanted(backup_root))
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
        has_increments = conn.info.server_version >= FIRST_WITH_INCREMENTS * 10_000
        (later,) = back_up_servers(platform, wanted(backup_root, is_incremental=has_increments))
        conn.execute("INSERT INTO redeemed SELECT generate_series(2001, 2003)")
        after = rows_of(conn)
        switch_log(conn)
    return Story(archiving_server.url(DATABASE), backup_root, full.backup, later.backup, before, at, lsn, xid, after)


@pytest.fixture
def copied_root(story: Story) -> Generator[Path]:
    """The same backups with an archive of their own, which a test may damage."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-backups-"))
    root.chmod(0o711)
    for label in (story.full.label, story.later.label):
        (root / label).symlink_to(story.root / label)
    shutil.copytree(story.root / "wal", root / "wal")
    for path in (root / "wal", *(root / "wal").rglob("*")):
        path.chmod(0o755)
    yield root
    shutil.rmtree(root)
