"""Every migration up, down and up again in a scratch database, with sample data in the tables: does anything get lost?

For each version V: what was there before V, rows included, is there again after V and its undo; V then makes what it
made the first time. That is done on the way up, with the rows that the repeatables can add so far, and again on the way
down, with those that are left. At the top the repeatables run twice, views answer and function bodies are checked.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from time import monotonic

from psycopg import sql

from vuelo import executor
from vuelo.errors import ScriptError, VueloError
from vuelo.history import Connection
from vuelo.migration import Script
from vuelo.naming import Kind
from vuelo.project import Project, Service
from vuelo.run import side_by_side
from vuelo.schema import bodies, contents, snapshot
from vuelo.schema.contents import Contents
from vuelo.schema.locktrace import LockTaken, Trace
from vuelo.schema.snapshot import Difference, Snapshot
from vuelo.scripts import Hooks, Site, run_script, runs_alone
from vuelo.session import Run, connected, start_session


@dataclass(frozen=True)
class Finding:
    """Something that a migration does wrong. `code` is stable; `details` are sentences, `differences` objects."""

    code: str
    script: str
    message: str
    details: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Timed:
    """One script that ran for the first time: how long, and the locks that it held on what was there before it."""

    script: str
    duration_ms: int
    locks: tuple[LockTaken, ...]


@dataclass
class Rehearsal:
    """What was seen of one service. It is good when there are no findings."""

    service: str
    timed: list[Timed] = field(default_factory=list[Timed])
    findings: list[Finding] = field(default_factory=list[Finding])
    notes: list[str] = field(default_factory=list[str])
    objects: int = 0
    rows: int = 0
    checked: int = 0
    duration_ms: int = 0


@dataclass(frozen=True)
class _State:
    schema: Snapshot
    rows: dict[str, Contents]


@dataclass(frozen=True)
class _Stage:
    """A service in its scratch database; `observer` is a connection that no script runs on."""

    service: Service
    observer: Connection
    trace: Trace
    run: Run
    result: Rehearsal
    added: dict[str, int] = field(default_factory=dict[str, int])  # rows, by migration and table

    def state(self) -> _State:
        own = snapshot.own_tables(self.service)
        schema = snapshot.of_service(self.observer, self.service)
        return _State(schema, contents.read(self.observer, self.service.schema, own))

    def find(self, code: str, script: str, message: str, details: list[str]) -> None:
        if details:
            self.result.findings.append(Finding(code, script, message, tuple(details)))

    def compare(self, code: str, script: str, message: str, before: Snapshot, after: Snapshot) -> None:
        found = tuple(snapshot.differences(before, after))
        if found:
            self.result.findings.append(Finding(code, script, message, differences=found))


def rehearse(project: Project) -> list[Rehearsal]:
    """Of every service of a project whose addresses are those of empty databases (`scratch.opened`), side by side."""
    return list(side_by_side(project.services, Run(), _rehearse).values())


def _rehearse(service: Service, run: Run) -> Rehearsal:
    started = monotonic()
    result = Rehearsal(service.name)
    with connected(service, run, as_role=False) as observer:
        trace = Trace(observer, service.schema, snapshot.own_tables(service))
        stage = _Stage(service, observer, trace, replace(run, did=trace.look), result)
        with suppress(_StoppedError):
            _all_steps(stage)
    result.findings = list(dict.fromkeys(result.findings))  # what is lost on the way up may be lost on the way down too
    result.duration_ms = round((monotonic() - started) * 1000)
    return result


class _StoppedError(Exception):
    """A script failed, which is among the findings; nothing that would follow can be trusted."""


def _all_steps(stage: _Stage) -> None:
    pending = executor.inspect(stage.service, stage.run).pending
    if not pending:
        return
    versioned = [script for script in pending if script.kind is not Kind.REPEATABLE]
    repeatables = [script for script in pending if script.kind is Kind.REPEATABLE]
    undos = _undo_names(stage)
    for script in versioned:
        _up(stage, script, repeatables, undoable=_version(script) in undos)
    for script in repeatables:
        _run(stage, script.path.name, _picking(stage.service, script.description), "up.failed")
    top = stage.state()
    stage.result.objects, stage.result.rows = len(top.schema), sum(one.rows for one in top.rows.values())
    _repeat(stage, top)
    stage.result.checked, complaints = bodies.check(stage.observer, stage.service.schema)
    for complaint in dict.fromkeys(complaints):
        stage.find("body", complaint.object, "cannot run", [complaint.message])
    down = [script for script in reversed(versioned) if _version(script) in undos]
    if len(down) < len(versioned):
        lacking = [script.path.name for script in versioned if script not in down]
        stage.result.notes.append(f"not taken back, for lack of an undo script: {', '.join(lacking)}")
        return
    for script in down:
        _down(stage, script, undos[_version(script)])
    _compare_with_nothing(stage, undos[_version(down[-1])] if down else "")
    _run(stage, "all", stage.service, "again.failed", timed=False)
    again = stage.state()
    stage.compare("again.schema", "all", "all down and up again made another schema", top.schema, again.schema)
    stage.find(
        "again.rows", "all", "all down and up again made other rows", contents.other_counts(top.rows, again.rows)
    )


def _up(stage: _Stage, script: Script, repeatables: list[Script], *, undoable: bool) -> None:
    name, picked = script.path.name, _picking(stage.service, _version(script))
    _seed(stage, repeatables)
    before = stage.state()
    _run(stage, name, picked, "up.failed")
    first = stage.state()
    for table, old in before.rows.items():
        stage.added[f"{name} {table}"] = first.rows[table].rows - old.rows if table in first.rows else 0
    if not undoable:
        return
    _undo(stage, f"the undo of {name}")
    _compare_undone(stage, name, before)
    _run(stage, name, picked, "again.failed", timed=False)
    stage.compare("again.schema", name, "up, down and up again made another schema", first.schema, stage.state().schema)


def _down(stage: _Stage, script: Script, undo: str) -> None:
    """With what the whole schema's sample data leave in the tables that stay."""
    full = stage.state().rows
    _undo(stage, undo, timed=True)
    before = stage.state()
    stage.find("undo.rows", undo, "it removes rows of tables that stay", _removed(stage, script, full, before.rows))
    _run(stage, script.path.name, _picking(stage.service, _version(script)), "again.failed", timed=False)
    _undo(stage, undo)
    _compare_undone(stage, script.path.name, before)


