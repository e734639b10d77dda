"""One service back to an earlier version: a backup first, then its undo scripts, then proof of what came of it.

That an undone schema looks as it did before proves nothing of its data, so every column's values are compared too.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

import vuelo
from gasolinera.database import load_queries
from gasolinera.errors import ConflictError, GasolineraError, InputError
from gasolinera.ops.catalogue import Kind
from gasolinera.ops.dumping import Wanted, back_up
from gasolinera.ops.encryption import Encryption
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run
from vuelo import RunFailedError, Version, VueloError
from vuelo.schema.snapshot import OWN_TABLES, Difference
from vuelo.states import TAKEN_BACK

Connection = psycopg.Connection[Any]
Watch = Callable[[str], None]

_SQL: Final = load_queries("gasolinera.ops", "rolling_back.sql")


class ColumnContent(msgspec.Struct, frozen=True):
    """How many values a column has, and a digest of them that no order of rows changes."""

    values: int
    digest: str


class TableContent(msgspec.Struct, frozen=True):
    rows: int
    columns: dict[str, ColumnContent]


class TableChange(msgspec.Struct, frozen=True, kw_only=True):
    """`rows_after` None: the table is gone, and its rows with it. `lost`: columns that are gone with so many values;
    `changed`: those that are there and whose values are others.
    """

    table: str
    rows_before: int
    rows_after: int | None
    lost: dict[str, int]
    changed: tuple[str, ...]


class RollbackPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`scripts` take back the versions above `to`, the newest first."""

    service: str
    schema: str
    database: str
    version: str
    to: str
    scripts: tuple[str, ...]


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """`repeated`: scripts that had to run again; `problems` keep it from being good; `backup` is the way back."""

    plan: RollbackPlan
    backup: str
    location: Path
    version: str | None
    changes: tuple[TableChange, ...]
    repeated: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def lost_rows(self) -> int:
        return sum(one.rows_before - (one.rows_after or 0) for one in self.changes)


def plan_rollback(operations: Operations, name: str, to: str) -> RollbackPlan:
    """What would be taken back. Changes nothing.

    Raises InputError `ops.version`, ConflictError `ops.not_valid` where the history has problems already, VueloError
    `undo.no_script`.
    """
    service, project = operations.service(name), operations.project.only([name])
    plan = vuelo.info(project)[name]
    problems = [f"{problem.code}: {problem.message}" for problem in plan.problems if problem.blocks]
    if problems:
        hint = "repair it first: vuelo validate tells more"
        raise ConflictError("ops.not_valid", f"the history of {name} has problems: {'; '.join(problems)}", hint)
    applied = sorted(_standing(plan))
    wanted = _version(to)
    if plan.current_version is None or wanted not in applied:
        known = ", ".join(str(version) for version in applied)
        raise InputError("ops.version", f"{name} has no version {to} to go back to", f"it has {known or 'none'}")
    above = [version for version in applied if version > wanted]
    if not above:
        raise InputError("ops.version", f"{name} is at version {plan.current_version} already")
    steps = vuelo.plan_undo(project, steps=None, target=above[0])[name]
    with owner_session(service) as conn:
        database = conn.info.dbname
    return RollbackPlan(
        service=name,
        schema=service.schema,
        database=database,
        version=str(plan.current_version),
        to=str(wanted),
        scripts=tuple(step.script.script for step in steps),
    )


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as error:
        raise InputError("ops.version", str(error)) from error


def roll_back(
    operations: Operations,
    plan: RollbackPlan,
    *,
    folder: Path,
    encryption: Encryption | None = None,
    jobs: int = 2,
    watch: Watch = lambda text: None,
) -> RolledBack:
    """Back up, undo, run again what must, and compare. Without a backup nothing is undone.

    Reads every table of the service twice. Raises what `back_up` raises, and GasolineraError `ops.not_undone` with
    the backup's name where an undo script failed: then the schema is at the version that the message says.
    """
    service, project = operations.service(plan.service), operations.project.only([plan.service])
    with ops_session(operations.ops_url) as ops, recorded_run(ops, "rollback", plan.service) as run:
        watch("backing up")
        wanted = Wanted(kind=Kind.SERVICE, services=(plan.service,), folder=folder, jobs=jobs, encryption=encryption)
        made = back_up(operations, wanted)
        watch("reading every table")
        before = _content(service)
        watch("undoing")
        _undo(project, plan, made.location)
        repeated, problems = _run_again(project, plan)
        watch("comparing")
        changes = tuple(_changes(before, _content(service)))
        state = vuelo.info(project)[plan.service]
        problems += [f"{one.code}: {one.message}" for one in state.problems if one.blocks]
        if str(state.current_version) != plan.to:
            problems.append(f"the history says version {state.current_version}")
        problems += _drift_problems(project)
        run.outcome = "WARNING" if problems else "OK"
        run.result = {"from": plan.version, "to": plan.to, "backup": made.location.name, "problems": len(problems)}
    return RolledBack(
        plan=plan,
        backup=made.location.name,
        location=made.location,
        version=str(state.current_version),
        changes=changes,
        repeated=repeated,
        problems=tuple(problems),
    )


