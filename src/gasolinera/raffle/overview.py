"""Raffles as the back office looks at them: a list in any order, and one with all that its steps are told from."""

from contextlib import suppress
from typing import Final

from gasolinera.database import Connection
from gasolinera.errors import InputError, UnknownError
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.raffle import evidence, publishing, raffles
from gasolinera.raffle import queries_pages_office as queries
from gasolinera.raffle.checklist import Known
from gasolinera.raffle.errors import unknown_raffle
from gasolinera.raffle.models import RaffleFilter
from gasolinera.raffle.queries_pages_office import SortedRaffle

ORDERS: Final = ("new", "code", "name", "status", "closes", "draw")


class SortedRafflePosition(Position, frozen=True):
    """`by`: of which order, since a key says nothing in another."""

    by: str
    is_descending: bool
    key: str
    id: int


async def list_sorted(
    conn: Connection, wanted: RaffleFilter, *, by: str, is_descending: bool, cursor: str | None, limit: int
) -> Page[SortedRaffle]:
    """Drafts too. Raises InputError `request.cursor`, also for one of another order."""
    assert by in ORDERS
    position = decode_cursor(SortedRafflePosition, cursor)
    if position is not None and (position.by, position.is_descending) != (by, is_descending):
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    after = None if position is None else (position.key, position.id)
    found = await queries.list_for_office(
        conn, wanted, by=by, is_descending=is_descending, after=after, limit=limit + 1
    )
    return page_of(
        found, limit=limit, position=lambda one: SortedRafflePosition(by, is_descending, one.sort_key, one.id)
    )


async def look_at(conn: Connection, code: str) -> Known:
    """Raises UnknownError."""
    raffle = await raffles.get_raffle(conn, code)
    facts = await queries.office_facts(conn, code)
    if facts is None:
        raise unknown_raffle()
    draw = told = None
    if raffle.closed_at is not None:
        with suppress(UnknownError):
            draw = await publishing.draw_of(conn, code)
            told = await evidence.report(conn, code)
    return Known(raffle=raffle, facts=facts, draw=draw, evidence=told)
