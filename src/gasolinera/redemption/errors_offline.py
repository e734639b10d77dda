"""What the routes of terminals without a connection refuse."""

from collections.abc import Callable, Mapping

from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, InputError, UnknownError


def not_enabled() -> ForbiddenError:
    hint = "the chain's administrators set the limits of a station"
    return ForbiddenError("offline.not_enabled", "this station takes no coupons without a connection", hint)


def unsynced() -> ConflictError:
    hint = "send every entry first; a device whose memory was lost enrols anew"
    return ConflictError("offline.unsynced", "the terminal and the platform know different last entries", hint)


def broken() -> ConflictError:
    hint = "enrol the device anew: its old queue is for the station's administrator to look at"
    return ConflictError("offline.chain_broken", "what this terminal signed does not fit together", hint)


def no_chain() -> ConflictError:
    return ConflictError("offline.no_lease", "this terminal never had a lease", "ask for one before taking anything")


def other_terminal() -> InputError:
    return InputError("offline.other_terminal", "an entry is of another terminal than the one that sends it")


def unknown_entry() -> UnknownError:
    return UnknownError("offline.unknown", "there is no such conflict")


def unknown_limits() -> UnknownError:
    return UnknownError("offline.limits_unknown", "nobody has set limits for this station")


def resolved_already() -> ConflictError:
    return ConflictError("offline.resolved", "this conflict is resolved, and stays so")


def not_acceptable() -> ConflictError:
    hint = "say who bears the discount"
    return ConflictError("offline.not_acceptable", "the coupon service has decided about this entry already", hint)


def own_case() -> ForbiddenError:
    return ForbiddenError("offline.own_case", "nobody resolves what he himself had part in")


def chain_only() -> ForbiddenError:
    return ForbiddenError("offline.accept", "only the chain's administrators say that the chain bears a discount")


def wrong_limits() -> InputError:
    hint = "a discount is at most the amount, and the total at least one discount"
    return InputError("offline.limits", "the limits contradict each other or are out of bounds", hint)


OFFLINE_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "offline_limits_max_amount_check": wrong_limits,
    "offline_limits_max_discount_check": wrong_limits,
    "offline_limits_max_total_check": wrong_limits,
}
