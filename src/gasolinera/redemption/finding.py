"""Redemptions looked for by who runs stations, and the story of one: what was tried, what it scored, what it gave."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from gasolinera.database import Connection
from gasolinera.errors import ForbiddenError, InputError, UnknownError
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries_pages_redemptions as queries
from gasolinera.redemption import reading
from gasolinera.redemption.models_finding import FoundRedemption, Order, Story, Wanted

_READ: Final = Permission.REDEMPTIONS_READ
_REFERENCE: Final = re.compile(r"RDM-[0-9]{8}-[0-9]{6,18}")
_EMPLOYEE: Final = re.compile(r"EMP[0-9]{6,15}")
_COUPON: Final = re.compile(r"[0-9A-Z]{10,50}")
_STATION: Final = re.compile(r"[A-Z0-9]{3,20}")
_SPACES: Final = re.compile(r"[\s-]+")
_ENDS: Final = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
_START: Final[dict[Order, tuple[datetime, int]]] = {"newest": (_ENDS[1], 2**63 - 1), "oldest": (_ENDS[0], 0)}


class NewestPosition(Position, frozen=True):
    created_at: Annotated[datetime, Meta(tz=True)]
    id: int


class OldestPosition(Position, frozen=True):
    created_at: Annotated[datetime, Meta(tz=True)]
    id: int


async def find(
    conn: Connection, caller: Caller, wanted: Wanted, *, zone: str, cursor: str | None, limit: int
) -> Page[FoundRedemption]:
    """A station's own ones for its staff, all for administrators. Codes that were typed and refused only these see:
    that there is an attempt says that the code exists. `zone`: of the chain.

    Raises ForbiddenError `auth.other_station`, InputError `request.cursor`, `finding.days`.
    """
    reach = caller.reach(_READ)
    text = None if wanted.text is None else wanted.text.strip().upper()
    if text and _REFERENCE.fullmatch(text):
        return await _by_reference(conn, caller, text)
    coupon_code, employee_number = None, None
    if text and _EMPLOYEE.fullmatch(text):
        employee_number = text
    elif text and _COUPON.fullmatch(_SPACES.sub("", text)):
        coupon_code = _SPACES.sub("", text)
    elif text and _STATION.fullmatch(text):
        wanted = msgspec.structs.replace(wanted, station_code=text)
    elif text:
        return Page((), None)  # nothing that anything is named like
    wanted = msgspec.structs.replace(wanted, station_code=_in_sight(caller, wanted.station_code))
    kind = NewestPosition if wanted.order == "newest" else OldestPosition
    position = decode_cursor(kind, cursor)
    found = await queries.find(
        conn,
        wanted,
        coupon_code=coupon_code,
        employee_number=employee_number,
        begun=await _bounds(conn, wanted, zone),
        with_guesses=reach is Reach.ALL,
        after=_START[wanted.order] if position is None else (position.created_at, position.id),
        limit=limit + 1,
    )
    return page_of(found, limit=limit, position=lambda row: kind(row.created_at, row.id))


async def story(conn: Connection, caller: Caller, reference: str) -> Story:
    """Raises UnknownError, also for those that others may see."""
    redemption = await reading.get_redemption(conn, caller, reference)
    reference = redemption.transaction_reference
    sees_fraud = caller.reach(Permission.FRAUD_REVIEW) in (Reach.ALL, Reach.STATION)
    return Story(
        redemption=redemption,
        time_zone=await queries.zone_of(conn, redemption.station_code),
        changes=tuple(await queries.changes_of(conn, reference)),
        tickets=tuple(await queries.tickets_of(conn, reference)),
        detections=tuple(await queries.detections_of(conn, reference)) if sees_fraud else None,
    )


async def zone_of_station(conn: Connection, station_code: str) -> str | None:
    """In which zone its times are told; None: nobody told."""
    return await queries.zone_of(conn, station_code)


async def _by_reference(conn: Connection, caller: Caller, reference: str) -> Page[FoundRedemption]:
    """The one, whatever else is asked for: who names it means it."""
    try:
        found = await reading.get_redemption(conn, caller, reference)
    except UnknownError:
        return Page((), None)
    zone = await queries.zone_of(conn, found.station_code)
    return Page((FoundRedemption(**msgspec.structs.asdict(found), id=0, time_zone=zone),), None)


async def _bounds(conn: Connection, wanted: Wanted, chain_zone: str) -> tuple[datetime, datetime]:
    """Raises InputError `finding.days`."""
    if wanted.first_day is None and wanted.last_day is None:
        return _ENDS
    first, last = wanted.first_day or date(2000, 1, 2), wanted.last_day or date(2199, 1, 1)
    if not date(2000, 1, 1) < first <= last < date(2200, 1, 1):
        raise InputError("finding.days", "the first day comes before the last")
    zone = None if wanted.station_code is None else await queries.zone_of(conn, wanted.station_code)
    named = ZoneInfo(zone or chain_zone)
    return _begins(first, named), _begins(last + timedelta(days=1), named)


def _begins(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _in_sight(caller: Caller, station_code: str | None) -> str | None:
    """The station that the view ends at; None: no bound. Raises ForbiddenError `auth.other_station`."""
    if caller.reach(_READ) is Reach.ALL:
        return station_code
    if caller.reach(_READ) is not Reach.STATION or caller.station_code is None:
        raise ForbiddenError("auth.not_permitted", "this account may not do that")
    if station_code not in (None, caller.station_code):
        raise ForbiddenError("auth.other_station", "this account may not see the redemptions of that station")
    return caller.station_code
