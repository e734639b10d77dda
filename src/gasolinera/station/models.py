"""What a station, a price and an import of the regulator's feed are. No SQL, no HTTP."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

MAX_PAGE = 100
MIN_RADIUS_KM = 0.001
MAX_RADIUS_KM = 20_016.0  # half of the Earth's circumference, rounded up: everywhere


class Fuel(StrEnum):
    REGULAR = "REGULAR"
    PREMIUM = "PREMIUM"
    DIESEL = "DIESEL"


class StationStatus(StrEnum):
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    MAINTENANCE = "MAINTENANCE"
    CONSTRUCTION = "CONSTRUCTION"
    PERMANENTLY_CLOSED = "PERMANENTLY_CLOSED"


class StationType(StrEnum):
    FULL_SERVICE = "FULL_SERVICE"
    SELF_SERVICE = "SELF_SERVICE"
    HYBRID = "HYBRID"
    TRUCK_STOP = "TRUCK_STOP"
    CONVENIENCE = "CONVENIENCE"
    PREMIUM = "PREMIUM"


class Service(StrEnum):
    AIR = "AIR"
    ATM = "ATM"
    CAR_WASH = "CAR_WASH"
    CONVENIENCE_STORE = "CONVENIENCE_STORE"
    EV_CHARGING = "EV_CHARGING"
    MECHANIC = "MECHANIC"
    OIL_CHANGE = "OIL_CHANGE"
    RESTAURANT = "RESTAURANT"
    RESTROOM = "RESTROOM"
    TRUCK_PARKING = "TRUCK_PARKING"
    WIFI = "WIFI"


class Country(StrEnum):
    MX = "MX"
    GT = "GT"
    BZ = "BZ"
    SV = "SV"
    HN = "HN"
    NI = "NI"
    CR = "CR"
    PA = "PA"
    US = "US"


class Currency(StrEnum):
    MXN = "MXN"
    CRC = "CRC"
    USD = "USD"


class FuelPrice(msgspec.Struct, frozen=True):
    """The price of a litre, and the day it is of."""

    fuel: Fuel
    price: Decimal
    currency: str
    as_of: date


class StationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a list or a map shows."""

    station_code: str
    name: str
    status: StationStatus
    station_type: StationType
    accepts_coupons: bool
    city: str | None
    state: str | None
    country: str
    latitude: float
    longitude: float
    fuels: tuple[Fuel, ...]
    prices: tuple[FuelPrice, ...]


class NearbyStation(StationSummary, frozen=True, kw_only=True):
    distance_km: float


class ExceptionalDay(msgspec.Struct, frozen=True):
    """A day, such as a holiday, whose hours are not its weekday's; none: closed."""

    day: date
    hours: tuple[tuple[str, str], ...]
    note: str | None = None


class Station(StationSummary, frozen=True, kw_only=True):
    """Everything that anyone may know of a station."""

    permit_number: str | None
    address: str | None
    postal_code: str | None
    time_zone: str | None
    pump_count: int | None
    services_offered: tuple[str, ...]
    opening_hours: dict[str, Any]
    phone: str | None
    email: str | None
    customer_rating: Decimal | None
    exceptions: tuple[ExceptionalDay, ...] = ()
    is_open: bool | None = None
    updated_at: datetime

    @property
    def version(self) -> str:
        """What a change must name, so that it overwrites no other: the moment of the last one."""
        return version_of(self.updated_at)


class StationPage(msgspec.Struct, frozen=True):
    """`next_cursor` is None on the last page."""

    items: tuple[StationSummary, ...]
    next_cursor: str | None


class StationFilter(msgspec.Struct, frozen=True):
    """None means any."""

    status: StationStatus | None = None
    state: str | None = None
    city: str | None = None
    fuel: Fuel | None = None
    service: Service | None = None
    text: str | None = None
    accepts_coupons: bool | None = None
    open_at: datetime | None = None


class Nearest(msgspec.Struct, frozen=True, kw_only=True):
    """A question for the nearest; None means any."""

    latitude: float
    longitude: float
    radius_km: float
    limit: int
    fuel: Fuel | None = None
    service: Service | None = None
    accepts_coupons: bool | None = None
    open_at: datetime | None = None


def version_of(updated_at: datetime) -> str:
    """Microseconds, as PostgreSQL keeps them."""
    return f"{updated_at.timestamp():.6f}".replace(".", "")


class FeedPlace(msgspec.Struct, frozen=True):
    """A place of the regulator's feed that is fit to be a station."""

    place_id: int
    permit: str
    station_code: str
    name: str
    latitude: float
    longitude: float
    fuels: tuple[Fuel, ...]


class FeedPrice(msgspec.Struct, frozen=True):
    place_id: int
    permit: str
    fuel: Fuel
    price: Decimal


class Action(StrEnum):
    """What became of something that was not imported as it stood."""

    REJECTED = "place rejected"
    WITHOUT_PRICE = "imported without price"
    PRICE_REFUSED = "price refused"
    KEPT_ONCE = "price kept once"
    NOT_REPLACED = "newer price kept"


class Fault(msgspec.Struct, frozen=True):
    """One line of an import's report. `reason` is a stable code."""

    place_id: str
    permit: str
    fuel: str
    value: str
    reason: str
    action: Action


class Feed(msgspec.Struct, frozen=True):
    """Both files of the regulator, read and judged."""

    places_read: int
    prices_read: int
    places: tuple[FeedPlace, ...]
    prices: tuple[FeedPrice, ...]
    faults: tuple[Fault, ...]


class ImportResult(msgspec.Struct, frozen=True):
    """What an import did. places_read = inserted + updated + unchanged + rejected;
    prices_read = prices_set + prices_unchanged + all of prices_refused."""

    as_of: date
    places_read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    rejected_by_reason: Mapping[str, int]
    without_prices: int
    prices_read: int
    prices_set: int
    prices_unchanged: int
    prices_refused: Mapping[str, int]
    faults: tuple[Fault, ...]
