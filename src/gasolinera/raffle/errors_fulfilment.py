"""What the routes of evidence, winners and prizes refuse."""

from collections.abc import Callable, Mapping
from typing import Final

from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, GoneError, InputError, UnknownError


def late() -> GoneError:
    return GoneError("witness.late", "the time for evidence of this draw is over")


def not_frozen() -> GoneError:
    return GoneError("witness.late", "this draw takes no evidence any more")


def not_listed() -> ConflictError:
    hint = "a manifest lists the witnesses that were enrolled before its freeze"
    return ConflictError("witness.not_listed", "the manifest does not list this terminal as a witness", hint)


def wrong_time() -> InputError:
    return InputError("witness.clock", "the signature's time has not come yet", "set the device's clock")


def other_key() -> ConflictError:
    return ConflictError("witness.key_known", "another witness has this key")


def unknown_prize() -> UnknownError:
    return UnknownError("prize.unknown", "there is no such prize")


def not_claimable() -> ConflictError:
    return ConflictError("prize.not_claimable", "this prize cannot be claimed now")


def not_claimed() -> ConflictError:
    return ConflictError("prize.not_claimed", "this prize is not one that was claimed and waits for its delivery")


def not_identified() -> ConflictError:
    hint = "confirm the winner's identity first; what is worth much needs a second person"
    return ConflictError("prize.not_identified", "nobody may hand this prize over yet", hint)


def own_case() -> ForbiddenError:
    return ForbiddenError("prize.own_case", "nobody claims by staff, confirms, delivers or decides for himself")


def claimer() -> ConflictError:
    return ConflictError("prize.claimer", "whoever said where the prize goes does not confirm the identity")


def no_destination(method: str) -> InputError:
    what = "an account" if method in ("DIGITAL", "CREDIT") else "an address or a station"
    return InputError("prize.destination", f"this prize needs {what} to go to", f"it is delivered as {method}")


def prepared() -> ConflictError:
    return ConflictError("prize.prepared", "the prize is being prepared, and goes where it was said")


def wrong_step() -> ConflictError:
    return ConflictError("prize.step_order", "this step does not follow those that were done")


def step_done() -> ConflictError:
    return ConflictError("prize.step_done", "this step was recorded already")


REFUSALS: Final[Mapping[str, Callable[[], GasolineraError]]] = {
    "draw_witness_signatures_in_time_check": late,
    "draw_witness_signatures_frozen_check": not_frozen,
    "draw_witness_signatures_listed_check": not_listed,
    "draw_witness_signatures_signed_at_check": wrong_time,
    "draw_witnesses_public_key_key": other_key,
    "prize_delivery_steps_claimed_check": not_claimed,
    "prize_delivery_steps_identified_check": not_identified,
    "prize_claims_claimer_check": claimer,
    "prize_delivery_steps_own_case_check": own_case,
    "prize_delivery_steps_order_check": wrong_step,
    "prize_delivery_steps_winner_id_step_key": step_done,
}
