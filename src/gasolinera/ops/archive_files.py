"""An archive is one compressed CSV file of a partition's rows and a manifest that says what is in it."""

import hashlib
import zlib
from collections.abc import Generator, Iterable
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import psycopg
from backports import zstd
from psycopg import sql

from gasolinera.errors import InputError
from gasolinera.ops.partition_tables import ask

Connection = psycopg.Connection[Any]
Compression = Literal["zstd", "gzip"]
SUFFIXES: Final[dict[Compression, str]] = {"zstd": ".csv.zst", "gzip": ".csv.gz"}
_GZIP_WINDOW: Final = 31
_CHUNK_BYTES: Final = 1 << 20
FORMAT: Final = 1


class Column(msgspec.Struct, frozen=True):
    """`type` as PostgreSQL writes it."""

    name: str
    type: str
    is_required: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`content_sha256` is of the CSV before it was compressed, `file_sha256` of the file. Bounds: None has no end."""

    format: int = FORMAT
    service: str
    schema: str
    table: str
    partition: str
    key_column: str | None
    lower: datetime | None
    upper: datetime | None
    columns: tuple[Column, ...]
    rows: int
    content_bytes: int
    content_sha256: str
    file: str
    file_bytes: int
    file_sha256: str
    compression: Compression
    schema_version: str | None
    server_version: str
    reason: str
    made_at: datetime


class Content:
    """What went by: rows, bytes and digest of a CSV with a heading, chunk by chunk.

    A line break inside quotes ends no row; a doubled quote ends and begins quotes at once, so it needs no care.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._lines = 0
        self._is_quoted = False
        self.bytes = 0

    def add(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self.bytes += len(chunk)
        for number, piece in enumerate(chunk.split(b'"')):
            if number:
                self._is_quoted = not self._is_quoted
            if not self._is_quoted:
                self._lines += piece.count(b"\n")

    @property
    def rows(self) -> int:
        return max(self._lines - 1, 0)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def columns_of(conn: Connection, oid: int) -> tuple[Column, ...]:
    """Generated ones among them: what they were is kept as a value."""
    return tuple(ask(conn, "columns_of_table", Column, oid=oid))


def rows_as_csv(conn: Connection, schema: str, table: str, columns: Iterable[Column]) -> Generator[bytes]:
    """In the order in which they lie, so that a table that nobody changes always gives the same bytes.

    Opens a transaction unless there is one, so that what it sets for itself ends with it.
    """
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    query = sql.SQL("COPY (SELECT {} FROM ONLY {}) TO STDOUT (FORMAT csv, HEADER, ENCODING 'UTF8')")
    with conn.transaction(), conn.cursor() as cursor:
        for setting, value in _PLAIN_SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, true)", (setting, value))
        with cursor.copy(query.format(names, sql.Identifier(schema, table))) as copy:
            for chunk in copy:
                yield bytes(chunk)


# What changes the text of a value, the order of rows, or which rows are seen.
_PLAIN_SETTINGS: Final = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "synchronize_seqscans": "off",
    "max_parallel_workers_per_gather": "0",
    "row_security": "off",
}


def compressed(chunks: Iterable[bytes], compression: Compression, content: Content) -> Generator[bytes]:
    """Small pieces are put together; `content` learns what went in."""
    squeeze = zstd.ZstdCompressor() if compression == "zstd" else zlib.compressobj(wbits=_GZIP_WINDOW)
    waiting = bytearray()
    for chunk in chunks:
        content.add(chunk)
        waiting += squeeze.compress(chunk)
        if len(waiting) >= _CHUNK_BYTES:
            yield bytes(waiting)
            waiting.clear()
    waiting += squeeze.flush()
    yield bytes(waiting)


def decompressed(chunks: Iterable[bytes], compression: Compression) -> Generator[bytes]:
    """Raises InputError `ops.archive_corrupt` where the file is not whole or not what it says."""
    try:
        if compression == "zstd":
            yield from _unpacked_zstd(chunks)
        else:
            yield from _unpacked_gzip(chunks)
    except (zstd.ZstdError, zlib.error, EOFError) as error:
        raise corrupt(f"the file cannot be decompressed: {error}") from error


def _unpacked_zstd(chunks: Iterable[bytes]) -> Generator[bytes]:
    unpack = zstd.ZstdDecompressor()
    for chunk in chunks:
        given = chunk
        while True:  # a small file may become a large one: never more than a chunk of it at a time
            piece = unpack.decompress(given, _CHUNK_BYTES)
            if piece:
                yield piece
            if unpack.eof or unpack.needs_input:
                break
            given = b""
    if not unpack.eof:
        raise EOFError("it ends too early")
    if unpack.unused_data:
        raise EOFError("there is more after its end")


def _unpacked_gzip(chunks: Iterable[bytes]) -> Generator[bytes]:
    unpack = zlib.decompressobj(wbits=_GZIP_WINDOW)
    for chunk in chunks:
        given = chunk
        while given:
            piece = unpack.decompress(given, _CHUNK_BYTES)
            if piece:
                yield piece
            given = unpack.unconsumed_tail
    if not unpack.eof:
        raise EOFError("it ends too early")
    if unpack.unused_data:
        raise EOFError("there is more after its end")


def corrupt(what: str) -> InputError:
    return InputError(
        "ops.archive_corrupt", what, "look for another copy of the file, in the store's older versions say"
    )
