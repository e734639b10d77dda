"""DROP, COMMENT and GRANT: statements that name objects of any kind."""

from collections.abc import Iterable, Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name, Table
from vuelo.check.dropping import RELATIONS, ROUTINES, TYPES, dependents, functions_meant
from vuelo.check.names import parts, texts
from vuelo.check.objects import (
    Problem,
    did_you_mean,
    is_system_relation,
    missing_column,
    missing_function,
    missing_name,
    missing_relation,
    missing_schema,
    missing_type,
    shown,
)

Problems = Iterator[Problem | None]
_KINDS = {
    pb.OBJECT_TABLE: ("table", ("table", "partitioned")),
    pb.OBJECT_VIEW: ("view", ("view",)),
    pb.OBJECT_MATVIEW: ("materialized view", ("materialized view",)),
    pb.OBJECT_FOREIGN_TABLE: ("foreign table", ("foreign",)),
}


def drop(catalog: Catalog, made: pb.DropStmt) -> Problems:
    after = catalog.copy()
    relations = made.objects if made.remove_type in RELATIONS else ()
    dropped = {catalog.find(*parts(one.list.items)) for one in relations}
    for one in made.objects:
        missing = list(_missing(after, made.remove_type, one))
        if any(missing):
            foreign = [problem for problem in missing if problem and problem.code == "leaves-schema"]
            yield from foreign if made.missing_ok else missing
        elif made.behavior != pb.DROP_CASCADE:
            yield from _users(catalog, made.remove_type, one, dropped)


def comment(catalog: Catalog, made: pb.CommentStmt) -> Problems:
    if made.objtype == pb.OBJECT_COLUMN:
        *table, column = texts(made.object.list.items)
        schema = table[-2] if len(table) > 1 else ""
        yield missing_name(catalog, schema, table[-1], 0)
        found = catalog.tables.get(catalog.find(schema, table[-1]))
        yield missing_column(catalog, found, column, 0) if found else None
    elif made.objtype == pb.OBJECT_TABCONSTRAINT:
        yield from _part_of_table(catalog, made.object, "constraint")
    else:
        yield from _missing(catalog, made.objtype, made.object)


def grant(catalog: Catalog, made: pb.GrantStmt) -> Problems:
    if made.targtype == pb.ACL_TARGET_ALL_IN_SCHEMA:
        for one in made.objects:
            yield missing_schema(catalog, one.string.sval, 0)
        return
    for one in made.objects:
        if made.objtype in (pb.OBJECT_TABLE, pb.OBJECT_SEQUENCE):
            yield missing_relation(catalog, one.range_var)
            yield from _columns_granted(catalog, made, catalog.table(one.range_var))
        elif made.objtype in (pb.OBJECT_SCHEMA, *ROUTINES):
            yield from _missing(catalog, made.objtype, one)
        elif made.objtype in TYPES:
            yield missing_type(catalog, pb.TypeName(names=one.list.items))


def _columns_granted(catalog: Catalog, made: pb.GrantStmt, table: Table | None) -> Problems:
    for privilege in made.privileges if table else ():
        for column in texts(privilege.access_priv.cols):
            yield missing_column(catalog, table, column, 0) if table else None


def _missing(catalog: Catalog, kind: pb.ObjectType, meant: pb.Node) -> Problems:
    """The object that a node names in the way of its kind."""
    if kind in RELATIONS:
        schema, name = parts(meant.list.items)
        missing = missing_name(catalog, schema, name, 0, _KINDS[kind][0])
        yield missing or _other_kind(catalog, catalog.find(schema, name), kind)
    elif kind == pb.OBJECT_INDEX:
        schema, name = parts(meant.list.items)
        yield _missing_index(catalog, schema, name)
    elif kind == pb.OBJECT_SEQUENCE:
        yield missing_name(catalog, *parts(meant.list.items), 0, "sequence")
    elif kind in TYPES:
        yield missing_type(catalog, meant.type_name)
    elif kind in ROUTINES:
        yield missing_signature(catalog, meant.object_with_args)
    elif kind == pb.OBJECT_SCHEMA:
        yield missing_schema(catalog, meant.string.sval, 0)
    elif kind == pb.OBJECT_TRIGGER:
        yield from _part_of_table(catalog, meant, "trigger")


