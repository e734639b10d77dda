"""What a command does to one service, on one connection, under its lock: migrate, undo, and looking on."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psycopg

from vuelo import creation, history, sidelog, window
from vuelo.apply import COMMIT_WITHOUT_WAITING, MovedOnError, Step, Work, apply, apply_group, transaction, written_down
from vuelo.callbacks import around, fire, fire_creation
from vuelo.errors import VueloError
from vuelo.history import Connection, HistoryTable, NewRow
from vuelo.locations import find_scripts
from vuelo.migration import Applied, Found, RowType, Script
from vuelo.naming import Kind, Version
from vuelo.plan import Plan, UndoStep, make_plan, plan_undo
from vuelo.project import Service
from vuelo.scripts import Site
from vuelo.session import Progress, Run, connected, placeholders_of, start_session
from vuelo.settings import Phase
from vuelo.sidelog import Action
from vuelo.states import known_picks
from vuelo.watch.watcher import watching

_BETWEEN = ("afterVersioned", "beforeRepeatables")


@dataclass(frozen=True)
class Result:
    """What a run did to one service. With an error, the steps before it stand and its own left nothing behind."""

    service: str
    schema: str
    steps: tuple[Step, ...]
    duration_ms: int
    error: VueloError | None = None


def migrate(service: Service, run: Run) -> Iterator[Step]:
    """Apply what is pending, one step at a time, under the service's lock.

    Raises VueloError `validate.failed` before the first step, ScriptError when a script fails.
    """
    with connected(service, run) as conn, watching(conn, service, run) as watched:
        site, found = site_of(conn, service, watched)
        fire(site, "afterConnect")
        _validate_for_callbacks(site, found)
        is_new = not history.exists(conn, site.table)
        if is_new:  # what cannot be migrated at all gets no history either
            refuse_problems(service, make_plan(found, [], service.settings))
        fire_creation(site)
        if is_new:
            with conn.transaction():
                start_session(conn, service)
                conn.execute(COMMIT_WITHOUT_WAITING)
                creation.begin(conn, site.table, service.settings, service.wait_s, run.stop)
        with locked(site):
            with transaction(site):
                conn.execute(COMMIT_WITHOUT_WAITING)
                sidelog.create(conn, site.table)
            with around(site, "Migrate") as then, written_down(site):
                for step in _apply_pending(site, found):
                    then[:] = ["afterMigrateApplied"]
                    yield step


def undo(service: Service, run: Run, *, steps: int | None = 1, target: Version | None = None) -> Iterator[Step]:
    """Take back migrations, newest first; the repeatables that ran since are marked to run again."""
    with connected(service, run) as conn, watching(conn, service, run) as watched:
        site, found = site_of(conn, service, watched)
        fire(site, "afterConnect")
        with locked(site):
            works = undo_work(site, found, steps, target)
            if not works:
                return
            with transaction(site):
                sidelog.create(conn, site.table)
            after = works[0].after
            with around(site, "Undo"), written_down(site):
                for work in works:
                    try:
                        step = apply(site, replace(work, after=after))
                    except MovedOnError:
                        message = f"another runner has changed {service.schema} meanwhile"
                        raise VueloError("undo.moved", message, "look at vuelo info, then undo again") from None
                    after = step.rank or after
                    yield step
            watched.watch(Progress(service.name, len(works), len(works), None))


def inspect_undo(
    service: Service, run: Run, *, steps: int | None = 1, target: Version | None = None
) -> tuple[UndoStep, ...]:
    """What `undo` would do. Raises VueloError `undo.no_script` as it would."""
    with connected(service, run) as conn:
        _, found = site_of(conn, service, run)
        return plan_undo(found, _rows(conn, service), steps=None if target else steps, target=target)


def inspect(service: Service, run: Run, command: str | None = None) -> Plan:
    """The plan as things stand. Takes no lock, changes nothing, and needs no more than to read the history.

    For a `command`, Info or Validate, its callbacks run.
    """
    with connected(service, run, as_role=False) as conn:
        site, found = site_of(conn, service, run)
        if command is None or not site.callbacks:
            return _plan(site, found)
        fire(site, "afterConnect")
        if command == "Validate" and not history.schema_exists(conn, service.schema):
            plan = _plan(site, found)
        else:
            fire(site, f"before{command}")
            plan = _plan(site, found)
            failed = command == "Validate" and any(problem.blocks for problem in plan.problems)
            fire(site, f"after{command}Error" if failed else f"after{command}")
        fire(site, f"after{command}OperationFinish")
        return plan


def known_versions(service: Service, run: Run) -> set[Version]:
    """Every version that a file or the history has."""
    with connected(service, run) as conn:
        _, found = site_of(conn, service, run)
        rows = _rows(conn, service)
    versions = {script.version for script in found.scripts if script.kind in (Kind.VERSIONED, Kind.BASELINE)}
    return {version for version in (*versions, *(row.version for row in rows)) if version is not None}


def own_picks(service: Service, run: Run) -> tuple[str, ...]:
    """Those of the setting `cherry_pick` that this service has a script for."""
    with connected(service, run) as conn:
        _, found = site_of(conn, service, run)
    return known_picks(found.scripts, service.settings)


def site_of(conn: Connection, service: Service, run: Run) -> tuple[Site, Found]:
    """A service's connection as scripts need it, and the scripts."""
    placeholders = placeholders_of(conn, service)
    found = find_scripts(service, placeholders)
    table = HistoryTable(service.schema, service.table)
    return Site(conn, service, run, table, placeholders, found.callbacks), found


