"""The newest backup, restored to a server that nobody sees, and looked at: a backup counts when this went well.

The rows of each table are held against the manifest of a logical backup, whose counts are of the same moment; of a base
backup against the running database, which has gone on since: there a difference is allowed.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

import vuelo
from gasolinera.errors import GasolineraError, UnknownError
from gasolinera.ops import catalogue, data_quality
from gasolinera.ops.catalogue import PHYSICAL, Backup, Engine, Kind, NewRestoreTest
from gasolinera.ops.checking import Verdict
from gasolinera.ops.dump_archives import opened_archive
from gasolinera.ops.dumping import counted_tables
from gasolinera.ops.encryption import chosen_identities
from gasolinera.ops.pgbackrest_backups import restored_by_pgbackrest
from gasolinera.ops.programs import find_program
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.recovery import last_replayed, restored_server
from gasolinera.ops.recovery_planning import Target, plan_recovery
from gasolinera.ops.recovery_server import RecoveredServer
from gasolinera.ops.restoring import make_database, restore_elsewhere
from gasolinera.ops.runs import Outcome, recorded_run
from gasolinera.ops.scratch_folders import scratch_folder
from vuelo import VueloError, embedded

Connection = psycopg.Connection[Any]
Watch = Callable[[str], None]

_COUNTED_UP_TO: Final = 1_000_000  # rows; of a larger table of the running database the planner's estimate is taken
_FEW: Final = 1000
_SHOWN: Final = 20


class TableDifference(msgspec.Struct, frozen=True):
    """`expected`: as the running database has it now, about."""

    table: str
    restored: int | None
    expected: int


class ServiceTest(msgspec.Struct, frozen=True, kw_only=True):
    """`problems` make the backup a bad one; `findings` are of the data, whose trouble may be the running database's."""

    service: str
    version: str | None
    tables: int
    rows: int
    problems: tuple[str, ...]


