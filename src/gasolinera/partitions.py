"""The month's partitions of a service's growing tables: made when a process starts, and daily for the months ahead."""

from collections.abc import Mapping

from gasolinera.database import Database
from gasolinera.jobs import Job


async def make_partitions(db: Database, schema: str) -> int:
    """This month's and those of the next three, where they are missing; gives how many."""
    async with db.transaction() as conn:
        made = await conn.fetchval(f"SELECT {schema}.ensure_all_month_partitions()")
    assert isinstance(made, int), "the function counts"
    return made


def partitions_job(service: str, schema: str) -> Job:
    """Every service's growing tables need next month's partitions before next month."""

    async def run(db: Database, _arguments: Mapping[str, str]) -> str:
        return f"{await make_partitions(db, schema)} partitions made"

    return Job(
        name=f"{service}.ensure_partitions",
        service=service,
        summary="Make this month's partitions and those of the next three where they are missing.",
        run=run,
        schedule="23 2 * * *",
    )
