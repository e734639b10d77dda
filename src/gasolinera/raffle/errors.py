"""What raffles and their entries refuse, and what each constraint of their tables means to the one who asked."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from gasolinera.errors import ConflictError, GasolineraError, HTTPStatus, InputError, UnknownError


class StaleError(GasolineraError):
    """Somebody else changed it since it was read."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_FAILED


class VersionNeededError(GasolineraError):
    """A change that does not say what it is a change of."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_REQUIRED


def version_needed() -> VersionNeededError:
    hint = "send If-Match: the ETag read"
    return VersionNeededError("raffle.version_needed", "the change does not say which version it is of", hint)


def stale() -> StaleError:
    return StaleError(
        "raffle.stale", "somebody changed the raffle since it was read", "read it again, then repeat the change"
    )


def unknown_raffle() -> UnknownError:
    return UnknownError("raffle.unknown", "there is no raffle with this code")


def unknown_prize() -> UnknownError:
    return UnknownError("raffle.unknown_prize", "the raffle has no prize of this rank")


def unknown_terms() -> UnknownError:
    return UnknownError("raffle.unknown_terms", "the raffle has no terms of this version")


def unknown_entry() -> UnknownError:
    return UnknownError("raffle.unknown_entry", "there is no such entry in this raffle")


def unknown_exclusion() -> UnknownError:
    return UnknownError("raffle.unknown_exclusion", "nobody is kept out under this reference")


def no_draft(status: str) -> ConflictError:
    hint = "what is published stays; cancel the raffle and hold another"
    return ConflictError("raffle.no_draft", f"the raffle is {status}, and only a draft can be changed so", hint)


def wrong_status(before: str, wanted: str) -> ConflictError:
    return ConflictError("raffle.status", f"a raffle that is {before} cannot become {wanted}")


def no_prize() -> ConflictError:
    return ConflictError("raffle.no_prize", "a raffle without a prize does not open", "add a prize")


def no_dates() -> ConflictError:
    hint = "set opens_at, closes_at and draw_at"
    return ConflictError("raffle.no_dates", "a raffle without its dates does not open", hint)


def no_terms() -> ConflictError:
    return ConflictError("raffle.no_terms", "a raffle without terms does not open", "write its terms down")


def is_past() -> ConflictError:
    return ConflictError("raffle.past", "the time of the raffle is over", "move its dates first")


def not_over() -> ConflictError:
    return ConflictError("raffle.not_over", "the raffle takes entries until closes_at", "cancel it to end it before")


def entries_waiting() -> ConflictError:
    hint = "try again in half a minute; after half an hour it closes all the same"
    return ConflictError("raffle.entries_waiting", "what came before its end may still be on its way", hint)


def not_open() -> ConflictError:
    return ConflictError("raffle.not_open", "the raffle is not open now")


def asks_no_age() -> ConflictError:
    return ConflictError("raffle.no_age", "the raffle asks for no age", "nothing needs to be confirmed")


def too_young() -> InputError:
    return InputError("raffle.age", "the raffle asks for another age", "confirm the age that the raffle names")


def _conflict(code: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: ConflictError(f"raffle.{code}", message)


def _invalid(field: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: InputError(f"raffle.{field}", message)


RAFFLE_REFUSALS: Final[Mapping[str, Callable[[], GasolineraError]]] = {
    "raffles_raffle_code_key": _conflict("code_taken", "another raffle has this code"),
    "raffles_dates_check": _invalid("dates", "a raffle opens before it closes, and is drawn at its close or after it"),
    "raffles_finite_dates_check": _invalid("dates", "a date is a day of the calendar"),
    "raffles_time_zone_check": _invalid("time_zone", "nobody knows this time zone"),
    "raffles_name_check": _invalid("name", "the name holds nothing that can be seen"),
    "raffles_source_weights_check": _invalid(
        "source_weights", "a WEIGHTED raffle, and no other, weighs every source with 1 to 1000"
    ),
    "raffles_min_tickets_per_user_check": _invalid("min_tickets", "the least of tickets is above the most"),
    "raffles_published_check": _conflict("incomplete", "the raffle lacks dates or terms"),
    "raffles_permit_check": _conflict("no_permit", "a raffle names its organizer, its permit and where its terms are"),
    "raffles_terms_url_https_check": _invalid("terms_url", "the address begins with https://"),
    "raffle_prizes_image_url_https_check": _invalid("image_url", "the address begins with https://"),
    "raffle_prizes_raffle_id_rank_key": _conflict("rank_taken", "another prize has this rank"),
    "raffle_prizes_prize_value_check": _invalid("prize_value", "a value is not below zero; colones have no cents"),
    "raffle_prizes_name_check": _invalid("name", "the name holds nothing that can be seen"),
    "raffle_terms_pk": _conflict("terms_version", "this version is written down already, and does not change"),
    "raffle_terms_body_check": _invalid("terms", "terms have 1 to 200,000 bytes"),
    "excluded_persons_user_id_raffle_id_key": _conflict("excluded_already", "this person is kept out already"),
}
