"""Who may take part: accounts and employments as other services tell them, persons kept out by hand, ages confirmed."""

from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec

from gasolinera.database import Connection
from gasolinera.events import Consumer, Event
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.raffle import errors, queries_personal
from gasolinera.raffle import queries_entries as queries
from gasolinera.raffle.models import (
    AgeConfirmation,
    Algorithm,
    Exclusion,
    ExclusionPosition,
    NewExclusion,
    OldestExclusionPosition,
    Standing,
)

_ERASED: Final = "user.erased"


class _User(msgspec.Struct, frozen=True):
    public_id: UUID
    active: bool = False
    role: str = "CUSTOMER"


class _Employment(msgspec.Struct, frozen=True):
    employee_number: str
    user_id: UUID
    active: bool
    version: int | None = None


async def take_user_event(conn: Connection, event: Event) -> None:
    """An account that is not active, no customer's, or no more. What was written about an erased person goes, entries
    stay.

    Raises msgspec.ValidationError for an event that is not what the catalogue says.
    """
    user = msgspec.convert(event.data, _User)
    is_erased = event.type == _ERASED
    await queries.put_account_state(
        conn,
        user.public_id,
        is_active=user.active and not is_erased,
        is_erased=is_erased,
        as_of=event.time,
        role=user.role,
    )
    if is_erased:
        await queries_personal.forget_person(conn, user.public_id)


async def take_employee_changed(conn: Connection, event: Event) -> None:
    """The newest word wins, whatever the order in which they come. Raises msgspec.ValidationError."""
    found = msgspec.convert(event.data, _Employment)
    await queries.put_employment(
        conn, found.employee_number, found.user_id, is_active=found.active, version=found.version, as_of=event.time
    )


async def exclude_person(conn: Connection, new: NewExclusion) -> Exclusion:
    """From one raffle, or from all: tickets that come are refused, entries that are there are left out at the freeze.

    Raises UnknownError, ConflictError `raffle.excluded_already`.
    """
    found = await queries.exclude_person(conn, new)
    if found is None:
        raise errors.unknown_raffle()
    return found


async def readmit_person(conn: Connection, public_id: UUID) -> None:
    """Raises UnknownError."""
    if not await queries.readmit_person(conn, public_id):
        raise errors.unknown_exclusion()


async def list_exclusions(
    conn: Connection,
    code: str | None,
    *,
    text: str | None = None,
    is_oldest_first: bool = False,
    cursor: str | None,
    limit: int,
) -> Page[Exclusion]:
    """The newest first, unless the oldest are asked for; those of all raffles too. Raises InputError
    `request.cursor`, also for one of the other order.
    """
    kind = OldestExclusionPosition if is_oldest_first else ExclusionPosition
    position = decode_cursor(kind, cursor)
    beyond = None if position is None else position.id
    found = await queries.list_exclusions(
        conn, code, text=text, is_oldest_first=is_oldest_first, beyond=beyond, limit=limit + 1
    )
    page = page_of(found, limit=limit, position=lambda one: kind(one.id))
    fields = Exclusion.__struct_fields__
    items = tuple(Exclusion(**{name: getattr(one, name) for name in fields}) for one in page.items)
    return Page(items, page.next_cursor)


async def confirm_age(conn: Connection, code: str, user_id: UUID, confirmation: AgeConfirmation) -> None:
    """Until the close.

    Raises UnknownError, ConflictError `raffle.not_open`, `raffle.no_age`, InputError `raffle.age`.
    """
    found = await queries.confirm_age(conn, code, user_id, confirmation.min_age)
    if found is None:
        raise errors.unknown_raffle()
    if not found.is_open:
        raise errors.not_open()
    if not found.asks_age:
        raise errors.asks_no_age()
    if not found.is_old_enough:
        raise errors.too_young()


async def get_standing(conn: Connection, code: str, user_id: UUID) -> Standing:
    """Raises UnknownError."""
    found = await queries.standing(conn, code, user_id)
    if found is None:
        raise errors.unknown_raffle()
    missing = (
        ("kept_out", found.is_kept_out),
        ("age_not_confirmed", found.lacks_age),
        ("too_few_tickets", found.lacks_tickets),
    )
    return Standing(
        raffle_code=found.raffle_code,
        tickets=found.tickets,
        max_tickets_per_user=found.max_tickets_per_user,
        entries=found.entries,
        chance=_chance(found),
        missing=tuple(name for name, is_so in missing if is_so),
    )


def _chance(found: queries.FoundStanding) -> str | None:
    """Of the first unit drawn, as a decimal of at most six places; those who will be left out are not taken off."""
    if found.selection_algorithm is Algorithm.WEIGHTED:
        return None
    mine, everything = found.tickets, found.all_tickets
    if found.selection_algorithm is Algorithm.RANDOM:
        mine, everything = min(found.tickets, 1), found.all_participants
    chance = Fraction(mine, everything) if everything else Fraction(0)
    return f"{float(chance):.6f}"


CONSUMERS: Final = (
    Consumer("raffle", frozenset({"user.registered", "user.changed", _ERASED}), take_user_event),
    Consumer("raffle", frozenset({"employee.changed"}), take_employee_changed),
)
