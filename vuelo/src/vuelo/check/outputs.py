"""A report as people and programs read it: text, JSON, SARIF 2.1.0, and the annotations of GitHub's workflows."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from vuelo.check.finding import CheckedFile, Finding, Report, Rule, Severity
from vuelo.check.rules import ALL
from vuelo.counting import counted

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def show(report: Report, output: str, *, per_file: bool = False) -> None:
    """Print a report. `output`: text, json, sarif or github."""
    if output == "text":
        _show_text(report, per_file=per_file)
    elif output == "github":
        for finding in report.findings:
            sys.stdout.write(_annotation(finding) + "\n")
    else:
        data = sarif(report) if output == "sarif" else as_data(report)
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def as_data(report: Report) -> dict[str, Any]:
    return {
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "notes": list(report.notes),
        "files": [{"service": one.service, "file": _relative(one.path)} for one in report.files],
        "findings": [_finding_data(one) for one in report.findings],
    }


def _finding_data(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "rule": finding.rule,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "service": finding.service,
        "file": _relative(finding.path),
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def sarif(report: Report) -> dict[str, Any]:
    """For code scanning; columns count characters, as ours do."""
    numbers = {rule.code: number for number, rule in enumerate(ALL)}
    driver = {
        "name": "vuelo check",
        "version": metadata.version("vuelo"),
        "rules": [_sarif_rule(rule) for rule in ALL],
    }
    results = [_sarif_result(one, numbers[one.rule]) for one in report.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.problem},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _sarif_result(finding: Finding, number: int) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": _relative(finding.path)}}
    if finding.place:
        location["region"] = {"startLine": finding.place.line, "startColumn": finding.place.column}
    text = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": finding.severity.value,
        "message": {"text": text},
        "locations": [{"physicalLocation": location}],
    }


def _annotation(finding: Finding) -> str:
    """A workflow command; its properties and its message have escapes of their own."""
    where = {"file": _relative(finding.path)}
    if finding.place:
        where |= {"line": str(finding.place.line), "col": str(finding.place.column)}
    where["title"] = finding.rule
    properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in where.items())
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    return f"::{finding.severity.value} {properties}::{_escaped(text)}"


def _escaped(text: str, more: str = "") -> str:
    for letter in f"%\r\n{more}":  # the percent sign first: the others bring one
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def _relative(path: Path) -> str:
    """From where we stand, if the file lies below; as a text with slashes, whatever bytes its name has."""
    absolute, here = path.absolute(), Path.cwd()
    shown = absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
    return os.fsencode(shown.as_posix()).decode(errors="backslashreplace")


def _show_text(report: Report, *, per_file: bool) -> None:
    from rich.markup import escape  # noqa: PLC0415 - the programs' formats do without

    from vuelo.report import answer  # noqa: PLC0415

    def show_line(text: str) -> None:
        answer.print(text, highlight=False, soft_wrap=True)

    listed = {(one.service, one.path) for one in report.files}
    others = [one for one in report.findings if (one.service, one.path) not in listed]
    for finding in others:
        _show_finding(finding, show_line, escape)
    for file in report.files:
        own = [one for one in report.findings if (one.service, one.path) == (file.service, file.path)]
        if per_file:
            show_line(_file_line(file, own, escape))
        for finding in own:
            _show_finding(finding, show_line, escape)
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    services = len({one.service for one in report.files})
    read = f"{counted(services, 'service')}, {counted(len(report.files), 'file')}"
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    show_line(f"{read}: {found}" if report.findings else f"{read}: nothing found")


def _file_line(file: CheckedFile, found: list[Finding], escape: Callable[[str], str]) -> str:
    errors = sum(one.severity is Severity.ERROR for one in found)
    colours: Mapping[str, str] = {"ok": "green", "warning": "yellow", "error": "red"}
    state = "error" if errors else "warning" if found else "ok"
    return f"[{colours[state]}]{state:7}[/] {escape(file.service)}: {escape(_relative(file.path))}"


def _show_finding(finding: Finding, show_line: Callable[[str], None], escape: Callable[[str], str]) -> None:
    colour = "red" if finding.severity is Severity.ERROR else "yellow"
    show_line(f"[bold {colour}]{finding.severity}\\[{finding.rule}]:[/] {escape(finding.message)}")
    path = Path(_relative(finding.path))
    show_line(escape(finding.place.pointed(path)) if finding.place else escape(f" --> {path}"))
    if finding.hint:
        show_line(f"[bold]hint:[/] {escape(finding.hint)}")
    show_line("")
