"""Rows that migrations insert, held against the columns and constraints that they go into."""

from collections.abc import Iterator

from vuelo.check.catalog import Catalog
from vuelo.check.finding import Finding, Rule
from vuelo.check.source import ParsedStatement, SourceFile

RULES: tuple[Rule, ...] = ()


def values(file: SourceFile, statement: ParsedStatement, before: Catalog) -> Iterator[Finding]:
    del file, statement, before
    yield from ()
