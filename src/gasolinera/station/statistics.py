"""What is told of stations in figures. As of the last refresh, and of the last thirty days."""

from datetime import datetime
from decimal import Decimal

import msgspec


class StationFigures(msgspec.Struct, frozen=True):
    station_code: str
    active_employees: int
    days_measured: int
    vehicles_30d: int
    volume_30d_l: Decimal
    transactions_30d: int
    capacity_used_percent: Decimal | None
    refreshed_at: datetime


class PlaceStatistics(msgspec.Struct, frozen=True):
    """Of a city, in one currency."""

    country: str
    state: str | None
    city: str | None
    stations: int
    active_stations: int
    stations_in_maintenance: int
    participating_stations: int
    stations_with_diesel: int
    currency: str | None
    average_regular_price: Decimal | None
    average_premium_price: Decimal | None
    average_diesel_price: Decimal | None
    active_employees: int
    vehicles_30d: int
    volume_30d_l: Decimal
    transactions_30d: int


class Statistics(msgspec.Struct, frozen=True):
    items: tuple[PlaceStatistics, ...]
