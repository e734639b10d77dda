"""From lines to statements, the way psql's `-f` cuts them, without ever holding the file. Pure.

The rules are those of PostgreSQL's own scanner: string forms, nested comments, dollar quotes, parentheses, the bodies
of SQL-standard routines (BEGIN ATOMIC … END), and the data that follows COPY … FROM STDIN up to a line `\\.`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vuelo.errors import Place, ScriptError
from vuelo.placeholders import numbered

# Letters are A-Z, a-z, _ and all beyond ASCII; said by what is none, which is compiled ten times as fast.
_LETTER = r"[^\x00-@\[-^`{-\x7f]"
_LETTER_OR_DIGIT = r"[^\x00-/:-@\[-^`{-\x7f]"
_NOT_IN_WORD = r"(?<![^\x00-#%-/:-@\[-^`{-\x7f])"  # a $ belongs to a word too
# A string that says how it ends whatever its kind is: without backslash, and on one line.
_SHORT_STRING = r"'[^'\\\r\n]*'"
_MARKS = rf"{_NOT_IN_WORD}[eE]'|{_SHORT_STRING}|'|\"|--|/\*|{_NOT_IN_WORD}\$(?:{_LETTER}{_LETTER_OR_DIGIT}*)?\$|[();\\]"
_MARK = re.compile(_MARKS)
_MARK_OR_WORD = re.compile(rf"{_MARKS}|\.?{_LETTER}(?:{_LETTER_OR_DIGIT}|\$)*")
_BLANKS = " \t\n\r\f\v"  # what PostgreSQL takes for white space: no other character of Unicode
_SPACE = re.compile(f"[{_BLANKS}]*")
_PLAIN_END = re.compile("'")
_ESCAPE_END = re.compile(r"\\.|''|'", re.DOTALL)
_NAME_END = re.compile('"')
_COMMENT_MARK = re.compile(r"/\*|\*/")
_SET_STRINGS = re.compile(r"standard_conforming_strings\"?\s*(?:=|\sTO\s)\s*'?(\w+)", re.IGNORECASE)
_OFF = ("off", "of", "false", "f", "no", "n", "0")
_LINE_END = re.compile(r"\r\n|\r|\n")
_WORDS_THAT_DECIDE = 4  # CREATE OR REPLACE FUNCTION


@dataclass(frozen=True)
class Statement:
    """One statement without its semicolon; line and column (from 1) of its first character in the script.

    `last_line` is where its semicolon stands; `words` are its first ones in lower case, comments left out.
    `copy_data` are the lines behind a COPY … FROM STDIN; they must be read before the next statement is asked for.
    """

    text: str
    line: int
    column: int
    last_line: int
    words: tuple[str, ...]
    copy_data: Iterator[str] | None = None
    writes_stdout: bool = False
    numbers: tuple[int, ...] = ()  # of the file's line for each line of the text, where one file line became several

    def place_of(self, position: int) -> tuple[int, int]:
        """Line and column in the script; `position` counts characters of the text from 0."""
        starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        numbers = self.numbers or range(self.line, self.line + len(starts))
        begun = max(start for start in starts if start <= position)
        number = numbers[starts.index(begun)]
        first = starts[numbers.index(number)]
        return number, position - first + (self.column if first == 0 else 1)


@dataclass
class _Open:
    """What began and has not ended yet: a quote, a dollar quote, a comment, and where."""

    what: str
    ends: re.Pattern[str]
    place: Place
    depth: int = 1


@dataclass
class _Draft:
    """The statement being read."""

    line: int
    column: int
    pieces: list[str] = field(default_factory=list[str])
    numbers: list[int] = field(default_factory=list[int])  # a piece is what it has of one line
    words: list[str] = field(default_factory=list[str])
    parentheses: int = 0
    blocks: int = 0  # BEGIN and CASE of a routine's body that wait for their END
    last_word: str = ""
    wants_words: bool = True
    is_routine: bool = False
    reads_stdin: bool = False
    writes_stdout: bool = False

    def add(self, number: int, piece: str) -> None:
        self.pieces.append(piece)
        self.numbers.append(number)

    def see_first_word(self, word: str) -> None:
        """One of those that decide what becomes of the others."""
        words, routine = self.words, ("function", "procedure")
        words.append(word.removeprefix("."))
        kind = words[3:4] if words[1:3] == ["or", "replace"] else words[1:2]
        self.is_routine = words[0] == "create" and kind != [] and kind[0] in routine
        self.wants_words = len(words) < _WORDS_THAT_DECIDE or self.is_routine or words[0] == "copy"

    def see_word(self, word: str) -> None:
        word = word.lower()
        if len(self.words) < _WORDS_THAT_DECIDE:
            self.see_first_word(word)
        if self.parentheses:
            return
        if self.is_routine and self.last_word != "as":  # behind AS, as behind a dot, any word is a name
            if word == "begin" or (word == "case" and self.blocks):
                self.blocks += 1
            elif word == "end" and self.blocks:
                self.blocks -= 1
        elif self.words[0] == "copy" and word == "stdin" and self.last_word == "from":
            self.reads_stdin = True
        elif self.words[0] == "copy" and word == "stdout" and self.last_word == "to":
            self.writes_stdout = True
        self.last_word = word


def split(lines: Iterable[str]) -> Iterator[Statement]:
    """Cut a script into statements. Raises ScriptError `script.unreadable`."""
    return _Splitter(lines).statements()


class _Splitter:
    """Walks a script line by line; these fields are all that it remembers between lines."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.numbered = numbered(lines)
        self.draft: _Draft | None = None
        self.open: _Open | None = None
        self.continues_after: int | None = None  # an E'' string closed here: a quote on a later line goes on with it
        self.backslash_escapes = False  # in strings that do not say their kind

    def statements(self) -> Iterator[Statement]:
        for number, line in self.numbered:
            text = line.removeprefix("\ufeff") if number == 1 else line
            if "\0" in text:
                place = Place.of(number, text.index("\0") + 1, text)
                raise _unreadable("a NUL character, which PostgreSQL takes for the end of the text", place)
            if self.draft is not None and self.open is not None and not self.open.ends.search(text):
                self.draft.add(number, text)
            else:
                yield from self.read_line(number, text)
        if self.open is not None:
            raise _unfinished(self.open)
        if self.draft is not None:
            statement = self.finish(self.draft, self.draft.line)
            if statement.copy_data is not None:
                first_line = statement.text.splitlines()[0]
                raise _unreadable("COPY from stdin has no data", Place(statement.line, statement.column, first_line))
            yield statement

    def read_line(self, number: int, line: str) -> Iterator[Statement]:
        position = start = 0  # `start`: where the draft's text begins on this line
        while position < len(line):
            if self.open is not None:
                position = self.read_open(number, line, position)
                continue
            if self.draft is None:
                position, begins = self.skip_to_start(number, line, position)
                if not begins:
                    continue
                self.draft, start = _Draft(number, position + 1), position
            mark = self.next_mark(number, line, position)
            if mark is None:
                break
            position = mark.end()
            if mark[0] == ";" and not self.draft.parentheses and not self.draft.blocks:
                self.draft.add(number, line[start : mark.start()])
                statement = self.finish(self.draft, number)
                self.draft = None
                if statement.copy_data is not None:
                    self.expect_only_space(number, line, position)
                    position = len(line)
                yield statement
                for _ in statement.copy_data or ():
                    pass  # whoever does not run the statement need not read its data
            else:
                position = self.take(mark, number, line)
        if self.draft is not None:
            self.draft.add(number, line[start:])

    def skip_to_start(self, number: int, line: str, position: int) -> tuple[int, bool]:
        """Past blanks, comments and lone semicolons; says whether a statement begins at the new position."""
        position = _matched_end(_SPACE, line, position)
        if position == len(line) or line.startswith("--", position):
            return len(line), False
        if line.startswith("/*", position):
            self.begin("comment", _COMMENT_MARK, number, line, position)
            return position + 2, False
        if line[position] == ";":
            return position + 1, False
        return position, True

    def next_mark(self, number: int, line: str, position: int) -> re.Match[str] | None:
        """The next thing that can change the state; None when the rest of the line cannot."""
        assert self.draft is not None
        if self.continues_after is not None:
            position = _matched_end(_SPACE, line, position)
            if position == len(line) or line.startswith("--", position):
                return None
            if line[position] != "'" or number == self.continues_after:
                self.continues_after = None
        pattern = _MARK_OR_WORD if self.draft.wants_words else _MARK
        return pattern.search(line, position)

    def take(self, mark: re.Match[str], number: int, line: str) -> int:
        """Change the state by one mark; the position to go on from."""
        assert self.draft is not None
        text, position = mark[0], mark.end()
        if text == "(":
            self.draft.parentheses += 1
        elif text == ")":
            self.draft.parentheses = max(0, self.draft.parentheses - 1)
        elif text[0] == "'":
            if len(text) > 1 and not self.backslash_escapes and self.continues_after is None:
                return position
            position = mark.start() + 1
            ends = _ESCAPE_END if self.backslash_escapes or self.continues_after is not None else _PLAIN_END
            self.begin("string", ends, number, line, mark.start())
            self.continues_after = None
        elif text in ("e'", "E'"):
            self.begin("string", _ESCAPE_END, number, line, mark.start())
        elif text == '"':
            self.begin("quoted name", _NAME_END, number, line, mark.start())
        elif text == "--":
            return len(line)
        elif text == "/*":
            self.begin("comment", _COMMENT_MARK, number, line, mark.start())
        elif text[0] == "$":
            self.begin("dollar-quoted string", re.compile(re.escape(text)), number, line, mark.start())
        elif text == "\\":
            place = Place.of(number, mark.start() + 1, line)
            hint = "write it as SQL; COPY … FROM STDIN takes inline data"
            raise _unreadable("psql's own commands (backslash) are not SQL", place, hint)
        elif text != ";":
            self.draft.see_word(text)
        return position

    def begin(self, what: str, ends: re.Pattern[str], number: int, line: str, position: int) -> None:
        self.open = _Open(what, ends, Place.of(number, position + 1, line))

    def read_open(self, number: int, line: str, position: int) -> int:
        """Go on inside a quote or comment: to behind its end, or to the end of the line."""
        assert self.open is not None
        match = self.open.ends.search(line, position)
        if match is None:
            return len(line)
        if match[0] == "/*":
            self.open.depth += 1
        elif match[0] != "''" and match[0][0] != "\\":
            self.open.depth -= 1
        if self.open.depth == 0:
            self.continues_after = number if self.open.ends is _ESCAPE_END else None
            self.open = None
        return match.end()

    def finish(self, draft: _Draft, last_line: int) -> Statement:
        text = "".join(draft.pieces).rstrip(_BLANKS)
        data = self.copy_lines(draft) if draft.reads_stdin else None
        if draft.words[:1] in (["set"], ["reset"]):
            self.follow_setting(draft.words, text)
        numbers = draft.numbers
        return Statement(
            text, draft.line, draft.column, last_line, tuple(draft.words), data, writes_stdout=draft.writes_stdout,
            numbers=tuple(numbers) if len(set(numbers)) < len(numbers) else (),
        )  # fmt: skip

    def follow_setting(self, words: list[str], text: str) -> None:
        if setting := _SET_STRINGS.search(text):
            self.backslash_escapes = setting[1].lower() in _OFF
        elif words[0] == "reset" and words[1:2] in (["all"], ["standard_conforming_strings"]):
            self.backslash_escapes = False

    def copy_lines(self, draft: _Draft) -> Iterator[str]:
        for _, line in self.numbered:
            if line.rstrip("\r\n") == "\\.":
                return
            yield line
        first_line = "".join(draft.pieces).splitlines()[0]
        hint = "end the data with a line that holds only \\."
        raise _unreadable("the data of COPY from stdin does not end", Place(draft.line, draft.column, first_line), hint)

    def expect_only_space(self, number: int, line: str, position: int) -> None:
        position = _matched_end(_SPACE, line, position)
        if position < len(line) and not line.startswith("--", position):
            place = Place.of(number, position + 1, line)
            raise _unreadable(
                "something follows COPY … FROM STDIN on its line", place, "its data begin on the next line"
            )


def _matched_end(pattern: re.Pattern[str], line: str, position: int) -> int:
    match = pattern.match(line, position)
    assert match is not None
    return match.end()


def _unfinished(unclosed: _Open) -> ScriptError:
    return _unreadable(f"a {unclosed.what} begins here and never ends", unclosed.place)


def _unreadable(message: str, place: Place, hint: str | None = None) -> ScriptError:
    return ScriptError("script.unreadable", message, place, hint)
