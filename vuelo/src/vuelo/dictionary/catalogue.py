"""What a schema holds, as its readers need it. Partitions are not in it: their table shows the key."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import LiteralString, TypeVar, cast

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from vuelo import history
from vuelo.errors import VueloError
from vuelo.history import Connection, HistoryTable
from vuelo.project import Service
from vuelo.schema.snapshot import own_tables

_TEXT = files("vuelo.dictionary").joinpath("catalogue.sql").read_text(encoding="utf-8")
_PARTS = re.split(r"^-- name: (\w+)\n", _TEXT, flags=re.MULTILINE)
_SQL = cast("dict[str, LiteralString]", dict(zip(_PARTS[1::2], _PARTS[2::2], strict=True)))


@dataclass(frozen=True)
class Column:
    owner: int
    name: str
    type: str
    required: bool
    default: str | None
    comment: str | None


@dataclass(frozen=True)
class Constraint:
    """`type` is p(rimary), u(nique), f(oreign), c(heck) or x (exclusion); `refers_to` a table of the same schema."""

    owner: int
    name: str
    type: str
    definition: str
    columns: list[str]
    refers_to: str | None
    refers_to_columns: list[str]
    comment: str | None


@dataclass(frozen=True)
class Definition:
    """An index or a trigger."""

    owner: int
    name: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Relation:
    """A table or a view; `kind` says which."""

    oid: int
    name: str
    kind: str
    comment: str | None
    partition_key: str | None
    definition: str | None
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Definition, ...] = ()
    triggers: tuple[Definition, ...] = ()

    def key_columns(self, type_: str) -> set[str]:
        return {name for one in self.constraints if one.type == type_ for name in one.columns}


@dataclass(frozen=True)
class Routine:
    name: str
    arguments: str
    kind: str
    returns: str | None
    language: str
    security_definer: bool
    comment: str | None


@dataclass(frozen=True)
class Type:
    """An enum, a domain or a composite type."""

    name: str
    definition: str
    comment: str | None


@dataclass(frozen=True)
class Migration:
    """One that stands; `installed_on` only of a database that lives."""

    version: str | None
    description: str
    script: str
    installed_on: str | None


@dataclass(frozen=True)
class Catalogue:
    """Everything of one service."""

    service: str
    schema: str
    comment: str | None
    tables: tuple[Relation, ...]
    views: tuple[Relation, ...]
    routines: tuple[Routine, ...]
    types: tuple[Type, ...]
    migrations: tuple[Migration, ...]


_Row = TypeVar("_Row")
_Owned = TypeVar("_Owned", Column, Constraint, Definition)


def read(conn: Connection, service: Service, *, is_live: bool) -> Catalogue:
    """In one snapshot. Raises VueloError `docs.no_schema`, `docs.unreadable`."""
    try:
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            conn.execute("SELECT set_config('search_path', quote_ident(%s), true)", (service.schema,))
            return _read(conn, service, is_live=is_live)
    except psycopg.Error as error:
        message = f"{service.name}: {service.schema} cannot be read: {error.diag.message_primary}"
        raise VueloError("docs.unreadable", message, "connect as a role that may read it") from error


def _read(conn: Connection, service: Service, *, is_live: bool) -> Catalogue:
    if not history.schema_exists(conn, service.schema):
        message = f"{service.name}: there is no schema {service.schema}"
        raise VueloError("docs.no_schema", message, "vuelo migrate; or leave --live out")
    names = {"schema": service.schema, "left_out": list(own_tables(service))}
    found = _rows(conn, Relation, "relations", names)
    of = {"schema": service.schema, "oids": [relation.oid for relation in found]}
    columns = _by_owner(_rows(conn, Column, "columns", of))
    constraints = _by_owner(_rows(conn, Constraint, "constraints", of))
    indexes = _by_owner(_rows(conn, Definition, "indexes", of))
    triggers = _by_owner(_rows(conn, Definition, "triggers", of))
    relations = [
        replace(
            one,
            columns=columns[one.oid],
            constraints=constraints[one.oid],
            indexes=indexes[one.oid],
            triggers=triggers[one.oid],
        )
        for one in found
    ]
    comment = conn.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", (service.schema,)
    ).fetchone()
    return Catalogue(
        service.name,
        service.schema,
        comment[0] if comment else None,
        tables=tuple(one for one in relations if one.kind.endswith("table")),
        views=tuple(one for one in relations if one.kind.endswith("view")),
        routines=tuple(_rows(conn, Routine, "routines", names)),
        types=tuple(_rows(conn, Type, "types", names)),
        migrations=_migrations(conn, service, is_live=is_live),
    )


def _rows(conn: Connection, row: type[_Row], query: str, values: Mapping[str, object]) -> list[_Row]:
    with conn.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(_SQL[query], values).fetchall()


def _by_owner(rows: list[_Owned]) -> defaultdict[int, tuple[_Owned, ...]]:
    found: defaultdict[int, tuple[_Owned, ...]] = defaultdict(tuple)
    for row in rows:
        found[row.owner] += (row,)
    return found


def _migrations(conn: Connection, service: Service, *, is_live: bool) -> tuple[Migration, ...]:
    """What stands, by script: the last of its rows."""
    table = HistoryTable(service.schema, service.table)
    if not history.exists(conn, table):
        return ()
    query = sql.SQL(
        """SELECT version, description, script, installed_on::timestamp(0)::text AS installed_on, type
             FROM {} WHERE success AND type NOT IN ('SCHEMA') ORDER BY installed_rank"""
    ).format(table.identifier)
    standing: dict[str, Migration] = {}
    for version, description, script, installed_on, type_ in conn.execute(query):
        standing.pop(script, None)
        if type_ != "DELETE" and not type_.startswith("UNDO"):
            standing[script] = Migration(version, description, script, installed_on if is_live else None)
    return tuple(standing.values())
