"""The month's partitions of the logs."""

from gasolinera.database import Database, load_sql

_ENSURE_PARTITIONS = load_sql("gasolinera.redemption")["ensure_partitions"]


async def prepare(db: Database) -> None:
    """What the service does when a process starts: this month's partitions and the next ones exist."""
    async with db.transaction() as conn:
        await conn.execute(_ENSURE_PARTITIONS)
