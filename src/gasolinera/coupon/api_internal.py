"""Coupons over HTTP for the other processes of the platform: each question may be asked again."""

from typing import Any, Final

from litestar import post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import JSONBody

from gasolinera.authentication import requires
from gasolinera.coupon import consuming
from gasolinera.coupon_calls import Answer, Found, FoundAnswer, Purchase, Restoration, Restored, Shown
from gasolinera.database import Database, RequestContext
from gasolinera.keyring import Keyring
from gasolinera.permissions import Permission

_GUARDS: Final = [requires(Permission.COUPONS_USE)]
_GIVEN = {
    "type": "given",
    "discount_amount": "47.81",
    "final_amount": "430.29",
    "raffle_tickets": 3,
    "raffle_code": "MONTHLY-2026-12",
}
_REFUSED = {"type": "refused", "reasons": ["ALREADY_USED"]}
_FOUND = {
    "found": {
        "coupon_code": "7K2M9QXD4T5WP",
        "campaign_code": "WELCOME2026",
        "currency": "MXN",
        "user_id": None,
        "is_signed": True,
    },
    "refused": None,
}


def _said(kind: Any, *examples: object) -> dict[int, ResponseSpec]:
    shown = [Example(value=example) for example in examples]
    return {200: ResponseSpec(kind, generate_examples=False, description="The answer.", examples=shown)}


@post(
    "/internal/find",
    status_code=200,
    guards=_GUARDS,
    summary="Which coupon a text means",
    description="For the other services of the platform. What is no coupon is recorded as an attempt.",
    responses=_said(FoundAnswer, _FOUND),
)
async def find_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    data: JSONBody[Shown],
) -> FoundAnswer:
    answer = await consuming.find(db, keyring, data.context or context, data)
    return FoundAnswer(found=answer) if isinstance(answer, Found) else FoundAnswer(refused=answer)


@post(
    "/internal/quote",
    status_code=200,
    guards=_GUARDS,
    summary="What a coupon would give",
    description="For the other services of the platform. Reserves nothing.",
    responses=_said(Answer, _GIVEN, _REFUSED),
)
async def quote_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Purchase]
) -> Answer:
    return await consuming.quote(db, data.context or context, data)


@post(
    "/internal/consume",
    status_code=200,
    guards=_GUARDS,
    summary="Use a coupon",
    description="For the other services of the platform. Once for each reference: asked again, the answer is the same.",
    responses=_said(Answer, _GIVEN, _REFUSED),
)
async def consume_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Purchase]
) -> Answer:
    return await consuming.consume(db, data.context or context, data)


@post(
    "/internal/restore",
    status_code=200,
    guards=_GUARDS,
    summary="Give a use back",
    description="For the other services of the platform. By the campaign's policy where it was cancelled; once.",
    responses=_said(Restored, {"outcome": "RESTORED"}),
)
async def restore_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Restoration]
) -> Restored:
    return await consuming.restore(db, data.context or context, data)


HANDLERS = (find_route, quote_route, consume_route, restore_route)
