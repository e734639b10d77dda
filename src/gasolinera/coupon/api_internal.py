"""Coupons over HTTP for the other processes of the platform: each question may be asked again."""

from typing import Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from gasolinera.authentication import requires
from gasolinera.coupon import consuming
from gasolinera.coupon_calls import Answer, Found, FoundAnswer, Purchase, Restoration, Restored, Shown
from gasolinera.database import Database, RequestContext
from gasolinera.keyring import Keyring
from gasolinera.permissions import Permission

_GUARDS: Final = [requires(Permission.COUPONS_USE)]


@post(
    "/internal/find",
    status_code=200,
    guards=_GUARDS,
    summary="Which coupon a text means",
    description="For the other services of the platform. What is no coupon is recorded as an attempt.",
)
async def find_route(
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    keyring: NamedDependency[Keyring],
    data: JSONBody[Shown],
) -> FoundAnswer:
    answer = await consuming.find(db, keyring, context, data)
    return FoundAnswer(found=answer) if isinstance(answer, Found) else FoundAnswer(refused=answer)


@post(
    "/internal/quote",
    status_code=200,
    guards=_GUARDS,
    summary="What a coupon would give",
    description="For the other services of the platform. Reserves nothing.",
)
async def quote_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Purchase]
) -> Answer:
    return await consuming.quote(db, context, data)


@post(
    "/internal/consume",
    status_code=200,
    guards=_GUARDS,
    summary="Use a coupon",
    description="For the other services of the platform. Once for each reference: asked again, the answer is the same.",
)
async def consume_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Purchase]
) -> Answer:
    return await consuming.consume(db, context, data)


@post(
    "/internal/restore",
    status_code=200,
    guards=_GUARDS,
    summary="Give a use back",
    description="For the other services of the platform. By the campaign's policy where it was cancelled; once.",
)
async def restore_route(
    db: NamedDependency[Database], context: NamedDependency[RequestContext], data: JSONBody[Restoration]
) -> Restored:
    return await consuming.restore(db, context, data)


HANDLERS = (find_route, quote_route, consume_route, restore_route)
