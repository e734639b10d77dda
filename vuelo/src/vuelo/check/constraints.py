"""Are the constraints of tables what they look like?"""

from collections.abc import Iterator
from dataclasses import dataclass

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Constraint, Name, Table
from vuelo.check.columns import column_of, columns_in, constraint_of, with_constraint
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.objects import shown
from vuelo.check.source import ParsedStatement, SourceFile
from vuelo.check.tree import walk

_KEYS = ("primary key", "unique")
_TEXTS = {"text", "character varying", "character", "name"}

DUPLICATE = Rule(
    "duplicate-constraint",
    Severity.ERROR,
    "A table has two constraints of one name, or two that say the same: the first is refused, the second costs each"
    " write twice.",
    "Give each constraint a name of its own, and keep one of those that say the same.",
    """CREATE TABLE shop.orders (id bigint, number text,
    CONSTRAINT orders_key UNIQUE (id), CONSTRAINT orders_key UNIQUE (number));""",
    """CREATE TABLE shop.orders (id bigint, number text,
    CONSTRAINT orders_id_key UNIQUE (id), CONSTRAINT orders_number_key UNIQUE (number));""",
)
UNNAMED = Rule(
    "unnamed-constraint",
    Severity.WARNING,
    "A constraint without a name gets one that depends on its columns; error messages, and the migration that changes"
    " it one day, need the name.",
    "Write CONSTRAINT and a name before it.",
    "CREATE TABLE shop.orders (id bigint PRIMARY KEY, amount numeric CHECK (amount > 0));",
    """CREATE TABLE shop.orders (id bigint, amount numeric,
    CONSTRAINT orders_pk PRIMARY KEY (id), CONSTRAINT orders_amount_check CHECK (amount > 0));""",
)
FOREIGN_KEY_TYPE = Rule(
    "foreign-key-type",
    Severity.ERROR,
    "The columns of a foreign key have another type, or another number, than those they refer to: PostgreSQL refuses"
    " it, or converts at every check.",
    "Give both sides the same type.",
    """CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_pk PRIMARY KEY (id));
CREATE TABLE shop.lines (order_id integer,
    CONSTRAINT lines_order_id_fk FOREIGN KEY (order_id) REFERENCES shop.orders (id));""",
    """CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_pk PRIMARY KEY (id));
CREATE TABLE shop.lines (order_id bigint,
    CONSTRAINT lines_order_id_fk FOREIGN KEY (order_id) REFERENCES shop.orders (id));""",
)
FOREIGN_KEY_TARGET = Rule(
    "foreign-key-target",
    Severity.ERROR,
    "A foreign key refers to columns that no primary key or unique constraint covers, which PostgreSQL refuses.",
    "Refer to the primary key, or add a unique constraint to the other table first.",
    """CREATE TABLE shop.orders (id bigint, number text, CONSTRAINT orders_pk PRIMARY KEY (id));
CREATE TABLE shop.lines (number text,
    CONSTRAINT lines_number_fk FOREIGN KEY (number) REFERENCES shop.orders (number));""",
    """CREATE TABLE shop.orders (id bigint, number text,
    CONSTRAINT orders_pk PRIMARY KEY (id), CONSTRAINT orders_number_key UNIQUE (number));
CREATE TABLE shop.lines (number text,
    CONSTRAINT lines_number_fk FOREIGN KEY (number) REFERENCES shop.orders (number));""",
)
FOREIGN_KEY_INDEX = Rule(
    "foreign-key-without-index",
    Severity.WARNING,
    "No index begins with a column of a foreign key: each DELETE on the other table reads this one from end to end.",
    "Create an index on the columns; a unique key that begins with them counts.",
    """CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_pk PRIMARY KEY (id));
CREATE TABLE shop.lines (order_id bigint,
    CONSTRAINT lines_order_id_fk FOREIGN KEY (order_id) REFERENCES shop.orders (id));""",
    """CREATE TABLE shop.orders (id bigint, CONSTRAINT orders_pk PRIMARY KEY (id));
CREATE TABLE shop.lines (order_id bigint,
    CONSTRAINT lines_order_id_fk FOREIGN KEY (order_id) REFERENCES shop.orders (id));
CREATE INDEX lines_order_id_idx ON shop.lines (order_id);""",
)
CHECK_WITHOUT_COLUMN = Rule(
    "check-without-column",
    Severity.ERROR,
    "A CHECK names no column, so that it is true or false for every row alike.",
    "Name the column that it is about; often quotes made a text of it.",
    "CREATE TABLE shop.orders (status text, CONSTRAINT orders_status_check CHECK ('status' IN ('OPEN', 'DONE')));",
    "CREATE TABLE shop.orders (status text, CONSTRAINT orders_status_check CHECK (status IN ('OPEN', 'DONE')));",
)
RULES = (DUPLICATE, UNNAMED, FOREIGN_KEY_TYPE, FOREIGN_KEY_TARGET, FOREIGN_KEY_INDEX, CHECK_WITHOUT_COLUMN)


