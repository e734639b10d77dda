"""What people read: errors, and the table of `info`. And a plan as plain data for `--json`."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.style import Style

from vuelo.errors import ScriptError, VueloError
from vuelo.migration import RowType
from vuelo.naming import Kind
from vuelo.plan import Plan
from vuelo.problems import Problem
from vuelo.project import Service
from vuelo.run import RunFailedError
from vuelo.selection import EVERYTHING, Selection
from vuelo.states import TAKEN_BACK, Entry, State

talk = Console(stderr=True, emoji=False)  # progress, errors, hints: everything that is not the answer
answer = Console(width=None if sys.stdout.isatty() else 160, emoji=False)  # a pipe has no width to wrap at

_COLOURS: dict[str, str] = {
    State.SUCCESS: "green", State.BASELINE: "green", State.OUT_OF_ORDER: "green", State.PENDING: "yellow",
    State.OUTDATED: "yellow", State.FUTURE: "yellow", State.FAILED: "red", State.FAILED_MISSING: "red",
    State.FAILED_FUTURE: "red", State.MISSING: "red", State.IGNORED: "red", State.DELETED: "dim", State.UNDONE: "dim",
    State.SUPERSEDED: "dim", State.BELOW_BASELINE: "dim", State.BASELINE_IGNORED: "dim", State.ABOVE_TARGET: "dim",
}  # fmt: skip
_COLUMNS = {
    "Category": "category", "Version": "version", "Description": "description", "Type": "type",
    "Installed On": "installedOn", "Time": "time", "State": "state", "Undoable": "undoable",
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


def plan_data(service: Service, plan: Plan, selection: Selection = EVERYTHING) -> dict[str, Any]:
    """Names as in Flyway's own JSON, so that what reads one reads the other."""
    current = plan.current_version
    return {
        "service": service.name,
        "schemaName": service.schema,
        "schemaVersion": current.text if current else None,
        "upToDate": not plan.pending and not any(problem.blocks for problem in plan.problems),
        "migrations": [_entry_data(entry) for entry in selection.of(plan, with_undos=True)],
        "problems": problems_data(plan.problems),
    }


def problems_data(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"code": p.code, "message": p.message, "hint": p.hint, "blocksMigrate": p.blocks} for p in problems]


def show_plans(plans: Mapping[str, Plan], selection: Selection = EVERYTHING) -> None:
    for number, (service, plan) in enumerate(plans.items()):
        if number:
            print_plain("")
        entries = selection.of(plan)
        title = f"{service}: schema version {plan.current_version or 'none'}"
        if entries:
            print_plain(_painted(title, "bold"))
            print_plain(_table(entries))
        elif plan.entries:
            print_plain(f"{title}; the filters leave nothing of its {len(plan.entries)} lines")
        else:
            print_plain(f"{service}: no migrations found; vuelo new writes one")


def _table(entries: Iterable[Entry]) -> str:
    """Flyway's columns and the time it took. Plain text: rich's own table takes a second for a thousand lines."""
    lines = [[str(data[key] or "") for key in _COLUMNS.values()] for data in map(_entry_data, entries)]
    widths = [max(cell_len(line[at]) for line in ([*_COLUMNS], *lines)) for at in range(len(_COLUMNS))]
    ruler = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    drawn = [ruler, _row([*_COLUMNS], widths), ruler, *(_row(line, widths) for line in lines), ruler]
    return "\n".join(drawn)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
    by_column = dict(zip(_COLUMNS, padded, strict=True))
    state = by_column["State"]
    by_column["State"] = _painted(state, _COLOURS.get(state.strip(), ""))
    return f"| {' | '.join(by_column.values())} |"


def _painted(text: str, style: str) -> str:
    if not style or answer.color_system is None or answer.no_color:
        return text
    return Style.parse(style).render(text)


def print_plain(text: str) -> None:
    """A line of the answer as it is, where there may be ten thousand of them."""
    answer.file.write(text + "\n")


def show_problems(plans: Mapping[str, Plan], *, only_blocking: bool = False) -> None:
    for service, plan in plans.items():
        for problem in plan.problems:
            if only_blocking and not problem.blocks:
                continue
            print_plain(f"{_painted(service, 'bold')}: {problem.message}\n    {problem.hint}")


def _headline(error: VueloError) -> str:
    sqlstate = f" (SQLSTATE {error.sqlstate})" if isinstance(error, ScriptError) and error.sqlstate else ""
    return f"{error.message}{sqlstate}"


def _entry_data(entry: Entry) -> dict[str, Any]:
    row, script = entry.row, entry.script
    version = row.version_text if row else script.version.text if script and script.version else None
    installed_on = row.installed_on if row else None
    return {
        "category": _category(entry),
        "version": version or "",
        "description": row.description if row else script.description if script else "",
        "type": row.type if row else _file_type(entry),
        "installedOn": f"{installed_on:%Y-%m-%d %H:%M:%S}" if installed_on else "",
        "installedOnUTC": _instant(installed_on) if installed_on else "",
        "state": entry.state.value,
        "undoable": _undoable(entry, version),
        "script": row.script if row else script.script if script else "",
        "filepath": str(script.path) if script else "",
        "undoFilepath": str(entry.undo.path) if entry.undo else "",
        "installedBy": row.installed_by if row else "",
        "executionTime": row.execution_time if row else None,
        "time": _duration(row.execution_time) if row else "",
        "checksum": row.checksum if row else script.checksum if script else None,
        "kind": _kind(entry, version),
        "installedRank": row.installed_rank if row else None,
        "phase": script.phase.value if script else "",
    }


def _category(entry: Entry) -> str:
    row, script = entry.row, entry.script
    if row is not None and row.is_synthetic:
        return ""
    either = row or script
    if either is None or either.version is None:
        return "Repeatable"
    if script is not None and script.kind is Kind.UNDO:
        return "Undo"
    is_baseline = row.is_baseline if row else script is not None and script.kind is Kind.BASELINE
    return "Baseline" if is_baseline else "Versioned"


def _kind(entry: Entry, version: str | None) -> str:
    row, script = entry.row, entry.script
    if script is not None:
        return script.kind.name.lower()
    if row is not None and row.type == RowType.SCHEMA:
        return ""
    return (Kind.VERSIONED if version else Kind.REPEATABLE).name.lower()


def _file_type(entry: Entry) -> str:
    if entry.script is None:
        return ""
    return "UNDO_SQL" if entry.script.kind is Kind.UNDO else entry.script.row_type


def _undoable(entry: Entry, version: str | None) -> str:
    is_schema = entry.row is not None and entry.row.type == RowType.SCHEMA
    if version is None or is_schema or entry.state in (*TAKEN_BACK, State.AVAILABLE):
        return ""
    return "Yes" if entry.undo else "No"


def _duration(milliseconds: int) -> str:
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    minutes, seconds = divmod(milliseconds / 1000, 60)
    return f"{int(minutes)} min {seconds:.0f} s" if minutes else f"{seconds:.1f} s"


def _instant(installed_on: datetime) -> str:
    """As Flyway: the table's time is taken for one of the zone that this machine is in."""
    return f"{installed_on.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
