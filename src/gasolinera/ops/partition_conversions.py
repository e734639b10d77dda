"""What stands on a plain table that is to be partitioned by month: what can be carried over, and what cannot."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString, TypeVar, cast

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.database import load_queries
from gasolinera.errors import InputError, UnknownError
from gasolinera.ops.partition_making import Grant, Settings, Trigger
from gasolinera.ops.partition_plans import partition_name
from gasolinera.ops.partition_rules import month_of, months_on
from gasolinera.ops.partition_tables import Span, ask, standing_of
from gasolinera.ops.reaching import Operations, owner_session

Connection = psycopg.Connection[Any]
Row = TypeVar("Row", bound=msgspec.Struct)

_SQL: Final = load_queries("gasolinera.ops", "conversion.sql")
_KEY_TYPES: Final = frozenset({"timestamp with time zone", "timestamp without time zone", "date"})
# Building the index takes its time, and from the month's end on the old table would refuse rows.
_LEAST_TIME: Final = timedelta(hours=6)
_MOST_NAME: Final = 63


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """`constraint_definition` is set where the index carries a constraint."""

    name: str
    definition: str
    is_primary: bool
    is_unique: bool
    is_valid: bool
    is_identity: bool
    constraint_type: str | None
    constraint_definition: str | None
    has_key: bool
    columns: list[str]
    comment: str | None
    constraint_comment: str | None


class ForeignKey(msgspec.Struct, frozen=True):
    name: str
    definition: str
    is_valid: bool
    comment: str | None


class View(msgspec.Struct, frozen=True):
    """`definition` is its query."""

    schema: str
    name: str
    kind: str
    definition: str
    options: list[str] | None
    owner: str


class Sequence(msgspec.Struct, frozen=True):
    """`identity` is `a` for ALWAYS, `d` for BY DEFAULT, empty for the sequence of a plain default."""

    schema: str
    name: str
    column_name: str
    identity: str
    start: int
    step: int
    least: int
    most: int
    cached: int
    cycles: bool


class Policy(msgspec.Struct, frozen=True):
    name: str
    permissive: str
    command: str
    roles: list[str]
    using_expression: str | None
    check_expression: str | None


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """`carried` and `refusals` are for people; a conversion with refusals is not begun."""

    service: str
    schema: str
    table: str
    column: str
    key_type: str
    cutoff: datetime
    carried: tuple[str, ...]
    warnings: tuple[str, ...]
    refusals: tuple[str, ...]


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What the new parent gets of the old table."""

    oid: int
    indexes: list[Index]
    foreign_keys: list[ForeignKey]
    views: list[View]
    sequences: list[Sequence]
    triggers: list[Trigger]
    policies: list[Policy]
    grants: list[Grant]
    settings: Settings

    @property
    def primary(self) -> Index | None:
        return next((index for index in self.indexes if index.is_primary), None)


class _Facts(msgspec.Struct, frozen=True):
    oid: int
    kind: str
    is_partition: bool
    persistence: str
    owner: str
    has_rules: bool
    inherits: bool
    key_type: str | None
    is_required: bool
    is_generated: bool
    is_typed: bool
    unvalidated: list[str]


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Holder(msgspec.Struct, frozen=True):
    pid: int
    seconds: int | None


