"""Winners over HTTP: for everybody, for who won, and for who fulfils."""

from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import delete, get, post, put
from litestar.datastructures import State
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
from gasolinera.raffle import claims, delivery, results, winners
from gasolinera.raffle.models_winners import (
    ClaimWish,
    DeliveryWish,
    DisqualificationWish,
    IdentityWish,
    Prize,
    Result,
    StepWish,
    Winner,
    WinnerDetails,
    WinnerFilter,
    WinnerStatus,
)

_OWN: Final = [requires(Permission.RAFFLE_ENTRIES)]
_CLAIM: Final = [requires(Permission.RAFFLE_ENTRIES, fresh=True)]
_SEE: Final = [requires(Permission.RAFFLES_FULFIL, second_factor=True)]
_FULFIL: Final = [requires(Permission.RAFFLES_FULFIL, second_factor=True, fresh=True)]

_NO_LOGIN = problem_spec(HTTPStatus.UNAUTHORIZED, "auth.no_token", "this needs a login")
_FORBIDDEN = problem_spec(HTTPStatus.FORBIDDEN, "auth.not_permitted", "this account may not do that")
_OWN_CASE = problem_spec(HTTPStatus.FORBIDDEN, "prize.own_case", "nobody decides about himself")
_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "database.unavailable", "the database cannot be reached")
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "prize.unknown", "there is no such prize")
_NOT_DRAWN = problem_spec(HTTPStatus.NOT_FOUND, "draw.unknown", "this raffle is not drawn yet")
_CLAIMED = problem_spec(HTTPStatus.CONFLICT, "prize.claimed", "this prize was claimed already")
_LATE = problem_spec(HTTPStatus.GONE, "prize.late", "the time to claim this prize is over")
_IDENTIFIED = problem_spec(HTTPStatus.CONFLICT, "prize.identified", "the identity is confirmed already")
_ORDER = problem_spec(HTTPStatus.CONFLICT, "prize.step_order", "this step does not follow those that were done")
_OVER = problem_spec(HTTPStatus.CONFLICT, "prize.over", "this prize is on its way, delivered or lost already")
_PREPARED = problem_spec(
    HTTPStatus.CONFLICT, "prize.prepared", "the prize is being prepared, and goes where it was said"
)
_NOT_SEEN = problem_spec(
    HTTPStatus.CONFLICT, "prize.not_seen", "there is no first look that could be taken back any more"
)
_COMMON = {401: _NO_LOGIN, 403: _FORBIDDEN, 422: _INVALID, 503: _UNAVAILABLE}

_PRIZE_EXAMPLE: dict[str, object] = {
    "winner_id": "5b1f0c9e-4a55-4f7e-9d1c-0d5d0c1f8f0a",
    "raffle_code": "MONTHLY-2026-12",
    "raffle_name": "Sorteo de diciembre",
    "ticket_number": "TKT7K2M9QXD4T5WPA3B",
    "rank": 1,
    "prize_name": "Un año de gasolina",
    "prize_type": "FUEL_CREDIT",
    "prize_value": "30000.00",
    "currency": "MXN",
    "delivery_method": "CREDIT",
    "status": "NOTIFIED",
    "claim_deadline": "2026-12-31T06:00:00Z",
    "claimed_at": None,
    "delivered_at": None,
    "last_step": None,
    "tracking": None,
}
_WINNER_EXAMPLE: dict[str, object] = {
    "winner_id": "5b1f0c9e-4a55-4f7e-9d1c-0d5d0c1f8f0a",
    "raffle_code": "MONTHLY-2026-12",
    "draw_number": 1,
    "draw_position": 1,
    "ticket_number": "TKT7K2M9QXD4T5WPA3B",
    "user_id": "a0000000-0000-4000-8000-000000000051",
    "status": "CLAIMED",
    "rank": 1,
    "unit_number": 1,
    "prize_name": "Un año de gasolina",
    "prize_value": "30000.00",
    "currency": "MXN",
    "delivery_method": "CREDIT",
    "claim_deadline": "2026-12-31T06:00:00Z",
    "notified_at": "2026-12-01T07:01:00Z",
    "claimed_at": "2026-12-01T18:00:00Z",
    "delivered_at": None,
    "needs_second": True,
    "identified_by": "a0000000-0000-4000-8000-000000000001",
    "confirmed_by": None,
    "last_step": None,
    "reason": None,
}
_DETAILS_EXAMPLE: dict[str, object] = {
    "winner": _WINNER_EXAMPLE,
    "delivery": {"recipient": "María González", "account": "0b8f…"},
    "document_type": "NATIONAL_ID",
    "document_end": "K7QF",
    "steps": [],
}
_RESULT_EXAMPLE: dict[str, object] = {
    "draw_position": 1,
    "rank": 1,
    "prize_name": "Un año de gasolina",
    "status": "CLAIMED",
    "ticket": "TKT••••PA3B",
    "name": "M•••• G.",
    "disqualification": None,
}

