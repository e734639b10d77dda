"""Does the thing that a statement names exist? One question a function; None for yes, or where nobody can know."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Function, Name, Table
from vuelo.check.names import PG_CATALOG, SERIALS, builtins, is_type, parts, texts

_INFORMATION_SCHEMA = "information_schema"
_SYSTEM = {PG_CATALOG, _INFORMATION_SCHEMA, "pg_temp", "pg_toast"}
SYSTEM_COLUMNS = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}


@dataclass(frozen=True)
class Problem:
    """A rule broken, by its code, at byte `location` of the statement."""

    code: str
    message: str
    location: int
    hint: str | None = None


def shown(name: Name) -> str:
    return f"{name[0]}.{name[1]}"


def did_you_mean(wrong: str, names: Iterable[str]) -> str | None:
    close = get_close_matches(wrong, list(names), n=1)
    return f"did you mean {close[0]}?" if close else None


def missing_schema(catalog: Catalog, schema: str, location: int) -> Problem | None:
    """Also one that exists and belongs to somebody else."""
    if not schema or schema in _SYSTEM or schema in catalog.doubtful:
        return None
    if schema not in catalog.own_schemas and schema not in catalog.schemas:
        message = f"schema {schema} is not this service's"
        return Problem("leaves-schema", message, location, f"its own are {', '.join(sorted(catalog.own_schemas))}")
    if schema not in catalog.schemas:
        return Problem("unknown-schema", f"there is no schema {schema}", location)
    return None


def missing_relation(catalog: Catalog, relation: pb.RangeVar, what: str = "table") -> Problem | None:
    """A table, view, sequence or the like. What the name means is `catalog.qualified`'s to say."""
    return missing_name(catalog, relation.schemaname, relation.relname, relation.location, what)


def missing_name(catalog: Catalog, schema: str, name: str, location: int, what: str = "table") -> Problem | None:
    found = catalog.find(schema, name)
    if found in catalog.tables or found in catalog.sequences or is_system_relation(schema, name):
        return None
    if problem := missing_schema(catalog, schema, location):
        return problem
    if name in catalog.doubtful or _may_be_partition(catalog, found):
        return None
    others = {one[1]: shown(one) for one in catalog.tables if one[0] in catalog.own_schemas}
    close = get_close_matches(name, others, n=1)
    hint = f"did you mean {others[close[0]]}?" if close else None
    return Problem("unknown-table", f"there is no {what} {shown(found) if schema else name}", location, hint)


def is_system_relation(schema: str, name: str) -> bool:
    return f"{schema or PG_CATALOG}.{name}" in builtins("relation") or schema in ("pg_temp", "pg_toast")


def _may_be_partition(catalog: Catalog, name: Name) -> bool:
    """Partitions are often made by a function, where no file names them; other tables too."""
    if any(part in name[1] for part in catalog.made_from):
        return True
    parents = (table.name for table in catalog.tables.values() if table.kind == "partitioned")
    return any(name[0] == parent[0] and name[1].startswith(f"{parent[1]}_") for parent in parents)


def missing_column(catalog: Catalog, table: Table, column: str, location: int) -> Problem | None:
    if column in table.columns or table.is_open or column in SYSTEM_COLUMNS or column in catalog.doubtful:
        return None
    message = f"{shown(table.name)} has no column {column}"
    return Problem("unknown-column", message, location, did_you_mean(column, table.columns))


def missing_type(catalog: Catalog, name: pb.TypeName) -> Problem | None:  # noqa: PLR0911 - one return a case reads best
    schema, word = parts(name.names)
    if name.pct_type:
        *table, column = texts(name.names)
        return _missing_column_type(catalog, table, column, name.location)
    path = [schema] if schema else catalog.search_path
    if any(is_type(catalog, (one, word)) for one in path) or word in catalog.doubtful or not word:
        return None
    if schema in ("", PG_CATALOG) and (word in builtins("type") or word in SERIALS or is_system_relation("", word)):
        return None
    if schema == _INFORMATION_SCHEMA or (schema == "" and word.startswith("_") and word[1:] in builtins("type")):
        return None
    if catalog.has_extensions and schema in ("", *catalog.own_schemas):
        return None
    if problem := missing_schema(catalog, schema, name.location):
        return problem
    known = [*(one[1] for one in catalog.types), *(builtins("type") if not schema else ())]
    written = f"{schema}.{word}" if schema else word
    return Problem("unknown-type", f"there is no type {written}", name.location, did_you_mean(word, known))


def _missing_column_type(catalog: Catalog, table: list[str], column: str, location: int) -> Problem | None:
    if not table:
        return None
    schema = table[-2] if len(table) > 1 else ""
    if problem := missing_name(catalog, schema, table[-1], location):
        return problem
    found = catalog.tables.get(catalog.find(schema, table[-1]))
    return missing_column(catalog, found, column, location) if found else None


def functions_named(catalog: Catalog, schema: str, name: str) -> list[Function]:
    path = [schema] if schema else catalog.search_path
    return [one for owner in path for one in catalog.functions.get((owner, name), ())]


def missing_function(  # noqa: PLR0911 - one return a case reads best
    catalog: Catalog, name: tuple[str, str], count: int | None, location: int, what: str = "function"
) -> Problem | None:
    """`count` is how many arguments a call gives; None where that says nothing."""
    schema, word = name
    found = functions_named(catalog, schema, word)
    own = [one for one in found if count is None or _takes(one, count)]
    if word == "unnest":  # in FROM it takes any number of arrays
        return None
    counts = builtins("function").get(word) if schema in ("", PG_CATALOG) else None
    if own or (counts and (count is None or any(low <= count and (high < 0 or count <= high) for low, high in counts))):
        return None
    if schema == _INFORMATION_SCHEMA or word in catalog.doubtful:
        return None
    if count in (None, 1) and any(
        is_type(catalog, (one, word)) for one in ([schema] if schema else catalog.search_path)
    ):
        return None
    if count in (None, 1) and schema in ("", PG_CATALOG) and word in builtins("type"):
        return None  # a cast, written as a call
    if catalog.has_extensions and not found:
        return None
    if problem := missing_schema(catalog, schema, location):
        return problem
    written = f"{schema}.{word}" if schema else word
    if found or counts:
        several = "argument" if count == 1 else "arguments"
        there = ", ".join(f"{shown(one.name)}({', '.join(one.arguments)})" for one in found)
        hint = f"there is {there}" if there else None
        return Problem("unknown-function", f"no {what} {written} takes {count} {several}", location, hint)
    known = [one[1] for one in catalog.functions] + ([] if schema else list(builtins("function")))
    return Problem("unknown-function", f"there is no {what} {written}", location, did_you_mean(word, known))


def _takes(function: Function, count: int) -> bool:
    if function.kind == "procedure":  # a CALL may give places for OUT arguments
        return True
    most = len(function.arguments)
    return most - function.defaults - function.variadic <= count and (count <= most or function.variadic)
