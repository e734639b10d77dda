"""Old backups go by the catalogue's rules, and with base backups the part of the log that no other needs."""

from datetime import datetime

import msgspec

from gasolinera.errors import ConfigError
from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.catalogue import PHYSICAL, Kind, Retention
from gasolinera.ops.physical_backups import expire_log
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run


class Expired(msgspec.Struct, frozen=True):
    """`unseen`: why it was left alone though it may go: nobody can say from here that its files are gone."""

    label: str
    kind: Kind
    started_at: datetime
    size_bytes: int | None
    unseen: str | None = None


def expire_backups(
    operations: Operations, retention: Retention, *, now: datetime, dry_run: bool = False
) -> list[Expired]:
    """Remove what may go, files first: a killed run leaves rows whose files are gone, which the next one removes too.

    What lies on another host or a disk that is not mounted stays on record. Raises ConflictError `ops.running`,
    OSError.
    """
    with ops_session(operations.ops_url) as conn:
        if dry_run:
            return [_expired(one) for one in catalogue.expirable(catalogue.backups(conn), retention, now)]
        with recorded_run(conn, "backup expire") as run:
            found = catalogue.expirable(catalogue.backups(conn), retention, now)
            told = [_expired(one) for one in found]
            gone = [one for one, expired in zip(found, told, strict=True) if expired.unseen is None]
            for one in gone:
                backup_files.remove_backup(one.path)
                catalogue.record_removal(conn, one.id)
            log = [
                name
                for folder in sorted({one.path.parent for one in gone if one.kind in PHYSICAL})
                for name in expire_log(folder)
            ]
            unseen = [one.label for one in told if one.unseen is not None]
            run.outcome = "WARNING" if unseen else "OK"
            run.result = {"removed": [one.label for one in gone], "unseen": unseen, "log_segments": len(log)}
        return told


def _expired(one: catalogue.Backup) -> Expired:
    unseen = None
    if one.succeeded:  # another one has no files
        try:
            backup_files.require_seen(one.path)
        except ConfigError as error:
            unseen = error.message
    return Expired(one.label, one.kind, one.started_at, one.size_bytes, unseen)
