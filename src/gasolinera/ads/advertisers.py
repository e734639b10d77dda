"""Who pays for campaigns: made, changed, suspended, looked at."""

from typing import Any

import msgspec

from gasolinera.ads import queries_campaigns as queries
from gasolinera.ads.errors import unknown_advertiser
from gasolinera.ads.models_campaigns import Advertiser, AdvertiserChange, AdvertiserStatus, NewAdvertiser
from gasolinera.database import Connection
from gasolinera.paging import Page, Position, decode_cursor, page_of


class AdvertiserPosition(Position, frozen=True):
    code: str


async def create_advertiser(conn: Connection, new: NewAdvertiser) -> None:
    """The constraints refuse what is not good, a code that is taken above all."""
    await queries.create_advertiser(conn, new)


async def change_advertiser(conn: Connection, code: str, change: AdvertiserChange) -> None:
    """One that is not ACTIVE any more is served no more, from the commit on. Raises UnknownError."""
    values: dict[str, Any] = msgspec.to_builtins(change)
    if not await queries.change_advertiser(conn, code, values):
        raise unknown_advertiser()


async def get_advertiser(conn: Connection, code: str) -> Advertiser:
    """Raises UnknownError."""
    found = await queries.get_advertiser(conn, code)
    if found is None:
        raise unknown_advertiser()
    return found


async def list_advertisers(
    conn: Connection,
    *,
    status: AdvertiserStatus | None,
    text: str | None,
    is_down: bool = False,
    cursor: str | None,
    limit: int,
) -> Page[Advertiser]:
    """In order of the code, or with `is_down` the last first. Raises InputError `request.cursor`."""
    position = decode_cursor(AdvertiserPosition, cursor)
    past = None if position is None else position.code
    if is_down:
        found = await queries.list_advertisers_down(conn, before=past, limit=limit + 1, status=status, text=text)
    else:
        found = await queries.list_advertisers(conn, after=past or "", limit=limit + 1, status=status, text=text)
    return page_of(found, limit=limit, position=lambda one: AdvertiserPosition(one.advertiser_code))
