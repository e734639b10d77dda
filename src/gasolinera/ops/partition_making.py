"""Partitions are made as tables of their own and attached: nobody who reads or writes the parent waits for that."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import ConflictError
from gasolinera.ops.lock_patience import Patience, patiently
from gasolinera.ops.partition_plans import partition_name
from gasolinera.ops.partition_tables import (
    Partition,
    PartitionedTable,
    Span,
    ask,
    literal_of,
    read_tables,
    standing_of,
    unfinished_conversions,
)

Connection = psycopg.Connection[Any]
_TRIGGER_STATES = {
    "D": sql.SQL("DISABLE TRIGGER"),
    "R": sql.SQL("ENABLE REPLICA TRIGGER"),
    "A": sql.SQL("ENABLE ALWAYS TRIGGER"),
}
# Every right that a table may have been given; what a later server adds is refused rather than written unlooked at.
_RIGHTS = {
    right: sql.SQL(right)
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
}


class Settings(msgspec.Struct, frozen=True):
    """Of a table, what LIKE does not copy."""

    owner: str
    options: list[str] | None
    comment: str | None
    replica_identity: str
    has_policies: bool
    forces_policies: bool


class Grant(msgspec.Struct, frozen=True):
    """`grantee`: None is everybody. `column_name`: None is the whole table."""

    grantee: str | None
    privilege: str
    is_grantable: bool
    column_name: str | None


class Trigger(msgspec.Struct, frozen=True):
    """`definition` is the statement that made it."""

    name: str
    definition: str
    enabled: str
    is_row: bool
    has_transition: bool
    comment: str | None


class _Name(msgspec.Struct, frozen=True):
    name: str


def make_partition(
    conn: Connection, table: PartitionedTable, span: Span, patience: Patience | None = None
) -> str | None:
    """Its name; None where another was faster. `conn` is the owner's, in autocommit.

    The parent is locked SHARE UPDATE EXCLUSIVE, which stops no reader and no writer; tables that its foreign keys
    point to are locked against writers for the moment of attaching. Raises ConflictError `ops.partition_name` where a
    table of that name is something else, UnavailableError `ops.locked`.
    """
    name = partition_name(table.name, span)
    what = f"making {table.schema}.{name}"
    return patiently(conn, what, lambda: _try_making(conn, table, name, span), patience)


def _try_making(conn: Connection, table: PartitionedTable, name: str, span: Span) -> str | None:
    with conn.transaction():
        # The services' own function takes the same lock.
        conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{table.schema}.{table.name}",))
        there = standing_of(conn, table.schema, name)
        if there is not None:
            if there.parent == table.oid and not there.is_pending:
                return None
            raise ConflictError(
                "ops.partition_name",
                f"{table.schema}.{name} is no partition of {table.name}, so none can be made for {_words(span)}",
                "archive, rename or attach that table",
            )
        schema = table.schema
        conn.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL EXCLUDING IDENTITY)").format(
                sql.Identifier(schema, name), sql.Identifier(schema, table.name)
            )
        )
        sibling = _sibling(table)
        if sibling is not None:
            liken(conn, sibling, schema, name)
        conn.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(schema, table.name),
                sql.Identifier(schema, name),
                literal_of(span.lower, table.key_type, end=False),
                literal_of(span.upper, table.key_type, end=True),
            )
        )
    return name


def liken(conn: Connection, sibling: Partition, schema: str, name: str) -> None:
    """Give a new table what the newest partition has besides its parent's: rights, settings, triggers of its own."""
    table = sql.Identifier(schema, name)
    (found,) = ask(conn, "settings_of_partition", Settings, oid=sibling.oid)
    alter = sql.SQL("ALTER TABLE {} ").format(table)
    if found.options:
        pairs = [option.partition("=") for option in found.options]
        options = [sql.SQL("{} = {}").format(sql.Identifier(key), sql.Literal(value)) for key, _, value in pairs]
        conn.execute(alter + sql.SQL("SET ({})").format(sql.SQL(", ").join(options)))
    if found.replica_identity in "fn":
        kind = sql.SQL("REPLICA IDENTITY FULL" if found.replica_identity == "f" else "REPLICA IDENTITY NOTHING")
        conn.execute(alter + kind)
    if found.has_policies:
        conn.execute(alter + sql.SQL("ENABLE ROW LEVEL SECURITY"))
    if found.forces_policies:
        conn.execute(alter + sql.SQL("FORCE ROW LEVEL SECURITY"))
    if found.comment is not None:
        said = found.comment.replace(sibling.name, name)
        conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(said)))
    for trigger in ask(conn, "own_triggers_of_table", Trigger, oid=sibling.oid):
        make_trigger(conn, trigger, (sibling.schema, sibling.name), (schema, name))
    grant_all(conn, ask(conn, "grants_of_table", Grant, oid=sibling.oid), schema, name)
    for publication in ask(conn, "publications_of_table", _Name, oid=sibling.oid):
        conn.execute(sql.SQL("ALTER PUBLICATION {} ADD TABLE ONLY {}").format(sql.Identifier(publication.name), table))
    if found.owner != _current_role(conn):
        conn.execute(alter + sql.SQL("OWNER TO {}").format(sql.Identifier(found.owner)))


