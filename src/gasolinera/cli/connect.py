"""The settings of a command, with a database that is there: the embedded server runs while the command does."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

import vuelo
from gasolinera.config import SERVICES, Settings, load_settings
from gasolinera.schemas import load_project
from vuelo import embedded


@contextmanager
def reachable_settings(**overrides: Any) -> Generator[Settings]:
    """Settings whose every service has an address; the embedded server's where the environment names no other.

    Raises ConfigError, and VueloError when the embedded server does not start.
    """
    environ = {
        name: value
        for name, value in os.environ.items()
        if not (name.endswith("_DATABASE_URL") and embedded.is_address(value))
    }
    settings = load_settings(environ, **overrides)
    if settings.database_url or all(getattr(settings, f"{service}_database_url") for service in SERVICES):
        yield settings
        return
    with vuelo.reachable(load_project()) as reached:
        yield load_settings(environ, **overrides, database_url=_dsn(reached.services[0].url))


def _dsn(conninfo: str) -> str:
    """The form that asyncpg takes."""
    parts = conninfo_to_dict(conninfo)
    return f"postgresql://{parts['user']}@/{parts['dbname']}?host={quote(str(parts['host']))}"
