"""Maintenance within a window: broken indexes go or are made anew, tables are vacuumed, views refreshed. Safe to stop.

What was being done when somebody stops it is cancelled in the server, and a half-made index goes at once; where even
that was not possible, the next run begins with it.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import GasolineraError, UnavailableError
from gasolinera.ops.maintaining_plans import SQL, Connection, Kind, Limits, Rebuild, Task, leftovers, tasks_of
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.upkeep_sessions import chosen_places, upkeep_session
from vuelo import window as windows

_COMMAND: Final = "maintenance run"
_EVERY_DAY: Final = "Mon-Sun "
_LOCK_TIMEOUT: Final = "3s"
_LONGEST_STATEMENT: Final = timedelta(hours=2)
_LONGEST_WINDOW: Final = timedelta(days=7)
_SHORTEST_STATEMENT: Final = timedelta(seconds=1)


class Outcome(StrEnum):
    DONE = "DONE"
    PLANNED = "PLANNED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class DoneTask(msgspec.Struct, frozen=True, kw_only=True):
    """`freed`: bytes that went back to the disk; less than nothing, where it grew."""

    service: str
    kind: Kind
    object: str
    why: str
    outcome: Outcome
    seconds: float = 0.0
    bytes_before: int = 0
    bytes_after: int = 0
    problem: str | None = None

    @property
    def freed(self) -> int:
        return self.bytes_before - self.bytes_after if self.outcome is Outcome.DONE else 0


class Maintenance(msgspec.Struct, frozen=True):
    """`ended_early`: the window closed before everything was done. `opens_at`: it was not open at all."""

    is_dry_run: bool
    tasks: tuple[DoneTask, ...]
    seconds: float
    freed: int
    ended_early: bool = False
    opens_at: datetime | None = None

    @property
    def is_bad(self) -> bool:
        return any(task.outcome is Outcome.FAILED for task in self.tasks)


class Cost(msgspec.Struct, frozen=True):
    """What a vacuum may use: after so much work it rests for so long. PostgreSQL's own measure."""

    limit: int = 400
    delay_ms: float = 2.0


Told = Callable[[str, Task], None]


def parsed_window(text: str) -> windows.Window:
    """`02:00-04:30 America/Mexico_City`, each day; or with days before it. Raises VueloError `config.window`."""
    parts = (part.strip() for part in text.split(","))
    return windows.parsed(",".join(_EVERY_DAY + part if part[:1].isdigit() else part for part in parts))


def closes_at(window: windows.Window, now: datetime) -> datetime:
    """When an open window closes; windows open for whole minutes."""
    minute = now.replace(second=0, microsecond=0)
    latest = now + _LONGEST_WINDOW
    while minute < latest and window.contains(minute):
        minute += timedelta(minutes=1)
    return minute


def maintain(
    operations: Operations,
    *,
    services: Sequence[str] = (),
    kinds: Sequence[Kind] = (),
    window: windows.Window | None = None,
    limits: Limits | None = None,
    cost: Cost | None = None,
    is_dry_run: bool = False,
    told: Told | None = None,
) -> Maintenance:
    """Everything that is worth it by now, or only some kinds of it. Outside of its window nothing begins.

    Raises ConflictError `ops.running`, InputError `ops.no_service`, ConfigError `ops.not_owner`, UnavailableError
    `ops.unreachable`.
    """
    chosen = chosen_places(services)
    now = datetime.now(UTC)
    if window is not None and not is_dry_run and not window.contains(now):
        return Maintenance(is_dry_run, (), 0.0, 0, opens_at=window.next_start(now))
    until = now + _LONGEST_WINDOW if window is None else closes_at(window, now)
    began = time.monotonic()
    done: list[DoneTask] = []
    wanted = [kind for kind in Kind if not kinds or kind in kinds]
    with ops_session(operations.ops_url) as ops:
        work = _Work(ops, limits or Limits(), cost or Cost(), until, told)
        if is_dry_run:
            done += _each(chosen, lambda name: _planned(operations, name, wanted, work))
        else:
            with recorded_run(ops, _COMMAND, " ".join(services)) as run:
                for one in _each(chosen, lambda name: _service(operations, name, wanted, work)):
                    done.append(one)
                    run.result = _record(done)
                run.outcome = "WARNING" if any(one.outcome is Outcome.FAILED for one in done) else "OK"
    freed = sum(one.freed for one in done)
    is_late = not is_dry_run and datetime.now(UTC) >= until
    return Maintenance(is_dry_run, tuple(done), time.monotonic() - began, freed, ended_early=is_late)


