"""`vuelo check` from the files of a project to findings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from vuelo.check import bodies, constraints, lint, lint_squawk, rules, structure, values
from vuelo.check.accepted import accepted_of, without_accepted
from vuelo.check.allows import judged
from vuelo.check.catalog import Catalog, Table
from vuelo.check.changes import apply
from vuelo.check.finding import CheckedFile, Finding, Report, Rule
from vuelo.check.objects import Problem
from vuelo.check.references import references
from vuelo.check.source import ParsedStatement, SourceFile, read
from vuelo.errors import VueloError
from vuelo.locations import find_scripts, rendered_lines
from vuelo.migration import Script
from vuelo.naming import Kind, Version
from vuelo.placeholders import Placeholders
from vuelo.project import Project, Service

Judged = tuple[Finding, ParsedStatement | None]
_BY_CODE = {rule.code: rule for rule in rules.ALL}


def check(project: Project, only: Iterable[str] = (), ignored: Iterable[str] = ()) -> Report:
    """Every file and every finding. `only` and `ignored` are codes of rules; the list of accepted findings counts.

    Raises VueloError `check.no_rule` for a code that no rule has, `check.accepted`, and what reading raises.
    """
    chosen = _chosen(only, ignored)
    services = [_Service(service) for service in project.services]
    for service in services:
        service.follow()
    styled, notes = _squawk([file for service in services for file, _ in service.read_files], chosen)
    found = [finding for service in services for finding in service.findings(styled)]
    files = tuple(file for service in services for file in service.files)
    kept = without_accepted(found, accepted_of(project.base), files)
    return Report(files, tuple(finding for finding in kept if finding.rule in chosen), notes)


def _squawk(files: list[SourceFile], chosen: set[str]) -> tuple[list[Finding], tuple[str, ...]]:
    """One run for all files; and what to say when it cannot run."""
    if chosen.isdisjoint(rule.code for rule in lint_squawk.RULES):
        return [], ()
    program = lint_squawk.binary()
    return ([], (lint_squawk.ABSENT,)) if program is None else (list(lint_squawk.squawk(files, program)), ())


def _chosen(only: Iterable[str], ignored: Iterable[str]) -> set[str]:
    only, ignored = set(only), set(ignored)
    unknown = sorted((only | ignored) - _BY_CODE.keys())
    if unknown:
        near = sorted({code for word in unknown for code in get_close_matches(word, _BY_CODE)})
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/reference/check-rules.md names them all"
        raise VueloError("check.no_rule", f"no rule {', '.join(unknown)}", hint)
    return (only or _BY_CODE.keys()) - ignored


@dataclass
class _Service:
    """One service's files on their way through the rules, in the order in which they would run."""

    service: Service
    found: list[Finding] = field(default_factory=list[Finding])
    files: list[CheckedFile] = field(default_factory=list[CheckedFile])
    read_files: list[tuple[SourceFile, list[Judged]]] = field(default_factory=list[tuple[SourceFile, list[Judged]]])

    def follow(self) -> None:
        """Read every file, and judge each statement by what stands before it."""
        placeholders = static_placeholders(self.service)
        # The checksums of repeatables are of no interest here, and a placeholder without a value is a finding below.
        quiet = replace(self.service, settings=replace(self.service.settings, placeholder_replacement=False))
        files = find_scripts(quiet, placeholders)
        self.found += structure.of_names(self.service.name, files)
        catalog = self.beginning()
        undos = {script.version: script for script in files.scripts if script.kind is Kind.UNDO}
        deferred: list[tuple[SourceFile, ParsedStatement, Catalog]] = []
        judged_files: list[tuple[SourceFile, list[Judged]]] = []
        for script in sorted(_of_kind(files.scripts, Kind.VERSIONED), key=_version):
            before = catalog.copy()
            file = self.read(script, placeholders)
            judged_files.append((file, self.file(file, catalog, deferred)))
            undo = undos.pop(script.version, None)
            if undo is not None:
                judged_files.append(self.undo(self.read(undo, placeholders), before, catalog.copy()))
        for script in sorted(_of_kind(files.scripts, Kind.REPEATABLE), key=lambda one: one.description):
            file = self.read(script, placeholders)
            judged_files.append((file, self.file(file, catalog, deferred)))
        for script in _of_kind(files.scripts, Kind.BASELINE):
            file = self.read(script, placeholders)
            judged_files.append((file, self.file(file, self.beginning(), [])))
        late = list(self.late(deferred, catalog))
        for file, found in judged_files:
            self.read_files.append((file, [*found, *((one, at) for owner, one, at in late if owner is file)]))

    def findings(self, styled: list[Finding]) -> list[Finding]:
        """Of all files, with what squawk has found in them, but for what is allowed in place."""
        for file, found in self.read_files:
            own = (one for one in styled if (one.service, one.path) == (file.service, file.script.path))
            self.found += judged(file, [*found, *((one, _statement_of(file, one)) for one in own)])
        return self.found

    def read(self, script: Script, placeholders: Placeholders) -> SourceFile:
        self.files.append(CheckedFile(self.service.name, script.path))
        with rendered_lines(script, placeholders, self.service.settings) as lines:
            return read(self.service.name, script, lines)

    def beginning(self) -> Catalog:
        """The schemas that vuelo makes, and the history table."""
        own = frozenset({self.service.schema, *self.service.settings.schemas})
        catalog = Catalog((self.service.schema, "public"), own, set(own))
        history = (self.service.schema, self.service.table)
        catalog.tables[history] = Table(history, "table", {}, is_open=True, has_comment=True)
        return catalog

    def file(
        self, file: SourceFile, catalog: Catalog, deferred: list[tuple[SourceFile, ParsedStatement, Catalog]]
    ) -> list[Judged]:
        """Judge a file statement by statement, and change the catalog as it would."""
        existing = catalog.copy()
        found: list[Judged] = [(one, None) for one in structure.of_header(file)]
        found += ((one, None) for one in _syntax(file))
        for problem in file.problems:
            catalog.doubtful |= words_of(problem.text)
        for statement in file.statements:
            found += ((one, statement) for one in self.statement(file, statement, catalog, existing))
            if statement.kind in ("create_stmt", "alter_table_stmt") and "references" in statement.text.lower():
                deferred.append((file, statement, catalog.copy()))  # its foreign keys may get their index later
            apply(catalog, statement.node, file.script.path.name)
            bodies.apply_block(catalog, statement.node, statement.text, file.script.path.name)
        after = catalog.copy()
        deferred += ((file, one, after) for one in file.statements if one.kind == "create_function_stmt")
        mixed = self.service.settings.mixed
        whole = [*structure.of_tables(file, catalog), *lint.lint_file(file, catalog, existing, mixed=mixed)]
        found += ((one, _statement_of(file, one)) for one in whole)
        return found

    def statement(
        self, file: SourceFile, statement: ParsedStatement, before: Catalog, existing: Catalog
    ) -> Iterator[Finding]:
        for problem in references(before, statement.node):
            yield _finding(file, statement, problem)
        if statement.kind == "do_stmt":
            for problem in bodies.problems_of(before, statement.node, statement.text):
                yield _finding(file, statement, problem)
        yield from constraints.constraints(file, statement, before)
        yield from values.values(file, statement, before)
        yield from lint.lint(file, statement, before, existing)

    def undo(self, file: SourceFile, before: Catalog, catalog: Catalog) -> tuple[SourceFile, list[Judged]]:
        """An undo file against the state that its migration leaves."""
        found = self.file(file, catalog, [])
        if not file.problems and not catalog.doubtful:
            found += ((one, None) for one in structure.of_undo(file, before, catalog))
        return file, found

    def late(
        self, deferred: list[tuple[SourceFile, ParsedStatement, Catalog]], final: Catalog
    ) -> Iterator[tuple[SourceFile, Finding, ParsedStatement]]:
        """What only later files decide: bodies that are run when all is there, indexes for foreign keys."""
        for file, statement, catalog in deferred:
            if statement.kind != "create_function_stmt":
                for one in constraints.without_index(file, statement, catalog, final):
                    yield file, one, statement
                continue
            stands = bodies.stands(final, catalog, statement.node, file.script.path.name)
            for problem in bodies.problems_of(final if stands else catalog, statement.node, statement.text):
                yield file, _finding(file, statement, problem), statement


