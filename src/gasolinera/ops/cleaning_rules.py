"""How long rows are kept: the rules of `ops_schema.retention_rules`, from a closed vocabulary.

A rule holds names and values and never SQL. The names are looked up in the catalogue before anything is built of them.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.errors import ConfigError, UnavailableError, UnknownError

Connection = psycopg.Connection[Any]

SQL: Final = load_queries("gasolinera.ops", "cleaning.sql")


class Action(StrEnum):
    DELETE = "DELETE"
    ANONYMISE = "ANONYMISE"


class Reason(StrEnum):
    PRIVACY = "PRIVACY"
    LAW = "LAW"
    SPACE = "SPACE"


class OneOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", tag="one_of"):
    column: str
    values: tuple[str, ...]


class NoneOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", tag="none_of"):
    """A row without a value is not meant."""

    column: str
    values: tuple[str, ...]


class IsNull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", tag="null"):
    column: str


class NotNull(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", tag="not_null"):
    column: str


Plain = OneOf | NoneOf | IsNull | NotNull


class NoRowIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="is", tag="no_row_in"):
    """Nothing in `table`, of the same schema, whose `column` is this row's `equals`, and of which `where` holds."""

    table: str
    column: str
    equals: str
    where: tuple[Plain, ...] = ()


Condition = OneOf | NoneOf | IsNull | NotNull | NoRowIn


class Period(msgspec.Struct, frozen=True):
    """Months and days of a calendar, and seconds that pass: none of the three is a number of another."""

    months: int
    days: int
    seconds: float

    def __str__(self) -> str:
        hours, rest = divmod(self.seconds, 3600)
        minutes, seconds = divmod(rest, 60)
        units = (
            (self.months // 12, "year"),
            (self.months % 12, "month"),
            (self.days, "day"),
            (int(hours), "hour"),
            (int(minutes), "minute"),
            (seconds, "second"),
        )
        return " ".join(f"{count:g} {unit}{'' if count == 1 else 's'}" for count, unit in units if count)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`keep` is None where the service's own function knows. `job`: what does the same on its own.

    `held_because` without `held_since`: not the rule is on hold, but its whole table.
    """

    name: str
    service: str
    table: str
    action: Action
    reason: Reason
    explanation: str
    time_column: str | None
    keep: Period | None
    time_zone: str
    conditions: tuple[Condition, ...]
    cleared_columns: tuple[str, ...]
    function: str | None
    job: str | None
    batch_size: int
    is_enabled: bool
    held_since: datetime | None
    held_because: str | None


def read_rules(conn: Connection, services: Sequence[str] = (), table: str | None = None) -> list[Rule]:
    """By service and name; of all services, where none is named. `conn`: a session of the role ops.

    Raises UnknownError `ops.no_rule` where nothing is found, ConfigError `ops.bad_rule`.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            SQL["rules"].sql.encode(), {"services": list(services) or None, "table": table}
        ).fetchall()
    if not rows:
        what = " ".join((*services, table or "")).strip()
        raise UnknownError("ops.no_rule", f"no retention rule for {what}", "gasolinera ops cleanup rules lists them")
    return [_rule(row) for row in rows]


def _rule(row: dict[str, Any]) -> Rule:
    keep = None if row["months"] is None else Period(row["months"], row["days"], row["seconds"])
    try:
        return msgspec.convert({**row, "keep": keep}, Rule)
    except msgspec.ValidationError as error:
        message = f"the retention rule {row['name']} is not understood: {error}"
        raise ConfigError("ops.bad_rule", message, "correct its row in ops_schema.retention_rules") from error


def held_because(conn: Connection, rule: Rule) -> str | None:
    """As it is now: a hold may come while a run goes on, and a rule that is gone is followed no more.

    Raises UnavailableError `ops.unreachable`.
    """
    try:
        row = conn.execute(SQL["held"].sql.encode(), {"name": rule.name}).fetchone()
    except psycopg.OperationalError as error:
        hint = "see that its server runs; the next run goes on where this one ended"
        raise UnavailableError("ops.unreachable", "the database of operations cannot be reached", hint) from error
    return "its rule was taken away" if row is None else row[0]


def hold(conn: Connection, name: str, because: str) -> Rule:
    """From now on nothing that the rule is about goes. Again: the first reason and moment stay.

    Raises UnknownError `ops.no_rule`.
    """
    return _changed(conn, "hold", {"name": name, "because": because})


def release(conn: Connection, name: str) -> Rule:
    """Raises UnknownError `ops.no_rule`."""
    return _changed(conn, "release", {"name": name})


def _changed(conn: Connection, query: str, values: dict[str, str]) -> Rule:
    if conn.execute(SQL[query].sql.encode(), values).fetchone() is None:
        hint = "gasolinera ops cleanup rules lists them"
        raise UnknownError("ops.no_rule", f"there is no retention rule {values['name']}", hint)
    return next(rule for rule in read_rules(conn) if rule.name == values["name"])


def columns_of(conditions: Sequence[Condition], *, table: str) -> set[tuple[str, str]]:
    """Which columns of which tables the conditions speak of."""
    found: set[tuple[str, str]] = set()
    for one in conditions:
        if isinstance(one, NoRowIn):
            found |= {(one.table, one.column), (table, one.equals)} | columns_of(one.where, table=one.table)
        else:
            found.add((table, one.column))
    return found


def compared_as_text(conditions: Sequence[Condition], *, table: str) -> set[tuple[str, str]]:
    """Those of them whose values are written in the rule, so that they have to be text."""
    found: set[tuple[str, str]] = set()
    for one in conditions:
        if isinstance(one, NoRowIn):
            found |= compared_as_text(one.where, table=one.table)
        elif isinstance(one, OneOf | NoneOf):
            found.add((table, one.column))
    return found


def condition_sql(condition: Condition, *, alias: str, schema: str) -> sql.Composable:
    """Every name quoted as a name, every value as a value."""
    match condition:
        case NoRowIn():
            there = [condition_sql(one, alias="other", schema=schema) for one in condition.where]
            same = sql.SQL("other.{} = {}").format(sql.Identifier(condition.column), _place(alias, condition.equals))
            return sql.SQL("NOT EXISTS (SELECT FROM {} AS other WHERE {})").format(
                sql.Identifier(schema, condition.table), sql.SQL(" AND ").join([same, *there])
            )
        case OneOf():
            return sql.SQL("{} = ANY ({})").format(_place(alias, condition.column), sql.Literal(list(condition.values)))
        case NoneOf():
            values = sql.Literal(list(condition.values))
            return sql.SQL("{} <> ALL ({})").format(_place(alias, condition.column), values)
        case IsNull():
            return sql.SQL("{} IS NULL").format(_place(alias, condition.column))
        case NotNull():
            return sql.SQL("{} IS NOT NULL").format(_place(alias, condition.column))


def _place(alias: str, column: str) -> sql.Composable:
    return sql.Identifier(alias, column)
