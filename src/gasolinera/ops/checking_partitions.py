"""The check of partitions ahead: whether rows of the next weeks find a place, by what `ops_schema` wants of a table."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Final

import psycopg

from gasolinera.config import SERVICES, schema_of
from gasolinera.database import load_queries
from gasolinera.ops.checking import CheckResult, Row, Rule, Threshold, judge
from gasolinera.ops.checking_questions import ask
from gasolinera.ops.partition_plans import covered_until
from gasolinera.ops.partition_rules import PartitionRule, RuleBook, load_rules
from gasolinera.ops.partition_tables import MOMENT_TYPES, Span, span_of

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "checks_platform.sql")
_NOWHERE_DAYS: Final = 45  # at least, where rows of today are refused: that is critical, however little a rule wants


def partitions_result(
    conn: Connection, ops: Connection | None, schemas: Sequence[str], rule: Rule, limits: Sequence[Threshold]
) -> CheckResult:
    """By the rules that `ops` can read; else, and for a table that no rule matches, 45 days are wanted."""
    told = ask(conn, rule, _SQL["partitions_ahead"].sql.encode(), {"schemas": list(schemas)})
    if isinstance(told, CheckResult):
        return told
    book = RuleBook(_rules(ops), {})
    rows: list[Row] = []
    for name, schema, table, key_type, is_partition, bounds, now in told:
        alert_days = book.of(_service_of(schema), table).alert_days
        missing = days_missing(bounds or [], key_type, now, alert_days, is_partition=is_partition)
        if missing is not None:
            rows.append((name, float(missing), None))
    return judge(rule, rows, limits)


def days_missing(
    bounds: Sequence[str], key_type: str | None, now: datetime, alert_days: int, *, is_partition: bool = False
) -> int | None:
    """Days, begun ones too, that are missing to those that should lie ahead without a hole. Pure.

    None: it is not cut by time. Bounds are as the server writes them. What is itself a partition has its own time:
    there only having none at all is bad.
    """
    if not bounds:
        return max(alert_days, _NOWHERE_DAYS)
    spans = [span_of(bound) for bound in bounds if bound != "DEFAULT"]
    if is_partition or key_type not in MOMENT_TYPES or None in spans:
        return None
    until, is_endless = covered_until([span or Span(None, None) for span in spans], now)
    if is_endless:
        return 0
    if until is None:
        return max(alert_days, _NOWHERE_DAYS)
    return max(0, ceil((now + timedelta(days=alert_days) - until) / timedelta(days=1)))


def _service_of(schema: str) -> str:
    return next((service for service in SERVICES if schema_of(service) == schema), schema)


def _rules(ops: Connection | None) -> tuple[PartitionRule, ...]:
    """No rule where the database of operations is away, or older than rules are: other checks tell that."""
    if ops is None:
        return ()
    try:
        return tuple(load_rules(ops))
    except psycopg.Error:
        return ()
