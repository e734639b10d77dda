"""Names of types as one spelling each, names of objects as schema and name, and what PostgreSQL itself brings."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name

PG_CATALOG = "pg_catalog"
_SPELLINGS = {
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "varchar": "character varying",
    "bpchar": "character",
    "varbit": "bit varying",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "time": "time without time zone",
    "timetz": "time with time zone",
}
SERIALS = {
    "smallserial": "smallint",
    "serial2": "smallint",
    "serial": "integer",
    "serial4": "integer",
    "bigserial": "bigint",
    "serial8": "bigint",
}


def texts(nodes: Iterable[pb.Node]) -> list[str]:
    """Of a list of String nodes, as a qualified name is."""
    return [node.string.sval for node in nodes]


def parts(nodes: Iterable[pb.Node]) -> tuple[str, str]:
    """Schema ("" where there is none) and name. A database's name before them is ignored."""
    words = texts(nodes)
    return (words[-2] if len(words) > 1 else ""), (words[-1] if words else "")


def type_of(catalog: Catalog, name: pb.TypeName) -> str:
    """The canonical name: "integer", "shop.size", "text[]"; "" for one that only the server could tell."""
    if name.pct_type:  # table.column%TYPE
        *table, column = texts(name.names)
        found = catalog.tables.get(catalog.find(table[-2] if len(table) > 1 else "", table[-1])) if table else None
        known = found.columns.get(column) if found else None
        return known.type if known else ""
    schema, word = parts(name.names)
    if not schema:
        owner = next((one for one in catalog.search_path if is_type(catalog, (one, word))), None)
        written = f"{owner}.{word}" if owner else _SPELLINGS.get(word, SERIALS.get(word, word))
    elif schema == PG_CATALOG:
        written = _SPELLINGS.get(word, word)
    else:
        written = f"{schema}.{word}"
    return written + "[]" * bool(name.array_bounds)


def type_name(catalog: Catalog, name: pb.TypeName) -> Name:
    """What the name stands for in the catalog; the schema is "pg_catalog" where PostgreSQL brings it."""
    schema, word = parts(name.names)
    if not schema:
        return next(
            (one, word)
            for one in (*catalog.search_path, PG_CATALOG)
            if one == PG_CATALOG or is_type(catalog, (one, word))
        )
    return schema, word


def is_type(catalog: Catalog, name: Name) -> bool:
    """A table's rows are of a type with its name."""
    return name in catalog.types or name in catalog.tables


def length_of(name: pb.TypeName) -> int | None:
    """The n of varchar(n) and char(n)."""
    if parts(name.names)[1] not in ("varchar", "bpchar") or len(name.typmods) != 1:
        return None
    return name.typmods[0].a_const.ival.ival


def modifiers_of(name: pb.TypeName) -> tuple[int, ...]:
    """What stands in parentheses behind a type; interval's fields come first in theirs."""
    return tuple(node.a_const.ival.ival for node in name.typmods)


@cache
def builtins(kind: str) -> dict[str, tuple[tuple[int, int], ...]]:
    """What some PostgreSQL from 15 to 18 brings, by name: "function", "type", "relation", "view".

    For a function: how many arguments its variants take, at least and at most (-1: any number).
    """
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for line in files("vuelo.check").joinpath("builtins.txt").read_text().splitlines():
        word, name, *counts = line.split(" ")
        if word == kind:
            ranges = (one.partition("-") for one in counts)
            found[name] = tuple((int(low), int(high or low) if high != "*" else -1) for low, _, high in ranges)
    return found
