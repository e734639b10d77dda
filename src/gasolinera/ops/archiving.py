"""A partition's rows are written to a store, read back, and compared with the table before anything is dropped."""

import hashlib
from collections.abc import Generator, Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, LiteralString, cast

import msgspec
import psycopg
from psycopg import sql

from gasolinera.errors import ConflictError, InputError
from gasolinera.ops.archive_files import (
    FORMAT,
    SUFFIXES,
    Column,
    Compression,
    Content,
    Manifest,
    columns_of,
    compressed,
    corrupt,
    decompressed,
    rows_as_csv,
)
from gasolinera.ops.archive_stores import Store, open_store, read_object, write_object
from gasolinera.ops.archived_partitions import Archive

Connection = psycopg.Connection[Any]
_MOST_MANIFEST_BYTES: Final = 1 << 20


class Exported(msgspec.Struct, frozen=True):
    """`file` is its key in the store."""

    file: str
    manifest: Manifest
    manifest_sha256: str


class Restored(msgspec.Struct, frozen=True):
    """Where an archive's rows are now."""

    archive: int
    schema: str
    table: str
    rows: int


def export(
    conn: Connection, archive: Archive, store: Store, *, key_column: str | None, compression: Compression = "zstd"
) -> Exported:
    """Stream the detached table to the store, and then its manifest. `conn` is the owner's.

    The names have the archive's number and moment, so that an attempt of before is replaced and nobody else's file is:
    another installation, or one that was made anew, counts its archives from 1 as well and may have the same place.
    """
    name = f"{archive.partition_name}-{archive.id}-{archive.begun_at.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    key = f"{archive.service}/{archive.table_name}/{name}"
    columns = columns_of(conn, archive.partition_oid)
    content = Content()
    with closing(rows_as_csv(conn, archive.schema_name, archive.partition_name, columns)) as rows:
        written = write_object(store, key + SUFFIXES[compression], compressed(rows, compression, content))
    manifest = Manifest(
        service=archive.service,
        schema=archive.schema_name,
        table=archive.table_name,
        partition=archive.partition_name,
        key_column=key_column,
        lower=archive.lower_bound,
        upper=archive.upper_bound,
        columns=columns,
        rows=content.rows,
        content_bytes=content.bytes,
        content_sha256=content.sha256,
        file=key + SUFFIXES[compression],
        file_bytes=written.size_bytes,
        file_sha256=written.sha256,
        compression=compression,
        schema_version=_schema_version(conn, archive.schema_name),
        server_version=str(conn.info.server_version),
        reason=archive.reason,
        made_at=datetime.now(UTC),
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    return Exported(manifest.file, manifest, write_object(store, manifest_key(manifest.file), [text]).sha256)


def manifest_key(file: str) -> str:
    """The name of the manifest beside a file."""
    stem = next((file.removesuffix(suffix) for suffix in SUFFIXES.values() if file.endswith(suffix)), file)
    return f"{stem}.manifest.json"


def read_manifest(store: Store, archive: Archive) -> Manifest:
    """Raises InputError `ops.archive_corrupt`, UnknownError `ops.archive_missing`."""
    assert archive.file is not None, "what was exported has a file"
    text = b""
    with closing(read_object(store, manifest_key(archive.file))) as chunks:
        for chunk in chunks:
            text += chunk
            if len(text) > _MOST_MANIFEST_BYTES:
                raise corrupt("the manifest is longer than any")
    if hashlib.sha256(text).hexdigest() != archive.manifest_sha256:
        raise corrupt(f"the manifest of archive {archive.id} is not what was written")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise corrupt(f"the manifest of archive {archive.id} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise InputError("ops.archive_format", f"archive {archive.id} has format {manifest.format}, this is {FORMAT}")
    return manifest


def verify(archive: Archive, store: Store | None = None) -> Manifest:
    """Read an archive back wholly. Raises InputError `ops.archive_corrupt`, UnknownError `ops.archive_missing`."""
    store = store or store_of(archive)
    manifest = read_manifest(store, archive)
    content, file = Content(), _Hashing()
    with closing(read_object(store, manifest.file)) as chunks:
        for piece in decompressed(file.passing(chunks), manifest.compression):
            content.add(piece)
    _require_same(archive, manifest, content, file)
    return manifest


def require_same_rows(conn: Connection, archive: Archive, manifest: Manifest) -> None:
    """Raises ConflictError `ops.archive_differs` where the table is not what its archive is."""
    content = Content()
    with closing(rows_as_csv(conn, archive.schema_name, archive.partition_name, manifest.columns)) as rows:
        for chunk in rows:
            content.add(chunk)
    if (content.rows, content.sha256) != (manifest.rows, manifest.content_sha256):
        raise ConflictError(
            "ops.archive_differs",
            f"{archive.schema_name}.{archive.partition_name} has {content.rows} rows, its archive {manifest.rows}, "
            "and they are not the same",
            "somebody writes to the detached table; it is exported anew by the next run",
        )


def store_of(archive: Archive) -> Store:
    """Raises ConflictError `ops.archive_without_file` for one that has none: dropped by its rule, or not so far yet."""
    if archive.location is None:
        message = f"archive {archive.id} of {archive.partition_name} has no file: its rule says {archive.action}"
        raise ConflictError("ops.archive_without_file", message)
    return open_store(archive.location)


def restore(conn: Connection, archive: Archive, schema: str, table: str) -> Restored:
    """Load an archive into a table of its own in a side schema, in one transaction. `conn` is the service's owner's.

    Nothing of the service is touched: the table has the columns and their types, and no constraint but NOT NULL. A
    corrupt file leaves nothing. Raises what `verify` does, and ConflictError `ops.restore_exists`.
    """
    if schema.startswith("pg_") or schema in (archive.schema_name, "public"):
        message = f"{schema} is no side schema: programs look for their tables there"
        raise InputError("ops.restore_schema", message, "name one that only you look at")
    store = store_of(archive)
    manifest = read_manifest(store, archive)
    place = sql.Identifier(schema, table)
    content, file = Content(), _Hashing()
    with conn.transaction():
        conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        _make_side_table(conn, manifest.columns, schema, table)
        copy_in = sql.SQL("COPY {} FROM STDIN (FORMAT csv, HEADER, ENCODING 'UTF8')").format(place)
        _read_plainly(conn)
        try:
            with (
                closing(read_object(store, manifest.file)) as chunks,
                conn.cursor() as cursor,
                cursor.copy(copy_in) as copy,
            ):
                for piece in decompressed(file.passing(chunks), manifest.compression):
                    content.add(piece)
                    copy.write(piece)
            _require_same(archive, manifest, content, file)
        except psycopg.errors.DataError as error:
            raise corrupt(f"archive {archive.id} does not fit its own columns: {error.diag.message_primary}") from error
        counted = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(place)).fetchone()
        assert counted is not None
        if counted[0] != manifest.rows:
            raise corrupt(f"archive {archive.id} gave {counted[0]} rows, its manifest says {manifest.rows}")
        said = f"Rows of archive {archive.id}, {archive.schema_name}.{archive.partition_name}. Drop it when done."
        conn.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(place, sql.Literal(said)))
    return Restored(archive.id, schema, table, manifest.rows)