def look_up(conn: Connection, query: str, row_type: type[Row], /, **values: object) -> list[Row]:
    """The rows of a query of `conversion.sql`."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL[query].sql.encode(), values).fetchall()
    return [msgspec.convert(row, row_type) for row in rows]


def written(text: str) -> sql.SQL:
    """A piece of SQL that PostgreSQL itself has written from its catalog."""
    return sql.SQL(cast("LiteralString", text))


def read_conversion(
    operations: Operations,
    service: str,
    table: str,
    column: str,
    cutoff: datetime | None = None,
    now: datetime | None = None,
) -> Conversion:
    """Looks, and changes nothing. Raises UnknownError `ops.no_table`, InputError `ops.convert_cutoff`."""
    owner = operations.service(service)
    now = now or datetime.now(UTC)
    when = _cutoff(cutoff, now)
    with owner_session(owner) as conn, conn.transaction():
        qualify_names(conn)
        facts = _facts(conn, owner.schema, table, column)
        inventory = _without_own_index(read_inventory(conn, facts.oid, column), when)
        return Conversion(
            service=service,
            schema=owner.schema,
            table=table,
            column=column,
            key_type=facts.key_type or "",
            cutoff=when,
            carried=tuple(_carried(inventory, column)),
            warnings=tuple(_warnings(conn, inventory, facts.oid, cutoff is None and when - now < _LEAST_TIME)),
            refusals=(
                *_refusals(conn, facts, inventory, owner.role, column),
                *_taken_names(conn, owner.schema, table, when),
            ),
        )


def qualify_names(conn: Connection) -> None:
    """Until the transaction ends PostgreSQL writes every name with its schema."""
    conn.execute("SELECT set_config('search_path', '', true)")


def read_inventory(conn: Connection, oid: int, column: str) -> Inventory:
    """In a transaction with `qualify_names`, so that what is written can be run anywhere."""
    (settings,) = ask(conn, "settings_of_partition", Settings, oid=oid)
    return Inventory(
        oid=oid,
        indexes=look_up(conn, "indexes_of_table", Index, oid=oid, column=column),
        foreign_keys=look_up(conn, "foreign_keys_of_table", ForeignKey, oid=oid),
        views=look_up(conn, "views_of_table", View, oid=oid),
        sequences=look_up(conn, "sequences_of_table", Sequence, oid=oid),
        triggers=ask(conn, "own_triggers_of_table", Trigger, oid=oid),
        policies=ask(conn, "policies_of_table", Policy, oid=oid),
        grants=ask(conn, "grants_of_table", Grant, oid=oid),
        settings=settings,
    )


def first_partition(table: str, cutoff: datetime) -> str:
    """The old table is named as its last month, so that the services' own function takes it for that."""
    return partition_name(table, Span(months_on(cutoff, -1), cutoff))


def name_of_month(name: str, cutoff: datetime) -> str:
    """Of an index of the first partition; the parent's takes the name that errors and code know."""
    suffix = f"_{months_on(cutoff, -1):%Y_%m}"
    return f"{name.encode()[: _MOST_NAME - len(suffix)].decode(errors='ignore')}{suffix}"


def deadline_name(table: str) -> str:
    """Of the check that keeps rows after the cutoff out of the old table while it is prepared."""
    return f"{table.encode()[:46].decode(errors='ignore')}_convert_deadline"


def _cutoff(asked: datetime | None, now: datetime) -> datetime:
    if asked is None:
        return months_on(month_of(now), 1)
    cutoff = asked.replace(tzinfo=UTC) if asked.tzinfo is None else asked
    if cutoff != month_of(cutoff) or cutoff <= now:
        message = f"{cutoff:%Y-%m-%d} is not the first day of a month to come"
        raise InputError("ops.convert_cutoff", message, "new partitions begin with a month, of UTC")
    return cutoff


def _facts(conn: Connection, schema: str, table: str, column: str) -> _Facts:
    found = look_up(conn, "facts_of_table", _Facts, schema=schema, name=table, column=column)
    if not found:
        raise UnknownError("ops.no_table", f"there is no table {schema}.{table}")
    return found[0]


def _without_own_index(inventory: Inventory, cutoff: datetime) -> Inventory:
    """A try before may have built the new key's index, or half of it."""
    if inventory.primary is None:
        return inventory
    own = name_of_month(inventory.primary.name, cutoff)
    return msgspec.structs.replace(inventory, indexes=[one for one in inventory.indexes if one.name != own])


def _carried(inventory: Inventory, column: str) -> list[str]:
    lines = [f"index {index.name}" for index in inventory.indexes if not index.is_primary]
    if inventory.primary is not None and not inventory.primary.has_key:
        columns = ", ".join([*inventory.primary.columns, column])
        lines.insert(0, f"primary key {inventory.primary.name}, which becomes ({columns})")
    lines += [f"foreign key {key.name}" for key in inventory.foreign_keys]
    lines += [f"view {view.schema}.{view.name}, made anew" for view in inventory.views if view.kind == "v"]
    lines += [f"trigger {trigger.name}" for trigger in inventory.triggers]
    lines += [f"policy {policy.name}" for policy in inventory.policies]
    lines += [f"sequence {one.name} of {one.column_name}" for one in inventory.sequences]
    granted = sorted({grant.grantee or "PUBLIC" for grant in inventory.grants})
    return lines + [f"rights of {role}" for role in granted]


