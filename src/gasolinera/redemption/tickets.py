"""Tickets of a holder: what there is, which raffle they go to, and the end of those that nobody chose a raffle for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, ForbiddenError, InputError, UnknownError
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries_tickets as queries
from gasolinera.redemption.models_tickets import (
    BalanceLine,
    Choice,
    Chosen,
    ExpiringTickets,
    RaffleWish,
    Ticket,
    TicketFilter,
    TicketPosition,
    TicketRaffle,
    TicketRow,
    normalized_number,
)

_AT_ONCE = 5_000
_LONGEST_RAFFLE = timedelta(days=1098)


def holder_of(caller: Caller, permission: Permission, asked: UUID | None) -> UUID:
    """Whose things are meant: the caller's own, or another's where the permission reaches that far.

    Raises ForbiddenError.
    """
    assert caller.user_id is not None, "only people hold these permissions"
    if asked is None or asked == caller.user_id:
        return caller.user_id
    if caller.reach(permission) is not Reach.ALL:
        raise ForbiddenError("auth.not_permitted", "this account may not do that")
    return asked


def sight_of(caller: Caller, permission: Permission) -> UUID | None:
    """The only person whose things the caller sees; None: everybody's."""
    return None if caller.reach(permission) is Reach.ALL else holder_of(caller, permission, None)


async def list_tickets(
    conn: Connection, user_id: UUID, wanted: TicketFilter, *, cursor: str | None, limit: int
) -> Page[Ticket]:
    """The newest first. Raises InputError `request.cursor`."""
    after = decode_cursor(TicketPosition, cursor)
    if after is not None and not _is_of_our_time(after.issued_at):
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    found = await queries.list_tickets(conn, user_id, wanted, after=after, limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: TicketPosition(row.issued_at, row.id))
    return Page(tuple(_shown(row) for row in page.items), page.next_cursor)


def _is_of_our_time(moment: datetime) -> bool:
    """The driver cannot bring the ends of the calendar into UTC."""
    return 1900 < moment.year < 9000


def _shown(row: TicketRow) -> Ticket:
    return Ticket(
        ticket_number=row.ticket_number,
        status=row.status,
        raffle_code=row.raffle_code,
        source=row.source,
        transaction_reference=row.transaction_reference,
        issuance_id=row.issuance_id,
        expires_at=row.expires_at,
        issued_at=row.issued_at,
    )


async def get_ticket(conn: Connection, caller: Caller, typed: str) -> Ticket:
    """Raises UnknownError `ticket.unknown`, also for what is no number and for another's ticket."""
    number = normalized_number(typed)
    found = (
        None if number is None else await queries.get_ticket(conn, number, sight_of(caller, Permission.TICKETS_READ))
    )
    if found is None:
        raise UnknownError("ticket.unknown", "there is no such ticket", "look at the number again")
    return found


async def balance(conn: Connection, user_id: UUID) -> tuple[BalanceLine, ...]:
    return tuple(await queries.ticket_balance(conn, user_id))


async def expiring(conn: Connection, user_id: UUID, *, within_days: int) -> tuple[ExpiringTickets, ...]:
    return tuple(await queries.expiring_tickets(conn, user_id, within_days=within_days))


async def choose_raffle(conn: Connection, user_id: UUID, choice: Choice) -> Chosen:
    """All of the tickets or none; those that are in this raffle already count as chosen. Locks the tickets.

    Raises InputError `tickets.choice`, ConflictError `raffle.takes_none`, `tickets.too_few`, `tickets.not_free`,
    UnknownError `ticket.unknown`.
    """
    if (choice.ticket_numbers is None) == (choice.count is None):
        raise InputError("tickets.choice", "name either the tickets or how many", "ticket_numbers or count")
    if choice.ticket_numbers is None:
        assert choice.count is not None
        found = await queries.choose_raffle(conn, user_id, choice.raffle_code, None, limit=choice.count)
        _check_open(found)
        if len(found.entered) < choice.count:
            raise ConflictError("tickets.too_few", "there are not as many tickets that wait for a raffle")
        return Chosen(choice.raffle_code, found.entered, 0)
    numbers = _numbers(choice.ticket_numbers)
    found = await queries.choose_raffle(conn, user_id, choice.raffle_code, numbers, limit=len(numbers))
    _check_open(found)
    if found.known < len(numbers):
        raise UnknownError("ticket.unknown", "not all of these are tickets of this holder")
    already = found.already
    if len(found.entered) + len(already) < len(numbers):
        # The same request may have committed while this one waited for the rows: what it did only a new look can see.
        again = await queries.choose_raffle(conn, user_id, choice.raffle_code, numbers, limit=len(numbers))
        already = tuple(number for number in again.already if number not in found.entered)
    if len(found.entered) + len(already) < len(numbers):
        hint = "a ticket that is in another raffle, expired or was taken back cannot be chosen for"
        raise ConflictError("tickets.not_free", "not all of these tickets wait for a raffle", hint)
    return Chosen(choice.raffle_code, numbers, len(already))


def _check_open(found: queries.ChoiceResult) -> None:
    if not found.is_open:
        raise ConflictError("raffle.takes_none", "this raffle takes no tickets now")


def _numbers(typed: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, as they are kept. Raises UnknownError."""
    numbers = [normalized_number(one) for one in typed]
    known = tuple(sorted({number for number in numbers if number is not None}))
    if None in numbers:
        raise UnknownError("ticket.unknown", "not all of these are numbers of tickets", "look at the numbers again")
    return known


async def list_raffles(conn: Connection) -> tuple[TicketRaffle, ...]:
    return tuple(await queries.list_raffles(conn))


async def put_raffle(conn: Connection, raffle_code: str, wish: RaffleWish) -> TicketRaffle:
    """What a raffle takes from now on; tickets that are in it stay.

    Raises InputError `raffle.*`, ConflictError `raffle.told` for one that the raffle service tells of itself.
    """
    try:
        ZoneInfo(wish.time_zone)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise InputError("raffle.time_zone", "nobody knows this time zone") from None
    if (
        not (_is_of_our_time(wish.opens_at) and _is_of_our_time(wish.closes_at))
        or not timedelta() < wish.closes_at - wish.opens_at <= _LONGEST_RAFFLE
    ):
        raise InputError("raffle.window", "a raffle closes after it opens, and within three years")
    put = await queries.put_raffle(conn, raffle_code, wish)
    if put is None:
        raise ConflictError("raffle.told", "this raffle says itself what it takes", "change the raffle")
    return put


async def _expire(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:redemption.expire_tickets")
    count = await in_batches(db, queries.expire_tickets, _AT_ONCE, "{} tickets so far", context=context)
    return f"{count} tickets expired"


EXPIRE_TICKETS = Job(
    name="redemption.expire_tickets",
    service="redemption",
    summary="End tickets whose holders chose no raffle in time.",
    run=_expire,
    schedule="*/10 * * * *",
)
