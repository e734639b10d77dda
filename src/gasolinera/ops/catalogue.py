"""The catalogue of backups in `ops_schema`: what there is, what became of it, and which may go.

Sessions are in autocommit with the role ops. A backup is begun, then finished or failed; one that a killed process
left begun is failed by the next of its kind and services.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from gasolinera.database import load_queries
from gasolinera.errors import UnknownError

Connection = psycopg.Connection[Any]

_SQL: Final = load_queries("gasolinera.ops", "catalogue.sql")
_MOST_ERROR: Final = 2000
_SAFETY: Final = "-before"  # how labels of safety backups end


class Kind(StrEnum):
    SCHEMA = "SCHEMA"
    SERVICE = "SERVICE"
    BASE = "BASE"
    INCREMENTAL = "INCREMENTAL"


LOGICAL: Final = (Kind.SCHEMA, Kind.SERVICE)
PHYSICAL: Final = (Kind.BASE, Kind.INCREMENTAL)


class Engine(StrEnum):
    PG_DUMP = "PG_DUMP"
    PG_BASEBACKUP = "PG_BASEBACKUP"
    PGBACKREST = "PGBACKREST"


class NewBackup(msgspec.Struct, frozen=True, kw_only=True):
    """`location` is where it will lie when it is whole; `parent_id` the backup that an incremental one builds on."""

    label: str
    kind: Kind
    engine: Engine
    services: tuple[str, ...]
    location: str
    server_version: str
    system_identifier: str | None = None
    parent_id: int | None = None
    encryption: str | None = None


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup turned out to be. `contents` by service, or of the whole server under its kind's own names."""

    size_bytes: int
    contents: dict[str, Any]
    manifest_sha256: str | None = None


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the catalogue. `is_intact` is the answer of the newest verification; None: nobody has asked."""

    id: int
    label: str
    kind: Kind
    engine: Engine
    services: tuple[str, ...]
    location: str
    parent_id: int | None
    started_at: datetime
    finished_at: datetime | None
    succeeded: bool
    error: str | None
    size_bytes: int | None
    server_version: str
    system_identifier: str | None
    contents: dict[str, Any]
    encryption: str | None
    manifest_sha256: str | None
    verified_at: datetime | None
    is_intact: bool | None
    removed_at: datetime | None

    @property
    def is_good(self) -> bool:
        return self.succeeded and self.is_intact is not False and self.removed_at is None

    @property
    def path(self) -> Path:
        return Path(self.location)


class Retention(msgspec.Struct, frozen=True):
    """What is kept: the newest `keep` chains of each sort, and everything that is younger than `days`."""

    keep: int
    days: int


class NewRestoreTest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a restore to a scratch server; `recovery_s` is how long it took until it could be asked."""

    backup_id: int
    started_at: datetime
    succeeded: bool
    recovery_point: datetime | None = None
    recovery_s: float | None = None
    report: dict[str, Any] = {}
    error: str | None = None


def new_label(kind: Kind, services: Sequence[str], now: datetime | None = None, *, is_safety: bool = False) -> str:
    """Such as `20261123T170512.204Z-service-auth`: labels sort by time, and no two processes make the same."""
    at = (now or datetime.now(UTC)).astimezone(UTC)
    what = services[0] if len(services) == 1 else f"{len(services)}-services"
    ending = _SAFETY if is_safety else ""
    return f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03}Z-{kind.lower()}-{what}{ending}"


def begin(conn: Connection, new: NewBackup) -> int:
    """Also fails those of its kind and services that were begun and never ended: the caller holds their lock."""
    values = msgspec.to_builtins(new) | {"services": list(new.services)}
    conn.execute(_SQL["fail_abandoned"].sql.encode(), values)
    row = conn.execute(_SQL["begin"].sql.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def finish(conn: Connection, backup_id: int, made: Made) -> None:
    conn.execute(
        _SQL["finish"].sql.encode(),
        {
            "id": backup_id,
            "size_bytes": made.size_bytes,
            "contents": Jsonb(made.contents),
            "manifest_sha256": made.manifest_sha256,
        },
    )


def fail(conn: Connection, backup_id: int, error: str) -> None:
    conn.execute(_SQL["fail"].sql.encode(), {"id": backup_id, "error": error[:_MOST_ERROR]})


@contextmanager
def recorded_backup(conn: Connection, new: NewBackup) -> Generator[int]:
    """Gives the row's id; the body calls `finish`. What it raises is written down as the backup's error and goes on."""
    backup_id = begin(conn, new)
    try:
        yield backup_id
    except BaseException as error:
        if not conn.broken:
            fail(conn, backup_id, str(error) or type(error).__name__)
        raise


def backups(
    conn: Connection,
    *,
    kinds: Sequence[Kind] = tuple(Kind),
    service: str | None = None,
    with_removed: bool = False,
) -> list[Backup]:
    """The newest first. `service`: those that have it in them."""
    values = {"kinds": list(kinds), "service": service, "with_removed": with_removed}
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["backups"].sql.encode(), values).fetchall()
    return [msgspec.convert(row, Backup) for row in rows]


