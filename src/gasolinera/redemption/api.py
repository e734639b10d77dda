"""Redemptions over HTTP: for who serves at the pump, and for who looks at them."""

import hashlib
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from gasolinera.authentication import requires
from gasolinera.calls import UserDirectory
from gasolinera.coupon_calls import Coupons
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.keyring import Keyring, to_base64url
from gasolinera.limits import Limit as RateLimit
from gasolinera.openapi import good
from gasolinera.paging import MAX_CURSOR, Page
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import reading, redeeming
from gasolinera.redemption.models import (
    Cancellation,
    Cancelled,
    Completion,
    Redemption,
    RedemptionRequest,
    Status,
    Validation,
)
from gasolinera.redemption.models_tickets import SignedIssuance
from gasolinera.terminal_calls import HEADER, KnownTerminal, SignedByTerminal, Terminals

_PROCESS: Final = [requires(Permission.REDEMPTIONS_PROCESS, fresh=True)]
_READ: Final = [requires(Permission.REDEMPTIONS_READ)]
_CANCEL: Final = [requires(Permission.REDEMPTIONS_CANCEL, fresh=True)]
_LIMITS: Final = {"limits": (RateLimit("user", 120, 60),)}

_INVALID = problem_spec(HTTPStatus.UNPROCESSABLE_ENTITY, "request.invalid", "the request has wrong values")
_REFUSED = problem_spec(HTTPStatus.CONFLICT, "coupon.already_used", "the coupon was used already")
_GONE = problem_spec(HTTPStatus.GONE, "coupon.expired", "the coupon has expired")
_LOCKED = problem_spec(HTTPStatus.LOCKED, "coupon.suspended", "the coupon is suspended")
_FORBIDDEN = problem_spec(
    HTTPStatus.FORBIDDEN,
    "redemption.not_employed",
    "this account may not process transactions at this station",
)
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "redemption.unknown", "there is no redemption with this reference")
UNAVAILABLE = problem_spec(HTTPStatus.SERVICE_UNAVAILABLE, "coupons.unavailable", "the coupon service does not answer")
ABOUT_COUPON: Final = {
    403: _FORBIDDEN,
    409: _REFUSED,
    410: _GONE,
    422: _INVALID,
    423: _LOCKED,
    503: UNAVAILABLE,
}

REDEMPTION_EXAMPLE: Final[dict[str, object]] = {
    "transaction_reference": "RDM-20261123-000042",
    "status": "COMPLETED",
    "flow": "ONE_SHOT",
    "user_id": "0b8f2f7e-6f0e-4f0c-9a55-1d9f5b0f4a11",
    "coupon_code": "7K2M9QXD4T5WP",
    "campaign_code": "WELCOME2026",
    "station_code": "JSM001",
    "employee_number": "EMP000022",
    "terminal_code": None,
    "dispenser_code": "D03",
    "validation_method": "QR_SCAN",
    "fuel_type": "REGULAR",
    "fuel_litres": "20.000",
    "price_per_litre": "23.900",
    "original_amount": "478.00",
    "discount_amount": "50.00",
    "final_amount": "428.00",
    "currency": "MXN",
    "tickets_earned": 3,
    "raffle_code": "MONTHLY-2026-12",
    "failure_code": None,
    "failure_reason": None,
    "cancellation_reason": None,
    "created_at": "2026-11-23T18:00:00Z",
    "completed_at": "2026-11-23T18:00:00Z",
    "failed_at": None,
    "cancelled_at": None,
    "receipts": "/api/redemptions/RDM-20261123-000042/receipts",
}
_RECEIPTS_EXAMPLE = [
    {
        "issuance_id": "6f1c1d0e-4b9e-8a54-9d2c-6d1d9a4c2f10",
        "source": "COUPON_REDEMPTION",
        "raffle_code": "MONTHLY-2026-12",
        "ticket_numbers": ["TKT3GGV37KHSHQRRJ7M"],
        "receipt": "eyJhbGciOiJFZERTQSJ9.eyJjb3VudCI6MX0.c2lnbmF0dXJl",
    }
]
_CANCELLED_EXAMPLE = {
    "redemption": REDEMPTION_EXAMPLE
    | {
        "status": "CANCELLED",
        "cancellation_reason": "The customer paid without the coupon.",
        "cancelled_at": "2026-11-23T18:05:00Z",
    },
    "coupon": "RESTORED",
}
_VALIDATION_EXAMPLE = {
    "redemption": REDEMPTION_EXAMPLE
    | {
        "status": "PENDING",
        "flow": "TWO_STEP",
        "discount_amount": "0.00",
        "final_amount": "478.00",
        "tickets_earned": 0,
        "raffle_code": None,
        "completed_at": None,
        "receipts": None,
    },
    "discount_amount": "50.00",
    "final_amount": "428.00",
    "raffle_tickets": 3,
}