class _Work(msgspec.Struct, frozen=True):
    ops: Connection
    limits: Limits
    cost: Cost
    until: datetime
    told: Told | None


def _each(services: Iterable[str], work: Callable[[str], Generator[DoneTask]]) -> Generator[DoneTask]:
    """One whose server is away is told after the others have been seen to."""
    failure: UnavailableError | None = None
    for service in services:
        try:
            yield from work(service)
        except UnavailableError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def _planned(operations: Operations, service: str, kinds: Iterable[Kind], work: _Work) -> Generator[DoneTask]:
    with upkeep_session(operations, service, "maintenance") as (conn, schema):
        for kind in kinds:
            for task in _tasks(conn, service, schema, kind, work):
                outcome = Outcome.PLANNED if task.skipped is None else Outcome.SKIPPED
                yield _result(service, task, outcome, problem=task.skipped)


def _service(operations: Operations, service: str, kinds: Iterable[Kind], work: _Work) -> Generator[DoneTask]:
    with upkeep_session(operations, service, "maintenance") as (conn, schema):
        conn.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'".encode())
        conn.execute("SELECT set_config('vacuum_cost_limit', %s, false)", (str(work.cost.limit),))
        conn.execute("SELECT set_config('vacuum_cost_delay', %s, false)", (str(work.cost.delay_ms),))
        # A process that is killed cancels nothing: its server notices, and works no longer than the window for nobody.
        conn.execute("SET client_connection_check_interval = '5s'")
        # One core is left for those who are served meanwhile.
        conn.execute("SET max_parallel_maintenance_workers = 0")
        for kind in kinds:
            for task in _tasks(conn, service, schema, kind, work):
                if datetime.now(UTC) >= work.until:
                    return
                if task.skipped is not None:
                    yield _result(service, task, Outcome.SKIPPED, problem=task.skipped)
                    continue
                if work.told is not None:
                    work.told(service, task)
                try:
                    yield _done(conn, service, task, work)
                except BaseException:
                    _clear_up(operations, service, kind)
                    raise


def _tasks(conn: Connection, service: str, schema: str, kind: Kind, work: _Work) -> list[Task]:
    rebuilds: list[Rebuild] = []
    if kind is Kind.REINDEX:
        rows = work.ops.execute(SQL["rebuilds"].sql.encode(), {"place": service}).fetchall()
        rebuilds = [Rebuild(*row) for row in rows]
    return tasks_of(conn, schema, kind, work.limits, rebuilds)


def _done(conn: Connection, service: str, task: Task, work: _Work) -> DoneTask:
    began = time.monotonic()
    left = min(work.until - datetime.now(UTC), _LONGEST_STATEMENT)
    milliseconds = int(max(left, _SHORTEST_STATEMENT) / timedelta(milliseconds=1))
    # What waits for others to end may not be stopped by a lock's short patience half way: it has until the window ends.
    is_patient = task.kind in (Kind.REINDEX, Kind.REBUILD_INVALID)
    outcome, problem = Outcome.DONE, None
    try:
        conn.execute("SELECT set_config('statement_timeout', %s, false)", (str(milliseconds),))
        conn.execute("SELECT set_config('lock_timeout', %s, false)", ("0" if is_patient else _LOCK_TIMEOUT,))
        with _warnings(conn) as warnings:
            conn.execute(_statement(task))
        if warnings:  # a vacuum that may not touch a table only warns
            outcome, problem = Outcome.FAILED, warnings[0]
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        outcome, problem = Outcome.SKIPPED, "somebody holds a lock of it; the next run tries again"
    except psycopg.errors.QueryCanceled as error:
        outcome, problem = Outcome.SKIPPED, f"not done in time: {error.diag.message_primary}"
    except (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.DataError, psycopg.InternalError) as error:
        outcome, problem = Outcome.FAILED, error.diag.message_primary or type(error).__name__
    except psycopg.errors.DiskFull:
        outcome, problem = Outcome.FAILED, "the server has no room for it"
    conn.execute("SET statement_timeout = 0")
    if outcome is not Outcome.DONE and is_patient:
        drop_leftovers(conn, task.schema)
    after, entries = _size(conn, task)
    if outcome is Outcome.DONE and is_patient:
        _keep(work.ops, service, task, after, entries)
    return _result(service, task, outcome, seconds=time.monotonic() - began, bytes_after=after, problem=problem)