@dataclass(frozen=True)
class Made:
    """A constraint as a statement makes it: `table` is as it is without it, `at` its place."""

    table: Table
    constraint: Constraint
    at: int


def made_by(statement: ParsedStatement, before: Catalog) -> Iterator[Made]:
    """The constraints that a CREATE TABLE or ALTER TABLE adds, one after the other."""
    node = statement.node
    if node.HasField("create_stmt"):
        made = node.create_stmt
        name = (made.relation.schemaname or before.search_path[0], made.relation.relname)
        table = Table(name, "table", {})
        for like in made.table_elts:
            source = before.table(like.table_like_clause.relation) if like.HasField("table_like_clause") else None
            table = _with_columns(table, source)
        for parent in made.inh_relations:
            table = _with_columns(table, before.table(parent.range_var))
        elements = [*(one for one in made.table_elts if one.HasField("column_def")), *made.table_elts]
        for number, element in enumerate(elements):
            if element.HasField("constraint"):
                yield (one := _made(before, table, element.constraint))
                table = with_constraint(table, one.constraint)
            elif element.HasField("column_def") and number < len(elements) - len(made.table_elts):
                yield from _of_column(before, table, element.column_def)
                table = column_of(before, table, element.column_def)
    elif node.HasField("alter_table_stmt"):
        table = before.table(node.alter_table_stmt.relation)
        for command in node.alter_table_stmt.cmds if table else ():
            definition: pb.Node = getattr(command.alter_table_cmd, "def")
            if command.alter_table_cmd.subtype == pb.AT_AddConstraint and table:
                yield (one := _made(before, table, definition.constraint))
                table = with_constraint(table, one.constraint)
            elif command.alter_table_cmd.subtype == pb.AT_DropConstraint and table:
                table = _without(table, command.alter_table_cmd.name)
            elif command.alter_table_cmd.subtype == pb.AT_AddColumn and table:
                yield from _of_column(before, table, definition.column_def)
                table = column_of(before, table, definition.column_def)


def _with_columns(table: Table, source: Table | None) -> Table:
    return table if source is None else Table(table.name, table.kind, {**table.columns, **source.columns}, is_open=True)


def _without(table: Table, constraint: str) -> Table:
    kept = tuple(one for one in table.constraints if one.name != constraint)
    return Table(table.name, table.kind, table.columns, kept, is_open=table.is_open)


def _made(catalog: Catalog, table: Table, made: pb.Constraint) -> Made:
    return Made(table, constraint_of(catalog, table, made), made.location)


def _of_column(catalog: Catalog, table: Table, column: pb.ColumnDef) -> Iterator[Made]:
    bare = pb.ColumnDef(colname=column.colname, type_name=column.type_name)
    table = column_of(catalog, table, bare)
    for one in column.constraints:
        constraint = constraint_of(catalog, table, one.constraint, column.colname)
        if constraint.kind and constraint.kind != "not null":
            yield Made(table, constraint, one.constraint.location)
            table = with_constraint(table, constraint)


def constraints(file: SourceFile, statement: ParsedStatement, before: Catalog) -> Iterator[Finding]:
    for made in made_by(statement, before):
        one, table = made.constraint, made.table
        if one.kind in ("", "not null"):
            continue
        if not one.is_named:
            what = f"a {one.kind} constraint of {shown(table.name)} has no name"
            yield file.finding(UNNAMED, statement, what, at=made.at, hint=f"such as CONSTRAINT {one.name}")
        same = _same(table, one)
        if same is not None:
            yield file.finding(DUPLICATE, statement, same, at=made.at, hint=DUPLICATE.fix)
        if one.kind == "check" and one.expression is not None and _names_no_column(one.expression):
            message = f"the CHECK {one.name} names no column"
            yield file.finding(CHECK_WITHOUT_COLUMN, statement, message, at=made.at, hint=CHECK_WITHOUT_COLUMN.fix)
        if one.kind == "foreign key":
            yield from _foreign_key(file, statement, before, made)


