"""Does everything that a statement names exist at that moment, and nothing yet that it makes?"""

from collections.abc import Callable, Iterable, Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check import named
from vuelo.check.alterations import alter
from vuelo.check.catalog import Catalog, Name, Table
from vuelo.check.changes import apply, function_of, new_name, new_type
from vuelo.check.columns import column_of
from vuelo.check.dropping import RELATIONS
from vuelo.check.names import parts, texts, type_name
from vuelo.check.objects import (
    Problem,
    did_you_mean,
    missing_column,
    missing_function,
    missing_relation,
    missing_schema,
    missing_type,
    shown,
)
from vuelo.check.queries import problems_in
from vuelo.check.scope import Columns, Item, Scope

Problems = Iterator[Problem | None]


def references(catalog: Catalog, node: pb.Node) -> list[Problem]:
    """What is wrong with the names in a statement, `catalog` being the state before it."""
    kind = node.WhichOneof("node") or ""
    check = _CHECKS.get(kind)
    found = check(catalog, getattr(node, kind)) if check else ()
    return [problem for problem in found if problem is not None]


def _query(catalog: Catalog, made: pb.SelectStmt) -> Problems:
    if made.HasField("into_clause"):
        yield from _new_relation(catalog, made.into_clause.rel)
    yield from problems_in(catalog, made)


def _create_schema(catalog: Catalog, made: pb.CreateSchemaStmt) -> Problems:
    name = made.schemaname
    if name and name not in catalog.own_schemas:
        own = ", ".join(sorted(catalog.own_schemas))
        yield Problem("leaves-schema", f"schema {name} is not this service's", 0, f"its own are {own}")
    after = catalog.copy()
    after.schemas.add(name)
    after.search_path = (name, *catalog.search_path)
    for element in made.schema_elts:
        yield from references(after, element)
        apply(after, element, "")


def _new_relation(catalog: Catalog, relation: pb.RangeVar, *, may_exist: bool = False) -> Problems:
    yield missing_schema(catalog, relation.schemaname, relation.location)
    name = new_name(catalog, relation)
    if not may_exist:
        yield _taken(catalog, name, relation.location)


def _taken(catalog: Catalog, name: Name, location: int) -> Problem | None:
    """Tables, views, indexes and sequences share their names."""
    if name in catalog.tables or name in catalog.indexes or name in catalog.sequences:
        what = (
            catalog.tables[name].kind if name in catalog.tables else "index" if name in catalog.indexes else "sequence"
        )
        return Problem("already-exists", f"{shown(name)} exists already, as a {what}", location)
    return None


def _create_table(catalog: Catalog, made: pb.CreateStmt) -> Problems:
    yield from _new_relation(catalog, made.relation, may_exist=made.if_not_exists)
    for parent in made.inh_relations:
        yield missing_relation(catalog, parent.range_var)
        owner = catalog.table(parent.range_var)
        if made.HasField("partbound") and owner is not None and owner.kind == "table" and not owner.is_open:
            yield Problem("unknown-table", f"{shown(owner.name)} is not partitioned", parent.range_var.location)
    after = catalog.copy()
    apply(after, pb.Node(create_stmt=made), "")
    table = after.tables[new_name(catalog, made.relation)]
    seen: set[str] = set()
    for element in made.table_elts:
        if element.HasField("table_like_clause"):
            yield missing_relation(catalog, element.table_like_clause.relation)
        elif element.HasField("column_def"):
            column = element.column_def
            if column.colname in seen:
                message = f"column {column.colname} stands twice in {shown(table.name)}"
                yield Problem("already-exists", message, column.location)
            seen.add(column.colname)
            yield from _column(after, table, column)
        elif element.HasField("constraint"):
            yield from _constraint(after, table, element.constraint)
    for part in made.partspec.part_params:
        key = part.partition_elem
        if key.name:
            yield missing_column(after, table, key.name, key.location)
        yield from problems_in(after, key.expr, _row(table))


def _create_foreign_table(catalog: Catalog, made: pb.CreateForeignTableStmt) -> Problems:
    return _create_table(catalog, made.base_stmt)


def _row(table: Table, *aliases: str) -> Scope:
    """A scope in which the columns of one row can be named."""
    columns: Columns = None if table.is_open else tuple(table.columns)
    return Scope(tuple(Item(alias, columns, table.name) for alias in (aliases or (table.name[1],))))


def _column(catalog: Catalog, table: Table, column: pb.ColumnDef) -> Problems:
    if column.HasField("type_name"):
        yield missing_type(catalog, column.type_name)
    for one in column.constraints:
        yield from _constraint(catalog, table, one.constraint)


