"""Rows that migrations insert, held against the columns and constraints that they go into."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Column, Table
from vuelo.check.evaluate import UNKNOWN, Value, evaluate, literal
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.objects import did_you_mean, shown
from vuelo.check.source import ParsedStatement, SourceFile
from vuelo.check.tree import inner

BREAKS_CHECK = Rule(
    "value-breaks-check",
    Severity.ERROR,
    "A literal in an INSERT or UPDATE breaks a CHECK of the table, so that the statement will be refused.",
    "Correct the value, or let an earlier migration change the CHECK.",
    """CREATE TABLE shop.orders (status text, CONSTRAINT orders_status_check CHECK (status IN ('OPEN', 'DONE')));
INSERT INTO shop.orders (status) VALUES ('CLOSED');""",
    """CREATE TABLE shop.orders (status text, CONSTRAINT orders_status_check CHECK (status IN ('OPEN', 'DONE')));
INSERT INTO shop.orders (status) VALUES ('DONE');""",
)
NOT_IN_ENUM = Rule(
    "value-not-in-enum",
    Severity.ERROR,
    "A literal goes into a column of an enum that has no such value.",
    "Correct the value, or add it to the enum in an earlier migration.",
    """CREATE TYPE shop.order_status AS ENUM ('OPEN', 'DONE');
CREATE TABLE shop.orders (status shop.order_status);
INSERT INTO shop.orders (status) VALUES ('CLOSED');""",
    """CREATE TYPE shop.order_status AS ENUM ('OPEN', 'DONE');
CREATE TABLE shop.orders (status shop.order_status);
INSERT INTO shop.orders (status) VALUES ('DONE');""",
)
TOO_LONG = Rule(
    "value-too-long",
    Severity.ERROR,
    "A literal is longer than its column of type varchar(n) or char(n) takes.",
    "Shorten the value, or give the column the type text.",
    "CREATE TABLE shop.orders (number varchar(5));\nINSERT INTO shop.orders (number) VALUES ('A-2026-1');",
    "CREATE TABLE shop.orders (number varchar(5));\nINSERT INTO shop.orders (number) VALUES ('A-1');",
)
NULL = Rule(
    "null-in-not-null",
    Severity.ERROR,
    "An INSERT gives NULL to a column that is NOT NULL, or leaves out one that has no default.",
    "Give the column a value.",
    "CREATE TABLE shop.orders (id bigint, number text NOT NULL);\nINSERT INTO shop.orders (id) VALUES (1);",
    "CREATE TABLE shop.orders (id bigint, number text NOT NULL);\n"
    "INSERT INTO shop.orders (id, number) VALUES (1, 'A');",
)
GENERATED = Rule(
    "value-for-generated-column",
    Severity.ERROR,
    "An INSERT gives a value to a column that is GENERATED ALWAYS, which PostgreSQL refuses.",
    "Leave the column out, and find the row again by another key.",
    """CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, number text);
INSERT INTO shop.orders (id, number) VALUES (1, 'A');""",
    """CREATE TABLE shop.orders (id bigint GENERATED ALWAYS AS IDENTITY, number text);
INSERT INTO shop.orders (number) VALUES ('A');""",
)
GUESSED_KEY = Rule(
    "guessed-key",
    Severity.WARNING,
    "An INSERT numbers its rows itself in a column that has a sequence: the sequence does not know, and gives the same"
    " number to a later row.",
    "Leave the column out and find the row again by another key, or set the sequence behind it.",
    """CREATE TABLE shop.orders (id bigserial, number text);
INSERT INTO shop.orders (id, number) VALUES (1, 'A');""",
    """CREATE TABLE shop.orders (id bigserial, number text);
