"""File names as Flyway reads them: prefix, version, two underscores, description, `.sql`. Pure."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import total_ordering

_LONGEST_VERSION = 50  # what the history table can store
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")


class Kind(StrEnum):
    """What a file is for; the value is its usual prefix."""

    VERSIONED = "V"
    UNDO = "U"
    REPEATABLE = "R"
    BASELINE = "B"


@dataclass(frozen=True)
class Naming:
    """What names are made of, where a project has changed it."""

    versioned: str = "V"
    undo: str = "U"
    repeatable: str = "R"
    baseline: str = "B"
    separator: str = "__"
    suffixes: tuple[str, ...] = (".sql",)


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A version compares as numbers, part by part; missing parts are zero, so 1 == 1.0 and 1.2 < 1.10.

    `text` keeps leading zeros: it is what the history table stores.
    """

    text: str
    _parts: tuple[int, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Underscores separate parts as dots do. Raises ValueError on anything but digits between them."""
        dotted = text.replace("_", ".")
        if not _VERSION.fullmatch(dotted):
            raise ValueError(f"{text!r} is no version: digits, separated by single dots or underscores")
        parts = [int(part) for part in dotted.split(".")]
        while len(parts) > 1 and parts[-1] == 0:
            parts.pop()
        return cls(dotted, tuple(parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._parts == other._parts

    def __lt__(self, other: "Version") -> bool:
        return self._parts < other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ScriptName:
    """What a file's name says. Repeatables have no version; a description may be empty."""

    kind: Kind
    version: Version | None
    description: str


def parse_name(file_name: str) -> ScriptName:
    """Read a name such as `V1_1__Add_users.sql`. Raises ValueError saying what is wrong with it."""
    stem, suffix = file_name[:-4], file_name[-4:]
    if suffix.lower() != ".sql":
        raise ValueError("it does not end with .sql")
    if stem[:1] not in tuple(Kind):
        raise ValueError("it does not start with V, U or R")
    kind = Kind(stem[0])
    number, separator, description = stem[1:].partition("__")
    description = description.replace("_", " ")
    if kind is Kind.REPEATABLE:
        if number or not separator:
            raise ValueError("a repeatable migration is named R__Description.sql")
        return ScriptName(kind, None, description)
    try:
        version = Version.parse(number)
    except ValueError as error:
        raise ValueError(f"{error}, then two underscores and a description") from None
    if len(version.text) > _LONGEST_VERSION:
        raise ValueError(f"its version is longer than {_LONGEST_VERSION} characters")
    return ScriptName(kind, version, description)
