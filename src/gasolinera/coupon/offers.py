"""The dry run: what a coupon or a campaign would give for a purchase, and every reason why not.

The same function of the database answers that a use asks, so the two never differ; nothing is reserved.
"""

import msgspec

from gasolinera.coupon import queries_campaigns as queries
from gasolinera.coupon.codes import normalised
from gasolinera.coupon.errors_coupons import unknown_campaign, unknown_coupon
from gasolinera.coupon.models_offers import ActiveCampaign, Explained, Offer, Purchase
from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.paging import Page, Position, decode_cursor, page_of


class ActivePosition(Position, frozen=True):
    code: str


async def offer_of_campaign(conn: Connection, code: str, purchase: Purchase) -> Offer:
    """Of a new coupon of the campaign. Raises UnknownError `campaign.unknown`, InputError `offer.amount`."""
    _check_amount(purchase)
    found = await queries.explain_campaign(conn, code, purchase)
    if found is None:
        raise unknown_campaign()
    return _offer(found)


async def offer_of_coupon(
    conn: Connection, typed: str, purchase: Purchase, *, only_own: bool, campaign_code: str | None = None
) -> Offer:
    """`only_own`: a coupon that does not name the purchase's user is as unknown as one that does not exist, so that
    nobody learns which codes exist. Raises UnknownError `coupon.unknown`, InputError `offer.amount`.
    """
    _check_amount(purchase)
    code = normalised(typed)
    if code is None:
        raise unknown_coupon()
    found = await queries.explain_coupon(conn, code, purchase, only_own=only_own, campaign_code=campaign_code)
    if found is None:
        raise unknown_coupon()
    return _offer(found)


async def active_campaigns(
    conn: Connection, station_code: str | None, *, cursor: str | None, limit: int
) -> Page[ActiveCampaign]:
    """What runs now, at a station or anywhere. Raises InputError `request.cursor`."""
    position = decode_cursor(ActivePosition, cursor)
    after = "" if position is None else position.code
    found = await queries.active_campaigns(conn, station_code, after=after, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: ActivePosition(one.campaign_code))


def _check_amount(purchase: Purchase) -> None:
    amount = purchase.amount
    if amount is not None and not (amount.is_finite() and 0 < amount < 10**10 and amount == round(amount, 2)):
        raise InputError("offer.amount", "an amount is greater than zero, with two decimals at most")


def _offer(found: Explained) -> Offer:
    return Offer(**msgspec.structs.asdict(found), is_usable=not found.reasons)
