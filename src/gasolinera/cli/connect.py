"""The settings of a command, with a database that is there: the embedded server runs while the command does."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from psycopg.conninfo import conninfo_to_dict

import vuelo
from gasolinera.config import PREFIX, Environment, Settings, load_settings
from gasolinera.errors import ConfigError
from gasolinera.schemas import load_project
from vuelo import embedded

_COMMON = f"{PREFIX}DATABASE_URL"


@contextmanager
def reachable_settings(**overrides: Any) -> Generator[Settings]:
    """Settings with the addresses that the environment names; the embedded server's where it names none at all.

    Raises ConfigError, and VueloError when the embedded server does not start.
    """
    is_embedded = embedded.is_address(os.environ.get(_COMMON, ""))
    environ = {name: value for name, value in os.environ.items() if not (is_embedded and name == _COMMON)}
    settings = load_settings(environ, **overrides)
    if settings.services_with_database():
        yield settings
        return
    project = load_project(settings.environment)
    addresses = {service.url for service in project.services}
    if len(addresses) > 1 or not embedded.is_address(min(addresses)):
        hint = f"set {_COMMON}, or {PREFIX}<SERVICE>_DATABASE_URL for the services to run"
        raise ConfigError("config.no_database", "the migrations have an address, the services have none", hint)
    if settings.environment is Environment.PRODUCTION and not is_embedded:
        hint = f"set {_COMMON}, or {PREFIX}<SERVICE>_DATABASE_URL for the services to run"
        raise ConfigError("config.no_database", "no database is named, and this is production", hint)
    with vuelo.reachable(project) as reached:
        yield load_settings(environ, **overrides, database_url=_dsn(reached.services[0].url))


def _dsn(conninfo: str) -> str:
    """The form that asyncpg takes, of an embedded server's address."""
    parts = conninfo_to_dict(conninfo)
    place = urlencode({name: str(parts[name]) for name in ("host", "port") if parts.get(name)}, quote_via=quote)
    return f"postgresql://{quote(str(parts['user']))}@/{quote(str(parts['dbname']))}?{place}"
