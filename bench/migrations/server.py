"""One throw-away PostgreSQL for the whole run, as safe as any (it waits for the disk), with every setting as it comes.

It listens on TCP, because not every tool knows Unix sockets."""

import shutil
import socket
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from vuelo import embedded
from vuelo.installation import find_binaries, server_account

PASSWORD = "bench"  # noqa: S105 of a server that lives for this run


@dataclass(frozen=True)
class Database:
    port: str
    name: str
    user: str = "postgres"

    def url(self, scheme: str = "postgresql") -> str:
        return f"{scheme}://{self.user}:{PASSWORD}@127.0.0.1:{self.port}/{self.name}"

    def value(self, query: str) -> Any:
        with psycopg.connect(self.url(), autocommit=True) as conn:
            row = conn.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]


@dataclass(frozen=True)
class Server:
    port: str
    psql: Path
    version: str
    admin: psycopg.Connection[Any]
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    @contextmanager
    def new_database(self) -> Generator[Database]:
        name = f"bench_{next(self.numbers)}"
        self.admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield Database(self.port, name)
        finally:
            self.admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def running() -> Generator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    psql = find_binaries(embedded.DEFAULT_VERSION, None, server_account()) / "psql"
    settings = {"listen_addresses": "127.0.0.1", "port": port}
    root = Path(tempfile.mkdtemp(prefix="bench-"))
    root.chmod(0o711)  # the server's account must pass through
    try:
        with embedded.running(root, settings=settings) as server:
            yield from _ready(server, port, psql)
    finally:
        embedded.destroy(root)
        shutil.rmtree(root)


def _ready(server: embedded.Server, port: str, psql: Path) -> Generator[Server]:
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(PASSWORD))
        version = admin.info.parameter_status("server_version") or "unknown"
        yield Server(port, psql, version, admin)
