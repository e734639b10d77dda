"""Logical backups of services: their schemas alone, or everything in them, by pg_dump.

Services that share a database are dumped from one exported snapshot, so they are of one moment. Unencrypted dumps are
folders that are written and read in parallel; encrypted ones are streams, so that nothing readable touches the disk.
"""

import os
import re
import subprocess
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

import vuelo
from gasolinera.database import load_queries
from gasolinera.errors import GasolineraError, UnavailableError
from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.backup_files import DumpedService, DumpedTable, Manifest
from gasolinera.ops.catalogue import Engine, Kind, Made, NewBackup
from gasolinera.ops.encryption import SUFFIX, Encryption, encrypt_to_file
from gasolinera.ops.programs import (
    Program,
    Started,
    environment_for,
    find_program,
    has_zstd,
    rest_of_address,
    run_program,
    running_program,
)
from gasolinera.ops.reaching import Operations, ops_session, owner_session
from gasolinera.ops.runs import recorded_run
from vuelo import history
from vuelo.history import HistoryTable
from vuelo.states import History

Connection = psycopg.Connection[Any]
Watch = Callable[[str], None]

_SQL: Final = load_queries("gasolinera.ops", "dumping.sql")
_LOCK_WAIT: Final = "60s"
_RESTRICT_KEY: Final = "gasolinera"
_RESTRICT_LINE: Final = re.compile(r"^\\(un)?restrict .*\n", re.MULTILINE)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to dump, where to, and how. `jobs`: connections at once, of the server and of this machine's processors.

    `is_safety`: of what is about to be replaced; no restore takes it unasked.
    """

    kind: Kind
    services: tuple[str, ...]
    folder: Path
    jobs: int = 2
    encryption: Encryption | None = None
    is_safety: bool = False


class MadeBackup(msgspec.Struct, frozen=True):
    id: int
    location: Path
    manifest: Manifest
    size_bytes: int


class _About(msgspec.Struct, frozen=True):
    version: str
    system_identifier: str | None
    database: str
    is_standby: bool
    major: int


class _Snapshot(msgspec.Struct, frozen=True):
    snapshot: str
    lsn: str
    consistent_at: datetime


class _Source(msgspec.Struct, frozen=True):
    """A service, its server, and the snapshot of its database."""

    service: vuelo.Service
    about: _About
    snapshot: _Snapshot


def back_up(operations: Operations, wanted: Wanted, watch: Watch = lambda text: None) -> MadeBackup:
    """Make a backup of services, on record in the catalogue.

    Raises ProgramError, GasolineraError `ops.folder`, ConflictError `ops.running`, psycopg.Error; then nothing of it
    stays but the catalogue's row with the reason.
    """
    chosen = operations.project.only(list(wanted.services)).services
    services = [one for one in operations.project.services if one in chosen]  # in one order, whichever was said
    names = tuple(one.name for one in services)
    command, scope = f"backup {wanted.kind.lower()}", ",".join(names)
    with ops_session(operations.ops_url) as ops, recorded_run(ops, command, scope) as run:
        abouts = {service.name: _about(service) for service in services}
        first = abouts[services[0].name]
        label = catalogue.new_label(wanted.kind, names, is_safety=wanted.is_safety)
        location = wanted.folder.absolute() / label  # who asks for it may stand in another folder
        new = NewBackup(
            label=label,
            kind=wanted.kind,
            engine=Engine.PG_DUMP,
            services=names,
            location=str(location),
            server_version=first.version,
            system_identifier=first.system_identifier,
            encryption=None if wanted.encryption is None else wanted.encryption.name,
        )
        with catalogue.recorded_backup(ops, new) as backup_id:
            with backup_files.staged(location) as staging:
                staging.mkdir(mode=0o700)
                manifest = _dumped(services, abouts, wanted, new, staging, watch)
                digest = backup_files.write_manifest(staging, manifest)
                size = sum(file.size for file in manifest.files)
            contents = {one.name: _summary(one) for one in manifest.services}
            catalogue.finish(ops, backup_id, Made(size_bytes=size, contents=contents, manifest_sha256=digest))
        run.result = {"label": label, "size_bytes": size, "rows": sum(one.rows for one in manifest.services)}
    return MadeBackup(backup_id, location, manifest, size)


def _summary(one: DumpedService) -> dict[str, Any]:
    return {
        "version": one.version,
        "schema": one.schema,
        "lsn": one.lsn,
        "consistent_at": one.consistent_at.isoformat(),
        "tables": len(one.tables),
        "rows": one.rows,
    }


def _about(service: vuelo.Service) -> _About:
    """Raises UnavailableError `ops.standby`: a standby exports no snapshot."""
    with owner_session(service) as conn, conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_SQL["about_server"].sql.encode()).fetchone()
        assert row is not None
        about = msgspec.convert(row | {"major": conn.info.server_version // 10_000}, _About)
    if about.is_standby:
        hint = "name the primary's address, or make a base backup of the standby"
        raise UnavailableError("ops.standby", f"{service.name} is reached at a standby", hint)
    return about


def _dumped(
    services: Sequence[vuelo.Service],
    abouts: dict[str, _About],
    wanted: Wanted,
    new: NewBackup,
    staging: Path,
    watch: Watch,
) -> Manifest:
    program = find_program("pg_dump", max(about.major for about in abouts.values()))
    compression = "zstd" if has_zstd(program) else "gzip"
    started_at = datetime.now(UTC)
    with _snapshots(services, abouts) as snapshots:
        sources = [_Source(one, abouts[one.name], snapshots[one.name]) for one in services]
        one_snapshot = len(set(snapshots.values())) == 1  # two servers may give the same name to theirs
        counting: list[Connection] = []
        with ThreadPoolExecutor(max_workers=1) as pool, _ended_early(pool, lambda: _cancel(counting)):
            # While pg_dump writes, and in the same snapshot.
            found = [pool.submit(_described, source, wanted.kind, counting) for source in sources]
            dumps = _dump_all(program, list(zip(sources, found, strict=True)), wanted, compression, staging, watch)
            described = [_with_dump(future, dump) for future, dump in zip(found, dumps, strict=True)]
    return Manifest(
        label=new.label,
        kind=new.kind,
        engine=new.engine,
        started_at=started_at,
        server_version=new.server_version,
        client_major=program.major,
        system_identifier=new.system_identifier,
        compression=compression if wanted.kind is Kind.SERVICE else "none",
        encryption=new.encryption,
        has_one_snapshot=one_snapshot,
        services=tuple(described),
        files=backup_files.files_in(staging),
    )


@contextmanager
def _ended_early(pool: ThreadPoolExecutor, end: Callable[[], None]) -> Generator[None]:
    """What goes wrong, Ctrl-C too, must not wait for hours of work that nobody wants any more."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        end()
        raise


