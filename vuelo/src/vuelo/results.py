"""What a run did or why it failed, as text and as plain data. Without rich: `migrate` with nothing to do is quick."""

import sys
from collections.abc import Sequence
from typing import Any

from vuelo.errors import ScriptError, VueloError
from vuelo.executor import Result
from vuelo.run import RunFailedError

_MOST_NAMED = 12


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


def show_results(results: Sequence[Result], verb: str) -> None:
    lines = [
        ("Service", "Schema", "Time", verb),
        *((one.service, one.schema, f"{one.duration_ms / 1000:.2f} s", _done(one)) for one in results),
    ]
    service, schema, time = (max(len(line[column]) for line in lines) for column in range(3))
    for line in lines:
        sys.stdout.write(f"{line[0]:{service}}  {line[1]:{schema}}  {line[2]:>{time}}  {line[3]}\n")


def _done(result: Result) -> str:
    names = [step.version or step.script for step in result.steps]
    if len(names) > _MOST_NAMED:
        return f"{names[0]} … {names[-1]} ({len(names):,} scripts)"
    return ", ".join(names) or "nothing to do"
