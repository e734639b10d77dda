"""Campaigns and coupons as the back office looks at them: lists with what is used, and the whole story of a coupon."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from msgspec import Meta

from gasolinera.coupon import coupons
from gasolinera.coupon import queries_pages_campaigns as queries
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.models_campaigns import Campaign, CampaignFilter
from gasolinera.coupon.models_pages import CouponStory, ListedCampaign
from gasolinera.database import Connection
from gasolinera.paging import Page, Position, decode_cursor, page_of

_LAST: Final = (datetime(9000, 1, 1, tzinfo=UTC), 2**63 - 1)
_FIRST: Final = (datetime(1, 1, 2, tzinfo=UTC), 0)
CampaignOrder = Literal["code", "-code", "from", "-from"]


class ByCodePosition(Position, frozen=True):
    code: str


class ByBeginPosition(Position, frozen=True):
    valid_from: Annotated[datetime, Meta(tz=True)]
    id: int


async def list_campaigns(
    conn: Connection, wanted: CampaignFilter, *, order: CampaignOrder, cursor: str | None, limit: int
) -> Page[ListedCampaign]:
    """`-from`: what begins last first. Raises InputError `request.cursor`."""
    if order in ("code", "-code"):
        position = decode_cursor(ByCodePosition, cursor)
        past = None if position is None else position.code
        if order == "code":
            found = await queries.list_by_code(conn, wanted, after=past or "", limit=limit + 1)
        else:
            found = await queries.list_by_code_down(conn, wanted, before=past, limit=limit + 1)
        return page_of(found, limit=limit, position=lambda one: ByCodePosition(one.campaign_code))
    begins = decode_cursor(ByBeginPosition, cursor)
    place = None if begins is None else (begins.valid_from, begins.id)
    if order == "from":
        found = await queries.list_by_begin_up(conn, wanted, after=place or _FIRST, limit=limit + 1)
    else:
        found = await queries.list_by_begin(conn, wanted, before=place or _LAST, limit=limit + 1)
    return page_of(found, limit=limit, position=lambda one: ByBeginPosition(one.valid_from, one.id))


def require_at(campaign: Campaign, station_code: str | None) -> None:
    """Raises UnknownError for a campaign that is not for the station. None: somebody who sees all."""
    if station_code is not None and campaign.stations is not None and station_code not in campaign.stations:
        raise unknown_campaign()


async def coupon_story(conn: Connection, code: str) -> CouponStory:
    """Raises UnknownError."""
    coupon = await coupons.get_coupon(conn, code)
    place = await queries.place_of(conn, coupon.coupon_code)
    assert place is not None, "a coupon has a campaign"
    return CouponStory(
        coupon=coupon,
        place=place,
        uses=tuple(await queries.uses_of(conn, coupon.coupon_code)),
        attempts=tuple(await queries.attempts_of(conn, coupon.coupon_code)),
        acts=tuple(await queries.acts_on(conn, coupon.coupon_code)),
    )
