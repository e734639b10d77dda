"""A real PostgreSQL for every test, a database of its own for each test, and projects made of files in tmp_path.

`GASOLINERA_TEST_POSTGRES` chooses the server: 18 (default) or 16 of the embedded wheel, or the bin folder of another.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

import vuelo
from vuelo import embedded
from vuelo.embedded import Server

Connection = psycopg.Connection[Any]

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def server_choice() -> dict[str, Any]:
    """Arguments for `embedded.running` and `embedded.temporary` that choose the server under test."""
    chosen = os.environ.get("GASOLINERA_TEST_POSTGRES", "18")
    return {"version": int(chosen)} if chosen.isdigit() else {"bin_dir": Path(chosen)}


@pytest.fixture(scope="session")
def server(server_choice: dict[str, Any]) -> Generator[Server]:
    with embedded.temporary(**server_choice) as running:
        yield running


@pytest.fixture
def new_database(server: Server) -> Generator[Callable[..., str]]:
    """Makes an empty database; gives its conninfo. `options` go behind CREATE DATABASE."""
    names: list[str] = []
    with psycopg.connect(server.url(), autocommit=True) as conn:

        def make(options: str = "") -> str:
            name = f"test_{next(_NUMBERS)}"
            conn.execute(f"CREATE DATABASE {name} {options}".encode())
            names.append(name)
            return server.url(name)

        yield make
        for name in names:
            conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def url(new_database: Callable[..., str]) -> str:
    """The conninfo of this test's own database."""
    return new_database()


@pytest.fixture
def conn(url: str) -> Generator[Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Writes files below tmp_path, text as it is (no line ends are changed); gives tmp_path."""

    def write_files(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return write_files


@pytest.fixture
def make_project(
    write: Callable[[Mapping[str, str | bytes]], Path], tmp_path: Path, url: str
) -> Callable[..., vuelo.Project]:
    """Makes `vuelo.toml` and one folder a service: `make_project({"shop": {"V1__a.sql": "…"}}, 'role = "x"')`.

    A second call changes files; what it does not name stays.
    """

    def make(
        services: Mapping[str, Mapping[str, str | bytes]], settings: str = "", address: str | None = None
    ) -> vuelo.Project:
        quoted = (address or url).replace("\\", "\\\\").replace('"', '\\"')
        tables = "".join(f"[services.{name}]\n" for name in services)
        write({"vuelo.toml": f'url = "{quoted}"\nlocations = ["{{service}}"]\n{settings}\n{tables}'})
        for service, files in services.items():
            (tmp_path / service).mkdir(exist_ok=True)
            write({f"{service}/{name}": content for name, content in files.items()})
        return vuelo.Project.load(tmp_path / "vuelo.toml")

    return make


@pytest.fixture
def history(conn: Connection) -> Callable[..., list[tuple[Any, ...]]]:
    """The history of a schema as (rank, version, description, type, script), read without the code under test."""

    def read(schema: str = "shop") -> list[tuple[Any, ...]]:
        query = sql.SQL(
            "SELECT installed_rank, version, description, type, script FROM {}.flyway_schema_history ORDER BY 1"
        )
        return conn.execute(query.format(sql.Identifier(schema))).fetchall()

    return read


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the installed `vuelo` command in tmp_path, where `vuelo.toml` is."""

    def run(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [Path(sys.executable).with_name("vuelo"), *arguments]
        return subprocess.run(
            command, cwd=tmp_path, input=stdin, capture_output=True, text=True, check=False, timeout=100
        )

    return run
