"""DROP, COMMENT and GRANT: statements that name objects of any kind."""

from collections.abc import Iterable, Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name, Table
from vuelo.check.dropping import RELATIONS, ROUTINES, TYPES, dependents, functions_meant
from vuelo.check.names import parts, texts, type_name
from vuelo.check.objects import (
    Problem,
    did_you_mean,
    functions_named,
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
    dropped = {catalog.find(*parts(one.list.items)) for one in made.objects if made.remove_type in RELATIONS}
    dropped |= {type_name(catalog, one.type_name) for one in made.objects if made.remove_type in TYPES}
    for one in made.objects:
        missing = list(_missing(after, made.remove_type, one))
        if any(missing):
            foreign = [problem for problem in missing if problem and problem.code == "leaves-schema"]
            yield from foreign if made.missing_ok else missing
        elif made.behavior != pb.DROP_CASCADE:
            yield from _users(catalog, made.remove_type, one, dropped)


def drop_key(catalog: Catalog, table: Table, name: str, at: int) -> Problem | None:
    """A primary key or unique constraint without CASCADE, while a foreign key stands on it and on nothing else."""
    key = next((one for one in table.constraints if one.name == name), None)
    if key is None or key.kind not in ("primary key", "unique"):
        return None
    others = [one for one in table.constraints if one.kind in ("primary key", "unique") and one is not key]
    indexes = [one for one in catalog.indexes_of(table.name) if one.unique]
    if set(key.columns) in [set(one.columns) for one in (*others, *indexes)]:
        return None
    users = {
        f"{one.name} of {shown(other.name)}"
        for other in catalog.tables.values()
        for one in other.constraints
        if one.references == table.name and set(one.referenced_columns) == set(key.columns)
    }
    return _used(f"{name} of {shown(table.name)}", users, at)


def event_trigger(catalog: Catalog, made: pb.CreateEventTrigStmt) -> Problems:
    yield missing_function(catalog, parts(made.funcname), 0, 0, "trigger function")
    yield no_trigger_function(catalog, parts(made.funcname), "event_trigger", 0)


def no_trigger_function(catalog: Catalog, name: tuple[str, str], wanted: str, at: int) -> Problem | None:
    """One that returns anything but `wanted`."""
    found = [one for one in functions_named(catalog, *name) if not one.arguments]
    if len(found) != 1 or not found[0].returns or found[0].returns == wanted:
        return None
    message = f"function {shown(found[0].name)} returns {found[0].returns}, not {wanted}"
    return Problem("unknown-function", message, at, f"a trigger calls a function that RETURNS {wanted}")


def vacuum(catalog: Catalog, made: pb.VacuumStmt) -> Problems:
    for one in made.rels:
        relation = one.vacuum_relation.relation
        yield missing_relation(catalog, relation)
        table = catalog.table(relation)
        for column in texts(one.vacuum_relation.va_cols) if table else ():
            yield missing_column(catalog, table, column, relation.location) if table else None


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
    elif kind in TYPES:
        name = type_name(catalog, meant.type_name)
        users = _users_of_type(catalog, name) - gone
        what = f"type {shown(name)}"
    elif kind == pb.OBJECT_SEQUENCE:
        name = catalog.find(*parts(meant.list.items))
        users = {table.name for table in catalog.tables.values() if _numbers(table, name)}
        what = f"sequence {shown(name)}"
    else:
        return
    yield _used(what, {shown(one) for one in users}, 0)


def _users_of_type(catalog: Catalog, name: Name) -> set[Name]:
    written = (shown(name), f"{shown(name)}[]")
    tables = [one for one in catalog.tables.values() if one.name[0] != "pg_temp"]
    found = {one.name for one in tables if any(column.type in written for column in one.columns.values())}
    found |= {one.name for one in catalog.types.values() if one.base in written}
    routines = [one for named in catalog.functions.values() for one in named]
    return found | {one.name for one in routines if one.returns in written or {*one.arguments} & {*written}}


def _numbers(table: Table, sequence: Name) -> bool:
    """Whether it is the sequence that came with a column of the table."""
    serials = [one.name for one in table.columns.values() if one.is_serial and one.has_default]
    return sequence in [(table.name[0], f"{table.name[1]}_{one}_seq") for one in serials]


def _used(what: str, users: Iterable[str], at: int) -> Problem | None:
    by = ", ".join(sorted(users))
    hint = "drop first what needs it, or write CASCADE if that is meant"
    return Problem("dropped-while-used", f"{what} is still used by {by}", at, hint) if by else None