def _warnings(conn: Connection, inventory: Inventory, oid: int, is_late: bool) -> list[str]:
    lines = [
        f"process {holder.pid} has held the table in one transaction for {holder.seconds} s: it is waited for"
        for holder in look_up(conn, "long_transactions_on_table", _Holder, oid=oid)
    ]
    if is_late:
        lines.append(
            "the month ends soon: when the preparation takes longer, rows of the next month are refused meanwhile"
        )
    if inventory.primary is not None and not inventory.primary.has_key:
        lines.append(f"({', '.join(inventory.primary.columns)}) alone is no longer kept unique by the database")
    return lines


def _refusals(conn: Connection, facts: _Facts, inventory: Inventory, owner: str | None, column: str) -> list[str]:
    refused = _unfit_table(facts, owner, column)
    refused += [
        f"{one.name} points to it, and would have to name {column} as well"
        for one in look_up(conn, "foreign_keys_to_table", _Named, oid=facts.oid)
    ]
    for index in inventory.indexes:
        if not index.is_valid:
            refused.append(f"index {index.name} is invalid: drop it, or build it again")
        elif index.constraint_type == "x":
            refused.append(f"{index.name} excludes rows across the whole table, which partitions cannot")
        elif index.is_unique and not index.is_primary and not index.has_key:
            refused.append(f"{index.name} keeps something unique across months, which needs {column} in it")
        elif index.is_identity:
            refused.append(f"replica identity is the index {index.name}: set another first")
    refused += [f"foreign key {key.name} is not validated" for key in inventory.foreign_keys if not key.is_valid]
    for view in inventory.views:
        if view.kind == "m":
            refused.append(f"materialized view {view.schema}.{view.name} would go on reading the old table alone")
        elif view.owner != facts.owner:
            refused.append(f"view {view.schema}.{view.name} belongs to {view.owner}")
    refused += [
        f"trigger {one.name} looks at changed rows as a table for each row, which partitions cannot"
        for one in inventory.triggers
        if one.is_row and one.has_transition
    ]
    refused += [f"{one.name} is bound to it" for one in look_up(conn, "users_of_table", _Named, oid=facts.oid)]
    refused += [
        f"publication {one.name} names it: take it out, and add the new table"
        for one in ask(conn, "publications_of_table", _Named, oid=facts.oid)
    ]
    return refused


def _taken_names(conn: Connection, schema: str, table: str, cutoff: datetime) -> list[str]:
    name = first_partition(table, cutoff)
    if standing_of(conn, schema, name) is None:
        return []
    return [f"there is a table {name}, which is what the old one would be called"]


def _unfit_table(facts: _Facts, owner: str | None, column: str) -> list[str]:
    unfit: list[str] = []
    if facts.kind == "p":
        return ["it is partitioned already"]
    if facts.kind != "r" or facts.persistence != "p":
        unfit.append("it is not an ordinary table that survives a crash")
    if facts.is_partition or facts.inherits or facts.is_typed:
        unfit.append("it is a partition, or inherits, or is inherited from")
    if facts.has_rules:
        unfit.append("it has rewrite rules")
    if owner is not None and facts.owner != owner:
        unfit.append(f"it belongs to {facts.owner} and not to {owner}")
    unfit += [f"check {name} is not validated" for name in facts.unvalidated]
    if facts.key_type is None:
        unfit.append(f"it has no column {column}")
    elif facts.key_type not in _KEY_TYPES:
        unfit.append(f"{column} is of type {facts.key_type}, and no moment or day")
    elif not facts.is_required:
        unfit.append(f"{column} may be NULL: such rows have no month")
    elif facts.is_generated:
        unfit.append(f"{column} is generated, which no partition key may be")
    return unfit