_Code: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", description="Such as MONTHLY-2026-12.")
]
_OfRaffle: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="raffle", pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", description="Of this raffle."),
]
_Status: TypeAlias = Annotated[WinnerStatus | None, QueryParameter(description="In this state.")]
_WinnerId: TypeAlias = Annotated[UUID, PathParameter(description="What the winner is known by.")]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_PageLimit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]


@get(
    "/{code:str}/winners",
    opt={"open": True, "limits": (Limit("ip", 60, 60),)},
    summary="The results of a raffle",
    description="Prizes and alternates in the order of the draw. A name is shown by its first letters, where the "
    "winner allowed it; a disqualification with its signed reason.",
    responses={
        200: good(Page[Result], "A page of positions.", {"items": [_RESULT_EXAMPLE], "next_cursor": None}),
        404: _NOT_DRAWN,
        422: _INVALID,
        503: _UNAVAILABLE,
    },
)
async def results_route(
    db: NamedDependency[Database], code: _Code, cursor: _Cursor = None, limit: _PageLimit = 20
) -> Page[Result]:
    async with db.connection() as conn:
        return await results.list_results(conn, code, cursor=cursor, limit=limit)


@get(
    "/prizes",
    guards=_OWN,
    summary="Own prizes",
    description="What the caller has won, the newest first, with the time until which it can be claimed.",
    responses={
        200: good(Page[Prize], "A page of prizes.", {"items": [_PRIZE_EXAMPLE], "next_cursor": None}),
        **_COMMON,
    },
)
async def prizes_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[Prize]:
    assert caller.user_id is not None, "only people hold this permission"
    async with db.connection() as conn:
        return await winners.list_prizes(conn, caller.user_id, cursor=cursor, limit=limit)


@post(
    "/prizes/{winner_id:uuid}/claim",
    status_code=204,
    guards=_CLAIM,
    opt={"idempotent": True},
    summary="Claim an own prize",
    description="Until its deadline. Staff then asks for a document; the prize is handed over after that.",
    responses={404: _UNKNOWN, 409: _CLAIMED, 410: _LATE, **_COMMON},
)
async def claim_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    winner_id: _WinnerId,
    data: JSONBody[ClaimWish],
) -> None:
    assert caller.user_id is not None, "only people hold this permission"
    limits = claims.thresholds_of(state["settings"])
    async with db.transaction(context) as conn:
        await claims.claim(conn, winner_id, data, holder=caller.user_id, second_from=limits)


@put(
    "/prizes/{winner_id:uuid}/delivery",
    status_code=204,
    guards=_CLAIM,
    summary="Say where an own prize goes instead",
    description="Of a claimed prize, until it is prepared.",
    responses={404: _UNKNOWN, 409: _PREPARED, **_COMMON},
)
async def change_own_delivery_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: _WinnerId,
    data: JSONBody[DeliveryWish],
) -> None:
    async with db.transaction(context) as conn:
        await claims.change_delivery(conn, caller, winner_id, data, is_holder=True)


@get(
    "/winners",
    guards=_SEE,
    summary="List winners",
    description="For who fulfils: in the order of the draws; CLAIMED are those who wait for their prize.",
    responses={
        200: good(Page[Winner], "A page of winners.", {"items": [_WINNER_EXAMPLE], "next_cursor": None}),
        **_COMMON,
    },
)
async def list_route(
    db: NamedDependency[Database],
    raffle: _OfRaffle = None,
    status: _Status = None,
    cursor: _Cursor = None,
    limit: _PageLimit = 20,
) -> Page[Winner]:
    wanted = WinnerFilter(raffle_code=raffle, status=status)
    async with db.connection() as conn:
        return await winners.list_winners(conn, wanted, cursor=cursor, limit=limit)


