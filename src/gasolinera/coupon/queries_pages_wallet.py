"""The only reader of `queries_pages_wallet.sql`: one typed function a query."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from gasolinera.coupon.models_wallet import CouponOnItsPage, OfferToTake, OwnCoupon
from gasolinera.database import Connection, fetch_all, fetch_optional, load_sql

_SQL = load_sql("gasolinera.coupon", "queries_pages_wallet.sql")
_WALLET_READY = _SQL["wallet_ready"]
_WALLET_PAST = _SQL["wallet_past"]
_WALLET_COUPON = _SQL["wallet_coupon"]
_OFFERS_FOR = _SQL["offers_for"]
_TAKE_OFFER = _SQL["take_offer"]

_At = tuple[datetime, int] | None


async def wallet_ready(conn: Connection, user_id: UUID, *, after: _At, limit: int, text: str | None) -> list[OwnCoupon]:
    valid_until, coupon_id = after or (None, 0)
    return await fetch_all(conn, OwnCoupon, _WALLET_READY, user_id, valid_until, coupon_id, limit, text)


async def wallet_past(
    conn: Connection, user_id: UUID, states: Sequence[str], *, before: _At, limit: int, text: str | None
) -> list[OwnCoupon]:
    valid_until, coupon_id = before or (None, 0)
    return await fetch_all(conn, OwnCoupon, _WALLET_PAST, user_id, valid_until, coupon_id, limit, text, list(states))


async def wallet_coupon(conn: Connection, code: str, user_id: UUID) -> CouponOnItsPage | None:
    return await fetch_optional(conn, CouponOnItsPage, _WALLET_COUPON, code, user_id)


async def offers_for(
    conn: Connection, user_id: UUID, *, after: tuple[datetime, str] | None, limit: int
) -> list[OfferToTake]:
    valid_until, code = after or (None, None)
    return await fetch_all(conn, OfferToTake, _OFFERS_FOR, user_id, code, valid_until, limit)


async def take_offer(conn: Connection, campaign_code: str, user_id: UUID) -> bool | None:
    """False: it was taken before. None: it cannot be."""
    is_new: bool | None = await conn.fetchval(_TAKE_OFFER, campaign_code, user_id)
    return is_new