def _same(table: Table, new: Constraint) -> str | None:
    for old in table.constraints:
        if old.name == new.name and new.is_named:
            return f"{shown(table.name)} has a constraint {new.name} already"
        if old.kind == new.kind == "primary key":
            return f"{shown(table.name)} has a primary key already"
        if old.kind != new.kind:
            continue
        if new.kind in _KEYS and old.columns == new.columns:
            return f"{new.name} says the same as {old.name}"
        if new.kind == "foreign key" and (old.columns, old.references) == (new.columns, new.references):
            return f"{new.name} says the same as {old.name}"
    return None


def _names_no_column(expression: pb.Node) -> bool:
    return not columns_in(expression) and not any(isinstance(one, pb.ColumnRef) for one in walk(expression))


def _foreign_key(file: SourceFile, statement: ParsedStatement, before: Catalog, made: Made) -> Iterator[Finding]:
    one, table = made.constraint, made.table
    assert one.references is not None
    other = table if one.references == table.name else before.tables.get(one.references)
    if other is None or other.is_open or not one.referenced_columns:
        return
    if len(one.columns) != len(one.referenced_columns):
        message = f"{one.name} has {len(one.columns)} columns and refers to {len(one.referenced_columns)}"
        yield file.finding(FOREIGN_KEY_TYPE, statement, message, at=made.at)
        return
    for mine, its in zip(one.columns, one.referenced_columns, strict=True):
        left, right = table.columns.get(mine), other.columns.get(its)
        if left and right and not _same_type(before, left.type, right.type):
            message = f"{mine} is {left.type}, {shown(other.name)}.{its} is {right.type}"
            yield file.finding(FOREIGN_KEY_TYPE, statement, message, at=made.at, hint=FOREIGN_KEY_TYPE.fix)
    keys = [set(key.columns) for key in other.constraints if key.kind in _KEYS]
    keys += [set(index.columns) for index in before.indexes_of(other.name) if index.unique and not index.partial]
    if set(one.referenced_columns) not in keys and set(one.referenced_columns) <= other.columns.keys():
        message = f"no unique key of {shown(other.name)} has the columns ({', '.join(one.referenced_columns)})"
        yield file.finding(FOREIGN_KEY_TARGET, statement, message, at=made.at, hint=FOREIGN_KEY_TARGET.fix)


def _same_type(catalog: Catalog, left: str, right: str) -> bool:
    left, right = _base(catalog, left), _base(catalog, right)
    return not left or not right or left == right or {left, right} <= _TEXTS


def _base(catalog: Catalog, name: str) -> str:
    """What a domain stands on."""
    schema, _, word = name.rpartition(".")
    domain = catalog.types.get((schema, word))
    return _base(catalog, domain.base) if domain is not None and domain.base else name


def without_index(file: SourceFile, statement: ParsedStatement, before: Catalog, final: Catalog) -> Iterator[Finding]:
    """Foreign keys of a statement that have no index in the end, when all files were applied."""
    for made in made_by(statement, before):
        table = final.tables.get(made.table.name)
        if made.constraint.kind != "foreign key" or table is None:
            continue
        stands = any(one.name == made.constraint.name for one in table.constraints)
        if stands and not _has_index(final, table.name, table, made.constraint.columns):
            columns = ", ".join(made.constraint.columns)
            message = f"no index of {shown(table.name)} begins with ({columns})"
            yield file.finding(FOREIGN_KEY_INDEX, statement, message, at=made.at, hint=FOREIGN_KEY_INDEX.fix)


def _has_index(catalog: Catalog, name: Name, table: Table, columns: tuple[str, ...]) -> bool:
    keys = [one.columns for one in table.constraints if one.kind in _KEYS]
    keys += [index.columns for index in catalog.indexes_of(name)]
    # The first column is enough: of a key of several, one that begins with any of them finds the rows.
    return any(key[0] in columns for key in keys if key)
