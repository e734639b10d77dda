"""A platform on sample data, served by a process of its own, and sessions of its people."""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import msgspec
import psycopg

import vuelo
from gasolinera.config import SERVICES
from gasolinera.ops import jobs_schema, roles
from vuelo import embedded

REPOSITORY = Path(__file__).parents[2]
_DATABASE = "screens"
_COMMAND = (sys.executable, "-c", "from gasolinera.cli.main import main; main()")
_STARTS_WITHIN_S = 60


class Place(msgspec.Struct, frozen=True):
    """`url` is where the pages are, `conninfo` the database as superuser."""

    url: str
    conninfo: str

    def session(self, phone: str) -> str:
        """A live session as a login makes it, confirmed with a second factor."""
        token = token_urlsafe(32)
        with psycopg.connect(self.conninfo) as conn:
            conn.execute(
                "INSERT INTO auth_schema.refresh_tokens (user_id, token_hash, expires_at, family_expires_at,"
                " second_factor_at, is_page_session)"
                " SELECT u.id, %s, now() + interval '6 days', now() + interval '29 days',"
                " CASE WHEN u.role IN ('STATION_ADMIN', 'SYSTEM_ADMIN') THEN now() END, true"
                " FROM auth_schema.users AS u WHERE u.phone_number = %s",
                (hashlib.sha256(token.encode()).digest(), phone),
            )
        return token


@contextmanager
def open_place(*, with_worker: bool = False, with_day: bool = False) -> Generator[Place]:
    """`with_day`: a small day was played there, whose raffle was drawn; takes a minute."""
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root) as server, psycopg.connect(server.url("postgres"), autocommit=True) as conn:
            conn.execute(f"CREATE DATABASE {_DATABASE}".encode())
            variables = {"GASOLINERA_DATABASE_URL": server.url(_DATABASE)}
            project = vuelo.Project.load(REPOSITORY / "vuelo.toml", environment="test", variables=variables)
            roles.initialise(project)
            vuelo.migrate(project)
            jobs_schema.install(server.url(_DATABASE))
            subprocess.run(
                [*_COMMAND, "keys", "generate"], env=_environ(root, {}), check=True, stdout=subprocess.DEVNULL
            )
            if with_day:
                _play(server, root)
            with _served(server, root, with_worker=with_worker) as url:
                yield Place(url, server.url(_DATABASE))
    finally:
        embedded.destroy(root)


def _play(server: embedded.Server, root: Path) -> None:
    day = ("simulate", "day", "--stations", "3", "--customers", "40", "--folder", str(root / "draws"))
    _run(root, {"DATABASE_URL": server.dsn(_DATABASE)}, *day)


def _run(root: Path, named: dict[str, str], *arguments: str) -> None:
    environ = _environ(root, named)
    subprocess.run([*_COMMAND, *arguments], env=environ, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)


def _environ(root: Path, named: dict[str, str]) -> dict[str, str]:
    named = {**named, "ENVIRONMENT": "test", "KEYS_FILE": str(root / "keys.json")}
    rest = {name: value for name, value in os.environ.items() if not name.startswith("GASOLINERA_")}
    return rest | {f"GASOLINERA_{name}": value for name, value in named.items()}


@contextmanager
def _served(server: embedded.Server, root: Path, *, with_worker: bool) -> Generator[str]:
    environ = _environ(root, {f"{one.upper()}_DATABASE_URL": server.dsn(_DATABASE, f"{one}_app") for one in SERVICES})
    environ |= {"GASOLINERA_OPS_DATABASE_URL": server.dsn(_DATABASE, "ops")}
    log = root / "log"
    command = [*_COMMAND, "serve", "--port", "0", *(["--with-worker"] if with_worker else [])]
    with log.open("w") as messages:
        process = subprocess.Popen(command, env=environ, cwd=REPOSITORY, stderr=messages)
    try:
        yield _address(log, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(log: Path, process: subprocess.Popen[Any]) -> str:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        said = re.search(r"^serving (\S+)$", log.read_text(), re.MULTILINE)
        if said:
            return said[1]
        time.sleep(0.05)
    raise RuntimeError(log.read_text())
