"""A service from a backup: in place of what is there, in one transaction, or into another database.

In place the old schema goes and the one of the backup comes in the same transaction, which ends only when every table
has the rows that the backup's manifest counts. Whatever fails leaves the old schema as it was.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

import vuelo
from gasolinera.database import load_queries
from gasolinera.errors import ConflictError, GasolineraError, UnavailableError
from gasolinera.ops import roles
from gasolinera.ops.backup_files import DumpedService, DumpedTable
from gasolinera.ops.dump_archives import Archive, reading
from gasolinera.ops.dumping import closed_tables, counted_tables, standing_version
from gasolinera.ops.programs import (
    Program,
    ProgramError,
    environment_for,
    rest_of_address,
    running_program,
    send,
)
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run
from vuelo import VueloError

Connection = psycopg.Connection[Any]
Watch = Callable[[str], None]

_SQL: Final = load_queries("gasolinera.ops", "restoring.sql")
_BLOCK_BYTES: Final = 1 << 20
# What a client of that version sets in the head of each script, and an older server does not know.
_FIRST_WITH_LIMIT: Final = 17
_LIMIT: Final = b"SET transaction_timeout = 0;\n"
_COUNTED: Final = """DO $check$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(format('%s has %s rows instead of %s', name, restored, counted), ', ') INTO wrong
      FROM (VALUES
{}
      ) AS tables (name, counted, restored)
     WHERE restored <> counted;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'the dump is not what its manifest says: %', wrong;
    END IF;
END
$check$;
COMMIT;
"""


class TableRows(msgspec.Struct, frozen=True):
    """None: the table is not there."""

    name: str
    now: int | None
    in_backup: int | None


class RestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore in place would replace. `dependents` stand in its way; `closed` are tables of somebody else."""

    service: str
    schema: str
    database: str
    backup: str
    consistent_at: datetime
    version_now: str | None
    version_in_backup: str | None
    tables: tuple[TableRows, ...]
    closed: tuple[str, ...]
    dependents: tuple[str, ...]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`pending` are migrations that are newer than the backup; `problems` what `vuelo validate` finds."""

    service: str
    database: str
    version: str | None
    rows: int
    consistent_at: datetime
    kept_as: str | None = None
    pending: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def plan_restore(operations: Operations, name: str, archive: Archive) -> RestorePlan:
    """Reads and counts the service's tables, and changes nothing. Raises InputError `ops.not_in_backup`."""
    service, dump = operations.service(name), archive.manifest.service(name)
    with owner_session(service) as conn:
        there = _has_schema(conn, service.schema)
        now = {one.name: one.rows for one in counted_tables(conn, service.schema)} if there else {}
        then = {one.name: one.rows for one in dump.tables}
        return RestorePlan(
            service=name,
            schema=service.schema,
            database=conn.info.dbname,
            backup=archive.manifest.label,
            consistent_at=dump.consistent_at,
            version_now=standing_version(conn, service),
            version_in_backup=dump.version,
            tables=tuple(
                TableRows(table, now.get(table), then.get(table)) for table in sorted(now.keys() | then.keys())
            ),
            closed=tuple(closed_tables(conn, service.schema)),
            dependents=tuple(_dependents(conn, service.schema)),
        )


def restore_in_place(
    operations: Operations,
    name: str,
    archive: Archive,
    *,
    keep_old: bool = False,
    lock_timeout_s: float = 10,
    analyze: bool = True,
) -> Restored:
    """Replace a service's schema by the backup's, all or nothing; with `keep_old` the old one gets another name.

    Locks every table of the service until it is done; nobody else's. Raises ConflictError `ops.depended_on`,
    `ops.running`, UnavailableError `ops.in_use` where sessions do not let go within `lock_timeout_s`, ProgramError,
    DecryptionError.
    """
    service, dump = operations.service(name), archive.manifest.service(name)
    with ops_session(operations.ops_url) as ops, recorded_run(ops, "restore service", name) as run:
        with owner_session(service) as conn:
            dependents = _dependents(conn, service.schema)
            if dependents and not keep_old:
                hint = "they belong to nobody here: drop them, or restore to another database"
                raise ConflictError("ops.depended_on", f"{', '.join(dependents)} would be dropped too", hint)
            there = _has_schema(conn, service.schema)
            database = conn.info.dbname
        kept_as = f"{service.schema}_until_{datetime.now(UTC):%Y%m%d_%H%M%S}" if keep_old and there else None
        _replace(service, archive, dump, _beginning(service, kept_as, lock_timeout_s))
        if analyze:
            analyze_schema(service)
        restored = _looked_at(operations.project.only([name]), name, dump, database, kept_as)
        run.outcome = "WARNING" if restored.problems else "OK"
        run.result = {
            "backup": archive.manifest.label, "version": dump.version, "rows": dump.rows, "kept_as": kept_as
        }  # fmt: skip
    return restored


