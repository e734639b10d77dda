"""The points of the legacy programme: earned by rule, redeemed, adjusted, expired oldest first; nothing is undone."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from uuid import UUID

import msgspec

from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError, GasolineraError, InputError
from gasolinera.events import Event
from gasolinera.jobs import Job, in_batches
from gasolinera.paging import Page, decode_cursor, page_of
from gasolinera.redemption import queries_points as queries
from gasolinera.redemption.models_points import (
    Adjustment,
    Currency,
    Entry,
    EntryPosition,
    EntryType,
    PointsBalance,
    PointsRedemption,
    PointsRule,
    RuleWish,
)

_AT_ONCE = 1_000

POINTS_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "points_ledger_balance_after_check": lambda: ConflictError("points.too_few", "there are not as many points"),
    "points_ledger_user_id_entry_type_source_reference_key": lambda: ConflictError(
        "points.running", "a request with this reference was faster", "send this one again"
    ),
}


class _Redemption(msgspec.Struct, frozen=True):
    reference: str


async def take_redemption_event(conn: Connection, event: Event) -> None:
    """A completed redemption earns points by the rule of its currency; a cancelled one loses them again.

    Raises msgspec.ValidationError for an event that is not what the catalogue says. Locks the account.
    """
    reference = msgspec.convert(event.data, _Redemption).reference
    if event.type == "redemption.completed":
        await queries.earn_points(conn, reference)
    else:
        await queries.take_points_back(conn, reference)


async def get_balance(conn: Connection, user_id: UUID, *, within_days: int) -> PointsBalance:
    expiring = await queries.expiring_points(conn, user_id, within_days=within_days)
    return PointsBalance(user_id, await queries.get_balance(conn, user_id), tuple(expiring))


async def list_entries(conn: Connection, user_id: UUID, *, cursor: str | None, limit: int) -> Page[Entry]:
    """The newest first. Raises InputError `request.cursor`."""
    after = decode_cursor(EntryPosition, cursor)
    found = await queries.list_entries(conn, user_id, below=after.entry_number if after else None, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda entry: EntryPosition(entry.entry_number))


async def redeem(conn: Connection, user_id: UUID, wish: PointsRedemption) -> Entry:
    """Raises as `_book` does."""
    return await _book(conn, user_id, EntryType.REDEEMED, -wish.points, wish.reference, wish.description)


async def adjust(conn: Connection, user_id: UUID, wish: Adjustment) -> Entry:
    """Raises InputError `points.zero`, and as `_book` does."""
    if wish.points == 0:
        raise InputError("points.zero", "an adjustment of no points changes nothing")
    return await _book(conn, user_id, EntryType.ADJUSTED, wish.points, wish.reference, wish.reason)


async def _book(
    conn: Connection, user_id: UUID, kind: EntryType, points: int, reference: str, description: str | None
) -> Entry:
    """The same reference again gives the first entry. Locks the account, after what is due of it has expired: points
    whose time is over cannot be spent until the job comes.

    Raises ConflictError `points.reference_used`, and breaks points_ledger_balance_after_check where there are too few.
    """
    await queries.expire_points(conn, user_id=user_id)
    before = await queries.find_entry(conn, user_id, kind, reference)
    if before is None:
        return await queries.book_points(conn, user_id, kind, points, reference=reference, description=description)
    if before.points != points:
        raise ConflictError("points.reference_used", "this reference moved another number of points")
    return before


async def list_rules(conn: Connection) -> tuple[PointsRule, ...]:
    return tuple(await queries.list_rules(conn))


async def put_rule(conn: Connection, currency: Currency, wish: RuleWish) -> PointsRule:
    """For redemptions that earn from now on. Raises InputError `points.rate`."""
    rate = Decimal(wish.points_per_unit)
    if not 0 < rate <= 1000:
        raise InputError("points.rate", "a unit earns more than 0 and at most 1000 points", "is_enabled stops a rule")
    return await queries.put_rule(conn, currency, rate, valid_days=wish.valid_days, is_enabled=wish.is_enabled)


async def _expire(db: Database, _arguments: Mapping[str, str]) -> str:
    """A batch settles all that is due of its accounts, which may be more than was looked for."""
    context = RequestContext(actor="job:redemption.expire_points")
    count = await in_batches(db, queries.expire_points, _AT_ONCE, "{} earnings so far", context=context)
    return f"{count} earnings of points have ended"


EXPIRE_POINTS = Job(
    name="redemption.expire_points",
    service="redemption",
    summary="Take what is left of points whose time is over, the oldest first.",
    run=_expire,
    schedule="37 * * * *",
)