def _constraint(catalog: Catalog, table: Table, made: pb.Constraint) -> Problems:
    if made.HasField("raw_expr"):
        yield from problems_in(catalog, made.raw_expr, _row(table))
    for name in [*texts(made.keys), *texts(made.fk_attrs), *texts(made.including)]:
        yield missing_column(catalog, table, name, made.location)
    for pair in made.exclusions:
        yield from _index_element(catalog, table, pair.list.items[0].index_elem, made.location)
    if made.HasField("where_clause"):
        yield from problems_in(catalog, made.where_clause, _row(table))
    if made.contype == pb.CONSTR_FOREIGN:
        yield missing_relation(catalog, made.pktable)
        target = catalog.table(made.pktable)
        for name in texts(made.pk_attrs) if target else ():
            yield missing_column(catalog, target, name, made.pktable.location) if target else None
    if made.indexname and (table.name[0], made.indexname) not in catalog.indexes:
        yield Problem("unknown-object", f"there is no index {table.name[0]}.{made.indexname}", made.location)


def _index_element(catalog: Catalog, table: Table, element: pb.IndexElem, location: int) -> Problems:
    if element.name:
        yield missing_column(catalog, table, element.name, location)
    if element.HasField("expr"):
        yield from problems_in(catalog, element.expr, _row(table))


def _create_index(catalog: Catalog, made: pb.IndexStmt) -> Problems:
    yield missing_relation(catalog, made.relation)
    table = catalog.table(made.relation)
    if table is None:
        return
    if made.idxname and not made.if_not_exists:
        yield _taken(catalog, (table.name[0], made.idxname), made.relation.location)
    for element in [*made.index_params, *made.index_including_params]:
        yield from _index_element(catalog, table, element.index_elem, made.relation.location)
    yield from problems_in(catalog, made.where_clause, _row(table))


def _create_view(catalog: Catalog, made: pb.ViewStmt) -> Problems:
    yield from _new_relation(catalog, made.view, may_exist=True)
    old = catalog.tables.get(new_name(catalog, made.view))
    if old is not None and (old.kind != "view" or not made.replace):
        yield Problem("already-exists", f"{shown(old.name)} exists already, as a {old.kind}", made.view.location)
    yield from problems_in(catalog, made.query)


def _create_table_as(catalog: Catalog, made: pb.CreateTableAsStmt) -> Problems:
    yield from _new_relation(catalog, made.into.rel, may_exist=made.if_not_exists)
    yield from problems_in(catalog, made.query)


def _create_sequence(catalog: Catalog, made: pb.CreateSeqStmt) -> Problems:
    yield from _new_relation(catalog, made.sequence, may_exist=made.if_not_exists)


def _new_type(catalog: Catalog, names: Iterable[pb.Node]) -> Problems:
    name = new_type(catalog, names)
    yield missing_schema(catalog, name[0], 0)
    if name in catalog.types or name in catalog.tables:
        yield Problem("already-exists", f"{shown(name)} exists already", 0)


def _create_enum(catalog: Catalog, made: pb.CreateEnumStmt) -> Problems:
    yield from _new_type(catalog, made.type_name)


def _alter_enum(catalog: Catalog, made: pb.AlterEnumStmt) -> Problems:
    wanted = pb.TypeName(names=made.type_name)
    yield missing_type(catalog, wanted)
    found = catalog.types.get(type_name(catalog, wanted))
    if found is None or found.kind != "enum":
        return
    for label in (made.old_val, made.new_val_neighbor):
        if label and label not in found.labels:
            message = f"{shown(found.name)} has no value {label!r}"
            yield Problem("unknown-object", message, 0, did_you_mean(label, found.labels))
    if made.new_val in found.labels and not made.skip_if_new_val_exists:
        yield Problem("already-exists", f"{shown(found.name)} has the value {made.new_val!r} already", 0)


def _create_domain(catalog: Catalog, made: pb.CreateDomainStmt) -> Problems:
    yield from _new_type(catalog, made.domainname)
    yield missing_type(catalog, made.type_name)
    for one in made.constraints:
        yield from problems_in(catalog, one.constraint.raw_expr, Scope(variables={"value": None}))


def _create_composite(catalog: Catalog, made: pb.CompositeTypeStmt) -> Problems:
    yield from _new_relation(catalog, made.typevar)
    for one in made.coldeflist:
        yield missing_type(catalog, one.column_def.type_name)


