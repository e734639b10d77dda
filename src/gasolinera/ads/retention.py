"""What the ad engine forgets with time: addresses after a year, the rest when nothing needs it any more."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.ads import queries_personal as queries
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import InputError
from gasolinera.jobs import Job, in_batches

_AT_ONCE: Final = 5_000
_MONTHS_KEPT: Final = 13  # a year of whole months, and the one that has begun
_FEWEST_MONTHS, _MOST_MONTHS = 3, 120


async def forget_ended(db: Database) -> Mapping[str, int]:
    """How many of each went."""
    return {
        what: await in_batches(db, partial(_forget, what), _AT_ONCE, f"{{}} {what} so far")
        for what in queries.FORGETTABLE
    }


async def drop_view_events(db: Database, *, months_kept: int = _MONTHS_KEPT) -> int:
    """How many months went. Raises InputError `ads.months_kept`."""
    if not _FEWEST_MONTHS <= months_kept <= _MOST_MONTHS:
        raise InputError("ads.months_kept", f"{_FEWEST_MONTHS} to {_MOST_MONTHS} months are kept")
    async with db.transaction(RequestContext(actor="job:ads.drop_view_events")) as conn:
        return await queries.drop_view_events(conn, months_kept)


async def _forget(what: str, conn: Connection, at_most: int) -> int:
    return await queries.forget(conn, what, at_most)


async def _forget_job(db: Database, _arguments: Mapping[str, str]) -> str:
    counts = await forget_ended(db)
    return "forgot " + ", ".join(f"{count} {what}" for what, count in counts.items())


async def _drop_job(db: Database, arguments: Mapping[str, str]) -> str:
    kept = arguments.get("months", str(_MONTHS_KEPT))
    if not kept.isdecimal():
        raise InputError("ads.months_kept", "the months kept are a number")
    return f"{await drop_view_events(db, months_kept=int(kept))} months of what happened during views are dropped"


RETENTION_JOBS: Final = (
    address_upkeep_job("ads", "ad_schema"),
    Job(
        name="ads.forget_ended",
        service="ads",
        summary="Delete counters of periods that are over, who was counted long ago, and old words of networks.",
        run=_forget_job,
        schedule="48 3 * * *",
    ),
    Job(
        name="ads.drop_view_events",
        service="ads",
        summary="Drop what happened during views, by whole months, after the last thirteen (argument: months).",
        run=_drop_job,
        schedule="58 3 2 * *",
    ),
)
