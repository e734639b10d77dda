"""How far ahead partitions are made, and when one may go: rules of `ops_schema`, and the arithmetic of months."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
import psycopg

from gasolinera.errors import UnknownError

Connection = psycopg.Connection[Any]

# A day of people ends up to twelve hours after the day of UTC, and clocks are changed by hours. So nothing goes on the
# day on which it may go first: in no time zone is anything younger than its rule says.
_GRACE: Final = timedelta(days=1)
_FIRST_YEAR: Final = 1


class Action(StrEnum):
    """What becomes of a partition that has been kept for long enough."""

    ARCHIVE = "ARCHIVE"
    DROP = "DROP"
    KEEP = "KEEP"


class PartitionRule(msgspec.Struct, frozen=True, kw_only=True):
    """`keep_months` counts from the end of a partition; None: for good. `legal_hold` says who forbids that any goes."""

    service: str = "*"
    table_pattern: str = "*"
    months_ahead: int = 3
    alert_days: int = 45
    action: Action = Action.KEEP
    keep_months: int | None = None
    reason: str = "BUSINESS"
    explanation: str = "Nobody has decided that it may go."
    legal_hold: str | None = None

    @property
    def why(self) -> str:
        return f"{self.reason}: {self.explanation}"


class RuleBook(msgspec.Struct, frozen=True):
    """`held`: tables with a retention rule on hold; a partition that goes would take along what that keeps."""

    rules: tuple[PartitionRule, ...]
    held: dict[tuple[str, str], str]

    def of(self, service: str, table: str) -> PartitionRule:
        """The table's rule, with a hold that counts for it: one of a wider rule is not undone by a closer one."""
        holds = [rule.legal_hold for rule in _matching(self.rules, service, table)]
        because = next((hold for hold in holds if hold is not None), self.held.get((service, table)))
        return msgspec.structs.replace(rule_for(self.rules, service, table), legal_hold=because)


def load_book(conn: Connection) -> RuleBook:
    """Of `ops_schema`, as it is now."""
    rows = conn.execute(
        """SELECT service, table_name, min(held_because) FROM ops_schema.retention_rules
            WHERE held_since IS NOT NULL GROUP BY service, table_name"""
    ).fetchall()
    return RuleBook(tuple(load_rules(conn)), {(service, table): because for service, table, because in rows})


def load_rules(conn: Connection) -> list[PartitionRule]:
    """Of `ops_schema`, which `conn` reads as the role ops."""
    rows = conn.execute(
        """SELECT service, table_pattern, months_ahead, alert_days, action, keep_months, reason, explanation, legal_hold
             FROM ops_schema.partition_rules ORDER BY service, table_pattern"""
    ).fetchall()
    names = PartitionRule.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), PartitionRule) for row in rows]


def hold_table(conn: Connection, service: str, table: str, because: str) -> PartitionRule:
    """Nothing of the table goes until it is released. It gets a rule of its own, like the one that it has followed."""
    rule = rule_for(load_rules(conn), service, table)
    held = msgspec.structs.replace(rule, service=service, table_pattern=table, legal_hold=because)
    conn.execute(
        """INSERT INTO ops_schema.partition_rules (
               service, table_pattern, months_ahead, alert_days, action, keep_months, reason, explanation, legal_hold)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (service, table_pattern) DO UPDATE SET legal_hold = excluded.legal_hold""",
        [getattr(held, name) for name in PartitionRule.__struct_fields__],
    )
    return held


def release_table(conn: Connection, service: str, table: str) -> PartitionRule:
    """Raises UnknownError `ops.not_held`."""
    rule = rule_for(load_rules(conn), service, table)
    if rule.legal_hold is None:
        raise UnknownError("ops.not_held", f"{table} of {service} is not on hold", "gasolinera ops partitions rules")
    conn.execute(
        "UPDATE ops_schema.partition_rules SET legal_hold = NULL WHERE service = %s AND table_pattern = %s",
        (rule.service, rule.table_pattern),
    )
    return msgspec.structs.replace(rule, legal_hold=None)


def rule_for(rules: Sequence[PartitionRule], service: str, table: str) -> PartitionRule:
    """The one that says most of the table; what no rule matches is kept."""
    return max(_matching(rules, service, table), key=_exactness, default=PartitionRule())


def _matching(rules: Sequence[PartitionRule], service: str, table: str) -> list[PartitionRule]:
    return [
        rule for rule in rules if rule.service in ("*", service) and fnmatchcase(table, _only_stars(rule.table_pattern))
    ]


def _only_stars(pattern: str) -> str:
    return pattern.replace("[", "[[]").replace("?", "[?]")


def _exactness(rule: PartitionRule) -> tuple[bool, bool, int]:
    return rule.service != "*", "*" not in rule.table_pattern, len(rule.table_pattern.replace("*", ""))


def may_go(rule: PartitionRule, until: datetime, now: datetime) -> bool:
    """Whether everything before `until` is older than the rule asks for, however months are counted."""
    if rule.action is Action.KEEP or rule.keep_months is None or rule.legal_hold is not None:
        return False
    return is_past(until, rule.keep_months, now)


def is_past(until: datetime, months: int, now: datetime) -> bool:
    """The end of a month has no day so many months later or earlier: both ways of counting have to agree."""
    forward = _months_later(until, months)
    backward = _months_earlier(now - _GRACE, months)
    return forward is not None and backward is not None and forward + _GRACE <= now and until <= backward


def month_of(moment: datetime) -> datetime:
    """The first moment of its month, in UTC."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months_on(month: datetime, count: int) -> datetime:
    """The first of a month, so many months later. Raises ValueError beyond the year 9999."""
    year, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return month.replace(year=year, month=index + 1)


def _months_later(moment: datetime, months: int) -> datetime | None:
    """A day that the month has not is the first of the next: later, so that more is kept."""
    try:
        begin = months_on(month_of(moment), months)
        wanted = moment.astimezone(UTC)
        try:
            return wanted.replace(year=begin.year, month=begin.month)
        except ValueError:
            return months_on(begin, 1)
    except ValueError:
        return None


def _months_earlier(moment: datetime, months: int) -> datetime | None:
    """A day that the month has not is the month's last: earlier, so that more is kept."""
    wanted = moment.astimezone(UTC)
    if wanted.year * 12 + wanted.month - 1 - months < _FIRST_YEAR * 12:
        return None
    begin = months_on(month_of(moment), -months)
    last = months_on(begin, 1) - timedelta(days=1)
    return wanted.replace(year=begin.year, month=begin.month, day=min(wanted.day, last.day))
