"""The pump's codes over HTTP: shown by the employee, scanned and activated by the driver."""

from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody, PathParameter

from gasolinera.authentication import requires
from gasolinera.config import Settings
from gasolinera.database import Database, RequestContext
from gasolinera.errors import HTTPStatus, problem_spec
from gasolinera.limits import Limit
from gasolinera.permissions import Caller, Permission
from gasolinera.redemption import pump
from gasolinera.redemption.api import ABOUT_COUPON, REDEMPTION_EXAMPLE, coupons_in
from gasolinera.redemption.models import Redemption
from gasolinera.redemption.pump import Activation, PumpWish, ShownCode
from gasolinera.redemption.queries import PumpCode

_SCAN: Final = [requires(Permission.PUMP_SCAN, fresh=True)]
_UNKNOWN = problem_spec(HTTPStatus.NOT_FOUND, "pump.unknown", "there is no such code at a pump")
_TAKEN = problem_spec(HTTPStatus.CONFLICT, "pump.taken", "somebody else scanned this code")
_EXPIRED = problem_spec(HTTPStatus.GONE, "pump.expired", "this code is over")
_CODE_EXAMPLE: Final[dict[str, object]] = {
    "nonce": "e0000000-0000-4000-8000-000000000001",
    "status": "GENERATED",
    "station_code": "JSM001",
    "dispenser_code": "D03",
    "amount": "600.00",
    "currency": "MXN",
    "base_tickets": 3,
    "fuel_type": "REGULAR",
    "expires_at": "2026-11-23T18:15:00Z",
}
_PUMP_EXAMPLE = REDEMPTION_EXAMPLE | {
    "validation_method": "PUMP_QR",
    "coupon_code": None,
    "campaign_code": None,
    "fuel_litres": None,
    "price_per_litre": None,
    "original_amount": "600.00",
    "discount_amount": "0.00",
    "final_amount": "600.00",
    "raffle_code": None,
}
_Nonce: TypeAlias = Annotated[UUID, PathParameter(description="From the code that the pump shows.")]


@post(
    "/pump-codes",
    guards=[requires(Permission.REDEMPTIONS_PROCESS, fresh=True)],
    opt={"idempotent": True, "limits": (Limit("user", 60, 60),)},
    summary="Show a code at the pump",
    description="For one purchase at one dispenser, good for a quarter of an hour; the amount earns its tickets, up to "
    "a limit. Who shows it cannot scan it.",
    responses={
        201: ResponseSpec(
            ShownCode,
            generate_examples=False,
            description="The code.",
            examples=[
                Example(value=_CODE_EXAMPLE | {"link": "https://jsm.example/p/e0000000-0000-4000-8000-000000000001"})
            ],
        ),
        403: ABOUT_COUPON[403],
        422: ABOUT_COUPON[422],
    },
)
async def show_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    data: JSONBody[PumpWish],
) -> ShownCode:
    settings: Settings = state["settings"]
    async with db.transaction(context) as conn:
        return await pump.show(
            conn,
            caller,
            data,
            rule=settings.pump_ticket_amounts,
            most_tickets=settings.pump_most_tickets,
            public_url=settings.public_url,
        )


@post(
    "/pump-codes/{nonce:uuid}/scan",
    status_code=200,
    guards=_SCAN,
    opt={"limits": (Limit("user", 60, 60),)},
    summary="Scan a code at the pump",
    description="The first driver who scans it has it; scanned again by the same one, it is the same.",
    responses={
        200: ResponseSpec(
            PumpCode,
            generate_examples=False,
            description="What it is for.",
            examples=[Example(value=_CODE_EXAMPLE | {"status": "SCANNED"})],
        ),
        404: _UNKNOWN,
        409: _TAKEN,
        410: _EXPIRED,
    },
)
async def scan_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    nonce: _Nonce,
) -> PumpCode:
    assert caller.user_id is not None, "who may scan is a person"
    async with db.transaction(context) as conn:
        return await pump.scan(conn, caller.user_id, nonce)


@post(
    "/pump-codes/{nonce:uuid}/activate",
    guards=_SCAN,
    opt={"limits": (Limit("user", 30, 60),)},
    summary="Activate a code at the pump",
    description="By who scanned it, with an own coupon or without. Activated again in the same way, it is the same.",
    responses={
        201: ResponseSpec(
            Redemption,
            generate_examples=False,
            description="The redemption, completed.",
            examples=[Example(value=_PUMP_EXAMPLE)],
        ),
        404: _UNKNOWN,
        **ABOUT_COUPON,
    },
)
async def activate_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    state: State,
    nonce: _Nonce,
    data: JSONBody[Activation],
) -> Redemption:
    assert caller.user_id is not None, "who may activate is a person"
    return await pump.activate(db, coupons_in(state), context, caller.user_id, nonce, data)


HANDLERS = (show_route, scan_route, activate_route)
