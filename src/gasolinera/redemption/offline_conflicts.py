"""What people do about terminals without a connection: limits of a station, its terminals, conflicts."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ForbiddenError
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import errors_offline as errors
from gasolinera.redemption import offline
from gasolinera.redemption import queries_offline as queries
from gasolinera.redemption.models_offline import (
    Chain,
    Limits,
    LimitsWish,
    OfflineRedemption,
    Resolution,
    ResolutionWish,
)

_REVIEW: Final = Permission.OFFLINE_REVIEW
_MOST: Final = Decimal(10**8)
_CENT: Final = Decimal("0.01")
_NEWEST: Final = (datetime(9999, 1, 1, tzinfo=UTC), "", 0)
_OLDEST: Final = (datetime(1, 1, 2, tzinfo=UTC), "", 0)


class ChainPosition(Position, frozen=True):
    terminal_code: str


class ConflictPosition(Position, frozen=True):
    received_at: Annotated[datetime, Meta(tz=True)]
    terminal_code: str
    sequence: int


async def list_chains(
    conn: Connection, caller: Caller, station_code: str | None, *, cursor: str | None, limit: int
) -> Page[Chain]:
    """Raises ForbiddenError `auth.other_station`, InputError `request.cursor`."""
    position = decode_cursor(ChainPosition, cursor)
    after = "" if position is None else position.terminal_code
    found = await queries.list_chains(conn, _sight(caller, station_code), after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda chain: ChainPosition(chain.terminal_code))


async def list_conflicts(
    conn: Connection,
    caller: Caller,
    station_code: str | None,
    *,
    is_resolved: bool,
    is_up: bool = False,
    cursor: str | None,
    limit: int,
) -> Page[OfflineRedemption]:
    """By when they came in, the newest first, or with `is_up` the oldest.

    Raises ForbiddenError `auth.other_station`, InputError `request.cursor`.
    """
    position = decode_cursor(ConflictPosition, cursor)
    place = None if position is None else (position.received_at, position.terminal_code, position.sequence)
    sight = _sight(caller, station_code)
    if is_up:
        found = await queries.list_conflicts_up(
            conn, sight, is_resolved=is_resolved, after=place or _OLDEST, limit=limit + 1
        )
    else:
        found = await queries.list_conflicts(
            conn, sight, is_resolved=is_resolved, before=place or _NEWEST, limit=limit + 1
        )
    return page_of(
        found, limit=limit, position=lambda row: ConflictPosition(row.received_at, row.terminal_code, row.sequence)
    )


async def get_conflict(conn: Connection, caller: Caller, entry: tuple[str, int]) -> OfflineRedemption:
    """Raises UnknownError, also for those of other stations, and for what is no conflict."""
    known = await queries.get_entry(conn, *entry, _sight(caller, None))
    if known is None or (known.reason is None and known.accepted_by is None):
        raise errors.unknown_entry()
    return known


async def resolve(
    db: Database,
    asked: offline.Asked,
    context: RequestContext,
    caller: Caller,
    entry: tuple[str, int],
    wish: ResolutionWish,
) -> OfflineRedemption:
    """Says who bears the discount of a conflict, or sends it to the coupon service although it was outside of its caps.

    Raises UnknownError, also for those of other stations; ConflictError `offline.resolved`, `offline.not_acceptable`;
    ForbiddenError `offline.own_case`, `offline.accept`.
    """
    terminal_code, sequence = entry
    assert caller.user_id is not None, "who reviews is a person"
    async with db.transaction(context) as conn:
        known = await get_conflict(conn, caller, entry)
        if caller.user_id == known.user_id or caller.employee_number == known.employee_number:
            raise errors.own_case()
        is_for_chain = wish.resolution in (Resolution.ACCEPT, Resolution.WRITTEN_OFF)
        if is_for_chain and caller.reach(_REVIEW) is not Reach.ALL:
            raise errors.chain_only()
        if wish.resolution is Resolution.ACCEPT:
            is_done = await queries.accept_conflict(conn, *entry, by=caller.user_id, notes=wish.notes)
            if not is_done and known.resolution is None and known.transaction_reference is not None:
                raise errors.not_acceptable()
        else:
            is_done = await queries.resolve_conflict(
                conn, *entry, resolution=wish.resolution, by=caller.user_id, notes=wish.notes
            )
        if not is_done:
            raise errors.resolved_already()
        unsettled = await queries.list_unsettled(conn, terminal_code, [sequence])
    for one in unsettled:
        await offline.settle(db, asked, context, one)
    async with db.connection() as conn:
        resolved = await queries.get_entry(conn, terminal_code, sequence, None)
    assert resolved is not None, "entries are never deleted"
    return resolved


async def put_limits(conn: Connection, station_code: str, wish: LimitsWish) -> Limits:
    """From each terminal's next lease on. Raises InputError `offline.limits`, as the constraints do."""
    money = (wish.max_amount, wish.max_discount, wish.max_total)
    if not all(part.is_finite() and 0 < part < _MOST and part % _CENT == 0 for part in money):
        raise errors.wrong_limits()
    return await queries.put_limits(conn, station_code, wish)


async def get_limits(conn: Connection, caller: Caller, station_code: str) -> Limits:
    """Raises UnknownError, ForbiddenError `auth.other_station`."""
    _sight(caller, station_code)
    found = await queries.get_limits(conn, station_code)
    if found is None:
        raise errors.unknown_limits()
    return found


def _sight(caller: Caller, station_code: str | None) -> str | None:
    """The station that the caller's view is bounded to; None: no bound."""
    if caller.reach(_REVIEW) is Reach.ALL:
        return station_code
    if caller.station_code is None or station_code not in (None, caller.station_code):
        raise ForbiddenError("auth.other_station", "this account may not see the terminals of that station")
    return caller.station_code
