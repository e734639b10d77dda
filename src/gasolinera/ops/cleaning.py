"""The cleaning: what is older than its retention rule says goes, or loses what tells of a person; and an account of it.

Jobs of the services do much of the same on their own, by the same times. This does all of it at once, is held by legal
holds, says beforehand what would go, and goes on where one was stopped.
"""

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import UnavailableError
from gasolinera.ops.cleaning_batches import Batch, Pace, batches, function_batches, prepare
from gasolinera.ops.cleaning_rules import SQL, Action, Connection, Reason, Rule, held_because, read_rules
from gasolinera.ops.cleaning_targets import Target, Unfit, target_of
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run
from gasolinera.ops.upkeep_sessions import agreed_moment, chosen_places, upkeep_session

_COMMAND: Final = "cleanup run"
_COUNTING_TIMEOUT: Final = "SET statement_timeout = '10min'"


class Outcome(StrEnum):
    CLEANED = "CLEANED"
    COUNTED = "COUNTED"
    HELD = "HELD"
    SWITCHED_OFF = "SWITCHED_OFF"
    BLOCKED = "BLOCKED"
    FAILED = "FAILED"


class CleanedRule(msgspec.Struct, frozen=True, kw_only=True):
    """`until`: rows of before this moment were meant. `rows`: None where the service's function alone knows."""

    name: str
    service: str
    table: str
    action: Action
    reason: Reason
    outcome: Outcome
    until: datetime | None = None
    rows: int | None = 0
    batches: int = 0
    seconds: float = 0.0
    rested_s: float = 0.0
    longest_batch_s: float = 0.0
    problem: str | None = None

    @property
    def is_bad(self) -> bool:
        return self.outcome in (Outcome.BLOCKED, Outcome.FAILED)


class Cleaning(msgspec.Struct, frozen=True):
    is_dry_run: bool
    rows: int
    seconds: float
    rules: tuple[CleanedRule, ...]

    @property
    def is_bad(self) -> bool:
        return any(rule.is_bad for rule in self.rules)


# Told after each batch: the rule, its rows so far, and about how many there are; None: nobody knows.
Told = Callable[[Rule, int, int | None], None]


def clean(
    operations: Operations,
    *,
    services: Sequence[str] = (),
    table: str | None = None,
    is_dry_run: bool = False,
    pace: Pace | None = None,
    told: Told | None = None,
    now: datetime | None = None,
) -> Cleaning:
    """All rules, or those of some services and one table. A dry run counts, and is not kept on record.

    `now`: as if it were that moment; else it is the database's. Raises UnknownError `ops.no_rule`, ConflictError
    `ops.running`, `ops.standby` and `ops.clock`, InputError `ops.no_service`, ConfigError `ops.not_owner`,
    UnavailableError `ops.unreachable` and `ops.disk_full`.
    """
    chosen_places(services)
    began = time.monotonic()
    done: list[CleanedRule] = []
    with ops_session(operations.ops_url) as ops:
        rules = read_rules(ops, services, table)
        if is_dry_run:
            done += _all_of(operations, rules, lambda conn, rule, schema: _counted(conn, rule, schema, now))
        else:
            scope = " ".join((*services, table or "")).strip()
            with recorded_run(ops, _COMMAND, scope) as run:
                work = _cleaner(pace or Pace(), told, now, lambda rule: held_because(ops, rule))
                for one in _all_of(operations, rules, work):
                    done.append(one)
                    run.result = _record(done)
                run.outcome = "WARNING" if any(one.is_bad for one in done) else "OK"
    return Cleaning(is_dry_run, sum(one.rows or 0 for one in done), time.monotonic() - began, tuple(done))


_Work = Callable[[Connection, Rule, str], CleanedRule]
# Why a rule may not be followed any more.
_Held = Callable[[Rule], str | None]


def _all_of(operations: Operations, rules: Iterable[Rule], work: _Work) -> Generator[CleanedRule]:
    """One session a service, one after the other: they may be on different servers. One that is away is told after the
    others have been cleaned.
    """
    failure: UnavailableError | None = None
    for service, its_rules in groupby(rules, key=lambda rule: rule.service):
        try:
            with upkeep_session(operations, service, "cleanup") as (conn, schema):
                for rule in its_rules:
                    if rule.held_because is not None:
                        yield _result(rule, Outcome.HELD, problem=rule.held_because)
                    elif not rule.is_enabled:
                        yield _result(rule, Outcome.SWITCHED_OFF)
                    else:
                        yield work(conn, rule, schema)
        except UnavailableError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def _counted(conn: Connection, rule: Rule, schema: str, now: datetime | None) -> CleanedRule:
    moment = now or agreed_moment(conn, rule.service)
    if rule.function is not None:
        unfit = _function_problem(conn, rule, schema)
        return _result(rule, Outcome.FAILED if unfit else Outcome.COUNTED, rows=None, problem=unfit)
    target = target_of(conn, rule, schema, moment)
    if isinstance(target, Unfit):
        return _result(rule, Outcome.FAILED, problem=target.problem)
    conn.execute(_COUNTING_TIMEOUT)
    began, rows = time.monotonic(), 0
    try:
        for leaf in target.leaves:
            count = sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(leaf.place, target.due)
            row = conn.execute(count, prepare=False).fetchone()
            assert row is not None
            rows += row[0]
    except psycopg.errors.QueryCanceled:
        return _result(rule, Outcome.BLOCKED, until=target.until, rows=None, problem="counting takes too long")
    return _result(rule, Outcome.COUNTED, until=target.until, rows=rows, seconds=time.monotonic() - began)