def _undo(project: vuelo.Project, plan: RollbackPlan, backup: Path) -> None:
    (service,) = project.services
    above = min(one for one in _standing(vuelo.info(project)[service.name]) if one > Version.parse(plan.to))
    try:
        vuelo.undo(project, steps=None, target=above)
    except RunFailedError as error:
        reasons = "; ".join(result.error.message for result in error.results if result.error)
        version = vuelo.info(project)[service.name].current_version
        command = f"gasolinera ops restore service {plan.service} --from {backup.name}"
        hint = f"put it right and roll back again, or bring the backup back: {command}"
        raise GasolineraError(
            "ops.not_undone", f"{plan.service} is at version {version}, and goes no further: {reasons}", hint
        ) from error


def _standing(plan: vuelo.Plan) -> list[Version]:
    """What was applied and not taken back."""
    return [one.row.version for one in plan.entries if one.row and one.row.version and one.state not in TAKEN_BACK]


def _run_again(project: vuelo.Project, plan: RollbackPlan) -> tuple[tuple[str, ...], list[str]]:
    """Repeatable scripts that ran since: they may stand on what is gone, and their rows went with it."""
    try:
        (result,) = vuelo.migrate(project, target=plan.to)
    except RunFailedError as error:
        reasons = "; ".join(one.error.message for one in error.results if one.error)
        ran = tuple(step.script for one in error.results for step in one.steps)
        return ran, [f"a repeatable script of this release does not fit version {plan.to}: {reasons}"]
    return tuple(step.script for step in result.steps), []


def _drift_problems(project: vuelo.Project) -> list[str]:
    """Against a scratch server that the same migrations build."""
    try:
        return [_drifted(one) for drift in vuelo.drift(project) for one in drift.differences]
    except VueloError as error:
        return [f"not compared with what the migrations make: {error.message}"]


def _drifted(difference: Difference) -> str:
    if difference.before is None:
        how = "should not be there"
    else:
        how = "is missing" if difference.after is None else "is otherwise"
    return f"{difference.object} {how}, as the migrations make it"


def _content(service: vuelo.Service) -> dict[str, TableContent]:
    """Counts and digests of every column. Reads everything, in one moment."""
    with owner_session(service) as conn, conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        conn.execute("SET LOCAL statement_timeout = 0")
        values = {"schema": service.schema, "left_out": [service.table, *OWN_TABLES]}
        tables = conn.execute(_SQL["columns"].sql.encode(), values).fetchall()
        return {table: _content_of(conn, service.schema, table, columns) for table, columns in tables}


def _content_of(conn: Connection, schema: str, table: str, columns: list[str]) -> TableContent:
    sums = [
        sql.SQL("count({c}), coalesce(sum(hashtextextended({c}::text, 0)::numeric), 0)::text").format(
            c=sql.Identifier(column)
        )
        for column in columns
    ]
    query = sql.SQL("SELECT count(*), {} FROM {}").format(sql.SQL(", ").join(sums), sql.Identifier(schema, table))
    row = conn.execute(query).fetchone()
    assert row is not None
    pairs = zip(row[1::2], row[2::2], strict=True)
    return TableContent(row[0], {name: ColumnContent(*pair) for name, pair in zip(columns, pairs, strict=True)})


def _changes(before: dict[str, TableContent], after: dict[str, TableContent]) -> list[TableChange]:
    """Of tables that were there before; those that are as they were are left out."""
    changes: list[TableChange] = []
    for table, was in before.items():
        now = after.get(table)
        if now is None:
            changes.append(TableChange(table=table, rows_before=was.rows, rows_after=None, lost={}, changed=()))
            continue
        change = TableChange(
            table=table,
            rows_before=was.rows,
            rows_after=now.rows,
            lost={name: one.values for name, one in was.columns.items() if name not in now.columns},
            changed=tuple(name for name, one in was.columns.items() if now.columns.get(name, one) != one),
        )
        if change.lost or change.changed or change.rows_before != change.rows_after:
            changes.append(change)
    return changes
