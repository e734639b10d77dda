"""Where archives lie: a folder, or a bucket of an S3-compatible store.

A store's address and keys come from the variables that its other tools take: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ALLOW_HTTP=true for one without TLS.
"""

import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gasolinera.errors import InputError, UnavailableError, UnknownError

_CHUNK_BYTES: Final = 1 << 20
_S3: Final = "s3"


class Store(msgspec.Struct, frozen=True):
    """One of `folder` and `bucket`."""

    location: str
    folder: Path | None
    bucket: S3Store | None


class Written(msgspec.Struct, frozen=True):
    size_bytes: int
    sha256: str


def open_store(location: str) -> Store:
    """A path, or s3://BUCKET/PREFIX. Nothing is looked at yet. Raises InputError `ops.archive_location`."""
    parts = urlsplit(location)
    if parts.scheme == _S3 and parts.netloc:
        try:
            bucket = S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
            )
        except BaseError as error:
            raise InputError("ops.archive_location", f"{location}: {_first_line(error)}") from error
        return Store(location, None, bucket)
    if parts.scheme not in ("", "file") or not location:
        raise InputError(
            "ops.archive_location", f"{location!r} is no place for archives", "a folder, or s3://BUCKET/PREFIX"
        )
    folder = Path(parts.path if parts.scheme == "file" else location).absolute()
    return Store(str(folder), folder, None)


def write_object(store: Store, key: str, chunks: Iterable[bytes]) -> Written:
    """Whole or not at all: who reads `key` never finds half of it. An older one of that name is replaced.

    Raises UnavailableError `ops.archive_store`; what `chunks` raises goes on.
    """
    digest, counted = hashlib.sha256(), [0]

    def counting() -> Generator[bytes]:
        for chunk in chunks:
            digest.update(chunk)
            counted[0] += len(chunk)
            yield chunk

    if store.folder is not None:
        _write_file(store.folder, key, counting())
    else:
        _put(store, key, counting())
    return Written(counted[0], digest.hexdigest())


def read_object(store: Store, key: str) -> Generator[bytes]:
    """Raises UnknownError `ops.archive_missing`, UnavailableError `ops.archive_store`."""
    try:
        if store.folder is not None:
            with (store.folder / key).open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
            return
        assert store.bucket is not None
        for chunk in obstore.get(store.bucket, key).stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
    except FileNotFoundError as error:
        hint = "was it removed, or is the place another than it was?"
        raise UnknownError("ops.archive_missing", f"{store.location} has no {key}", hint) from error
    except (OSError, BaseError) as error:
        raise _trouble(store, error) from error


def _put(store: Store, key: str, chunks: Iterable[bytes]) -> None:
    assert store.bucket is not None
    failures: list[BaseException] = []

    def remembering() -> Generator[bytes]:
        # The client tells of trouble with what it reads from in its own words; the caller wants the cause.
        try:
            yield from chunks
        except BaseException as error:
            failures.append(error)
            raise

    try:
        obstore.put(store.bucket, key, remembering())
    except Exception as error:
        if failures:
            raise failures[0] from error
        if isinstance(error, BaseError | OSError):
            raise _trouble(store, error) from error
        raise


def _write_file(root: Path, key: str, chunks: Iterable[bytes]) -> None:
    path = root / key
    partial = path.with_name(f"{path.name}.partial")
    try:
        new = [folder for folder in path.parents if not folder.exists()]
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Rows have personal data: for the owner alone.
        with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        # A new folder whose name is not on the disk yet takes the file along when the power fails.
        for folder in {one for one in path.parents if one.is_relative_to(root)} | {one.parent for one in new}:
            _sync_folder(folder)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        what = f"{error.filename or path}: {error.strerror or error}"
        raise UnavailableError(
            "ops.archive_store", f"cannot write an archive: {what}", "make room, then run it again"
        ) from error
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _trouble(store: Store, error: BaseException) -> UnavailableError:
    hint = "check the address, the keys and the bucket (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …); then run it again"
    return UnavailableError("ops.archive_store", f"{store.location}: {_first_line(error)}", hint)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
