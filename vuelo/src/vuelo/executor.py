"""Run one service's steps on one connection: each migration and its history row commit together or not at all."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from time import monotonic

import psycopg

from vuelo import history
from vuelo.errors import Place, ScriptError, VueloError
from vuelo.history import Connection, HistoryTable, NewRow
from vuelo.locations import find_scripts, opened_lines, with_file_name
from vuelo.migration import Applied, RowType, Script
from vuelo.naming import Kind, Version
from vuelo.placeholders import Placeholders
from vuelo.plan import Plan, UndoStep, make_plan, plan_undo
from vuelo.project import Service
from vuelo.session import Progress, Run, connected, placeholders_of, start_session
from vuelo.settings import Settings
from vuelo.statements import Statement, split

_LINE_END = re.compile(r"\r\n|\r|\n")
_COPY_LINE = re.compile(r", line (\d+)")
_COPY_LINES_A_WRITE = 1000


@dataclass(frozen=True)
class Step:
    """One script that ran."""

    script: str
    version: str | None
    description: str
    duration_ms: int


@dataclass(frozen=True)
class Result:
    """What a run did to one service. With an error, the steps before it stand and its own left nothing behind."""

    service: str
    schema: str
    steps: tuple[Step, ...]
    duration_ms: int
    error: VueloError | None = None


def migrate(service: Service, run: Run, *, target: Version | None = None, out_of_order: bool = False) -> Iterator[Step]:
    """Apply what is pending, one step at a time, under the service's lock.

    Raises VueloError `validate.failed` before the first step, ScriptError when a script fails.
    """
    table = HistoryTable(service.schema, service.table)
    with connected(service, run) as conn:
        if not history.exists(conn, table):  # what cannot be migrated at all gets no history either
            refuse_problems(service, make_plan(find_scripts(service.locations, placeholders_of(conn, service)), []))
            history.create(conn, table, service.wait_s, run.stop)
        with history.locked(conn, table, service.wait_s, run.stop):
            found = find_scripts(service.locations, placeholders_of(conn, service))
            plan = make_plan(found, history.rows(conn, table), _settings(service, target, out_of_order))
            refuse_problems(service, plan)
            for done, script in enumerate(plan.pending):
                run.watch(Progress(service.name, done, len(plan.pending), script.path.name))
                yield _apply(conn, service, run, script, _row_of(script))
            run.watch(Progress(service.name, len(plan.pending), len(plan.pending), None))


def undo(service: Service, run: Run, *, steps: int | None = 1, target: Version | None = None) -> Iterator[Step]:
    """Take back migrations, newest first; the repeatables that ran since are marked to run again."""
    table = HistoryTable(service.schema, service.table)
    with connected(service, run) as conn, history.locked(conn, table, service.wait_s, run.stop):
        todo = _undo_steps(conn, service, steps, target)
        for done, step in enumerate(todo):
            run.watch(Progress(service.name, done, len(todo), step.script.path.name))
            rows = [_deletion_of(row) for row in (*step.repeatables, step.row)]
            yield _apply(conn, service, run, step.script, rows)
        run.watch(Progress(service.name, len(todo), len(todo), None))


def inspect_undo(
    service: Service, run: Run, *, steps: int | None = 1, target: Version | None = None
) -> tuple[UndoStep, ...]:
    """What `undo` would do. Raises VueloError `undo.no_script` as it would."""
    with connected(service, run) as conn:
        return _undo_steps(conn, service, steps, target)


def inspect(service: Service, run: Run, *, target: Version | None = None, out_of_order: bool = False) -> Plan:
    """The plan as things stand. Takes no lock, changes nothing, and needs no more than to read the history."""
    with connected(service, run, as_role=False) as conn:
        rows = _rows(conn, service)
        found = find_scripts(service.locations, placeholders_of(conn, service))
    return make_plan(found, rows, _settings(service, target, out_of_order))


def _settings(service: Service, target: Version | None, out_of_order: bool) -> Settings:
    given = service.settings if target is None else replace(service.settings, target=target.text)
    return replace(given, out_of_order=True) if out_of_order else given


def known_versions(service: Service, run: Run) -> set[Version]:
    """Every version that a file or the history has."""
    with connected(service, run) as conn:
        rows = _rows(conn, service)
        found = find_scripts(service.locations, placeholders_of(conn, service))
    versions = {script.version for script in found.scripts if script.kind is Kind.VERSIONED}
    return {version for version in (*versions, *(row.version for row in rows)) if version is not None}


def _undo_steps(conn: Connection, service: Service, steps: int | None, target: Version | None) -> tuple[UndoStep, ...]:
    rows = _rows(conn, service)
    found = find_scripts(service.locations, placeholders_of(conn, service))
    return plan_undo(found, rows, steps=None if target else steps, target=target)


def _rows(conn: Connection, service: Service) -> list[Applied]:
    table = HistoryTable(service.schema, service.table)
    try:
        return history.rows(conn, table) if history.exists(conn, table) else []
    except psycopg.Error as error:
        message = f"{service.name}: cannot read {table.schema}.{table.name}: {error.diag.message_primary}"
        raise VueloError("history.unreadable", message, "connect as a role that may read it") from error


def refuse_problems(service: Service, plan: Plan) -> None:
    blocking = [problem for problem in plan.problems if problem.blocks]
    if blocking:
        listed = "\n".join(f"  {problem.message}\n    {problem.hint}" for problem in blocking)
        raise VueloError("validate.failed", f"{service.name}: the files and the history do not agree\n{listed}")


def _row_of(script: Script) -> list[NewRow]:
    version = None if script.version is None else script.version.text
    return [NewRow(version, script.description, RowType.SQL, script.script, script.checksum)]


def _deletion_of(row: Applied) -> NewRow:
    """What takes a row back so that Flyway can still read the history: an UNDO_SQL row would make it fail."""
    return NewRow(row.version_text, row.description, RowType.DELETE, row.script, row.checksum)


def _apply(conn: Connection, service: Service, run: Run, script: Script, rows: list[NewRow]) -> Step:
    started = monotonic()
    table = HistoryTable(service.schema, service.table)
    placeholders = with_file_name(placeholders_of(conn, service), script.path)
    try:
        with conn.transaction():
            start_session(conn, service)
            _run_script(conn, run, placeholders, script)
            duration_ms = round((monotonic() - started) * 1000)
            start_session(conn, service)  # the script may have changed role or timeouts
            for row in rows:
                history.insert(conn, table, replace(row, execution_ms=duration_ms))
    except psycopg.Error as error:  # after the last statement: the history row, or the commit with what was deferred
        failure = _script_error(error, None)
        failure.path = script.path
        raise failure from error
    version = None if script.version is None else script.version.text
    return Step(script.script, version, script.description, duration_ms)


def _run_script(conn: Connection, run: Run, placeholders: Placeholders, script: Script) -> None:
    with opened_lines(script.path) as lines:
        for statement in split(placeholders.replaced(lines)):
            # Ctrl-C cancels what runs in the database; this is for the moments when nothing does.
            if run.stop.is_set():
                raise VueloError("interrupted", "stopped before the end of a migration, which was rolled back")
            _execute(conn, statement, lambda number: _line_as_sent(placeholders, script, number))


def _line_as_sent(placeholders: Placeholders, script: Script, number: int) -> str:
    with opened_lines(script.path) as lines:
        line = next(islice(placeholders.replaced(lines), number - 1, None))
    return line.removeprefix("\ufeff") if number == 1 else line


def _execute(conn: Connection, statement: Statement, line_as_sent: Callable[[int], str]) -> None:
    if _ends_transaction(statement.words):
        place = Place.of(statement.line, statement.column, line_as_sent(statement.line))
        message = "a migration runs in a transaction of its own and cannot end it"
        raise ScriptError("script.transaction", message, place, "take the statement out")
    text = statement.text.encode()
    try:
        if statement.copy_data is not None:
            with conn.cursor() as cursor, cursor.copy(text) as copy:
                while chunk := "".join(islice(statement.copy_data, _COPY_LINES_A_WRITE)):
                    copy.write(chunk)
        elif statement.writes_stdout:
            with conn.cursor() as cursor, cursor.copy(text) as copy:
                for _ in copy:
                    pass  # as with a SELECT, nobody looks at the rows
        else:
            conn.execute(text)
    except psycopg.Error as error:
        raise _script_error(error, _place_of(error, statement, line_as_sent)) from error


def _ends_transaction(words: tuple[str, ...]) -> bool:
    return (
        words[:1] in (("begin",), ("commit",), ("abort",), ("end",))
        or words[:2] in (("start", "transaction"), ("prepare", "transaction"))
        or (words[:1] == ("rollback",) and "to" not in words[1:3])
    )


def _script_error(error: psycopg.Error, place: Place | None) -> ScriptError:
    """The database's words, or the driver's where the database had none."""
    diag = error.diag
    message = diag.message_primary or str(error).strip() or type(error).__name__
    result = ScriptError("script.failed", message, place, diag.message_hint)
    result.sqlstate = diag.sqlstate
    result.detail = diag.message_detail
    result.context = diag.context
    return result


def _place_of(error: psycopg.Error, statement: Statement, line_as_sent: Callable[[int], str]) -> Place:
    """The place in the file; the database's position counts from 1, without one it is the statement's start."""
    in_copy = _COPY_LINE.search(error.diag.context or "") if statement.copy_data is not None else None
    if in_copy:
        line, column = statement.last_line + int(in_copy[1]), 1
    else:
        line, column = _line_and_column(statement, int(error.diag.statement_position or 1) - 1)
    return Place.of(line, column, line_as_sent(line))


def _line_and_column(statement: Statement, position: int) -> tuple[int, int]:
    """Line and column in the script; `position` counts characters of the statement from 0."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(statement.text))]
    line = bisect_right(starts, position) - 1
    column = position - starts[line]
    return statement.line + line, column + (statement.column if line == 0 else 1)
