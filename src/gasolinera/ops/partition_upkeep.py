"""The round that keeps every service's partitions: looked at, made ahead, mended, taken away."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import psycopg

from gasolinera.errors import GasolineraError
from gasolinera.ops.archive_stores import Store
from gasolinera.ops.lock_patience import Patience, lock_timeout
from gasolinera.ops.partition_making import end_conversions, end_pending, make_partition
from gasolinera.ops.partition_plans import TablePlan, plan_table
from gasolinera.ops.partition_retiring import Retired, Tell, retire_due
from gasolinera.ops.partition_rules import RuleBook, load_book
from gasolinera.ops.partition_tables import read_tables, unfinished_conversions
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.upkeep_sessions import agreed_moment

Connection = psycopg.Connection[Any]
Done = TypeVar("Done")
_LOOKING_LOCK_MS = 2_000


class TableState(msgspec.Struct, frozen=True, kw_only=True):
    """Of one partitioned table, for people and programs. `alerts`: what somebody has to see to."""

    service: str
    table: str
    key: str | None
    partitions: int
    oldest: datetime | None
    until: datetime | None
    rows: int
    size_bytes: int
    action: str
    keep_months: int | None
    reason: str
    legal_hold: str | None
    missing: tuple[str, ...]
    pending: tuple[str, ...]
    due: tuple[str, ...]
    default_rows: int | None
    alerts: tuple[str, ...]


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """What one round did to a service. `problems` are what it could not do, and why."""

    service: str
    made: tuple[str, ...] = ()
    finished_detaches: tuple[str, ...] = ()
    ended_conversions: tuple[str, ...] = ()
    retired: tuple[Retired, ...] = ()
    problems: tuple[str, ...] = ()


def states(operations: Operations, services: Sequence[str], now: datetime | None = None) -> list[TableState]:
    """Changes nothing. Waits two seconds for a table that somebody locks, then raises psycopg's LockNotAvailable."""
    with ops_session(operations.ops_url) as ops:
        book = load_book(ops)
    found: list[TableState] = []
    for name in services:
        service = operations.service(name)
        with owner_session(service) as conn, lock_timeout(conn, _LOOKING_LOCK_MS):
            plans = plan_service(conn, name, service.schema, book, now or datetime.now(UTC))
            found += [_state(plan) for plan in plans]
            found += [_half_converted(name, table) for table, _ in unfinished_conversions(conn, service.schema)]
    return found


def plan_service(conn: Connection, service: str, schema: str, book: RuleBook, now: datetime) -> list[TablePlan]:
    return [plan_table(table, book.of(service, table.name), now) for table in read_tables(conn, service, schema)]


def maintain(
    operations: Operations,
    services: Sequence[str],
    store: Store | None,
    *,
    is_retiring: bool = True,
    now: datetime | None = None,
    tell: Tell = lambda what, step: None,
    patience: Patience | None = None,
) -> list[Upkeep]:
    """Makes what is missing, finishes detaches, takes away what is due; a problem of one table stops no other.

    `now`: as if it were that moment; else it is the database's. A service whose server is away is told after the others
    have been seen to: then psycopg's OperationalError is raised. Raises ConflictError `ops.running` where another
    process maintains the same service, `ops.clock`, `ops.standby`.
    """
    return _each(
        services, tell, lambda name: _maintain_service(operations, name, store, is_retiring, now, tell, patience)
    )


def retire(
    operations: Operations,
    services: Sequence[str],
    store: Store | None,
    *,
    now: datetime | None = None,
    tell: Tell = lambda what, step: None,
    patience: Patience | None = None,
) -> list[Upkeep]:
    """Only the last part of `maintain`."""

    def retire_service(name: str) -> Upkeep:
        service = operations.service(name)
        with (
            ops_session(operations.ops_url) as ops,
            owner_session(service) as conn,
            recorded_run(ops, "archive run", name) as run,
        ):
            plans = plan_service(conn, name, service.schema, load_book(ops), now or agreed_moment(conn, name))
            retired = retire_due(ops, conn, plans, store, tell=tell, patience=patience)
            done = Upkeep(service=name, retired=tuple(retired), problems=_problems_of(retired))
            run.result, run.outcome = _summary(done), "WARNING" if done.problems else "OK"
        return done

    return _each(services, tell, retire_service)


def _each(services: Sequence[str], tell: Tell, work: Callable[[str], Upkeep]) -> list[Upkeep]:
    """They may be on different servers: one that is away holds up no other."""
    rounds: list[Upkeep] = []
    failure: psycopg.OperationalError | None = None
    for name in services:
        try:
            rounds.append(work(name))
        except psycopg.OperationalError as error:
            tell(name, "its database, or that of operations, cannot be worked on")
            failure = failure or error
    if failure is not None:
        raise failure
    return rounds


