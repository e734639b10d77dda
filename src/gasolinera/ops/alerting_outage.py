"""The alert that no database can keep: that of the database in which alerts are kept.

A file on this machine stands for its row. Whoever makes the file tells of the outage, whoever removes it tells of its
end: the system lets only one of several processes do either.
"""

import hashlib
import os
import stat
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
    """In a folder of the account's own: below the one that systemd keeps for a unit, or where its programs keep state.

    Not among temporary files, where anybody may lay a file of that name, and no outage would be told.
    """
    kept = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    state = os.environ.get("XDG_STATE_HOME", "")
    if kept:
        folder = Path(kept) / "alerts"
    elif Path(state).is_absolute():
        folder = Path(state) / "gasolinera" / "alerts"
    else:
        folder = _home() / ".local" / "state" / "gasolinera" / "alerts"
    return folder / f"outage-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def tell_outage(receiver: Receiver, mark: Path, *, remind_after_s: float) -> Told | None:
    """None: it is known already. When the telling fails the file goes, so that the next run tells.

    Where the folder is not ours alone, nothing is kept in it, and each run tells: too often is better than never.
    """
    now = datetime.now(UTC)
    if not _is_made_private(mark.parent):
        return tell(receiver, [_notice(receiver, "firing", now)])
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        kind: Kind = "firing"
    except FileExistsError:
        told_at = _changed_at(mark)
        if told_at is None or time.time() - told_at < remind_after_s:
            return None
        kind = "reminder"
        mark.touch()
    told = tell(receiver, [_notice(receiver, kind, now)])
    if not told.is_good:
        mark.unlink(missing_ok=True)
    return told


def tell_end_of_outage(receiver: Receiver, mark: Path) -> Told | None:
    """None: there was none. The end is told once; who missed it sees it in `ops alerts list`."""
    began = _changed_at(mark) if _is_private(mark.parent) else None
    if began is None:
        return None
    try:
        mark.unlink()
    except FileNotFoundError:
        return None
    return tell(receiver, [_notice(receiver, "resolved", datetime.fromtimestamp(began, UTC))])


def _home() -> Path:
    with suppress(RuntimeError):
        return Path.home()
    return Path(os.devnull)  # an account without one: nothing can be kept there


def _is_made_private(folder: Path) -> bool:
    with suppress(OSError):  # a home that cannot be written, a file in the way
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _is_private(folder)


def _is_private(folder: Path) -> bool:
    """A folder itself, no link to one, that nobody else owns or writes to."""
    with suppress(OSError):
        found = folder.lstat()
        is_closed = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) == 0
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and is_closed
    return False


def _changed_at(mark: Path) -> float | None:
    with suppress(FileNotFoundError):
        return mark.lstat().st_mtime
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
