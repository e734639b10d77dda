"""The catalogue of partitions that were taken away: `ops_schema.archives`, read and written as the role ops."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.errors import UnknownError
from gasolinera.ops.partition_plans import TablePlan
from gasolinera.ops.partition_tables import Partition

Connection = psycopg.Connection[Any]
_MOST_ERROR: Final = 2000


class State(StrEnum):
    """How far it is. What is FAILED or DROPPED is over; the next run goes on with the rest."""

    PENDING = "PENDING"
    DETACHED = "DETACHED"
    EXPORTED = "EXPORTED"
    VERIFIED = "VERIFIED"
    DROPPED = "DROPPED"
    FAILED = "FAILED"


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """One partition on its way out, or gone. `file` lies in `location`; its manifest beside it."""

    id: int
    service: str
    schema_name: str
    table_name: str
    partition_name: str
    partition_oid: int
    lower_bound: datetime | None
    upper_bound: datetime
    action: str
    reason: str
    state: State
    begun_at: datetime
    detached_at: datetime | None
    exported_at: datetime | None
    verified_at: datetime | None
    dropped_at: datetime | None
    location: str | None
    file: str | None
    row_count: int | None
    size_bytes: int | None
    file_sha256: str | None
    manifest_sha256: str | None
    error: str | None


_COLUMNS: Final = sql.SQL(", ").join(sql.Identifier(name) for name in Archive.__struct_fields__)
_MOMENT_OF: Final = {
    State.DETACHED: "detached_at",
    State.EXPORTED: "exported_at",
    State.VERIFIED: "verified_at",
    State.DROPPED: "dropped_at",
}


def begin_archive(conn: Connection, plan: TablePlan, one: Partition) -> Archive:
    """Put on record that it is to go, before anything is done to it."""
    assert one.span is not None, "what is due has bounds"
    values = {
        "service": plan.table.service,
        "schema_name": one.schema,
        "table_name": plan.table.name,
        "partition_name": one.name,
        "partition_oid": one.oid,
        "lower_bound": one.span.lower,
        "upper_bound": one.span.upper,
        "action": plan.rule.action.value,
        "reason": plan.rule.why,
    }
    query = sql.SQL("INSERT INTO ops_schema.archives ({}) VALUES ({}) RETURNING {}").format(
        sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(map(sql.Placeholder, values)), _COLUMNS
    )
    (begun,) = _read(conn, query, values)
    return begun


def advance(conn: Connection, archive: Archive, state: State, **learnt: object) -> Archive:
    """Say how far it is now; an older error is over."""
    values = {**learnt, "state": state.value, "error": None}
    moment = _MOMENT_OF.get(state)
    changes = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in values]
    if moment is not None:
        changes.append(sql.SQL("{} = clock_timestamp()").format(sql.Identifier(moment)))
    query = sql.SQL("UPDATE ops_schema.archives SET {} WHERE id = {} RETURNING {}").format(
        sql.SQL(", ").join(changes), sql.Placeholder("id"), _COLUMNS
    )
    (changed,) = _read(conn, query, {**values, "id": archive.id})
    return changed


def to_be_archived(conn: Connection, archive: Archive) -> Archive:
    """One that was begun to be dropped without a file."""
    query = sql.SQL("UPDATE ops_schema.archives SET action = 'ARCHIVE' WHERE id = %(id)s RETURNING {}").format(_COLUMNS)
    (changed,) = _read(conn, query, {"id": archive.id})
    return changed


def note_error(conn: Connection, archive: Archive, error: str, *, is_final: bool = False) -> Archive:
    """It stays where it is, for the next run, unless that cannot help."""
    state = State.FAILED if is_final else archive.state
    query = sql.SQL(
        "UPDATE ops_schema.archives SET error = %(error)s, state = %(state)s WHERE id = %(id)s RETURNING {}"
    )
    values = {"error": error[:_MOST_ERROR], "state": state.value, "id": archive.id}
    (changed,) = _read(conn, query.format(_COLUMNS), values)
    return changed


def open_archives(conn: Connection, service: str) -> list[Archive]:
    """What earlier runs began, oldest first."""
    query = sql.SQL(
        """SELECT {} FROM ops_schema.archives
            WHERE service = %(service)s AND state NOT IN ('DROPPED', 'FAILED') ORDER BY id"""
    )
    return _read(conn, query.format(_COLUMNS), {"service": service})


def list_archives(conn: Connection, services: Sequence[str], table: str | None, limit: int) -> list[Archive]:
    """The newest first."""
    query = sql.SQL(
        """SELECT {} FROM ops_schema.archives
            WHERE service = ANY (%(services)s) AND (%(table)s::text IS NULL OR table_name = %(table)s)
            ORDER BY id DESC LIMIT %(limit)s"""
    )
    return _read(conn, query.format(_COLUMNS), {"services": list(services), "table": table, "limit": limit})


def read_archive(conn: Connection, archive_id: int) -> Archive:
    """Raises UnknownError `ops.archive_unknown`."""
    query = sql.SQL("SELECT {} FROM ops_schema.archives WHERE id = %(id)s").format(_COLUMNS)
    found = _read(conn, query, {"id": archive_id})
    if not found:
        raise UnknownError("ops.archive_unknown", f"there is no archive {archive_id}", "gasolinera ops archive list")
    return found[0]


def _read(conn: Connection, query: sql.Composed, values: dict[str, Any]) -> list[Archive]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, Archive) for row in cursor.execute(query, values).fetchall()]
