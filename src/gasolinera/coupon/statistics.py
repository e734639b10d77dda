"""Campaigns in figures, as of the last refresh. What was given back is counted apart and is in no amount."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from gasolinera.coupon.models_campaigns import CampaignStatus


class CampaignFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`refreshed_at` null: the campaign is younger than the figures."""

    campaign_code: str
    name: str
    status: CampaignStatus
    currency: str
    coupons: int
    active_coupons: int
    used_coupons: int
    expired_coupons: int
    cancelled_coupons: int
    suspended_coupons: int
    assigned_coupons: int
    users: int
    redemptions: int
    restored: int
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    raffle_tickets: int
    average_discount: Decimal | None
    redeemed_coupons_percent: Decimal | None
    refreshed_at: datetime | None


class DayFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Of a day in the campaign's zone, at one station."""

    day: date
    station_code: str
    redemptions: int
    restored: int
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    raffle_tickets: int


class RedemptionFigures(msgspec.Struct, frozen=True):
    items: tuple[DayFigures, ...]
