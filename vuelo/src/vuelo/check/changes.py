"""What a statement changes of the catalog. What makes no sense is left out in silence: the rules speak of it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from postgast import pg_query_pb2 as pb

from vuelo.check import alterations, dropping
from vuelo.check.catalog import Catalog, Column, Function, Index, Name, Table, Trigger, Type
from vuelo.check.columns import column_of, constraint_of, with_constraint
from vuelo.check.names import parts, texts, type_name, type_of
from vuelo.check.queries import columns_of, relations_in
from vuelo.check.tree import walk

_BEFORE, _ON_INSERT, _ON_UPDATE = 2, 4, 16  # PostgreSQL's TRIGGER_TYPE bits
_FIELD = re.compile(r"\bnew\s*\.\s*(\w+)", re.IGNORECASE)
_WHOLE_ROW = re.compile(r"\bnew\s*:?=|\binto\s+(?:strict\s+)?new\b(?!\s*\.)", re.IGNORECASE)
_OUT = (pb.FUNC_PARAM_OUT, pb.FUNC_PARAM_TABLE)
_IN = (pb.FUNC_PARAM_IN, pb.FUNC_PARAM_DEFAULT, pb.FUNC_PARAM_INOUT, pb.FUNC_PARAM_VARIADIC)


def apply(catalog: Catalog, node: pb.Node, made_in: str) -> None:
    """Change the catalog as the statement changes a database; `made_in` is the name of its file."""
    kind = node.WhichOneof("node") or ""
    change = _CHANGES.get(kind)
    if change is not None:
        change(catalog, getattr(node, kind), made_in)


def _create_schema(catalog: Catalog, made: pb.CreateSchemaStmt, made_in: str) -> None:
    catalog.schemas.add(made.schemaname or made.authrole.rolename)
    path, catalog.search_path = catalog.search_path, (made.schemaname, *catalog.search_path)
    for element in made.schema_elts:
        apply(catalog, element, made_in)
    catalog.search_path = path


def _create_table(catalog: Catalog, made: pb.CreateStmt, made_in: str, kind: str = "table") -> None:
    name = new_name(catalog, made.relation)
    if name in catalog.tables:
        return
    table = Table(name, "partitioned" if made.HasField("partspec") else kind, {}, made_in=made_in)
    keys = [part.partition_elem.name for part in made.partspec.part_params if part.partition_elem.name]
    table = replace(table, partition_key=tuple(keys))
    for parent in made.inh_relations:
        table = _like(catalog, table, parent.range_var)
        if made.HasField("partbound"):
            table = replace(table, partition_of=catalog.qualified(parent.range_var))
    if made.HasField("of_typename"):
        shape = catalog.tables.get(type_name(catalog, made.of_typename))
        table = replace(table, columns=shape.columns if shape else {}, is_open=shape is None)
    for element in made.table_elts:
        if element.HasField("table_like_clause"):
            table = _like(catalog, table, element.table_like_clause.relation)
        elif element.HasField("column_def"):
            table = column_of(catalog, table, element.column_def)
            _make_sequence(catalog, table, element.column_def)
    for element in made.table_elts:  # after the columns, which they may name in any order
        if element.HasField("constraint"):
            table = with_constraint(table, constraint_of(catalog, table, element.constraint))
    catalog.tables[name] = table


def _like(catalog: Catalog, table: Table, source: pb.RangeVar) -> Table:
    shape = catalog.table(source)
    if shape is None:
        return replace(table, is_open=True)
    return replace(table, columns={**table.columns, **shape.columns}, is_open=table.is_open or shape.is_open)


def _make_sequence(catalog: Catalog, table: Table, column: pb.ColumnDef) -> None:
    owned = parts(column.type_name.names)[1].endswith(("serial", "serial8", "serial4", "serial2"))
    if owned or any(one.constraint.contype == pb.CONSTR_IDENTITY for one in column.constraints):
        schema, name = table.name
        catalog.sequences.add((schema, f"{name}_{column.colname}_seq"))


def _create_foreign_table(catalog: Catalog, made: pb.CreateForeignTableStmt, made_in: str) -> None:
    _create_table(catalog, made.base_stmt, made_in, "foreign")


def _create_table_as(catalog: Catalog, made: pb.CreateTableAsStmt, made_in: str) -> None:
    kind = "materialized view" if made.objtype == pb.OBJECT_MATVIEW else "table"
    _relation_of_query(catalog, new_name(catalog, made.into.rel), kind, made.query, made.into.col_names, made_in)


def _create_view(catalog: Catalog, made: pb.ViewStmt, made_in: str) -> None:
    _relation_of_query(catalog, new_name(catalog, made.view), "view", made.query, made.aliases, made_in)


def _call(catalog: Catalog, made: pb.SelectStmt | pb.CallStmt, made_in: str) -> None:
    """A function that runs SQL of its own may make something named after what it is given."""
    del made_in
    for call in walk(made):
        if isinstance(call, pb.FuncCall):
            called = catalog.functions.get(find_function(catalog, *parts(call.funcname)), ())
            words = [one.a_const.sval.sval.lower() for one in call.args] if any(f.executes for f in called) else []
            catalog.made_from |= {word for word in words if word.isidentifier() and len(word) > 2}


def _select(catalog: Catalog, made: pb.SelectStmt, made_in: str) -> None:
    _call(catalog, made, made_in)
    if made.HasField("into_clause"):
        query = pb.Node(select_stmt=made)
        _relation_of_query(catalog, new_name(catalog, made.into_clause.rel), "table", query, (), made_in)


def _relation_of_query(
    catalog: Catalog, name: Name, kind: str, query: pb.Node, aliases: Iterable[pb.Node], made_in: str
) -> None:
    found = columns_of(catalog, query)
    names = texts(aliases)
    if found is None:
        columns = {one: Column(one, "") for one in names}
    else:
        columns = {one: Column(one, "") for one in [*names, *found[len(names) :]]}
    uses = frozenset(relations_in(catalog, query)) if kind != "table" else frozenset[Name]()
    old = catalog.tables.get(name)
    comment = old is not None and old.has_comment
    catalog.tables[name] = Table(
        name, kind, columns, is_open=found is None, made_in=made_in, uses=uses, has_comment=comment
    )


def _create_index(catalog: Catalog, made: pb.IndexStmt, made_in: str) -> None:
    del made_in
    table = catalog.qualified(made.relation)
    columns: list[str] = []
    for element in made.index_params:
        if not element.index_elem.name:
            break
        columns.append(element.index_elem.name)
    name = (table[0], made.idxname or "_".join([table[1], *(columns or ["expr"]), "idx"])[:63])
    found = Index(name, table, tuple(columns), made.unique, made.HasField("where_clause"))
    catalog.indexes.setdefault(name, found)


def _create_sequence(catalog: Catalog, made: pb.CreateSeqStmt, made_in: str) -> None:
    del made_in
    catalog.sequences.add(new_name(catalog, made.sequence))


def _create_enum(catalog: Catalog, made: pb.CreateEnumStmt, made_in: str) -> None:
    del made_in
    name = new_type(catalog, made.type_name)
    catalog.types[name] = Type(name, "enum", tuple(texts(made.vals)))


def _alter_enum(catalog: Catalog, made: pb.AlterEnumStmt, made_in: str) -> None:
    del made_in
    name = _existing_type(catalog, made.type_name)
    old = catalog.types.get(name)
    if old is not None:
        labels = [label for label in old.labels if label != made.old_val]
        catalog.types[name] = replace(old, labels=(*labels, made.new_val))


def _create_domain(catalog: Catalog, made: pb.CreateDomainStmt, made_in: str) -> None:
    del made_in
    name = new_type(catalog, made.domainname)
    catalog.types[name] = Type(name, "domain", base=type_of(catalog, made.type_name))


def _create_composite(catalog: Catalog, made: pb.CompositeTypeStmt, made_in: str) -> None:
    table = Table(new_name(catalog, made.typevar), "type", {}, made_in=made_in)
    for column in made.coldeflist:
        table = column_of(catalog, table, column.column_def)
    catalog.tables[table.name] = table


def _create_range(catalog: Catalog, made: pb.CreateRangeStmt, made_in: str) -> None:
    name = new_type(catalog, made.type_name)
    catalog.types[name] = Type(name, "range")
    multirange = (name[0], name[1].replace("range", "multirange") if "range" in name[1] else f"{name[1]}_multirange")
    catalog.types[multirange] = Type(multirange, "range")
    for made_type in (name, multirange):
        catalog.functions[made_type] = (Function(made_type, (), variadic=True, made_in=made_in),)


def _define(catalog: Catalog, made: pb.DefineStmt, made_in: str) -> None:
    name = new_type(catalog, made.defnames)
    if made.kind == pb.OBJECT_TYPE:
        catalog.types[name] = Type(name, "base")
    elif made.kind == pb.OBJECT_AGGREGATE:
        aggregate = Function(name, (), variadic=True, kind="aggregate", made_in=made_in)
        catalog.functions[name] = (*catalog.functions.get(name, ()), aggregate)


def _create_function(catalog: Catalog, made: pb.CreateFunctionStmt, made_in: str) -> None:
    function = function_of(catalog, made, made_in)
    others = [one for one in catalog.functions.get(function.name, ()) if one.arguments != function.arguments]
    catalog.functions[function.name] = (*others, function)


def function_of(catalog: Catalog, made: pb.CreateFunctionStmt, made_in: str) -> Function:
    """The function that a CREATE FUNCTION or PROCEDURE makes."""
    parameters = [one.function_parameter for one in made.parameters]
    inputs = [one for one in parameters if one.mode in _IN]
    outputs = [one.name for one in parameters if one.mode in (*_OUT, pb.FUNC_PARAM_INOUT)]
    returned = catalog.tables.get(type_name(catalog, made.return_type)) if made.HasField("return_type") else None
    columns: tuple[str, ...] | None = tuple(outputs) if len(outputs) > 1 or _returns_table(parameters) else None
    if returned is not None and not returned.is_open:
        columns = tuple(returned.columns)
    return Function(
        new_type(catalog, made.funcname),
        tuple(type_of(catalog, one.arg_type) for one in inputs),
        sum(one.HasField("defexpr") for one in inputs),
        any(one.mode == pb.FUNC_PARAM_VARIADIC for one in inputs),
        type_of(catalog, made.return_type) if made.HasField("return_type") else None,
        "procedure" if made.is_procedure else "function",
        columns,
        "execute" in _body(made).lower(),
        _touched(_body(made)) if parts(made.return_type.names)[1] == "trigger" else frozenset(),
        made_in,
        _is_volatile(made),
    )


def _is_volatile(made: pb.CreateFunctionStmt) -> bool:
    declared = [one.def_elem.arg.string.sval for one in made.options if one.def_elem.defname == "volatility"]
    return declared in ([], ["volatile"])


def _body(made: pb.CreateFunctionStmt) -> str:
    options = {one.def_elem.defname: one.def_elem.arg for one in made.options}
    return options["as"].list.items[0].string.sval if "as" in options else ""


def _touched(body: str) -> frozenset[str] | None:
    return None if _WHOLE_ROW.search(body) else frozenset(name.lower() for name in _FIELD.findall(body))


def _returns_table(parameters: list[pb.FunctionParameter]) -> bool:
    return any(one.mode == pb.FUNC_PARAM_TABLE for one in parameters)


def _create_trigger(catalog: Catalog, made: pb.CreateTrigStmt, made_in: str) -> None:
    del made_in
    table = catalog.table(made.relation)
    if table is not None:
        schema, name = parts(made.funcname)
        transitions = tuple(one.trigger_transition.name for one in made.transition_rels)
        events = {"insert": _ON_INSERT, "update": _ON_UPDATE} if made.row and made.timing & _BEFORE else {}
        before = frozenset(event for event, bit in events.items() if made.events & bit)
        trigger = Trigger(find_function(catalog, schema, name), transitions, before)
        catalog.tables[table.name] = replace(table, triggers={**table.triggers, made.trigname: trigger})


def find_function(catalog: Catalog, schema: str, name: str) -> Name:
    """Where a function of that name stands; in the first schema of the search path when there is none."""
    if schema:
        return schema, name
    return next(
        ((one, name) for one in catalog.search_path if (one, name) in catalog.functions),
        (catalog.search_path[0], name),
    )


def _comment(catalog: Catalog, made: pb.CommentStmt, made_in: str) -> None:
    del made_in
    if made.objtype in (pb.OBJECT_TABLE, pb.OBJECT_FOREIGN_TABLE):
        name = catalog.find(*parts(made.object.list.items))
        if name in catalog.tables:
            catalog.tables[name] = replace(catalog.tables[name], has_comment=bool(made.comment))


def _create_extension(catalog: Catalog, made: pb.CreateExtensionStmt, made_in: str) -> None:
    del made, made_in
    catalog.has_extensions = True


def _set(catalog: Catalog, made: pb.VariableSetStmt, made_in: str) -> None:
    del made_in
    if made.name == "search_path" and made.kind == pb.VAR_SET_VALUE:
        words = [one.a_const.sval.sval for one in made.args]
        catalog.search_path = tuple(word.strip() for word in words if word.strip()) or catalog.search_path


def new_name(catalog: Catalog, relation: pb.RangeVar) -> Name:
    """Of a relation that a statement makes: without a schema it comes into the first of the search path."""
    if relation.relpersistence == "t":
        return "pg_temp", relation.relname
    return relation.schemaname or catalog.search_path[0], relation.relname


def new_type(catalog: Catalog, names: Iterable[pb.Node]) -> Name:
    schema, name = parts(names)
    return schema or catalog.search_path[0], name


def _existing_type(catalog: Catalog, names: Iterable[pb.Node]) -> Name:
    schema, name = parts(names)
    if schema:
        return schema, name
    return next(((one, name) for one in catalog.search_path if (one, name) in catalog.types), ("", name))


_CHANGES: dict[str, Callable[..., None]] = {
    "create_schema_stmt": _create_schema,
    "create_stmt": _create_table,
    "create_foreign_table_stmt": _create_foreign_table,
    "create_table_as_stmt": _create_table_as,
    "view_stmt": _create_view,
    "call_stmt": _call,
    "select_stmt": _select,
    "index_stmt": _create_index,
    "create_seq_stmt": _create_sequence,
    "create_enum_stmt": _create_enum,
    "alter_enum_stmt": _alter_enum,
    "create_domain_stmt": _create_domain,
    "composite_type_stmt": _create_composite,
    "create_range_stmt": _create_range,
    "define_stmt": _define,
    "create_function_stmt": _create_function,
    "create_trig_stmt": _create_trigger,
    "comment_stmt": _comment,
    "create_extension_stmt": _create_extension,
    "variable_set_stmt": _set,
    "alter_table_stmt": alterations.alter_table,
    "rename_stmt": alterations.rename,
    "alter_object_schema_stmt": alterations.move,
    "drop_stmt": dropping.drop,
}
