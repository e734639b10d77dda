"""The guided deployment without downtime, remembered in `ops_schema`: expand, switch, verify, contract.

Each step is tried until it succeeds. What a try did and why it was refused is on record, so that a deployment that was
interrupted goes on where it was; each step may be done again without harm.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

import vuelo
from gasolinera.database import load_queries
from gasolinera.errors import ConflictError, UnknownError
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import Run, recorded_run
from vuelo.settings import Phase

Connection = psycopg.Connection[Any]
_Struct = TypeVar("_Struct", bound=msgspec.Struct)
SQL: Final = load_queries("gasolinera.ops", "bluegreen.sql")
_COMMAND: Final = "bluegreen"  # one name for all of them, so that one lock holds them apart


class Step(StrEnum):
    """In their order. ABORT is no step that comes next: it ends a deployment before its time."""

    EXPAND = "EXPAND"
    SWITCH = "SWITCH"
    VERIFY = "VERIFY"
    CONTRACT = "CONTRACT"
    ABORT = "ABORT"


_AFTER: Final[Mapping[Step, Step | None]] = {
    Step.EXPAND: Step.SWITCH,
    Step.SWITCH: Step.VERIFY,
    Step.VERIFY: Step.CONTRACT,
    Step.CONTRACT: None,
}


class Outcome(msgspec.Struct, frozen=True):
    """What a try of a step came to. `refused`: why it did not succeed, each with what to do; `did`: what was done and
    what was seen, in words.
    """

    did: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def succeeded(self) -> bool:
        return not self.refused


class Try(msgspec.Struct, frozen=True):
    step: Step
    began_at: datetime
    ended_at: datetime | None
    succeeded: bool | None
    did: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


class Before(msgspec.Struct, frozen=True):
    """Of a service's schema when the deployment began. `rank`: of the newest row of its history, 0 without any."""

    version: str | None
    rank: int


class Deployment(msgspec.Struct, frozen=True):
    """`url`: where the new release answers; `next_step`: None when it has ended."""

    id: int
    release: str
    url: str
    next_step: Step | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None
    versions_before: dict[str, Before]
    tries: tuple[Try, ...] = ()

    def has_begun(self, step: Step) -> bool:
        return any(one.step is step for one in self.tries)

    def has_done(self, step: Step) -> bool:
        return any(one.step is step and one.succeeded for one in self.tries)


Perform = Callable[[Deployment], Outcome]


def start(operations: Operations, *, release: str, url: str) -> Deployment:
    """Nothing is changed yet. Raises ConflictError `ops.deploying` while another is under way, and
    `ops.schema_problems` where the schemas are not what their migrations say.
    """
    with ops_session(operations.ops_url) as conn, recorded_run(conn, _COMMAND) as run:
        run.result = {"begins": release}
        under_way = _rows(conn, Deployment, "open_deployment")
        if under_way:
            hint = "go on with `gasolinera ops bluegreen next`, or end it with `abort`"
            raise ConflictError("ops.deploying", f"the deployment of {under_way[0].release} is under way", hint)
        plans = vuelo.info(operations.project)
        problems = problems_of(plans)
        if problems:
            hint = "see `vuelo validate`; nothing was begun"
            raise ConflictError("ops.schema_problems", "; ".join(problems), hint)
        before = {name: _before(plan) for name, plan in plans.items()}
        values = {"release": release, "url": url, "versions_before": Jsonb(msgspec.to_builtins(before))}
        (begun,) = _rows(conn, Deployment, "begin_deployment", values)
        return begun


def _before(plan: vuelo.Plan) -> Before:
    version = plan.current_version
    ranks = [entry.row.installed_rank for entry in plan.entries if entry.row is not None]
    return Before(None if version is None else str(version), max(ranks, default=0))


def problems_of(plans: Mapping[str, vuelo.Plan]) -> tuple[str, ...]:
    """What would stop a migration, by service."""
    return tuple(
        f"{name}: {problem.message}" for name, plan in plans.items() for problem in plan.problems if problem.blocks
    )


def newest(operations: Operations) -> Deployment | None:
    """The one that is under way, else the newest that has ended."""
    with ops_session(operations.ops_url) as conn:
        found = _rows(conn, Deployment, "newest_deployment")
        return _with_tries(conn, found[0]) if found else None


