"""Over HTTP: what runs now, what a coupon or campaign would give and why not, and campaigns in figures."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta

from gasolinera.authentication import requires
from gasolinera.coupon import campaigns, offers, queries_campaigns
from gasolinera.coupon.api_campaigns import (
    PROBLEMS,
    UNKNOWN,
    AtStation,
    CodeInPath,
    Cursor,
    PageLimit,
    page,
    require_all,
    user_id,
)
from gasolinera.coupon.errors_coupons import unknown_campaign
from gasolinera.coupon.models_campaigns import Currency, Fuel, StationCode
from gasolinera.coupon.models_offers import ActiveCampaign, Offer, Purchase
from gasolinera.coupon.statistics import CampaignFigures, RedemptionFigures
from gasolinera.database import Database
from gasolinera.errors import HTTPStatus, InputError, problem_spec
from gasolinera.openapi import good
from gasolinera.paging import Page
from gasolinera.permissions import Caller, Permission

MAX_DAYS = 400

_UNKNOWN_COUPON = problem_spec(HTTPStatus.NOT_FOUND, "coupon.unknown", "there is no coupon with this code")
_OFFER_EXAMPLE: dict[str, object] = {
    "campaign_code": "VERANO2027",
    "currency": "MXN",
    "discount_amount": "50.00",
    "final_amount": "450.00",
    "raffle_tickets": 2,
    "raffle_code": None,
    "reasons": ["TIME_NOT_ELIGIBLE", "LIMIT_REACHED"],
    "is_usable": False,
}

_FIGURES_EXAMPLE: dict[str, object] = {
    "campaign_code": "VERANO2027",
    "name": "Verano 2027",
    "status": "ACTIVE",
    "currency": "MXN",
    "coupons": 10000,
    "active_coupons": 9400,
    "used_coupons": 590,
    "expired_coupons": 0,
    "cancelled_coupons": 10,
    "suspended_coupons": 0,
    "assigned_coupons": 10000,
    "users": 570,
    "redemptions": 590,
    "restored": 4,
    "original_amount": "295000.00",
    "discount_amount": "29500.00",
    "final_amount": "265500.00",
    "raffle_tickets": 1180,
    "average_discount": "50.00",
    "redeemed_coupons_percent": "5.9",
    "refreshed_at": "2027-06-22T18:00:00Z",
}
_DAY_EXAMPLE: dict[str, object] = {
    "day": "2027-06-21",
    "station_code": "JSM001",
    "redemptions": 31,
    "restored": 1,
    "original_amount": "15500.00",
    "discount_amount": "1550.00",
    "final_amount": "13950.00",
    "raffle_tickets": 62,
}


class OfferQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A coupon of one's own, and the purchase. What is left out is not judged; without a moment it is now."""

    coupon_code: Annotated[str, Meta(min_length=1, max_length=100)]
    station_code: StationCode | None = None
    fuel_type: Fuel | None = None
    amount: Decimal | None = None
    currency: Currency | None = None


@get(
    "/active",
    guards=[requires(Permission.COUPONS_OWN)],
    summary="What runs now",
    description="For everybody who has an account. Weekdays and hours are not looked at.",
    responses={200: page(Page[ActiveCampaign]), **PROBLEMS},
)
async def active_route(
    db: NamedDependency[Database], station: AtStation = None, cursor: Cursor = None, limit: PageLimit = 20
) -> Page[ActiveCampaign]:
    async with db.connection() as conn:
        return await offers.active_campaigns(conn, station, cursor=cursor, limit=limit)


@post(
    "/offers",
    status_code=200,
    guards=[requires(Permission.COUPONS_OWN)],
    summary="What a coupon of one's own would give",
    description="For a purchase, now, and every reason why not. Nothing is reserved. A coupon that does not name who "
    "asks is as unknown as one that does not exist.",
    responses={200: good(Offer, "The offer.", _OFFER_EXAMPLE), 404: _UNKNOWN_COUPON, **PROBLEMS},
)
async def own_offer_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], data: JSONBody[OfferQuestion]
) -> Offer:
    purchase = Purchase(
        at=datetime.now(UTC),
        user_id=user_id(caller),
        station_code=data.station_code,
        fuel_type=data.fuel_type,
        amount=data.amount,
        currency=data.currency,
    )
    async with db.connection() as conn:
        return await offers.offer_of_coupon(conn, data.coupon_code, purchase, only_own=True)


