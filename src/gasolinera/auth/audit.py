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
    found = await queries.search_audit(conn, wanted, before=_before(after), limit=limit + 1)
    return page_of(found, limit=limit, position=lambda entry: _position(entry.created_at, entry.id))


async def list_own(conn: Connection, user_id: UUID, *, after: AuditPosition | None, limit: int) -> Page[OwnAuditEntry]:
    """Of the last year."""
    found = await queries.list_own_audit(conn, user_id, before=_before(after), limit=limit + 1)
    return page_of(found, limit=limit, position=lambda entry: _position(entry.created_at, entry.id))


def latest() -> tuple[datetime, int]:
    """Where a list begins that has no page before."""
    return _LATEST


def _before(after: AuditPosition | None) -> tuple[datetime, int]:
    return latest() if after is None else (_EPOCH + timedelta(microseconds=after.at_us), after.id)


def _position(at: datetime, number: int) -> AuditPosition:
    return AuditPosition((at - _EPOCH) // timedelta(microseconds=1), number)