class BackupTest(msgspec.Struct, frozen=True, kw_only=True):
    """`recovery_point`: what was committed later would be lost. `recovery_s`: until the restored server could be used;
    `lost_s`: how old the recovery point was when the test began.
    """

    label: str
    kind: Kind
    succeeded: bool
    recovery_point: datetime | None
    recovery_s: float | None
    lost_s: float | None
    took_s: float
    services: tuple[ServiceTest, ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    error: str | None = None


class Trying(msgspec.Struct, frozen=True, kw_only=True):
    """`label` None: the newest. `tolerance`: which share of a table's rows may have come or gone since the backup."""

    label: str | None = None
    scratch: Path | None = None
    tolerance: float = 0.05
    with_data_checks: bool = True


class _Looked(msgspec.Struct, frozen=True):
    services: tuple[ServiceTest, ...]
    findings: tuple[str, ...]
    recovery_point: datetime | None
    recovery_s: float
    notes: tuple[str, ...] = ()


def try_backup(operations: Operations, options: Trying, watch: Watch = lambda _: None) -> BackupTest:
    """What went wrong is in the answer, and on record; raised is only what keeps the test from beginning.

    Raises UnknownError `ops.no_backup`, `ops.backup_unknown`, ConflictError `ops.running`.
    """
    with ops_session(operations.ops_url) as conn, recorded_run(conn, "backup test") as run:
        backup = _chosen(conn, options.label)
        started_at, began = datetime.now(UTC), time.monotonic()
        looked, error = None, None
        try:
            tried = _try_physical if backup.kind in PHYSICAL else _try_logical
            looked = tried(operations, backup, options, watch)
        except (GasolineraError, VueloError, psycopg.Error, OSError) as problem:
            error = str(problem) or type(problem).__name__
        result = _result(backup, looked, error, started_at, time.monotonic() - began)
        report = msgspec.to_builtins(result)
        catalogue.record_restore_test(
            conn,
            NewRestoreTest(
                backup_id=backup.id,
                started_at=started_at,
                succeeded=result.succeeded,
                recovery_point=result.recovery_point,
                recovery_s=result.recovery_s,
                report=report,
                error=None if result.succeeded else (error or "; ".join(_problems(result.services))),
            ),
        )
        run.result = {"label": result.label, "succeeded": result.succeeded, "recovery_s": result.recovery_s}
        run.outcome = _outcome(result)
    return result


def _chosen(conn: Connection, label: str | None) -> Backup:
    """A base backup before a logical one: that is what a lost server is restored from."""
    if label is not None:
        said = catalogue.backup_of(conn, label)
        if not said.succeeded or said.removed_at is not None or said.kind is Kind.SCHEMA:
            why = "has no rows" if said.succeeded else "was not made"
            why = why if said.removed_at is None else "was removed"
            raise UnknownError("ops.no_backup", f"the backup {label} {why}", "gasolinera ops backup list")
        return said
    found = catalogue.newest_good(conn, kinds=PHYSICAL) or catalogue.newest_good(conn, kinds=(Kind.SERVICE,))
    if found is None:
        raise UnknownError("ops.no_backup", "there is no good backup", "gasolinera ops backup base, or backup service")
    return found


def _result(
    backup: Backup, looked: _Looked | None, error: str | None, started_at: datetime, took_s: float
) -> BackupTest:
    if looked is None:
        looked = _Looked((), (), None, 0.0)
    point = looked.recovery_point
    return BackupTest(
        label=backup.label,
        kind=backup.kind,
        succeeded=error is None and not _problems(looked.services),
        recovery_point=point,
        recovery_s=None if error is not None else round(looked.recovery_s, 3),
        lost_s=None if point is None else max((started_at - point).total_seconds(), 0.0),
        took_s=round(took_s, 3),
        services=looked.services,
        findings=looked.findings,
        notes=looked.notes,
        error=error,
    )


def _problems(services: Sequence[ServiceTest]) -> list[str]:
    return [f"{one.service}: {problem}" for one in services for problem in one.problems]


def _outcome(result: BackupTest) -> Outcome:
    if not result.succeeded:
        return "FAILED"
    return "WARNING" if result.findings else "OK"


def _try_physical(operations: Operations, backup: Backup, options: Trying, watch: Watch) -> _Looked:
    watch(f"restoring {backup.label} and the log after it")
    consistent_at = datetime.fromisoformat(backup.contents["server"]["consistent_at"])
    began = time.monotonic()
    with scratch_folder(options.scratch) as folder, _restored(backup, folder / "data") as server:
        recovery_s = time.monotonic() - began
        point = last_replayed(server) or consistent_at
        names = [one.name for one in operations.project.services if one.name in backup.services]
        if not names:  # that of `ops_schema` alone
            return _Looked((), (), point, recovery_s)
        live = operations.project.only(names)
        there = replace(live, services=tuple(replace(one, url=server.url(_database_of(one))) for one in live.services))
        tests: list[ServiceTest] = []
        notes: list[str] = []
        for service, running in zip(there.services, live.services, strict=True):
            watch(f"looking at {service.name}")
            expected, note = _running_rows(running)
            notes += [] if note is None else [note]
            tests.append(_look_at(there, service, expected, options.tolerance))
        findings = _findings(there, watch) if options.with_data_checks else ()
    return _Looked(tuple(tests), findings, point, recovery_s, tuple(notes))


@contextmanager
def _restored(backup: Backup, data: Path) -> Generator[RecoveredServer]:
    target = Target(kind="latest")
    if backup.engine is Engine.PGBACKREST:
        with restored_by_pgbackrest(backup, target, data) as server:
            yield server
    else:
        identities = chosen_identities()
        plan = plan_recovery(backup.path.parent, target, label=backup.label, identities=identities)
        with restored_server(plan, data, is_scratch=True, identities=identities) as (server, _):
            yield server


def _try_logical(operations: Operations, backup: Backup, options: Trying, watch: Watch) -> _Looked:
    archive = opened_archive(backup.path, chosen_identities(), manifest_sha256=backup.manifest_sha256)
    dumps = archive.manifest.services
    names = [one.name for one in dumps]
    bin_dir = find_program("postgres", archive.manifest.client_major, exactly=True).path.parent
    began = time.monotonic()
    with embedded.temporary(bin_dir=bin_dir) as server:
        url, _ = make_database(server.url(), "restored")
        watch(f"restoring {backup.label}")
        # It holds the rows of each table against the manifest's.
        restored = restore_elsewhere(operations.project, names, archive, url, analyze=False, watch=watch)
        recovery_s = time.monotonic() - began
        tests = tuple(
            ServiceTest(
                service=one.service, version=one.version, tables=len(dump.tables), rows=one.rows, problems=one.problems
            )
            for one, dump in zip(restored, dumps, strict=True)
        )
        live = operations.project.only(names)
        there = replace(live, services=tuple(replace(one, url=url) for one in live.services))
        findings = _findings(there, watch) if options.with_data_checks else ()
    return _Looked(tests, findings, min(one.consistent_at for one in dumps), recovery_s)


def _database_of(service: vuelo.Service) -> str:
    """The address need not say it: libpq has defaults, variables and service files."""
    said = conninfo_to_dict(service.url).get("dbname")
    if said is not None:
        return str(said)
    with psycopg.connect(service.url) as conn:
        return conn.info.dbname


def _running_rows(service: vuelo.Service) -> tuple[dict[str, int] | None, str | None]:
    """About how many rows each table has now; None, and why, where the running database cannot be asked."""
    try:
        with owner_session(service) as conn:
            estimates = conn.execute(
                """SELECT c.relname::text, c.reltuples::bigint
                     FROM pg_class AS c
                    WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'
                      AND has_table_privilege(c.oid, 'SELECT')""",
                (service.schema,),
            ).fetchall()
            return {
                str(name): int(rows) if rows > _COUNTED_UP_TO else _count(conn, service.schema, str(name))
                for name, rows in estimates
            }, None
    except psycopg.Error as error:
        return None, f"rows of {service.name} are not compared: {str(error).strip()}"


def _count(conn: Connection, schema: str, table: str) -> int:
    row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return int(row[0])


def _look_at(
    there: vuelo.Project, service: vuelo.Service, expected: dict[str, int] | None, tolerance: float
) -> ServiceTest:
    plan = vuelo.info(there.only([service.name]))[service.name]
    problems = [f"{problem.code}: {problem.message}" for problem in plan.problems if problem.blocks]
    with closing(psycopg.connect(service.url, autocommit=True)) as conn:
        tables = counted_tables(conn, service.schema)  # which also reads every page that has a row
    if expected is not None:
        found = {table.name: table.rows for table in tables}
        problems += [
            f"{one.table} has {one.restored} rows, the running database {one.expected}"
            for one in row_differences(found, expected, tolerance)
        ][:_SHOWN]
    return ServiceTest(
        service=service.name,
        version=None if plan.current_version is None else str(plan.current_version),
        tables=len(tables),
        rows=sum(table.rows for table in tables),
        problems=tuple(problems),
    )


def row_differences(found: dict[str, int], expected: dict[str, int], tolerance: float) -> list[TableDifference]:
    """Tables that differ by more than can have come or gone since: a share of the rows, and a few. Pure."""
    differences: list[TableDifference] = []
    for table, rows in sorted(expected.items()):
        restored = found.get(table)
        allowed = _FEW + rows * tolerance
        # A partition may have been made since then, or dropped; one that is missing with its rows was not.
        if abs((restored or 0) - rows) > allowed:
            differences.append(TableDifference(table, restored, rows))
    return differences


def _findings(there: vuelo.Project, watch: Watch) -> tuple[str, ...]:
    """Constraints that the server believes in are looked at too: files came back that it has not read. What could not
    be asked is a finding.
    """
    watch("checking the data")
    results = data_quality.run_data_checks(there, every_constraint=True)
    bad = [
        f"{result.name}: {finding.object} ({finding.amount:.0f})"
        for result in results
        for finding in result.findings
        if finding.verdict in (Verdict.WARNING, Verdict.CRITICAL)
    ]
    return (*bad, *(f"{one.name}: nobody knows ({one.reason})" for one in results if one.verdict is Verdict.SKIPPED))
