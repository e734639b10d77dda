"""What a query names, and the columns that it gives: names are looked up as PostgreSQL looks them up.

Where something cannot be known (a record, what dynamic SQL gives) nothing is said about it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Name
from vuelo.check.names import PG_CATALOG, parts, texts
from vuelo.check.objects import (
    SYSTEM_COLUMNS,
    Problem,
    did_you_mean,
    functions_named,
    missing_column,
    missing_function,
    missing_name,
    missing_relation,
    missing_type,
    shown,
)
from vuelo.check.scope import Columns, Item, Scope, aliased, joined, name_of
from vuelo.check.tree import children, inner, walk

_QUERIES = (pb.SelectStmt, pb.InsertStmt, pb.UpdateStmt, pb.DeleteStmt, pb.MergeStmt)
_SETS = {"generate_series", "unnest", "string_to_table", "regexp_split_to_table"}
_SETS_OF_VALUE = {
    "json_array_elements",
    "jsonb_array_elements",
    "json_array_elements_text",
    "jsonb_array_elements_text",
}


def problems_in(catalog: Catalog, node: Message, scope: Scope | None = None) -> list[Problem]:
    """Of a query or an expression."""
    reader = Reader(catalog)
    reader.read(inner(node), scope or Scope())
    return reader.problems


def columns_of(catalog: Catalog, query: Message) -> Columns:
    return Reader(catalog).query(inner(query), Scope())


def relations_in(catalog: Catalog, query: Message) -> set[Name]:
    """Every relation that a query names."""
    return {catalog.qualified(one) for one in walk(query) if isinstance(one, pb.RangeVar)} & catalog.tables.keys()


@dataclass
class Reader:
    """Reads queries against a catalog and keeps what is wrong with them."""

    catalog: Catalog
    problems: list[Problem] = field(default_factory=list[Problem])

    def tell(self, problem: Problem | None) -> None:
        if problem is not None:
            self.problems.append(problem)

    def query(self, query: Message, scope: Scope) -> Columns:
        if isinstance(query, pb.SelectStmt):
            return self.select(query, scope)
        if isinstance(query, pb.InsertStmt):
            return self.insert(query, scope)
        if isinstance(query, pb.UpdateStmt):
            return self.update(query, scope)
        if isinstance(query, pb.DeleteStmt):
            return self.delete(query, scope)
        if isinstance(query, pb.MergeStmt):
            return self.merge(query, scope)
        return None

    def select(self, select: pb.SelectStmt, scope: Scope) -> Columns:
        scope = self.with_ctes(select.with_clause, scope)
        if select.HasField("larg"):
            columns = self.select(select.larg, scope)
            self.select(select.rarg, scope)
            self.read_all([*select.sort_clause, select.limit_count, select.limit_offset], self.of_names(scope, columns))
            return columns
        if select.values_lists:
            for row in select.values_lists:
                self.read(row, scope.inside())
            return tuple(f"column{n}" for n in range(1, len(select.values_lists[0].list.items) + 1))
        inside = scope.inside()
        for one in select.from_clause:
            inside = inside.with_items(self.item(inner(one), scope, inside))
        self.read_all([*select.target_list, select.where_clause, select.having_clause], inside)
        self.read_all([*select.distinct_clause, *select.window_clause, select.limit_count, select.limit_offset], inside)
        columns = self.output(select.target_list, inside)
        self.read_all([*select.group_clause, *select.sort_clause], self.of_names(inside, columns))
        return columns

    def of_names(self, scope: Scope, columns: Columns) -> Scope:
        """GROUP BY and ORDER BY may name what the query gives."""
        return scope.with_items([Item("", columns)])

    def with_ctes(self, clause: pb.WithClause, scope: Scope) -> Scope:
        for one in clause.ctes:
            cte = one.common_table_expr
            names = tuple(texts(cte.aliascolnames))
            inside = replace(scope, ctes={**scope.ctes, cte.ctename: names or None}) if clause.recursive else scope
            columns = self.query(inner(cte.ctequery), inside)
            if columns is not None:
                columns = (*names, *columns[len(names) :])
            if cte.HasField("search_clause") or cte.HasField("cycle_clause"):
                columns = None  # these add columns of their own
            scope = replace(scope, ctes={**scope.ctes, cte.ctename: columns})
        return scope

    def insert(self, insert: pb.InsertStmt, scope: Scope) -> Columns:
        scope = self.with_ctes(insert.with_clause, scope)
        target = self.target(insert.relation)
        names = [one.res_target.name for one in insert.cols]
        self.columns_named(target, insert.cols)
        given = self.query(inner(insert.select_stmt), scope) if insert.HasField("select_stmt") else None
        wanted = len(names) if names else len(target.columns) if target.columns is not None else None
        if given is not None and wanted is not None and (len(given) > wanted or (names and len(given) != wanted)):
            message = f"{len(given)} values for {wanted} columns"
            self.tell(Problem("value-count", message, insert.relation.location, "give each column one value"))
        conflict = insert.on_conflict_clause
        self.conflict_target(target, conflict)
        inside = scope.inside().with_items([target, Item("excluded", target.columns)])
        self.columns_named(target, conflict.target_list)
        self.read_all([*conflict.target_list, conflict.where_clause], inside)
        return self.returning(insert.returning_clause, scope.inside().with_items([target]), target)

    def conflict_target(self, target: Item, conflict: pb.OnConflictClause) -> None:
        """ON CONFLICT (columns) needs a unique key with exactly these columns."""
        table = self.catalog.tables.get(target.table) if target.table else None
        infer = conflict.infer
        if table is None or table.kind not in ("table", "partitioned"):
            return
        keys = [one for one in table.constraints if one.kind in ("primary key", "unique", "exclusion")]
        if infer.conname and infer.conname not in {one.name for one in keys}:
            self.tell(Problem("unknown-object", f"{shown(table.name)} has no key {infer.conname}", infer.location))
        elements = [one.index_elem for one in infer.index_elems]
        names = {one.name for one in elements}
        for name in names - {""}:
            self.tell(missing_column(self.catalog, table, name, infer.location))
        if not names or "" in names or infer.HasField("where_clause"):
            return
        indexes = [one for one in self.catalog.indexes_of(table.name) if one.unique]
        if names not in [set(one.columns) for one in (*keys, *indexes)] and names <= table.columns.keys():
            message = f"no unique key of {shown(table.name)} has the columns ({', '.join(sorted(names))})"
            self.tell(Problem("conflict-target", message, infer.location, "name the columns of a unique constraint"))

    def update(self, update: pb.UpdateStmt, scope: Scope) -> Columns:
        scope = self.with_ctes(update.with_clause, scope)
        target = self.target(update.relation)
        inside = scope.inside().with_items([target])
        for one in update.from_clause:
            inside = inside.with_items(self.item(inner(one), scope, inside))
        self.columns_named(target, update.target_list)
        self.read_all([*update.target_list, update.where_clause], inside)
        return self.returning(update.returning_clause, inside, target)

    def delete(self, delete: pb.DeleteStmt, scope: Scope) -> Columns:
        scope = self.with_ctes(delete.with_clause, scope)
        target = self.target(delete.relation)
        inside = scope.inside().with_items([target])
        for one in delete.using_clause:
            inside = inside.with_items(self.item(inner(one), scope, inside))
        self.read_all([delete.where_clause], inside)
        return self.returning(delete.returning_clause, inside, target)

    def merge(self, merge: pb.MergeStmt, scope: Scope) -> Columns:
        scope = self.with_ctes(merge.with_clause, scope)
        target = self.target(merge.relation)
        inside = scope.inside().with_items([target])
        inside = inside.with_items(self.item(inner(merge.source_relation), scope, inside))
        self.read_all([merge.join_condition], inside)
        for one in merge.merge_when_clauses:
            when = one.merge_when_clause
            self.columns_named(target, when.target_list)
            self.read_all([when.condition, *when.target_list, *when.values], inside)
        return self.returning(merge.returning_clause, inside, target)

    def returning(self, clause: pb.ReturningClause, scope: Scope, target: Item) -> Columns:
        names = [one.returning_option.value for one in clause.options]
        scope = scope.with_items(Item(name, target.columns) for name in ("old", "new", *names))
        self.read_all(clause.exprs, scope)
        return self.output(clause.exprs, replace(scope, items=scope.items[: -2 - len(names)]))

    def target(self, relation: pb.RangeVar) -> Item:
        self.tell(missing_relation(self.catalog, relation))
        return self.relation(relation)

    def relation(self, relation: pb.RangeVar) -> Item:
        table = self.catalog.table(relation)
        columns = None if table is None or table.is_open else tuple(table.columns)
        item = Item(relation.relname, columns, table.name if table else None)
        return aliased(item, relation.alias)

    def columns_named(self, target: Item, names: Iterable[pb.Node]) -> None:
        table = self.catalog.tables.get(target.table) if target.table else None
        for one in names:
            if table is not None and one.res_target.name:
                self.tell(missing_column(self.catalog, table, one.res_target.name, one.res_target.location))

    def item(self, one: Message, scope: Scope, beside: Scope) -> list[Item]:  # noqa: PLR0911 - one return a case reads best
        """One thing in FROM; `beside` is what stands before it, which functions and LATERAL may use."""
        if isinstance(one, pb.RangeVar):
            if not one.schemaname and one.relname in scope.ctes:
                return [aliased(Item(one.relname, scope.ctes[one.relname]), one.alias)]
            self.tell(missing_relation(self.catalog, one) if one.relname not in scope.variables else None)
            return [self.relation(one)]
        if isinstance(one, pb.RangeSubselect):
            columns = self.query(inner(one.subquery), beside if one.lateral else scope)
            return [aliased(Item("", columns), one.alias)]
        if isinstance(one, pb.JoinExpr):
            left = self.item(inner(one.larg), scope, beside)
            both = [*left, *self.item(inner(one.rarg), scope, beside.with_items(left))]
            inside = beside.with_items(both)
            self.read_all([one.quals], inside)
            for name in texts(one.using_clause):
                self.column([name], inside, -1)
            return joined(one, left, both[len(left) :])
        if isinstance(one, pb.RangeFunction):
            return [self.function_item(one, beside)]
        if isinstance(one, pb.RangeTableSample):
            self.read_all(one.args, beside)
            return self.item(inner(one.relation), scope, beside)
        self.read_all(children(one), beside)
        alias = getattr(one, "alias", None)
        return [Item(alias.aliasname if isinstance(alias, pb.Alias) else "", None)]

    def function_item(self, one: pb.RangeFunction, beside: Scope) -> Item:
        calls = [function.list.items[0] for function in one.functions]
        self.read_all(calls, beside)
        defined = [node.column_def for node in one.coldeflist]
        for column in defined:
            self.tell(missing_type(self.catalog, column.type_name))
        call = calls[0].func_call
        schema, name = parts(call.funcname) if calls[0].HasField("func_call") else ("", "")
        own = functions_named(self.catalog, schema, name)
        columns: Columns = None
        if defined:
            columns = tuple(column.colname for column in defined)
        elif len(calls) == 1 and len(own) == 1:
            columns = own[0].columns
        elif len(calls) == 1 and not own and name in _SETS:
            columns = (one.alias.aliasname or name,) * (max(1, len(call.args)) if name == "unnest" else 1)
        elif len(calls) == 1 and not own and name in _SETS_OF_VALUE:
            columns = ("value",)
        if columns is not None and one.ordinality:
            columns = (*columns, "ordinality")
        return aliased(Item(name, columns), one.alias)

    def read_all(self, nodes: Iterable[Message], scope: Scope) -> None:
        for node in nodes:
            self.read(inner(node), scope)

    def read(self, node: Message, scope: Scope) -> None:
        """An expression: every column, function, type and query in it."""
        if isinstance(node, pb.ColumnRef):
            self.column_ref(node, scope)
        elif isinstance(node, _QUERIES):
            self.query(node, scope)
        elif isinstance(node, pb.TypeName):
            self.tell(missing_type(self.catalog, node))
        elif not isinstance(node, (pb.LockingClause, pb.RangeVar)):
            if isinstance(node, pb.FuncCall):
                self.call(node)
            elif isinstance(node, pb.TypeCast):
                self.constant_name(node.arg, parts(node.type_name.names)[1])
            self.read_all(children(node), scope)

    def call(self, call: pb.FuncCall) -> None:
        name = parts(call.funcname)
        counted = not (call.agg_within_group or call.func_variadic)
        self.tell(missing_function(self.catalog, name, len(call.args) if counted else None, call.location))
        if name in (("", "nextval"), ("", "currval"), ("", "setval"), (PG_CATALOG, "nextval")) and call.args:
            self.constant_name(call.args[0], "regclass")

    def constant_name(self, constant: pb.Node, type_name: str) -> None:
        """'shop.items'::regclass names a table as FROM does."""
        text = constant.a_const.sval.sval
        if type_name != "regclass" or not text or not all(part.isidentifier() for part in text.split(".")):
            return
        schema, _, name = text.lower().rpartition(".")
        found = self.catalog.find(schema, name)
        if found not in self.catalog.indexes and not self.is_key(found):
            self.tell(missing_name(self.catalog, schema, name, constant.a_const.location))

    def is_key(self, name: Name) -> bool:
        tables = (table for table in self.catalog.tables.values() if table.name[0] == name[0])
        return any(one.name == name[1] for table in tables for one in table.constraints)

    def column_ref(self, ref: pb.ColumnRef, scope: Scope) -> None:
        if not ref.fields[-1].HasField("a_star"):
            self.column(texts(ref.fields), scope, ref.location)
        elif len(ref.fields) == 2:
            self.column([ref.fields[0].string.sval, ""], scope, ref.location)

    def column(self, names: Sequence[str], scope: Scope, location: int) -> None:
        """One to three names: column; table and column, or row and field; schema, table and column."""
        if len(names) > 3:
            return
        if len(names) == 1:
            self.plain_column(names[0], scope, location)
            return
        *owner, table, column = names
        for level in scope.levels():
            for item in level.items:
                if item.alias == table and (not owner or item.table in (None, (owner[0], table))):
                    self.column_of(item, column, location)
                    return
        if table in scope.variables or (owner and owner[0] in scope.variables):
            self.field_of(scope.variables.get(table), table, column, location)
        elif table not in self.catalog.doubtful:
            aliases = [item.alias for level in scope.levels() for item in level.items if item.alias]
            message = f"{'.'.join([*owner, table])} is not in FROM here"
            self.tell(Problem("unknown-table", message, location, did_you_mean(table, aliases)))

    def plain_column(self, name: str, scope: Scope, location: int) -> None:
        seen: list[str] = []
        for level in scope.levels():
            for item in level.items:
                if item.columns is None or name in item.columns or name == item.alias:
                    return
                seen += item.columns
        if name not in scope.variables and name not in SYSTEM_COLUMNS and name not in self.catalog.doubtful:
            hint = did_you_mean(name, [*seen, *scope.variables])
            self.tell(Problem("unknown-column", f"there is no column {name}", location, hint))

    def column_of(self, item: Item, column: str, location: int) -> None:
        if not column or item.columns is None or column in item.columns or column in SYSTEM_COLUMNS:
            return
        if functions_named(self.catalog, "", column) or column in self.catalog.doubtful:
            return  # row.function is a call
        what = shown(item.table) if item.table else item.alias
        message = f"{what} has no column {column}"
        self.tell(Problem("unknown-column", message, location, did_you_mean(column, item.columns)))

    def field_of(self, fields: Columns, row: str, name: str, location: int) -> None:
        if fields is not None and name and name not in fields and name not in self.catalog.doubtful:
            message = f"{row} has no field {name}"
            self.tell(Problem("unknown-column", message, location, did_you_mean(name, fields)))

    def output(self, targets: Iterable[pb.Node], scope: Scope) -> Columns:
        """The names of a target list, stars written out."""
        columns: list[str] = []
        for one in targets:
            target, value = one.res_target, inner(one.res_target.val)
            if isinstance(value, pb.ColumnRef) and value.fields[-1].HasField("a_star"):
                wanted = value.fields[-2].string.sval if len(value.fields) > 1 else None
                items = [item for item in scope.items if wanted in (None, item.alias)]
                if not items or any(item.columns is None for item in items):
                    return None
                columns += (column for item in items for column in item.columns or () if column not in item.merged)
                continue
            name = target.name or name_of(value)
            if name is None:
                return None
            columns.append(name)
        return tuple(columns)
