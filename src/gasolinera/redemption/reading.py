"""Redemptions read: the own ones, those of a station, all."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gasolinera.database import Connection
from gasolinera.errors import ForbiddenError
from gasolinera.keyring import Keyring
from gasolinera.paging import Page, Position, decode_cursor, page_of
from gasolinera.permissions import Caller, Permission, Reach
from gasolinera.redemption import queries
from gasolinera.redemption.errors import NOT_REDEEMABLE, NOT_REDEEMABLE_REASON, is_guess, unknown_redemption
from gasolinera.redemption.models import Redemption, RedemptionRow, Status
from gasolinera.redemption.models_tickets import SignedIssuance
from gasolinera.redemption.queries_tickets import issuances_of_redemption
from gasolinera.redemption.receipts import issue_receipt

_READ = Permission.REDEMPTIONS_READ
_LAST = (datetime(9999, 1, 1, tzinfo=UTC), 2**63 - 1)


class RedemptionPosition(Position, frozen=True):
    created_at: Annotated[datetime, Meta(tz=True)]
    id: int


async def get_redemption(conn: Connection, caller: Caller, reference: str) -> Redemption:
    """Raises UnknownError, also for those that others may see."""
    reach = caller.reach(_READ)
    reference = reference.strip().upper()
    found = None
    if reach is not Reach.OWN:
        station_code = None if reach is Reach.ALL else caller.station_code
        if reach is Reach.ALL or station_code is not None:
            found = await queries.get(conn, reference, user_id=None, station_code=station_code)
            if found is not None and reach is not Reach.ALL and is_guess(found):
                found = None
    if found is None and caller.user_id is not None:
        found = await queries.get(conn, reference, user_id=caller.user_id, station_code=None)
        if found is not None and is_guess(found):
            found = None
    if found is None:
        raise unknown_redemption()
    return _shown(found, reach)


async def signed_issuances(
    conn: Connection, keyring: Keyring, caller: Caller, reference: str
) -> tuple[SignedIssuance, ...]:
    """The tickets that a redemption earned, bonuses included, with their receipts: for its driver, and for the station
    to print. Raises UnknownError as `get_redemption`, ConfigError `keys.purpose_missing`.
    """
    redemption = await get_redemption(conn, caller, reference)
    found = await issuances_of_redemption(conn, redemption.transaction_reference)
    return tuple(
        SignedIssuance(
            issuance_id=issuance.issuance_id,
            source=issuance.source,
            raffle_code=issuance.raffle_code,
            ticket_numbers=issuance.numbers,
            receipt=issue_receipt(issuance, keyring),
        )
        for issuance in found
    )


async def list_redemptions(
    conn: Connection,
    caller: Caller,
    *,
    mine: bool,
    station_code: str | None,
    status: Status | None,
    cursor: str | None,
    limit: int,
) -> Page[Redemption]:
    """The own ones of a customer, or of anybody with `mine`; the station's of its staff; any of administrators. Coupons
    that were typed and refused only the latter see: that there is an attempt says that the code exists.

    Raises ForbiddenError `auth.other_station`, InputError `request.cursor`.
    """
    reach = caller.reach(_READ)
    position = decode_cursor(RedemptionPosition, cursor)
    before = _LAST if position is None else (position.created_at, position.id)
    if reach is not Reach.ALL and station_code not in (None, caller.station_code):
        raise ForbiddenError("auth.other_station", "this account may not see the redemptions of that station")
    if reach is Reach.STATION:
        station_code = caller.station_code
    if mine or reach is Reach.OWN or (reach is Reach.STATION and station_code is None):
        assert caller.user_id is not None, "who may read redemptions is a person"
        found = await queries.list_of_user(conn, caller.user_id, status, before=before, limit=limit + 1)
    elif station_code is not None:
        found = await queries.list_of_station(
            conn, station_code, status, with_guesses=reach is Reach.ALL, before=before, limit=limit + 1
        )
    else:
        found = await queries.list_all(conn, status, before=before[1], limit=limit + 1)
    page = page_of(found, limit=limit, position=lambda row: RedemptionPosition(row.created_at, row.id))
    return Page(tuple(_shown(row, reach) for row in page.items), page.next_cursor)


def _shown(row: RedemptionRow, reach: Reach | None) -> Redemption:
    shown = Redemption(**{name: getattr(row, name) for name in Redemption.__struct_fields__})
    if reach is Reach.OWN and row.failure_code not in (None, "NOT_COMPLETED"):
        # Why a coupon is refused, or that the fraud rules struck, learns who serves and scanned it.
        return msgspec.structs.replace(shown, failure_code=NOT_REDEEMABLE, failure_reason=NOT_REDEEMABLE_REASON)
    return shown