@get(
    "/{code:str}/offer",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="What a campaign or a coupon of it would give",
    description="For a purchase of anybody, at any moment, and every reason why not; without a coupon as if by a new "
    "one. What is left out is not judged. Nothing is reserved.",
    responses={200: good(Offer, "The offer.", _OFFER_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def offer_route(  # noqa: PLR0913, PLR0917  a question has its parts
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    coupon: Annotated[
        str | None, QueryParameter(min_length=1, max_length=100, description="The coupon's code.")
    ] = None,
    user: Annotated[UUID | None, QueryParameter(description="Whose purchase it would be.")] = None,
    station: AtStation = None,
    fuel: Annotated[Fuel | None, QueryParameter(description="Which fuel.")] = None,
    amount: Annotated[
        str | None, QueryParameter(pattern=r"^[0-9]{1,10}(\.[0-9]{1,2})?$(?!\n)", description="Before the discount.")
    ] = None,
    currency: Annotated[Currency | None, QueryParameter(description="Of the amount.")] = None,
    at: Annotated[Annotated[datetime, Meta(tz=True)] | None, QueryParameter(description="Now when left out.")] = None,
) -> Offer:
    require_all(caller)
    if at is not None:
        campaigns.require_moment(at)
    purchase = Purchase(
        at=at or datetime.now(UTC),
        user_id=user,
        station_code=station,
        fuel_type=fuel,
        amount=None if amount is None else Decimal(amount),
        currency=currency,
    )
    async with db.connection() as conn:
        if coupon is None:
            return await offers.offer_of_campaign(conn, code.upper(), purchase)
        return await offers.offer_of_coupon(conn, coupon, purchase, only_own=False, campaign_code=code.upper())


@get(
    "/statistics",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="Campaigns in figures",
    description="In order of the code, as of the last refresh.",
    responses={200: page(Page[CampaignFigures], _FIGURES_EXAMPLE), **PROBLEMS},
)
async def statistics_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], cursor: Cursor = None, limit: PageLimit = 20
) -> Page[CampaignFigures]:
    require_all(caller)
    async with db.connection() as conn:
        return await campaigns.figures(conn, cursor=cursor, limit=limit)


@get(
    "/{code:str}/statistics",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="One campaign in figures",
    description="As of the last refresh.",
    responses={200: good(CampaignFigures, "Its figures.", _FIGURES_EXAMPLE), 404: UNKNOWN, **PROBLEMS},
)
async def one_campaigns_statistics_route(
    db: NamedDependency[Database], caller: NamedDependency[Caller], code: CodeInPath
) -> CampaignFigures:
    require_all(caller)
    async with db.connection() as conn:
        found = await queries_campaigns.one_campaigns_statistics(conn, code.upper())
    if found is None:
        raise unknown_campaign()
    return found


@get(
    "/{code:str}/redemptions",
    guards=[requires(Permission.CAMPAIGNS_READ)],
    summary="A campaign's redemptions by day and station",
    description=f"Days of the campaign's zone, both included, {MAX_DAYS} at most; as of the last refresh.",
    responses={200: good(RedemptionFigures, "The figures.", {"items": [_DAY_EXAMPLE]}), 404: UNKNOWN, **PROBLEMS},
)
async def redemptions_route(
    db: NamedDependency[Database],
    caller: NamedDependency[Caller],
    code: CodeInPath,
    first: Annotated[date, QueryParameter(name="from", description="The first day.")],
    last: Annotated[date, QueryParameter(name="until", description="The last day.")],
) -> RedemptionFigures:
    require_all(caller)
    if not 0 <= (last - first).days < MAX_DAYS:
        raise InputError("campaign.days", f"the days are none, or more than {MAX_DAYS}")
    async with db.connection() as conn:
        found = await queries_campaigns.redemption_statistics(conn, code.upper(), first=first, last=last)
        if not found and not await queries_campaigns.campaign_exists(conn, code.upper()):
            raise unknown_campaign()
    return RedemptionFigures(tuple(found))


HANDLERS = (
    active_route,
    own_offer_route,
    offer_route,
    statistics_route,
    one_campaigns_statistics_route,
    redemptions_route,
)
