"""The rows of an export of one person's data. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal

import msgspec


class ExportedCoupon(msgspec.Struct, frozen=True, kw_only=True):
    coupon_code: str
    campaign_code: str
    status: str
    status_reason: str | None
    valid_from: datetime
    valid_until: datetime
    usage_count: int
    max_usage: int
    created_at: datetime


class ExportedUse(msgspec.Struct, frozen=True, kw_only=True):
    redemption_reference: str
    coupon_code: str
    station_code: str
    fuel_type: str | None
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    currency: str
    used_at: datetime
    restored_at: datetime | None


class ExportedAttempt(msgspec.Struct, frozen=True, kw_only=True):
    station_code: str | None
    validation_method: str
    amount: Decimal | None
    currency: str | None
    device_id: str | None
    latitude: Decimal | None
    longitude: Decimal | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedScan(msgspec.Struct, frozen=True, kw_only=True):
    station_code: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ExportedCampaignUse(msgspec.Struct, frozen=True, kw_only=True):
    campaign_code: str
    used_count: int
    created_at: datetime


class ExportedGrant(msgspec.Struct, frozen=True, kw_only=True):
    campaign_code: str
    source: str
    created_at: datetime
