"""Which advertisement somebody sees."""

import secrets
from datetime import datetime

import msgspec

from gasolinera.ads import queries_serving as queries
from gasolinera.ads.models_serving import ChosenAd, Explanation, Viewer
from gasolinera.database import Connection

MEDIA_PATH = "/api/ads/media/"
_REASONS = 32  # more than there are


async def choose_ad(
    conn: Connection, viewer: Viewer, *, lot: int | None = None, at: datetime | None = None
) -> ChosenAd | None:
    """The best advertisement that may be shown to the viewer now, or at another time; None: there is none.

    Highest priority first. Among equals a campaign is drawn by lot, each with the same chance whatever the number of
    its advertisements, then one of its advertisements. `lot` makes the choice repeatable. Changes nothing, counts
    nothing: the view that starts is what counts.
    """
    lot = secrets.randbits(63) if lot is None else lot
    chosen = await queries.choose_ad(conn, viewer, lot=lot, at=at)
    return None if chosen is None else with_media_address(chosen)


async def explain(
    conn: Connection, viewer: Viewer, *, limit: int, lot: int | None = None, at: datetime | None = None
) -> Explanation:
    """What the viewer would see, and of the others the first reason why not; `limit` of them, 32 at least, so that
    every reason is there. Goes through all advertisements: for people who ask, not for serving.
    """
    chosen = await choose_ad(conn, viewer, lot=lot, at=at)
    public_id = None if chosen is None else chosen.public_id
    judged = await queries.explain_ads(conn, viewer, at=at, limit=max(limit, _REASONS), chosen=public_id)
    counts = {one.reason: one.of_reason for one in judged}
    return Explanation(chosen=chosen, counts=dict(sorted(counts.items())), judged=tuple(judged))


def with_media_address(ad: ChosenAd) -> ChosenAd:
    if ad.media_url is None and ad.media_sha256 is not None:
        return msgspec.structs.replace(ad, media_url=MEDIA_PATH + ad.media_sha256)
    return ad