def _replace(service: vuelo.Service, archive: Archive, dump: DumpedService, beginning: str) -> None:
    with owner_session(service) as conn:
        major = conn.info.server_version // 10_000
    try:
        _play(service, archive, dump, beginning, major)
    except ProgramError as error:
        if "lock timeout" in error.message:
            hint = "stop what uses it, or wait: gasolinera ops locks shows who holds what"
            raise UnavailableError("ops.in_use", f"{service.schema} is in use", hint) from error
        raise


def _play(service: vuelo.Service, archive: Archive, dump: DumpedService, beginning: str, major: int) -> None:
    """The dump as a script, in the transaction that `beginning` begins; committed when every table has its rows."""
    restorer, client = archive.program("pg_restore", major), archive.program("psql", major)
    arguments = [
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--set=ON_ERROR_STOP=1",
        "--set=SHOW_CONTEXT=never",
        "--output=/dev/null",
        "--file=-",
        f"--dbname={rest_of_address(service.url)}",
    ]
    environment = environment_for(service.url)
    with running_program(client, arguments, environment, stdin=subprocess.PIPE) as session:
        send(session, beginning.encode())
        with reading(archive, dump, restorer, ["--file=-", "--no-owner"], environment) as script:
            block = script.read(_BLOCK_BYTES)
            if _sets_too_much(restorer, major):
                block = block.replace(_LIMIT, b"", 1)
            while block:
                send(session, block)
                block = script.read(_BLOCK_BYTES)
        # Only now: a script that broke off must not be committed.
        send(session, _ending(dump).encode())


def _sets_too_much(restorer: Program, major: int) -> bool:
    return restorer.major >= _FIRST_WITH_LIMIT > major


def _beginning(service: vuelo.Service, kept_as: str | None, lock_timeout_s: float) -> str:
    schema = sql.Identifier(service.schema)
    change = (
        sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema)
        if kept_as is None
        else sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(schema, sql.Identifier(kept_as))
    )
    timeout = sql.SQL("SET LOCAL lock_timeout = {}").format(f"{round(lock_timeout_s * 1000)}ms")
    return _transaction(service, timeout, change)


def _transaction(service: vuelo.Service, *changes: sql.Composable) -> str:
    role = [] if service.role is None else [sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(service.role))]
    statements = [
        sql.SQL("SET client_min_messages = warning"),
        sql.SQL("SET statement_timeout = 0"),
        sql.SQL("SET idle_in_transaction_session_timeout = 0"),
        sql.SQL("BEGIN"),
        *role,
        *changes,
    ]
    return sql.SQL("").join(one + sql.SQL(";\n") for one in statements).as_string()


def _ending(dump: DumpedService) -> str:
    """A dump whose rows are not those that were counted when it was made is not committed."""
    counts = [
        sql.SQL("    ({table}, {rows}, (SELECT count(*) FROM {name}))").format(
            table=table.name, rows=table.rows, name=sql.Identifier(dump.schema, table.name)
        )
        for table in dump.tables
    ]
    if not counts:
        return "COMMIT;\n"
    return sql.SQL(_COUNTED).format(sql.SQL(",\n").join(counts)).as_string()