def _removed(stage: _Stage, script: Script, full: dict[str, Contents], left: dict[str, Contents]) -> list[str]:
    """Beyond those that the migration itself has added to tables that were there before it."""
    found: list[str] = []
    for table in full.keys() & left.keys():
        kept = full[table].rows - max(0, stage.added.get(f"{script.path.name} {table}", 0))
        if left[table].rows < kept:
            found.append(f"table {table} had {full[table].rows} rows and has {left[table].rows}")
    return sorted(found)


def _compare_undone(stage: _Stage, name: str, before: _State) -> None:
    after = stage.state()
    message = "after this migration and its undo"
    if before.schema:
        stage.compare("undo.schema", name, f"{message} the schema is not what it was", before.schema, after.schema)
    else:
        _compare_with_nothing(stage, name)
    stage.find("undo.rows", name, f"{message} rows are not what they were", contents.losses(before.rows, after.rows))


def _compare_with_nothing(stage: _Stage, name: str) -> None:
    """The schema itself stays, with its history; so do the rights on it, which nobody can use."""
    left = {
        key: text
        for key, text in snapshot.of_service(stage.observer, stage.service).items()
        if not key.startswith(("schema ", "grant on schema "))
    }
    stage.compare("undo.schema", name, "after the last undo the schema is not empty", {}, left)


def _seed(stage: _Stage, repeatables: list[Script]) -> None:
    """Rows from those repeatables that work on the schema as it is so far and change nothing but rows."""
    with connected(stage.service, stage.run) as conn:
        site, _ = executor.site_of(conn, stage.service, replace(stage.run, did=Run().did))
        for script in repeatables:
            with suppress(VueloError, _UnwantedError):
                _run_again(site, script, snapshot.of_service(stage.observer, stage.service))


class _UnwantedError(Exception):
    """A repeatable made more than rows; that is rolled back."""


def _run_again(site: Site, script: Script, schema: Snapshot) -> None:
    """Without a row in the history. Raises _UnwantedError when the schema is no longer `schema`."""
    if runs_alone(site, script):
        return
    with site.conn.transaction():
        start_session(site.conn, site.service)
        run_script(site, script, Hooks(), in_transaction=True)
        site.conn.execute("RESET ROLE")
        if snapshot.of_service(site.conn, site.service) != schema:
            raise _UnwantedError


def _repeat(stage: _Stage, top: _State) -> None:
    """As if every repeatable had been changed."""
    table = sql.Identifier(stage.service.schema, stage.service.table)
    stage.observer.execute(sql.SQL("DELETE FROM {} WHERE version IS NULL AND type = 'SQL'").format(table))
    _run(stage, "repeatables", stage.service, "repeat.failed", timed=False)
    after = stage.state()
    stage.compare("repeat.schema", "repeatables", "run a second time they change the schema", top.schema, after.schema)
    counts = contents.other_counts(top.rows, after.rows)
    stage.find("repeat.rows", "repeatables", "run a second time they change the number of rows", counts)


def _run(stage: _Stage, name: str, service: Service, code: str, *, timed: bool = True) -> None:
    _traced(stage, name, lambda: executor.migrate(service, stage.run), code, timed=timed)


def _undo(stage: _Stage, name: str, *, timed: bool = False) -> None:
    _traced(stage, name, lambda: executor.undo(stage.service, stage.run, steps=1), "undo.failed", timed=timed)


def _traced(stage: _Stage, name: str, work: Callable[[], Iterator[executor.Step]], code: str, *, timed: bool) -> None:
    try:
        with ExitStack() as stack:
            steps = work()
            stack.callback(steps.close)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType]  a generator
            stage.trace.begin()
            for step in steps:
                locks = stage.trace.ended()
                if timed:
                    stage.result.timed.append(Timed(step.script, step.duration_ms, locks))
                stage.trace.begin()
    except VueloError as error:
        stage.find(code, name, "it fails", [_said(error)])
        raise _StoppedError from error


def _said(error: VueloError) -> str:
    if isinstance(error, ScriptError):
        where = error.path.name if error.path else ""
        line = f":{error.place.line}" if error.place else ""
        return f"{where}{line}: {error.message}"
    return error.message


def _picking(service: Service, key: str) -> Service:
    return replace(service, settings=replace(service.settings, cherry_pick=(key,)))


def _version(script: Script) -> str:
    return "" if script.version is None else script.version.text


def _undo_names(stage: _Stage) -> dict[str, str]:
    """File names of undo scripts by version."""
    with connected(stage.service, stage.run) as conn:
        _, found = executor.site_of(conn, stage.service, stage.run)
    return {_version(script): script.path.name for script in found.scripts if script.kind is Kind.UNDO}
