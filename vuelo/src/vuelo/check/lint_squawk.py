"""The rules of squawk that vuelo has no own for, by one run of its binary over all files.

The others stay off: vuelo knows what existed before a file, squawk only the file, and many of its rules are taste.
"""

import json
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

from vuelo.check.finding import Finding, Rule, Severity
from vuelo.check.source import ParsedStatement, SourceFile
from vuelo.errors import VueloError
from vuelo.naming import Kind
from vuelo.settings import Phase

ABSENT = "squawk is not installed: its rules were not run (pip install 'vuelo[check]')"
_PREFIX = "squawk:"
_OLDEST = "15.0"  # of the servers that vuelo supports
_TIMEOUT_S = 60
_LATER = "Put it into a migration with the header `-- vuelo: phase=contract`, run once no old program is left."
_EVENTS = """-- file: V1__Create_events.sql
CREATE TABLE shop.events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED
);
-- file: V2__Change.sql
"""
_CONTRACT = _EVENTS + "-- vuelo: phase=contract\n"


def _rule(name: str, problem: str, fix: str, bad: str, good: str, severity: Severity = Severity.WARNING) -> Rule:
    return Rule(_PREFIX + name, severity, problem, fix, bad, good)


STYLE = (
    _rule(
        "ban-char-field",
        "char(n) pads with blanks that comparisons ignore and concatenations lose.",
        "Use text, with a CHECK where the length matters.",
        "CREATE TABLE shop.countries (code char(2) PRIMARY KEY);",
        "CREATE TABLE shop.countries (code text PRIMARY KEY, CONSTRAINT countries_code CHECK (length(code) = 2));",
    ),
    _rule(
        "prefer-timestamp-tz",
        "timestamp keeps no instant: what it means depends on who reads it, and one hour a year is there twice.",
        "Use timestamptz.",
        "CREATE TABLE shop.events (id bigint PRIMARY KEY, at timestamp NOT NULL);",
        "CREATE TABLE shop.events (id bigint PRIMARY KEY, at timestamptz NOT NULL);",
    ),
    _rule(
        "prefer-identity",
        "serial leaves a default and a sequence with rights of its own beside the column.",
        "Use bigint GENERATED ALWAYS AS IDENTITY.",
        "CREATE TABLE shop.events (id bigserial PRIMARY KEY);",
        "CREATE TABLE shop.events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);",
    ),
    _rule(
        "identifier-too-long",
        "PostgreSQL cuts names at 63 bytes: two that differ only behind them are one.",
        "Shorten the name.",
        f"CREATE TABLE shop.{'long_' * 13} (id bigint PRIMARY KEY);",
        "CREATE TABLE shop.short (id bigint PRIMARY KEY);",
    ),
    _rule(
        "ban-truncate-cascade",
        "TRUNCATE … CASCADE empties every table that refers to this one, and those that refer to them.",
        "Name the tables that shall be emptied.",
        "CREATE TABLE shop.drafts (id bigint PRIMARY KEY);\nTRUNCATE shop.drafts CASCADE;",
        "CREATE TABLE shop.drafts (id bigint PRIMARY KEY);\nTRUNCATE shop.drafts;",
        Severity.ERROR,
    ),
    _rule(
        "ban-duplicate-column-assignments",
        "An UPDATE that sets a column twice is refused by PostgreSQL.",
        "Set it once.",
        "CREATE TABLE shop.drafts (id bigint PRIMARY KEY);\nUPDATE shop.drafts SET id = 1, id = 2 WHERE id = 3;",
        "CREATE TABLE shop.drafts (id bigint PRIMARY KEY);\nUPDATE shop.drafts SET id = 2 WHERE id = 3;",
        Severity.ERROR,
    ),
)
BREAKING = (
    _rule(
        "ban-drop-extension",
        "Programs of the old release use the extension's functions and types, and fail.",
        _LATER,
        "DROP EXTENSION pgcrypto;",
        "-- vuelo: phase=contract\nDROP EXTENSION IF EXISTS pgcrypto;",
        Severity.ERROR,
    ),
    _rule(
        "ban-drop-generated-expression",
        "Programs of the old release leave the column to the database, which fills it no longer.",
        _LATER,
        _EVENTS + "ALTER TABLE shop.events ALTER COLUMN upper_name DROP EXPRESSION;",
        _CONTRACT + "ALTER TABLE shop.events ALTER COLUMN upper_name DROP EXPRESSION;",
        Severity.ERROR,
    ),
    _rule(
        "ban-alter-identity",
        "Programs of the old release insert without the column, or with it, as the identity was: they fail.",
        _LATER,
        _EVENTS + "ALTER TABLE shop.events ALTER COLUMN id DROP IDENTITY;",
        _CONTRACT + "ALTER TABLE shop.events ALTER COLUMN id DROP IDENTITY;",
        Severity.ERROR,
    ),
)
RULES = (*STYLE, *BREAKING)

