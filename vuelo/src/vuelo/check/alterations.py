"""ALTER TABLE, RENAME and SET SCHEMA as changes of the catalog."""

from collections.abc import Callable
from dataclasses import replace

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name, Table
from vuelo.check.columns import column_of, constraint_of, with_constraint
from vuelo.check.dropping import forget_columns, forget_constraint
from vuelo.check.names import length_of, modifiers_of, parts, type_of

_RELATIONS = (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_FOREIGN_TABLE)
_TYPES = (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN)
_ROUTINES = (pb.OBJECT_FUNCTION, pb.OBJECT_PROCEDURE, pb.OBJECT_ROUTINE, pb.OBJECT_AGGREGATE)


def alter_table(catalog: Catalog, made: pb.AlterTableStmt, made_in: str) -> None:
    del made_in
    for command in made.cmds:
        alter(catalog, made.relation, command.alter_table_cmd)


def alter(catalog: Catalog, relation: pb.RangeVar, command: pb.AlterTableCmd) -> None:
    """One command of an ALTER TABLE."""
    table = catalog.table(relation)
    change = _COMMANDS.get(command.subtype)
    if table is None or change is None:
        return
    change(catalog, table, command)
    if command.subtype in _INHERITED:
        for child in [one for one in catalog.tables.values() if one.partition_of == table.name]:
            change(catalog, child, command)


