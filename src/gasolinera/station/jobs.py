"""What the station service does on its own."""

from collections.abc import Mapping

from gasolinera.database import Database, RequestContext
from gasolinera.jobs import Job
from gasolinera.station import managing


async def _apply_scheduled_prices(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction(RequestContext(actor="job:station.apply_scheduled_prices")) as conn:
        count = await managing.apply_due_prices(conn)
    return f"{count} scheduled prices became current"


JOBS: tuple[Job, ...] = (
    Job(
        name="station.apply_scheduled_prices",
        service="station",
        summary="makes scheduled prices the current ones when their time has come",
        run=_apply_scheduled_prices,
        schedule="* * * * *",
    ),
)
