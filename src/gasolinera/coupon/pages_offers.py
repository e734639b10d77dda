"""Offers as a page, with a button that takes one into the wallet."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Redirect, Template

from gasolinera.authentication import requires
from gasolinera.coupon import wallet
from gasolinera.coupon.models_campaigns import Audience
from gasolinera.coupon.models_offers import Obstacle
from gasolinera.coupon.models_wallet import OfferToTake
from gasolinera.coupon.wallet_words import WORDING, TermsInWords, limits_in_words, until_in_words, words_of
from gasolinera.database import Connection, Database, RequestContext
from gasolinera.errors import ConflictError
from gasolinera.keyring import Keyring
from gasolinera.paging import MAX_CURSOR
from gasolinera.permissions import Caller, Permission
from gasolinera.web.forms import Form, read_form
from gasolinera.web.pages import language_of, page
from gasolinera.web.refusing import tell

_AnyRequest = Request[Any, Any, Any]


class OfferCard(msgspec.Struct, frozen=True):
    """`state`: open, held (there is a coupon of it), coming, done, or closed, for a reason."""

    offer: OfferToTake
    words: TermsInWords
    state: str
    why: list[str]
    audience: str
    limits: list[str]
    until: str


@get("/offers", guards=[requires(Permission.COUPONS_OWN)], include_in_schema=False)
async def offers_route(
    request: _AnyRequest,
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    cursor: Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)] = None,
) -> Template:
    async with db.connection() as conn:
        return await _shown(request, conn, caller, keyring, Form(), cursor=cursor)


@post("/offers/{campaign:str}", guards=[requires(Permission.COUPONS_OWN)], include_in_schema=False)
async def take_route(
    request: _AnyRequest,
    db: NamedDependency[Database],
    context: NamedDependency[RequestContext],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    campaign: Annotated[str, PathParameter(max_length=60)],
) -> Template | Redirect:
    """A second click finds that it was taken, which is just as well."""
    form = await read_form(request)
    assert caller.user_id is not None, "who has no account has no such permission"
    try:
        async with db.transaction(context) as conn:
            is_new = await wallet.take_offer(conn, campaign.upper(), caller.user_id)
    except ConflictError as error:
        tell(request, form, error, WORDING)
        async with db.connection() as conn:
            return await _shown(request, conn, caller, keyring, form, status=409)
    return Redirect(f"/wallet?said=offer-{'taken' if is_new else 'had'}", status_code=303)


async def _shown(
    request: _AnyRequest,
    conn: Connection,
    caller: Caller,
    keyring: Keyring,
    form: Form,
    *,
    cursor: str | None = None,
    status: int = 200,
) -> Template:
    assert caller.user_id is not None, "who has no account has no such permission"
    found = await wallet.offers(conn, caller.user_id, cursor=cursor)
    now, language = keyring.clock(), language_of(request)
    cards = [
        OfferCard(
            offer=offer,
            words=words_of(offer, language),
            state=_state(offer),
            why=[WORDING.text(language, f"why-{reason}") for reason in _reasons(offer)],
            audience=_audience(offer, language),
            limits=limits_in_words(offer, language),
            until=until_in_words(offer.valid_until, offer.time_zone, language, now),
        )
        for offer in found.items
    ]
    values = {"cards": cards, "next_cursor": found.next_cursor, "form": form}
    return page(request, "coupon/wallet/offers.html", values, wording=WORDING, status=status)


def _reasons(offer: OfferToTake) -> list[Obstacle]:
    """One may take today what is good on Saturdays."""
    return [reason for reason in offer.reasons if reason is not Obstacle.TIME_NOT_ELIGIBLE]


def _state(offer: OfferToTake) -> str:
    if offer.coupon_code is not None:
        return "held"
    if offer.is_taken:
        return "done" if offer.used_of_campaign or _reasons(offer) else "coming"
    return "closed" if _reasons(offer) else "open"


def _audience(offer: OfferToTake, language: str) -> str:
    if offer.audience is Audience.LOYAL and offer.loyal_after_redemptions is not None:
        return WORDING.text(language, "offer-loyal", {"count": offer.loyal_after_redemptions})
    return WORDING.text(language, "offer-new") if offer.audience is Audience.NEW else ""


HANDLERS = (offers_route, take_route)
