"""Searching the log: by time, and by whom, from where or in which request; newest first."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from gasolinera.auth import queries_administration as queries
from gasolinera.auth.models_administration import AuditEntry, AuditFilter, AuditPosition, OwnAuditEntry
from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.paging import Page, page_of

MAX_RANGE: Final = timedelta(days=31)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = (datetime(2100, 1, 1, tzinfo=UTC), 2**63 - 1)


def chosen_range(
    since: datetime | None, until: datetime | None, *, is_narrow: bool, now: datetime
) -> tuple[datetime, datetime]:
    """A day where nothing is said. Only the log of a user or a request is read over more than 31 days.

    Raises InputError `audit.range`.
    """
    if not all(_is_sane(time) for time in (since, until) if time is not None):
        raise InputError("audit.range", "this is no time of the log", "write it as in 2026-11-20T18:00:00Z")
    end = until or now + timedelta(minutes=1)
    start = since or end - (timedelta(days=366) if is_narrow else timedelta(days=1))
    if not start < end:
        raise InputError("audit.range", "the range of time ends before it begins", "give since before until")
    if end - start > MAX_RANGE and not is_narrow:
        hint = f"ask for {MAX_RANGE.days} days at most, or name a user or a request"
        raise InputError("audit.range", "the range of time is too long", hint)
    return start, end


def _is_sane(time: datetime) -> bool:
    """With an offset, and of a year that every part of the way can compute with."""
    return time.tzinfo is not None and 2000 <= time.year < 2100


async def search(conn: Connection, wanted: AuditFilter, *, after: AuditPosition | None, limit: int) -> Page[AuditEntry]:
    found = await queries.search_audit(conn, wanted, before=before_of(after), limit=limit + 1)
    return page_of(found, limit=limit, position=position_of)


async def list_own(conn: Connection, user_id: UUID, *, after: AuditPosition | None, limit: int) -> Page[OwnAuditEntry]:
    """Of the last year."""
    found = await queries.list_own_audit(conn, user_id, before=before_of(after), limit=limit + 1)
    return page_of(found, limit=limit, position=position_of)


def latest() -> tuple[datetime, int]:
    """Where a list begins that has no page before."""
    return _LATEST


def before_of(after: AuditPosition | None) -> tuple[datetime, int]:
    """Where a page begins."""
    return latest() if after is None else _moment_of(after)


def after_of(after: AuditPosition | None) -> tuple[datetime, int]:
    """Where a page begins that has the oldest first."""
    return (_EPOCH, 0) if after is None else _moment_of(after)


def _moment_of(position: AuditPosition) -> tuple[datetime, int]:
    return _EPOCH + timedelta(microseconds=position.at_us), position.id


def position_of(entry: AuditEntry | OwnAuditEntry) -> AuditPosition:
    return AuditPosition((entry.created_at - _EPOCH) // timedelta(microseconds=1), entry.id)
