"""A disk that fills up in the middle of a migration. It needs root, to mount one that is small."""

import os
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vuelo
from vuelo.embedded import Server
from vuelo.installation import server_account

Connection = psycopg.Connection[Any]
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def small_disk(server: Server, url: str, conn: Connection) -> Generator[Path]:
    """A file system of 8 MB, on which this test's database puts its tables and indexes."""
    disk = server.home / "small-disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode != 0:
        disk.rmdir()
        reason = "a small file system can be mounted by root only"
        if done is not None and os.environ.get("GASOLINERA_TEST_ALL") == "1":
            pytest.fail(f"{reason}: {done.stderr}")
        pytest.skip(reason)
    server_account().own(disk)
    name = sql.Identifier("small_disk")
    conn.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(name, sql.Literal(str(disk))))
    database = sql.Identifier(conn.info.dbname)
    conn.execute(sql.SQL("ALTER DATABASE {} SET default_tablespace = small_disk").format(database))
    yield disk
    conn.execute("DROP SCHEMA IF EXISTS shop CASCADE")
    conn.execute(sql.SQL("ALTER DATABASE {} RESET default_tablespace").format(database))
    conn.execute("CHECKPOINT")  # files of dropped tables go then
    conn.execute(sql.SQL("DROP TABLESPACE {}").format(name))
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # the server may have files of it open for a while
    disk.rmdir()


def grown(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)


def states(project: vuelo.Project) -> list[str]:
    [plan] = vuelo.info(project).values()
    return [entry.state.value for entry in plan.entries if entry.script]


def test_a_full_disk_rolls_the_migration_back_and_more_room_lets_it_pass(
    small_disk: Path, make_project: Callable[..., vuelo.Project], conn: Connection, cli: Command
) -> None:
    filling = "CREATE TABLE b (t text);\nINSERT INTO b SELECT repeat('x', 1000) FROM generate_series(1, 30000);"
    project = make_project({"shop": {"V1__a.sql": "CREATE TABLE a (id int);", "V2__b.sql": filling}})
    failed = cli("migrate")
    assert failed.returncode == 1
    assert "No space left on device (SQLSTATE 53100)" in failed.stderr
    assert "V2__b.sql:2:1" in failed.stderr
    assert states(project) == ["Success", "Pending"]
    assert conn.execute("SELECT to_regclass('shop.b')").fetchone() == (None,)
    grown(small_disk)
    done = cli("migrate")
    assert (done.returncode, states(project)) == (0, ["Success", "Success"]), done.stderr
    assert conn.execute("SELECT count(*) FROM shop.b").fetchone() == (30000,)


def test_a_full_disk_under_a_concurrent_index_leaves_no_invalid_index(
    small_disk: Path, make_project: Callable[..., vuelo.Project], conn: Connection, cli: Command
) -> None:
    rows = "CREATE TABLE a (t text); INSERT INTO a SELECT n || repeat('x', 40) FROM generate_series(1, 55000) AS n;"
    index = "CREATE INDEX CONCURRENTLY a_t ON a (t, (t || 'y'), (t || 'z'));"
    project = make_project({"shop": {"V1__a.sql": rows, "V2__b.sql": index}})
    failed = cli("migrate")
    assert failed.returncode == 1
    assert "(SQLSTATE 53100)" in failed.stderr
    assert states(project) == ["Success", "Pending"], "it left nothing behind, so it can run again"
    assert conn.execute("SELECT to_regclass('shop.a_t')").fetchone() == (None,)
    grown(small_disk)
    done = cli("migrate")
    assert (done.returncode, states(project)) == (0, ["Success", "Success"]), done.stderr
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.a_t'::regclass"
    assert conn.execute(query).fetchone() == (True,)
