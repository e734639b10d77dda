"""What may be said of a station when it is made or changed, and what is kept of each change."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gasolinera.station.models import Country, Currency, Fuel, Service, StationStatus, StationType

# Begins and ends with something, holds no control character and none that turns the direction of writing; that it can
# be read the constraint asks.
_TURNS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TEXT = rf"^[^\x00-\x20\x7f-\xa0{_TURNS}]([^\x00-\x1f\x7f-\x9f{_TURNS}]*[^\x00-\x20\x7f-\xa0{_TURNS}])?$(?!\n)"

_OLDEST = date(1900, 1, 1)

Code = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", examples=["JSM013"])]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT, examples=["Gasolinera JSM Oaxaca"])]
Permit = Annotated[str, Meta(pattern=r"^[A-Z0-9/.-]{3,40}$(?!\n)", examples=["PL/123/EXP/ES/2015"])]
Address = Annotated[str, Meta(min_length=1, max_length=300, pattern=_TEXT, examples=["Av. Juárez 5"])]
Place = Annotated[str, Meta(min_length=1, max_length=100, pattern=_TEXT, examples=["Oaxaca"])]
PostalCode = Annotated[str, Meta(pattern=r"^[0-9]{4,5}(-[0-9]{4})?$(?!\n)", examples=["68000"])]
Latitude = Annotated[float, Meta(ge=-90, le=90, examples=[17.06])]
Longitude = Annotated[float, Meta(ge=-180, le=180, examples=[-96.72])]
Zone = Annotated[
    str,
    Meta(max_length=64, pattern=r"^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$(?!\n)", examples=["America/Mexico_City"]),
]
Pumps = Annotated[int, Meta(ge=1, le=50, examples=[8])]
Phone = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$(?!\n)", examples=["+529515000113"])]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[A-Za-z0-9._%+-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$(?!\n)",
        examples=["oaxaca@gasolinera-jsm.mx"],
    ),
]
Fuels = Annotated[frozenset[Fuel], Meta(max_length=3)]
Services = Annotated[frozenset[Service], Meta(max_length=11)]
Reason = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT, examples=["new delivery"])]
Note = Annotated[str, Meta(min_length=1, max_length=100, pattern=_TEXT, examples=["Navidad"])]
Minute = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)", examples=["06:00"])]
Windows = Annotated[tuple[tuple[Minute, Minute], ...], Meta(max_length=4)]


class NewStation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    station_code: Code
    name: Name
    country: Country
    latitude: Latitude
    longitude: Longitude
    status: StationStatus = StationStatus.CONSTRUCTION
    station_type: StationType = StationType.FULL_SERVICE
    accepts_coupons: bool = False
    permit_number: Permit | None = None
    address: Address | None = None
    city: Place | None = None
    state: Place | None = None
    postal_code: PostalCode | None = None
    time_zone: Zone | None = None
    pump_count: Pumps | None = None
    fuels: Fuels = frozenset()
    services_offered: Services = frozenset()
    phone: Phone | None = None
    email: Email | None = None
    opened_on: date | None = None


class StationChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes a value away."""

    name: Name | UnsetType = UNSET
    station_type: StationType | UnsetType = UNSET
    accepts_coupons: bool | UnsetType = UNSET
    permit_number: Permit | UnsetType | None = UNSET
    address: Address | UnsetType | None = UNSET
    city: Place | UnsetType | None = UNSET
    state: Place | UnsetType | None = UNSET
    postal_code: PostalCode | UnsetType | None = UNSET
    latitude: Latitude | UnsetType = UNSET
    longitude: Longitude | UnsetType = UNSET
    time_zone: Zone | UnsetType | None = UNSET
    pump_count: Pumps | UnsetType | None = UNSET
    fuels: Fuels | UnsetType = UNSET
    services_offered: Services | UnsetType = UNSET
    phone: Phone | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    opened_on: date | UnsetType | None = UNSET


# What only those may change who manage all stations: it says what the station is to the chain and to the regulator.
CHAIN_FIELDS = frozenset({"accepts_coupons", "permit_number", "latitude", "longitude", "opened_on", "time_zone"})


class StatusChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: StationStatus
    reason: Reason | None = None


class DayHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    day: date
    hours: Windows
    note: Note | None = None


class Hours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By weekday; what ends before it begins goes on over midnight. A missing day is closed, no day at all unknown."""

    mon: Windows = ()
    tue: Windows = ()
    wed: Windows = ()
    thu: Windows = ()
    fri: Windows = ()
    sat: Windows = ()
    sun: Windows = ()


class HoursChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it replaces what is known: the week, and the exceptional days from today on."""

    opening_hours: Hours
    exceptions: Annotated[tuple[DayHours, ...], Meta(max_length=100)] = ()


class PriceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a litre. Without a currency it is the country's; without a moment it is the price from now on."""

    price: Annotated[Decimal, Meta(examples=["23.490"])]
    currency: Currency | None = None
    valid_from: Annotated[datetime, Meta(tz=True)] | None = None
    reason: Reason | None = None


class PriceSet(msgspec.Struct, frozen=True):
    """`is_scheduled`: it will become the price at `valid_from`."""

    station_code: str
    fuel: Fuel
    price: Decimal
    currency: str
    valid_from: datetime
    is_scheduled: bool


class ScheduledPrice(msgspec.Struct, frozen=True):
    """What a litre will cost from `valid_from` on, unless it is withdrawn before."""

    station_code: str
    fuel: Fuel
    price: Decimal
    currency: str
    valid_from: datetime
    reason: str | None
    scheduled_by: str
    scheduled_at: datetime


class PastPrice(msgspec.Struct, frozen=True):
    id: int
    fuel: Fuel
    price: Decimal
    currency: str
    as_of: date
    valid_from: datetime | None
    previous_price: Decimal | None
    reason: str | None
    actor: str
    set_at: datetime


class AuditEntry(msgspec.Struct, frozen=True):
    """Who changed what, when, from where. Of an update the changed values alone."""

    id: int
    event_type: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str
    correlation_id: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class AuditWish(msgspec.Struct, frozen=True):
    """Which entries, and in which order; None: any. `words` are looked for in the values."""

    kind: str | None = None
    words: str | None = None
    oldest_first: bool = False


ALL_OF_LOG: Final = AuditWish()


class Refusal(StrEnum):
    """Why a change was not made."""

    UNKNOWN = "unknown"
    STALE = "stale"
    NOT_ALLOWED = "not_allowed"
    NOT_SOLD = "not_sold"
    NEWER_KNOWN = "newer_known"


def check_opened_on(day: str) -> None:
    """Raises ValueError."""
    if not _OLDEST <= date.fromisoformat(day) <= datetime.now(UTC).date() + timedelta(days=366):
        raise ValueError("the day is before 1900, or more than a year ahead")


def check_zone(zone: str) -> None:
    """Raises ValueError. The constraint asks PostgreSQL, which knows the same names, and fails instead of refusing."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("nobody knows this time zone") from None
