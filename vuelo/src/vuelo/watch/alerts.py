"""After a run: a webhook for people, a textfile for Prometheus. Neither ever fails the run; it says so on stderr."""

import fcntl
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from importlib import metadata
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from vuelo import run
from vuelo.apply import Step
from vuelo.errors import ScriptError, VueloError
from vuelo.executor import Result
from vuelo.migration import RowType
from vuelo.naming import Naming, parse_name
from vuelo.plan import Plan
from vuelo.project import Project, Service
from vuelo.states import TAKEN_BACK, State

_TIMEOUT_S = 5.0
_TRIES = 2
_PAUSE_S = 1.0
_METRICS = {
    "vuelo_migration_success": "Whether the last run went well.",
    "vuelo_migration_duration_seconds": "How long the last run took.",
    "vuelo_migration_version": "1, with the schema's version as a label.",
    "vuelo_migrations_applied": "Migrations of the history that stand.",
    "vuelo_migrations_pending": "Migrations that the next run would apply.",
    "vuelo_last_run_timestamp_seconds": "When the last run ended.",
}
_SAMPLE = re.compile(r'(\w+)\{service="((?:[^"\\]|\\.)*)",schema="((?:[^"\\]|\\.)*)"')
_DATA_EXCEPTION, _RAISED = "22", "P0001"
_NO_MIGRATION = (RowType.SCHEMA, RowType.BASELINE)

_Labels = dict[str, str]
_Sample = tuple[str, _Labels, float]


def alert(project: Project, results: Sequence[Result], command: str = "migrate") -> None:
    """Tell what a run did, to whom the services' settings name. `project` is one whose servers run."""
    now = datetime.now(UTC)
    by_name = {result.service: result for result in results}
    services = [service for service in project.services if service.name in by_name]
    _post_all(services, by_name, command, now)
    for text in sorted({service.settings.metrics_file for service in services if service.settings.metrics_file}):
        some = tuple(service for service in services if service.settings.metrics_file == text)
        try:
            plans = _plans(replace(project, services=some))
            samples = [one for s in some for one in _samples(by_name[s.name], plans.get(s.name), now)]
            _write_metrics(project.base / text, samples)
        except OSError as error:
            _complain(f"the metrics file {text} cannot be written: {error.strerror or error}")


def body(result: Result, command: str, run_id: str, now: datetime, naming: Naming) -> dict[str, Any]:
    """What a webhook gets of one service. No value from the database is in it.

    `script` is the one that failed, or the last of those that ran, and `version` its own.
    """
    error = result.error
    steps = result.steps
    failed = error.path.name if isinstance(error, ScriptError) and error.path else None
    script = failed or (steps[-1].script if steps and not error else None)
    return {
        "run": run_id,
        "command": command,
        "service": result.service,
        "schema": result.schema,
        "state": "failed" if error else "success",
        "schema_version": _reached(steps) if command == "migrate" else None,
        "version": _version(script, naming),
        "script": script,
        "applied": [step.script for step in steps],
        "duration_ms": result.duration_ms,
        "started_at": (now - timedelta(milliseconds=result.duration_ms)).isoformat(),
        "finished_at": now.isoformat(),
        "error": _error(error) if error else None,
        "vuelo": metadata.version("vuelo"),
    }


def _reached(steps: Sequence[Step]) -> str | None:
    return next((step.version for step in reversed(steps) if step.version), None)


def _version(script: str | None, naming: Naming) -> str | None:
    """None of a repeatable, and of what is no migration, such as a callback."""
    with suppress(ValueError):
        version = parse_name(PurePath(script or "").name, naming).version
        return version.text if version else None
    return None


def _error(error: VueloError) -> dict[str, Any]:
    """Without what may be data: PostgreSQL puts values into the words of some errors, and in each error's detail."""
    place = error.place if isinstance(error, ScriptError) else None
    sqlstate = error.sqlstate if isinstance(error, ScriptError) else None
    message = error.message
    if sqlstate == _RAISED:
        message = "the script raised an exception"
    elif sqlstate:
        message = re.sub(r"'[^']*'?", "'…'", message)
        if sqlstate.startswith(_DATA_EXCEPTION):
            message = re.sub(r'"[^"]*"?', '"…"', message)
    return {
        "code": error.code,
        "sqlstate": sqlstate,
        "message": message,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }


