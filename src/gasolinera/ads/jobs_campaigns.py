"""What the ad engine does on its own for campaigns: ends them, deals their budgets, paces them, tells of them."""

from collections.abc import Mapping

import structlog

from gasolinera.ads import campaigns, media, pacing
from gasolinera.ads.events import OUTBOX
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.jobs import Job, in_batches

_AT_ONCE = 200
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def _keep_to_the_clock(db: Database, _arguments: Mapping[str, str]) -> str:
    ended = await in_batches(
        db, campaigns.end_due, _AT_ONCE, "{} ended so far", context=RequestContext(actor="job:ads.end_campaigns")
    )
    return f"{ended} campaigns ended"


async def _deal_budgets(db: Database, _arguments: Mapping[str, str]) -> str:
    dealt = await in_batches(db, campaigns.deal_missing, _AT_ONCE, "{} budgets dealt so far")
    return f"{dealt} budgets dealt"


async def _pace(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        closed = await pacing.close_paced(conn)
    alerted = await in_batches(
        db, _alert, _AT_ONCE, "{} alerted so far", context=RequestContext(actor="job:ads.pace_campaigns")
    )
    return f"{closed} advertisements rest, {alerted} budgets told of"


async def _alert(conn: Connection, at_once: int) -> int:
    alerts = await campaigns.alert_budgets(conn, at_once)
    for alert in alerts:
        _log.warning("ad_budget_alert", campaign=alert.campaign_code, percent=alert.budget_alert_percent)
        await OUTBOX.publish(
            conn,
            "ad.campaign.budget_alert",
            aggregate="ad_campaign",
            subject=alert.campaign_code,
            data=pacing.told(alert),
        )
    return len(alerts)


async def _forget_unused_media(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, media.forget_unused, _AT_ONCE, "{} so far")
    return f"{count} uploads that nothing uses forgotten"


AD_CAMPAIGN_JOBS: tuple[Job, ...] = (
    Job(
        name="ads.end_campaigns",
        service="ads",
        summary="ends campaigns of advertisements whose schedule is over",
        run=_keep_to_the_clock,
        schedule="* * * * *",
    ),
    Job(
        name="ads.deal_budgets",
        service="ads",
        summary="deals the budgets of today and tomorrow that nobody has dealt",
        run=_deal_budgets,
        schedule="*/15 * * * *",
    ),
    Job(
        name="ads.pace_campaigns",
        service="ads",
        summary="lets advertisements rest whose money or pacing ends for now, and tells of budgets nearly spent",
        run=_pace,
        schedule="* * * * *",
    ),
    Job(
        name="ads.forget_unused_media",
        service="ads",
        summary="deletes uploads that no advertisement has had for a week",
        run=_forget_unused_media,
        schedule="23 4 * * *",
    ),
)
