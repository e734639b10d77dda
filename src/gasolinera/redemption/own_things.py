"""Pages of what somebody has: the own redemptions, tickets and free entries, whatever else the account may see."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, TooManyError, UnknownError
from gasolinera.keyring import Keyring
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.permissions import Caller
from gasolinera.redemption import free_entry, reading
from gasolinera.redemption import queries_pages_own as queries
from gasolinera.redemption.errors import unknown_redemption
from gasolinera.redemption.models import Redemption
from gasolinera.redemption.models_pages_own import (
    FreeEntryRaffle,
    HistoryFilter,
    InRaffle,
    Overview,
    OwnPosition,
    OwnRedemption,
    OwnRedemptionRow,
    OwnTicket,
    OwnTicketRow,
    Sort,
    TicketSearch,
    Total,
)
from gasolinera.redemption.models_tickets import FreeEntry, TicketStatus, normalized_number

SHOWN: Final = 20
_ENDS: Final = {
    Sort.NEWEST: OwnPosition(Sort.NEWEST, datetime(9000, 1, 1, tzinfo=UTC), 0),
    Sort.OLDEST: OwnPosition(Sort.OLDEST, datetime(1900, 1, 1, tzinfo=UTC), 0),
}
_Row = TypeVar("_Row", OwnRedemptionRow, OwnTicketRow)


async def list_redemptions(
    conn: Connection, user_id: UUID, wanted: HistoryFilter, *, limit: int = SHOWN
) -> Page[OwnRedemption]:
    """Raises InputError `request.cursor`."""
    after = _position(wanted.sort, wanted.cursor)
    found = await queries.list_own_redemptions(conn, user_id, wanted, after=after, limit=limit + 1)
    page = page_of(found, limit=limit, position=_position_of(wanted.sort, lambda row: row.created_at))
    return Page(tuple(page.items), page.next_cursor)


async def totals(conn: Connection, user_id: UUID) -> tuple[Total, ...]:
    return tuple(await queries.own_totals(conn, user_id))


async def get_redemption(conn: Connection, caller: Caller, reference: str) -> tuple[Redemption, str | None]:
    """With the station's zone. Raises UnknownError `redemption.unknown`, also for those that the account may look at
    as somebody else's.
    """
    redemption = await reading.get_redemption(conn, caller, reference)
    if redemption.user_id != caller.user_id:
        raise unknown_redemption()
    return redemption, await queries.zone_of_station(conn, redemption.station_code)


async def overview(conn: Connection, user_id: UUID) -> Overview:
    lines = await queries.ticket_overview(conn, user_id)
    of_status = {status: sum(line.count for line in lines if line.status is status) for status in TicketStatus}
    raffles = tuple(
        InRaffle(line.raffle_code, line.count, line.status is TicketStatus.USED)
        for line in lines
        if line.raffle_code is not None and line.status in (TicketStatus.ENTERED, TicketStatus.USED)
    )
    return Overview(
        waiting=of_status[TicketStatus.ACTIVE],
        entered=of_status[TicketStatus.ENTERED],
        past=sum(of_status[one] for one in (TicketStatus.USED, TicketStatus.EXPIRED, TicketStatus.CANCELLED)),
        first_lost_at=min((line.first_lost_at for line in lines if line.first_lost_at is not None), default=None),
        raffles=tuple(sorted(raffles, key=lambda one: (one.is_over, one.raffle_code))),
    )


async def list_tickets(conn: Connection, user_id: UUID, wanted: TicketSearch, *, limit: int = SHOWN) -> Page[OwnTicket]:
    """A number may be typed with spaces, dashes and look-alikes. Raises InputError `request.cursor`."""
    after = _position(wanted.sort, wanted.cursor)
    words = None if wanted.q is None else normalized_number(wanted.q) or wanted.q.strip().upper()
    found = await queries.list_own_tickets(conn, user_id, wanted, words, after=after, limit=limit + 1)
    page = page_of(found, limit=limit, position=_position_of(wanted.sort, lambda row: row.issued_at))
    return Page(tuple(page.items), page.next_cursor)


async def get_ticket(conn: Connection, user_id: UUID, typed: str) -> OwnTicket:
    """Raises UnknownError `ticket.unknown`, also for what is no number and for another's."""
    number = normalized_number(typed)
    if number is not None:
        found = await list_tickets(conn, user_id, TicketSearch(q=number), limit=1)
        if found.items:
            return found.items[0]
    raise UnknownError("ticket.unknown", "there is no such ticket", "look at the number again")


def _position(sort: Sort, cursor: str | None) -> OwnPosition:
    """A cursor of the other order begins anew."""
    found = decode_cursor(OwnPosition, cursor)
    if found is None or found.sort is not sort or not 1900 < found.created_at.year < 9000:
        return _ENDS[sort]
    return found


def _position_of(sort: Sort, moment: Callable[[_Row], datetime]) -> Callable[[_Row], OwnPosition]:
    return lambda row: OwnPosition(sort, moment(row), row.id)


async def tickets_to_choose(conn: Connection, user_id: UUID, raffle_code: str, count: int) -> tuple[str, ...]:
    """Those that choosing as many would take; fewer where there are fewer."""
    return tuple(await queries.tickets_to_choose(conn, user_id, raffle_code, count))


async def free_entries(conn: Connection, user_id: UUID) -> tuple[FreeEntryRaffle, ...]:
    return tuple(await queries.free_entries_now(conn, user_id))


async def enter_free(conn: Connection, keyring: Keyring, user_id: UUID, raffle_code: str, *, had: int) -> FreeEntry:
    """`had`: how many of today's the person had when asked, so that the same wish twice gives one entry. Locks the
    person's entries. Raises as `free_entry.enter_free`, ConflictError `free_entry.repeated`.
    """
    try:
        entry = await free_entry.enter_free(conn, keyring, user_id, raffle_code)
    except TooManyError:
        if await _had_today(conn, user_id, raffle_code) > had:  # it was the last of the day
            raise _entered_already() from None
        raise
    if await _had_today(conn, user_id, raffle_code) != had + 1:
        raise _entered_already()
    return entry


async def _had_today(conn: Connection, user_id: UUID, raffle_code: str) -> int:
    found = await queries.free_entries_now(conn, user_id)
    return next((one.had for one in found if one.raffle_code == raffle_code), 0)


def _entered_already() -> ConflictError:
    return ConflictError("free_entry.repeated", "this free entry was made already")