def _maintain_service(
    operations: Operations,
    name: str,
    store: Store | None,
    is_retiring: bool,
    now: datetime | None,
    tell: Tell,
    patience: Patience | None,
) -> Upkeep:
    service = operations.service(name)
    with (
        ops_session(operations.ops_url) as ops,
        owner_session(service) as conn,
        recorded_run(ops, "partitions maintain", name) as run,
    ):
        plans = plan_service(conn, name, service.schema, load_book(ops), now or agreed_moment(conn, name))
        problems: list[str] = []
        ended = _without_stopping(problems, lambda: end_conversions(conn, service.schema, patience)) or []
        finished = _finish_detaches(conn, plans, problems, patience)
        made = _make_missing(conn, plans, problems, tell, patience)
        retired: list[Retired] = []
        if is_retiring:
            retired = retire_due(ops, conn, plans, store, tell=tell, patience=patience)
        done = Upkeep(
            service=name,
            made=tuple(made),
            finished_detaches=tuple(finished),
            ended_conversions=tuple(ended),
            retired=tuple(retired),
            problems=(*problems, *_problems_of(retired)),
        )
        run.result, run.outcome = _summary(done), "WARNING" if done.problems else "OK"
    return done


def _finish_detaches(
    conn: Connection, plans: Sequence[TablePlan], problems: list[str], patience: Patience | None
) -> list[str]:
    return [
        f"{one.schema}.{one.name}"
        for plan in plans
        for one in plan.pending
        if _without_stopping(problems, lambda plan=plan, one=one: end_pending(conn, plan.table, one, patience))
    ]


def _make_missing(
    conn: Connection, plans: Sequence[TablePlan], problems: list[str], tell: Tell, patience: Patience | None
) -> list[str]:
    made: list[str] = []
    for plan in plans:
        for span in (*plan.ahead, *plan.gaps):
            name = _without_stopping(
                problems, lambda plan=plan, span=span: make_partition(conn, plan.table, span, patience)
            )
            if name is not None:
                tell(f"{plan.table.schema}.{name}", "made")
                made.append(f"{plan.table.schema}.{name}")
    return made


def _without_stopping(problems: list[str], step: Callable[[], Done]) -> Done | None:
    """None where it failed, which is put among the problems."""
    try:
        return step()
    except GasolineraError as error:
        problems.append(f"{error.message}; {error.hint}" if error.hint else error.message)
    except psycopg.Error as error:
        if error.sqlstate is None:
            raise  # the server is gone: the next table will not do better
        problems.append(f"the database refused: {error.diag.message_primary or error}")
    return None


def _problems_of(retired: Sequence[Retired]) -> tuple[str, ...]:
    return tuple(f"{one.partition}: {one.problem}" for one in retired if one.problem is not None)


def _summary(done: Upkeep) -> dict[str, Any]:
    return {
        "made": list(done.made),
        "finished_detaches": list(done.finished_detaches),
        "ended_conversions": list(done.ended_conversions),
        "retired": [
            {"archive": one.archive, "partition": one.partition, "state": one.state.value, "rows": one.rows}
            for one in done.retired
        ],
        "problems": list(done.problems),
    }


def _state(plan: TablePlan) -> TableState:
    table = plan.table
    firsts = [one.span.lower for one in table.partitions if one.span is not None and one.span.lower is not None]
    default = table.default
    return TableState(
        service=table.service,
        table=f"{table.schema}.{table.name}",
        key=table.key_column,
        partitions=len(table.partitions),
        oldest=min(firsts, default=None),
        until=plan.until,
        rows=sum(one.rows for one in table.partitions),
        size_bytes=sum(one.size_bytes for one in table.partitions),
        action=plan.rule.action.value,
        keep_months=plan.rule.keep_months,
        reason=plan.rule.why,
        legal_hold=plan.rule.legal_hold,
        missing=tuple(f"{span.lower:%Y-%m-%d}" for span in (*plan.gaps, *plan.ahead)),
        pending=tuple(one.name for one in plan.pending),
        due=tuple(one.name for one in plan.due),
        default_rows=None if default is None else default.rows,
        alerts=tuple(_alerts(plan)),
    )


def _alerts(plan: TablePlan) -> list[str]:
    alerts: list[str] = []
    if plan.is_short and plan.until is None:
        alerts.append("rows of now find no partition")
    elif plan.is_short and plan.until is not None:
        alerts.append(f"partitions end on {plan.until:%Y-%m-%d}, sooner than in {plan.rule.alert_days} days")
    if plan.gaps:
        alerts.append(f"partitions missing in between: {len(plan.gaps)}")
    if plan.pending:
        alerts.append("a detach is half done: nobody sees the rows of " + ", ".join(one.name for one in plan.pending))
    if plan.table.default is not None and plan.table.default.rows > 0:
        alerts.append("the DEFAULT partition has rows: what they belong to cannot be made")
    if not plan.table.is_by_time:
        alerts.append("it is not partitioned by time: nobody makes its partitions")
    return alerts


def _half_converted(service: str, table: str) -> TableState:
    """A plain table, but one that will refuse rows."""
    return TableState(
        service=service,
        table=table,
        key=None,
        partitions=0,
        oldest=None,
        until=None,
        rows=0,
        size_bytes=0,
        action="KEEP",
        keep_months=None,
        reason="",
        legal_hold=None,
        missing=(),
        pending=(),
        due=(),
        default_rows=None,
        alerts=("its conversion did not end and it will refuse rows: run `partitions maintain`, or convert it again",),
    )
