"""The cleaning, each hour, of what is kept about requests: answers under an Idempotency-Key, and windows of limits."""

from collections.abc import Mapping

from gasolinera.database import Database
from gasolinera.jobs import Job

_AT_ONCE = 10_000


def request_upkeep_job(service: str, schema: str) -> Job:
    """Needs the tables of `add_request_tables`; their function knows what is old enough."""
    forget = f"SELECT {schema}.forget_old_requests($1)"

    async def run(database: Database, _arguments: Mapping[str, str]) -> str:
        total = 0
        while True:
            async with database.transaction() as conn:
                forgotten = await conn.fetchval(forget, _AT_ONCE)
            assert isinstance(forgotten, int)
            total += forgotten
            if forgotten < _AT_ONCE:
                return f"forgot {total} answers and windows of limits"

    return Job(
        name=f"{service}.forget_requests",
        service=service,
        summary="Delete kept answers and counts of limits that are older than a day.",
        run=run,
        schedule="17 * * * *",
    )
