"""Where the night shift looks: each database that operations know, by sessions that change nothing and never wait long.

A view connects anew for each look, so that it outlives a server that restarts.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.ops.operations_schema import ROLE
from gasolinera.ops.reaching import Operations

SQL: Final = load_queries("gasolinera.ops", "live.sql")
UNREACHABLE: Final = "unreachable"
PRIVILEGE: Final = "privilege"
_CONNECT_TIMEOUT_S: Final = 10
_SESSION: Final = {"statement_timeout": "5s", "lock_timeout": "500ms", "timezone": "UTC"}

Connection = psycopg.Connection[Any]
Kind = TypeVar("Kind", bound=msgspec.Struct)


class Place(msgspec.Struct, frozen=True):
    """One database: `name` without user and password, `schemas` by the services that live there."""

    name: str
    url: str
    schemas: dict[str, str]


def places_of(operations: Operations) -> list[Place]:
    """Each database once, however many services it has; that of `ops_schema` too."""
    found: dict[str, Place] = {}
    for service in operations.project.services:
        place = found.setdefault(_name(service.url), Place(_name(service.url), service.url, {}))
        place.schemas[service.name] = service.schema
    found.setdefault(_name(operations.ops_url), Place(_name(operations.ops_url), operations.ops_url, {}))
    return list(found.values())


def _name(url: str) -> str:
    """A socket's folder says nothing, and need not be the same tomorrow."""
    parts = conninfo_to_dict(url)
    host = str(parts.get("host") or parts.get("hostaddr") or "")
    where = "local" if host == "" or host.startswith("/") else host
    return f"{where}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user') or 'postgres'}"


@contextmanager
def place_session(place: Place) -> Generator[Connection]:
    """In autocommit; as the role ops where our own is not shown what others do and may become it.

    Raises psycopg.Error."""
    with psycopg.connect(
        place.url, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S, application_name="gasolinera-ops"
    ) as conn:
        for setting, value in _SESSION.items():
            conn.execute("SELECT set_config(%s, %s, false)", (setting, value))
        if not sees_others(conn):
            with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue):
                conn.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(ROLE)))
        yield conn


def sees_others(conn: Connection) -> bool:
    row = conn.execute(SQL["sees_others"].sql.encode()).fetchone()
    assert row is not None
    return bool(row[0])


def rows_of(conn: Connection, kind: type[Kind], name: str, values: dict[str, Any] | None = None) -> list[Kind]:
    """Of a query in `live.sql`."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, kind) for row in cursor.execute(SQL[name].sql.encode(), values).fetchall()]
