"""A rule against the catalogue: whether its tables and columns are there and of the right kind."""

from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.ops.cleaning_rules import (
    SQL,
    Action,
    Connection,
    Rule,
    columns_of,
    compared_as_text,
    condition_sql,
)

_MOMENT: Final = "timestamp with time zone"
_DAY: Final = "date"
_TEXT: Final = frozenset({"text", "character varying", "character"})
# A day has ended everywhere when it has ended where it begins last.
_LAST_ZONE: Final = timedelta(hours=12)


class Leaf(msgspec.Struct, frozen=True):
    """A table that holds rows. `is_indexed`: by the rule's time, so that the old rows can be asked for in order."""

    schema: str
    name: str
    is_indexed: bool

    @property
    def place(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


class Target(msgspec.Struct, frozen=True):
    """What a rule means in one database at one moment. `due` is its whole condition, about a row called t."""

    leaves: tuple[Leaf, ...]
    until: datetime
    time: sql.Identifier
    due: sql.Composable


class Unfit(msgspec.Struct, frozen=True):
    """Why a rule cannot be followed."""

    problem: str


class _Column(msgspec.Struct, frozen=True):
    table: str
    kind: str
    is_own: bool
    column: str
    type: str
    is_required: bool


def target_of(conn: Connection, rule: Rule, schema: str, now: datetime) -> Target | Unfit:
    """`conn`: a session of the schema's owner. `now`: the moment up to which rows have aged."""
    assert rule.time_column is not None, "a rule without a function has a time"
    named = columns_of(rule.conditions, table=rule.table) | {
        (rule.table, column) for column in (rule.time_column, *rule.cleared_columns)
    }
    found = _columns(conn, schema, {table for table, _ in named})
    problem = _problem(rule, schema, named, found)
    if problem is not None:
        return Unfit(problem)
    try:
        until = cutoff(conn, rule, now)
    except psycopg.errors.InvalidParameterValue:
        return Unfit(f"{rule.time_zone!r} is no time zone")
    kind = found[rule.table, rule.time_column].type
    time = sql.Identifier("t", rule.time_column)
    limit = until if kind == _MOMENT else last_day_over(until)
    conditions: list[sql.Composable] = [sql.SQL("{} < {}").format(time, sql.Literal(limit))]
    conditions += [condition_sql(one, alias="t", schema=schema) for one in rule.conditions]
    if rule.action is Action.ANONYMISE:
        places = sql.SQL(", ").join(sql.Identifier("t", column) for column in rule.cleared_columns)
        conditions.append(sql.SQL("num_nonnulls({}) > 0").format(places))
    leaves = _leaves(conn, schema, rule)
    return Target(leaves, until, time, sql.SQL(" AND ").join(conditions))


def cutoff(conn: Connection, rule: Rule, now: datetime) -> datetime:
    """The moment before which everything has been kept for long enough."""
    assert rule.keep is not None
    values = {
        "now": now,
        "zone": rule.time_zone,
        "months": rule.keep.months,
        "days": rule.keep.days,
        "seconds": rule.keep.seconds,
    }
    row = conn.execute(SQL["cutoff"].sql.encode(), values).fetchone()
    assert row is not None
    return row[0]


def last_day_over(until: datetime) -> date:
    """Days before this one had ended at `until`, in whatever zone they were counted."""
    return (until - _LAST_ZONE).date()


def _problem(rule: Rule, schema: str, named: set[tuple[str, str]], found: dict[tuple[str, str], _Column]) -> str | None:
    missing = sorted(f"{schema}.{table}.{column}" for table, column in named - found.keys())
    if missing:
        return f"there is no {', '.join(missing)}"
    if not all(found[place].is_own for place in named):
        return f"the role may not change {schema}.{rule.table} as its owner may"
    time = found[rule.table, rule.time_column or ""]
    if time.type not in (_MOMENT, _DAY):
        return f"{rule.time_column} is {time.type}: only {_MOMENT} and {_DAY} say when"
    unlike = sorted(column for place in compared_as_text(rule.conditions, table=rule.table)
                    if found[place].type not in _TEXT for column in place[1:])  # fmt: skip
    if unlike:
        return f"{', '.join(unlike)} is no text: a condition compares text"
    required = sorted(column for column in rule.cleared_columns if found[rule.table, column].is_required)
    if required:
        return f"{', '.join(required)} cannot be cleared: NOT NULL"
    return None


def _columns(conn: Connection, schema: str, tables: set[str]) -> dict[tuple[str, str], _Column]:
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["columns"].sql.encode(), {"schema": schema, "tables": sorted(tables)}).fetchall()
    found = [msgspec.convert(row, _Column) for row in rows]
    return {(one.table, one.column): one for one in found}


def _leaves(conn: Connection, schema: str, rule: Rule) -> tuple[Leaf, ...]:
    values: dict[str, Any] = {"schema": schema, "table": rule.table, "column": rule.time_column}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SQL["leaves"].sql.encode(), values).fetchall()
    return tuple(msgspec.convert(row, Leaf) for row in rows)


def change_of(rule: Rule, leaf: Leaf) -> sql.Composable:
    """The beginning of the statement that does what the rule says; its WHERE is left to say."""
    if rule.action is Action.DELETE:
        return sql.SQL("DELETE FROM {} AS t").format(leaf.place)
    cleared = sql.SQL(", ").join(sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in rule.cleared_columns)
    return sql.SQL("UPDATE {} AS t SET {}").format(leaf.place, cleared)