def _other_kind(catalog: Catalog, name: Name, kind: pb.ObjectType) -> Problem | None:
    table = catalog.tables.get(name)
    what, fitting = _KINDS[kind]
    if table is None or table.kind in fitting:
        return None
    return Problem("unknown-table", f"{shown(name)} is not a {what}, but a {table.kind}", 0)


def _missing_index(catalog: Catalog, schema: str, name: str) -> Problem | None:
    found = catalog.find(schema, name)
    tables = [table for table in catalog.tables.values() if table.name[0] == found[0]]
    if found in catalog.indexes or any(one.name == name for table in tables for one in table.constraints):
        return None
    if (
        is_system_relation(schema, name)
        or name in catalog.doubtful
        or any(name.startswith(f"{t.name[1]}_") for t in tables if t.kind == "partitioned")
    ):
        return None
    hint = did_you_mean(name, [one[1] for one in catalog.indexes])
    return missing_schema(catalog, schema, 0) or Problem("unknown-object", f"there is no index {shown(found)}", 0, hint)


def missing_signature(catalog: Catalog, meant: pb.ObjectWithArgs) -> Problem | None:
    """A function named with the types of its arguments."""
    schema, word = parts(meant.objname)
    missing = missing_function(catalog, (schema, word), None, 0)
    name, found = functions_meant(catalog, meant)
    others = catalog.functions.get(name, ())
    if missing is not None or not others:
        return missing
    if not found:
        there = ", ".join(f"{shown(one.name)}({', '.join(one.arguments)})" for one in others)
        return Problem("unknown-function", f"no function {shown(name)} has these arguments", 0, f"there is {there}")
    if meant.args_unspecified and len(found) > 1:
        hint = "name the types of its arguments"
        return Problem("unknown-function", f"there are {len(found)} functions {shown(name)}", 0, hint)
    return None


def _part_of_table(catalog: Catalog, meant: pb.Node, what: str) -> Problems:
    *owner, part = texts(meant.list.items)
    schema = owner[-2] if len(owner) > 1 else ""
    yield missing_name(catalog, schema, owner[-1], 0)
    table = catalog.tables.get(catalog.find(schema, owner[-1]))
    if table is None:
        return
    names = list(table.triggers) if what == "trigger" else [one.name for one in table.constraints]
    if part not in names and part not in catalog.doubtful:
        message = f"{shown(table.name)} has no {what} {part}"
        yield Problem("unknown-object", message, 0, did_you_mean(part, names))


def _users(catalog: Catalog, kind: pb.ObjectType, meant: pb.Node, dropped: Iterable[Name]) -> Problems:
    """What stands in the way of a DROP without CASCADE."""
    gone = set(dropped)
    if kind in RELATIONS:
        name = catalog.find(*parts(meant.list.items))
        keys = [
            table.name for table in catalog.tables.values() if any(one.references == name for one in table.constraints)
        ]
        users = {*dependents(catalog, name), *keys} - gone - {name}
        what = shown(name)
    elif kind in ROUTINES:
        name, _ = functions_meant(catalog, meant.object_with_args)
        tables = catalog.tables.values()
        users = {one.name for one in tables if name in [trigger.function for trigger in one.triggers.values()]}
        what = f"function {shown(name)}"
    else:
        return
    if users:
        by = ", ".join(sorted(shown(one) for one in users))
        hint = "drop first what needs it, or write CASCADE if that is meant"
        yield Problem("dropped-while-used", f"{what} is still used by {by}", 0, hint)