@get(
    "/winners/{winner_id:uuid}",
    guards=_SEE,
    summary="One winner",
    description="With where the prize goes and what was done for it.",
    responses={200: good(WinnerDetails, "The winner.", _DETAILS_EXAMPLE), 404: _UNKNOWN, **_COMMON},
)
async def get_route(db: NamedDependency[Database], winner_id: _WinnerId) -> WinnerDetails:
    async with db.transaction() as conn:
        return await winners.get_winner(conn, winner_id)


@post(
    "/winners/{winner_id:uuid}/claim",
    status_code=204,
    guards=_FULFIL,
    opt={"idempotent": True},
    summary="Claim for a winner",
    description="For one who comes in person or calls. The same deadline holds.",
    responses={404: _UNKNOWN, 409: _CLAIMED, 410: _LATE, **_COMMON},
)
async def claim_for_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    winner_id: _WinnerId,
    data: JSONBody[ClaimWish],
) -> None:
    limits = claims.thresholds_of(state["settings"])
    async with db.transaction(context) as conn:
        await claims.claim(conn, winner_id, data, holder=None, staff=caller.user_id, second_from=limits)


@put(
    "/winners/{winner_id:uuid}/delivery",
    status_code=204,
    guards=_FULFIL,
    summary="Say for a winner where the prize goes instead",
    description="Of a claimed prize, while nobody has seen the document; who does it does not confirm the identity.",
    responses={404: _UNKNOWN, 409: _PREPARED, **(_COMMON | {403: _OWN_CASE})},
)
async def change_delivery_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: _WinnerId,
    data: JSONBody[DeliveryWish],
) -> None:
    async with db.transaction(context) as conn:
        await claims.change_delivery(conn, caller, winner_id, data, is_holder=False)


@post(
    "/winners/{winner_id:uuid}/identity",
    status_code=204,
    guards=_FULFIL,
    opt={"idempotent": True},
    summary="Confirm a winner's identity",
    description="By who has the document in hand. For what is worth much a second person does it again, with the same "
    "document. The number is not kept.",
    responses={404: _UNKNOWN, 409: _IDENTIFIED, **(_COMMON | {403: _OWN_CASE})},
)
async def identity_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    winner_id: _WinnerId,
    data: JSONBody[IdentityWish],
) -> None:
    async with db.transaction(context) as conn:
        await claims.confirm_identity(conn, caller, keyring, winner_id, data)


@delete(
    "/winners/{winner_id:uuid}/identity",
    guards=_FULFIL,
    summary="Take the first look at a document back",
    description="When its number was written wrong: until a second person has confirmed it, and the prize is prepared.",
    responses={404: _UNKNOWN, 409: _NOT_SEEN, **(_COMMON | {403: _OWN_CASE})},
)
async def take_identity_back_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    winner_id: _WinnerId,
) -> None:
    async with db.transaction(context) as conn:
        await claims.take_identity_back(conn, caller, winner_id)


@post(
    "/winners/{winner_id:uuid}/steps",
    status_code=204,
    guards=_FULFIL,
    opt={"idempotent": True},
    summary="Record a step of a delivery",
    description="PREPARED, SENT with the carrier's number, HANDED_OVER, RECEIPT_SIGNED with the receipt's hash. What "
    "is credited or sent as data is delivered with SENT, a thing with RECEIPT_SIGNED.",
    responses={404: _UNKNOWN, 409: _ORDER, **_COMMON},
)
async def step_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    winner_id: _WinnerId,
    data: JSONBody[StepWish],
) -> None:
    async with db.transaction(context) as conn:
        await delivery.record_step(conn, winner_id, data)


@post(
    "/winners/{winner_id:uuid}/disqualify",
    status_code=204,
    guards=_FULFIL,
    opt={"idempotent": True},
    summary="Disqualify a winner",
    description="With a reason that is signed and published, and a note that is not. The next alternate moves up.",
    responses={404: _UNKNOWN, 409: _OVER, **(_COMMON | {403: _OWN_CASE})},
)
async def disqualify_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    winner_id: _WinnerId,
    data: JSONBody[DisqualificationWish],
) -> None:
    async with db.transaction(context) as conn:
        await winners.disqualify(conn, keyring, winner_id, data, decider=caller.user_id)


HANDLERS = (
    results_route,
    prizes_route,
    claim_route,
    change_own_delivery_route,
    list_route,
    get_route,
    claim_for_route,
    change_delivery_route,
    identity_route,
    take_identity_back_route,
    step_route,
    disqualify_route,
)