def _cancel(connections: Sequence[Connection]) -> None:
    for conn in connections:
        if not conn.closed:
            with suppress(psycopg.Error):
                conn.cancel_safe(timeout=5)


def _with_dump(future: "Future[DumpedService]", dump: str) -> DumpedService:
    return msgspec.structs.replace(future.result(), dump=dump)


@contextmanager
def _snapshots(services: Sequence[vuelo.Service], abouts: dict[str, _About]) -> Generator[dict[str, _Snapshot]]:
    """By service; those that share a database share one. They hold until the block is left."""
    held: dict[tuple[str, str], _Snapshot] = {}
    by_service: dict[str, _Snapshot] = {}
    with ExitStack() as stack:
        for service in services:
            about = abouts[service.name]
            key = (about.system_identifier or service.url, about.database)
            if key not in held:
                conn = stack.enter_context(owner_session(service))
                stack.enter_context(_patient_transaction(conn))
                with conn.cursor(row_factory=dict_row) as cursor:
                    row = cursor.execute(_SQL["export_snapshot"].sql.encode()).fetchone()
                held[key] = msgspec.convert(row, _Snapshot)
            by_service[service.name] = held[key]
        yield by_service


@contextmanager
def _patient_transaction(conn: Connection) -> Generator[None]:
    """Reads of one moment for as long as it takes, whatever the role's limits are."""
    limits = ["statement_timeout", "idle_in_transaction_session_timeout"]
    if conn.info.server_version >= 170000:
        limits.append("transaction_timeout")
    for limit in limits:
        conn.execute(sql.SQL("SET {} = 0").format(sql.Identifier(limit)))
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    yield
    if not conn.broken:
        conn.execute("COMMIT")


def _described(source: _Source, kind: Kind, counting: list[Connection]) -> DumpedService:
    """Version and rows as the dump has them: in its snapshot. The session is added to `counting`."""
    service = source.service
    with owner_session(service) as conn, _patient_transaction(conn):
        counting.append(conn)
        conn.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(source.snapshot.snapshot))
        return DumpedService(
            name=service.name,
            schema=service.schema,
            database=source.about.database,
            version=standing_version(conn, service),
            lsn=source.snapshot.lsn,
            consistent_at=source.snapshot.consistent_at,
            dump="",
            tables=tuple(counted_tables(conn, service.schema)) if kind is Kind.SERVICE else (),
        )


def standing_version(conn: Connection, service: vuelo.Service) -> str | None:
    """The highest version that was applied and not taken back."""
    table = HistoryTable(service.schema, service.table)
    if not history.exists(conn, table):
        return None
    rows = History.of(history.rows(conn, table)).standing
    highest = max((row.version for row in rows if row.version is not None), default=None)
    return None if highest is None else str(highest)


