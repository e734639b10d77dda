"""How a history begins: the schemas, the table, and the row that says so or that marks a baseline, as Flyway's."""

from collections.abc import Sequence
from threading import Event

from psycopg import errors, sql

from vuelo import history
from vuelo.errors import VueloError
from vuelo.history import Connection, HistoryTable, NewRow
from vuelo.migration import RowType
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
        own = () if table.schema in settings.schemas else (table.schema,)  # which may have a place among the others
        schemas = tuple(dict.fromkeys((*own, *settings.schemas)))
        made: list[str] = []
        if settings.create_schemas:
            made = [schema for schema in schemas if _create_schema(conn, schema, wait_s)]
        elif not history.schema_exists(conn, table.schema):
            hint = "make it, or let vuelo do so with create_schemas = true"
            raise VueloError("schema.missing", f"there is no schema {table.schema} for the history", hint)
        history.lock_in_transaction(conn, table, wait_s, stop)
        if history.exists(conn, table):
            return False
        filled = [schema for schema in schemas if schema not in made and not is_empty(conn, schema)]
        if filled and not (baseline or settings.baseline_on_migrate or settings.skip_executing_migrations):
            raise _not_empty(filled, table)
        for statement in history.table_ddl(table, settings.tablespace):
            conn.execute(statement)
        if baseline or (filled and settings.baseline_on_migrate):
            history.insert(conn, table, baseline_row(settings))
        if made:
            history.insert(conn, table, _creation_row(made, settings))
        return True


def baseline_row(settings: Settings) -> NewRow:
    """Description and script are the same, and there is no checksum, as in Flyway's."""
    description = settings.baseline_description
    version = settings.baseline_version.replace("_", ".")
    return NewRow(version, description, RowType.BASELINE, description, None, installed_by=settings.installed_by)


def is_empty(conn: Connection, schema: str) -> bool:
    """What counts for Flyway counts, and tables of every kind; what belongs to an extension does not."""
    found = conn.execute(
        """WITH object (oid, namespace) AS (
               SELECT oid, relnamespace FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'S', 'p', 'm', 'f')
               UNION ALL
               SELECT oid, typnamespace FROM pg_catalog.pg_type WHERE typcategory NOT IN ('A', 'C')
               UNION ALL
               SELECT oid, pronamespace FROM pg_catalog.pg_proc)
           SELECT FROM object JOIN pg_catalog.pg_namespace AS n ON n.oid = object.namespace
            WHERE n.nspname = %s
              AND object.oid NOT IN (SELECT objid FROM pg_catalog.pg_depend WHERE deptype = 'e')
            LIMIT 1""",
        (schema,),
    ).fetchone()
    return found is None


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
            conn.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    except (errors.DuplicateSchema, errors.UniqueViolation):
        return False
    return True


def _creation_row(made: Sequence[str], settings: Settings) -> NewRow:
    """`clean` drops the schemas that it names."""
    script = ",".join(f'"{schema}"' for schema in made)
    return NewRow(
        None, "<< Flyway Schema Creation >>", RowType.SCHEMA, script, None, installed_by=settings.installed_by
    )