_BY_CODE = {rule.code: rule for rule in RULES}


@dataclass(frozen=True)
class _Sent:
    """A file as squawk gets it: statement after statement, each from a line of its own (from 0)."""

    file: SourceFile
    statements: tuple[ParsedStatement, ...]
    lines: tuple[int, ...]
    text: str


def binary() -> Path | None:
    """squawk beside this Python, or in the PATH."""
    beside = Path(sys.executable).parent
    found = which("squawk", path=str(beside)) or which("squawk")
    return Path(found) if found else None


def squawk(files: Sequence[SourceFile], program: Path) -> Iterator[Finding]:
    """What the chosen rules find. Raises VueloError `check.squawk` when the program does not answer as it should."""
    sent = [_sent(file) for file in files if file.statements]
    if not sent:
        return
    with TemporaryDirectory(prefix="vuelo-squawk-") as folder:
        for number, one in enumerate(sent):
            Path(folder, f"{number}.sql").write_text(one.text, encoding="utf-8", newline="")
        for found in _answer(program, folder):
            rule = _BY_CODE.get(_PREFIX + found["rule_name"])
            if rule is not None:
                one = sent[int(Path(found["file"]).stem)]
                finding = _finding(one, rule, found)
                if finding is not None:
                    yield finding


def _sent(file: SourceFile) -> _Sent:
    statements: list[ParsedStatement] = []
    lines: list[int] = []
    pieces: list[str] = []
    line = 0
    for one in file.statements:
        if statements and (one.line, one.column) == (statements[-1].line, statements[-1].column):
            continue  # several trees of one text
        text = f"{one.text}\n;\n"
        statements.append(one)
        lines.append(line)
        pieces.append(text)
        line += text.count("\n")
    return _Sent(file, tuple(statements), tuple(lines), "".join(pieces))


def _answer(program: Path, folder: str) -> list[dict[str, Any]]:
    """In a folder of its own no `.squawk.toml` of the project is found, which would choose other rules."""
    command = [str(program), "--reporter", "json", "--pg-version", _OLDEST, "--assume-in-transaction", "*.sql"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False, timeout=_TIMEOUT_S
        )
        return json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        message = f"{program} gave no answer: {error}"
        raise VueloError("check.squawk", message, "run it by hand, or install squawk-cli again") from error


def _finding(sent: _Sent, rule: Rule, found: dict[str, Any]) -> Finding | None:
    number = bisect_right(sent.lines, found["line"]) - 1
    statement = sent.statements[number]
    above = statement.text.encode().split(b"\n")[: found["line"] - sent.lines[number]]
    offset = sum(len(line) + 1 for line in above) + found["column"]
    script = sent.file.script
    if rule in BREAKING and (script.phase is Phase.CONTRACT or script.kind in (Kind.UNDO, Kind.BASELINE)):
        return None
    finding = sent.file.finding(
        rule, statement, found["message"].partition(". ")[0].rstrip("."), at=offset, hint=rule.fix
    )
    return replace(finding, severity=Severity.WARNING) if script.kind is Kind.UNDO else finding
