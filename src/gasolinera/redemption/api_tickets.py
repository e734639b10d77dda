"""Tickets over HTTP: the own ones, the raffle they go to, free entries, and receipts that anybody can check."""

from typing import Annotated, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import free_entry, receipts, tickets
from gasolinera.redemption.models_tickets import (
    RAFFLE_PATTERN,
    BalanceLine,
    Choice,
    Chosen,
    ExpiringTickets,
    FreeEntry,
    FreeEntryWish,
    RaffleWish,
    Ticket,
    TicketFilter,
    TicketRaffle,
    TicketStatus,
)
from gasolinera.redemption.receipts import KeySet

_READ = [requires(Permission.TICKETS_READ)]
_USE = [requires(Permission.TICKETS_USE, fresh=True)]
_MANAGE = [requires(Permission.TICKETS_MANAGE, second_factor=True, fresh=True)]
INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "ticket.unknown", "there is no such ticket")
_UNKNOWN_ISSUANCE = problem_spec(
    HTTPStatus.NOT_FOUND, "tickets.unknown_issuance", "no tickets were issued under this id"
)
_NOT_FREE = problem_spec(HTTPStatus.CONFLICT, "tickets.not_free", "not all of these tickets wait for a raffle")
_TOLD = problem_spec(HTTPStatus.CONFLICT, "raffle.told", "this raffle says itself what it takes")
_CLOSED = problem_spec(HTTPStatus.CONFLICT, "free_entry.closed", "this raffle gives no free entries now")
_HAD = problem_spec(HTTPStatus.TOO_MANY_REQUESTS, "free_entry.limit", "this person had the free entries of this day")
_COMMON = {422: INVALID, 503: UNAVAILABLE}

_TICKET_EXAMPLE = {
    "ticket_number": "TKT3GGV37KHSHQRRJ7M",
    "status": "ACTIVE",
    "raffle_code": None,
    "source": "COUPON_REDEMPTION",
    "transaction_reference": "RDM-20261122-000042",
    "issuance_id": "6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10",
    "expires_at": "2027-02-20T18:00:00Z",
    "issued_at": "2026-11-22T18:00:00Z",
}
_RAFFLE_EXAMPLE = {
    "raffle_code": "MONTHLY-2026-12",
    "opens_at": "2026-12-01T06:00:00Z",
    "closes_at": "2027-01-01T06:00:00Z",
    "takes_choices": True,
    "free_entries_per_day": 1,
    "time_zone": "America/Mexico_City",
}
_ENTRY_EXAMPLE = {
    "raffle_code": "MONTHLY-2026-12",
    "ticket_number": "TKT3GGV37KHSHQRRJ7M",
    "issuance_id": "6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10",
    "receipt": "eyJhbGciOiJFZERTQSJ9.eyJjb3VudCI6MX0.c2lnbmF0dXJl",
}
_KEY_EXAMPLE = {
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "kty": "OKP",
    "crv": "Ed25519",
    "alg": "EdDSA",
    "use": "sig",
}

HolderQuery: TypeAlias = Annotated[
    UUID | None, QueryParameter(description="Whose; the own ones when left out. Another's only for administrators.")
]
CursorQuery: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
LimitQuery: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]


class TicketBalance(msgspec.Struct, frozen=True):
    items: tuple[BalanceLine, ...]


class Expiring(msgspec.Struct, frozen=True):
    items: tuple[ExpiringTickets, ...]


class TicketRaffles(msgspec.Struct, frozen=True):
    items: tuple[TicketRaffle, ...]


class SignedReceipt(msgspec.Struct, frozen=True):
    receipt: str


@get(
    "/",
    guards=_READ,
    summary="List tickets",
    description="The newest first.",
    responses={
        200: good(Page[Ticket], "A page of tickets.", {"items": [_TICKET_EXAMPLE], "next_cursor": None}),
        **_COMMON,
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    status: Annotated[TicketStatus | None, QueryParameter(description="Any when left out.")] = None,
    raffle_code: Annotated[
        str | None, QueryParameter(pattern=RAFFLE_PATTERN, description="Those in this raffle.")
    ] = None,
    user_id: HolderQuery = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = 20,
) -> Page[Ticket]:
    holder = tickets.holder_of(caller, Permission.TICKETS_READ, user_id)
    async with db.connection() as conn:
        return await tickets.list_tickets(conn, holder, TicketFilter(status, raffle_code), cursor=cursor, limit=limit)


@get(
    "/balance",
    guards=_READ,
    summary="Count tickets by raffle and status",
    responses={
        200: good(TicketBalance, "The counts.", {"items": [{"raffle_code": None, "status": "ACTIVE", "count": 3}]}),
        **_COMMON,
    },
)
async def balance_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], user_id: HolderQuery = None
) -> TicketBalance:
    holder = tickets.holder_of(caller, Permission.TICKETS_READ, user_id)
    async with db.connection() as conn:
        return TicketBalance(await tickets.balance(conn, holder))


