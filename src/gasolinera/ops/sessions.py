"""The session with which a database is looked at: of the role `ops`, read-only, and short of patience."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg

from gasolinera.config import PREFIX, Settings
from gasolinera.errors import ConfigError, UnavailableError

_CONNECT_TIMEOUT_S = 3
_STATEMENT_TIMEOUT_MS = 3_000
_LOCK_TIMEOUT_MS = 500

Connection = psycopg.Connection[Any]


@contextmanager
def looking_session(settings: Settings) -> Generator[Connection]:
    """Raises ConfigError where nothing says which database, UnavailableError `database.unavailable`."""
    place = settings.jobs_url()
    if place is None:
        hint = f"set {PREFIX}OPS_DATABASE_URL to the database's address as the role ops, or {PREFIX}DATABASE_URL"
        raise ConfigError("config.no_database", "no database is named for looking at", hint)
    url, role = place
    options = {
        "default_transaction_read_only": "on",
        "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(_LOCK_TIMEOUT_MS),
        "timezone": "UTC",
        **({"role": role} if role else {}),
    }
    try:
        conn = psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="gasolinera-ops",
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        )
    except psycopg.OperationalError as error:
        raise UnavailableError("database.unavailable", "the database cannot be looked at", "try again later") from error
    with conn:
        yield conn
