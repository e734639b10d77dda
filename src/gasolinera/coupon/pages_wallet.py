"""A customer's coupons as pages: the list, one of them with its code, and the code as it is right now."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, PathParameter, QueryParameter
from litestar.response import Template

from gasolinera.authentication import requires
from gasolinera.coupon import wallet
from gasolinera.coupon.codes import grouped
from gasolinera.coupon.models_campaigns import CampaignStatus
from gasolinera.coupon.models_offers import Obstacle
from gasolinera.coupon.models_wallet import CouponOnItsPage, OwnCoupon, WalletView
from gasolinera.coupon.wallet_words import (
    WORDING,
    from_in_words,
    limits_in_words,
    until_in_words,
    window_in_words,
    words_of,
)
from gasolinera.database import Database
from gasolinera.keyring import Keyring
from gasolinera.limits import Limit
from gasolinera.paging import MAX_CURSOR
from gasolinera.permissions import Caller, Permission
from gasolinera.web.keeping import kept, session_tag
from gasolinera.web.pages import language_of, page

_TONES: Final = {"USED": "quiet", "EXPIRED": "quiet", "CANCELLED": "bad", "SUSPENDED": "warn"}
_AnyRequest = Request[Any, Any, Any]
Code = Annotated[str, PathParameter(max_length=60)]


class Card(msgspec.Struct, frozen=True):
    """A coupon in the list. `code` is None until it is issued; `badge` is a text and its tone."""

    code: str | None
    name: str
    gives: str
    terms: str
    places: str
    until: str
    uses: str
    badge: tuple[str, str] | None


class CodeNow(msgspec.Struct, frozen=True):
    """What a page that is open asks for again and again."""

    svg: str
    at: datetime
    refresh_after_s: int


@get("/wallet", guards=[requires(Permission.COUPONS_OWN)], include_in_schema=False)
async def wallet_route(
    request: _AnyRequest,
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    view: FromQuery[WalletView] = WalletView.READY,
    q: Annotated[str, QueryParameter(max_length=100)] = "",
    cursor: Annotated[str | None, QueryParameter(max_length=MAX_CURSOR)] = None,
) -> Template:
    assert caller.user_id is not None, "who has no account has no such permission"
    now, language, text = keyring.clock(), language_of(request), q.strip() or None
    async with db.connection() as conn:
        found = await wallet.wallet(conn, caller.user_id, view=view, text=text, cursor=cursor)
    values = {
        "cards": [_card(coupon, language, now) for coupon in found.items],
        "next_cursor": found.next_cursor,
        "view": view.value,
        "views": [one.value for one in WalletView],
        "text": text,
        "owner": session_tag(request),
    }
    return page(request, "coupon/wallet/list.html", values, wording=WORDING, headers=kept(request, now))


def _card(coupon: OwnCoupon, language: str, now: datetime) -> Card:
    words = words_of(coupon, language)
    narrow = (
        words.fuels if len(coupon.fuel_types) < 3 else "",
        words.days if len(coupon.weekdays) < 7 else "",
        words.hours if coupon.daily_from else "",
        words.stations if coupon.stations is not None else "",
    )
    uses = WORDING.text(language, "uses-left", {"count": coupon.uses_left}) if coupon.max_usage > 1 else ""
    return Card(
        code=coupon.coupon_code,
        name=coupon.name,
        gives=words.gives,
        terms=words.in_short(),
        places=" · ".join(part for part in narrow if part),
        until=until_in_words(coupon.valid_until, coupon.time_zone, language, now),
        uses=uses if coupon.uses_left else "",
        badge=_badge(coupon, language, now),
    )


def _badge(coupon: OwnCoupon, language: str, now: datetime) -> tuple[str, str] | None:
    if coupon.status in _TONES:
        return WORDING.text(language, f"badge-{coupon.status}"), _TONES[coupon.status]
    if coupon.status == "OWED":
        return None
    if coupon.valid_until <= now:
        return WORDING.text(language, "badge-EXPIRED"), "quiet"
    if coupon.valid_from > now:
        return from_in_words(coupon.valid_from, coupon.time_zone, language), "warn"
    if coupon.campaign_status is not CampaignStatus.ACTIVE:
        return WORDING.text(language, "badge-paused"), "warn"
    return None


@get("/wallet/{code:str}", guards=[requires(Permission.COUPONS_OWN)], include_in_schema=False)
async def coupon_route(
    request: _AnyRequest,
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: Code,
) -> Template:
    assert caller.user_id is not None, "who has no account has no such permission"
    async with db.connection() as conn:
        coupon = await wallet.own_coupon(conn, code, caller.user_id)
    now, language = keyring.clock(), language_of(request)
    is_good = coupon.status == "ACTIVE" and now < coupon.valid_until
    drawn = None
    if is_good and coupon.qr_payload is not None and coupon.qr_signature is not None:
        drawn = wallet.drawn_now(coupon.qr_payload, coupon.qr_signature, keyring)
    values = {
        "coupon": coupon,
        "words": words_of(coupon, language),
        "typed": grouped(coupon.coupon_code),
        "badge": _badge(coupon, language, now),
        "until": until_in_words(coupon.valid_until, coupon.time_zone, language, now),
        "window": window_in_words(coupon.valid_from, coupon.valid_until, coupon.time_zone, language),
        "limits": limits_in_words(coupon, language),
        "why": _why_not(coupon, language) if is_good else [],
        "is_good": is_good,
        "drawn": drawn,
        "at": now,
        "owner": session_tag(request),
    }
    return page(request, "coupon/wallet/coupon.html", values, wording=WORDING, headers=kept(request, now))


def _why_not(coupon: CouponOnItsPage, language: str) -> list[str]:
    if Obstacle.NOT_YET_VALID in coupon.reasons:
        return [from_in_words(coupon.valid_from, coupon.time_zone, language)]
    words = words_of(coupon, language)
    times = {"days": words.days, "hours": words.hours[:1].lower() + words.hours[1:]}
    return [WORDING.text(language, f"why-{reason}", times) for reason in coupon.reasons]


@get(
    "/wallet/{code:str}/now",
    guards=[requires(Permission.COUPONS_OWN)],
    opt={"limits": (Limit("user", 60, 60),)},
    include_in_schema=False,
)
async def now_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    keyring: NamedDependency[Keyring],
    code: Code,
) -> Response[CodeNow]:
    async with db.connection() as conn:
        made = await wallet.code_of_now(conn, code, caller.user_id, keyring)
    answer = CodeNow(made.svg, keyring.clock(), made.refresh_after_s)
    return Response(answer, headers={"cache-control": "no-store"})


HANDLERS = (wallet_route, coupon_route, now_route)
