"""Old backups go by the catalogue's rules, and with base backups the part of the log that no other needs."""

from datetime import datetime

import msgspec

from gasolinera.ops import backup_files, catalogue
from gasolinera.ops.catalogue import PHYSICAL, Kind, Retention
from gasolinera.ops.physical_backups import expire_log
from gasolinera.ops.reaching import Operations, ops_session
from gasolinera.ops.runs import recorded_run


class Expired(msgspec.Struct, frozen=True):
    label: str
    kind: Kind
    started_at: datetime
    size_bytes: int | None


def expire_backups(
    operations: Operations, retention: Retention, *, now: datetime, dry_run: bool = False
) -> list[Expired]:
    """Remove what may go, files first: a killed run leaves rows whose files are gone, which the next one removes too.

    Only backups whose files lie on this host are known to be gone. Raises ConflictError `ops.running`, OSError.
    """
    with ops_session(operations.ops_url) as conn:
        if dry_run:
            return [_expired(one) for one in catalogue.expirable(catalogue.backups(conn), retention, now)]
        with recorded_run(conn, "backup expire") as run:
            gone = catalogue.expirable(catalogue.backups(conn), retention, now)
            for one in gone:
                backup_files.remove_backup(one.path)
                catalogue.record_removal(conn, one.id)
            log = [
                name
                for folder in sorted({one.path.parent for one in gone if one.kind in PHYSICAL})
                for name in expire_log(folder)
            ]
            run.result = {"removed": [one.label for one in gone], "log_segments": len(log)}
        return [_expired(one) for one in gone]


def _expired(one: catalogue.Backup) -> Expired:
    return Expired(one.label, one.kind, one.started_at, one.size_bytes)