Key: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=16,
        max_length=255,
        pattern=r"^[!-~]+$(?!\n)",
        description="Names this request. Sent again with the same key, it has no second effect and gets the same "
        "answer; another request with it is refused.",
        examples=[Example(value="6f0f6f3e-6a51-4b0e-9d1c-0d5d0c1f8f0a")],
    ),
]
_Signature: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name=HEADER,
        max_length=300,
        description="Of an enrolled terminal: terminal=…, time=…, nonce=…, signature=…; each request is signed anew.",
    ),
]
_Reference: TypeAlias = Annotated[
    str, PathParameter(pattern=r"^RDM-[0-9]{8}-[0-9]{6,18}$(?!\n)", description="As the redemption's answer says it.")
]
_Cursor: TypeAlias = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next_cursor` of the page before.")
]
_Limit: TypeAlias = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]


@post(
    "/",
    guards=_PROCESS,
    opt=_LIMITS,
    summary="Redeem a coupon",
    description="In one request: the scanned or typed coupon, the fuel, and the amount or litres and price. Who scans "
    "a code that we signed learns why it is refused; a typed code always gets the same answer.",
    responses={201: good(Redemption, "The redemption, completed.", REDEMPTION_EXAMPLE), **ABOUT_COUPON},
)
async def redeem_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    request: Request[Any, Any, Any],
    users: NamedDependency[UserDirectory],
    idempotency_key: Key,
    data: JSONBody[RedemptionRequest],
    terminal_signature: _Signature = None,
) -> Redemption:
    terminal = await terminal_of(request, context, terminal_signature)
    coupons = coupons_in(request.app.state)
    is_known = await _is_known(users, data.customer)
    return await redeeming.redeem(
        db, coupons, context, caller, idempotency_key, data, terminal=terminal, is_customer_known=is_known
    )


@post(
    "/validate",
    guards=_PROCESS,
    opt=_LIMITS,
    summary="Validate a coupon before fuelling",
    description="The first of two steps, for an amount that the customer names. Reserves nothing: the coupon is used "
    "by the second step, within half an hour.",
    responses={201: good(Validation, "What it would give.", _VALIDATION_EXAMPLE), **ABOUT_COUPON},
)
async def validate_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    request: Request[Any, Any, Any],
    users: NamedDependency[UserDirectory],
    idempotency_key: Key,
    data: JSONBody[RedemptionRequest],
    terminal_signature: _Signature = None,
) -> Validation:
    terminal = await terminal_of(request, context, terminal_signature)
    coupons = coupons_in(request.app.state)
    is_known = await _is_known(users, data.customer)
    return await redeeming.validate(
        db, coupons, context, caller, idempotency_key, data, terminal=terminal, is_customer_known=is_known
    )


@post(
    "/{reference:str}/complete",
    status_code=200,
    guards=_PROCESS,
    opt=_LIMITS,
    summary="Complete a validated redemption",
    description="The second step, with what the pump says. The same request again gets the same answer.",
    responses={
        200: good(Redemption, "The redemption, completed.", REDEMPTION_EXAMPLE | {"flow": "TWO_STEP"}),
        404: _UNKNOWN,
        **ABOUT_COUPON,
    },
)
async def complete_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    reference: _Reference,
    data: JSONBody[Completion],
) -> Redemption:
    return await redeeming.complete(db, coupons_in(state), context, caller, reference, data)


@post(
    "/{reference:str}/cancel",
    status_code=200,
    guards=_CANCEL,
    opt=_LIMITS,
    summary="Cancel a redemption",
    description="An employee within 15 minutes, the station's administrator within a day, the chain's within 30. "
    "Tickets are taken back; the campaign says whether the coupon is given back.",
    responses={
        200: good(Cancelled, "What became of it.", _CANCELLED_EXAMPLE),
        403: _FORBIDDEN,
        404: _UNKNOWN,
        409: problem_spec(HTTPStatus.CONFLICT, "redemption.too_late", "the time to cancel this redemption is over"),
        422: _INVALID,
        503: UNAVAILABLE,
    },
)
async def cancel_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    reference: _Reference,
    data: JSONBody[Cancellation],
) -> Cancelled:
    return await redeeming.cancel(db, coupons_in(state), context, caller, reference, data.reason)


@get(
    "/",
    guards=_READ,
    summary="List redemptions",
    description="Newest first: the own ones of a customer, those of the station for its staff, all for administrators.",
    responses={
        200: good(Page[Redemption], "A page.", {"items": [REDEMPTION_EXAMPLE], "next_cursor": None}),
        403: problem_spec(
            HTTPStatus.FORBIDDEN, "auth.other_station", "this account may not see the redemptions of that station"
        ),
        422: _INVALID,
    },
)
async def list_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    *,
    mine: Annotated[bool, QueryParameter(description="The own ones, for staff as well.")] = False,
    station: Annotated[
        str | None, QueryParameter(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", description="Those of this station.")
    ] = None,
    status: Annotated[Status | None, QueryParameter(description="Any when left out.")] = None,
    cursor: _Cursor = None,
    limit: _Limit = 20,
) -> Page[Redemption]:
    async with db.connection() as conn:
        return await reading.list_redemptions(
            conn, caller, mine=mine, station_code=station, status=status, cursor=cursor, limit=limit
        )


@get(
    "/{reference:str}",
    guards=_READ,
    summary="Look a redemption up",
    responses={200: good(Redemption, "The redemption.", REDEMPTION_EXAMPLE), 404: _UNKNOWN},
)
async def get_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], reference: _Reference
) -> Redemption:
    async with db.connection() as conn:
        return await reading.get_redemption(conn, caller, reference)


@get(
    "/{reference:str}/receipts",
    guards=_READ,
    summary="Get the tickets of a redemption with their signed receipts",
    description="Where the redemption's `receipts` points, for its driver and for the station to print. A list for "
    "each time that tickets were made. Anybody can check a receipt with `gasolinera tickets verify`.",
    responses={
        200: good(tuple[SignedIssuance, ...], "The tickets and their receipts.", _RECEIPTS_EXAMPLE),
        404: _UNKNOWN,
    },
)
async def receipts_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    reference: _Reference,
) -> tuple[SignedIssuance, ...]:
    async with db.connection() as conn:
        return await reading.signed_issuances(conn, keyring, caller, reference)


async def _is_known(users: UserDirectory, customer: UUID | None) -> bool:
    """A coupon's own owner needs no question: the coupon service asked when it gave it."""
    if customer is None:
        return True
    user = await users.find(customer)
    return user is not None and user.active


async def terminal_of(
    request: Request[Any, Any, Any], context: RequestContext, signature: str | None
) -> KnownTerminal | None:
    if signature is None:
        return None
    terminals: Terminals = request.app.state["terminals"]
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    target = path.split(b"?")[0] + (b"?" + query if query else b"")
    signed = SignedByTerminal(
        signature=signature,
        method=request.method,
        target=target.decode("latin-1"),
        body_sha256=to_base64url(hashlib.sha256(await request.body()).digest()),
    )
    return await terminals.verify(context, signed)


def coupons_in(state: State) -> Coupons:
    found: Coupons = state["coupons"]
    return found


HANDLERS = (redeem_route, validate_route, complete_route, cancel_route, list_route, get_route, receipts_route)
