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
        return cls._of(dotted)

    @classmethod
    def stored(cls, text: str) -> "Version":
        """A version out of a history, where Flyway may have written other scripts' digits. Raises ValueError."""
        if not re.fullmatch(r"\d+(?:\.\d+)*", text):
            raise ValueError(f"{text!r} is no version")
        return cls._of(text)

    @classmethod
    def _of(cls, dotted: str) -> "Version":
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


_USUAL = Naming()


def parse_name(file_name: str, naming: Naming = _USUAL) -> ScriptName:
    """Read a name such as `V1_1__Add_users.sql`. Raises ValueError saying what is wrong with it."""
    suffix = suffix_of(file_name, naming)
    if suffix is None:
        raise ValueError(f"it does not end with {' or '.join(naming.suffixes)}")
    stem = file_name.removesuffix(suffix)
    kind, prefix = _kind_of(stem, naming)
    number, separator, description = stem.removeprefix(prefix).partition(naming.separator)
    description = description.replace("_", " ")
    if kind is Kind.REPEATABLE:
        if number or not separator:
            raise ValueError(f"a repeatable migration is named {prefix}{naming.separator}Description{suffix}")
        return ScriptName(kind, None, description)
    try:
        version = Version.parse(number)
    except ValueError as error:
        raise ValueError(f"{error}, then {_spelled(naming.separator)} and a description") from None
    if len(version.text) > _LONGEST_VERSION:
        raise ValueError(f"its version is longer than {_LONGEST_VERSION} characters")
    return ScriptName(kind, version, description)


def suffix_of(file_name: str, naming: Naming) -> str | None:
    """The end of the name that makes it a migration's, as it is written there: suffixes are read without case."""
    for suffix in naming.suffixes:
        if file_name.lower().endswith(suffix.lower()):
            return file_name[len(file_name) - len(suffix) :]
    return None


def _kind_of(stem: str, naming: Naming) -> tuple[Kind, str]:
    """The longest prefix wins, so that one may begin with another."""
    prefixes = {
        naming.versioned: Kind.VERSIONED,
        naming.undo: Kind.UNDO,
        naming.repeatable: Kind.REPEATABLE,
        naming.baseline: Kind.BASELINE,
    }
    for prefix in sorted(prefixes, key=len, reverse=True):
        if stem.startswith(prefix):
            return prefixes[prefix], prefix
    *others, last = prefixes
    raise ValueError(f"it does not start with {', '.join(others)} or {last}")


def _spelled(separator: str) -> str:
    return "two underscores" if separator == "__" else repr(separator)
