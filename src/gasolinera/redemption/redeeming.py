"""The saga of a redemption: intent, coupon, completion. Each step is one statement that may be asked again.

Functions take the `Database`, for each step is a transaction of its own, and the coupon service is asked between them.
A step that is lost on the way is taken again by whoever comes next, a repeated request or the recovery, with the same
end: the coupon service has one answer for each reference, and a finished redemption does not change. So a step whose
connection was lost is sent again at once.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
import structlog

from gasolinera import coupon_calls
from gasolinera.coupon_calls import Coupons, Found, Given, Purchase, Refused, Restoration
from gasolinera.database import Database, RequestContext
from gasolinera.errors import ForbiddenError, InputError, UnavailableError
from gasolinera.permissions import Caller, Permission, Reach, Role
from gasolinera.redemption import errors, queries, queries_offline
from gasolinera.redemption.models import (
    SIGNED,
    Cancelled,
    Completion,
    Flow,
    Method,
    Purchased,
    Redemption,
    RedemptionRequest,
    Status,
    Validation,
    check_amounts,
    fingerprint,
    purchased,
)
from gasolinera.redemption.queries import Employee, Intent, Step
from gasolinera.redemption.shown import note_guess, shown_to
from gasolinera.terminal_calls import KnownTerminal

_ONE_SHOT_PATIENCE: Final = timedelta(seconds=30)  # longer than any request may take
TWO_STEP_PATIENCE: Final = timedelta(minutes=30)  # to validate, queue, pump and pay
_CANCEL_WITHIN: Final = {
    Role.EMPLOYEE: timedelta(minutes=15),
    Role.STATION_ADMIN: timedelta(hours=24),
    Role.SYSTEM_ADMIN: timedelta(days=30),
}
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Known(msgspec.Struct, frozen=True):
    """What the edge has found out before: which terminal signed, that the customer has an account, and when a live
    code was seen, if that was before this request.
    """

    terminal: KnownTerminal | None
    is_customer: bool
    seen_at: datetime | None = None


async def redeem(  # noqa: PLR0913  a request, who asks, and what its edge knows of it
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    caller: Caller,
    key: str,
    asked: RedemptionRequest,
    *,
    terminal: KnownTerminal | None = None,
    is_customer_known: bool = True,
    seen_at: datetime | None = None,
) -> Redemption:
    """A coupon redeemed in one request. The same request under the same key gets the same answer.

    `is_customer_known`: whether the customer that it names, if any, has an active account. `seen_at`: when we saw its
    code live, if that was before. Raises ForbiddenError, InputError, UnavailableError, and what `errors.refusal_of`
    makes of a refused coupon.
    """
    known = _Known(terminal, is_customer_known, seen_at)
    begun = await _begin(db, coupons, context, caller, key, asked, Flow.ONE_SHOT, known)
    return ended(await drive(db, coupons, context, begun, device_id=asked.device_id))


async def validate(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    caller: Caller,
    key: str,
    asked: RedemptionRequest,
    *,
    terminal: KnownTerminal | None = None,
    is_customer_known: bool = True,
) -> Validation:
    """The first of two steps: says what the coupon would give for the amount that was named, and reserves nothing.

    The redemption waits half an hour for its second step. Raises as `redeem` does.
    """
    known = _Known(terminal, is_customer_known)
    begun = await _begin(db, coupons, context, caller, key, asked, Flow.TWO_STEP, known)
    if begun.status is not Status.PENDING:
        return _validated_before(begun)
    assert begun.coupon_code is not None, "only a pump's code goes without"
    purchase = _purchase_of(begun, begun.coupon_code, asked.device_id)
    answer = await coupons.quote(context, purchase)
    if isinstance(answer, Refused):
        # Refused perhaps by the own use: the second step may be through, while this was a repetition of the first.
        return _validated_before(await _fail(db, context, begun, answer))
    return Validation(
        redemption=begun,
        discount_amount=answer.discount_amount,
        final_amount=answer.final_amount,
        raffle_tickets=answer.raffle_tickets,
    )


async def complete(
    db: Database, coupons: Coupons, context: RequestContext, caller: Caller, reference: str, asked: Completion
) -> Redemption:
    """The second step, with what the pump says. The same one again gets the same answer.

    Raises as `redeem` does, and UnknownError, GoneError `redemption.over`.
    """
    employee = employee_of(caller)
    async with db.connection() as conn:
        known = await queries.get(conn, reference, user_id=None, station_code=employee.station_code)
    if known is None:
        raise errors.unknown_redemption()
    bought = purchased(asked, known.currency)
    step = await db.run_statement(
        lambda conn: queries.start(
            conn,
            context,
            reference,
            request_sha256=fingerprint(asked),
            employee=employee,
            fuel_type=asked.fuel_type,
            purchased=bought,
        ),
        is_idempotent=True,
    )
    if step.outcome == "NOT_EMPLOYED":
        raise errors.not_employed()
    if step.outcome == "OWN":
        raise errors.own_redemption()
    if step.redemption is None or step.outcome == "UNKNOWN":
        raise errors.unknown_redemption()
    if step.outcome == "OTHER_REQUEST":
        raise errors.other_request()
    if step.outcome == "OVER":
        raise errors.over()
    return ended(await drive(db, coupons, context, step.redemption))


async def drive(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    redemption: Redemption,
    *,
    device_id: str | None = None,
) -> Redemption:
    """From wherever it is to its end, COMPLETED or FAILED; a redemption that is not under way stays as it is."""
    if not redemption.is_under_way:
        return redemption
    answer: coupon_calls.Answer = Given(
        discount_amount=Decimal(0), final_amount=redemption.original_amount, raffle_tickets=0, raffle_code=None
    )
    if redemption.coupon_code is not None:
        purchase = _purchase_of(redemption, redemption.coupon_code, device_id)
        if redemption.flow is Flow.OFFLINE:
            async with db.connection() as conn:
                taken_at = await queries_offline.used_at(conn, redemption.transaction_reference)
            purchase = msgspec.structs.replace(purchase, at=taken_at)
        answer = await coupons.consume(context, purchase)
    if isinstance(answer, Refused):
        return await _fail(db, context, redemption, answer)
    given = answer
    return await db.run_statement(
        lambda conn: queries.complete(
            conn,
            context,
            redemption.transaction_reference,
            given.discount_amount,
            given.raffle_tickets,
            given.raffle_code,
        ),
        is_idempotent=True,
    )


async def cancel(
    db: Database, coupons: Coupons, context: RequestContext, caller: Caller, reference: str, reason: str
) -> Cancelled:
    """Cancelled with its tickets and event; then the coupon is given back by its campaign's policy.

    Where the coupon service is away, the event brings it there later. Raises ForbiddenError, UnknownError,
    ConflictError `redemption.under_way` or `redemption.too_late`, and `errors.refusal_of` for one that failed.
    """
    is_chain = caller.reach(Permission.REDEMPTIONS_CANCEL) is Reach.ALL
    if is_chain and not caller.has_second_factor:
        hint = "log in again and confirm with the second factor"
        raise ForbiddenError("auth.second_factor_needed", "this needs a login with the second factor", hint)
    employee = None if is_chain else employee_of(caller)
    step = await db.run_statement(
        lambda conn: queries.cancel(
            conn,
            context,
            reference,
            asked_by=caller.user_id,
            employee_number=None if employee is None else employee.employee_number,
            station_code=None if employee is None else employee.station_code,
            reason=reason,
            within=_CANCEL_WITHIN.get(caller.role, timedelta(0)),
        ),
        is_idempotent=True,
    )
    if step.outcome == "NOT_EMPLOYED":
        raise errors.not_employed()
    if step.redemption is None:
        raise errors.unknown_redemption()
    if step.outcome == "TOO_LATE":
        raise errors.too_late()
    if step.outcome == "UNDER_WAY":
        raise errors.under_way()
    if step.outcome == "FAILED":
        raise errors.refusal_of(step.redemption)
    if step.redemption.coupon_code is None or step.redemption.completed_at is None:
        return Cancelled(step.redemption, None)
    try:
        restored = await coupons.restore(context, Restoration(reference, "CANCELLED"))
    except UnavailableError as error:
        _log.warning("restore_delayed", reference=reference, reason=error.code)
        return Cancelled(step.redemption, "LATER")
    return Cancelled(step.redemption, restored.outcome)


def cancel_until(caller: Caller, redemption: Redemption) -> datetime | None:
    """Until when the caller may cancel what completed; None: nothing is there to cancel, or not by this caller."""
    within = _CANCEL_WITHIN.get(caller.role)
    if within is None or redemption.status is not Status.COMPLETED or redemption.completed_at is None:
        return None
    return redemption.completed_at + within


def ended(redemption: Redemption) -> Redemption:
    """Raises what `errors.refusal_of` makes of a FAILED one."""
    if redemption.status is Status.FAILED:
        raise errors.refusal_of(redemption)
    return redemption


def employee_of(caller: Caller) -> Employee:
    """Raises ForbiddenError `redemption.not_employed` for who works at no station."""
    if caller.user_id is None or caller.employee_number is None or caller.station_code is None:
        raise errors.not_employed()
    return Employee(caller.user_id, caller.employee_number, caller.station_code)


async def _begin(
    db: Database,
    coupons: Coupons,
    context: RequestContext,
    caller: Caller,
    key: str,
    asked: RedemptionRequest,
    flow: Flow,
    known: _Known,
) -> Redemption:
    employee = employee_of(caller)
    if known.terminal is not None and known.terminal.station_code != employee.station_code:
        raise errors.other_terminal()
    if known.terminal is None and asked.dispenser_code is None:
        raise errors.place_needed()
    if asked.customer == employee.user_id:
        raise errors.own_redemption()
    check_amounts(asked)
    shown = shown_to(employee, qr=asked.qr, code=asked.code, device_id=asked.device_id, seen_at=known.seen_at)
    found = await coupons.find(context, shown) if known.is_customer else None
    if not isinstance(found, Found):
        # A live code lasts a minute, a key until it is revoked: the request was perhaps here while they were good.
        async with db.connection() as conn:
            before = await queries.find_repeated(conn, employee, key, fingerprint(asked))
        if before is not None:
            return _begun(before, flow)
        if found is None:
            raise errors.customer_unknown()
        await note_guess(db, context, shown, found)
        raise errors.not_live() if found.reasons[0] == "NOT_LIVE" else errors.not_redeemable()
    try:
        user_id, currency, bought = _fitting(asked, found)
    except InputError:
        # Of a typed code nobody learns what fits it: that would say that it exists.
        if found.is_signed:
            raise
        raise errors.not_redeemable() from None
    intent = Intent(
        key=key,
        request_sha256=fingerprint(asked),
        flow=flow,
        employee=employee,
        terminal_code=None if known.terminal is None else known.terminal.terminal_code,
        user_id=user_id,
        coupon_code=found.coupon_code,
        campaign_code=found.campaign_code,
        method=Method.QR_SCAN if found.is_signed else Method.MANUAL_ENTRY,
        device_id=asked.device_id,
        dispenser_code=asked.dispenser_code,
        fuel_type=asked.fuel_type,
        purchased=bought,
        currency=currency,
        patience=_ONE_SHOT_PATIENCE if flow is Flow.ONE_SHOT else TWO_STEP_PATIENCE,
        is_shared=found.is_shared,
    )
    step = await db.run_statement(lambda conn: queries.begin(conn, context, intent), is_idempotent=True)
    if step.outcome == "OWN":
        raise errors.own_redemption() if found.is_signed else errors.not_redeemable()
    return _begun(step, flow)


def _begun(step: Step, flow: Flow) -> Redemption:
    """Raises what `errors.refusal_of` makes of a FAILED one."""
    if step.outcome == "NOT_EMPLOYED" or step.redemption is None:
        raise errors.not_employed()
    if step.outcome == "OTHER_REQUEST" or step.redemption.flow is not flow:
        # That a row was written for a typed code would say that the code exists.
        raise errors.not_redeemable() if errors.is_guess(step.redemption) else errors.other_request()
    return ended(step.redemption)


def _fitting(asked: RedemptionRequest, found: Found) -> tuple[UUID, str, Purchased]:
    """Whose it is, and for how much. Raises InputError where the request does not fit its coupon."""
    if asked.currency is not None and asked.currency != found.currency:
        raise InputError("redemption.currency", "the coupon is of another currency")
    user_id = asked.customer or found.user_id
    if user_id is None:
        raise errors.customer_needed()
    return user_id, found.currency, purchased(asked, found.currency)


def _validated_before(redemption: Redemption) -> Validation:
    """Raises what `errors.refusal_of` makes of a FAILED one."""
    kept = ended(redemption)
    return Validation(
        redemption=kept,
        discount_amount=kept.discount_amount,
        final_amount=kept.final_amount,
        raffle_tickets=kept.tickets_earned,
    )


def _purchase_of(redemption: Redemption, coupon_code: str, device_id: str | None) -> Purchase:
    return Purchase(
        reference=redemption.transaction_reference,
        coupon_code=coupon_code,
        user_id=redemption.user_id,
        station_code=redemption.station_code,
        amount=redemption.original_amount,
        currency=redemption.currency,
        fuel_type=redemption.fuel_type,
        employee_number=redemption.employee_number,
        method="QR_SCAN" if redemption.validation_method in SIGNED else "MANUAL_ENTRY",
        device_id=device_id,
    )


async def _fail(db: Database, context: RequestContext, redemption: Redemption, refused: Refused) -> Redemption:
    code, reason = errors.NOT_REDEEMABLE, errors.NOT_REDEEMABLE_REASON
    if redemption.validation_method in SIGNED:
        code, reason = refused.reasons[0], ", ".join(refused.reasons)
    return await db.run_statement(
        lambda conn: queries.fail(conn, context, redemption, code, reason), is_idempotent=True
    )
