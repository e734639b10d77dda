"""Logical backups of services: what is in them, of which moment, and that nothing half made looks whole."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.errors import ConfigError
from gasolinera.ops import backup_files, catalogue, programs
from gasolinera.ops.backup_verifying import verify_backups
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import make_identity, parse_recipients, read_identities
from gasolinera.ops.programs import ProgramError
from gasolinera.ops.reaching import Operations
from tests.conftest import REPOSITORY, Clone, drop
from tests.ops.backups import SIX
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
# A process of its own, to be killed or to run out of disk. Says when its folder is there.
_BACKUP = """
import signal
import sys
from pathlib import Path
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.reaching import Operations
from tests.conftest import project_at
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
url, folder = sys.argv[1:]
operations = Operations(project_at(url, "test"), url)
back_up(operations, Wanted(kind=Kind.SERVICE, services=("station",), folder=Path(folder)),
        lambda name: print(name, flush=True))
"""


def _started(url: str, folder: Path, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _BACKUP, url, str(folder)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def _partial(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_all_services_are_dumped_from_one_moment_with_versions_and_rows(
    operations: Operations, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    made = back_up(operations, Wanted(kind=Kind.SERVICE, services=SIX, folder=tmp_path))
    manifest = backup_files.read_manifest(made.location)
    assert [one.name for one in manifest.services] == list(SIX)
    assert manifest.has_one_snapshot
    assert len({(one.lsn, one.consistent_at) for one in manifest.services}) == 1
    assert backup_files.problems_with(made.location, manifest.files) == []
    assert stat.S_IMODE(made.location.stat().st_mode) == 0o700
    auth = manifest.service("auth")
    users = admin.execute("SELECT count(*) FROM auth_schema.users").fetchone()
    history = admin.execute(
        "SELECT max(version::numeric) FROM auth_schema.flyway_schema_history WHERE success"
    ).fetchone()
    assert users is not None
    assert history is not None
    assert {one.name: one.rows for one in auth.tables}["users"] == users[0] > 0
    assert auth.version == str(history[0])
    (row,) = catalogue.backups(ops)
    assert (row.label, row.succeeded, row.services) == (made.location.name, True, SIX)
    assert row.contents["auth"]["rows"] == auth.rows
    assert ops.execute("SELECT command, scope, outcome FROM ops_schema.runs").fetchall() == [
        ("backup service", ",".join(SIX), "OK")
    ]


def test_schemas_are_the_same_text_as_long_as_they_are_the_same_and_of_their_service_alone(
    operations: Operations, admin: Connection, tmp_path: Path
) -> None:
    wanted = Wanted(kind=Kind.SCHEMA, services=("auth", "ads"), folder=tmp_path)
    first, second = (back_up(operations, wanted).location for _ in range(2))
    text = (first / "auth.sql").read_text()
    assert text == (second / "auth.sql").read_text()
    assert text.startswith("-- Service auth, schema auth_schema, version 9.\n")
    assert "\\restrict" not in text
    assert "CREATE TABLE auth_schema.users" in text
    assert "ad_schema." not in text
    assert "COPY auth_schema" not in text
    admin.execute("ALTER TABLE auth_schema.users ADD COLUMN by_hand integer")
    assert (back_up(operations, wanted).location / "auth.sql").read_text() != text


def test_a_dump_that_fails_leaves_no_backup_and_the_reason(
    operations: Operations, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    # One that the schema's owner may not read: pg_dump comes upon it when it has begun.
    admin.execute("CREATE TABLE station_schema.strays (id integer)")
    with pytest.raises(ProgramError, match="permission denied for table strays"):
        back_up(operations, Wanted(kind=Kind.SERVICE, services=("auth", "station"), folder=tmp_path))
    assert list(tmp_path.iterdir()) == []
    (row,) = catalogue.backups(ops)
    assert not row.succeeded
    assert row.error is not None
    assert "permission denied" in row.error
    assert catalogue.newest_good(ops, kinds=(Kind.SERVICE,)) is None


@contextmanager
def _waiting_backup(ops_url: str, admin: Connection, folder: Path) -> Generator["subprocess.Popen[str]"]:
    """A backup in a process of its own that has begun its folder, and whose pg_dump waits for a table."""
    with admin.transaction():
        admin.execute("LOCK TABLE station_schema.stations IN ACCESS EXCLUSIVE MODE")
        process = _started(ops_url, folder)
        assert process.stdout is not None
        assert process.stdout.readline() == "station\n"
        blocked = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'station_schema.stations'::regclass"
        while not admin.execute(blocked).fetchall():
            assert process.poll() is None
            time.sleep(0.01)
        yield process


def test_a_killed_backup_does_not_look_whole_and_the_next_one_clears_up_and_succeeds(
    operations: Operations, ops_url: str, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    with _waiting_backup(ops_url, admin, tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert _partial(tmp_path) != []
        assert [path for path in tmp_path.iterdir() if not path.name.startswith(".")] == []
        (row,) = catalogue.backups(ops)
        assert (row.succeeded, row.finished_at) == (False, None)
    made = back_up(operations, Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path))
    assert _partial(tmp_path) == []
    new, old = catalogue.backups(ops)
    assert (new.label, new.succeeded) == (made.location.name, True)
    assert (old.succeeded, old.error) == (False, "the process ended")


def test_ctrl_c_and_a_server_that_goes_end_a_backup_at_once_and_leave_nothing(
    operations: Operations, ops_url: str, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    # While somebody holds the table that pg_dump waits for: nothing waits for pg_dump.
    with _waiting_backup(ops_url, admin, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert list(tmp_path.iterdir()) == []
        (row,) = catalogue.backups(ops)
        assert (row.succeeded, row.error) == (False, "KeyboardInterrupt")
    with _waiting_backup(ops_url, admin, tmp_path) as process:
        # All its sessions at once, as when a server crashes: ours for the catalogue too.
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gasolinera-ops'"
            " AND pid NOT IN (%s, %s)",
            (admin.info.backend_pid, ops.info.backend_pid),
        )
        process.communicate()
        assert process.returncode != 0
        assert list(tmp_path.iterdir()) == []
    back_up(operations, Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path))
    found = [(one.succeeded, one.error) for one in catalogue.backups(ops)]
    assert found == [(True, None), (False, "the process ended"), (False, "KeyboardInterrupt")]


def test_a_full_disk_leaves_no_backup_and_says_so(ops_url: str, ops: Connection, tmp_path: Path) -> None:
    limit = 20_000  # bytes: less than the dump's list of contents
    process = _started(ops_url, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    _, said = process.communicate()
    assert process.returncode != 0
    assert "pg_dump" in said
    assert list(tmp_path.iterdir()) == []
    (row,) = catalogue.backups(ops)
    assert row.error is not None
    assert row.error.startswith("pg_dump")


def test_what_became_of_a_backup_on_disk_is_found_by_verify(
    operations: Operations, ops: Connection, tmp_path: Path
) -> None:
    recipient = make_identity(tmp_path / "key")
    secret, other = read_identities(tmp_path / "key"), tmp_path / "other"
    make_identity(other)
    plain = back_up(operations, Wanted(kind=Kind.SERVICE, services=("auth",), folder=tmp_path / "b"))
    sealed = back_up(
        operations,
        Wanted(kind=Kind.SERVICE, services=("auth",), folder=tmp_path / "b", encryption=parse_recipients(recipient)),
    )

    def verdict(label: str, identities: list[Any]) -> str:
        (one,) = verify_backups(operations, [label], None, identities)
        assert (catalogue.backup_of(ops, label).is_intact is False) == bool(one.problems)
        return "; ".join([*one.problems, one.unread or ""])

    for path in sealed.location.iterdir():
        content = path.read_bytes()
        assert b"PGDMP" not in content
    assert verdict(plain.location.name, []) == ""
    assert verdict(sealed.location.name, secret) == ""
    assert verdict(sealed.location.name, []) == ""  # without a key its files are looked at
    assert "made for another key" in verdict(sealed.location.name, read_identities(other))
    data = max((path for path in (plain.location / "auth").iterdir()), key=lambda path: path.stat().st_size)
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    assert f"auth/{data.name} has {len(whole) - 1} bytes instead of {len(whole)}" in verdict(plain.location.name, [])
    data.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "its checksum is another" in verdict(plain.location.name, [])
    data.unlink()
    assert f"auth/{data.name} is missing" in verdict(plain.location.name, [])
    data.write_bytes(whole)
    (plain.location / "auth" / "more").touch()
    assert "does not belong there" in verdict(plain.location.name, [])
    (plain.location / "auth" / "more").unlink()
    manifest = plain.location / backup_files.MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows": 42', b'"rows": 41'))
    assert "is not the manifest that was written" in verdict(plain.location.name, [])
    assert catalogue.newest_good(ops, kinds=(Kind.SERVICE,)) is not None
    manifest.unlink()
    assert "there is no backup" in verdict(plain.location.name, [])


def test_programs_are_those_of_a_version_that_can_and_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(folder: str, major: int) -> Path:
        path = tmp_path / folder / "pg_dump"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {major}.3 (Somebody)'\n")
        path.chmod(0o755)
        return path

    newer = fake("newer", 44)
    monkeypatch.setenv(programs.SETTING, str(newer.parent))
    assert programs.find_program("pg_dump", 43).path == newer
    with pytest.raises(ConfigError, match=r"no pg_dump of PostgreSQL 43$") as raised:
        programs.find_program("pg_dump", 43, exactly=True)
    assert raised.value.hint is not None
    assert "install postgresql-client-43" in raised.value.hint
    fitting = fake("fitting", 43)
    monkeypatch.setenv("PATH", f"{fitting.parent}:{os.environ['PATH']}")
    assert programs.find_program("pg_dump", 43).path == fitting


def test_no_secret_of_an_address_is_among_a_programs_arguments() -> None:
    url = "host=h port=7 user=u password=s3cret dbname='a b' sslpassword=s3cret2 keepalives=0 options='-c work_mem=1MB'"
    rest = programs.rest_of_address(url)
    assert "s3cret" not in rest
    assert "a b" in rest
    environment = programs.environment_for(url, role="some role")
    assert (environment["PGPASSWORD"], environment["PGHOST"], environment["PGPORT"]) == ("s3cret", "h", "7")
    assert environment["PGOPTIONS"] == "-c work_mem=1MB -c role=some\\ role"


def test_services_of_several_databases_are_each_of_their_own_moment(
    operations: Operations, server: Server, clone_of: Clone, tmp_path: Path
) -> None:
    other = clone_of("test")
    try:
        with psycopg.connect(server.url(other), autocommit=True) as conn:
            rows = conn.execute("DELETE FROM ad_schema.outbox_events").rowcount
        services = tuple(
            replace(one, url=server.url(other)) if one.name == "ads" else one for one in operations.project.services
        )
        apart = Operations(replace(operations.project, services=services), operations.ops_url)
        manifest = back_up(apart, Wanted(kind=Kind.SERVICE, services=("ads", "auth"), folder=tmp_path)).manifest
        assert not manifest.has_one_snapshot
        assert [(one.name, one.database == other) for one in manifest.services] == [("auth", False), ("ads", True)]
        auth, ads = manifest.services
        assert auth.consistent_at != ads.consistent_at
        assert {one.name: one.rows for one in ads.tables}["outbox_events"] == 0
        live = back_up(operations, Wanted(kind=Kind.SERVICE, services=("ads",), folder=tmp_path)).manifest
        assert {one.name: one.rows for one in live.service("ads").tables}["outbox_events"] == rows
    finally:
        drop(server, other)


def test_a_backup_in_a_folder_named_from_here_is_found_from_elsewhere(
    operations: Operations, ops: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = back_up(operations, Wanted(kind=Kind.SCHEMA, services=("station",), folder=Path("b")))
    monkeypatch.chdir("/")
    (row,) = catalogue.backups(ops)
    assert row.path == made.location == tmp_path / "b" / row.label
    assert verify_backups(operations, None, None, ())[0].problems == ()


def test_a_backup_that_cannot_be_looked_at_from_here_is_not_called_damaged(
    operations: Operations, ops: Connection, tmp_path: Path
) -> None:
    made = back_up(operations, Wanted(kind=Kind.SCHEMA, services=("station",), folder=tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "not mounted")
    (one,) = verify_backups(operations, None, None, ())
    assert one.problems == ()
    assert one.unread == f"there is no folder {tmp_path / 'disk'} here"
    assert catalogue.backup_of(ops, made.location.name).is_intact is None
    # Where its folder is there and it is not, it is gone.
    (tmp_path / "disk").mkdir()
    (one,) = verify_backups(operations, None, None, ())
    assert "there is no backup" in one.problems[0]
