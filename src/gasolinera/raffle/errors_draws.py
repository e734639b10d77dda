"""What breaking a constraint on draws means to the one who asked."""

from collections.abc import Callable, Mapping

from gasolinera.errors import ConflictError, GasolineraError, UnknownError


def unknown_draw() -> UnknownError:
    return UnknownError("draw.unknown", "there is no draw with this number")


def not_frozen() -> ConflictError:
    return ConflictError("draw.not_frozen", "the entries of this raffle are not frozen")


def _counts() -> GasolineraError:
    hint = "only with its raffle cancelled, or when no more evidence is taken and what it requires is missing"
    return ConflictError("draw.counts", "this draw counts and is not given up", hint)


def _other_first() -> GasolineraError:
    return ConflictError("draw.frozen_already", "the entries of this raffle are frozen already")


def _too_early() -> GasolineraError:
    return ConflictError("draw.too_early", "the round that the draw waits for has not come")


def other_chain() -> ConflictError:
    hint = "set GASOLINERA_BEACON_CHAIN to what it was at the freeze"
    return ConflictError("beacon.other_chain", "the manifest names another chain than this round is of", hint)


def _too_late_to_freeze() -> GasolineraError:
    hint = "freeze it again: a later round is named then"
    return ConflictError("draw.too_slow", "the freeze took so long that its round has come too near", hint)


def _about_to_be_known() -> GasolineraError:
    hint = "from the gap before the round on a raffle is drawn, unless evidence that it requires is missing"
    return ConflictError("draw.about_to_be_known", "it is too late to cancel: the winners are about to be known", hint)


def _prizes_too_long() -> GasolineraError:
    hint = "fewer ranks, or shorter names: a prize of many units is one rank"
    return ConflictError("raffle.prizes_too_long", "the prizes have no room in the manifest of a draw", hint)


REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "raffle_draws_voidable_check": _counts,
    "raffle_draws_valid_raffle_id_idx": _other_first,
    "raffle_draws_drawn_at_check": _too_early,
    "raffle_draws_frozen_in_time_check": _too_late_to_freeze,
    "raffles_cancellable_check": _about_to_be_known,
    "raffles_prizes_fit_check": _prizes_too_long,
}
