"""Every object of a schema as the SQL that makes it, read from the catalog."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import LiteralString, NamedTuple, cast

from psycopg.rows import dict_row

from vuelo.errors import VueloError
from vuelo.history import Connection
from vuelo.schema.snapshot import OWN_TABLES, canonical_views

_KINDS = (
    "materialized view", "foreign table", "table", "view", "type", "sequence", "function", "procedure", "schema",
)  # fmt: skip
_KIND = re.compile(rf"(?:{'|'.join(_KINDS)}) ")
_DEFAULT = "\x1e"  # stands round a column's default, which may have to wait for a function
_UNSUPPORTED = ("operator class",)


def _query(name: str) -> LiteralString:
    return cast("LiteralString", files("vuelo.schema").joinpath(name).read_text(encoding="utf-8"))


_DEFINITIONS, _GRANTS = _query("definitions.sql"), _query("grants.sql")


@dataclass(frozen=True)
class Definition:
    """One object, named as in a snapshot. `part_of` is the object that it belongs to, such as a column's table.

    `text` is its statement, or its line in CREATE TABLE, and empty where another object's statement makes it;
    `further` are statements behind it. `target` is how COMMENT, GRANT and OWNER TO name it; `needs` must exist before.
    """

    object: str
    kind: str
    part_of: str | None
    target: str | None
    text: str
    further: str
    owner: str | None
    comment: str | None
    position: int
    needs: frozenset[str]
    grants: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return name_of(self.object)

    @property
    def table(self) -> str:
        """The name of the table (or view, or type) that it belongs to."""
        return name_of(self.part_of or self.object)

    def line(self, *, with_default: bool = True) -> str:
        """What stands in CREATE TABLE."""
        before, default, after = (*self.text.split(_DEFAULT), "", "")[:3]
        return " ".join(part.strip() for part in (before, default if with_default else "", after) if part.strip())

    @property
    def default(self) -> str:
        return (*self.text.split(_DEFAULT), "")[1]

    def trailing(self, schema_owner: str | None) -> list[str]:
        """What follows the statement: settings, an owner who is not the schema's, comment, rights."""
        lines = self.further.splitlines()
        if self.owner not in (None, schema_owner) and self.target is not None and self.kind != "schema":
            lines.append(f"ALTER {self.target} OWNER TO {_quoted_name(str(self.owner))};")
        if self.comment is not None:
            lines.append(f"COMMENT ON {self.target} IS {_literal(self.comment)};")
        return [*lines, *self.grants]


class _Grant(NamedTuple):
    object: str
    verb: str
    privileges: str
    target: str
    grantee: str
    grantable: bool
    owner: str | None


def read(conn: Connection, schema: str, *, left_out: Sequence[str] = OWN_TABLES) -> list[Definition]:
    """All of one schema; columns in their order, all else by name.

    Raises VueloError `dump.unsupported` for what we cannot write as SQL.
    """
    values = {"schema": schema, "left_out": list(left_out)}
    with conn.transaction():
        conn.execute("SET LOCAL search_path = pg_catalog")
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_DEFINITIONS, values).fetchall()
        granted = [_Grant(*row) for row in conn.execute(_GRANTS, values)]
    unsupported = [row["object"] for row in rows if row["kind"] in _UNSUPPORTED]
    if unsupported:
        raise VueloError("dump.unsupported", f"vuelo cannot write {', '.join(unsupported)} as SQL")
    by_object: dict[str, list[str]] = defaultdict(list)
    for grant in granted:
        by_object[grant.object].append(_grant_sql(grant, schema))
    version = conn.info.server_version
    found = [
        replace(
            Definition(**row),
            text=canonical_views(row["text"], version),
            needs=frozenset(row["needs"]),
            grants=tuple(by_object.pop(row["object"], ())),
        )
        for row in rows
    ]
    found += [_future(name, lines) for name, lines in by_object.items() if name.startswith("future ")]
    return sorted(found, key=lambda one: (one.position, one.object))


def name_of(object_: str) -> str:
    """Of `table shop.orders`: shop.orders."""
    return _KIND.sub("", object_, count=1)


def _grant_sql(grant: _Grant, schema: str) -> str:
    direction = "TO" if grant.verb == "GRANT" else "FROM"
    option = " WITH GRANT OPTION" if grant.grantable and grant.verb == "GRANT" else ""
    future = f"ALTER DEFAULT PRIVILEGES FOR ROLE {grant.owner} IN SCHEMA {_quoted_name(schema)} "
    maker = future if grant.owner else ""
    return f"{maker}{grant.verb} {grant.privileges} ON {grant.target} {direction} {grant.grantee}{option};"


def _future(name: str, lines: list[str]) -> Definition:
    return Definition(name, "future", None, None, "", "", None, None, 0, frozenset(), tuple(lines))


def _quoted_name(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and not name[0].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in quoted else "E'" + quoted.replace("\\", "\\\\") + "'"
