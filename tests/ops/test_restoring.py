"""A service from a backup: as it was then, the other five untouched, and nothing half done."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.errors import ConflictError, GasolineraError, UnavailableError
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dump_archives import find_logical, opened_archive
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
from tests.ops.backups import SIX, rows_digest, sequences, structure

Connection = psycopg.Connection[Any]


def test_a_service_restored_in_place_is_as_it_was_and_the_five_others_are_untouched(
    operations: Operations, admin: Connection, tmp_path: Path
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
