"""What the redemption of coupons does on its own, beside the recovery."""

from collections.abc import Mapping

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.database import Database, RequestContext
from gasolinera.jobs import Job, in_batches
from gasolinera.redemption import queries, queries_offline, queries_personal

_BATCH = 500
_FORGOTTEN_AT_ONCE = 5_000


async def _end_waiting(db: Database, _arguments: Mapping[str, str]) -> str:
    context = RequestContext(actor="job:redemption.end_waiting")
    redemptions = codes = 0
    while True:
        async with db.transaction(context) as conn:
            ended = await queries.end_waiting(conn, _BATCH)
            expired = await queries.expire_pump_codes(conn, _BATCH)
        redemptions += ended
        codes += expired
        if max(ended, expired) < _BATCH:
            return f"{redemptions} validated redemptions and {codes} codes of pumps are over"


async def _forget_refused_codes(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, queries_personal.forget_refused_codes, _FORGOTTEN_AT_ONCE, "{} so far")
    return f"{count} refused codes forgotten"


async def _forget_offline_leases(db: Database, _arguments: Mapping[str, str]) -> str:
    count = await in_batches(db, queries_offline.forget_leases, _FORGOTTEN_AT_ONCE, "{} so far")
    return f"{count} leases forgotten"


JOBS: tuple[Job, ...] = (
    Job(
        name="redemption.end_waiting",
        service="redemption",
        summary="Ends validated redemptions that nobody completed in time, and codes of pumps that nobody used.",
        run=_end_waiting,
        schedule="* * * * *",
    ),
    address_upkeep_job("redemption", "redemption_schema"),
    Job(
        name="redemption.forget_refused_codes",
        service="redemption",
        summary="Delete who showed codes that were none, more than 90 days ago.",
        run=_forget_refused_codes,
        schedule="52 3 * * *",
    ),
    Job(
        name="redemption.forget_offline_leases",
        service="redemption",
        summary="Delete leases of terminals under which nothing was taken, eight days after their end.",
        run=_forget_offline_leases,
        schedule="56 3 * * *",
    ),
)