INSERT INTO shop.orders (number) VALUES ('A');""",
)
RULES = (BREAKS_CHECK, NOT_IN_ENUM, TOO_LONG, NULL, GENERATED, GUESSED_KEY)


_PLAIN_ARRAY = re.compile(r"\s*\{\s*(\w+(?:\s*,\s*\w+)*)\s*\}\s*")


@dataclass(frozen=True)
class _Cell:
    """One value for one column."""

    column: Column
    node: pb.Node
    value: Value

    @property
    def at(self) -> int:
        node = inner(self.node)
        location: int = getattr(node, "location", -1)
        return location


def values(file: SourceFile, statement: ParsedStatement, before: Catalog) -> Iterator[Finding]:
    if statement.node.HasField("insert_stmt"):
        insert = statement.node.insert_stmt
        table = before.table(insert.relation)
        if table is not None and table.kind in ("table", "partitioned"):
            yield from _insert(file, statement, before, table)
    elif statement.node.HasField("update_stmt"):
        update = statement.node.update_stmt
        table = before.table(update.relation)
        if table is not None:
            targets = [one.res_target for one in update.target_list]
            given = {one.name: one.val for one in targets if one.name in table.columns and not one.indirection}
            touched = _touched(before, table, "update")
            cells = [_cell(table.columns[name], node, touched) for name, node in given.items()]
            yield from _row(file, statement, before, table, cells)


def _insert(file: SourceFile, statement: ParsedStatement, before: Catalog, table: Table) -> Iterator[Finding]:
    insert = statement.node.insert_stmt
    has_values = insert.HasField("select_stmt")  # otherwise DEFAULT VALUES
    named = [one.res_target.name for one in insert.cols] or (list(table.columns) if has_values else [])
    rows = [list(row.list.items) for row in insert.select_stmt.select_stmt.values_lists]
    touched = _touched(before, table, "insert")
    yield from _left_out(file, statement, table, {*named, *touched})
    for column in (table.columns[name] for name in named if name in table.columns):
        given = [row[named.index(column.name)] for row in rows if named.index(column.name) < len(row)]
        given = [one for one in given if not one.HasField("set_to_default")]
        if not insert.cols or (rows and not given):
            continue
        if column.is_generated and insert.override == pb.OVERRIDING_NOT_SET:
            message = f"{shown(table.name)}.{column.name} is GENERATED ALWAYS"
            yield file.finding(GENERATED, statement, message, at=insert.relation.location, hint=GENERATED.fix)
        elif column.is_serial and any(isinstance(inner(one), pb.A_Const) for one in given):
            message = f"{shown(table.name)}.{column.name} has a sequence, which does not learn of these numbers"
            yield file.finding(GUESSED_KEY, statement, message, at=insert.relation.location, hint=GUESSED_KEY.fix)
    for row in rows:
        pairs = zip(named, row, strict=False)
        cells = [_cell(table.columns[name], node, touched) for name, node in pairs if name in table.columns]
        yield from _row(file, statement, before, table, cells)


def _left_out(file: SourceFile, statement: ParsedStatement, table: Table, named: Set[str]) -> Iterator[Finding]:
    for column in table.columns.values():
        if column.not_null and not column.has_default and column.name not in named:
            message = f"{shown(table.name)}.{column.name} is NOT NULL, has no default and gets no value"
            at = statement.node.insert_stmt.relation.location
            yield file.finding(NULL, statement, message, at=at, hint=NULL.fix)


def _cell(column: Column, node: pb.Node, touched: Set[str]) -> _Cell:
    return _Cell(column, node, UNKNOWN if column.name in touched else literal(inner(node), column.type))


def _touched(catalog: Catalog, table: Table, event: str) -> Set[str]:
    """Columns that a BEFORE trigger may fill or change."""
    found: set[str] = set()
    for trigger in table.triggers.values():
        functions = catalog.functions.get(trigger.function, ()) if event in trigger.before else ()
        for function in functions:
            found |= table.columns.keys() if function.touches is None else function.touches
        if event in trigger.before and not functions:
            return table.columns.keys()
    return found


def _row(
    file: SourceFile, statement: ParsedStatement, before: Catalog, table: Table, cells: Sequence[_Cell]
) -> Iterator[Finding]:
    for cell in cells:
        yield from _one_value(file, statement, before, table, cell)
    row = {cell.column.name: cell.value for cell in cells}
    for constraint in table.constraints:
        if constraint.expression is None or evaluate(inner(constraint.expression), row) is not False:
            continue
        guilty = [cell for cell in cells if cell.column.name in constraint.columns and cell.value is not UNKNOWN]
        at = guilty[0].at if guilty else 0
        message = f"{_written(row, constraint.columns)} breaks {constraint.name} of {shown(table.name)}"
        yield file.finding(BREAKS_CHECK, statement, message, at=at, hint=BREAKS_CHECK.fix)


def _one_value(
    file: SourceFile, statement: ParsedStatement, before: Catalog, table: Table, cell: _Cell
) -> Iterator[Finding]:
    column, where = cell.column, f"{shown(table.name)}.{cell.column.name}"
    if column.not_null and cell.value is None:
        yield file.finding(NULL, statement, f"{where} is NOT NULL", at=cell.at, hint=NULL.fix)
    if isinstance(cell.value, str) and column.length is not None and len(cell.value.rstrip(" ")) > column.length:
        message = f"{len(cell.value)} characters for {where}, which takes {column.length}"
        yield file.finding(TOO_LONG, statement, message, at=cell.at, hint=TOO_LONG.fix)
    schema, _, name = column.type.rpartition(".")
    enum = before.types.get((schema, name.removesuffix("[]")))
    constant = inner(cell.node)
    text = constant.sval.sval if isinstance(constant, pb.A_Const) and constant.HasField("sval") else None
    if enum is None or enum.kind != "enum" or text is None:
        return
    given = _elements(text) if name.endswith("[]") else [text]
    for label in [one for one in given if one not in enum.labels]:
        hint = did_you_mean(label, enum.labels) or f"there are {', '.join(enum.labels)}"
        yield file.finding(NOT_IN_ENUM, statement, f"{shown(enum.name)} has no value {label!r}", at=cell.at, hint=hint)


def _elements(array: str) -> list[str]:
    """Of an array in one dimension without quotes, such as {a,b}; of any other nothing is said."""
    match = _PLAIN_ARRAY.fullmatch(array)
    return [one for one in re.split(r"\s*,\s*", match[1]) if one.lower() != "null"] if match else []


def _written(row: Mapping[str, Value], columns: Sequence[str]) -> str:
    known = [f"{name} = {'NULL' if row[name] is None else repr(row[name])}" for name in columns if name in row]
    return ", ".join(text.replace("Decimal('", "").replace("')", "") for text in known) or "the row"
