"""What a statement would lock, rewrite or break while the application runs."""

from collections.abc import Iterator

from vuelo.check.catalog import Catalog
from vuelo.check.finding import Finding, Rule
from vuelo.check.source import ParsedStatement, SourceFile

RULES: tuple[Rule, ...] = ()


def lint(file: SourceFile, statement: ParsedStatement, before: Catalog, existing: Catalog) -> Iterator[Finding]:
    """`before` is the state just before the statement, `existing` what there was before this file began."""
    del file, statement, before, existing
    yield from ()
