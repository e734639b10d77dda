"""A customer's own coupons, their codes as they are right now, and the offers that can be taken."""

from datetime import datetime
from typing import Final
from uuid import UUID

from gasolinera.coupon import queries_pages_wallet as queries
from gasolinera.coupon import queries_qr
from gasolinera.coupon.codes import normalised
from gasolinera.coupon.coupons import WalletPosition, moment_of
from gasolinera.coupon.display import REFRESH_S, live_text
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.models_wallet import (
    OFFERS_PAGE,
    WALLET_PAGE,
    CouponOnItsPage,
    OfferToTake,
    OwnCoupon,
    WalletCode,
    WalletView,
)
from gasolinera.coupon.queries_campaigns import campaign_exists
from gasolinera.database import Connection
from gasolinera.drawing import svg, symbol_of
from gasolinera.errors import ConflictError, UnknownError
from gasolinera.keyring import Keyring
from gasolinera.paging import Page, Position, decode_cursor, page_of

_STATES: Final = {WalletView.USED: ("USED",), WalletView.OVER: ("ACTIVE", "SUSPENDED", "EXPIRED", "CANCELLED")}


class OfferPosition(Position, frozen=True):
    valid_until: str
    code: str


async def wallet(
    conn: Connection,
    user_id: UUID,
    *,
    view: WalletView = WalletView.READY,
    text: str | None = None,
    cursor: str | None = None,
    limit: int = WALLET_PAGE,
) -> Page[OwnCoupon]:
    """What is good and ends first comes first, of what is over the latest. Raises InputError `request.cursor`."""
    position = decode_cursor(WalletPosition, cursor)
    at = None if position is None else (moment_of(position.valid_until), position.id)
    if view is WalletView.READY:
        found = await queries.wallet_ready(conn, user_id, after=at, limit=limit + 1, text=text)
        owed = [coupon for coupon in found if coupon.coupon_code is None]
        page = page_of(found[len(owed) :], limit=limit, position=_position)
        return Page((*owed, *page.items), page.next_cursor)
    found = await queries.wallet_past(conn, user_id, _STATES[view], before=at, limit=limit + 1, text=text)
    return page_of(found, limit=limit, position=_position)


def _position(coupon: OwnCoupon) -> WalletPosition:
    return WalletPosition(coupon.valid_until.isoformat(), coupon.id)


async def own_coupon(conn: Connection, typed: str, user_id: UUID) -> CouponOnItsPage:
    """Somebody else's is as unknown as one that does not exist. Raises UnknownError."""
    code = normalised(typed)
    coupon = None if code is None else await queries.wallet_coupon(conn, code, user_id)
    if coupon is None:
        raise unknown_to_owner()
    return coupon


def unknown_to_owner() -> UnknownError:
    return UnknownError("coupon.unknown", "there is no such coupon that you could use")


async def code_of_now(conn: Connection, typed: str, owner: UUID | None, keyring: Keyring) -> WalletCode:
    """Of an own coupon while it can be used.

    Raises UnknownError, ConflictError `qr.unsigned`, ConfigError without a key for the purpose `display`.
    """
    code = normalised(typed)
    shown = None
    if code is not None and owner is not None:
        shown = await queries_qr.find_shown_coupon(conn, code, owner)
    if shown is None:
        raise unknown_to_owner()
    if shown.qr_payload is None or shown.qr_signature is None:
        raise ConflictError("qr.unsigned", "the coupon has no code", "show its letters instead")
    return drawn_now(shown.qr_payload, shown.qr_signature, keyring)


def drawn_now(body: bytes, signature: bytes, keyring: Keyring) -> WalletCode:
    """A picture is remade for each wallet three times a minute: half a millisecond."""
    text = live_text(body, signature, keyring, now=keyring.clock())
    return WalletCode(text, svg(symbol_of(text)), REFRESH_S)


async def offers(conn: Connection, user_id: UUID, *, cursor: str | None) -> Page[OfferToTake]:
    """Campaigns that run and are for more than those whom a coupon names. Raises InputError `request.cursor`."""
    position = decode_cursor(OfferPosition, cursor)
    after: tuple[datetime, str] | None = None
    if position is not None:
        after = moment_of(position.valid_until), position.code
    return page_of(
        await queries.offers_for(conn, user_id, after=after, limit=OFFERS_PAGE + 1),
        limit=OFFERS_PAGE,
        position=lambda offer: OfferPosition(offer.valid_until.isoformat(), offer.campaign_code),
    )


async def take_offer(conn: Connection, campaign_code: str, user_id: UUID) -> bool:
    """The person is owed a coupon of the campaign, once, which is issued within moments; gives whether that is new.
    Needs a transaction. Raises UnknownError `campaign.unknown`, ConflictError `offer.closed`.
    """
    is_new = await queries.take_offer(conn, campaign_code, user_id)
    if is_new is None:
        if not await campaign_exists(conn, campaign_code):
            raise unknown_campaign()
        raise ConflictError("offer.closed", "this offer is not open to this account, or is used up")
    return is_new