def _create_function(catalog: Catalog, made: pb.CreateFunctionStmt) -> Problems:
    function = function_of(catalog, made, "")
    yield missing_schema(catalog, parts(made.funcname)[0], 0)
    if not made.replace and function.arguments in [one.arguments for one in catalog.functions.get(function.name, ())]:
        yield Problem("already-exists", f"{shown(function.name)}({', '.join(function.arguments)}) exists already", 0)
    for one in made.parameters:
        yield missing_type(catalog, one.function_parameter.arg_type)
        yield from problems_in(catalog, one.function_parameter.defexpr)
    if made.HasField("return_type"):
        yield missing_type(catalog, made.return_type)


def _create_trigger(catalog: Catalog, made: pb.CreateTrigStmt) -> Problems:
    yield missing_relation(catalog, made.relation)
    schema, name = parts(made.funcname)
    yield missing_function(catalog, (schema, name), 0, made.relation.location, "trigger function")
    yield named.no_trigger_function(catalog, (schema, name), "trigger", made.relation.location)
    table = catalog.table(made.relation)
    if table is None:
        return
    if made.trigname in table.triggers and not made.replace:
        message = f"{shown(table.name)} has a trigger {made.trigname} already"
        yield Problem("already-exists", message, made.relation.location)
    for column in texts(made.columns):
        yield missing_column(catalog, table, column, made.relation.location)
    yield from problems_in(catalog, made.when_clause, _row(table, "old", "new"))


def _create_policy(catalog: Catalog, made: pb.CreatePolicyStmt) -> Problems:
    yield missing_relation(catalog, made.table)
    table = catalog.table(made.table)
    if table is not None:
        for expression in (made.qual, made.with_check):
            yield from problems_in(catalog, expression, _row(table))


def _create_statistics(catalog: Catalog, made: pb.CreateStatsStmt) -> Problems:
    for relation in made.relations:
        yield missing_relation(catalog, relation.range_var)


def _alter_table(catalog: Catalog, made: pb.AlterTableStmt) -> Problems:
    missing = missing_relation(catalog, made.relation)
    if missing is not None:
        is_other = made.objtype == pb.OBJECT_INDEX and catalog.qualified(made.relation) in catalog.indexes
        yield None if made.missing_ok or is_other else missing
        return
    after = catalog.copy()
    for one in made.cmds:
        table = after.table(made.relation)
        if table is not None:
            yield from _command(after, table, one.alter_table_cmd, made.relation.location)
        alter(after, made.relation, one.alter_table_cmd)


_OF_A_COLUMN = {
    pb.AT_ColumnDefault, pb.AT_DropNotNull, pb.AT_SetNotNull, pb.AT_SetExpression, pb.AT_DropExpression,
    pb.AT_SetStatistics, pb.AT_SetStorage, pb.AT_SetCompression, pb.AT_DropColumn, pb.AT_AlterColumnType,
    pb.AT_AddIdentity, pb.AT_SetIdentity, pb.AT_DropIdentity,
}  # fmt: skip
_OF_A_TRIGGER = {pb.AT_EnableTrig, pb.AT_EnableAlwaysTrig, pb.AT_EnableReplicaTrig, pb.AT_DisableTrig}
_OF_A_CONSTRAINT = {pb.AT_ValidateConstraint, pb.AT_DropConstraint}


def _command(catalog: Catalog, table: Table, command: pb.AlterTableCmd, at: int) -> Problems:
    definition: pb.Node = getattr(command, "def")
    if command.subtype in _OF_A_COLUMN and not command.missing_ok:
        yield missing_column(catalog, table, command.name, at)
    if command.subtype in _OF_A_TRIGGER and command.name not in table.triggers:
        hint = did_you_mean(command.name, table.triggers)
        yield Problem("unknown-object", f"{shown(table.name)} has no trigger {command.name}", at, hint)
    if command.subtype in _OF_A_CONSTRAINT and not command.missing_ok:
        yield _missing_constraint(catalog, table, command.name, at)
    if command.subtype == pb.AT_DropConstraint and command.behavior != pb.DROP_CASCADE:
        yield named.drop_key(catalog, table, command.name, at)
    if command.subtype == pb.AT_AddColumn:
        column = definition.column_def
        if column.colname in table.columns and not command.missing_ok:
            yield Problem(
                "already-exists", f"{shown(table.name)} has a column {column.colname} already", column.location
            )
        yield from _column(catalog, column_of(catalog, table, column), column)
    elif command.subtype == pb.AT_AddConstraint:
        yield from _constraint(catalog, table, definition.constraint)
    elif command.subtype == pb.AT_AlterColumnType:
        yield missing_type(catalog, definition.column_def.type_name)
        yield from problems_in(catalog, definition.column_def.raw_default, _row(table))
    elif command.subtype == pb.AT_ColumnDefault:
        yield from problems_in(catalog, definition, _row(table))
    elif command.subtype in (pb.AT_AttachPartition, pb.AT_DetachPartition) and table.kind == "partitioned":
        yield missing_relation(catalog, definition.partition_cmd.name, "partition")
    elif command.subtype in (pb.AT_AddInherit, pb.AT_DropInherit):
        yield missing_relation(catalog, definition.range_var)


