"""Single rows or tables of a service from a backup: into a schema beside it, compared with what is there now.

Rows that are missing can be put back. Rows that differ are shown and left alone: which of the two is right, nobody
but a person can say.
"""

import re
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from graphlib import CycleError, TopologicalSorter
from typing import IO, Any, Final, Literal, LiteralString

import msgspec
import psycopg
from psycopg import sql

import vuelo
from gasolinera.database import load_queries
from gasolinera.errors import ConflictError, InputError
from gasolinera.ops.backup_files import DumpedService
from gasolinera.ops.dump_archives import Archive, reading
from gasolinera.ops.programs import environment_for
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run

Connection = psycopg.Connection[Any]
Found = Literal["only_in_backup", "only_in_database", "different"]

_SQL: Final = load_queries("gasolinera.ops", "restoring_rows.sql")
_SHOWN: Final = 1000
_BLOCK_BYTES: Final = 1 << 18
_IDENTIFIER: Final = rb'(?:"(?:[^"]|"")+"|[^\s.,"()]+)'
_COPY: Final = re.compile(rb"COPY (%b)\.(%b) \((.*)\) FROM stdin;\n" % (_IDENTIFIER, _IDENTIFIER))
_DIFFERENCE: Final = """SELECT jsonb_build_object({shown}) AS key,
       CASE WHEN l.is_there IS NULL THEN 'only_in_backup' WHEN b.is_there IS NULL THEN 'only_in_database'
            ELSE 'different' END AS found,
       CASE WHEN l.is_there AND b.is_there THEN array_remove(ARRAY[{differing}]::text[], NULL)
            ELSE '{{}}' END AS columns
  FROM (SELECT true AS is_there, * FROM {side}) AS b
  FULL JOIN (SELECT true AS is_there, * FROM {live} WHERE {chosen} OR ({key}) IN (SELECT {key} FROM {side})) AS l
 USING ({key})"""


class RowsWanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of which tables: `where` are columns with the value that each must have, `keys` those of the primary
    key. Values are PostgreSQL's text. Nothing said: all of them.
    """

    tables: tuple[str, ...]
    where: tuple[tuple[str, str], ...] = ()
    keys: tuple[str, ...] = ()


class RowDifference(msgspec.Struct, frozen=True):
    """`columns`: those that are not the same, of a row that is in both."""

    key: dict[str, str]
    found: Found
    columns: tuple[str, ...]


class TableDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the backup beside the live one. `rows` has the first of those that differ."""

    table: str
    in_backup: int
    only_in_backup: int
    only_in_database: int
    different: int
    columns_only_in_backup: tuple[str, ...]
    columns_only_now: tuple[str, ...]
    rows: tuple[RowDifference, ...]


class RowsRestored(msgspec.Struct, frozen=True, kw_only=True):
    """`side_schema` is None where it was dropped again; `applied` are the rows that were put back, by table."""

    service: str
    backup: str
    consistent_at: datetime
    side_schema: str | None
    tables: tuple[TableDifference, ...]
    applied: dict[str, int] = {}


class _Table(msgspec.Struct, frozen=True):
    """A live table: column names with types, those that can be written, and its key."""

    name: str
    types: dict[str, LiteralString]
    writable: frozenset[str]
    key: tuple[str, ...]


def restore_rows(operations: Operations, name: str, archive: Archive, wanted: RowsWanted) -> RowsRestored:
    """Into a new schema, of the service's owner, beside the service's. Nothing of the service is changed.

    Raises InputError `ops.no_table`, `ops.no_key`, `ops.no_column`, `ops.value`; ProgramError, DecryptionError.
    """
    service, dump = operations.service(name), archive.manifest.service(name)
    side = f"{service.schema}_rows_{datetime.now(UTC):%Y%m%d_%H%M%S_%f}"
    with ops_session(operations.ops_url) as ops, recorded_run(ops, "restore rows", name) as run:
        with owner_session(service) as conn, conn.transaction():
            tables = [_table(conn, service.schema, table) for table in dict.fromkeys(wanted.tables)]
            conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(side)))
            copied = _copied(conn, service, archive, dump, tables, side)
            found = tuple(_compared(conn, service.schema, side, table, copied[table.name], wanted) for table in tables)
        run.result = {"backup": archive.manifest.label, "side_schema": side, "tables": [one.table for one in found]}
    return RowsRestored(
        service=name, backup=archive.manifest.label, consistent_at=dump.consistent_at, side_schema=side, tables=found
    )


