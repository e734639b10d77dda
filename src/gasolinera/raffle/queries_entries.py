"""The only reader of `queries_entries.sql`."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.raffle.models import Algorithm, Entry, Exclusion, NewExclusion, RefusedTickets

_SQL = load_sql("gasolinera.raffle", "queries_entries.sql")
_ENTER = _SQL["enter_tickets"]
_WITHDRAW = _SQL["withdraw_tickets"]
_LOCK = _SQL["lock_participants"]
_PUT_ACCOUNT_STATE = _SQL["put_account_state"]
_PUT_EMPLOYMENT = _SQL["put_employment"]
_EXCLUDE = _SQL["exclude_person"]
_READMIT = _SQL["readmit_person"]
_LIST_EXCLUSIONS = _SQL["list_exclusions"]
_LIST_EXCLUSIONS_FORWARDS = _SQL["list_exclusions_forwards"]
_CONFIRM_AGE = _SQL["confirm_age"]
_STANDING = _SQL["standing"]
_LIST_ENTRIES = _SQL["list_entries"]
_GET_ENTRY = _SQL["get_entry"]
_LIST_REFUSED = _SQL["list_refused"]


class IssuedTickets(msgspec.Struct, frozen=True, kw_only=True):
    """What `tickets.issued` says. `raffle_code` None: their holder has not chosen yet."""

    issuance_id: UUID
    user_id: UUID
    source: str
    numbers: tuple[str, ...]
    raffle_code: str | None
    entered_at: datetime


class RevokedTickets(msgspec.Struct, frozen=True, kw_only=True):
    """What `tickets.revoked` says."""

    user_id: UUID
    numbers: tuple[str, ...]
    raffle_code: str | None
    revoked_at: datetime


class Taken(msgspec.Struct, frozen=True):
    """Tickets that came in, and tickets that were refused; what a raffle had before is in neither."""

    entered: int
    refused: int


class OwnEntry(Entry, frozen=True, kw_only=True):
    id: int
    owner_tag: str


class ListedRefusal(RefusedTickets, frozen=True, kw_only=True):
    id: int


class ListedExclusion(Exclusion, frozen=True, kw_only=True):
    id: int


class FoundStanding(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    selection_algorithm: Algorithm
    max_tickets_per_user: int | None
    tickets: int
    entries: int
    all_tickets: int
    all_participants: int
    is_kept_out: bool
    lacks_age: bool
    lacks_tickets: bool


class Confirmed(msgspec.Struct, frozen=True):
    is_open: bool
    asks_age: bool
    is_old_enough: bool


class _Count(msgspec.Struct, frozen=True):
    count: int


async def enter_tickets(conn: Connection, issued: Sequence[IssuedTickets]) -> Taken:
    """Locks the raffles shared, and participants where a raffle has a limit."""
    columns = (
        [one.raffle_code for one in issued],
        [one.issuance_id for one in issued],
        [one.user_id for one in issued],
        [one.source for one in issued],
        [one.entered_at for one in issued],
        [",".join(one.numbers) for one in issued],
    )
    return await fetch_one(conn, Taken, _ENTER, *columns)


async def withdraw_tickets(conn: Connection, revoked: Sequence[RevokedTickets]) -> int:
    """Locks the raffles shared, and the entries that lose tickets."""
    columns = (
        [one.raffle_code for one in revoked],
        [one.revoked_at for one in revoked],
        [",".join(one.numbers) for one in revoked],
    )
    return (await fetch_one(conn, _Count, _WITHDRAW, *columns)).count


async def lock_participants(conn: Connection, told: Sequence[IssuedTickets | RevokedTickets]) -> None:
    """Locks their raffles shared, and then the participants, by raffle and user."""
    columns = (
        [one.raffle_code for one in told],
        [one.user_id for one in told],
        [isinstance(one, IssuedTickets) for one in told],
    )
    await conn.execute(_LOCK, *columns)


async def put_account_state(
    conn: Connection, user_id: UUID, *, is_active: bool, is_erased: bool, as_of: datetime, role: str = "CUSTOMER"
) -> None:
    await conn.execute(_PUT_ACCOUNT_STATE, user_id, is_active, is_erased, as_of, role)


async def put_employment(
    conn: Connection, employee_number: str, user_id: UUID, *, is_active: bool, version: int | None, as_of: datetime
) -> None:
    await conn.execute(_PUT_EMPLOYMENT, employee_number, user_id, is_active, version, as_of)


async def exclude_person(conn: Connection, new: NewExclusion) -> Exclusion | None:
    return await fetch_optional(conn, Exclusion, _EXCLUDE, new.raffle_code, new.user_id, new.kind, new.note)


async def readmit_person(conn: Connection, public_id: UUID) -> bool:
    return await conn.fetchval(_READMIT, public_id) is True


async def list_exclusions(
    conn: Connection, code: str | None, *, text: str | None, is_oldest_first: bool, beyond: int | None, limit: int
) -> list[ListedExclusion]:
    """`beyond`: the id where the page before ended; None for the first."""
    query = _LIST_EXCLUSIONS_FORWARDS if is_oldest_first else _LIST_EXCLUSIONS
    return await fetch_all(conn, ListedExclusion, query, code, beyond, limit, text)


async def confirm_age(conn: Connection, code: str, user_id: UUID, age: int) -> Confirmed | None:
    return await fetch_optional(conn, Confirmed, _CONFIRM_AGE, code, user_id, age)


async def standing(conn: Connection, code: str, user_id: UUID) -> FoundStanding | None:
    return await fetch_optional(conn, FoundStanding, _STANDING, code, user_id)


async def list_entries(
    conn: Connection, user_id: UUID, code: str | None, *, before: int | None, limit: int
) -> list[OwnEntry]:
    return await fetch_all(conn, OwnEntry, _LIST_ENTRIES, user_id, code, before, limit)


async def get_entry(conn: Connection, code: str, issuance_id: UUID, user_id: UUID | None) -> OwnEntry | None:
    return await fetch_optional(conn, OwnEntry, _GET_ENTRY, code, issuance_id, user_id)


async def list_refused(conn: Connection, user_id: UUID, *, before: int | None, limit: int) -> list[ListedRefusal]:
    return await fetch_all(conn, ListedRefusal, _LIST_REFUSED, user_id, before, limit)
