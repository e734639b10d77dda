"""The partitioned tables of a service as the catalog has them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from gasolinera.database import load_queries

Connection = psycopg.Connection[Any]
Row = TypeVar("Row", bound=msgspec.Struct)

_SQL: Final = load_queries("gasolinera.ops", "partitions.sql")
_BOUND: Final = re.compile(r"^FOR VALUES FROM \((?P<lower>'[^']*'|MINVALUE)\) TO \((?P<upper>'[^']*'|MAXVALUE)\)$")
MOMENT_TYPES: Final = frozenset({"timestamp with time zone", "timestamp without time zone", "date"})


class Span(msgspec.Struct, frozen=True, order=True):
    """Half-open; None has no end. Bounds without a zone are taken as UTC."""

    lower: datetime | None
    upper: datetime | None


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """`span` is None for a default one, and for one whose bounds are no moments. `rows` is an estimate."""

    oid: int
    schema: str
    name: str
    span: Span | None
    is_default: bool
    is_pending: bool
    is_plain: bool
    size_bytes: int
    rows: int


class PartitionedTable(msgspec.Struct, frozen=True, kw_only=True):
    """`partitions` in the order of their bounds; those that are being detached are among them."""

    service: str
    schema: str
    name: str
    oid: int
    key_column: str | None
    key_type: str | None
    is_by_time: bool
    partitions: tuple[Partition, ...]

    @property
    def attached(self) -> tuple[Partition, ...]:
        return tuple(one for one in self.partitions if not one.is_pending)

    @property
    def default(self) -> Partition | None:
        return next((one for one in self.partitions if one.is_default), None)


class Standing(msgspec.Struct, frozen=True):
    """What a table of that name is now."""

    oid: int
    is_partition: bool
    is_pending: bool
    parent: int | None


def ask(conn: Connection, query: str, row_type: type[Row], /, **values: object) -> list[Row]:
    """The rows of a query of `partitions.sql`."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL[query].sql.encode(), values).fetchall()
    return [msgspec.convert(row, row_type) for row in rows]


def read_tables(conn: Connection, service: str, schema: str) -> list[PartitionedTable]:
    """Every partitioned table of a schema. `conn` has the time zone UTC, in which bounds are written."""
    children: dict[int, list[_PartitionRow]] = {}
    for row in ask(conn, "partitions_of_schema", _PartitionRow, schema=schema):
        children.setdefault(row.parent, []).append(row)
    return [
        _table(service, schema, row, children.get(row.oid, []))
        for row in ask(conn, "partitioned_tables", _TableRow, schema=schema)
    ]


def standing_of(conn: Connection, schema: str, name: str) -> Standing | None:
    """None: there is no table of that name."""
    found = ask(conn, "standing_of_table", Standing, schema=schema, name=name)
    return found[0] if found else None


def unfinished_conversions(conn: Connection, schema: str) -> list[tuple[str, str]]:
    """Bare table and constraint of each."""
    rows = ask(conn, "unfinished_conversions", _ConstraintRow, schema=schema)
    return [(row.bare_name, row.name) for row in rows]


def literal_of(moment: datetime | None, key_type: str | None, *, end: bool) -> sql.Composable:
    """A partition's bound in the type of the key."""
    if moment is None:
        return sql.SQL("MAXVALUE" if end else "MINVALUE")
    if key_type == "date":
        return sql.Literal(f"{moment.astimezone(UTC):%Y-%m-%d}")
    return sql.Literal(f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00")


def span_of(bound: str) -> Span | None:
    """Of what `pg_get_expr` writes; None where it is no range of moments."""
    found = _BOUND.match(bound)
    if found is None:
        return None
    try:
        return Span(_moment(found["lower"]), _moment(found["upper"]))
    except ValueError:
        return None


class _TableRow(msgspec.Struct, frozen=True):
    oid: int
    name: str
    strategy: str
    key_column: str | None
    key_type: str | None


class _PartitionRow(msgspec.Struct, frozen=True):
    parent: int
    oid: int
    schema: str
    name: str
    kind: str
    bound: str | None
    is_pending: bool
    size_bytes: int
    rows: int


class _ConstraintRow(msgspec.Struct, frozen=True):
    table_name: str
    name: str
    bare_name: str


def _table(service: str, schema: str, row: _TableRow, children: Sequence[_PartitionRow]) -> PartitionedTable:
    partitions = [_partition(child) for child in children]
    is_moments = row.strategy == "r" and row.key_type in MOMENT_TYPES
    return PartitionedTable(
        service=service,
        schema=schema,
        name=row.name,
        oid=row.oid,
        key_column=row.key_column,
        key_type=row.key_type,
        is_by_time=is_moments and all(one.span is not None or one.is_default for one in partitions),
        partitions=tuple(sorted(partitions, key=_place)),
    )


def _partition(row: _PartitionRow) -> Partition:
    return Partition(
        oid=row.oid,
        schema=row.schema,
        name=row.name,
        span=None if row.bound is None else span_of(row.bound),
        is_default=row.bound == "DEFAULT",
        is_pending=row.is_pending,
        is_plain=row.kind == "r",
        size_bytes=row.size_bytes,
        rows=row.rows,
    )


def _place(one: Partition) -> tuple[bool, datetime, str]:
    lower = None if one.span is None else one.span.lower
    return one.span is None, lower or datetime.min.replace(tzinfo=UTC), one.name


def _moment(text: str) -> datetime | None:
    if not text.startswith("'"):
        return None
    value = datetime.fromisoformat(text.strip("'"))
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
