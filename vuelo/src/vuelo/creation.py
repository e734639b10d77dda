"""How a history begins: the schemas, the table, and the row that says so or that marks a baseline, as Flyway's."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Event

from psycopg import errors, sql

from vuelo import history, sidelog
from vuelo.errors import VueloError
from vuelo.history import Connection, HistoryTable, NewRow
from vuelo.migration import Applied, RowType
from vuelo.settings import Settings


def begin(
    conn: Connection, table: HistoryTable, settings: Settings, wait_s: float, stop: Event, *, baseline: bool = False
) -> bool:
    """Make what is missing of the schemas, and the table; says whether we made the table or another was quicker.

    The first row marks a baseline if `baseline` says so, or if something is in a schema and `baseline_on_migrate` is
    set; schemas that we made get Flyway's row. The schemas come first and the lock second, as in Flyway: the other way
    round, one that has made a schema would wait for our lock and we for the end of its transaction.
    Raises VueloError `migrate.not_empty` for a schema that somebody else has filled, `schema.missing`, `lock.timeout`.
    """
    with conn.transaction():
        schemas = _schemas(table, settings)
        made: list[str] = []
        if settings.create_schemas:
            made = [schema for schema in schemas if _create_schema(conn, schema, wait_s)]
        elif not history.schema_exists(conn, table.schema):
            raise _no_schema(table)
        history.lock_in_transaction(conn, table, wait_s, stop)
        if history.exists(conn, table):
            return False
        conn.execute(sql.SQL(";\n").join(_table_and_rows(conn, table, settings, made, baseline=baseline)))
        return True


def begin_sql(conn: Connection, table: HistoryTable, settings: Settings) -> list[sql.Composed]:
    """What `begin` would send as things stand. Raises VueloError `migrate.not_empty`, `schema.missing`."""
    missing = [schema for schema in _schemas(table, settings) if not history.schema_exists(conn, schema)]
    if table.schema in missing and not settings.create_schemas:
        raise _no_schema(table)
    made = missing if settings.create_schemas else []
    return [*map(_creation_of, made), *_table_and_rows(conn, table, settings, made, baseline=False)]


def assumed_rows(conn: Connection, table: HistoryTable, settings: Settings) -> list[Applied]:
    """What of `begin`'s rows decides about migrations, as if it had been there: the mark of a baseline."""
    filled = any(not is_empty(conn, schema, table) for schema in _schemas(table, settings))
    if not (filled and settings.baseline_on_migrate):
        return []
    row = baseline_row(settings)
    now = datetime.now()  # noqa: DTZ005  a history has no time zone
    return [Applied(1, row.version, row.description, row.type, row.script, None, "", now, 0, success=True)]


def _schemas(table: HistoryTable, settings: Settings) -> tuple[str, ...]:
    own = () if table.schema in settings.schemas else (table.schema,)  # which may have a place among the others
    return tuple(dict.fromkeys((*own, *settings.schemas)))


def _table_and_rows(
    conn: Connection, table: HistoryTable, settings: Settings, made: Sequence[str], *, baseline: bool
) -> Iterator[sql.Composed]:
    others = (schema for schema in _schemas(table, settings) if schema not in made)
    filled = [schema for schema in others if not is_empty(conn, schema, table)]
    if filled and not (baseline or settings.baseline_on_migrate or settings.skip_executing_migrations):
        raise _not_empty(filled, table)
    yield from history.table_ddl(table, settings.tablespace)
    if history.exists(conn, sidelog.table_beside(table)):  # left by a history that was dropped: its ranks mean others
        yield sql.SQL("DELETE FROM {}").format(sidelog.table_beside(table).identifier)
    if baseline or (filled and settings.baseline_on_migrate):
        yield history.insert_sql(table, baseline_row(settings))
    if made:
        yield history.insert_sql(table, _creation_row(made, settings))


def baseline_row(settings: Settings) -> NewRow:
    """Description and script are the same, and there is no checksum, as in Flyway's."""
    description = settings.baseline_description
    version = settings.baseline_version.replace("_", ".")
    return NewRow(version, description, RowType.BASELINE, description, None, installed_by=settings.installed_by)


def is_empty(conn: Connection, schema: str, table: HistoryTable) -> bool:
    """What counts for Flyway counts, and tables of every kind; what belongs to an extension does not, nor does our log,
    which may have outlived a history.
    """
    log = sidelog.table_beside(table).name if schema == table.schema else ""
    found = conn.execute(
        """WITH object (oid, namespace) AS (
               SELECT oid, relnamespace FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'S', 'p', 'm', 'f')
               UNION ALL
               SELECT oid, typnamespace FROM pg_catalog.pg_type WHERE typcategory NOT IN ('A', 'C')
               UNION ALL
               SELECT oid, pronamespace FROM pg_catalog.pg_proc)
           SELECT FROM object JOIN pg_catalog.pg_namespace AS n ON n.oid = object.namespace
            WHERE n.nspname = %(schema)s
              AND object.oid NOT IN (SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
              AND object.oid NOT IN (SELECT oid FROM pg_catalog.pg_class
                                      WHERE relnamespace = n.oid AND relname = ANY (%(log)s))
            LIMIT 1""",
        {"schema": schema, "log": [log, f"{log}_id_seq"]},
    ).fetchone()
    return found is None


def _no_schema(table: HistoryTable) -> VueloError:
    hint = "make it, or let vuelo do so with create_schemas = true"
    return VueloError("schema.missing", f"there is no schema {table.schema} for the history", hint)


def _creation_of(schema: str) -> sql.Composed:
    return sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))


def _not_empty(filled: Sequence[str], table: HistoryTable) -> VueloError:
    named = f"schema {filled[0]} is" if len(filled) == 1 else f"schemas {', '.join(filled)} are"
    return VueloError(
        "migrate.not_empty",
        f"the {named} not empty and {table.schema} has no history {table.name}",
        "if its history has another name, say so with `table`; else vuelo baseline begins one, and "
        "baseline_on_migrate = true lets migrate do so",
    )


def _create_schema(conn: Connection, schema: str, wait_s: float) -> bool:
    """Says whether we made it. Waits for another runner that is about to."""
    if history.schema_exists(conn, schema):
        return False
    try:
        with conn.transaction():
            conn.execute("SELECT set_config('lock_timeout', %s, true)", (f"{max(1, round(wait_s * 1000))}ms",))
            conn.execute(_creation_of(schema))
    except (errors.DuplicateSchema, errors.UniqueViolation):
        return False
    return True


def _creation_row(made: Sequence[str], settings: Settings) -> NewRow:
    """`clean` drops the schemas that it names."""
    script = ",".join(f'"{schema}"' for schema in made)
    return NewRow(
        None, "<< Flyway Schema Creation >>", RowType.SCHEMA, script, None, installed_by=settings.installed_by
    )
