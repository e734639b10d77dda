"""What the coupon service does for campaigns on its own."""

from collections.abc import Mapping

from gasolinera.coupon import campaigns, queries_campaigns
from gasolinera.database import Database, RequestContext
from gasolinera.jobs import Job


async def _keep_to_the_clock(db: Database, _arguments: Mapping[str, str]) -> str:
    opened = closed = 0
    while True:
        async with db.transaction(RequestContext(actor="job:coupon.keep_campaigns_to_the_clock")) as conn:
            counts = await campaigns.keep_to_the_clock(conn)
        opened, closed = opened + counts[0], closed + counts[1]
        if max(counts) < campaigns.DUE_AT_ONCE:
            return f"{opened} campaigns opened, {closed} closed"


async def _refresh_statistics(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        await queries_campaigns.refresh_statistics(conn)
    return "the campaigns' figures are of now"


CAMPAIGN_JOBS: tuple[Job, ...] = (
    Job(
        name="coupon.keep_campaigns_to_the_clock",
        service="coupon",
        summary="opens drafts that were told to open by themselves, and closes campaigns that are over",
        run=_keep_to_the_clock,
        schedule="* * * * *",
    ),
    Job(
        name="coupon.refresh_statistics",
        service="coupon",
        summary="makes the figures of campaigns anew",
        run=_refresh_statistics,
        schedule="*/15 * * * *",
    ),
)