@contextmanager
def locked(site: Site) -> Generator[None]:
    """The service's lock for the session; through a pooler, which knows no sessions, each transaction takes it."""
    if site.service.settings.pooler:
        yield
        return
    with history.locked(site.conn, site.table, site.service.wait_s, site.run.stop):
        yield


def refuse_problems(service: Service, plan: Plan) -> None:
    blocking = [problem for problem in plan.problems if problem.blocks]
    if blocking and service.settings.validate_on_migrate:
        listed = "\n".join(f"  {problem.message}\n    {problem.hint}" for problem in blocking)
        raise VueloError("validate.failed", f"{service.name}: the files and the history do not agree\n{listed}")


def row_of(site: Site, script: Script) -> NewRow:
    """What the history will say of a script that has run."""
    version = None if script.version is None else script.version.text
    author = site.service.settings.installed_by
    return NewRow(version, script.description, script.row_type, script.script, script.checksum, installed_by=author)


def planned_work(site: Site, found: Found, assumed: list[Applied] | None = None) -> tuple[Plan, list[Work]]:
    """What is to be done, and the scripts to run for it, as if the history had the rows that are `assumed`."""
    rows = _rows(site.conn, site.service, is_there=True) if assumed is None else assumed
    plan = _plan(site, found, rows)
    total, after = len(plan.pending), rows[-1].installed_rank if rows else 0
    times = {row.script: row.execution_time for row in rows if row.success and not row.takes_back}
    first_repeatable = next((script for script in plan.pending if script.kind is Kind.REPEATABLE), None)
    works = [
        Work(
            script,
            (row_of(site, script),),
            Action.MIGRATE,
            _progress(site, done, total, script, times.get(script.script)),
            after,
            _BETWEEN if script is first_repeatable else (),
        )
        for done, script in enumerate(plan.pending)
    ]
    return plan, works


def undo_work(site: Site, found: Found, steps: int | None, target: Version | None) -> list[Work]:
    """The undo scripts to run, with the rows that say so. Raises VueloError `undo.*`."""
    rows = _rows(site.conn, site.service)
    todo = plan_undo(found, rows, steps=None if target else steps, target=target)
    times = {row.script: row.execution_time for row in rows if row.takes_back}
    return [
        Work(
            step.script,
            tuple(_deletion_of(site, row) for row in (*step.repeatables, step.row)),
            Action.UNDO,
            _progress(site, done, len(todo), step.script, times.get(step.row.script)),
            rows[-1].installed_rank,
            undoes=step.row.installed_rank,
        )
        for done, step in enumerate(todo)
    ]


def _validate_for_callbacks(site: Site, found: Found) -> None:
    """Flyway validates before anything else where there is a schema; what counts is looked at under the lock."""
    validates = site.service.settings.validate_on_migrate and history.schema_exists(site.conn, site.service.schema)
    if site.callbacks and validates:
        with around(site, "Validate", finishes=False):
            refuse_problems(site.service, _plan(site, found))


def _apply_pending(site: Site, found: Found) -> Iterator[Step]:
    while True:
        plan, works = planned_work(site, found)
        refuse_problems(site.service, plan)
        try:
            yield from _apply_all(site, works)
        except MovedOnError:
            continue
        break
    if not any(work.events for work in works):
        fire(site, _BETWEEN[0])
    site.run.watch(Progress(site.service.name, len(works), len(works), None))


def _apply_all(site: Site, works: Sequence[Work]) -> Iterator[Step]:
    if site.service.settings.group and works:
        for work in works:
            _refuse_outside_window(site, work.script)
        yield from apply_group(site, works)
        return
    after = works[0].after if works else 0
    for work in works:
        _refuse_outside_window(site, work.script)
        step = apply(site, replace(work, after=after))
        after = step.rank or after
        yield step


def _refuse_outside_window(site: Site, script: Script) -> None:
    said = site.service.settings.maintenance_window
    if script.phase is not Phase.CONTRACT or said is None:
        return
    opening, now = window.parsed(said), datetime.now(UTC)
    if not opening.contains(now):
        message = f"{script.path.name} is a contract migration, and the maintenance window is closed"
        raise VueloError("migrate.window", message, f"it opens {opening.next_start(now):%A %Y-%m-%d %H:%M %Z}: {said}")


def _progress(site: Site, done: int, total: int, script: Script, last_ms: int | None) -> Progress:
    """With the time that its last run took: of a repeatable, or of a version that was undone."""
    return Progress(site.service.name, done, total, script.path.name, expected_ms=last_ms)


def _deletion_of(site: Site, row: Applied) -> NewRow:
    """What takes a row back so that Flyway can still read the history: an UNDO_SQL row would make it fail."""
    author = site.service.settings.installed_by
    return NewRow(row.version_text, row.description, RowType.DELETE, row.script, row.checksum, installed_by=author)


def _plan(site: Site, found: Found, rows: list[Applied] | None = None) -> Plan:
    known = _rows(site.conn, site.service) if rows is None else rows
    return make_plan(found, known, site.service.settings, sidelog.remembered(site.conn, site.table, known))


def _rows(conn: Connection, service: Service, *, is_there: bool = False) -> list[Applied]:
    table = HistoryTable(service.schema, service.table)
    try:
        return history.rows(conn, table) if is_there or history.exists(conn, table) else []
    except psycopg.Error as error:
        message = f"{service.name}: cannot read {table.schema}.{table.name}: {error.diag.message_primary or error}"
        refused = isinstance(error, psycopg.errors.InsufficientPrivilege)
        hint = "connect as a role that may read it" if refused else "look at its columns and rows"
        raise VueloError("history.unreadable", message, hint) from error
