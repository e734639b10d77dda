"""A small platform on a server of its own, which the runbooks' commands find as an operator's would."""

import base64
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import vuelo
from gasolinera.ops import operations_schema, roles
from tests.conftest import project_at
from tests.ops.alert_receiver import listening
from tests.ops.runbooks.pages import REPOSITORY
from vuelo import embedded
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]
NAME = "gasolinera"


@pytest.fixture(scope="package")
def grounds() -> Generator[Path]:
    """Where backups, archives and restored servers lie: the server's account must get there."""
    root = Path(tempfile.mkdtemp(prefix="gasolinera-runbooks-"))
    root.chmod(0o755)
    for name in ("backups", "archives"):
        (root / name).mkdir()
        (root / name).chmod(0o755)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="package")
def book_server() -> Generator[Server]:
    with embedded.temporary(settings={"archive_mode": "on", "summarize_wal": "on"}) as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {NAME}".encode())
        project = project_at(server.url(NAME), "test")
        roles.initialise(project)
        vuelo.migrate(project)
        operations_schema.install(server.url(NAME))
        with psycopg.connect(server.url(NAME), autocommit=True) as conn:
            # The sample data know of a draw in one place only: whole, as a platform is before its trouble.
            conn.execute("SET session_replication_role = replica")
            conn.execute(
                """INSERT INTO redemption_schema.drawn_raffles (raffle_code, drawn_at)
                   SELECT r.raffle_code, d.drawn_at FROM raffle_schema.raffle_draws AS d
                     JOIN raffle_schema.raffles AS r ON r.id = d.raffle_id WHERE d.status = 'DRAWN'
                       ON CONFLICT DO NOTHING"""
            )
        yield server


@pytest.fixture
def book_url(book_server: Server, grounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    """The environment of an operator's shell."""
    for name in list(os.environ):
        if name.startswith("GASOLINERA_"):
            monkeypatch.delenv(name)
    shutil.copy(REPOSITORY / "vuelo.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    recovery = grounds / "recovery"
    recovery.mkdir(exist_ok=True)
    recovery.chmod(0o777)
    with listening() as heard:
        environ = {
            "GASOLINERA_ENVIRONMENT": "test",
            "GASOLINERA_DATABASE_URL": book_server.dsn(NAME),
            "GASOLINERA_BACKUP_FOLDER": str(grounds / "backups"),
            "GASOLINERA_ARCHIVE_LOCATION": str(grounds / "archives"),
            "GASOLINERA_ALERT_WEBHOOK_URL": heard.url,
            "GASOLINERA_ALERT_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"s" * 32).decode(),
            "RECOVERY": str(recovery),
            "STATE_DIRECTORY": str(tmp_path),
            "LANG": "C.UTF-8",
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield book_server.url(NAME)
