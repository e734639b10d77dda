"""The daily end of addresses in audit logs: after a year what was done and by whom stays, and from where goes."""

from collections.abc import Mapping

from gasolinera.database import Database
from gasolinera.jobs import Job, report_progress

_AT_ONCE = 5_000


def address_upkeep_job(service: str, schema: str, *, at_once: int = _AT_ONCE) -> Job:
    """Needs the schema's `forget_addresses`, which knows what is old enough, and alone may change an audit log."""
    forget = f"SELECT {schema}.forget_addresses($1)"

    async def run(database: Database, _arguments: Mapping[str, str]) -> str:
        total = 0
        while True:
            async with database.transaction() as conn:
                forgotten = await conn.fetchval(forget, at_once)
            assert isinstance(forgotten, int)
            total += forgotten
            if forgotten < at_once:
                return f"took the addresses out of {total} entries of the log"
            await report_progress(f"{total} entries so far")

    return Job(
        name=f"{service}.forget_addresses",
        service=service,
        summary="Take addresses and user agents out of what was written down more than a year ago.",
        run=run,
        schedule="14 4 * * *",
    )
