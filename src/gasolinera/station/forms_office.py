"""The forms of stations: what people fill in, and the changes that it makes. Pure."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gasolinera.station import changes
from gasolinera.station.changes import CHAIN_FIELDS, DayHours, Hours, HoursChange, NewStation, StationChange
from gasolinera.station.hours import DAYS
from gasolinera.station.models import Country, Currency, Fuel, Service, Station, StationStatus, StationType
from gasolinera.web.forms import Fault, Form

SPARE_DAYS: Final = 2  # empty lines for exceptional days
_MAX_DAYS: Final = 100
_WINDOW: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(?:-|\N{EN DASH}|a|to)\s*(\d{1,2})(?::(\d{2}))?", re.IGNORECASE)

# At which field a use case's refusal is told.
STATION_FIELDS: Final[Mapping[str, str]] = {
    "station.code_taken": "station_code",
    "station.permit_taken": "permit_number",
    "station.name": "name",
    "station.address": "address",
    "station.city": "city",
    "station.state": "state",
    "station.postal_code": "postal_code",
    "station.location": "latitude",
    "station.time_zone": "time_zone",
    "station.phone": "phone",
    "station.email": "email",
    "station.accepts_coupons": "accepts_coupons",
    "station.opened_on": "opened_on",
}


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    name: changes.Name
    station_type: StationType = StationType.FULL_SERVICE
    accepts_coupons: bool = False
    permit_number: changes.Permit | None = None
    address: changes.Address | None = None
    city: changes.Place | None = None
    state: changes.Place | None = None
    postal_code: changes.PostalCode | None = None
    time_zone: changes.Zone | None = None
    pump_count: changes.Pumps | None = None
    fuels: tuple[Fuel, ...] = ()
    services_offered: tuple[Service, ...] = ()
    phone: changes.Phone | None = None
    email: changes.Email | None = None
    opened_on: date | None = None


class StationForm(_Facts, frozen=True, kw_only=True):
    """Of a station that is there: who may not move it is not asked where it is."""

    latitude: changes.Latitude | None = None
    longitude: changes.Longitude | None = None


class NewStationForm(_Facts, frozen=True, kw_only=True):
    station_code: changes.Code
    country: Country
    latitude: changes.Latitude
    longitude: changes.Longitude
    status: StationStatus = StationStatus.CONSTRUCTION


class StatusForm(msgspec.Struct, frozen=True, kw_only=True):
    status: StationStatus
    reason: changes.Reason | None = None

    def change(self) -> changes.StatusChange:
        return changes.StatusChange(self.status, self.reason)


class PriceForm(msgspec.Struct, frozen=True, kw_only=True):
    """`day` and `time` are of the station's zone; without a day it is the price from now on."""

    fuel: Fuel
    price: Decimal
    currency: Currency | None = None
    day: date | None = None
    time: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$(?!\n)")] = "00:00"
    reason: changes.Reason | None = None


def new_station_in(form: NewStationForm) -> NewStation:
    given = {name: getattr(form, name) for name in form.__struct_fields__}
    given |= {"fuels": frozenset(form.fuels), "services_offered": frozenset(form.services_offered)}
    return NewStation(**given)


def change_in(form: StationForm, station: Station, opened_on: date | None, *, is_of_chain: bool) -> StationChange:
    """What the form says otherwise than the station is; of a field that was not there to change, nothing."""
    given: dict[str, Any] = {name: getattr(form, name) for name in StationForm.__struct_fields__}
    given |= {"fuels": frozenset(form.fuels), "services_offered": frozenset(form.services_offered)}
    known: dict[str, Any] = {
        name: getattr(station, name) for name in given if name not in ("opened_on", "fuels", "services_offered")
    }
    known |= {
        "opened_on": opened_on,
        "fuels": frozenset(station.fuels),
        "services_offered": frozenset(station.services_offered),
    }
    changed = {name: value for name, value in given.items() if value != known[name]}
    for name in ("latitude", "longitude"):
        if given[name] is None:
            changed.pop(name, None)  # a station is somewhere
    if not is_of_chain:
        changed = {name: value for name, value in changed.items() if name not in CHAIN_FIELDS}
    return StationChange(**changed)


def form_of(station: Station, opened_on: date | None) -> Form:
    """The form as it is first shown: with what is known."""
    texts = (
        "name", "permit_number", "address", "city", "state", "postal_code", "latitude", "longitude", "time_zone",
        "pump_count", "phone", "email", "station_type", "version",
    )  # fmt: skip
    values = {name: str(value) for name in texts if (value := getattr(station, name)) is not None}
    if station.accepts_coupons:
        values["accepts_coupons"] = "on"
    if opened_on is not None:
        values["opened_on"] = opened_on.isoformat()
    return Form(values, {"fuels": station.fuels, "services_offered": station.services_offered})


def hours_form_of(station: Station) -> Form:
    """A line a weekday, and one for each exceptional day to come."""
    values = {day: _written(station.opening_hours.get(day, ())) for day in DAYS}
    for number, one in enumerate(station.exceptions):
        values |= {
            f"day-{number}": one.day.isoformat(),
            f"hours-{number}": _written(one.hours),
            f"note-{number}": one.note or "",
        }
    return Form(values | {"version": station.version, "count": str(len(station.exceptions) + SPARE_DAYS)})


def hours_in(form: Form) -> HoursChange | None:
    """None with the form's errors, at the lines that cannot be read."""
    week = {day: _windows(form, day) for day in DAYS}
    exceptions: list[DayHours] = []
    for number in range(count_of(form)):
        text = form.value(f"day-{number}")
        if not text:
            continue
        try:
            exceptions.append(
                msgspec.convert(
                    {
                        "day": text,
                        "hours": _windows(form, f"hours-{number}"),
                        "note": form.value(f"note-{number}") or None,
                    },
                    DayHours,
                )
            )
        except msgspec.ValidationError as error:
            form.errors[f"note-{number}" if "note" in str(error) else f"day-{number}"] = Fault("field-wrong")
    return None if form.errors else HoursChange(Hours(**week), tuple(exceptions))


def count_of(form: Form) -> int:
    """How many lines for exceptional days the form has."""
    text = form.value("count")
    return min(int(text), _MAX_DAYS) if text.isascii() and text.isdigit() else SPARE_DAYS


def _windows(form: Form, name: str) -> tuple[tuple[str, str], ...]:
    """Of a line such as `6:00-14:00, 16-22`; nothing is closed."""
    windows: list[tuple[str, str]] = []
    for part in re.split(r"[,;]", form.value(name)):
        if not part.strip():
            continue
        found = _WINDOW.fullmatch(part.strip())
        if found is None:
            form.errors[name] = Fault("field-shape")
            return ()
        begins, ends = f"{int(found[1]):02}:{found[2] or '00'}", f"{int(found[3]):02}:{found[4] or '00'}"
        try:
            windows.append(msgspec.convert((begins, ends), tuple[changes.Minute, changes.Minute]))
        except msgspec.ValidationError:
            form.errors[name] = Fault("field-shape")
            return ()
    return tuple(windows)


def _written(windows: Any) -> str:
    return ", ".join(f"{begins}-{ends}" for begins, ends in windows)
