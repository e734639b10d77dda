"""`gasolinera ops backup|restore|rollback`, as an operator types them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyrage import x25519  # pyright: ignore[reportMissingModuleSource]  it is inside the extension
from typer.testing import CliRunner, Result

from gasolinera.cli.app import app
from gasolinera.errors import ConfigError, ConflictError
from gasolinera.ops.encryption import IDENTITY_SETTING, RECIPIENTS_SETTING
from tests.conftest import drop
from tests.ops.backups import rows_digest
from vuelo import VueloError
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
Ops = Callable[..., Result]


@pytest.fixture
def run(server: Server, ops_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ops:
    """Runs `gasolinera ops …` against the test's database, with a key and a folder; what it raises is raised."""
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    assert ops_url
    monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn(database))
    monkeypatch.setenv("GASOLINERA_ENVIRONMENT", "test")
    monkeypatch.setenv("GASOLINERA_BACKUP_FOLDER", str(tmp_path / "backups"))

    def command(*words: str) -> Result:
        result = CliRunner().invoke(app, ["ops", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return command


def test_a_night_of_backups_from_the_key_to_the_restore(
    run: Ops, admin: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipient = run("backup", "key", str(tmp_path / "key")).stdout.strip()
    assert recipient.startswith("age1")
    assert recipient not in (tmp_path / "key").read_text().splitlines()[1]
    monkeypatch.setenv(RECIPIENTS_SETTING, recipient)
    monkeypatch.setenv(IDENTITY_SETTING, str(tmp_path / "key"))
    made = json.loads(run("backup", "service", "station", "--json").stdout)
    label = made["manifest"]["label"]
    assert made["manifest"]["encryption"] == f"age {recipient}"
    assert Path(run("backup", "schema", "station").stdout.strip()).is_dir()
    assert run("backup", "verify").stdout.count(": good\n") == 2
    listed = json.loads(run("backup", "list", "--json").stdout)
    assert [(one["kind"], one["services"]) for one in listed] == [("SCHEMA", ["station"]), ("SERVICE", ["station"])]
    assert listed[1]["state"].startswith("good, verified")
    assert label in run("backup", "list").stdout
    admin.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE id = 1")
    planned = json.loads(run("restore", "service", "station", "--dry-run", "--json").stdout)
    assert (planned["backup"], planned["version_now"]) == (label, planned["version_in_backup"])
    # In place of what is there: only for who says the database's name, or --yes.
    with pytest.raises(VueloError, match="nobody can be asked"):
        run("restore", "service", "station")
    found = json.loads(run("restore", "rows", "station", "-t", "employees", "--key", "1", "--discard", "--json").stdout)
    assert found["tables"][0]["rows"] == [
        {"key": {"id": "1"}, "found": "different", "columns": ["shift", "updated_at"]}
    ]
    assert found["side_schema"] is None
    assert "employees id=1 different: shift, updated_at" in run("restore", "rows", "station", "-t", "employees").stdout
    assert "station in" in run("restore", "service", "station", "--from", made["location"], "--yes").stdout
    assert admin.execute("SELECT FROM station_schema.employees WHERE id = 1 AND shift = 'NIGHT'").fetchall() == []
    assert run("backup", "expire", "--keep", "2", "--days", "0").stdout == ""


def test_what_a_restore_in_place_replaces_is_backed_up_before_unless_somebody_does_without(
    run: Ops, admin: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def labels() -> list[str]:
        return [one["label"] for one in json.loads(run("backup", "list", "--json").stdout)]

    def shift() -> object:
        return admin.execute("SELECT shift FROM station_schema.employees WHERE id = 1").fetchone()

    said = ["restore", "service", "station", "--yes", "--from", run("backup", "service", "station").stdout.strip()]
    first = shift()
    admin.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE id = 1")
    night = shift()
    assert night != first
    (old,) = labels()
    dry = run("restore", "service", "station", "--dry-run").stderr
    assert "what is there now is backed up first" in dry
    assert "NOT backed up" in run("restore", "service", "station", "--dry-run", "--no-backup").stderr
    assert run(*said, "--no-backup").exit_code == 0
    assert (shift(), labels()) == (first, [old])
    admin.execute("UPDATE station_schema.employees SET shift = 'NIGHT' WHERE id = 1")
    told = run(*said)
    assert shift() == first
    (made,) = set(labels()) - {old}
    assert f"gasolinera ops restore service station --from {made}" in told.stderr
    assert run("restore", "service", "station", "--from", made, "--no-backup", "--yes").exit_code == 0
    assert shift() == night
    # Who restores once more without a name does not get back what was replaced.
    assert run("restore", "service", "station", "--no-backup", "--yes").exit_code == 0
    assert shift() == first
    assert run("restore", "service", "station", "--from", made, "--no-backup", "--yes").exit_code == 0
    # What cannot be backed up is not replaced.
    (tmp_path / "file").touch()
    monkeypatch.setenv("GASOLINERA_BACKUP_FOLDER", str(tmp_path / "file"))
    with pytest.raises(ConflictError, match="nothing was changed"):
        run(*said)
    assert shift() == night


def test_damage_is_loud(run: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = run("backup", "verify")
    assert nothing.exit_code == 1  # no backup is no good news
    folder = Path(run("backup", "service", "station").stdout.strip())
    toc = folder / "station" / "toc.dat"
    toc.write_bytes(toc.read_bytes()[:-1])
    verified = run("backup", "verify")
    assert verified.exit_code == 1
    assert "DAMAGED" in verified.stdout
    assert "toc.dat has" in verified.stdout
    assert "DAMAGED" in run("backup", "list").stdout
    monkeypatch.setenv(RECIPIENTS_SETTING, "age1nonsense")
    with pytest.raises(ConfigError, match="is no recipient of age"):
        run("backup", "service", "station")


def test_a_rollback_is_planned_asked_for_and_told(run: Ops, admin: Connection) -> None:
    assert run("rollback", "service", "station", "--to", "8", "--dry-run").stdout == "U9__tell_places.sql\n"
    with pytest.raises(VueloError, match="nobody can be asked"):
        run("rollback", "service", "station", "--to", "8")
    rows = admin.execute("SELECT count(*) FROM station_schema.outbox_events").fetchone()
    assert rows is not None
    done = run("rollback", "service", "station", "--to", "8", "--yes", "--json")
    changes = {one["table"]: (one["rows_before"], one["rows_after"]) for one in json.loads(done.stdout)["changes"]}
    assert changes == {"outbox_events": (rows[0], 0)}
    assert done.exit_code == 0


def test_a_restore_point_that_is_not_in_the_archive_is_no_success(run: Ops) -> None:
    said = run("restore-point", "before_the_sale")
    assert "NOT in the archive: archive_mode is off" in said.stdout
    assert said.exit_code == 1


def test_setup_has_the_log_sealed_where_recipients_are_named(run: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    recipient = str(x25519.Identity.generate().to_public())
    assert "--for" not in run("backup", "setup", "--print").stdout
    monkeypatch.setenv(RECIPIENTS_SETTING, recipient)
    assert f"--for {recipient}'" in run("backup", "setup", "--print").stdout
    assert "--for" not in run("backup", "setup", "--print", "--plain").stdout


def test_a_service_comes_back_from_a_folder_alone_to_a_server_that_has_nothing(
    run: Ops, server: Server, admin: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run("backup", "service", "station").stdout.strip()
    before = rows_digest(admin, "station")
    admin.execute("CREATE DATABASE a_new_one TEMPLATE template0")
    try:
        monkeypatch.setenv("GASOLINERA_DATABASE_URL", server.dsn("a_new_one"))
        assert CliRunner().invoke(app, ["db", "init"]).exit_code == 0
        assert run("restore", "service", "station", "--from", folder, "--yes").exit_code == 0
        with psycopg.connect(server.url("a_new_one"), autocommit=True) as there:
            assert rows_digest(there, "station") == before
    finally:
        drop(server, "a_new_one")
