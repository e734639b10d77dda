"""The only reader of `queries_consuming.sql`: one typed function a query."""

from decimal import Decimal
from typing import cast
from uuid import UUID

import msgspec

from gasolinera.coupon_calls import Purchase, RestoreReason, Shown
from gasolinera.database import Connection, RequestContext, fetch_one, fetch_optional, load_sql, pairs_of

_SQL = load_sql("gasolinera.coupon", "queries_consuming.sql")
_FIND_COUPON = _SQL["find_coupon"]
_RECORD_REFUSED_CODE = _SQL["record_refused_code"]
_USE_COUPON = _SQL["use_coupon"]
_RESTORE_USE = _SQL["restore_use"]
_FORGET_REFUSED_USES = _SQL["forget_refused_uses"]


class KnownCoupon(msgspec.Struct, frozen=True):
    coupon_code: str
    campaign_code: str
    currency: str
    user_id: UUID | None
    is_shared: bool


class UseOutcome(msgspec.Struct, frozen=True):
    """Without reasons the rest is there, but for the raffle, which a campaign may leave open."""

    reasons: tuple[str, ...]
    discount_amount: Decimal | None
    final_amount: Decimal | None
    raffle_tickets: int | None
    raffle_code: str | None


async def find_coupon(conn: Connection, code: str) -> KnownCoupon | None:
    return await fetch_optional(conn, KnownCoupon, _FIND_COUPON, code)


async def record_refused_code(
    conn: Connection, context: RequestContext, shown: Shown, *, code: str, result: str, error: str | None
) -> None:
    await conn.execute(
        _RECORD_REFUSED_CODE,
        *pairs_of(context),
        code,
        result,
        shown.method,
        shown.user_id,
        shown.employee_number,
        shown.station_code,
        shown.device_id,
        error,
    )


async def use_coupon(
    conn: Connection, context: RequestContext, reference: str | None, purchase: Purchase
) -> UseOutcome:
    return await fetch_one(
        conn,
        UseOutcome,
        _USE_COUPON,
        *pairs_of(context),
        reference,
        purchase.coupon_code,
        purchase.user_id,
        purchase.station_code,
        purchase.employee_number,
        purchase.fuel_type,
        purchase.amount,
        None if purchase.amount is None else purchase.currency,  # an attempt has both or none
        purchase.method,
        purchase.device_id,
        purchase.at,
    )


async def restore_use(conn: Connection, context: RequestContext, reference: str, reason: RestoreReason) -> str:
    return cast("str", await conn.fetchval(_RESTORE_USE, *pairs_of(context), reference, reason))


async def forget_refused_uses(conn: Connection, at_most: int) -> int:
    return cast("int", await conn.fetchval(_FORGET_REFUSED_USES, at_most))
