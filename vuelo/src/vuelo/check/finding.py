"""What a rule is, and what it finds. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vuelo.errors import Place


class Severity(StrEnum):
    """An error makes `vuelo check` fail, a warning only with --strict."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """One rule and its page in the documentation.

    `problem` and `fix` are sentences; `bad` and `good` are SQL that the tests run and the page shows. A line
    `-- file: V1__Name.sql` in them begins a file; without one everything stands in one migration. The service's
    schema is `shop`.
    """

    code: str
    severity: Severity
    problem: str
    fix: str
    bad: str
    good: str


@dataclass(frozen=True)
class Finding:
    """One place where a rule is broken. `rule` is the rule's code."""

    rule: str
    severity: Severity
    message: str
    hint: str | None
    service: str
    path: Path
    place: Place | None


@dataclass(frozen=True)
class CheckedFile:
    """A file that was read, and the service that it belongs to."""

    service: str
    path: Path


@dataclass(frozen=True)
class Report:
    """Everything that was read, in the order in which it would run, and what was found in it."""

    files: tuple[CheckedFile, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()  # what was not looked at, and why

    def count(self, severity: Severity) -> int:
        return sum(one.severity is severity for one in self.findings)

    def fails(self, *, strict: bool = False) -> bool:
        return bool(self.findings) if strict else self.count(Severity.ERROR) > 0