def put_back(operations: Operations, restored: RowsRestored, *, fire_triggers: bool = False) -> RowsRestored:
    """Insert the rows that only the backup has, all or none, with the keys that they had.

    Without `fire_triggers` the tables' own triggers stay silent: no event is published again, and counters that they
    keep are not moved. Takes SHARE ROW EXCLUSIVE on the tables then. Raises ConflictError `ops.not_put_back`.
    """
    assert restored.side_schema is not None
    service = operations.service(restored.service)
    with ops_session(operations.ops_url) as ops, recorded_run(ops, "restore rows", restored.service) as run:
        applied: dict[str, int] = {}
        try:
            with owner_session(service) as conn, conn.transaction():
                conn.execute("SET LOCAL lock_timeout = '10s'")
                for table in _in_order(conn, service.schema, restored.tables):
                    live = _table(conn, service.schema, table)
                    applied[table] = _insert(conn, service.schema, restored.side_schema, live, fire=fire_triggers)
        except (psycopg.errors.IntegrityError, psycopg.errors.LockNotAvailable) as error:
            hint = "nothing was put back; bring back what these rows refer to as well, or look at both with SQL"
            raise ConflictError("ops.not_put_back", f"the rows do not fit: {error}", hint) from error
        run.result = {"backup": restored.backup, "applied": applied, "fired_triggers": fire_triggers}
    return msgspec.structs.replace(restored, applied=applied)


def discard(operations: Operations, restored: RowsRestored) -> RowsRestored:
    """Drop the schema beside the service's."""
    assert restored.side_schema is not None
    with owner_session(operations.service(restored.service)) as conn:
        conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(restored.side_schema)))
    return msgspec.structs.replace(restored, side_schema=None)


def _table(conn: Connection, schema: str, name: str) -> _Table:
    values = {"table": sql.Identifier(schema, name).as_string()}
    columns = conn.execute(_SQL["columns"].sql.encode(), values).fetchall()
    if not columns:
        raise InputError("ops.no_table", f"there is no table {schema}.{name}", "restore the whole service instead")
    key = tuple(row[0] for row in conn.execute(_SQL["key"].sql.encode(), values))
    if not key:
        raise InputError("ops.no_key", f"{schema}.{name} has no primary key: rows cannot be told apart")
    writable = frozenset(column for column, _, is_generated in columns if not is_generated)
    return _Table(name, {column: type_ for column, type_, _ in columns}, writable, key)


def _copied(
    conn: Connection, service: vuelo.Service, archive: Archive, dump: DumpedService, tables: Sequence[_Table], side: str
) -> dict[str, list[str]]:
    """The backup's columns by table; every one has a table in the side schema, with the types of today."""
    parts: dict[str, str] = {}
    for table in tables:
        own = [one.name for one in dump.tables if table.name in (one.name, one.part_of)]
        if not own:
            raise InputError("ops.no_table", f"the backup has no table {table.name} of {service.name}")
        parts |= dict.fromkeys(own, table.name)
    by_name = {table.name: table for table in tables}
    columns: dict[str, list[str]] = {}
    arguments = ["--file=-", "--data-only", *(f"--table={part}" for part in parts)]
    program = archive.program("pg_restore", conn.info.server_version // 10_000)
    with reading(archive, dump, program, arguments, environment_for(service.url)) as script:
        for part, names, lines in _copies(script):
            if part not in parts:
                raise InputError("ops.no_table", f"the backup has a {part} that nobody asked for")
            table = by_name[parts[part]]
            if table.name not in columns:
                _make_side_table(conn, side, table, names)
                columns[table.name] = names
            target = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(side, table.name), _listed(names))
            with conn.cursor() as cursor, cursor.copy(target) as copy:
                for block in lines:
                    copy.write(block)
    for table in tables:
        if table.name not in columns:  # all its partitions are gone from the dump, or it never had one
            columns[table.name] = list(table.types)
            _make_side_table(conn, side, table, columns[table.name])
    return columns


def _copies(script: IO[bytes]) -> Generator[tuple[str, list[str], Generator[bytes]]]:
    """Each COPY of a script: table, columns, and its lines in blocks, which must be read before the next."""
    for line in script:
        found = _COPY.fullmatch(line)
        if found:
            columns = [_plain(name) for name in re.findall(_IDENTIFIER, found[3])]
            yield _plain(found[2]), columns, _blocks(script)


def _blocks(script: IO[bytes]) -> Generator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for line in script:
        if line == b"\\.\n":
            break
        gathered.append(line)
        size += len(line)
        if size >= _BLOCK_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _plain(name: bytes) -> str:
    text = name.decode()
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _make_side_table(conn: Connection, side: str, table: _Table, columns: Sequence[str]) -> None:
    """What is not a column any more is kept as text."""
    defined = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(table.types.get(name, "text"))) for name in columns
    )
    conn.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(side, table.name), defined))


def _listed(names: Sequence[str], prefix: str | None = None) -> sql.Composed:
    parts = [sql.Identifier(name) if prefix is None else sql.Identifier(prefix, name) for name in names]
    return sql.SQL(", ").join(parts)


