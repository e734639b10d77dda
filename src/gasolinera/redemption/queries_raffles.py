"""The only reader of `queries_raffles.sql`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from gasolinera.database import Connection, load_sql

_SQL = load_sql("gasolinera.redemption", "queries_raffles.sql")
_KEEP = _SQL["keep_raffle"]
_END = _SQL["end_raffle"]
_TAKE_BACK = _SQL["take_back"]


class ToldRaffle(msgspec.Struct, frozen=True, kw_only=True):
    """What `raffle.changed` says."""

    code: str
    status: str
    opens_at: datetime | None
    closes_at: datetime | None
    takes_choices: bool
    free_entries_per_day: int
    time_zone: str


async def keep_raffle(conn: Connection, raffle: ToldRaffle) -> None:
    await conn.execute(
        _KEEP,
        raffle.code,
        raffle.opens_at,
        raffle.closes_at,
        raffle.takes_choices,
        raffle.free_entries_per_day,
        raffle.time_zone,
    )


async def end_raffle(conn: Connection, code: str) -> None:
    await conn.execute(_END, code)


async def take_back(conn: Connection, numbers: Sequence[str], code: str) -> None:
    """Locks the tickets, in one order."""
    await conn.execute(_TAKE_BACK, list(numbers), code)
