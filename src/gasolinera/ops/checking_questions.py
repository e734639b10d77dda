"""Asking a database the questions of the checks: one read-only session, one statement a check."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg.sql import SQL, Composed, Identifier

from gasolinera.database import load_queries
from gasolinera.ops.checking import CheckResult, Counters, Row, Rule, Threshold, compared, judge, skipped, worst_first
from gasolinera.ops.checking_rules import QUESTIONS

Connection = psycopg.Connection[Any]

_FILES: Final = ("sessions", "vacuum", "tables", "copies", "safety")
_SQL: Final = {
    name: query.sql for file in _FILES for name, query in load_queries("gasolinera.ops", f"checks_{file}.sql").items()
}
_BEFORE_17: Final = "_before_17"
_WITH_LESS: Final = "_with_less"
_TURN_OF_17: Final = 170000
assert {name.removesuffix(_BEFORE_17).removesuffix(_WITH_LESS) for name in _SQL} == {rule.name for rule in QUESTIONS}


class Sample(msgspec.Struct, frozen=True):
    """What an earlier look counted."""

    taken_at: datetime
    counters: Counters


class Memory(msgspec.Struct, frozen=True):
    """What is known from before. Nothing at all: limits are the rules', and what needs two looks is skipped."""

    thresholds: tuple[Threshold, ...] = ()
    before: Sample | None = None


class Look(msgspec.Struct):
    """What one database told, and what it counted: the next look's `before`."""

    results: list[CheckResult]
    counters: dict[str, dict[str, tuple[float, float | None]]]


def run_checks(
    conn: Connection, schemas: Sequence[str], rules: Sequence[Rule] = QUESTIONS, memory: Memory | None = None
) -> list[CheckResult]:
    """The worst first. Needs a session in autocommit, with a statement_timeout: one check that is slow or refused is
    skipped, and stops no other.
    """
    return worst_first(look(conn, schemas, rules, memory or Memory()).results)


def look(conn: Connection, schemas: Sequence[str], rules: Sequence[Rule], memory: Memory) -> Look:
    """As `run_checks`, with the counters, in the rules' order. Rules that SQL alone does not answer are left out."""
    may_see_all = _may_see_all(conn)
    found = Look([], {})
    for rule in rules:
        if rule.is_question:
            found.results.append(_ask(conn, rule, schemas, memory, found, may_see_all=may_see_all))
    return found


def _may_see_all(conn: Connection) -> bool:
    row = conn.execute("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')").fetchone()
    assert row is not None
    return bool(row[0])


def _ask(
    conn: Connection, rule: Rule, schemas: Sequence[str], memory: Memory, found: Look, *, may_see_all: bool
) -> CheckResult:
    if rule.sees_all and not may_see_all:
        return skipped(rule, "privilege")
    if conn.info.server_version < rule.since:
        return skipped(rule, "version")
    name = rule.name
    if conn.info.server_version < _TURN_OF_17 and f"{name}{_BEFORE_17}" in _SQL:
        name += _BEFORE_17
    rows = ask(conn, rule, _SQL[name].encode(), {"schemas": list(schemas)})
    if isinstance(rows, CheckResult) and rows.reason == "privilege" and f"{name}{_WITH_LESS}" in _SQL:
        rows = ask(conn, rule, _SQL[f"{name}{_WITH_LESS}"].encode(), {"schemas": list(schemas)})
    if isinstance(rows, CheckResult):
        return rows
    if rule.against is None:
        return judge(rule, [(str(thing), amount, why) for thing, amount, why in rows], memory.thresholds)
    counted = {str(thing): (amount, whole) for thing, amount, whole in rows if amount is not None}
    found.counters[rule.name] = counted
    return judge(rule, _compared(conn, rule, counted, memory.before), memory.thresholds)


def _compared(
    conn: Connection, rule: Rule, counted: Mapping[str, tuple[float, float | None]], before: Sample | None
) -> list[Row]:
    if before is None:
        return compared(rule, counted, None, 0)
    row = conn.execute(
        "SELECT extract(epoch FROM clock_timestamp() - %s)::double precision", (before.taken_at,)
    ).fetchone()
    assert row is not None
    return compared(rule, counted, before.counters, row[0])


def ask(
    conn: Connection, rule: Rule, statement: bytes | SQL | Composed, values: Mapping[str, object] | None = None
) -> list[tuple[Any, ...]] | CheckResult:
    """The rows, or the result of a check that could not be answered. Raises where the connection is lost."""
    try:
        try:
            return conn.execute(statement, values).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            if not rule.as_login:
                raise
        with _as_login(conn):
            return conn.execute(statement, values).fetchall()
    except psycopg.DatabaseError as error:
        if conn.broken:
            raise
        with suppress(psycopg.Error):
            conn.rollback()
        return skipped(rule, reason_of(rule, error))


def reason_of(rule: Rule, error: psycopg.DatabaseError) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "superuser_only" if rule.as_login else "privilege"
    if isinstance(error, psycopg.errors.QueryCanceled | psycopg.errors.LockNotAvailable):
        return "timeout"
    return f"failed {error.sqlstate}" if error.sqlstate else "failed"


@contextmanager
def _as_login(conn: Connection) -> Generator[None]:
    row = conn.execute("SELECT current_user, session_user").fetchone()
    assert row is not None
    role, login = row
    conn.execute("SET ROLE NONE")
    try:
        yield
    finally:
        if role != login:
            conn.execute(SQL("SET ROLE {}").format(Identifier(role)))