def perform_next(operations: Operations, steps: Mapping[Step, Perform]) -> tuple[Deployment, Try]:
    """Try the step that comes next. A refusal is an outcome, an exception too, which is raised again.

    Raises UnknownError `ops.no_deployment`.
    """
    with ops_session(operations.ops_url) as conn, recorded_run(conn, _COMMAND) as run:
        deployment = _under_way(conn)
        step = deployment.next_step
        assert step is not None, "it is under way"
        outcome = _try(conn, run, deployment, step, steps[step])
        if outcome.succeeded:
            after = _AFTER[step]
            values = {"id": deployment.id, "next_step": after, "outcome": None if after else "DONE"}
            conn.execute(SQL["go_on"].sql.encode(), values)
        return _ended(conn, deployment)


def abort(operations: Operations, perform: Perform) -> tuple[Deployment, Try]:
    """End the deployment that is under way. Raises UnknownError `ops.no_deployment`, ConflictError `ops.contracting`
    once a contract migration may have run: the old release cannot come back then.
    """
    with ops_session(operations.ops_url) as conn, recorded_run(conn, _COMMAND) as run:
        deployment = _under_way(conn)
        if deployment.next_step is Step.CONTRACT and _has_contracted(operations, deployment):
            hint = "go on with `gasolinera ops bluegreen next`; what it dropped comes back only from a backup"
            raise ConflictError("ops.contracting", "contract migrations have run: the old release cannot return", hint)
        outcome = _try(conn, run, deployment, Step.ABORT, perform)
        if outcome.succeeded:
            values = {"id": deployment.id, "next_step": None, "outcome": "ABORTED"}
            conn.execute(SQL["go_on"].sql.encode(), values)
        return _ended(conn, deployment)


def applied_since(plan: vuelo.Plan, before: Before | None) -> list[vuelo.Entry]:
    """Versions that were applied since, in whatever order, and stand."""
    return [
        entry
        for entry in plan.entries
        if entry.row is not None
        and entry.row.installed_rank > (before.rank if before else 0)
        and entry.row.version is not None
        and not entry.row.type.startswith("UNDO")
        and entry.state not in (vuelo.State.UNDONE, vuelo.State.DELETED, vuelo.State.AVAILABLE)
    ]


def _has_contracted(operations: Operations, deployment: Deployment) -> bool:
    return any(
        entry.script is not None and entry.script.phase is Phase.CONTRACT
        for name, plan in vuelo.info(operations.project).items()
        for entry in applied_since(plan, deployment.versions_before.get(name))
    )


def _try(conn: Connection, run: Run, deployment: Deployment, step: Step, perform: Perform) -> Outcome:
    run.result = {"release": deployment.release, "step": step.value}
    row = conn.execute(SQL["begin_try"].sql.encode(), {"id": deployment.id, "step": step}).fetchone()
    assert row is not None
    try:
        outcome = perform(deployment)
    except Exception as error:
        _end_try(conn, row[0], Outcome(refused=(str(error) or type(error).__name__,)))
        raise
    _end_try(conn, row[0], outcome)
    run.outcome = "OK" if outcome.succeeded else "WARNING"
    return outcome


def _end_try(conn: Connection, id_: int, outcome: Outcome) -> None:
    detail = Jsonb({"did": outcome.did, "refused": outcome.refused})
    conn.execute(SQL["end_try"].sql.encode(), {"id": id_, "succeeded": outcome.succeeded, "detail": detail})


def _under_way(conn: Connection) -> Deployment:
    found = _rows(conn, Deployment, "open_deployment")
    if not found:
        hint = "begin one with `gasolinera ops bluegreen start`"
        raise UnknownError("ops.no_deployment", "no deployment is under way", hint)
    conn.execute(SQL["end_interrupted"].sql.encode(), {"id": found[0].id})
    return _with_tries(conn, found[0])


def _ended(conn: Connection, deployment: Deployment) -> tuple[Deployment, Try]:
    (now,) = (_with_tries(conn, one) for one in _rows(conn, Deployment, "newest_deployment"))
    assert now.id == deployment.id, "one at a time"
    return now, now.tries[-1]


def _with_tries(conn: Connection, deployment: Deployment) -> Deployment:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["tries"].sql.encode(), {"id": deployment.id}).fetchall()
    tries = tuple(msgspec.convert({**row, **row["detail"]}, Try) for row in rows)
    return msgspec.structs.replace(deployment, tries=tries)


def _rows(conn: Connection, kind: type[_Struct], name: str, values: dict[str, Any] | None = None) -> list[_Struct]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, kind) for row in cursor.execute(SQL[name].sql.encode(), values).fetchall()]