def _post_all(services: Iterable[Service], results: dict[str, Result], command: str, now: datetime) -> None:
    run_id = uuid.uuid4().hex
    deaf: set[str] = set()
    for service in services:
        url, result = service.settings.webhook, results[service.name]
        if url is None or url in deaf or not (result.error or service.settings.webhook_on_success):
            continue
        if problem := _post(url, json.dumps(body(result, command, run_id, now, service.settings.naming)).encode()):
            deaf.add(url)
            _complain(f"the webhook at {urlsplit(url).hostname or 'an address'} was not told: {problem}")


def _post(url: str, data: bytes) -> str | None:
    """Try twice; what went wrong, or nothing. The address may hold a secret, so no message shows it."""
    if urlsplit(url).scheme not in ("http", "https"):
        return "its address is not http:// or https://"
    problem = None
    for number in range(_TRIES):
        if number:
            time.sleep(_PAUSE_S)
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310  checked above
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
                return None
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None)
            status = getattr(error, "code", None)
            problem = f"it answered {status}" if status else str(reason or error or type(error).__name__)
    return problem


def _plans(project: Project) -> dict[str, Plan]:
    """As things stand after the run. Of a database that is not there nothing can be said."""
    with suppress(VueloError):
        return run.info(project)
    return {}


def _samples(result: Result, plan: Plan | None, now: datetime) -> list[_Sample]:
    labels = {"service": result.service, "schema": result.schema}
    samples = [
        ("vuelo_migration_success", labels, 0.0 if result.error else 1.0),
        ("vuelo_migration_duration_seconds", labels, result.duration_ms / 1000),
        ("vuelo_last_run_timestamp_seconds", labels, now.timestamp()),
    ]
    if plan is not None:
        version = plan.current_version.text if plan.current_version else ""
        samples.append(("vuelo_migration_version", {**labels, "version": version}, 1.0))
        samples.append(("vuelo_migrations_applied", labels, float(_applied(plan))))
        samples.append(("vuelo_migrations_pending", labels, float(len(plan.pending))))
    return samples


def _applied(plan: Plan) -> int:
    standing = (
        entry.row for entry in plan.entries if entry.state not in TAKEN_BACK and entry.state is not State.SUPERSEDED
    )
    return len({row.script for row in standing if row and row.success and row.type not in _NO_MIGRATION})


def _write_metrics(path: Path, samples: Sequence[_Sample]) -> None:
    """At one stroke, with what the file has of other services. Locks the folder against another run's writing."""
    ours = {(_escaped(labels["service"]), _escaped(labels["schema"])) for _, labels, _ in samples}
    path.parent.mkdir(parents=True, exist_ok=True)
    with _sole(path.parent):
        kept = _lines_of_others(path, ours)
        new = [(name, _line(name, labels, value)) for name, labels, value in samples]
        text = "".join(
            f"# HELP {metric} {about}\n# TYPE {metric} gauge\n"
            + "".join(sorted(line for name, line in (*kept, *new) if name == metric))
            for metric, about in _METRICS.items()
        )
        # Hidden and without the name's end, so that the collector takes no half file.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as whole:
            try:
                whole.write(text)
                Path(whole.name).chmod(0o644)  # the collector is another account
                whole.close()
                Path(whole.name).replace(path)
            except BaseException:
                Path(whole.name).unlink(missing_ok=True)
                raise


@contextmanager
def _sole(folder: Path) -> Generator[None]:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _lines_of_others(path: Path, ours: set[tuple[str, str]]) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (FileNotFoundError, UnicodeDecodeError):
        return []
    found = ((_SAMPLE.match(line), line) for line in lines)
    return [(match[1], line) for match, line in found if match and (match[2], match[3]) not in ours]


def _line(name: str, labels: _Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _complain(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"warning: {text}\n")