@contextmanager
def _warnings(conn: Connection) -> Generator[list[str]]:
    """What the server warns of meanwhile."""
    found: list[str] = []

    def note(diagnosis: psycopg.errors.Diagnostic) -> None:
        if diagnosis.severity_nonlocalized == "WARNING" and diagnosis.message_primary:
            found.append(diagnosis.message_primary)

    conn.add_notice_handler(note)
    try:
        yield found
    finally:
        conn.remove_notice_handler(note)


def _statement(task: Task) -> sql.Composed:
    match task.kind:
        case Kind.DROP_LEFTOVER:
            text = "DROP INDEX CONCURRENTLY IF EXISTS {}"
        case Kind.REBUILD_INVALID | Kind.REINDEX:
            text = "REINDEX INDEX CONCURRENTLY {}"
        case Kind.VACUUM:
            text = "VACUUM (ANALYZE) {}" if task.is_analyzed_too else "VACUUM {}"
        case Kind.ANALYZE:
            text = "ANALYZE {}"
        case Kind.REFRESH:
            text = "REFRESH MATERIALIZED VIEW CONCURRENTLY {}" if task.is_beside else "REFRESH MATERIALIZED VIEW {}"
    return sql.SQL(text).format(task.place)


def _size(conn: Connection, task: Task) -> tuple[int, float]:
    row = conn.execute(SQL["size"].sql.encode(), {"name": task.place.as_string(conn)}).fetchone()
    return (0, 0.0) if row is None else (int(row[0]), float(row[1]))


def _keep(ops: Connection, service: str, task: Task, after: int, entries: float) -> None:
    values = {
        "place": service,
        "index_name": task.object,
        "bytes_before": task.bytes,
        "bytes_after": after,
        "entries": entries,
    }
    ops.execute(SQL["keep_rebuild"].sql.encode(), values)


def _clear_up(operations: Operations, service: str, kind: Kind) -> None:
    """After an interruption, which may have broken the session: nothing invalid is left behind, if that can be had."""
    if kind in (Kind.REINDEX, Kind.REBUILD_INVALID):
        with (
            suppress(psycopg.Error, GasolineraError),
            upkeep_session(operations, service, "maintenance") as (conn, schema),
        ):
            conn.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'".encode())
            drop_leftovers(conn, schema)


def drop_leftovers(conn: Connection, schema: str) -> None:
    """Half-made copies of indexes. Where somebody is in the way, the next run begins with them."""
    with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        conn.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
        for task in leftovers(conn, schema):
            conn.execute(_statement(task))


def _result(
    service: str,
    task: Task,
    outcome: Outcome,
    *,
    seconds: float = 0.0,
    bytes_after: int | None = None,
    problem: str | None = None,
) -> DoneTask:
    return DoneTask(
        service=service,
        kind=task.kind,
        object=task.object,
        why=task.why,
        outcome=outcome,
        seconds=seconds,
        bytes_before=task.bytes,
        bytes_after=task.bytes if bytes_after is None else bytes_after,
        problem=problem,
    )


def _record(done: Sequence[DoneTask]) -> dict[str, Any]:
    return {"freed": sum(one.freed for one in done), "tasks": msgspec.to_builtins(done)}
