"""DROP as a change of the catalog, and what a CASCADE takes with it."""

from dataclasses import replace

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Function, Name
from vuelo.check.names import parts, texts, type_of

RELATIONS = (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_FOREIGN_TABLE)
ROUTINES = (pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_AGGREGATE)
TYPES = (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN)


def drop(catalog: Catalog, made: pb.DropStmt, made_in: str) -> None:
    del made_in
    cascade = made.behavior == pb.DROP_CASCADE
    for one in made.objects:
        if made.remove_type in RELATIONS:
            _forget_relation(catalog, catalog.find(*parts(one.list.items)), cascade=cascade)
        elif made.remove_type == pb.OBJECT_INDEX:
            catalog.indexes.pop(catalog.find(*parts(one.list.items)), None)
        elif made.remove_type == pb.OBJECT_SEQUENCE:
            catalog.sequences.discard(catalog.find(*parts(one.list.items)))
        elif made.remove_type in TYPES:
            _forget_type(catalog, one.type_name)
        elif made.remove_type in ROUTINES:
            _forget_function(catalog, one.object_with_args, cascade=cascade)
        elif made.remove_type == pb.OBJECT_TRIGGER:
            *table, trigger = texts(one.list.items)
            _forget_trigger(catalog, catalog.find(table[-2] if len(table) > 1 else "", table[-1]), trigger)
        elif made.remove_type == pb.OBJECT_SCHEMA:
            _forget_schema(catalog, one.string.sval)


def dependents(catalog: Catalog, name: Name) -> list[Name]:
    """Views that select from a relation."""
    return [table.name for table in catalog.tables.values() if name in table.uses]


def functions_meant(catalog: Catalog, meant: pb.ObjectWithArgs) -> tuple[Name, list[Function]]:
    """Those that a name with or without argument types stands for."""
    schema, word = parts(meant.objname)
    here = ((one, word) for one in catalog.search_path if (one, word) in catalog.functions)
    name = (schema, word) if schema else next(here, (catalog.search_path[0], word))
    named = catalog.functions.get(name, ())
    if meant.args_unspecified:
        return name, list(named)
    arguments = tuple(type_of(catalog, one.type_name) for one in meant.objargs)
    if any(parameter.function_parameter.mode == pb.FUNC_PARAM_OUT for parameter in meant.objfuncargs):
        arguments = tuple(
            type_of(catalog, one.function_parameter.arg_type)
            for one in meant.objfuncargs
            if one.function_parameter.mode != pb.FUNC_PARAM_OUT
        )
    return name, [one for one in named if one.arguments == arguments or one.kind == "aggregate"]


def forget_columns(catalog: Catalog, name: Name, *gone: str, cascade: bool) -> None:
    """Columns with the constraints and indexes that name them."""
    table = catalog.tables.get(name)
    if table is None:
        return
    columns = {one: column for one, column in table.columns.items() if one not in gone}
    for constraint in table.constraints:
        if set(gone) & set(constraint.columns):
            forget_constraint(catalog, name, constraint.name, cascade=cascade)
    kept = catalog.tables[name].constraints
    catalog.tables[name] = replace(table, columns=columns, constraints=kept)
    for index in catalog.indexes_of(name):
        if set(gone) & set(index.columns):
            del catalog.indexes[index.name]


def forget_constraint(catalog: Catalog, name: Name, constraint: str, *, cascade: bool) -> None:
    table = catalog.tables.get(name)
    if table is None:
        return
    gone = [one for one in table.constraints if one.name == constraint]
    catalog.tables[name] = replace(table, constraints=tuple(one for one in table.constraints if one not in gone))
    for key in gone:
        if cascade and key.kind in ("primary key", "unique"):
            for other in list(catalog.tables.values()):
                kept = (c for c in other.constraints if (c.references, c.referenced_columns) != (name, key.columns))
                catalog.tables[other.name] = replace(other, constraints=tuple(kept))


def _forget_relation(catalog: Catalog, name: Name, *, cascade: bool) -> None:
    if catalog.tables.pop(name, None) is None:
        return
    for index in catalog.indexes_of(name):
        del catalog.indexes[index.name]
    owned = {one for one in catalog.sequences if one[0] == name[0] and one[1].startswith(f"{name[1]}_")}
    catalog.sequences -= {one for one in owned if one[1].endswith("_seq")}
    for table in list(catalog.tables.values()):
        if table.partition_of == name:
            _forget_relation(catalog, table.name, cascade=cascade)
        elif any(one.references == name for one in table.constraints):
            kept = tuple(one for one in table.constraints if one.references != name)
            catalog.tables[table.name] = replace(table, constraints=kept)
    if cascade:
        for view in dependents(catalog, name):
            _forget_relation(catalog, view, cascade=True)


def _forget_type(catalog: Catalog, meant: pb.TypeName) -> None:
    schema, word = parts(meant.names)
    for one in [schema] if schema else catalog.search_path:
        if (one, word) in catalog.types or (one, word) in catalog.tables:
            catalog.types.pop((one, word), None)
            catalog.tables.pop((one, word), None)
            return


def _forget_function(catalog: Catalog, meant: pb.ObjectWithArgs, *, cascade: bool) -> None:
    name, gone = functions_meant(catalog, meant)
    kept = tuple(one for one in catalog.functions.get(name, ()) if one not in gone)
    if kept:
        catalog.functions[name] = kept
        return
    catalog.functions.pop(name, None)
    if cascade:
        for table in list(catalog.tables.values()):
            triggers = {one: trigger for one, trigger in table.triggers.items() if trigger.function != name}
            catalog.tables[table.name] = replace(table, triggers=triggers)


def _forget_trigger(catalog: Catalog, name: Name, trigger: str) -> None:
    table = catalog.tables.get(name)
    if table is not None:
        triggers = {one: kept for one, kept in table.triggers.items() if one != trigger}
        catalog.tables[name] = replace(table, triggers=triggers)


def _forget_schema(catalog: Catalog, schema: str) -> None:
    catalog.schemas.discard(schema)
    for known in (catalog.tables, catalog.indexes, catalog.types, catalog.functions):
        for name in [name for name in known if name[0] == schema]:
            del known[name]
    catalog.sequences = {name for name in catalog.sequences if name[0] != schema}
