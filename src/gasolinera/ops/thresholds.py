"""Limits of checks as data: `ops_schema.thresholds` holds them in place of the rules'."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.errors import InputError, UnavailableError, UnknownError
from gasolinera.ops.checking import Rule, Threshold

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "thresholds.sql")


class SetThreshold(Threshold, frozen=True, kw_only=True):
    """As it is kept, with when and by which login it was set."""

    set_at: datetime
    set_by: str


def are_there(conn: Connection) -> bool:
    """Whether the database has the tables of this version."""
    row = conn.execute(_SQL["are_there"].sql.encode()).fetchone()
    return row is not None and bool(row[0])


def listed(conn: Connection) -> list[SetThreshold]:
    """Raises UnavailableError `ops.not_installed`."""
    _require(conn)
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["listed"].sql.encode()).fetchall()
    return [msgspec.convert(row, SetThreshold) for row in rows]


def set_threshold(conn: Connection, rules: Mapping[str, Rule], threshold: Threshold) -> None:
    """Raises UnknownError `ops.unknown_check`, InputError `ops.threshold`, UnavailableError `ops.not_installed`."""
    rule = _rule(rules, threshold.check_name)
    limits = [one for one in (threshold.advice, threshold.warning, threshold.critical) if one is not None]
    if threshold.is_off == bool(limits):
        raise InputError("ops.threshold", "a threshold is either off or has a limit", "give --warning 5, say, or --off")
    if limits != sorted(limits, reverse=rule.falls):
        order = "falls" if rule.falls else "rises"
        raise InputError("ops.threshold", f"the amount of {rule.name} {order} as it gets worse: so do its limits")
    if not threshold.reason.strip():
        raise InputError("ops.threshold", "a threshold needs a reason", "say --reason: somebody will ask in a year")
    _require(conn)
    conn.execute(_SQL["set"].sql.encode(), msgspec.structs.asdict(threshold))


def reset_threshold(
    conn: Connection, rules: Mapping[str, Rule], check_name: str, object_pattern: str | None = None
) -> list[str]:
    """Gives the patterns that were taken away. Raises UnknownError `ops.unknown_check` or `ops.unknown_threshold`."""
    _rule(rules, check_name)
    _require(conn)
    values = {"check_name": check_name, "object_pattern": object_pattern}
    removed = [pattern for (pattern,) in conn.execute(_SQL["reset"].sql.encode(), values).fetchall()]
    if not removed:
        hint = "`gasolinera ops check thresholds list` lists those that are set"
        raise UnknownError("ops.unknown_threshold", f"no such threshold is set for {check_name}", hint)
    return removed


def _rule(rules: Mapping[str, Rule], name: str) -> Rule:
    if name not in rules:
        hint = "`gasolinera ops check --json` names them all"
        raise UnknownError("ops.unknown_check", f"there is no check {name}", hint)
    return rules[name]


def _require(conn: Connection) -> None:
    if not are_there(conn):
        raise UnavailableError("ops.not_installed", "the tables of operations are missing", "run gasolinera db init")