@get(
    "/expiring",
    guards=_READ,
    summary="Count tickets that are lost soon",
    description="Those that wait for a raffle; the soonest first.",
    responses={
        200: good(Expiring, "The counts.", {"items": [{"expires_at": "2026-12-01T00:00:00Z", "count": 3}]}),
        **_COMMON,
    },
)
async def expiring_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    days: Annotated[int, QueryParameter(ge=1, le=731, description="Within how many days.")] = 14,
    user_id: HolderQuery = None,
) -> Expiring:
    holder = tickets.holder_of(caller, Permission.TICKETS_READ, user_id)
    async with db.connection() as conn:
        return Expiring(await tickets.expiring(conn, holder, within_days=days))


@get(
    "/raffles",
    guards=_READ,
    summary="List raffles that take tickets now",
    responses={200: good(TicketRaffles, "The soonest to close first.", {"items": [_RAFFLE_EXAMPLE]}), **_COMMON},
)
async def raffles_route(db: NamedDependency[Database]) -> TicketRaffles:
    async with db.connection() as conn:
        return TicketRaffles(await tickets.list_raffles(conn))


@put(
    "/raffles/{raffle_code:str}",
    guards=_MANAGE,
    summary="Say what a raffle takes, and when",
    description="Tickets that are in it stay there, whatever is said.",
    responses={200: good(TicketRaffle, "What it takes from now on.", _RAFFLE_EXAMPLE), 409: _TOLD, **_COMMON},
)
async def put_raffle_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    raffle_code: Annotated[str, PathParameter(pattern=RAFFLE_PATTERN, description="The raffle's code.")],
    data: JSONBody[RaffleWish],
) -> TicketRaffle:
    async with db.transaction(context) as conn:
        return await tickets.put_raffle(conn, raffle_code, data)


@post(
    "/choices",
    status_code=200,
    guards=_USE,
    opt={"idempotent": True},
    summary="Send own tickets to a raffle",
    description="Tickets that wait: those of the numbers, or as many as `count` says, the ones first that expire "
    "soonest. All or none. A ticket goes to one raffle, for good; one that is there already counts.",
    responses={
        200: good(
            Chosen,
            "Which are there now.",
            {"raffle_code": "MONTHLY-2026-12", "ticket_numbers": ["TKT3GGV37KHSHQRRJ7M"], "already": 0},
        ),
        404: _UNKNOWN,
        409: _NOT_FREE,
        **_COMMON,
    },
)
async def choose_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    data: JSONBody[Choice],
) -> Chosen:
    holder = tickets.holder_of(caller, Permission.TICKETS_USE, None)
    return await db.run(lambda conn: tickets.choose_raffle(conn, holder, data), context)


@post(
    "/free-entries",
    guards=_USE,
    opt={"idempotent": True},
    summary="Enter a raffle without buying anything",
    description="As often a person and a day as the raffle says; a day begins in the raffle's zone.",
    responses={201: good(FreeEntry, "The ticket and its receipt.", _ENTRY_EXAMPLE), 409: _CLOSED, 429: _HAD, **_COMMON},
)
async def enter_free_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    data: JSONBody[FreeEntryWish],
) -> Response[FreeEntry]:
    holder = tickets.holder_of(caller, Permission.TICKETS_USE, None)
    entry = await db.run(lambda conn: free_entry.enter_free(conn, keyring, holder, data.raffle_code), context)
    return Response(entry, status_code=201)


@get(
    "/issuances/{issuance_id:uuid}/receipt",
    guards=_READ,
    summary="Get the signed receipt of tickets",
    description="Anybody can check it with `gasolinera tickets verify` or any JOSE library, and the receipt keys.",
    responses={
        200: good(SignedReceipt, "The receipt.", {"receipt": _ENTRY_EXAMPLE["receipt"]}),
        404: _UNKNOWN_ISSUANCE,
        **_COMMON,
    },
)
async def receipt_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    issuance_id: Annotated[UUID, PathParameter(description="As each ticket names it.")],
) -> SignedReceipt:
    sight = tickets.sight_of(caller, Permission.TICKETS_READ)
    async with db.connection() as conn:
        issuance = await free_entry.get_issuance(conn, issuance_id, sight)
    return SignedReceipt(receipts.issue_receipt(issuance, keyring))


@get(
    "/receipt-keys",
    opt={"open": True, "limits": (Limit("ip", 60, 60),)},
    summary="Get the keys that verify receipts",
    description="A JWK set (RFC 7517). Keep it: what is verified with it later needs nobody.",
    responses={200: good(KeySet, "The newest first.", {"keys": [_KEY_EXAMPLE]})},
    sync_to_thread=False,
)
def keys_route(keyring: NamedDependency[Keyring]) -> Response[KeySet]:
    return Response(receipts.published_keys(keyring), headers={"cache-control": "public, max-age=300"})


@get(
    "/{number:str}",
    guards=_READ,
    summary="Look a ticket up",
    responses={200: good(Ticket, "The ticket.", _TICKET_EXAMPLE), 404: _UNKNOWN, **_COMMON},
)
async def get_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    number: Annotated[str, PathParameter(description="Its number; case, spaces and dashes do not matter.")],
) -> Ticket:
    async with db.connection() as conn:
        return await tickets.get_ticket(conn, caller, number)


HANDLERS = (
    list_route,
    balance_route,
    expiring_route,
    raffles_route,
    put_raffle_route,
    choose_route,
    enter_free_route,
    receipt_route,
    keys_route,
    get_route,
)
