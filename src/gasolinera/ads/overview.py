"""Campaigns as the back office looks at them: in any order, with their money and what waits for somebody."""

from typing import Final

from gasolinera.ads import queries_pages_office as queries
from gasolinera.ads.models_campaigns import AdCampaignFilter
from gasolinera.ads.queries_pages_office import SortedCampaign, Waiting
from gasolinera.database import Connection
from gasolinera.errors import InputError
from gasolinera.paging import Page, Position, decode_cursor, page_of

ORDERS: Final = ("code", "name", "status", "advertiser", "ends", "spent", "views")


class SortedCampaignPosition(Position, frozen=True):
    """`by`: of which order, since a key says nothing in another."""

    by: str
    is_descending: bool
    key: str
    code: str


async def list_sorted(
    conn: Connection, wanted: AdCampaignFilter, *, by: str, is_descending: bool, cursor: str | None, limit: int
) -> Page[SortedCampaign]:
    """Raises InputError `request.cursor`, also for one of another order."""
    assert by in ORDERS
    position = decode_cursor(SortedCampaignPosition, cursor)
    if position is not None and (position.by, position.is_descending) != (by, is_descending):
        raise InputError("request.cursor", "the cursor is not one that a page of this list gave")
    found = await queries.list_for_office(
        conn,
        status=wanted.status,
        advertiser_code=wanted.advertiser_code,
        text=wanted.text,
        by=by,
        is_descending=is_descending,
        after=None if position is None else (position.key, position.code),
        limit=limit + 1,
    )
    return page_of(
        found,
        limit=limit,
        position=lambda one: SortedCampaignPosition(by, is_descending, one.sort_key, one.campaign_code),
    )


async def waiting(conn: Connection) -> Waiting:
    """Advertisements and views that wait for a person."""
    return await queries.waiting_counts(conn)
