"""Raffles from the draft to the end: made, changed, opened, closed and cancelled. The draw is `drawing`'s."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET

from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.events import Outbox
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import errors
from gasolinera.raffle import queries_raffles as queries
from gasolinera.raffle.models import (
    AuditEntry,
    AuditFilter,
    AuditPosition,
    ManagedRaffle,
    NewPrize,
    NewRaffle,
    PublishedTerms,
    RaffleChange,
    RaffleFacts,
    RaffleFilter,
    RafflePosition,
    RaffleStatus,
    RaffleSummary,
    Terms,
)

DUE_AT_ONCE: Final = 100
# A raffle is published a little before its window, so that its first tickets find it open.
OPENS_AHEAD_S: Final = 120.0
# What was entered in time may still be on its way: no raffle closes before SETTLE_S, nor, while messages from before
# its end wait here, before GRACE_S. What comes later goes back to its holder.
SETTLE_S: Final = 30.0
GRACE_S: Final = 1800.0

_OUTBOX: Final = Outbox("raffle_schema")
_ETAG: Final = re.compile(r'"([0-9]{1,18})"')


def parse_version(if_match: str | None) -> int:
    """The version that a change is of. Raises VersionNeededError without one, StaleError for what is none."""
    if if_match is None:
        raise errors.version_needed()
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise errors.stale()
    return int(found[1])


async def create_raffle(conn: Connection, new: NewRaffle) -> None:
    """A draft. Raises InputError `raffle.time_zone`, `raffle.dates`; the constraints refuse the rest."""
    _check(new.time_zone, (new.opens_at, new.closes_at, new.draw_at))
    await queries.create_raffle(conn, new)


async def change_raffle(conn: Connection, code: str, change: RaffleChange, *, version: int) -> None:
    """Raises StaleError when somebody changed it meanwhile, ConflictError `raffle.no_draft` for what is published."""
    _check(None if change.time_zone is UNSET else change.time_zone, (change.opens_at, change.closes_at, change.draw_at))
    values: dict[str, Any] = msgspec.to_builtins(change)
    values |= {
        name: moment.astimezone(UTC).isoformat()  # the database knows no zones as far away as ISO 8601 does
        for name, moment in (
            ("opens_at", change.opens_at),
            ("closes_at", change.closes_at),
            ("draw_at", change.draw_at),
        )
        if isinstance(moment, datetime)
    }
    known = await _facts(conn, code)
    if known.status is not RaffleStatus.DRAFT and (
        known.status is not RaffleStatus.OPEN or not values.keys() <= {"name", "description", "organizer", "terms_url"}
    ):
        raise errors.no_draft(known.status)
    if not await queries.change_raffle(conn, code, version, values):
        raise errors.stale()


async def delete_draft(conn: Connection, code: str) -> None:
    """Raises ConflictError `raffle.no_draft`, UnknownError."""
    if not await queries.delete_draft(conn, code):
        raise errors.no_draft((await _facts(conn, code)).status)


async def open_raffle(conn: Connection, code: str) -> None:
    """Publishes it: from now on its rules and prizes stay; entries are taken in its window. Locks the raffle.

    Raises ConflictError `raffle.status`, `raffle.no_prize`, `raffle.no_dates`, `raffle.no_terms`, `raffle.past`.
    """
    known = await _facts(conn, code)
    if known.status is not RaffleStatus.DRAFT:
        raise errors.wrong_status(known.status, RaffleStatus.OPEN)
    for is_there, refusal in (
        (known.has_prize, errors.no_prize),
        (known.has_dates, errors.no_dates),
        (known.has_terms, errors.no_terms),
        (not known.is_over, errors.is_past),
    ):
        if not is_there:
            raise refusal()
    facts = await queries.change_status(conn, code, RaffleStatus.OPEN, (RaffleStatus.DRAFT,))
    assert facts is not None, "the raffle is locked, and was a draft"
    await _publish(conn, (facts,))


async def close_raffle(conn: Connection, code: str) -> None:
    """Ends the intake of a raffle that is over, as late as the job does by itself. Locks the raffle.

    Raises ConflictError `raffle.status`, `raffle.not_over`, `raffle.entries_waiting`, UnknownError.
    """
    closed = await queries.close_due(conn, 1, settle_s=SETTLE_S, grace_s=GRACE_S, code=code)
    if not closed:
        known = await _facts(conn, code)
        if known.status is not RaffleStatus.OPEN:
            raise errors.wrong_status(known.status, RaffleStatus.CLOSED)
        raise errors.entries_waiting() if known.is_over else errors.not_over()
    await _publish(conn, closed)


async def cancel_raffle(conn: Connection, code: str, reason: str) -> None:
    """For good. Its tickets go back to their holders, who choose another raffle: by job, some at a time.

    The worker voids its frozen draw. Raises ConflictError `raffle.status`, UnknownError; from the gap before the draw's
    round on the database refuses it, unless evidence that the draw requires is missing.
    """
    before = (RaffleStatus.DRAFT, RaffleStatus.OPEN, RaffleStatus.CLOSED, RaffleStatus.DRAWING)
    facts = await queries.change_status(conn, code, RaffleStatus.CANCELLED, before, reason)
    if facts is None:
        raise errors.wrong_status((await _facts(conn, code)).status, RaffleStatus.CANCELLED)
    await _publish(conn, (facts,))


async def due_to_open(conn: Connection) -> list[str]:
    """Codes of drafts whose time comes, `DUE_AT_ONCE` at most; each is opened by itself, as one may be refused."""
    return await queries.due_to_open(conn, DUE_AT_ONCE, ahead_s=OPENS_AHEAD_S)


async def close_due(conn: Connection) -> int:
    """Closes what is over; how many, `DUE_AT_ONCE` at most."""
    closed = await queries.close_due(conn, DUE_AT_ONCE, settle_s=SETTLE_S, grace_s=GRACE_S)
    await _publish(conn, closed)
    return len(closed)


async def put_terms(conn: Connection, code: str, terms: Terms) -> PublishedTerms:
    """Raises ConflictError `raffle.no_draft`, `raffle.terms_version` for a version that is there; UnknownError."""
    sha256 = await queries.put_terms(conn, code, terms.version, terms.text)
    if sha256 is None:
        raise errors.no_draft((await _facts(conn, code)).status)
    return PublishedTerms(version=terms.version, sha256=sha256, text=terms.text)


async def get_terms(conn: Connection, code: str, version: str | None, *, with_drafts: bool) -> PublishedTerms:
    """Without drafts those alone that the raffle was opened with. Raises UnknownError."""
    found = await queries.get_terms(conn, code, version)
    if found is None or (found.is_draft and not with_drafts):
        raise errors.unknown_terms()
    return PublishedTerms(version=found.version, sha256=found.sha256, text=found.text)


async def add_prize(conn: Connection, code: str, prize: NewPrize) -> None:
    """Raises ConflictError `raffle.no_draft`, `raffle.rank_taken`; InputError `raffle.prize_value`; UnknownError."""
    _check_value(prize.prize_value)
    if not await queries.add_prize(conn, code, prize):
        raise errors.no_draft((await _facts(conn, code)).status)


async def put_prize(conn: Connection, code: str, prize: NewPrize) -> None:
    """Of a draft. Raises ConflictError `raffle.no_draft`, InputError `raffle.prize_value`, UnknownError."""
    _check_value(prize.prize_value)
    known = await _facts(conn, code)
    if known.status is not RaffleStatus.DRAFT:
        raise errors.no_draft(known.status)
    if not await queries.put_prize(conn, code, prize):
        raise errors.unknown_prize()


async def remove_prize(conn: Connection, code: str, rank: int) -> None:
    """Raises ConflictError `raffle.no_draft`, UnknownError."""
    if not await queries.remove_prize(conn, code, rank):
        known = await _facts(conn, code)
        raise errors.unknown_prize() if known.status is RaffleStatus.DRAFT else errors.no_draft(known.status)


async def get_raffle(conn: Connection, code: str, *, with_refused: bool = True) -> ManagedRaffle:
    """Without the refused tickets none are counted, which are many. Raises UnknownError."""
    found = await queries.get_raffle(conn, code, with_refused=with_refused)
    if found is None:
        raise errors.unknown_raffle()
    return found


async def published_raffle(conn: Connection, code: str) -> ManagedRaffle:
    """Raises UnknownError for a draft too, and for one that was never published."""
    found = await get_raffle(conn, code, with_refused=False)
    if found.opened_at is None:
        raise errors.unknown_raffle()
    return found


async def list_raffles(
    conn: Connection, wanted: RaffleFilter, *, cursor: str | None, limit: int
) -> Page[RaffleSummary]:
    """The newest first. Raises InputError `request.cursor`."""
    before = decode_cursor(RafflePosition, cursor)
    _require_own_time(None if before is None else before.created_at)
    found = await queries.list_raffles(conn, wanted, before=before, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda one: RafflePosition(one.created_at, one.id))
    fields = RaffleSummary.__struct_fields__
    items = tuple(RaffleSummary(**{name: getattr(one, name) for name in fields}) for one in page.items)
    return Page(items, page.next_cursor)


async def audit(
    conn: Connection, code: str, wanted: AuditFilter, *, is_up: bool = False, cursor: str | None, limit: int
) -> Page[AuditEntry]:
    """The latest first, or with `is_up` the first, of a raffle that was deleted too.

    Raises UnknownError, InputError `request.cursor`.
    """
    position = decode_cursor(AuditPosition, cursor)
    _require_own_time(None if position is None else position.created_at)
    if is_up:
        found = await queries.audit_up(conn, code, wanted, after=position, limit=limit + 1)
    else:
        found = await queries.audit(conn, code, wanted, before=position, limit=limit + 1)
    if not found and position is None and not await queries.audit(conn, code, AuditFilter(), before=None, limit=1):
        raise errors.unknown_raffle()
    return page_of(found, limit=limit, position=lambda entry: AuditPosition(entry.created_at, entry.id))


async def _publish(conn: Connection, changed: Sequence[RaffleFacts]) -> None:
    for facts in changed:
        await _OUTBOX.publish(
            conn, "raffle.changed", aggregate="raffle", subject=facts.code, data=msgspec.to_builtins(facts)
        )


async def _facts(conn: Connection, code: str) -> queries.StatusFacts:
    known = await queries.status_facts(conn, code)
    if known is None:
        raise errors.unknown_raffle()
    return known


def _check(zone: str | None, moments: Sequence[object]) -> None:
    for moment in moments:
        if isinstance(moment, datetime) and not 1900 < moment.year < 9000:
            raise InputError("raffle.dates", "a date is between the years 1901 and 8999")
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError("raffle.time_zone", "nobody knows this time zone", "such as America/Mexico_City") from None


def _check_value(value: Decimal) -> None:
    """What the column would round. Raises InputError."""
    if not (value.is_finite() and 0 <= value < 10**10 and value == round(value, 2)):
        raise InputError("raffle.prize_value", "a value is not below zero, with two decimals at most")


def _require_own_time(moment: datetime | None) -> None:
    """The driver cannot bring the ends of the calendar into UTC. Raises InputError `request.cursor`."""
    if moment is not None and not 1900 < moment.year < 9000:
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
