"""A server that listens on TCP too, because JDBC has no Unix sockets, and the two engines side by side on it."""

import os
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from vuelo import Service, embedded
from vuelo.embedded import Server

from . import engine
from .engine import Flyway
from .sites import PASSWORD, Site

Sites = Callable[..., Site]


@dataclass(frozen=True)
class TcpServer:
    """An embedded server, the port that JDBC finds it at, and numbers for databases."""

    server: Server
    port: str
    numbers: "count[int]"


@pytest.fixture(scope="session")
def flyway() -> Generator[Flyway]:
    missing = engine.missing_tools()
    if missing:
        message = f"the real Flyway needs {', '.join(missing)}, not found on this machine"
        if os.environ.get("GASOLINERA_TEST_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with engine.running() as running:
        yield running


@pytest.fixture(scope="session")
def tcp_server() -> Generator[TcpServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings = {"listen_addresses": "127.0.0.1", "port": port}
    chosen = os.environ.get("GASOLINERA_TEST_POSTGRES", "18")
    version, bin_dir = (int(chosen), None) if chosen.isdigit() else (embedded.DEFAULT_VERSION, Path(chosen))
    with embedded.temporary(version=version, bin_dir=bin_dir, settings=settings) as server:
        with psycopg.connect(server.url(), autocommit=True) as conn:
            conn.execute(sql.SQL("ALTER ROLE postgres PASSWORD {}").format(PASSWORD))
            conn.execute("CREATE ROLE shop_owner NOLOGIN")
        yield TcpServer(server, port, count(1))


@pytest.fixture
def new_site(flyway: Flyway, tcp_server: TcpServer) -> Generator[Sites]:
    """Makes sites, each in a new database; removed with the test."""
    made: list[sql.Identifier] = []
    with psycopg.connect(tcp_server.server.url(), autocommit=True) as conn:

        def make(
            *locations: Path, role: str | None = None, schema: str = "shop", placeholders: dict[str, str] | None = None
        ) -> Site:
            database = f"site_{next(tcp_server.numbers)}"
            made.append(sql.Identifier(database))
            conn.execute(sql.SQL("CREATE DATABASE {}").format(made[-1]))
            if role is not None:
                names = (made[-1], sql.Identifier(role))
                conn.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(*names))
            url = tcp_server.server.url(database)
            service = Service("shop", url, schema, locations, role=role, placeholders=placeholders or {}, wait_s=30)
            return Site(flyway, service, tcp_server.port, database)

        yield make
        for name in made:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
