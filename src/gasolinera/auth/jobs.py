"""What the auth service does on its own: figures, and forgetting what has ended."""

from collections.abc import Mapping

from gasolinera.address_upkeep import address_upkeep_job
from gasolinera.auth import queries_statistics as queries
from gasolinera.auth.revocations import FORGET_REVOCATIONS
from gasolinera.database import Database
from gasolinera.jobs import Job

_AT_ONCE = 2_000


async def _refresh_statistics(db: Database, _arguments: Mapping[str, str]) -> str:
    async with db.transaction() as conn:
        await queries.refresh_statistics(conn)
    return "the figures are of now"


async def _forget_ended(db: Database, _arguments: Mapping[str, str]) -> str:
    counts = {what: await forget_all(db, what) for what in queries.FORGETTABLE}
    return "forgot " + ", ".join(f"{count} {what}" for what, count in counts.items())


async def forget_all(db: Database, what: str, *, at_once: int = _AT_ONCE) -> int:
    """In transactions of at most `at_once` rows, so that nobody waits; gives how many rows are gone."""
    total = 0
    while True:
        async with db.transaction() as conn:
            count = await queries.forget(conn, what, at_once)
        total += count
        if count < at_once:
            return total


JOBS: tuple[Job, ...] = (
    FORGET_REVOCATIONS,
    address_upkeep_job("auth", "auth_schema"),
    Job(
        name="auth.refresh_statistics",
        service="auth",
        summary="Make the figures of users and logins anew.",
        run=_refresh_statistics,
        schedule="40 * * * *",
    ),
    Job(
        name="auth.forget_ended",
        service="auth",
        summary="Delete codes, windows of limits and refresh tokens a day after their end.",
        run=_forget_ended,
        schedule="52 3 * * *",
    ),
)
