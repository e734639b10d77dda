"""One base for every error that vuelo raises on purpose: a stable code, a sentence, sometimes a hint."""

from dataclasses import dataclass
from pathlib import Path


class VueloError(Exception):
    """Something the user can act on. `code` is stable; the message says what is wrong, the hint what to do."""

    uncertain = False  # the connection was lost: whether what the run had committed is on disk, nobody knows

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Place:
    """Where in a script: line and column count from 1; `source` is that line as sent, without its end."""

    line: int
    column: int
    source: str

    @classmethod
    def of(cls, line: int, column: int, source: str) -> "Place":
        return cls(line, column, source.rstrip("\r\n"))

    def pointed(self, path: Path | None) -> str:
        """The place, the line and a caret below the column, as compilers show it."""
        gutter = " " * len(str(self.line))
        indent = "".join("\t" if letter == "\t" else " " for letter in self.source[: self.column - 1])
        return (
            f"{gutter}--> {path or 'script'}:{self.line}:{self.column}\n{gutter} |\n"
            f"{self.line} | {self.source}\n{gutter} | {indent}^"
        )


class ScriptError(VueloError):
    """A script that cannot be read or that the database refused.

    The pure modules know the place; whoever opened the file adds `path`. The rest is what PostgreSQL said.
    """

    path: Path | None = None
    sqlstate: str | None = None
    detail: str | None = None
    context: str | None = None

    def __init__(self, code: str, message: str, place: Place | None, hint: str | None = None) -> None:
        super().__init__(code, message, hint)
        self.place = place
