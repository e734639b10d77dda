"""What a customer's pages show of coupons and offers. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

from gasolinera.coupon.models_campaigns import Audience, CampaignStatus, Period
from gasolinera.coupon.models_offers import Obstacle

WALLET_PAGE = 200
OFFERS_PAGE = 30


class WalletView(StrEnum):
    """Which of the own coupons: those that are still good, the used ones, what is over or was withdrawn."""

    READY = "ready"
    USED = "used"
    OVER = "over"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a coupon gives, and where and when: times of the day are the campaign's; no stations, everywhere."""

    discount_type: Literal["PERCENTAGE", "FIXED_AMOUNT"]
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    raffle_tickets: int
    time_zone: str
    weekdays: tuple[int, ...]
    daily_from: str | None
    daily_until: str | None
    fuel_types: tuple[str, ...]
    stations: tuple[str, ...] | None


class OwnCoupon(Terms, frozen=True, kw_only=True):
    """One of a list. OWED: it is issued within moments, and has no code until then."""

    id: int
    coupon_code: str | None
    name: str
    status: Literal["ACTIVE", "USED", "EXPIRED", "CANCELLED", "SUSPENDED", "OWED"]
    campaign_status: CampaignStatus
    valid_from: datetime
    valid_until: datetime
    max_usage: int
    uses_left: int


class CouponOnItsPage(OwnCoupon, frozen=True, kw_only=True):
    """With how often its owner may use the campaign and has, why it could not be used at this moment, and what its code
    is made of."""

    coupon_code: str
    description: str | None
    raffle_code: str | None
    per_user_usage_limit: int | None
    per_user_period: Period | None
    per_user_period_limit: int | None
    used_of_campaign: int
    reasons: tuple[Obstacle, ...]
    qr_payload: bytes | None
    qr_signature: bytes | None


class OfferToTake(Terms, frozen=True, kw_only=True):
    """A campaign that somebody may join. `coupon_code`: of a good coupon of it that they have."""

    id: int
    campaign_code: str
    name: str
    description: str | None
    valid_from: datetime
    valid_until: datetime
    max_usage: int
    audience: Audience
    loyal_after_redemptions: int | None
    per_user_usage_limit: int | None
    per_user_period: Period | None
    per_user_period_limit: int | None
    used_of_campaign: int
    is_taken: bool
    coupon_code: str | None
    reasons: tuple[Obstacle, ...]


class WalletCode(msgspec.Struct, frozen=True):
    """A code as it is right now. `text` is what the picture says; ask again after `refresh_after_s` seconds."""

    text: str
    svg: str
    refresh_after_s: int