def _cleaner(pace: Pace, told: Told | None, now: datetime | None, held: _Held) -> _Work:
    def work(conn: Connection, rule: Rule, schema: str) -> CleanedRule:
        because = held(rule)
        if because is not None:
            return _result(rule, Outcome.HELD, problem=because)
        moment = now or agreed_moment(conn, rule.service)
        prepare(conn)
        if rule.function is not None:
            unfit = _function_problem(conn, rule, schema)
            if unfit is not None:
                return _result(rule, Outcome.FAILED, problem=unfit)
            return _followed(rule, None, function_batches(conn, rule, schema, pace), None, told, held)
        target = target_of(conn, rule, schema, moment)
        if isinstance(target, Unfit):
            return _result(rule, Outcome.FAILED, problem=target.problem)
        everything = (batch for leaf in target.leaves for batch in batches(conn, rule, target, leaf, pace))
        expected = None if told is None else _expected(conn, target)
        return _followed(rule, target.until, everything, expected, told, held)

    return work


def _followed(
    rule: Rule, until: datetime | None, work: Iterable[Batch], expected: int | None, told: Told | None, held: _Held
) -> CleanedRule:
    """What came of one rule. An error of its own ends it and no other one; a server that fails ends them all.

    A hold that comes meanwhile counts from the next batch on.
    """
    began, done, outcome, problem = time.monotonic(), list[Batch](), Outcome.CLEANED, None
    try:
        for batch in work:
            done.append(batch)
            if told is not None:
                told(rule, sum(one.rows for one in done), expected)
            because = held(rule)
            if because is not None:
                outcome, problem = Outcome.HELD, because
                break
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected) as error:
        outcome, problem = Outcome.BLOCKED, _told_of(error)
    except psycopg.errors.DiskFull:
        raise
    except (psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.DataError, psycopg.InternalError) as error:
        outcome, problem = Outcome.FAILED, _told_of(error)
    return _result(
        rule,
        outcome,
        until=until,
        rows=sum(one.rows for one in done),
        batches=len(done),
        seconds=time.monotonic() - began,
        rested_s=sum(one.rested_s for one in done),
        longest_batch_s=max((one.seconds for one in done), default=0.0),
        problem=problem,
    )


def _expected(conn: Connection, target: Target) -> int | None:
    """About how many, as the planner believes. None where it may not be asked now: that ends no cleaning."""
    total = 0
    for leaf in target.leaves:
        explained = sql.SQL("EXPLAIN (FORMAT JSON) SELECT FROM {} AS t WHERE {}").format(leaf.place, target.due)
        try:
            row = conn.execute(explained, prepare=False).fetchone()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.UndefinedTable):
            return None
        assert row is not None
        total += int(row[0][0]["Plan"]["Plan Rows"])
    return total


def _function_problem(conn: Connection, rule: Rule, schema: str) -> str | None:
    row = conn.execute(SQL["function"].sql.encode(), {"schema": schema, "function": rule.function}).fetchone()
    assert row is not None
    return None if row[0] else f"there is no function {schema}.{rule.function}(integer) that gives a number"


def _told_of(error: psycopg.Error) -> str:
    """Without the detail, which may quote a row."""
    diagnosis = error.diag
    constraint = f" ({diagnosis.constraint_name})" if diagnosis.constraint_name else ""
    return f"{diagnosis.message_primary or type(error).__name__}{constraint}"


def _result(rule: Rule, outcome: Outcome, **rest: Any) -> CleanedRule:
    return CleanedRule(
        name=rule.name,
        service=rule.service,
        table=rule.table,
        action=rule.action,
        reason=rule.reason,
        outcome=outcome,
        **rest,
    )


def _record(done: Sequence[CleanedRule]) -> dict[str, Any]:
    return {"rows": sum(one.rows or 0 for one in done), "rules": msgspec.to_builtins(done)}