def counted_tables(conn: Connection, schema: str) -> list[DumpedTable]:
    """Every table of a schema that holds rows and that the session may read, by name. Reads all of it."""
    found = [(name, part_of) for name, part_of, may_read in _tables(conn, schema) if may_read]
    if not found:
        return []
    counts = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} AS name, count(*) AS rows FROM {}").format(name, sql.Identifier(schema, name))
        for name, _ in found
    )
    rows = dict(conn.execute(counts).fetchall())
    return [DumpedTable(name, rows[name], part_of) for name, part_of in found]


def closed_tables(conn: Connection, schema: str) -> list[str]:
    """Those that the session may not read, because somebody else than the schema's owner made them."""
    return [name for name, _, may_read in _tables(conn, schema) if not may_read]


def _tables(conn: Connection, schema: str) -> list[tuple[str, str | None, bool]]:
    return conn.execute(_SQL["tables"].sql.encode(), {"schema": schema}).fetchall()


def _dump_all(
    program: Program,
    sources: Sequence[tuple[_Source, "Future[DumpedService]"]],
    wanted: Wanted,
    compression: str,
    staging: Path,
    watch: Watch,
) -> list[str]:
    """Where each dump lies, relative to the backup's folder."""
    processes: list[subprocess.Popen[bytes]] = []

    def end() -> None:
        for process in processes:
            process.kill()  # nothing happens to one that has ended

    def one(of: tuple[_Source, "Future[DumpedService]"]) -> str:
        source, described = of
        watch(source.service.name)
        if wanted.kind is Kind.SCHEMA:
            return _dump_schema(program, source, described.result().version, wanted, staging, processes.append)
        if wanted.encryption is None:
            return _dump_to_folder(program, source, wanted, compression, staging, processes.append)
        return _dump_encrypted(program, source, wanted.encryption, compression, staging, processes.append)

    # A folder is written by several processes; a stream by one, so several services go side by side.
    workers = wanted.jobs if wanted.encryption is not None or wanted.kind is Kind.SCHEMA else 1
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(sources)))) as pool, _ended_early(pool, end):
        return list(pool.map(one, sources))


def _arguments(source: _Source) -> list[str]:
    service = source.service
    role = [] if service.role is None else [f"--role={service.role}"]
    return [
        f"--dbname={rest_of_address(service.url)}",
        f'--schema="{service.schema}"',
        f"--snapshot={source.snapshot.snapshot}",
        f"--lock-wait-timeout={_LOCK_WAIT}",
        "--no-password",
        *role,
    ]


def _dump_to_folder(
    program: Program, source: _Source, wanted: Wanted, compression: str, staging: Path, started: Started
) -> str:
    name = source.service.name
    arguments = [*_arguments(source), "--format=directory", f"--file={staging / name}", f"--jobs={wanted.jobs}"]
    # Without a method's name clients before 16 take a level alone: theirs is gzip.
    arguments += ["--compress=zstd"] if compression == "zstd" else []
    run_program(program, arguments, environment_for(source.service.url), started=started)
    return name


def _dump_encrypted(
    program: Program, source: _Source, encryption: Encryption, compression: str, staging: Path, started: Started
) -> str:
    name = f"{source.service.name}.dump{SUFFIX}"
    arguments = [*_arguments(source), "--format=custom", *(["--compress=zstd"] if compression == "zstd" else [])]
    with running_program(program, arguments, environment_for(source.service.url), started=started) as process:
        _encrypt_output(process.stdout, staging / name, encryption)
    return name


def _encrypt_output(output: Any, target: Path, encryption: Encryption) -> None:
    try:
        encrypt_to_file(cast("BufferedIOBase", output), target, encryption)
    except OSError as error:
        message = f"{target.name} cannot be written: {error.strerror or error}"
        raise GasolineraError("ops.not_written", message, "make room on the disk, then start again") from error


def _dump_schema(
    program: Program, source: _Source, version: str | None, wanted: Wanted, staging: Path, started: Started
) -> str:
    """As SQL that is the same when the schema is: without the random key of each dump."""
    service = source.service
    has_key = "--restrict-key" in run_program(program, ["--help"], dict(os.environ))
    arguments = [*_arguments(source), "--schema-only", *([f"--restrict-key={_RESTRICT_KEY}"] if has_key else [])]
    text = run_program(program, arguments, environment_for(service.url), started=started)
    head = f"-- Service {service.name}, schema {service.schema}, version {version or 'none'}.\n"
    script = (head + _RESTRICT_LINE.sub("", text)).encode()
    if wanted.encryption is not None:
        name = f"{service.name}.sql{SUFFIX}"
        _encrypt_output(BytesIO(script), staging / name, wanted.encryption)
        return name
    name = f"{service.name}.sql"
    with (staging / name).open("xb") as file:
        file.write(script)
        file.flush()
        os.fsync(file.fileno())
    return name