def _missing_constraint(catalog: Catalog, table: Table, name: str, at: int) -> Problem | None:
    names = [one.name for one in table.constraints]
    if name in names or table.is_open or name in catalog.doubtful or name.endswith("_not_null"):
        return None
    return Problem("unknown-object", f"{shown(table.name)} has no constraint {name}", at, did_you_mean(name, names))


def _relation_only(catalog: Catalog, made: pb.RefreshMatViewStmt | pb.RuleStmt) -> Problems:
    yield missing_relation(catalog, made.relation)


def _relations(catalog: Catalog, made: pb.TruncateStmt | pb.LockStmt) -> Problems:
    for one in made.relations:
        yield missing_relation(catalog, one.range_var)


def _copy(catalog: Catalog, made: pb.CopyStmt) -> Problems:
    if made.HasField("query"):
        yield from problems_in(catalog, made.query)
        return
    yield missing_relation(catalog, made.relation)
    table = catalog.table(made.relation)
    for name in texts(made.attlist) if table else ():
        yield missing_column(catalog, table, name, made.relation.location) if table else None


def _call(catalog: Catalog, made: pb.CallStmt) -> Problems:
    call = made.funccall
    yield missing_function(catalog, parts(call.funcname), len(call.args), call.location, "procedure")
    for one in call.args:
        yield from problems_in(catalog, one)


def _rename(catalog: Catalog, made: pb.RenameStmt) -> Problems:
    if not made.HasField("relation"):
        return
    missing = missing_relation(catalog, made.relation)
    table = catalog.table(made.relation)
    if missing is not None and catalog.qualified(made.relation) not in catalog.indexes:
        yield None if made.missing_ok else missing
    elif table is not None and made.rename_type == pb.OBJECT_COLUMN:
        yield missing_column(catalog, table, made.subname, made.relation.location)
        if made.newname in table.columns:
            message = f"{shown(table.name)} has a column {made.newname} already"
            yield Problem("already-exists", message, made.relation.location)
    elif table is not None and made.rename_type == pb.OBJECT_TABCONSTRAINT:
        yield _missing_constraint(catalog, table, made.subname, made.relation.location)
    elif table is not None and made.rename_type in RELATIONS:
        yield _taken(catalog, (table.name[0], made.newname), made.relation.location)


_CHECKS: dict[str, Callable[..., Iterable[Problem | None]]] = {
    "select_stmt": _query,
    "insert_stmt": problems_in,
    "update_stmt": problems_in,
    "delete_stmt": problems_in,
    "merge_stmt": problems_in,
    "call_stmt": _call,
    "copy_stmt": _copy,
    "truncate_stmt": _relations,
    "lock_stmt": _relations,
    "vacuum_stmt": named.vacuum,
    "refresh_mat_view_stmt": _relation_only,
    "rule_stmt": _relation_only,
    "create_schema_stmt": _create_schema,
    "create_stmt": _create_table,
    "create_foreign_table_stmt": _create_foreign_table,
    "create_table_as_stmt": _create_table_as,
    "view_stmt": _create_view,
    "index_stmt": _create_index,
    "create_seq_stmt": _create_sequence,
    "create_enum_stmt": _create_enum,
    "alter_enum_stmt": _alter_enum,
    "create_domain_stmt": _create_domain,
    "composite_type_stmt": _create_composite,
    "create_function_stmt": _create_function,
    "create_trig_stmt": _create_trigger,
    "create_event_trig_stmt": named.event_trigger,
    "create_policy_stmt": _create_policy,
    "create_stats_stmt": _create_statistics,
    "alter_table_stmt": _alter_table,
    "rename_stmt": _rename,
    "drop_stmt": named.drop,
    "comment_stmt": named.comment,
    "grant_stmt": named.grant,
}