def _make_side_table(conn: Connection, columns: tuple[Column, ...], schema: str, table: str) -> None:
    # The types are as PostgreSQL wrote them into a manifest whose digest our own catalogue has.
    parts = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(column.name),
            sql.SQL(cast("LiteralString", column.type)),
            sql.SQL(" NOT NULL" if column.is_required else ""),
        )
        for column in columns
    ]
    try:
        conn.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(schema, table), sql.SQL(", ").join(parts)))
    except psycopg.errors.DuplicateTable as error:
        message = f"{schema}.{table} is there already"
        raise ConflictError("ops.restore_exists", message, "drop it, or name another with --table") from error


def _read_plainly(conn: Connection) -> None:
    for setting, value in (("timezone", "UTC"), ("datestyle", "ISO, YMD"), ("intervalstyle", "postgres")):
        conn.execute("SELECT set_config(%s, %s, true)", (setting, value))


class _Hashing:
    """The digest and size of a file that goes by."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.bytes = 0

    def passing(self, chunks: Iterable[bytes]) -> Generator[bytes]:
        for chunk in chunks:
            self._sha256.update(chunk)
            self.bytes += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def _require_same(archive: Archive, manifest: Manifest, content: Content, file: _Hashing) -> None:
    if (file.bytes, file.sha256) != (manifest.file_bytes, manifest.file_sha256):
        raise corrupt(f"the file of archive {archive.id} is not what was written ({file.bytes} bytes)")
    if (content.rows, content.sha256) != (manifest.rows, manifest.content_sha256):
        raise corrupt(f"the rows of archive {archive.id} are not what was written ({content.rows} rows)")


def _schema_version(conn: Connection, schema: str) -> str | None:
    """The newest migration that its history has; None without a history."""
    history = sql.Identifier(schema, "flyway_schema_history")
    try:
        with conn.transaction():
            row = conn.execute(
                sql.SQL(
                    "SELECT version FROM {} WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1"
                ).format(history)
            ).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return None
    return None if row is None else str(row[0])
