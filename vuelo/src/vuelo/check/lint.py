"""What a statement would lock, rewrite or break while programs use the database."""

from collections.abc import Iterator

from vuelo.check import lint_breaking, lint_columns, lint_constraints, lint_indexes, lint_transactions, lint_types
from vuelo.check.catalog import Catalog
from vuelo.check.finding import Finding, Rule
from vuelo.check.lint_scene import Check, Scene
from vuelo.check.source import ParsedStatement, SourceFile

_TOPICS = (lint_indexes, lint_columns, lint_constraints, lint_breaking, lint_transactions, lint_types)
RULES: tuple[Rule, ...] = tuple(rule for topic in _TOPICS for rule in topic.RULES)


def lint(file: SourceFile, statement: ParsedStatement, before: Catalog, existing: Catalog) -> Iterator[Finding]:
    """`before` is the state just before the statement, `existing` what there was before this file began."""
    scene = Scene(file, statement, before, existing)
    for check in _CHECKS.get(statement.kind, ()):
        yield from check(scene)


def lint_file(file: SourceFile, after: Catalog, existing: Catalog, *, mixed: bool = False) -> Iterator[Finding]:
    """What only all statements of a file together show; `after` is the state at its end."""
    if file.statements:
        yield from lint_transactions.whole_file(Scene(file, file.statements[-1], after, existing), mixed=mixed)


def _by_kind() -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for topic in _TOPICS:
        for kind, checks in topic.CHECKS.items():
            found.setdefault(kind, []).extend(checks)
    return found


_CHECKS = _by_kind()
