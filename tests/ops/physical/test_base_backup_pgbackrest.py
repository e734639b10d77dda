"""pgBackRest beside our own backups: what counts is what it says, for it ends with 0 when its repository is damaged."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

import msgspec
import psycopg
import pytest

import vuelo
from gasolinera.errors import ConfigError
from gasolinera.ops import catalogue, operations_schema, roles
from gasolinera.ops.backup_testing import Trying, try_backup
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.pgbackrest import Stanza, repository_backups
from gasolinera.ops.pgbackrest_backups import back_up_by_pgbackrest
from gasolinera.ops.reaching import Operations, ops_session
from tests.conftest import project_at
from vuelo import embedded
from vuelo.installation import server_account

BIN = Path("/usr/lib/postgresql/15/bin")  # the newest that Debian's pgBackRest knows
PGBACKREST = shutil.which("pgbackrest")

pytestmark = pytest.mark.skipif(
    PGBACKREST is None or not BIN.exists() or shutil.which("setpriv") is None,
    reason="needs pgBackRest and PostgreSQL 15",
)


class Repository(msgspec.Struct, frozen=True):
    operations: Operations
    stanza: Stanza
    folder: Path


def as_the_server(folder: Path) -> None:
    """A program of the same name that changes to the server's account first: all must own what the repository has."""
    account = server_account()
    change = f"setpriv --reuid={account.uid} --regid={account.gid} --clear-groups" if account.is_other else ""
    program = folder / "pgbackrest"
    # The server calls it too, is that account already, and is where it must be.
    program.write_text(
        f'#!/bin/sh\n[ "$(id -u)" = {account.uid} ] && exec {PGBACKREST} "$@"\ncd /\nexec {change} {PGBACKREST} "$@"\n'
    )
    program.chmod(0o755)


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Generator[Repository]:
    root = Path(tempfile.mkdtemp(prefix="gasolinera-pgbackrest-"))
    root.chmod(0o755)
    account = server_account()
    for name in ("repo", "log", "lock", "spool", "bin"):
        (root / name).mkdir()
        account.own(root / name)
    as_the_server(root / "bin")
    monkeypatch.setenv("PATH", f"{root / 'bin'}:{os.environ['PATH']}")
    config = root / "pgbackrest.conf"
    archive = {"archive_mode": "on", "archive_command": f"{PGBACKREST} --config={config} --stanza=main archive-push %p"}
    with embedded.temporary(bin_dir=BIN, settings=archive) as server:
        config.write_text(
            f"[global]\nrepo1-path={root}/repo\nlog-path={root}/log\nlock-path={root}/lock\nstart-fast=y\n"
            f"spool-path={root}/spool\n"
            f"repo1-retention-full=2\n[main]\npg1-path={server.home}/data\npg1-port={server.port}\n"
            f"pg1-socket-path={server.sockets}\npg1-user=postgres\n"
        )
        url = server.url()
        project = project_at(url, "test").only(["station"])
        roles.initialise(project)
        vuelo.migrate(project)
        operations_schema.install(url)
        yield Repository(Operations(project, url), Stanza("main", config), root / "repo")
    shutil.rmtree(root)


@pytest.mark.long
def test_its_backups_are_on_record_tried_out_and_found_damaged(repository: Repository) -> None:
    operations, stanza = repository.operations, repository.stanza
    with pytest.raises(ConfigError) as missing:
        back_up_by_pgbackrest(operations, stanza, None, is_incremental=False)
    assert missing.value.code == "ops.stanza"
    subprocess.run(["pgbackrest", f"--config={stanza.config}", "--stanza=main", "stanza-create"], check=True)
    made = back_up_by_pgbackrest(operations, stanza, None, is_incremental=False)
    with psycopg.connect(operations.ops_url, autocommit=True) as conn:
        conn.execute("CREATE TABLE public.later AS SELECT generate_series(1, 7) AS id")
        conn.execute("SELECT pg_switch_wal()")
    with ops_session(operations.ops_url) as conn:
        assert catalogue.backup_of(conn, made.label).engine is catalogue.Engine.PGBACKREST
    assert [one.label for one in repository_backups(stanza)] == [made.backup.label]
    assert verify_backups(operations, [made.label], None, ())[0].problems == ()
    tried = try_backup(operations, Trying(with_data_checks=False))
    assert tried.error is None
    assert tried.succeeded
    assert tried.label == made.label
    largest = max((repository.folder / "backup").rglob("*.gz"), key=lambda path: path.stat().st_size)
    whole = largest.read_bytes()
    largest.write_bytes(whole[:-40] + bytes(40))
    (damaged,) = verify_backups(operations, [made.label], None, ())
    assert any("status: invalid" in problem for problem in damaged.problems)
    # What its own retention takes away is no damage, and leaves the list.
    newer = back_up_by_pgbackrest(operations, stanza, None, is_incremental=False)
    config = (f"--config={stanza.config}", "--stanza=main")
    subprocess.run(["pgbackrest", *config, "--repo1-retention-full=1", "expire"], check=True)
    assert [one.label for one in repository_backups(stanza)] == [newer.backup.label]
    (expired,) = verify_backups(operations, [made.label], None, ())
    assert (expired.problems, expired.is_expired) == ((), True)
    with ops_session(operations.ops_url) as conn:
        assert made.label not in {one.label for one in catalogue.backups(conn)}
