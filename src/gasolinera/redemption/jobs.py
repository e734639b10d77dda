"""What the redemption of coupons does on its own, beside the recovery."""

from collections.abc import Mapping

from gasolinera.database import Database, RequestContext
from gasolinera.jobs import Job
from gasolinera.redemption import queries

_BATCH = 500


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


JOBS: tuple[Job, ...] = (
    Job(
        name="redemption.end_waiting",
        service="redemption",
        summary="Ends validated redemptions that nobody completed in time, and codes of pumps that nobody used.",
        run=_end_waiting,
        schedule="* * * * *",
    ),
)
