"""The code that a pump shows: an employee asks for it, one driver scans it and activates it, with a coupon or without.

The amount itself earns tickets, one for each so much of a currency; a coupon comes on top of them.
"""

import hashlib
import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID, uuid4

import msgspec
from msgspec import Meta

from gasolinera.coupon_calls import Coupons, Refused, Shown
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
    fingerprint,
    purchased,
)
from gasolinera.redemption.queries import Employee, PumpCode
from gasolinera.redemption.redeeming import drive, employee_of, ended
from gasolinera.redemption.shown import note_guess, shown_to

_MOST_TICKETS: Final = 9_900  # with a coupon's hundred a redemption's ten thousand
_GOOD_FOR: Final = timedelta(minutes=15)
_RULE: Final = re.compile(r"([A-Z]{3})=([0-9]+)")


class PumpWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`multiples`: so many times what one ticket costs; else the amount. Without a fuel no coupon can be used."""

    dispenser_code: DispenserCode
    currency: Currency
    amount: Decimal | None = None
    multiples: Annotated[int, Meta(ge=1, le=_MOST_TICKETS)] | None = None
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


async def show(
    conn: Connection,
    caller: Caller,
    wish: PumpWish,
    *,
    rule: str,
    most_tickets: int,
    public_url: str,
    key: UUID | None = None,
) -> ShownCode:
    """A code of a quarter of an hour. No amount earns more than `most_tickets`. Under the same key the same purchase
    of the same employee has one code.

    Raises ForbiddenError `redemption.not_employed`, InputError.
    """
    price = ticket_amounts(rule).get(wish.currency)
    if (wish.amount is None) == (wish.multiples is None):
        raise InputError("redemption.amount", "either an amount or multiples of a ticket's price")
    if wish.multiples is not None and price is None:
        raise InputError("redemption.amount", "this currency earns no tickets at the pump", "name the amount")
    if wish.multiples is not None and wish.multiples > most_tickets:
        raise InputError("redemption.amount", f"at most {most_tickets} tickets with one code")
    asked = wish.amount if wish.multiples is None or price is None else wish.multiples * price
    amount = purchased(Fuelling(amount=asked), wish.currency).amount
    tickets = 0 if price is None else min(int(amount // price), most_tickets)
    employee = employee_of(caller)
    code = await queries.show_pump_code(
        conn,
        uuid4() if key is None else _nonce_of(key, employee, wish),
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
    return ShownCode(**msgspec.structs.asdict(code), link=link_of(public_url, code.nonce))


def _nonce_of(key: UUID, employee: Employee, wish: PumpWish) -> UUID:
    """As hard to guess as the key, which only the employee's page has."""
    told = b"\0".join((key.bytes, employee.employee_number.encode(), employee.station_code.encode(), fingerprint(wish)))
    return UUID(bytes=hashlib.sha256(told).digest()[:16], version=4)


def link_of(public_url: str, nonce: UUID) -> str:
    """What the pump's code says: an address that a phone's own camera opens, too."""
    return f"{public_url}/p/{nonce}"


async def scan(conn: Connection, user_id: UUID, nonce: UUID) -> PumpCode:
    """The first driver who scans it has it, but nobody his own one.

    Raises UnknownError, ConflictError `pump.taken`, GoneError `pump.expired`, ForbiddenError `redemption.own`.
    Locks the code.
    """
    code = await queries.scan_pump_code(conn, nonce, user_id)
    if code is not None:
        return code
    match await queries.why_not_scanned(conn, nonce, user_id):
        case None:
            raise errors.unknown_pump_code()
        case "TAKEN":
            raise errors.pump_code_taken()
        case "OWN":
            raise errors.own_redemption()
        case _:
            raise errors.pump_code_expired()


async def activate(
    db: Database, coupons: Coupons, context: RequestContext, user_id: UUID, nonce: UUID, asked: Activation
) -> Redemption:
    """A redemption of who scanned the code; the same activation again gets the same one.

    A coupon that is refused leaves the code as it was, for another one or for none. Raises as `redeem` and `scan` do,
    and ConflictError `pump.busy`.
    """
    found = None
    if asked.qr is not None or asked.code is not None:
        shown = shown_to(user_id, qr=asked.qr, code=asked.code, device_id=asked.device_id)
        found = await coupons.find(context, shown)
        if isinstance(found, Refused):
            begun = await _begun_before(db, context, user_id, nonce, shown, found)
            return ended(await drive(db, coupons, context, begun, device_id=asked.device_id))
    step = await db.run_statement(
        lambda conn: queries.begin_pump(
            conn,
            context,
            nonce,
            user_id,
            coupon_code=None if found is None else found.coupon_code,
            campaign_code=None if found is None else found.campaign_code,
            device_id=asked.device_id,
            is_shared=found is not None and found.is_shared,
        ),
        is_idempotent=True,
    )
    if step.outcome == "EXPIRED":
        raise errors.pump_code_expired()
    if step.outcome == "NO_FUEL":
        assert found is not None, "only a coupon needs to know the fuel"
        raise errors.pump_fuel_needed() if found.is_signed else errors.not_redeemable()
    if step.redemption is None:
        raise errors.unknown_pump_code()
    if step.outcome == "BUSY":
        raise errors.pump_code_busy()
    return ended(await drive(db, coupons, context, step.redemption, device_id=asked.device_id))


async def _begun_before(
    db: Database, context: RequestContext, user_id: UUID, nonce: UUID, shown: Shown, refused: Refused
) -> Redemption:
    """What this driver began with a code that was good then. Else raises what a coupon that exists would have got: who
    types codes must not learn which do.
    """
    async with db.connection() as conn:
        step = await queries.look_at_pump(conn, nonce, user_id)
    before = None if step is None else step.redemption
    was_ours = refused.reasons[0] in ("NOT_LIVE", "KEY_REVOKED")
    if before is not None and before.coupon_code is not None and was_ours:
        return before
    await note_guess(db, context, shown, refused)
    if step is None:
        raise errors.unknown_pump_code()
    if step.outcome == "EXPIRED":
        raise errors.pump_code_expired()
    raise errors.not_redeemable() if before is None else errors.pump_code_busy()
