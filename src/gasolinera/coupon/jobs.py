"""What the coupon service does on its own, for campaigns and against growing old."""

from collections.abc import Mapping

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.coupon import campaigns, queries_campaigns, queries_personal
from gasolinera.database import Database, RequestContext
from gasolinera.jobs import Job, in_batches

_FORGOTTEN_AT_ONCE = 5_000


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


async def _forget_ended_periods(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, queries_personal.forget_ended_periods, _FORGOTTEN_AT_ONCE, "{} so far")
    return f"{count} counts of ended periods forgotten"


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
    address_upkeep_job("coupon", "coupon_schema"),
    Job(
        name="coupon.forget_ended_periods",
        service="coupon",
        summary="deletes how often users used campaigns in periods that began more than 100 days ago",
        run=_forget_ended_periods,
        schedule="47 3 * * *",
    ),
)
