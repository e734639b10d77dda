"""The only reader of `queries_ad_bonuses.sql`: one typed function a query."""

from uuid import UUID

from gasolinera.database import Connection, load_sql

_SQL = load_sql("gasolinera.redemption", "queries_ad_bonuses.sql")
_TAKE_BONUS = _SQL["take_bonus"]
_TAKE_BONUS_BACK = _SQL["take_bonus_back"]


async def take_bonus(
    conn: Connection,
    view_id: UUID,
    user_id: UUID,
    reference: str | None,
    *,
    chain_step: int,
    multiplier: int,
    tickets: int,
) -> str:
    """The outcome, as the function of the schema names it."""
    return await conn.fetchval(_TAKE_BONUS, view_id, user_id, reference, chain_step, multiplier, tickets)


async def take_bonus_back(
    conn: Connection, view_id: UUID, user_id: UUID, reference: str | None, *, chain_step: int
) -> int:
    """How many tickets."""
    return await conn.fetchval(_TAKE_BONUS_BACK, view_id, user_id, reference, chain_step)
