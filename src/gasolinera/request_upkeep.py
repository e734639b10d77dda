"""The cleaning, each hour, of what is kept about requests: answers under an Idempotency-Key, and windows of limits."""

from collections.abc import Mapping

from gasolinera.database import Connection, Database
from gasolinera.jobs import Job, in_batches

_AT_ONCE = 10_000


def request_upkeep_job(service: str, schema: str) -> Job:
    """Needs the tables of `add_request_tables`; their function knows what is old enough."""
    forget = f"SELECT {schema}.forget_old_requests($1)"

    async def batch(conn: Connection, at_most: int) -> int:
        return int(await conn.fetchval(forget, at_most))

    async def run(database: Database, _arguments: Mapping[str, str]) -> str:
        total = await in_batches(database, batch, _AT_ONCE, "{} so far")
        return f"forgot {total} answers and windows of limits"

    return Job(
        name=f"{service}.forget_requests",
        service=service,
        summary="Delete kept answers and counts of limits that are older than a day.",
        run=run,
        schedule="17 * * * *",
    )