def _add_column(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    if getattr(command, "def").column_def.colname not in table.columns:
        catalog.tables[table.name] = column_of(catalog, table, getattr(command, "def").column_def)


def _drop_column(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    forget_columns(catalog, table.name, command.name, cascade=command.behavior == pb.DROP_CASCADE)


def _change_type(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    old = table.columns.get(command.name)
    if old is not None:
        wanted = getattr(command, "def").column_def.type_name
        column = replace(old, type=type_of(catalog, wanted), length=length_of(wanted), modifiers=modifiers_of(wanted))
        catalog.tables[table.name] = replace(table, columns={**table.columns, command.name: column})


def _not_null(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    old = table.columns.get(command.name)
    if old is not None:
        column = replace(old, not_null=command.subtype == pb.AT_SetNotNull)
        catalog.tables[table.name] = replace(table, columns={**table.columns, command.name: column})


def _default(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    old = table.columns.get(command.name)
    if old is not None:
        has_one = command.subtype == pb.AT_AddIdentity or command.HasField("def")
        column = replace(old, has_default=has_one, is_serial=old.is_serial and command.subtype != pb.AT_ColumnDefault)
        catalog.tables[table.name] = replace(table, columns={**table.columns, command.name: column})


def _add_constraint(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    made = getattr(command, "def").constraint
    constraint = constraint_of(catalog, table, made)
    index = catalog.indexes.get((table.name[0], made.indexname)) if made.indexname else None
    if index is not None:  # ADD … USING INDEX: the index becomes the constraint's and takes its name
        del catalog.indexes[index.name]
        constraint = replace(constraint, columns=index.columns, name=made.conname or index.name[1])
    catalog.tables[table.name] = with_constraint(table, constraint)


def _validate(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    changed = (replace(one, not_valid=False) if one.name == command.name else one for one in table.constraints)
    catalog.tables[table.name] = replace(table, constraints=tuple(changed))


def _drop_constraint(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    forget_constraint(catalog, table.name, command.name, cascade=command.behavior == pb.DROP_CASCADE)


def _attach(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    child = catalog.table(getattr(command, "def").partition_cmd.name)
    if child is not None:
        catalog.tables[child.name] = replace(child, partition_of=table.name)


def _detach(catalog: Catalog, table: Table, command: pb.AlterTableCmd) -> None:
    del table
    child = catalog.table(getattr(command, "def").partition_cmd.name)
    if child is not None:
        catalog.tables[child.name] = replace(child, partition_of=None)


def rename(catalog: Catalog, made: pb.RenameStmt, made_in: str) -> None:
    del made_in
    if made.rename_type in _RELATIONS or made.rename_type in (pb.OBJECT_INDEX, pb.OBJECT_SEQUENCE):
        old = catalog.qualified(made.relation)
        _move(catalog, old, (old[0], made.newname))
    elif made.rename_type in (pb.OBJECT_COLUMN, pb.OBJECT_ATTRIBUTE):
        _rename_column(catalog, catalog.qualified(made.relation), made.subname, made.newname)
    elif made.rename_type == pb.OBJECT_TABCONSTRAINT:
        table = catalog.table(made.relation)
        if table is not None:
            changed = (replace(c, name=made.newname) if c.name == made.subname else c for c in table.constraints)
            catalog.tables[table.name] = replace(table, constraints=tuple(changed))
    elif made.rename_type == pb.OBJECT_TRIGGER:
        table = catalog.table(made.relation)
        if table is not None:
            names = {made.newname if one == made.subname else one: f for one, f in table.triggers.items()}
            catalog.tables[table.name] = replace(table, triggers=names)
    elif made.rename_type in _TYPES:
        old = _existing(catalog, *parts(made.object.list.items))
        _move(catalog, old, (old[0], made.newname))
    elif made.rename_type in _ROUTINES:
        old = _existing(catalog, *parts(made.object.object_with_args.objname))
        _move_function(catalog, old, (old[0], made.newname))
    elif made.rename_type == pb.OBJECT_SCHEMA:
        catalog.schemas.discard(made.subname)
        catalog.schemas.add(made.newname)


def move(catalog: Catalog, made: pb.AlterObjectSchemaStmt, made_in: str) -> None:
    """ALTER … SET SCHEMA."""
    del made_in
    if made.HasField("relation"):
        old = catalog.qualified(made.relation)
        _move(catalog, old, (made.newschema, old[1]))
    elif made.object_type in _TYPES:
        old = _existing(catalog, *parts(made.object.list.items))
        _move(catalog, old, (made.newschema, old[1]))
    elif made.object_type in _ROUTINES:
        old = _existing(catalog, *parts(made.object.object_with_args.objname))
        _move_function(catalog, old, (made.newschema, old[1]))


def _existing(catalog: Catalog, schema: str, name: str) -> Name:
    known = (catalog.types, catalog.tables, catalog.functions)
    here = ((one, name) for one in catalog.search_path if any((one, name) in names for names in known))
    return (schema, name) if schema else next(here, (catalog.search_path[0], name))


def _move(catalog: Catalog, old: Name, new: Name) -> None:
    """Give an object another name, and tell everyone who knows it by the old one."""
    if old in catalog.sequences:
        catalog.sequences.remove(old)
        catalog.sequences.add(new)
    if old in catalog.types:
        catalog.types[new] = replace(catalog.types.pop(old), name=new)
        _retype(catalog, old, new)
    if old in catalog.indexes:
        catalog.indexes[new] = replace(catalog.indexes.pop(old), name=new)
    if old in catalog.tables:
        catalog.tables[new] = replace(catalog.tables.pop(old), name=new)
    for name, index in list(catalog.indexes.items()):
        if index.table == old:
            catalog.indexes[name] = replace(index, table=new)
    for name, table in list(catalog.tables.items()):
        catalog.tables[name] = replace(
            table,
            constraints=tuple(replace(c, references=new) if c.references == old else c for c in table.constraints),
            partition_of=new if table.partition_of == old else table.partition_of,
            uses=frozenset(new if one == old else one for one in table.uses),
        )


def _retype(catalog: Catalog, old: Name, new: Name) -> None:
    """Columns, domains and functions go on with a type under its new name."""
    names = {f"{old[0]}.{old[1]}{end}": f"{new[0]}.{new[1]}{end}" for end in ("", "[]")}
    for name, table in list(catalog.tables.items()):
        columns = {one: replace(c, type=names.get(c.type, c.type)) for one, c in table.columns.items()}
        catalog.tables[name] = replace(table, columns=columns)
    for name, one in list(catalog.types.items()):
        catalog.types[name] = replace(one, base=names.get(one.base or "", one.base))
    for name, named in list(catalog.functions.items()):
        catalog.functions[name] = tuple(
            replace(
                one,
                arguments=tuple(names.get(argument, argument) for argument in one.arguments),
                returns=names.get(one.returns or "", one.returns),
            )
            for one in named
        )


def _move_function(catalog: Catalog, old: Name, new: Name) -> None:
    if old in catalog.functions:
        catalog.functions[new] = tuple(replace(one, name=new) for one in catalog.functions.pop(old))
        for name, table in list(catalog.tables.items()):
            triggers = {
                one: replace(trigger, function=new) if trigger.function == old else trigger
                for one, trigger in table.triggers.items()
            }
            catalog.tables[name] = replace(table, triggers=triggers)


def _rename_column(catalog: Catalog, name: Name, old: str, new: str) -> None:
    def changed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if one == old else one for one in names)

    table = catalog.tables.get(name)
    if table is None or old not in table.columns:
        return
    columns = {new if one == old else one: column for one, column in table.columns.items()}
    columns[new] = replace(columns[new], name=new)
    constraints = tuple(replace(one, columns=changed(one.columns)) for one in table.constraints)
    catalog.tables[name] = replace(
        table, columns=columns, constraints=constraints, partition_key=changed(table.partition_key)
    )
    for other in list(catalog.tables.values()):
        constraints = tuple(
            replace(c, referenced_columns=changed(c.referenced_columns)) if c.references == name else c
            for c in other.constraints
        )
        catalog.tables[other.name] = replace(other, constraints=constraints)
        if other.partition_of == name:
            _rename_column(catalog, other.name, old, new)
    for index in catalog.indexes_of(name):
        catalog.indexes[index.name] = replace(index, columns=changed(index.columns))


_INHERITED = (pb.AT_AddColumn, pb.AT_DropColumn, pb.AT_AlterColumnType, pb.AT_SetNotNull, pb.AT_DropNotNull)
_COMMANDS: dict[int, Callable[[Catalog, Table, pb.AlterTableCmd], None]] = {
    pb.AT_AddColumn: _add_column,
    pb.AT_DropColumn: _drop_column,
    pb.AT_AlterColumnType: _change_type,
    pb.AT_SetNotNull: _not_null,
    pb.AT_DropNotNull: _not_null,
    pb.AT_ColumnDefault: _default,
    pb.AT_AddIdentity: _default,
    pb.AT_AddConstraint: _add_constraint,
    pb.AT_ValidateConstraint: _validate,
    pb.AT_DropConstraint: _drop_constraint,
    pb.AT_AttachPartition: _attach,
    pb.AT_DetachPartition: _detach,
}