def grant_all(conn: Connection, grants: Sequence[Grant], schema: str, name: str) -> None:
    for grant in grants:
        columns = (
            sql.SQL("") if grant.column_name is None else sql.SQL("({})").format(sql.Identifier(grant.column_name))
        )
        conn.execute(
            sql.SQL("GRANT {}{} ON TABLE {} TO {}{}").format(
                _RIGHTS[grant.privilege],
                columns,
                sql.Identifier(schema, name),
                sql.SQL("PUBLIC") if grant.grantee is None else sql.Identifier(grant.grantee),
                sql.SQL(" WITH GRANT OPTION" if grant.is_grantable else ""),
            )
        )


def make_trigger(conn: Connection, trigger: Trigger, old: tuple[str, str], new: tuple[str, str]) -> None:
    """The same on another table, with its state and comment."""
    place = sql.Identifier(*new)
    written = f" ON {quoted_name(conn, old)} "
    definition = trigger.definition.replace(written, f" ON {place.as_string(conn)} ", 1)
    conn.execute(definition.encode())
    name = sql.Identifier(trigger.name)
    if trigger.enabled in _TRIGGER_STATES:
        state = _TRIGGER_STATES[trigger.enabled]
        conn.execute(sql.SQL("ALTER TABLE {} {} {}").format(place, state, name))
    if trigger.comment is not None:
        conn.execute(sql.SQL("COMMENT ON TRIGGER {} ON {} IS {}").format(name, place, sql.Literal(trigger.comment)))


def end_pending(conn: Connection, table: PartitionedTable, one: Partition, patience: Patience | None = None) -> bool:
    """Finish a detach that somebody's timeout or death left half done: until then its rows are seen by nobody.

    False where it was finished meanwhile.
    """

    def attempt() -> bool:
        there = standing_of(conn, one.schema, one.name)
        if there is None or not there.is_pending:
            return False
        conn.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(
                sql.Identifier(table.schema, table.name), sql.Identifier(one.schema, one.name)
            )
        )
        return True

    return patiently(conn, f"finishing the detach of {one.schema}.{one.name}", attempt, patience)


def end_conversions(conn: Connection, schema: str, patience: Patience | None = None) -> list[str]:
    """Take away what conversions that were killed left on their tables, before its date makes them refuse rows."""
    ended: list[str] = []
    for table, constraint in unfinished_conversions(conn, schema):
        if not _is_converting(conn, schema, table):
            drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(
                sql.Identifier(schema, table), sql.Identifier(constraint)
            )
            patiently(conn, f"cleaning up after the conversion of {table}", _executing(conn, drop), patience)
            ended.append(table)
    return ended


def conversion_lock(schema: str, table: str) -> str:
    """A session that converts a table holds the advisory lock of this text."""
    return f"ops convert {schema}.{table}"


def newest(conn: Connection, service: str, schema: str, name: str) -> PartitionedTable | None:
    """The table as it is now."""
    return next((table for table in read_tables(conn, service, schema) if table.name == name), None)


def _executing(conn: Connection, statement: sql.Composed) -> Callable[[], object]:
    return lambda: conn.execute(statement)


def _is_converting(conn: Connection, schema: str, table: str) -> bool:
    key = conversion_lock(schema, table)
    row = conn.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (key,)).fetchone()
    assert row is not None
    if row[0]:
        conn.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))
    return not row[0]


def _sibling(table: PartitionedTable) -> Partition | None:
    plain = [one for one in table.attached if one.is_plain and one.span is not None]
    return plain[-1] if plain else None


def _current_role(conn: Connection) -> str:
    row = conn.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def quoted_name(conn: Connection, name: tuple[str, str]) -> str:
    """As PostgreSQL writes a table's name with its schema: in quotes only where it must."""
    row = conn.execute("SELECT format('%%I.%%I', %s::text, %s::text)", name).fetchone()
    assert row is not None
    return str(row[0])


def _words(span: Span) -> str:
    return " to ".join("for ever" if end is None else f"{end:%Y-%m-%d}" for end in (span.lower, span.upper))