def _compared(
    conn: Connection, schema: str, side: str, table: _Table, columns: Sequence[str], wanted: RowsWanted
) -> TableDifference:
    place, live = sql.Identifier(side, table.name), sql.Identifier(schema, table.name)
    chosen, key = _condition(table, columns, wanted), _listed(table.key)
    # A row that is chosen on one side is compared, whatever the other side says of it.
    others = sql.SQL(
        "DELETE FROM {side} WHERE NOT coalesce({chosen}, false)"
        " AND ({key}) NOT IN (SELECT {key} FROM {live} WHERE {chosen})"
    )
    try:
        conn.execute(others.format(side=place, chosen=chosen, key=key, live=live))
    except psycopg.DataError as error:
        raise InputError("ops.value", f"{table.name}: {error.diag.message_primary}") from error
    conn.execute(sql.SQL("ANALYZE {}").format(place))
    compared = [name for name in columns if name in table.types and name not in table.key]
    differing = sql.SQL(", ").join(
        sql.SQL("CASE WHEN b.{c}::text IS DISTINCT FROM l.{c}::text THEN {n} END").format(
            c=sql.Identifier(name), n=name
        )
        for name in compared
    )
    rows = sql.SQL(_DIFFERENCE).format(
        shown=sql.SQL(", ").join(sql.SQL("{}, {}::text").format(name, sql.Identifier(name)) for name in table.key),
        differing=differing,
        side=place,
        live=live,
        chosen=chosen,
        key=key,
    )
    unlike = sql.SQL("SELECT * FROM ({}) AS d WHERE found <> 'different' OR columns <> '{{}}'").format(rows)
    counts = dict(conn.execute(sql.SQL("SELECT found, count(*) FROM ({}) AS d GROUP BY 1").format(unlike)).fetchall())
    shown = conn.execute(sql.SQL("{} ORDER BY found, key LIMIT {}").format(unlike, _SHOWN)).fetchall()
    total = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(place)).fetchone()
    assert total is not None
    return TableDifference(
        table=table.name,
        in_backup=total[0],
        only_in_backup=counts.get("only_in_backup", 0),
        only_in_database=counts.get("only_in_database", 0),
        different=counts.get("different", 0),
        columns_only_in_backup=tuple(name for name in columns if name not in table.types),
        columns_only_now=tuple(name for name in table.types if name in table.writable and name not in columns),
        rows=tuple(RowDifference(key, found, tuple(differ)) for key, found, differ in shown),
    )


def _condition(table: _Table, columns: Sequence[str], wanted: RowsWanted) -> sql.Composable:
    """Values become literals of the column's type: never anything else of a statement."""
    parts: list[sql.Composable] = []
    for name, value in wanted.where:
        if name not in table.types or name not in columns:
            raise InputError("ops.no_column", f"{table.name} has no column {name} in the backup and in the database")
        parts.append(sql.SQL("{} = CAST({} AS {})").format(sql.Identifier(name), value, sql.SQL(table.types[name])))
    if wanted.keys:
        key, *others = table.key
        if others:
            named = " and ".join(table.key)
            raise InputError("ops.no_key", f"the key of {table.name} is {named}", "name each with --where")
        cast = sql.SQL("CAST({} AS {}[])").format(list(wanted.keys), sql.SQL(table.types[key]))
        parts.append(sql.SQL("{} = ANY ({})").format(sql.Identifier(key), cast))
    return sql.SQL(" AND ").join(parts) if parts else sql.SQL("true")


def _in_order(conn: Connection, schema: str, tables: Sequence[TableDifference]) -> list[str]:
    """What others refer to first."""
    names = {sql.Identifier(schema, one.table).as_string(): one.table for one in tables}
    regclasses = {
        row[1]: names[row[0]]
        for row in conn.execute("SELECT n, n::regclass::text FROM unnest(%s::text[]) AS n", (list(names),))
    }
    sorter = TopologicalSorter[str](dict.fromkeys(regclasses.values(), ()))
    for from_table, to_table in conn.execute(_SQL["references"].sql.encode(), {"tables": list(names)}):
        sorter.add(regclasses[from_table], regclasses[to_table])
    try:
        return list(sorter.static_order())
    except CycleError:
        return list(regclasses.values())


def _insert(conn: Connection, schema: str, side: str, table: _Table, *, fire: bool) -> int:
    live = sql.Identifier(schema, table.name)
    values = {"table": live.as_string()}
    there = [
        row[0]
        for row in conn.execute(_SQL["columns"].sql.encode(), {"table": sql.Identifier(side, table.name).as_string()})
    ]
    columns = [name for name in there if name in table.writable]
    silent = [] if fire else [row[0] for row in conn.execute(_SQL["triggers"].sql.encode(), values)]
    _switch(conn, live, silent, sql.SQL("DISABLE"))
    same = sql.SQL(" AND ").join(sql.SQL("l.{n} = b.{n}").format(n=sql.Identifier(name)) for name in table.key)
    inserted = conn.execute(
        sql.SQL(
            "INSERT INTO {live} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {side} AS b"
            " WHERE NOT EXISTS (SELECT FROM {live} AS l WHERE {same})"
        ).format(live=live, columns=_listed(columns), side=sql.Identifier(side, table.name), same=same)
    )
    _switch(conn, live, silent, sql.SQL("ENABLE"))
    return inserted.rowcount


def _switch(conn: Connection, live: sql.Identifier, triggers: Sequence[str], how: sql.SQL) -> None:
    for trigger in triggers:
        conn.execute(sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(live, how, sql.Identifier(trigger)))
