"""A service brought back by clients that are newer than its server, as on a host that has one version of them."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from gasolinera.ops import operations_schema, programs, roles
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dump_archives import opened_archive
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import make_identity, parse_recipients, read_identities
from gasolinera.ops.reaching import Operations
from gasolinera.ops.restoring import make_database, restore_elsewhere, restore_in_place
from tests.conftest import project_at
from tests.ops.backups import rows_digest, structure
from vuelo import embedded

Connection = psycopg.Connection[Any]
BIN = Path("/usr/lib/postgresql/15/bin")
pytestmark = pytest.mark.skipif(not (BIN / "postgres").exists(), reason="Debian's PostgreSQL 15 is not installed")


def test_newer_clients_restore_to_an_older_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_restore of 17 and newer sets a limit that servers before 17 do not know."""
    with embedded.temporary(bin_dir=BIN) as server:
        url = server.url()
        project = project_at(url, "test").only(["station"])
        roles.initialise(project)
        vuelo.migrate(project)
        operations_schema.install(url)
        operations = Operations(project, url)
        monkeypatch.setattr(programs, "_DEBIAN", tmp_path / "nowhere")
        monkeypatch.setattr(programs, "_WHEEL_VERSIONS", (18,))
        monkeypatch.setenv("PATH", "/nowhere")
        recipient = make_identity(tmp_path / "key")
        with psycopg.connect(url, autocommit=True) as conn:
            before = structure(conn, "station"), rows_digest(conn, "station")
            for encryption in (None, parse_recipients(recipient)):
                wanted = Wanted(kind=Kind.SERVICE, services=("station",), folder=tmp_path / "b", encryption=encryption)
                made = back_up(operations, wanted)
                assert made.manifest.client_major == 18
                archive = opened_archive(made.location, read_identities(tmp_path / "key"))
                conn.execute("UPDATE station_schema.employees SET shift = 'NIGHT'")
                assert restore_in_place(operations, "station", archive).problems == ()
                assert (structure(conn, "station"), rows_digest(conn, "station")) == before
                elsewhere, _ = make_database(url, f"elsewhere_{encryption is None}".lower())
                (there,) = restore_elsewhere(project_at(elsewhere, "test"), ["station"], archive, elsewhere)
                assert there.problems == ()
                with psycopg.connect(elsewhere, autocommit=True) as other:
                    assert (structure(other, "station"), rows_digest(other, "station")) == before
