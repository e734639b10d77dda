"""A service from a backup: as it was then, the other five untouched, and nothing half done."""

import re
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from gasolinera.errors import ConflictError, GasolineraError, UnavailableError
from gasolinera.ops import backup_files
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dump_archives import Archive, find_logical, opened_archive
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import DecryptionError, make_identity, parse_recipients, read_identities
from gasolinera.ops.programs import ProgramError
from gasolinera.ops.reaching import Operations
from gasolinera.ops.restoring import (
    drop_database,
    make_database,
    plan_restore,
    restore_elsewhere,
    restore_in_place,
)
from tests.conftest import project_at
from tests.ops.backups import SIX, rows_digest, sequences, structure
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]


def test_a_service_restored_in_place_is_as_it_was_and_the_five_others_are_untouched(
    operations: Operations, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    made = back_up(operations, Wanted(kind=Kind.SERVICE, services=("auth",), folder=tmp_path))
    before = structure(admin, "auth"), rows_digest(admin, "auth"), sequences(admin, "auth")
    admin.execute("UPDATE auth_schema.users SET locked_until = now()")
    admin.execute("DROP TABLE auth_schema.refresh_tokens CASCADE")
    admin.execute("CREATE TABLE auth_schema.strays (id integer)")
    others = {name: (structure(admin, name), rows_digest(admin, name)) for name in SIX if name != "auth"}
    archive = opened_archive(made.location)
    plan = plan_restore(operations, "auth", archive)
    changes = {one.name: (one.now, one.in_backup) for one in plan.tables}
    assert plan.closed == ("strays",)
    assert changes["users"][0] == changes["users"][1] == len(admin.execute("SELECT FROM auth_schema.users").fetchall())
    assert changes["refresh_tokens"][0] is None
    restored = restore_in_place(operations, "auth", archive)
    assert structure(admin, "auth") == before[0]
    assert rows_digest(admin, "auth") == before[1]
    assert sequences(admin, "auth") == before[2]
    assert {name: (structure(admin, name), rows_digest(admin, name)) for name in others} == others
    assert (restored.problems, restored.pending) == ((), ())
    assert restored.version == plan.version_in_backup
    assert ops.execute("SELECT outcome FROM ops_schema.runs WHERE command = 'restore service'").fetchall() == [("OK",)]
    # With --keep-old what was there is beside it, under another name.
    kept = restore_in_place(operations, "auth", archive, keep_old=True)
    assert kept.kept_as is not None
    assert re.fullmatch(r"auth_schema_until_\d{8}_\d{6}", kept.kept_as)
    assert admin.execute("SELECT to_regclass(%s)", (f"{kept.kept_as}.users",)).fetchone() != (None,)
    assert rows_digest(admin, "auth") == before[1]


def _forged(archive: Archive) -> Archive:
    """Whose manifest counts other rows than the dump has."""
    (dump,) = archive.manifest.services
    tables = tuple(
        backup_files.DumpedTable(one.name, one.rows + (one.name == "employees"), one.part_of) for one in dump.tables
    )
    services = (msgspec.structs.replace(dump, tables=tables),)
    return Archive(archive.folder, msgspec.structs.replace(archive.manifest, services=services), archive.identities)


def test_whatever_fails_leaves_the_service_as_it_was(operations: Operations, admin: Connection, tmp_path: Path) -> None:
    recipient = make_identity(tmp_path / "key")
    make_identity(tmp_path / "other")
    wanted = Wanted(
        kind=Kind.SERVICE, services=("station",), folder=tmp_path / "b", encryption=parse_recipients(recipient)
    )
    made = back_up(operations, wanted)
    admin.execute("UPDATE station_schema.employees SET shift = 'NIGHT'")
    before = structure(admin, "station"), rows_digest(admin, "station"), sequences(admin, "station")
    good = opened_archive(made.location, read_identities(tmp_path / "key"))
    with pytest.raises(DecryptionError, match="made for another key"):
        restore_in_place(operations, "station", opened_archive(made.location, read_identities(tmp_path / "other")))
    with pytest.raises(DecryptionError, match="the backup is encrypted"):
        restore_in_place(operations, "station", opened_archive(made.location))
    with pytest.raises(ProgramError, match=r"employees has \d+ rows instead of \d+"):
        restore_in_place(operations, "station", _forged(good))
    # Cut short behind the checksums' back: the script breaks off and is not committed.
    (sealed,) = made.location.glob("*.age")
    whole = sealed.read_bytes()
    sealed.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(DecryptionError, match="decryption failed"):
        restore_in_place(operations, "station", good)
    with pytest.raises(GasolineraError, match="bytes instead of"):
        opened_archive(made.location)
    sealed.write_bytes(whole)
    with admin.transaction():
        admin.execute("SELECT FROM station_schema.stations")
        with pytest.raises(UnavailableError, match="station_schema is in use"):
            restore_in_place(operations, "station", good, lock_timeout_s=0.2)
    admin.execute("CREATE VIEW public.outside AS SELECT id FROM station_schema.stations")
    with pytest.raises(ConflictError, match=r"public\.outside would be dropped too"):
        restore_in_place(operations, "station", good)
    admin.execute("DROP VIEW public.outside")
    admin.execute("CREATE FUNCTION public.outside(station_schema.stations) RETURNS integer LANGUAGE sql RETURN 1")
    admin.execute("CREATE PUBLICATION changes FOR TABLE station_schema.stations")
    with pytest.raises(ConflictError, match=r"function public\.outside, publication changes would be dropped too"):
        restore_in_place(operations, "station", good)
    admin.execute("DROP PUBLICATION changes")
    admin.execute("DROP FUNCTION public.outside")
    assert (structure(admin, "station"), rows_digest(admin, "station"), sequences(admin, "station")) == before
    restore_in_place(operations, "station", good)
    assert admin.execute("SELECT FROM station_schema.employees WHERE shift = 'NIGHT'").fetchall() == []


def test_services_come_into_another_database_with_their_rights_and_the_live_ones_are_untouched(
    operations: Operations, ops: Connection, server: Server, admin: Connection, tmp_path: Path
) -> None:
    back_up(operations, Wanted(kind=Kind.SERVICE, services=("auth", "ads"), folder=tmp_path))
    before = {name: (structure(admin, name), rows_digest(admin, name), sequences(admin, name)) for name in SIX}
    folder, digest = find_logical(ops, "ads", None)
    archive = opened_archive(folder, manifest_sha256=digest)
    live = operations.service("auth").url
    url, is_new = make_database(live, "elsewhere")
    assert is_new
    project = project_at(url, "test")
    try:
        restored = restore_elsewhere(project, ["auth", "ads"], archive, url)
        assert [(one.service, one.database, one.problems, one.pending) for one in restored] == [
            ("auth", "elsewhere", (), ()), ("ads", "elsewhere", (), ())
        ]  # fmt: skip
        with psycopg.connect(url, autocommit=True) as there:
            for name in ("auth", "ads"):
                assert (structure(there, name), rows_digest(there, name), sequences(there, name)) == before[name]
        with psycopg.connect(server.url("elsewhere", "auth_app"), autocommit=True) as app:
            assert app.execute("SELECT FROM auth_schema.users").fetchall()
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute("SELECT FROM ad_schema.campaigns")
        with pytest.raises(ConflictError, match="there is a auth_schema already"):
            restore_elsewhere(project, ["auth"], archive, url)
        # What fails is taken away again, and what was there stays.
        with psycopg.connect(url, autocommit=True) as there:
            there.execute("DROP SCHEMA ad_schema CASCADE")
        (archive.folder / "ads" / "toc.dat").write_bytes(b"PGDMP, and nothing of use")
        with pytest.raises(ProgramError):
            restore_elsewhere(project, ["ads"], archive, url)
        with psycopg.connect(url, autocommit=True) as there:
            assert there.execute("SELECT FROM pg_namespace WHERE nspname = 'ad_schema'").fetchall() == []
            assert rows_digest(there, "auth") == before["auth"][1]
    finally:
        drop_database(live, "elsewhere")
    assert {name: (structure(admin, name), rows_digest(admin, name), sequences(admin, name)) for name in SIX} == before


def test_a_role_that_is_no_superuser_backs_up_and_restores_what_it_may_become(
    ops_url: str, server: Server, database: str, admin: Connection, tmp_path: Path
) -> None:
    admin.execute("CREATE ROLE operator LOGIN NOSUPERUSER NOCREATEDB")
    admin.execute("GRANT station_owner, ops TO operator")
    admin.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO operator").format(sql.Identifier(database)))
    try:
        url = server.url(database, "operator")
        operations = Operations(project_at(url, "test"), url)
        before = structure(admin, "station"), rows_digest(admin, "station"), sequences(admin, "station")
        made = back_up(operations, Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path))
        admin.execute("DROP SCHEMA station_schema CASCADE")
        plan = plan_restore(operations, "station", opened_archive(made.location))
        assert (plan.version_now, {one.now for one in plan.tables}) == (None, {None})
        restored = restore_in_place(operations, "station", opened_archive(made.location))
        assert restored.problems == ()
        assert (structure(admin, "station"), rows_digest(admin, "station"), sequences(admin, "station")) == before
        with pytest.raises(GasolineraError, match="the database elsewhere cannot be made"):
            make_database(url, "elsewhere")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="auth_owner"):
            back_up(operations, Wanted(kind=Kind.SERVICE, services=("auth",), folder=tmp_path))
    finally:
        admin.execute("DROP OWNED BY operator")
        admin.execute("DROP ROLE operator")
