"""What a lint rule sees: one statement, its file, and what exists round it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from postgast import pg_query_pb2 as pb

from vuelo.check.catalog import Catalog, Table
from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.source import ParsedStatement, SourceFile
from vuelo.naming import Kind


@dataclass(frozen=True)
class Scene:
    """`before` is the state just before the statement, `existing` what there was before its file began."""

    file: SourceFile
    statement: ParsedStatement
    before: Catalog
    existing: Catalog

    def stands(self, relation: pb.RangeVar) -> bool:
        """Whether programs may be using it: this file has not made it. What nobody has seen being made counts."""
        if self.file.script.kind is Kind.BASELINE:  # runs on an empty database
            return False
        table = self.table(relation)
        return table is None or table.made_in != self.file.script.path.name

    def stood(self, relation: pb.RangeVar) -> bool:
        """The same at a file's end, where a table that the file has made may be gone again."""
        return self.stands(relation) and self.before.qualified(relation) in self.existing.tables

    def table(self, relation: pb.RangeVar) -> Table | None:
        return self.before.table(relation)

    def is_partitioned(self, relation: pb.RangeVar) -> bool:
        table = self.table(relation)
        return table is not None and table.kind == "partitioned"

    def found(
        self, rule: Rule, message: str, *, at: int = 0, hint: str | None = None, severity: Severity | None = None
    ) -> Finding:
        """The rule's fix is the hint where there is none that is better. In an undo file every finding is a warning."""
        found = self.file.finding(rule, self.statement, message, at=at, hint=hint or rule.fix)
        return replace(found, severity=Severity.WARNING if self.is_undo else severity or rule.severity)

    @property
    def is_undo(self) -> bool:
        return self.file.script.kind is Kind.UNDO


Check = Callable[[Scene], Iterator[Finding]]
Checks = Mapping[str, tuple[Check, ...]]  # by the kind of the statement


def shown(relation: pb.RangeVar) -> str:
    """A relation as the statement writes it."""
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else relation.relname


def commands(statement: pb.AlterTableStmt) -> list[pb.AlterTableCmd]:
    return [node.alter_table_cmd for node in statement.cmds]


def definition(command: pb.AlterTableCmd | pb.AlterDomainStmt) -> pb.Node:
    """The field `def`, whose name is a word of Python."""
    node: pb.Node = getattr(command, "def")
    return node


def option(options: Iterator[pb.Node] | list[pb.Node], name: str) -> bool:
    """Whether an option in parentheses is on: `(FULL)`, `(CONCURRENTLY true)`."""
    for node in options:
        element = node.def_elem
        if element.defname == name:
            argument: pb.Node = element.arg
            word = argument.string.sval.lower() if argument.HasField("string") else ""
            is_zero = argument.HasField("integer") and argument.integer.ival == 0
            return word not in ("false", "off") and not is_zero
    return False
