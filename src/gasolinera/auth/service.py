"""What the service does for the process it runs in, and for the other services."""

from gasolinera.auth import queries
from gasolinera.database import Database

find_user = queries.find_user


async def prepare(db: Database) -> None:
    """This month's partitions and the next ones exist."""
    async with db.transaction() as conn:
        await queries.ensure_partitions(conn)
