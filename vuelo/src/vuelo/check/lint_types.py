"""Types that PostgreSQL has, and that a better one has replaced. Warnings, in every file."""

from collections.abc import Iterator

from postgast import pg_query_pb2 as pb

from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.lint_scene import Checks, Scene, commands, definition
from vuelo.check.names import parts

JSON = Rule(
    "prefer-jsonb",
    Severity.WARNING,
    "json is kept as text: it is parsed by every query, has no equality, and fits no index.",
    "Use jsonb; json only where the text itself, blanks and the order of keys, must stay.",
    "CREATE TABLE shop.events (id bigint PRIMARY KEY, body json NOT NULL);",
    "CREATE TABLE shop.events (id bigint PRIMARY KEY, body jsonb NOT NULL);",
)
MONEY = Rule(
    "ban-money-field",
    Severity.WARNING,
    "money has no currency, and its digits and sign depend on the server's lc_monetary.",
    "Use numeric(12, 2), with the currency in a column beside it.",
    "CREATE TABLE shop.orders (id bigint PRIMARY KEY, total money NOT NULL);",
    "CREATE TABLE shop.orders (id bigint PRIMARY KEY, total numeric(12, 2) NOT NULL);",
)
RULES = (JSON, MONEY)

_BY_TYPE = {"json": JSON, "money": MONEY}


def _create(scene: Scene) -> Iterator[Finding]:
    for element in scene.statement.node.create_stmt.table_elts:
        yield from _column(scene, element.column_def, element.column_def.colname)


def _alter(scene: Scene) -> Iterator[Finding]:
    for command in commands(scene.statement.node.alter_table_stmt):
        if command.subtype in (pb.AT_AddColumn, pb.AT_AlterColumnType):
            column = definition(command).column_def
            yield from _column(scene, column, column.colname or command.name)


def _column(scene: Scene, column: pb.ColumnDef, name: str) -> Iterator[Finding]:
    schema, word = parts(column.type_name.names)
    rule = _BY_TYPE.get(word) if schema in ("", "pg_catalog") and not scene.is_undo else None
    if rule is not None:
        yield scene.found(rule, f"{name} is of type {word}", at=column.type_name.location)


CHECKS: Checks = {"create_stmt": (_create,), "alter_table_stmt": (_alter,)}
