"""A real PostgreSQL for every test: migrated once a worker into templates, cloned for each test that asks for one.

`GASOLINERA_TEST_POSTGRES` chooses the server: 18 (default) or 16 of the embedded wheel, or the bin folder of another.
"""

import logging
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from playwright.sync_api import Browser, sync_playwright
from psycopg import sql

import vuelo
from gasolinera.config import Settings
from gasolinera.ops import roles
from vuelo import embedded
from vuelo.embedded import Server

REPOSITORY = Path(__file__).parents[1]

Connection = psycopg.Connection[Any]
Clone = Callable[[str], str]


@pytest.fixture(autouse=True)
def logs_as_before() -> Generator[None]:
    """A command that a test runs in this process sets up logs, and into a stream that is closed with the test."""
    before, handlers, level = structlog.get_config(), [*logging.root.handlers], logging.root.level
    yield
    if structlog.get_config()["logger_factory"] is not before["logger_factory"]:
        structlog.configure(**before)
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)


@pytest.fixture(scope="session")
def server() -> Generator[Server]:
    chosen = os.environ.get("GASOLINERA_TEST_POSTGRES", "18")
    if chosen.isdigit():
        with embedded.temporary(version=int(chosen)) as running:
            yield running
    else:
        with embedded.temporary(bin_dir=Path(chosen)) as running:
            yield running


def project_at(url: str, environment: str) -> vuelo.Project:
    """The platform's project, every service at one database."""
    return vuelo.Project.load(
        REPOSITORY / "vuelo.toml", environment=environment, variables={"GASOLINERA_DATABASE_URL": url}
    )


@pytest.fixture(scope="session")
def clone_of(server: Server) -> Generator[Clone]:
    """Makes a database as a copy of an environment's template, which is made when first needed; gives its name."""
    numbers = count(1)
    with psycopg.connect(server.url(), autocommit=True) as conn:

        def template(environment: str) -> sql.Identifier:
            name = f"template_{environment}"
            if conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
                project = project_at(server.url(name), environment)
                roles.initialise(project)
                vuelo.migrate(project)
            return sql.Identifier(name)

        def clone(environment: str) -> str:
            name = f"test_{next(numbers)}"
            # A copy of files is half the work of a copy through the log.
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
            conn.execute(statement.format(sql.Identifier(name), template(environment)))
            # Rights on a database and role settings for it are not copied with it.
            roles.initialise(project_at(server.url(name), environment))
            return name

        yield clone


@pytest.fixture
def database(server: Server, clone_of: Clone) -> Generator[str]:
    """A database of its own for one test, migrated in environment `test`, sample data included; its name."""
    name = clone_of("test")
    yield name
    drop(server, name)


def drop(server: Server, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def database_url(server: Server, database: str) -> str:
    """The test's database as superuser, in the form that asyncpg takes."""
    return server.dsn(database)


@pytest.fixture
def service_url(server: Server, database: str) -> Callable[..., str]:
    def url(service: str, role: str = "app") -> str:
        return server.dsn(database, f"{service}_{role}")

    return url


@pytest.fixture
def settings(service_url: Callable[..., str], database_url: str) -> Settings:
    services = ("auth", "station", "coupon", "redemption", "ads", "raffle")
    urls = {f"{service}_database_url": service_url(service) for service in services}
    return Settings.model_validate({"environment": "test", "database_url": database_url, **urls})


@pytest.fixture
def admin(server: Server, database: str) -> Generator[Connection]:
    with psycopg.connect(server.url(database), autocommit=True) as conn:
        yield conn


@pytest.fixture
def as_role(server: Server, database: str) -> Generator[Callable[[str], Connection]]:
    """Opens connections to the test's database as any role; closed with the test."""
    with ExitStack() as stack:

        def connect(role: str) -> Connection:
            return stack.enter_context(psycopg.connect(server.url(database, role), autocommit=True))

        yield connect


@pytest.fixture
def production(server: Server, clone_of: Clone) -> Generator[Connection]:
    """A superuser's connection to a database migrated in environment `production`."""
    name = clone_of("production")
    with psycopg.connect(server.url(name), autocommit=True) as conn:
        yield conn
    drop(server, name)


@contextmanager
def chromium() -> Generator[Browser]:
    """The system's, headless. Without one the test is skipped, which `make test-all` takes for a failure."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium")
    with sync_playwright() as playwright:
        # Its sandbox refuses to work for root, and it opens nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def browser() -> Generator[Browser]:
    with chromium() as opened:
        yield opened
