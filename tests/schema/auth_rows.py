"""Rows of auth_schema for its tests, and what refused one."""

from typing import Any

import pytest
from psycopg import errors, sql
from tests.schema.catalog import Conn

ADMINISTRATOR = "a0000000-0000-4000-8000-000000000001"
ANA = "a0000000-0000-4000-8000-000000000051"
LUIS = "a0000000-0000-4000-8000-000000000052"
LOCKED = "a0000000-0000-4000-8000-000000000070"
PHONE = "+525599990001"


def refused_by(refused: pytest.ExceptionInfo[errors.Error]) -> str | None:
    return refused.value.diag.constraint_name


def insert(conn: Conn, table: str, **values: object) -> Any:
    """Insert one row into a table of auth_schema and return its id, or its first column."""
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
        sql.Identifier("auth_schema", table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join([sql.Placeholder()] * len(values)),
    )
    row = conn.execute(statement, list(values.values())).fetchone()
    assert row is not None
    return row[0]


def set_user(conn: Conn, user: str, **values: object) -> None:
    changes = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in values)
    statement = sql.SQL("UPDATE auth_schema.users SET {} WHERE public_id = %s").format(changes)
    assert conn.execute(statement, [*values.values(), user]).rowcount == 1


def new_user(conn: Conn, **values: object) -> int:
    filled = {
        "phone_number": PHONE,
        "first_name": "Elena",
        "last_name": "Vega",
        "terms_version": "2026-01",
        "terms_accepted_at": "2026-11-01 12:00+00",
        "age_confirmed_at": "2026-11-01 12:00+00",
    }
    return int(insert(conn, "users", **{**filled, **values}))
