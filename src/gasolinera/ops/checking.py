"""The health of a database: questions that one read-only session answers cheaply, and how bad each answer is.

What a check means and what to do about it is told beside the pages' texts, by its name. The questions are in
`checks.sql`; the limits are those of well-known monitoring rules, set where somebody should look, not where it hurts.
"""

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from gasolinera.database import load_queries

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "checks.sql")
_SHOWN: Final = 20
_PERCENT_OF_MEMORY: Final = 1.0
_MEGABYTE: Final = 1024.0 * 1024


class Verdict(StrEnum):
    """In the order of who should be woken."""

    GOOD = "good"
    SKIPPED = "skipped"
    ADVICE = "advice"
    WARNING = "warning"
    CRITICAL = "critical"


class Unit(StrEnum):
    """What an amount counts."""

    PERCENT = "percent"
    SECONDS = "seconds"
    BYTES = "bytes"
    TRANSACTIONS = "transactions"
    ROWS = "rows"
    DAYS = "days"
    NONE = "none"  # that it is there at all


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """From which amount on an object is advice, a warning, critical. `sees_all`: it is about sessions of others, of
    which a role without pg_read_all_stats sees next to nothing.
    """

    name: str
    unit: Unit = Unit.NONE
    advice: float | None = None
    warning: float | None = None
    critical: float | None = None
    sees_all: bool = False
    since: int = 0  # the server's version, such as 150000


class Finding(msgspec.Struct, frozen=True):
    object: str
    amount: float
    verdict: Verdict


class CheckResult(msgspec.Struct, frozen=True):
    """`worst`: the greatest amount, of good ones too. `findings`: the worst of those that are not good; `count` of
    all. `reason` says why a check was skipped: privilege, version, failed, timeout, or a word of the check's own.
    """

    name: str
    verdict: Verdict
    unit: Unit
    worst: float | None
    count: int
    findings: tuple[Finding, ...]
    reason: str | None = None


RULES: Final = (
    Rule(name="connections", unit=Unit.PERCENT, warning=75, critical=90, sees_all=True),
    Rule(name="long_transactions", unit=Unit.SECONDS, warning=300, critical=1800, sees_all=True),
    Rule(name="idle_in_transaction", unit=Unit.SECONDS, warning=30, critical=600, sees_all=True),
    Rule(name="blocked_sessions", unit=Unit.SECONDS, warning=5, critical=300, sees_all=True),
    Rule(name="prepared_transactions", unit=Unit.SECONDS, warning=60, critical=3600),
    Rule(name="transaction_age", unit=Unit.TRANSACTIONS, warning=300_000_000, critical=1_000_000_000),
    Rule(name="checksum_failures", unit=Unit.ROWS, critical=1),
    Rule(name="archiving", unit=Unit.SECONDS, warning=1, critical=3600),
    Rule(name="replication_slots", unit=Unit.BYTES, warning=0, critical=5 * 1024 * _MEGABYTE),
    Rule(name="partitions_ahead", unit=Unit.DAYS, warning=1, critical=30),
    Rule(name="sequences", unit=Unit.PERCENT, warning=75, critical=90),
    Rule(name="invalid_indexes", warning=1),
    Rule(name="unvalidated_constraints", warning=1),
    Rule(name="disabled_triggers", warning=1),
    Rule(name="tables_without_key", warning=1),
    Rule(name="dead_rows", unit=Unit.PERCENT, warning=20),
    Rule(name="unindexed_foreign_keys", unit=Unit.ROWS, advice=0, warning=100_000),
    Rule(name="never_analyzed", unit=Unit.ROWS, advice=10_000),
    Rule(name="cache_misses", unit=Unit.PERCENT, advice=_PERCENT_OF_MEMORY),
    Rule(name="unused_indexes", unit=Unit.BYTES, advice=_MEGABYTE),
    Rule(name="duplicate_indexes", unit=Unit.BYTES, advice=0),
    Rule(name="pending_restart", advice=1),
)
assert {rule.name for rule in RULES} == _SQL.keys(), "every question has a rule, and every rule a question"


def run_checks(conn: Connection, schemas: Sequence[str], rules: Sequence[Rule] = RULES) -> list[CheckResult]:
    """The worst first. Needs a session in autocommit, with a statement_timeout: one check that is slow or refused is
    skipped, and stops no other.
    """
    may_see_all = _may_see_all(conn)
    found = [_run(conn, rule, schemas, may_see_all=may_see_all) for rule in rules]
    order = list(Verdict)
    return sorted(found, key=lambda result: -order.index(result.verdict))


def _may_see_all(conn: Connection) -> bool:
    row = conn.execute("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')").fetchone()
    assert row is not None
    return bool(row[0])


def _run(conn: Connection, rule: Rule, schemas: Sequence[str], *, may_see_all: bool) -> CheckResult:
    if rule.sees_all and not may_see_all:
        return _skipped(rule, "privilege")
    if conn.info.server_version < rule.since:
        return _skipped(rule, "version")
    try:
        rows = conn.execute(_SQL[rule.name].sql.encode(), {"schemas": list(schemas)}).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        return _skipped(rule, "privilege")
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable):
        return _skipped(rule, "timeout")
    except psycopg.DatabaseError as error:
        if conn.broken:
            raise
        with suppress(psycopg.Error):
            conn.rollback()
        return _skipped(rule, f"failed {error.sqlstate}" if error.sqlstate else "failed")
    return judge(rule, [(str(thing), amount, why) for thing, amount, why in rows])


def judge(rule: Rule, rows: Sequence[tuple[str, float | None, str | None]]) -> CheckResult:
    """What a question's answer amounts to. Pure."""
    unsaid = next((why for _, amount, why in rows if amount is None), None)
    amounts = [(thing, amount) for thing, amount, _ in rows if amount is not None]
    if unsaid is not None and not amounts:
        return _skipped(rule, unsaid)
    judged = [Finding(thing, amount, _verdict(rule, amount)) for thing, amount in amounts]
    findings = sorted((one for one in judged if one.verdict is not Verdict.GOOD), key=lambda one: -one.amount)
    return CheckResult(
        name=rule.name,
        verdict=findings[0].verdict if findings else Verdict.GOOD,
        unit=rule.unit,
        worst=max((one.amount for one in judged), default=None),
        count=len(findings),
        findings=tuple(findings[:_SHOWN]),
    )


def _verdict(rule: Rule, amount: float) -> Verdict:
    for verdict, limit in (
        (Verdict.CRITICAL, rule.critical),
        (Verdict.WARNING, rule.warning),
        (Verdict.ADVICE, rule.advice),
    ):
        if limit is not None and amount >= limit:
            return verdict
    return Verdict.GOOD


def _skipped(rule: Rule, reason: str) -> CheckResult:
    return CheckResult(rule.name, Verdict.SKIPPED, rule.unit, None, 0, (), reason)
