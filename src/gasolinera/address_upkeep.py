"""The daily end of addresses in audit logs: after a year what was done and by whom stays, and from where goes."""

from collections.abc import Mapping

from gasolinera.database import Connection, Database
from gasolinera.jobs import Job, in_batches

_AT_ONCE = 5_000


def address_upkeep_job(service: str, schema: str, *, at_once: int = _AT_ONCE) -> Job:
    """Needs the schema's `forget_addresses`, which knows what is old enough, and alone may change an audit log."""
    forget = f"SELECT {schema}.forget_addresses($1)"

    async def batch(conn: Connection, at_most: int) -> int:
        return int(await conn.fetchval(forget, at_most))

    async def run(database: Database, _arguments: Mapping[str, str]) -> str:
        total = await in_batches(database, batch, at_once, "{} entries so far")
        return f"took the addresses out of {total} entries of the log"

    return Job(
        name=f"{service}.forget_addresses",
        service=service,
        summary="Take addresses and user agents out of what was written down more than a year ago.",
        run=run,
        schedule="14 4 * * *",
    )
