"""The alert that no database can keep: that of the database in which alerts are kept.

A file on this machine stands for its row. Whoever makes the file tells of the outage, whoever removes it tells of its
end: the system lets only one of several processes do either.
"""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gasolinera.ops.alerting import Kind, Notice, fingerprint_of
from gasolinera.ops.alerting_notices import Receiver, Told, tell
from gasolinera.ops.checking import Unit

_CHECK: Final = "reachable"


def mark_of(place: str) -> Path:
    """In the folder that systemd keeps for a unit, or the one for temporary files."""
    folder = os.environ.get("STATE_DIRECTORY", "").split(":")[0] or tempfile.gettempdir()
    return Path(folder) / f"gasolinera-outage-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def tell_outage(receiver: Receiver, mark: Path, *, remind_after_s: float) -> Told | None:
    """None: it is known already. When the telling fails the file goes, so that the next run tells."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        kind: Kind = "firing"
    except FileExistsError:
        told_at = _changed_at(mark)
        if told_at is None or time.time() - told_at < remind_after_s:
            return None
        kind = "reminder"
        mark.touch()
    told = tell(receiver, [_notice(receiver, kind, datetime.now(UTC))])
    if not told.is_good:
        mark.unlink(missing_ok=True)
    return told


def tell_end_of_outage(receiver: Receiver, mark: Path) -> Told | None:
    """None: there was none. The end is told once; who missed it sees it in `ops alerts list`."""
    began = _changed_at(mark)
    if began is None:
        return None
    try:
        mark.unlink()
    except FileNotFoundError:
        return None
    return tell(receiver, [_notice(receiver, "resolved", datetime.fromtimestamp(began, UTC))])


def _changed_at(mark: Path) -> float | None:
    with suppress(FileNotFoundError):
        return mark.stat().st_mtime
    return None


def _notice(receiver: Receiver, kind: Kind, since: datetime) -> Notice:
    return Notice(
        id=int(since.timestamp()),
        kind=kind,
        fingerprint=fingerprint_of(_CHECK),
        check_name=_CHECK,
        severity="CRITICAL",
        objects=(receiver.place,),
        amount=None,
        unit=str(Unit.NONE),
        first_seen_at=since,
        resolved_at=datetime.now(UTC) if kind == "resolved" else None,
        told_count=0,
    )