def backup_of(conn: Connection, label: str) -> Backup:
    """Raises UnknownError `ops.backup_unknown`."""
    found = next((one for one in backups(conn, with_removed=True) if one.label == label), None)
    if found is None:
        raise UnknownError("ops.backup_unknown", f"no backup {label}", "gasolinera ops backup list names them")
    return found


def newest_good(conn: Connection, *, kinds: Sequence[Kind], service: str | None = None) -> Backup | None:
    """Of those that ended well and that no verification has found damaged.

    None that was made before something was replaced: it holds what somebody wanted to be rid of.
    """
    found = backups(conn, kinds=kinds, service=service)
    return next((one for one in found if one.is_good and not one.label.endswith(_SAFETY)), None)


def chain_of(conn: Connection, backup: Backup) -> list[Backup]:
    """The backups that must be there to restore this one, the full one first, itself last."""
    by_id = {one.id: one for one in backups(conn, with_removed=True)}
    chain = [backup]
    while (parent := chain[0].parent_id) is not None:
        chain.insert(0, by_id[parent])
    return chain


def record_verification(conn: Connection, backup_id: int, *, is_intact: bool) -> None:
    conn.execute(_SQL["record_verification"].sql.encode(), {"id": backup_id, "is_intact": is_intact})


def record_removal(conn: Connection, backup_id: int) -> None:
    conn.execute(_SQL["record_removal"].sql.encode(), {"id": backup_id})


def record_restore_test(conn: Connection, test: NewRestoreTest) -> int:
    values = msgspec.structs.asdict(test) | {
        "report": Jsonb(test.report),
        "error": None if test.error is None else test.error[:_MOST_ERROR],
    }
    row = conn.execute(_SQL["record_restore_test"].sql.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def expirable(found: Sequence[Backup], retention: Retention, now: datetime) -> list[Backup]:
    """Which backups may go, those that others build on last. Pure.

    A chain goes as a whole: its age is that of its newest member. Of each sort (kind, engine, services, and whether it
    was made before something was replaced) the newest `keep` good chains stay, and always one; where none is good, the
    newest that was made at all: a bad one may be all there is to bring back. What failed goes when it is old enough;
    what still runs does not.
    Those of pgBackRest are its own to expire.
    """
    ours = [one for one in found if one.engine is not Engine.PGBACKREST and one.removed_at is None]
    limit = now - timedelta(days=retention.days)
    gone: list[Backup] = []
    kept_of: dict[tuple[Kind, Engine, tuple[str, ...], bool], int] = {}
    chains = sorted(_chains(ours), key=lambda chain: chain[-1].started_at, reverse=True)
    well = {_sort(chain[0]) for chain in chains if chain[0].is_good}
    for chain in chains:
        full, sort = chain[0], _sort(chain[0])
        if full.succeeded and sort not in well:
            well.add(sort)
        elif full.is_good and kept_of.get(sort, 0) < max(retention.keep, 1):
            kept_of[sort] = kept_of.get(sort, 0) + 1
        elif all(one.finished_at is not None or one.started_at < limit for one in chain) and (
            max(one.started_at for one in chain) < limit
        ):
            gone += reversed(chain)
    return gone


def _sort(full: Backup) -> tuple[Kind, Engine, tuple[str, ...], bool]:
    """What was made before something was replaced is no substitute for a backup that somebody wanted."""
    return full.kind, full.engine, tuple(sorted(full.services)), full.label.endswith(_SAFETY)


def _chains(found: Sequence[Backup]) -> list[list[Backup]]:
    """Each full backup with everything that builds on it, by age; one whose parent is not there stands for itself."""
    by_id = {one.id: one for one in found}

    def root(one: Backup) -> int:
        while one.parent_id is not None and one.parent_id in by_id:
            one = by_id[one.parent_id]
        return one.id

    chains: dict[int, list[Backup]] = {}
    for one in sorted(found, key=lambda one: (one.started_at, one.id)):
        chains.setdefault(root(one), []).append(one)
    return list(chains.values())
