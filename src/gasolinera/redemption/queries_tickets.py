"""The only reader of `queries_tickets.sql`: one typed function a query."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from gasolinera.database import Connection, fetch_all, fetch_one, fetch_optional, load_sql
from gasolinera.redemption.models_tickets import (
    BalanceLine,
    ExpiringTickets,
    Issuance,
    RaffleWish,
    Ticket,
    TicketFilter,
    TicketPosition,
    TicketRaffle,
    TicketRow,
)

_SQL = load_sql("gasolinera.redemption", "queries_tickets.sql")
_LIST_TICKETS = _SQL["list_tickets"]
_GET_TICKET = _SQL["get_ticket"]
_TICKET_BALANCE = _SQL["ticket_balance"]
_EXPIRING_TICKETS = _SQL["expiring_tickets"]
_CHOOSE_RAFFLE = _SQL["choose_raffle"]
_EXPIRE_TICKETS = _SQL["expire_tickets"]
_GET_ISSUANCE = _SQL["get_issuance"]
_ISSUANCES_OF_REDEMPTION = _SQL["issuances_of_redemption"]
_ENTER_FREE = _SQL["enter_free"]
_LIST_RAFFLES = _SQL["list_raffles"]
_PUT_RAFFLE = _SQL["put_raffle"]


class ChoiceResult(msgspec.Struct, frozen=True):
    """`already` and `known` are of the numbers that were named, before the statement."""

    is_open: bool
    entered: tuple[str, ...]
    already: tuple[str, ...]
    known: int


class FreeEntryResult(msgspec.Struct, frozen=True):
    outcome: str
    issuance_id: UUID | None
    retry_after_s: int | None


class _Count(msgspec.Struct, frozen=True):
    count: int


async def list_tickets(
    conn: Connection, user_id: UUID, wanted: TicketFilter, *, after: TicketPosition | None, limit: int
) -> list[TicketRow]:
    moment, number = (after.issued_at, after.id) if after else (None, None)
    return await fetch_all(
        conn, TicketRow, _LIST_TICKETS, user_id, wanted.status, wanted.raffle_code, moment, number, limit
    )


async def get_ticket(conn: Connection, number: str, user_id: UUID | None) -> Ticket | None:
    return await fetch_optional(conn, Ticket, _GET_TICKET, number, user_id)


async def ticket_balance(conn: Connection, user_id: UUID) -> list[BalanceLine]:
    return await fetch_all(conn, BalanceLine, _TICKET_BALANCE, user_id)


async def expiring_tickets(conn: Connection, user_id: UUID, *, within_days: int) -> list[ExpiringTickets]:
    return await fetch_all(conn, ExpiringTickets, _EXPIRING_TICKETS, user_id, within_days)


async def choose_raffle(
    conn: Connection, user_id: UUID, raffle_code: str, numbers: Sequence[str] | None, *, limit: int
) -> ChoiceResult:
    return await fetch_one(conn, ChoiceResult, _CHOOSE_RAFFLE, user_id, raffle_code, numbers, limit)


async def expire_tickets(conn: Connection, limit: int) -> int:
    return (await fetch_one(conn, _Count, _EXPIRE_TICKETS, limit)).count


async def get_issuance(conn: Connection, issuance_id: UUID, user_id: UUID | None) -> Issuance | None:
    return await fetch_optional(conn, Issuance, _GET_ISSUANCE, issuance_id, user_id)


async def issuances_of_redemption(conn: Connection, reference: str) -> list[Issuance]:
    return await fetch_all(conn, Issuance, _ISSUANCES_OF_REDEMPTION, reference)


async def enter_free(conn: Connection, user_id: UUID, raffle_code: str) -> FreeEntryResult:
    return await fetch_one(conn, FreeEntryResult, _ENTER_FREE, user_id, raffle_code)


async def list_raffles(conn: Connection) -> list[TicketRaffle]:
    return await fetch_all(conn, TicketRaffle, _LIST_RAFFLES)


async def put_raffle(conn: Connection, raffle_code: str, wish: RaffleWish) -> TicketRaffle | None:
    return await fetch_optional(
        conn,
        TicketRaffle,
        _PUT_RAFFLE,
        raffle_code,
        wish.opens_at,
        wish.closes_at,
        wish.takes_choices,
        wish.free_entries_per_day,
        wish.time_zone,
    )
