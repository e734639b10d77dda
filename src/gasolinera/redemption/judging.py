"""What a coupon is worth before anybody redeems it: a look at the code alone, and what it would give for a purchase.

Neither writes a redemption nor reserves anything; the coupon service records both as attempts. As everywhere, who
scanned what we signed learns why not, and who typed learns one answer for everything.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from gasolinera.coupon_calls import Coupons, Found, Given, Purchase, Refused
from gasolinera.database import Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.permissions import Caller
from gasolinera.redemption import errors
from gasolinera.redemption.models import Fuel, Purchased, RedemptionRequest, Shown, check_amounts, purchased
from gasolinera.redemption.queries import Employee
from gasolinera.redemption.redeeming import employee_of
from gasolinera.redemption.shown import note_guess, shown_to


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon that may be redeemed here and now, for all that is known before the fuel and the amount are.

    `has_customer`: it says itself whose it is.
    """

    coupon_code: str
    campaign_code: str
    currency: str
    is_signed: bool
    has_customer: bool
    raffle_tickets: int = 0


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase would cost with the coupon. Amounts are the server's own."""

    purchased: Purchased
    currency: str
    given: Given


async def look(db: Database, coupons: Coupons, context: RequestContext, caller: Caller, shown: Shown) -> Look:
    """Raises ForbiddenError, InputError, UnavailableError, and what `errors.refusal_for` makes of a refused coupon."""
    employee = employee_of(caller)
    found = await _find(db, coupons, context, employee, shown, None)
    seen = Look(
        coupon_code=found.coupon_code,
        campaign_code=found.campaign_code,
        currency=found.currency,
        is_signed=found.is_signed,
        has_customer=found.user_id is not None,
    )
    if found.user_id is None:
        return seen  # to whom it would be given nobody knows yet, so there is nothing to judge
    given = await _ask(coupons, context, employee, found, fuel_type=None, amount=None)
    return msgspec.structs.replace(seen, raffle_tickets=given.raffle_tickets)


async def quote(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    caller: Caller,
    asked: RedemptionRequest,
    *,
    seen_at: datetime | None = None,
) -> Quote:
    """For what the pump says by now; `seen_at` as `redeem` takes it. Raises as `look` does, and InputError for amounts
    that fit no coupon, or not the one that was scanned.
    """
    employee = employee_of(caller)
    check_amounts(asked)
    found = await _find(db, coupons, context, employee, Shown(qr=asked.qr, code=asked.code), seen_at)
    try:
        bought = purchased(asked, found.currency)
    except InputError:
        # Of a typed code nobody learns what fits it: that would say that it exists.
        if found.is_signed:
            raise
        raise errors.not_redeemable() from None
    given = await _ask(coupons, context, employee, found, fuel_type=asked.fuel_type, amount=bought.amount)
    return Quote(purchased=bought, currency=found.currency, given=given)


async def _find(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    employee: Employee,
    shown: Shown,
    seen_at: datetime | None,
) -> Found:
    question = shown_to(employee, qr=shown.qr, code=shown.code, seen_at=seen_at)
    found = await coupons.find(context, question)
    if isinstance(found, Refused):
        await note_guess(db, context, question, found)
        raise errors.not_live() if found.reasons[0] == "NOT_LIVE" else errors.not_redeemable()
    if found.user_id == employee.user_id:
        raise errors.own_redemption() if found.is_signed else errors.not_redeemable()
    return found


async def _ask(
    coupons: Coupons,
    context: RequestContext,
    employee: Employee,
    found: Found,
    *,
    fuel_type: Fuel | None,
    amount: Decimal | None,
) -> Given:
    if found.user_id is None:
        raise errors.customer_needed() if found.is_signed else errors.not_redeemable()
    answer = await coupons.quote(
        context,
        Purchase(
            reference="",  # there is none yet, and a quote needs none
            coupon_code=found.coupon_code,
            user_id=found.user_id,
            station_code=employee.station_code,
            amount=amount,
            currency=found.currency,
            fuel_type=fuel_type,
            employee_number=employee.employee_number,
            method="QR_SCAN" if found.is_signed else "MANUAL_ENTRY",
        ),
    )
    if isinstance(answer, Refused):
        raise errors.refusal_for(answer.reasons, is_signed=found.is_signed)
    return answer
