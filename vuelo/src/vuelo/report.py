"""What people read: errors, the table of `info`, summaries. And the same as plain data for `--json`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vuelo.errors import ScriptError, VueloError
from vuelo.executor import Result
from vuelo.naming import Kind
from vuelo.plan import Entry, Plan, Problem, State
from vuelo.run import RunFailedError

talk = Console(stderr=True, emoji=False)  # progress, errors, hints: everything that is not the answer
answer = Console(width=None if sys.stdout.isatty() else 160, emoji=False)  # a pipe has no width to wrap at

_COLOURS = {
    State.SUCCESS: "green", State.PENDING: "yellow", State.OUTDATED: "yellow", State.FAILED: "red",
    State.MISSING: "red", State.IGNORED: "red", State.DELETED: "dim", State.SUPERSEDED: "dim",
}  # fmt: skip


def show_error(error: VueloError) -> None:
    """`error: …`, where it is, what the database said, a hint."""
    if isinstance(error, RunFailedError):
        for result in error.results:
            if result.error:
                show_error(result.error)
        talk.print(f"[bold red]error:[/] {escape(error.message)}", highlight=False, soft_wrap=True)
        return
    talk.print(f"[bold red]error:[/] {escape(_headline(error))}", highlight=False, soft_wrap=True)
    if isinstance(error, ScriptError):
        if error.place:
            talk.print(escape(error.place.pointed(error.path)), highlight=False, soft_wrap=True)
        elif error.path:
            talk.print(escape(f" --> {error.path}"), highlight=False, soft_wrap=True)
        for name, text in (("detail", error.detail), ("context", error.context)):
            if text:
                talk.print(f"{name}: {escape(text)}", highlight=False, soft_wrap=True)
    if error.hint:
        talk.print(f"\n[bold]hint:[/] {escape(error.hint)}", highlight=False, soft_wrap=True)


def error_data(error: VueloError) -> dict[str, Any]:
    data: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    if isinstance(error, ScriptError):
        data |= {"sqlstate": error.sqlstate, "detail": error.detail, "context": error.context}
        data["file"] = str(error.path) if error.path else None
        data |= {"line": error.place.line, "column": error.place.column} if error.place else {}
    if isinstance(error, RunFailedError):
        data["services"] = [result_data(result) for result in error.results]
    return data


def result_data(result: Result) -> dict[str, Any]:
    return {
        "service": result.service,
        "schema": result.schema,
        "durationMs": result.duration_ms,
        "steps": [
            {"script": s.script, "version": s.version, "description": s.description, "durationMs": s.duration_ms}
            for s in result.steps
        ],
        "error": error_data(result.error) if result.error else None,
    }


def plan_data(service: str, plan: Plan) -> dict[str, Any]:
    """Names as in Flyway's own JSON, so that what reads one reads the other."""
    current = plan.current_version
    return {
        "service": service,
        "schemaVersion": current.text if current else None,
        "upToDate": not plan.pending and not any(problem.blocks for problem in plan.problems),
        "migrations": [_entry_data(entry) for entry in plan.entries],
        "problems": problems_data(plan.problems),
    }


def problems_data(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"code": p.code, "message": p.message, "hint": p.hint, "blocksMigrate": p.blocks} for p in problems]


def show_plans(plans: Mapping[str, Plan]) -> None:
    for service, plan in plans.items():
        title = f"{escape(service)}: schema version {plan.current_version or 'none'}"
        table = Table(title=title, title_justify="left", title_style="bold")
        for heading in ("Category", "Version", "Description", "Type", "Installed On", "State", "Undoable"):
            table.add_column(heading)
        for entry in plan.entries:
            data = _entry_data(entry)
            colour = _COLOURS.get(entry.state, "")
            cells = [data[key] or "" for key in ("category", "version", "description", "type", "installedOn")]
            table.add_row(
                *map(escape, cells), f"[{colour}]{entry.state}[/]" if colour else entry.state, data["undoable"]
            )
        if plan.entries:
            answer.print(table)
        else:
            answer.print(f"{escape(service)}: no migrations found")


def show_problems(plans: Mapping[str, Plan], *, only_blocking: bool = False) -> None:
    for service, plan in plans.items():
        for problem in plan.problems:
            if only_blocking and not problem.blocks:
                continue
            text = f"[bold]{escape(service)}[/]: {escape(problem.message)}\n    {escape(problem.hint)}"
            answer.print(text, highlight=False, soft_wrap=True)


def show_results(results: Sequence[Result], verb: str) -> None:
    table = Table()
    for heading in ("Service", "Schema", verb, "Time"):
        table.add_column(heading, justify="right" if heading == "Time" else "left")
    for result in results:
        done = ", ".join(step.version or step.script for step in result.steps) or "nothing to do"
        table.add_row(escape(result.service), escape(result.schema), escape(done), f"{result.duration_ms / 1000:.2f} s")
    answer.print(table)


def _headline(error: VueloError) -> str:
    sqlstate = f" (SQLSTATE {error.sqlstate})" if isinstance(error, ScriptError) and error.sqlstate else ""
    return f"{error.message}{sqlstate}"


def _entry_data(entry: Entry) -> dict[str, Any]:
    row, script = entry.row, entry.script
    versioned = row.version_text if row else (script.version.text if script and script.version else None)
    synthetic = row is not None and row.type in ("SCHEMA", "BASELINE")
    return {
        "category": "" if synthetic else ("Versioned" if versioned else "Repeatable"),
        "version": versioned or "",
        "description": row.description if row else script.description if script else "",
        "type": row.type if row else "SQL",
        "installedOn": f"{row.installed_on:%Y-%m-%d %H:%M:%S}" if row else "",
        "state": entry.state.value,
        "undoable": ""
        if synthetic or not versioned or entry.state is State.DELETED
        else ("Yes" if entry.undo else "No"),
        "script": row.script if row else script.script if script else "",
        "filepath": str(script.path) if script else "",
        "installedBy": row.installed_by if row else "",
        "executionTime": row.execution_time if row else None,
        "checksum": row.checksum if row else script.checksum if script else None,
        "kind": (script.kind if script else Kind.VERSIONED if versioned else Kind.REPEATABLE).name.lower(),
    }
