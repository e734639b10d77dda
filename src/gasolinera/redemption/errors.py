"""What the redemption of coupons refuses, and what a refusal means to the one who asked."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from gasolinera.errors import (
    ConflictError,
    ForbiddenError,
    GasolineraError,
    GoneError,
    HTTPStatus,
    InputError,
    UnknownError,
)
from gasolinera.redemption.models import SIGNED, Redemption, Status

NOT_REDEEMABLE: Final = "COUPON_REFUSED"
NOT_REDEEMABLE_REASON: Final = "The coupon was not redeemable."


class SuspendedError(GasolineraError):
    """Somebody may lift it; nobody knows when."""

    status: ClassVar[HTTPStatus] = HTTPStatus.LOCKED


# Said only to who may redeem and showed a code that we signed.
_REASONS: Final[Mapping[str, tuple[type[GasolineraError], str]]] = {
    "ALREADY_USED": (ConflictError, "the coupon was used already"),
    "EXPIRED": (GoneError, "the coupon has expired"),
    "NOT_YET_VALID": (ConflictError, "the coupon is not valid yet"),
    "SUSPENDED": (SuspendedError, "the coupon is suspended"),
    "CANCELLED": (GoneError, "the coupon was cancelled"),
    "CAMPAIGN_NOT_ACTIVE": (ConflictError, "the coupon's campaign is not running"),
    "LIMIT_REACHED": (ConflictError, "the campaign's limit is reached"),
    "BUDGET_EXHAUSTED": (ConflictError, "the campaign's budget is spent"),
    "USER_NOT_ELIGIBLE": (ConflictError, "the coupon is not for this customer"),
    "STATION_NOT_ELIGIBLE": (ConflictError, "the coupon is not for this station"),
    "FUEL_NOT_ELIGIBLE": (ConflictError, "the coupon is not for this fuel"),
    "TIME_NOT_ELIGIBLE": (ConflictError, "the coupon is not for this day or hour"),
    "MINIMUM_NOT_MET": (ConflictError, "the purchase is below the coupon's minimum"),
}


def not_redeemable() -> ConflictError:
    """The one answer to typed codes, and to whatever we did not sign: it says nothing of what exists."""
    return ConflictError("coupon.not_redeemable", "this coupon cannot be redeemed", "scan its code to learn more")


def not_live() -> ConflictError:
    """Only for what we signed, and to who serves."""
    return ConflictError("coupon.not_live", "this is a picture of a code, or an old one", "let the wallet show it")


def refusal_of(redemption: Redemption) -> GasolineraError:
    """What a FAILED redemption means to the one who asked for it; the same each time."""
    code = redemption.failure_code or NOT_REDEEMABLE
    # Without a coupon there is none of which it could say that it exists.
    if code == "FRAUD_BLOCKED" and (redemption.validation_method in SIGNED or redemption.coupon_code is None):
        return ForbiddenError("redemption.blocked", "this redemption is stopped", "ask the station's administrator")
    if code == "NOT_COMPLETED":
        return over()
    return _refused(code, (redemption.failure_reason or "").split(", ")[1:])


def refusal_for(reasons: Sequence[str], *, is_signed: bool) -> GasolineraError:
    """What a coupon's refusal means before there is a redemption of it."""
    return _refused(reasons[0], reasons[1:]) if is_signed else not_redeemable()


def _refused(code: str, more: Sequence[str]) -> GasolineraError:
    if code not in _REASONS:
        return not_redeemable()
    kind, sentence = _REASONS[code]
    others = [_REASONS[word][1] for word in more if word in _REASONS]
    return kind(f"coupon.{code.lower()}", sentence, "; ".join(others) or None)


def is_guess(redemption: Redemption) -> bool:
    """A typed code that was refused: that there is a redemption of it would say that it exists. The lists' queries have
    the same.
    """
    is_refused = redemption.status is Status.FAILED and redemption.failure_code in (NOT_REDEEMABLE, "FRAUD_BLOCKED")
    return is_refused and redemption.validation_method not in SIGNED and redemption.coupon_code is not None


def unknown_redemption() -> UnknownError:
    return UnknownError("redemption.unknown", "there is no redemption with this reference")


def not_employed() -> ForbiddenError:
    return ForbiddenError("redemption.not_employed", "this account may not process transactions at this station")


def other_request() -> InputError:
    return InputError("idempotency.other_payload", "this key was used for another request", "make a new key")


def under_way() -> ConflictError:
    return ConflictError("redemption.under_way", "the redemption is being processed", "ask again in a moment")


def over() -> GoneError:
    return GoneError("redemption.over", "the redemption ended before it was completed", "validate the coupon again")


def too_late() -> ConflictError:
    return ConflictError("redemption.too_late", "the time to cancel this redemption is over", "ask somebody above you")


def customer_needed() -> InputError:
    hint = "the coupon names nobody: say whose it is"
    return InputError("redemption.customer_needed", "it is not known who redeems", hint)


def customer_unknown() -> InputError:
    return InputError("redemption.customer", "there is no active account of this customer")


def own_redemption() -> ForbiddenError:
    return ForbiddenError("redemption.own", "nobody serves himself", "ask a colleague")


def other_terminal() -> ForbiddenError:
    return ForbiddenError("redemption.other_terminal", "this terminal belongs to another station")


def place_needed() -> InputError:
    hint = "name the dispenser, or let an enrolled terminal sign the request"
    return InputError("redemption.place", "it is not known where it is redeemed", hint)


def unknown_pump_code() -> UnknownError:
    return UnknownError("pump.unknown", "there is no such code at a pump")


def pump_code_taken() -> ConflictError:
    return ConflictError("pump.taken", "somebody else scanned this code", "ask the employee for another one")


def pump_code_expired() -> GoneError:
    return GoneError("pump.expired", "this code is over", "ask the employee for another one")


def pump_fuel_needed() -> InputError:
    hint = "ask the employee for a code that names the fuel"
    return InputError("redemption.fuel", "this code names no fuel, so no coupon can be used with it", hint)


def pump_code_busy() -> ConflictError:
    return ConflictError("pump.busy", "this code was activated with another coupon, or without one")


REFUSALS: Final[Mapping[str, Callable[[], GasolineraError]]] = {
    "redemptions_rounding_check": lambda: InputError("redemption.amount", "colones are quoted without cents"),
}
