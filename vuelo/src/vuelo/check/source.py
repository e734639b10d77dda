"""A migration file as the rules see it: statements with their trees, true places, and what was allowed in place."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from postgast import PgQueryError
from postgast import pg_query_pb2 as pb

from vuelo.check import grammar
from vuelo.check.finding import Finding, Rule
from vuelo.errors import Place, ScriptError
from vuelo.migration import Script
from vuelo.statements import Statement, split

_ALLOW = re.compile(r"\s*--\s*vuelo:\s*allow\b(.*)", re.DOTALL)
_COMMENT = re.compile(r"\s*--")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Allow:
    """`-- vuelo: allow RULE REASON`: on `line` of the file, for one statement or, in the header, for the whole file."""

    rule: str
    reason: str
    line: int
    column: int
    source: str


@dataclass(frozen=True)
class ParsedStatement:
    """One statement. Positions in its tree (`location`) are byte offsets into `text`; `place` makes places of them."""

    node: pb.Node
    line: int
    column: int
    text: str
    lines: tuple[str, ...]  # of the file, from its first to that of its semicolon
    allows: tuple[Allow, ...] = ()

    @property
    def kind(self) -> str:
        """The name of the node's field that is set: "create_stmt", "alter_table_stmt", …"""
        return self.node.WhichOneof("node") or ""

    def place(self, location: int = 0) -> Place:
        """Of a byte offset; one that the grammar does not know (-1) is the statement's begin."""
        return _place(self, location)


@dataclass(frozen=True)
class _Refused:
    """A statement without a tree."""

    line: int
    column: int
    text: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class SyntaxProblem:
    """A statement, or the whole rest of a file, that the grammar refuses."""

    message: str
    hint: str | None
    place: Place | None
    text: str


@dataclass(frozen=True)
class SourceFile:
    """One file of a service. `allows` stand in its header; `stray_allows` stand before no statement."""

    service: str
    script: Script
    statements: tuple[ParsedStatement, ...]
    allows: tuple[Allow, ...] = ()
    stray_allows: tuple[Allow, ...] = ()
    begins_with_comment: bool = False
    problems: tuple[SyntaxProblem, ...] = ()

    def finding(
        self, rule: Rule, statement: ParsedStatement | None, message: str, *, at: int = 0, hint: str | None = None
    ) -> Finding:
        """A rule broken by a statement (None: by the file as a whole); `at` is a `location` of the tree."""
        place = statement.place(at) if statement else None
        return Finding(rule.code, rule.severity, message, hint, self.service, self.script.path, place)


def _place(statement: "ParsedStatement | _Refused", location: int) -> Place:
    before = statement.text.encode()[: max(location, 0)].decode(errors="ignore")
    starts = [0, *(end.end() for end in _LINE_END.finditer(before))]
    column = len(before) - starts[-1] + (statement.column if len(starts) == 1 else 1)
    return Place.of(statement.line + len(starts) - 1, column, statement.lines[len(starts) - 1])


def read(service: str, script: Script, lines: Iterable[str]) -> SourceFile:
    """Of the lines as they would be sent, placeholders replaced. Never raises for what the text says."""
    reader = _Reader()
    problems: list[SyntaxProblem] = []
    statements: list[ParsedStatement] = []
    try:
        for statement in split(reader.watched(lines)):
            lines_of = reader.lines_of(statement)
            allows = reader.allows_before(statement)
            try:
                nodes = grammar.statements(statement.text)
            except PgQueryError as error:
                at = len(statement.text.encode()) if error.cursorpos == 0 else error.cursorpos - 1
                refused = _Refused(statement.line, statement.column, statement.text, lines_of)
                problems.append(SyntaxProblem(error.message, None, _place(refused, at), statement.text))
                continue
            line, column, text = statement.line, statement.column, statement.text
            statements += (ParsedStatement(node, line, column, text, lines_of, allows) for node in nodes)
    except ScriptError as error:
        problems.append(SyntaxProblem(error.message, error.hint, error.place, ""))
    return SourceFile(
        service,
        script,
        tuple(statements),
        tuple(reader.header),
        tuple(reader.stray()),
        reader.begins_with_comment,
        tuple(problems),
    )


@dataclass
class _Reader:
    """Sees the lines on their way to the splitter and remembers the comments between statements."""

    header: list[Allow] = field(default_factory=list[Allow])
    begins_with_comment: bool = False
    _allows: dict[int, Allow] = field(default_factory=dict[int, Allow])
    _comments: set[int] = field(default_factory=set[int])
    _lines: dict[int, str] = field(default_factory=dict[int, str])  # from the last line of the statement before on
    _last_line: int = 0
    _in_data: bool = False
    _stray: list[Allow] = field(default_factory=list[Allow])

    def watched(self, lines: Iterable[str]) -> Iterator[str]:
        seen_text = False
        for number, line in enumerate(lines, start=1):
            text = line.removeprefix("\ufeff") if number == 1 else line
            if not self._in_data:
                self._lines[number] = text
            if not seen_text and text.strip():
                seen_text = True
                self.begins_with_comment = text.lstrip().startswith(("--", "/*"))
            if _COMMENT.match(text):
                self._comments.add(number)
                if found := _ALLOW.match(text):
                    rule, _, reason = found[1].strip().partition(" ")
                    column = text.index("--") + 1
                    self._allows[number] = Allow(rule, reason.strip(), number, column, text.rstrip("\r\n"))
            yield line

    def lines_of(self, statement: Statement) -> tuple[str, ...]:
        """The file's lines that it stands on; those before them are forgotten."""
        for number in [number for number in self._lines if number < statement.line]:
            del self._lines[number]
        return tuple(self._lines.values())

    def allows_before(self, statement: Statement) -> tuple[Allow, ...]:
        """Those of the comment that ends on the line above it. Skips the statement's COPY data."""
        is_first, previous = self._last_line == 0, self._last_line
        self._last_line = statement.last_line
        self._in_data = True
        for _ in statement.copy_data or ():
            self._last_line += 1
        self._in_data = False
        top = statement.line
        while top - 1 in self._comments and top - 1 > previous:
            top -= 1
        between = [self._allows.pop(number) for number in sorted(self._allows) if previous < number < statement.line]
        for number in [number for number in self._allows if number <= self._last_line]:
            del self._allows[number]  # inside a statement's own text a comment says nothing
        elsewhere = [allow for allow in between if allow.line < top]
        (self.header if is_first else self._stray).extend(elsewhere)
        return tuple(allow for allow in between if allow.line >= top)

    def stray(self) -> list[Allow]:
        return [*self._stray, *self._allows.values()]
