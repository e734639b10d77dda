"""Making and changing stations, their status, hours and prices, and what is kept of it."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from gasolinera.database import Connection
from gasolinera.errors import ConflictError, ForbiddenError, InputError, UnknownError
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.station import queries_manage as queries
from gasolinera.station.changes import (
    ALL_OF_LOG,
    CHAIN_FIELDS,
    AuditEntry,
    AuditWish,
    HoursChange,
    NewStation,
    PastPrice,
    PriceChange,
    PriceSet,
    ScheduledPrice,
    StationChange,
    StatusChange,
    check_opened_on,
    check_zone,
)
from gasolinera.station.errors import VersionNeededError, stale, unknown_station
from gasolinera.station.hours import kept_day, kept_hours
from gasolinera.station.models import Fuel
from gasolinera.station.service import normalized_code

MAX_AHEAD = timedelta(days=90)
_MAX_PRICE = Decimal(99_999)
_ETAG = re.compile(r'"([0-9]{1,18})"')


class PriceHistoryPosition(Position, frozen=True):
    set_at: str
    id: int


class StationAuditPosition(Position, frozen=True):
    created_at: str
    id: int


def parse_version(if_match: str | None) -> int:
    """The version that a change is of. Raises VersionNeededError without one, StaleError for what is none."""
    if if_match is None:
        raise VersionNeededError(
            "station.version_needed", "the change does not say which version it is of", "send If-Match: the ETag read"
        )
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise stale()
    return int(found[1])


async def create_station(conn: Connection, new: NewStation) -> None:
    """Raises InputError `station.time_zone` or `station.opened_on`; the constraints refuse the rest."""
    _require_zone(new.time_zone)
    _require_opened_on(None if new.opened_on is None else new.opened_on.isoformat())
    await queries.create_station(conn, new)


async def change_station(
    conn: Connection, code: str, change: StationChange, *, version: int, is_of_chain: bool
) -> datetime:
    """Raises StaleError when somebody changed it meanwhile, UnknownError, ForbiddenError for what only those may
    change who manage all stations (`is_of_chain`).
    """
    values: dict[str, Any] = msgspec.to_builtins(change)
    if not is_of_chain and values.keys() & CHAIN_FIELDS:
        names = ", ".join(sorted(values.keys() & CHAIN_FIELDS))
        raise ForbiddenError("station.chain_field", f"only the chain's administrators change {names}")
    for name in ("fuels", "services_offered"):
        if name in values:
            values[name] = sorted(values[name])
    _require_zone(values.get("time_zone"))
    _require_opened_on(values.get("opened_on"))
    changed = await queries.change_station(conn, normalized_code(code), version, values)
    return changed or await _refused(conn, code)


async def change_status(conn: Connection, code: str, change: StatusChange) -> None:
    """Raises ConflictError `station.status` for one that may not follow, UnknownError."""
    found = await queries.change_status(conn, normalized_code(code), change.status, change.reason)
    if found is None:
        raise unknown_station()
    if not found.is_changed:
        raise ConflictError(
            "station.status",
            f"a station that is {found.status_before} cannot become {change.status}",
            "what is closed for good stays closed" if found.status_before == "PERMANENTLY_CLOSED" else None,
        )


async def set_hours(conn: Connection, code: str, change: HoursChange, *, version: int) -> datetime:
    """Raises InputError `station.hours`, StaleError, UnknownError."""
    days = [day.day for day in change.exceptions]
    if len(set(days)) < len(days):
        raise InputError("station.hours", "a day is named twice among the exceptions")
    exceptions = [{"day": day.day.isoformat(), "hours": kept_day(day), "note": day.note} for day in change.exceptions]
    hours = kept_hours(change.opening_hours)
    changed = await queries.set_hours(conn, normalized_code(code), version, hours, exceptions)
    return changed or await _refused(conn, code)


async def set_price(conn: Connection, code: str, fuel: Fuel, change: PriceChange, *, now: datetime) -> PriceSet:
    """Raises InputError `station.price` or `station.valid_from`, ConflictError `station.not_sold`, UnknownError."""
    _check_price(change.price)
    code = normalized_code(code)
    if change.valid_from is None:
        found = await queries.set_price(conn, code, fuel, change.price, currency=change.currency, reason=change.reason)
    else:
        if not now < change.valid_from <= now + MAX_AHEAD:
            raise InputError("station.valid_from", "the moment is past, or over 90 days ahead")
        found = await queries.schedule_price(
            conn, code, fuel, change.price,
            currency=change.currency, reason=change.reason, valid_from=change.valid_from,
        )  # fmt: skip
    if found is None:
        raise unknown_station()
    if found.price is None or found.currency is None or found.valid_from is None:
        hint = "add the fuel to the station first"
        raise ConflictError("station.not_sold", "the station is closed for good or does not sell this fuel", hint)
    return PriceSet(found.station_code, fuel, found.price, found.currency, found.valid_from, found.is_scheduled)


async def apply_due_prices(conn: Connection) -> int:
    """Scheduled prices whose time has come; how many became current."""
    return await queries.apply_due_prices(conn)


async def scheduled_prices(conn: Connection, code: str) -> list[ScheduledPrice]:
    """The soonest first; at most 500. Raises UnknownError."""
    code = normalized_code(code)
    found = await queries.scheduled_prices(conn, code)
    if not found and not await queries.station_exists(conn, code):
        raise unknown_station()
    return found


async def withdraw_price(conn: Connection, code: str, fuel: Fuel, valid_from: datetime) -> None:
    """Raises UnknownError `station.no_scheduled_price`, also for one whose time has come."""
    if not await queries.withdraw_price(conn, normalized_code(code), fuel, valid_from):
        raise UnknownError(
            "station.no_scheduled_price",
            "no price of this fuel is scheduled for that moment",
            "name the fuel and the moment as the list of scheduled prices does",
        )


async def price_history(
    conn: Connection, code: str, fuel: Fuel | None, *, cursor: str | None, limit: int
) -> Page[PastPrice]:
    """Raises UnknownError, InputError `request.cursor`."""
    code = normalized_code(code)
    position = decode_cursor(PriceHistoryPosition, cursor)
    before = None if position is None else (_moment(position.set_at), position.id)
    found = await queries.price_history(conn, code, fuel, before=before, limit=limit + 1)
    if not found and not await queries.station_exists(conn, code):
        raise unknown_station()
    return page_of(found, limit=limit, position=lambda past: PriceHistoryPosition(past.set_at.isoformat(), past.id))


async def audit(
    conn: Connection, code: str, *, cursor: str | None, limit: int, wish: AuditWish = ALL_OF_LOG
) -> Page[AuditEntry]:
    """Raises UnknownError, InputError `request.cursor`."""
    code = normalized_code(code)
    position = decode_cursor(StationAuditPosition, cursor)
    after = None if position is None else (_moment(position.created_at), position.id)
    found = await queries.audit(conn, code, wish, after=after, limit=limit + 1)
    if not found and not await queries.station_exists(conn, code):
        raise unknown_station()
    return page_of(
        found, limit=limit, position=lambda entry: StationAuditPosition(entry.created_at.isoformat(), entry.id)
    )


async def _refused(conn: Connection, code: str) -> datetime:
    raise stale() if await queries.station_exists(conn, normalized_code(code)) else unknown_station()


def _require_zone(zone: str | None) -> None:
    try:
        if zone is not None:
            check_zone(zone)
    except ValueError as error:
        raise InputError("station.time_zone", str(error), "such as America/Mexico_City") from None


def _require_opened_on(day: str | None) -> None:
    try:
        if day is not None:
            check_opened_on(day)
    except ValueError as error:
        raise InputError("station.opened_on", str(error)) from None


def _check_price(price: Decimal) -> None:
    exponent = price.as_tuple().exponent
    if not (isinstance(exponent, int) and -3 <= exponent <= 5 and 0 < price <= _MAX_PRICE):
        raise InputError("station.price", "a price is greater than zero, with three decimals at most")


def _moment(text: str) -> datetime:
    """Of a cursor. Raises InputError `request.cursor`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2200:
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    return moment