def _of_kind(scripts: Iterable[Script], kind: Kind) -> list[Script]:
    return [script for script in scripts if script.kind is kind]


def _version(script: Script) -> Version:
    assert script.version is not None
    return script.version


def _statement_of(file: SourceFile, finding: Finding) -> ParsedStatement | None:
    line = finding.place.line if finding.place else 0
    return next((one for one in reversed(file.statements) if one.line <= line), None)


def _finding(file: SourceFile, statement: ParsedStatement, problem: Problem) -> Finding:
    rule: Rule = _BY_CODE[problem.code]
    return file.finding(rule, statement, problem.message, at=problem.location, hint=problem.hint)


def _syntax(file: SourceFile) -> Iterator[Finding]:
    for one in file.problems:
        rule = rules.SYNTAX
        yield Finding(rule.code, rule.severity, one.message, one.hint, file.service, file.script.path, one.place)


def words_of(text: str) -> set[str]:
    return set(bodies.WORD.findall(text.lower()))


def static_placeholders(service: Service) -> Placeholders:
    """The service's own values, and what stands for those that only a server could tell."""
    settings = service.settings
    built_in = {
        "defaultSchema": service.schema,
        "user": service.role or "vuelo",
        "database": "vuelo",
        "timestamp": "2026-01-01 00:00:00",
        "workingDirectory": ".",
        "table": service.table,
        "environment": "default",
    }
    named = {f"flyway{settings.placeholder_separator}{name}": value for name, value in built_in.items()}
    return Placeholders(
        {**named, **service.placeholders},
        settings.placeholder_prefix,
        settings.placeholder_suffix,
        settings.placeholder_separator,
    )
