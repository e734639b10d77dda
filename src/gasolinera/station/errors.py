"""What the station service refuses, and what each constraint of its tables means to the one who asked."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from gasolinera.errors import ConflictError, GasolineraError, HTTPStatus, InputError, UnknownError


class StaleError(GasolineraError):
    """Somebody else changed it since it was read."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_FAILED


class VersionNeededError(GasolineraError):
    """A change that does not say what it is a change of."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_REQUIRED


def unknown_station() -> UnknownError:
    return UnknownError("station.unknown", "there is no station with this code")


def stale() -> StaleError:
    return StaleError(
        "station.stale", "somebody changed the station since it was read", "read it again, then repeat the change"
    )


def _conflict(code: str, message: str, hint: str | None = None) -> Callable[[], GasolineraError]:
    return lambda: ConflictError(code, message, hint)


def _invalid(field: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: InputError(f"station.{field}", message)


UNREADABLE = "holds neither letter nor digit, or signs that turn its direction"

REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "stations_station_code_key": _conflict("station.code_taken", "another station has this code"),
    "stations_permit_number_key": _conflict("station.permit_taken", "another station has this permit"),
    "stations_status_change_check": _conflict("station.status", "the station cannot take this status from its present"),
    "stations_name_check": _invalid("name", "the name holds nothing that can be read"),
    "stations_name_readable_check": _invalid("name", f"the name {UNREADABLE}"),
    "stations_address_check": _invalid("address", "the address is not of 1 to 300 characters"),
    "stations_texts_readable_check": _invalid("text", f"a text {UNREADABLE}"),
    "stations_opened_on_check": _invalid("opened_on", "the day is before 1900"),
    "station_hours_exceptions_note_check": _invalid("text", f"a text {UNREADABLE}"),
    "station_fuel_prices_reason_check": _invalid("text", f"a text {UNREADABLE}"),
    "station_scheduled_prices_reason_check": _invalid("text", f"a text {UNREADABLE}"),
    "stations_city_check": _invalid("city", "the city is not of 1 to 100 characters"),
    "stations_state_check": _invalid("state", "the state is not of 1 to 100 characters"),
    "stations_postal_code_check": _invalid("postal_code", "the country has no such postal codes"),
    "stations_location_check": _invalid("location", "the coordinates are not on Earth"),
    "stations_location_is_not_zero_check": _invalid("location", "0, 0 is no place of a station"),
    "stations_mexico_location_check": _invalid("location", "the coordinates are not in Mexico"),
    "stations_time_zone_check": _invalid("time_zone", "nobody knows this time zone"),
    "stations_phone_check": _invalid("phone", "the phone is not of the form +525555000101"),
    "stations_email_check": _invalid("email", "the email is no address"),
    "stations_email_domain_check": _invalid("email", "the email's domain is one for examples"),
    "stations_participant_is_known_check": _invalid(
        "accepts_coupons", "a station of the programme has an address, city, state, time zone and pumps"
    ),
    "stations_participant_sells_check": _invalid("accepts_coupons", "an active station of the programme sells fuel"),
    "stations_opening_hours_valid_check": _invalid("hours", "the opening hours are not valid"),
    "station_fuel_prices_price_check": _invalid("price", "a price is greater than zero"),
    "station_fuel_prices_plausible_check": _invalid("price", "a litre does not cost that in this currency"),
    "station_scheduled_prices_plausible_check": _invalid("price", "a litre does not cost that in this currency"),
    "station_scheduled_prices_valid_from_check": _invalid("valid_from", "the moment is past, or over 90 days ahead"),
    "station_scheduled_prices_pk": _conflict(
        "station.price_scheduled", "another price is scheduled for this moment", "choose another moment"
    ),
}
