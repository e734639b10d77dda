"""Logical backups of services: what is in them, of which moment, and that nothing half made looks whole."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gasolinera.errors import GasolineraError
from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import make_identity, parse_recipients
from gasolinera.ops.reaching import Operations

Connection = psycopg.Connection[Any]
_SIX = ("auth", "station", "coupon", "redemption", "ads", "raffle")


def test_all_services_are_dumped_from_one_moment_with_versions_and_rows(
    operations: Operations, ops: Connection, admin: Connection, tmp_path: Path
) -> None:
    made = back_up(operations, Wanted(kind=Kind.SERVICE, services=_SIX, folder=tmp_path))
    manifest = backup_files.read_manifest(made.location)
    assert [one.name for one in manifest.services] == list(_SIX)
    assert manifest.has_one_snapshot
    assert len({(one.lsn, one.consistent_at) for one in manifest.services}) == 1
    assert backup_files.problems_with(made.location, manifest.files) == []
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
    assert (row.label, row.succeeded, row.services) == (made.location.name, True, _SIX)
    assert row.contents["auth"]["rows"] == auth.rows
