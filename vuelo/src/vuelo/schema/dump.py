"""A schema as one script, the same bytes for equal schemas: for reading, for diffs, and to load into an empty database.

Partitions are left out, as are vuelo's and Flyway's own tables: migrations and the service make those.
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush

from vuelo.errors import VueloError
from vuelo.history import Connection
from vuelo.project import Service
from vuelo.schema.definitions import Definition, read
from vuelo.schema.snapshot import own_tables

_RANKS = {
    "schema": 0, "collation": 1, "text search dictionary": 1, "text search configuration": 1, "domain": 2, "type": 2,
    "sequence": 3, "function": 4, "procedure": 4, "operator": 4, "table": 5, "foreign table": 5, "view": 6,
    "materialized view": 6, "ownership": 7, "foreign key": 7, "future": 8,
}  # fmt: skip
_AFTER_TABLES = 7
_PARTS = {"column": 1, "constraint": 2, "identity": 3, "late constraint": 4, "index": 5, "statistics": 6, "rule": 7,
          "trigger": 8, "policy": 9}  # fmt: skip

_Key = tuple[int, str, int, str]


def schema_sql(conn: Connection, service: Service) -> str:
    """The whole script. Raises VueloError `dump.no_schema`, `dump.cycle`, `dump.unsupported`."""
    return script(read(conn, service.schema, left_out=own_tables(service)), service)


def script(definitions: Sequence[Definition], service: Service) -> str:
    schema = next((one for one in definitions if one.kind == "schema"), None)
    if schema is None:
        raise VueloError("dump.no_schema", f"{service.name}: there is no schema {service.schema}")
    role = schema.owner if service.role is not None else None
    lines = [
        f"-- The schema {service.schema}, as `vuelo dump` writes it. Change the migrations, not this file.",
        "SET check_function_bodies = off;",
        "SET search_path = pg_catalog;",
        f"{schema.text}{f' AUTHORIZATION {role}' if role else ''};",
        *([f"SET ROLE {role};"] if role else []),
        *schema.trailing(None),
    ]
    paragraphs = ["\n".join(lines)]
    paragraphs += statements([one for one in definitions if one is not schema], schema.owner, as_role=role)
    ending = ["RESET ROLE;"] if role else []
    return "\n\n".join([*paragraphs, *ending]) + "\n"


def statements(definitions: Sequence[Definition], schema_owner: str | None, *, as_role: str | None = None) -> list[str]:
    """One paragraph an object, in an order in which they can be run: by what needs what, then by kind and name."""
    try:
        return _paragraphs(definitions, frozenset(), schema_owner, as_role)
    except _StuckError as stuck:
        # A constraint or a default calls a function that takes the table's own type: they come once both are there.
        return _paragraphs(definitions, stuck.objects, schema_owner, as_role)


class _StuckError(VueloError):
    def __init__(self, objects: frozenset[str]) -> None:
        super().__init__("dump.cycle", f"these objects need each other: {', '.join(sorted(objects))}")
        self.objects = objects


def _paragraphs(
    definitions: Sequence[Definition], split: frozenset[str], schema_owner: str | None, as_role: str | None
) -> list[str]:
    """`split`: tables whose defaults and constraints stand behind them, not in their CREATE TABLE."""
    parts: dict[str, list[Definition]] = {}
    for one in definitions:
        if one.part_of is not None and one.kind in ("column", "constraint", "identity"):
            parts.setdefault(one.part_of, []).append(one)
    inside = {part.object for listed in parts.values() for part in listed}
    holders = {part.object: part.part_of or "" for listed in parts.values() for part in listed}
    paragraphs: list[str] = []
    whole = [one for one in definitions if one.object not in inside]
    for one in _ordered(whole, parts, holders, split):
        lines = _with_parts(one, parts.get(one.object, []), split=one.object in split)
        for member in (one, *sorted(parts.get(one.object, []), key=_part_key)):
            lines += member.trailing(schema_owner)
        if as_role and one.owner not in (None, schema_owner):
            lines = ["RESET ROLE;", *lines, f"SET ROLE {as_role};"]
        if lines:
            paragraphs.append("\n".join(lines))
    late = [part for table in sorted(split & parts.keys()) for part in parts[table]]
    return [*paragraphs, *(text for part in late if (text := added_later(part)))]


def added_later(part: Definition) -> str:
    """A default or a constraint of a table that exists."""
    if part.kind == "constraint":
        return f"ALTER TABLE {part.table} ADD {part.line()};"
    column = part.object.removeprefix(f"column {part.table}.")
    return f"ALTER TABLE {part.table} ALTER COLUMN {column} SET {part.default};" if part.default else ""


def _with_parts(one: Definition, parts: list[Definition], *, split: bool) -> list[str]:
    columns = [part.line(with_default=not split) for part in parts if part.kind == "column" and part.text]
    constraints = [part.line() for part in sorted(parts, key=_part_key) if part.kind == "constraint" and part.text]
    if one.kind in ("table", "foreign table") or (one.kind == "type" and not one.text):
        inner = ",\n    ".join([*columns, *([] if split else constraints)])
        body = f"(\n    {inner}\n)" if inner else "()"
        joint = " AS" if one.kind == "type" else ""
        return [f"CREATE {one.kind.upper()} {one.name}{joint} {body}{f' {one.text}' if one.text else ''};"]
    return [one.text if one.text.endswith(";") else f"{one.text};"] if one.text else []


def _ordered(
    whole: Sequence[Definition],
    parts: Mapping[str, Sequence[Definition]],
    holders: Mapping[str, str],
    split: frozenset[str],
) -> list[Definition]:
    by_object = {one.object: one for one in whole}

    def key(one: Definition) -> _Key:
        holder = by_object.get(one.part_of or "")
        if holder is None or one.kind not in _PARTS:
            return (_RANKS.get(one.kind, _AFTER_TABLES), one.object, 0, "")
        return (_RANKS[holder.kind], holder.object, _PARTS[one.kind], one.object)

    waits: dict[str, set[str]] = {}
    for one in whole:
        inlined = (part for part in parts.get(one.object, ()) if one.object not in split or _is_generated(part))
        needed = set(one.needs).union(*(part.needs for part in inlined), [one.part_of or ""])
        waits[one.object] = {holders.get(name, name) for name in needed} & by_object.keys() - {one.object}
    ready = [key(one) for one in whole if not waits[one.object]]
    by_key = {key(one): one for one in whole}
    heapify(ready)
    done: list[Definition] = []
    while ready:
        one = by_key[heappop(ready)]
        done.append(one)
        for other, needed in waits.items():
            if one.object in needed:
                needed.remove(one.object)
                if not needed:
                    heappush(ready, key(by_object[other]))
    stuck = by_object.keys() - {one.object for one in done}
    if stuck:
        raise _StuckError(frozenset(stuck & parts.keys() - split) or frozenset(stuck))
    return done


def _is_generated(part: Definition) -> bool:
    """Such a column cannot get its expression later."""
    return part.kind == "column" and not part.default


def _part_key(part: Definition) -> _Key:
    return (_PARTS[part.kind], "", part.position, part.object)
