"""The code that a pump shows: an employee asks for it, one driver scans it and activates it, with a coupon or without.

The amount itself earns tickets, one for each so much of a currency; a coupon comes on top of them.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta

from gasolinera.coupon_calls import Coupons
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.permissions import Caller
from gasolinera.redemption import errors, queries
from gasolinera.redemption.models import (
    Currency,
    DeviceId,
    DispenserCode,
    Fuel,
    Fuelling,
    Redemption,
    ScannedText,
    TypedCode,
    purchased,
)
from gasolinera.redemption.queries import PumpCode
from gasolinera.redemption.redeeming import drive, employee_of, ended, find_shown

MAX_TICKETS: Final = 9_900  # with a coupon's hundred a redemption's ten thousand
_GOOD_FOR: Final = timedelta(minutes=15)
_RULE: Final = re.compile(r"([A-Z]{3})=([0-9]+)")


class PumpWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`multiples`: so many times what one ticket costs; else the amount. Without a fuel no coupon can be used."""

    dispenser_code: DispenserCode
    currency: Currency
    amount: Decimal | None = None
    multiples: Annotated[int, Meta(ge=1, le=MAX_TICKETS)] | None = None
    fuel_type: Fuel | None = None


class ShownCode(PumpCode, frozen=True, kw_only=True):
    """`link`: what the pump's screen shows as a QR code."""

    link: str


class Activation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The driver's own coupon, scanned or typed; neither: for the tickets of the amount alone."""

    qr: ScannedText | None = None
    code: TypedCode | None = None
    device_id: DeviceId | None = None


def ticket_amounts(rule: str) -> dict[str, Decimal]:
    """What one ticket costs, by currency, of a setting such as `CRC=5000,MXN=200`."""
    return {currency: Decimal(amount) for currency, amount in _RULE.findall(rule)}


async def show(conn: Connection, caller: Caller, wish: PumpWish, *, rule: str, public_url: str) -> ShownCode:
    """A code of a quarter of an hour. Raises ForbiddenError `redemption.not_employed`, InputError."""
    price = ticket_amounts(rule).get(wish.currency)
    if (wish.amount is None) == (wish.multiples is None):
        raise InputError("redemption.amount", "either an amount or multiples of a ticket's price")
    if wish.multiples is not None and price is None:
        raise InputError("redemption.amount", "this currency earns no tickets at the pump", "name the amount")
    asked = wish.amount if wish.multiples is None or price is None else wish.multiples * price
    amount = purchased(Fuelling(amount=asked), wish.currency).amount
    tickets = 0 if price is None else min(int(amount // price), MAX_TICKETS)
    employee = employee_of(caller)
    code = await queries.show_pump_code(
        conn,
        uuid4(),
        employee,
        dispenser_code=wish.dispenser_code,
        amount=amount,
        currency=wish.currency,
        tickets=tickets,
        fuel_type=wish.fuel_type,
        good_for=_GOOD_FOR,
    )
    if code is None:
        raise errors.not_employed()
    return ShownCode(**msgspec.structs.asdict(code), link=f"{public_url}/p/{code.nonce}")


async def scan(conn: Connection, user_id: UUID, nonce: UUID) -> PumpCode:
    """The first driver who scans it has it. Raises UnknownError, ConflictError `pump.taken`, GoneError `pump.expired`.

    Locks the code.
    """
    code = await queries.scan_pump_code(conn, nonce, user_id)
    if code is not None:
        return code
    is_taken = await queries.is_pump_code_taken(conn, nonce, user_id)
    if is_taken is None:
        raise errors.unknown_pump_code()
    raise errors.pump_code_taken() if is_taken else errors.pump_code_expired()


async def activate(
    db: Database, coupons: Coupons, context: RequestContext, user_id: UUID, nonce: UUID, asked: Activation
) -> Redemption:
    """A redemption of who scanned the code; the same activation again gets the same one.

    A coupon that is refused leaves the code as it was, for another one or for none. Raises as `redeem` and `scan` do,
    and ConflictError `pump.busy`.
    """
    found = None
    if asked.qr is not None or asked.code is not None:
        found = await find_shown(
            db, coupons, context, qr=asked.qr, code=asked.code, who=user_id, device_id=asked.device_id
        )
    step = await db.run_statement(
        lambda conn: queries.begin_pump(
            conn,
            context,
            nonce,
            user_id,
            coupon_code=None if found is None else found.coupon_code,
            campaign_code=None if found is None else found.campaign_code,
            device_id=asked.device_id,
        ),
        is_idempotent=True,
    )
    if step.outcome == "EXPIRED":
        raise errors.pump_code_expired()
    if step.redemption is None:
        raise errors.unknown_pump_code()
    if step.outcome == "BUSY":
        raise errors.pump_code_busy()
    return ended(await drive(db, coupons, context, step.redemption, device_id=asked.device_id))