def restore_elsewhere(
    project: vuelo.Project,
    names: Sequence[str],
    archive: Archive,
    url: str,
    *,
    jobs: int = 2,
    analyze: bool = True,
    watch: Watch = lambda name: None,
) -> list[Restored]:
    """Services into the database at `url`, which has none of their schemas yet; makes the roles and sets their rights.

    What was begun is taken away when it fails. Raises ConflictError `ops.schema_exists`, ProgramError,
    DecryptionError, VueloError.
    """
    dumps = [archive.manifest.service(name) for name in names]
    there = replace(project, services=tuple(replace(one, url=url) for one in project.only(list(names)).services))
    roles.initialise(there)
    restored: list[Restored] = []
    for dump, service in zip(dumps, there.services, strict=True):
        watch(dump.name)
        with owner_session(service) as conn:
            if _has_schema(conn, service.schema):
                message = f"there is a {service.schema} already in the database {conn.info.dbname}"
                raise ConflictError("ops.schema_exists", message, "name an empty database")
            major, database = conn.info.server_version // 10_000, conn.info.dbname
        try:
            _fill(service, archive, dump, major, jobs)
            _refuse_other_rows(service, dump)
        except BaseException:
            with owner_session(service) as conn:
                conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(service.schema)))
            raise
        if analyze:
            analyze_schema(service)
        restored.append(_looked_at(there.only([dump.name]), dump.name, dump, database, None))
    return restored


def _fill(service: vuelo.Service, archive: Archive, dump: DumpedService, major: int, jobs: int) -> None:
    restorer = archive.program("pg_restore", major)
    if _sets_too_much(restorer, major):  # only of a script can that be left out
        _play(service, archive, dump, _transaction(service), major)
        return
    is_folder = (archive.folder / dump.dump).is_dir()
    role = [] if service.role is None else [f"--role={service.role}"]
    arguments = [
        f"--dbname={rest_of_address(service.url)}", "--no-owner", "--exit-on-error", "--no-password", *role,
        f"--jobs={jobs}" if is_folder else "--single-transaction",
    ]  # fmt: skip
    with reading(archive, dump, restorer, arguments, environment_for(service.url)) as said:
        said.read()


def _refuse_other_rows(service: vuelo.Service, dump: DumpedService) -> None:
    with owner_session(service) as conn:
        found = {one.name: one.rows for one in counted_tables(conn, service.schema)}
    wrong = [_counted(table, found.get(table.name)) for table in dump.tables if found.get(table.name) != table.rows]
    if wrong:
        raise GasolineraError("ops.rows_differ", f"the dump is not what its manifest says: {', '.join(wrong)}")


def _counted(table: DumpedTable, found: int | None) -> str:
    return f"{table.name} has {found} rows instead of {table.rows}"


def _looked_at(project: vuelo.Project, name: str, dump: DumpedService, database: str, kept_as: str | None) -> Restored:
    plan = vuelo.info(project)[name]
    return Restored(
        service=name,
        database=database,
        version=None if plan.current_version is None else str(plan.current_version),
        rows=dump.rows,
        consistent_at=dump.consistent_at,
        kept_as=kept_as,
        pending=tuple(script.script for script in (*plan.pending, *plan.kept_back)),
        problems=tuple(f"{problem.code}: {problem.message}" for problem in plan.problems if problem.blocks),
    )


def analyze_schema(service: vuelo.Service) -> None:
    """A restored schema has no statistics: until the planner has some, queries may be slow."""
    with owner_session(service) as conn:
        tables = [row[0] for row in conn.execute(_SQL["analyzable"].sql.encode(), {"schema": service.schema})]
        if tables:
            names = sql.SQL(", ").join(sql.Identifier(service.schema, table) for table in tables)
            conn.execute(sql.SQL("ANALYZE {}").format(names))


def make_database(url: str, name: str) -> tuple[str, bool]:
    """The address of another database of the same server, and whether it was made now.

    Raises VueloError `connect.failed`; GasolineraError `ops.no_database` where the role may not make one.
    """
    target = make_conninfo(url, dbname=name)
    try:
        with psycopg.connect(url, autocommit=True, application_name="gasolinera-ops") as conn:
            if conn.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None:
                return target, False
            conn.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege as error:
        hint = f"have somebody make the database {name}, owned by the role of the address"
        raise GasolineraError("ops.no_database", f"the database {name} cannot be made: {error}", hint) from error
    except psycopg.OperationalError as error:
        raise VueloError("connect.failed", f"cannot connect: {str(error).strip()}") from error
    return target, True


def drop_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True, application_name="gasolinera-ops") as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def _has_schema(conn: Connection, schema: str) -> bool:
    row = conn.execute(_SQL["schema_exists"].sql.encode(), {"schema": schema}).fetchone()
    assert row is not None
    return bool(row[0])


def _dependents(conn: Connection, schema: str) -> list[str]:
    return [row[0] for row in conn.execute(_SQL["dependents"].sql.encode(), {"schema": schema})]
