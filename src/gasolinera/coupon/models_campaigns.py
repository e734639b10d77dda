"""What a campaign says, and how it is made, changed and shown. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_PAGE = 100
MAX_STATIONS = 1000

# Begins and ends with something, and holds no control character and none that turns the direction of writing; that
# anything of it can be seen the constraint asks.
_TURNS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TEXT = rf"^[^\x00-\x20\x7f-\xa0{_TURNS}]([^\x00-\x1f\x7f-\x9f{_TURNS}]*[^\x00-\x20\x7f-\xa0{_TURNS}])?$(?!\n)"


class CampaignStatus(StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class DiscountType(StrEnum):
    PERCENTAGE = "PERCENTAGE"
    FIXED_AMOUNT = "FIXED_AMOUNT"


class Audience(StrEnum):
    """NEW: before the first redemption. LOYAL: after so many. ASSIGNED: those whom a coupon names."""

    ALL = "ALL"
    NEW = "NEW"
    LOYAL = "LOYAL"
    ASSIGNED = "ASSIGNED"


class Period(StrEnum):
    """Of the campaign's zone; a week begins on Monday."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


class CancellationPolicy(StrEnum):
    """What a cancelled redemption gives back: the coupon, the coupon unless it has expired, nothing."""

    RESTORE = "RESTORE"
    RESTORE_IF_VALID = "RESTORE_IF_VALID"
    FORFEIT = "FORFEIT"


Fuel: TypeAlias = Literal["REGULAR", "PREMIUM", "DIESEL"]
Currency: TypeAlias = Literal["MXN", "CRC", "USD"]
Code: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9_]{3,50}$(?!\n)", examples=["VERANO2027"])]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT, examples=["Verano 2027"])]
Description: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4000, pattern=_TEXT)]
Money: TypeAlias = Annotated[Decimal, Meta(examples=["50.00"])]
Zone: TypeAlias = Annotated[
    str,
    Meta(max_length=64, pattern=r"^[A-Z][A-Za-z_]+(/[A-Za-z_+-]+){1,2}$(?!\n)", examples=["America/Mexico_City"]),
]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Minute: TypeAlias = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)", examples=["06:00"])]
Weekday: TypeAlias = Annotated[int, Meta(ge=1, le=7)]
Weekdays: TypeAlias = Annotated[frozenset[Weekday], Meta(min_length=1, max_length=7)]
Fuels: TypeAlias = Annotated[frozenset[Fuel], Meta(min_length=1, max_length=3)]
StationCode: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)", examples=["JSM001"])]
Stations: TypeAlias = Annotated[frozenset[StationCode], Meta(min_length=1, max_length=MAX_STATIONS)]
TotalLimit: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000_000)]
UserLimit: TypeAlias = Annotated[int, Meta(ge=1, le=10_000)]
PeriodLimit: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
Tickets: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
RaffleCode: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", examples=["MONTHLY-2026-12"])]


class NewCampaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft. `stations` null: everywhere. A percentage is 12.50 for 12.5 %; hours are of its own zone."""

    campaign_code: Code
    name: Name
    description: Description | None = None
    discount_type: DiscountType
    discount_value: Money
    maximum_discount: Money | None = None
    minimum_purchase: Money = Decimal(0)
    currency: Currency = "MXN"
    time_zone: Zone = "America/Mexico_City"
    valid_from: Moment
    valid_until: Moment
    weekdays: Weekdays = frozenset(range(1, 8))
    daily_from: Minute | None = None
    daily_until: Minute | None = None
    fuel_types: Fuels = frozenset(("REGULAR", "PREMIUM", "DIESEL"))
    stations: Stations | None = None
    audience: Audience = Audience.ALL
    loyal_after_redemptions: UserLimit | None = None
    total_usage_limit: TotalLimit | None = None
    per_user_usage_limit: UserLimit | None = None
    per_user_period: Period | None = None
    per_user_period_limit: PeriodLimit | None = None
    budget_amount: Money | None = None
    raffle_tickets_per_coupon: Tickets = 0
    raffle_code: RaffleCode | None = None
    cancellation_policy: CancellationPolicy = CancellationPolicy.RESTORE_IF_VALID


class CampaignChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes a limit away. Coupons keep the terms they were issued under."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    discount_type: DiscountType | UnsetType = UNSET
    discount_value: Money | UnsetType = UNSET
    maximum_discount: Money | UnsetType | None = UNSET
    minimum_purchase: Money | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    valid_from: Moment | UnsetType = UNSET
    valid_until: Moment | UnsetType = UNSET
    weekdays: Weekdays | UnsetType = UNSET
    daily_from: Minute | UnsetType | None = UNSET
    daily_until: Minute | UnsetType | None = UNSET
    fuel_types: Fuels | UnsetType = UNSET
    stations: Stations | UnsetType | None = UNSET
    audience: Audience | UnsetType = UNSET
    loyal_after_redemptions: UserLimit | UnsetType | None = UNSET
    total_usage_limit: TotalLimit | UnsetType | None = UNSET
    per_user_usage_limit: UserLimit | UnsetType | None = UNSET
    per_user_period: Period | UnsetType | None = UNSET
    per_user_period_limit: PeriodLimit | UnsetType | None = UNSET
    budget_amount: Money | UnsetType | None = UNSET
    raffle_tickets_per_coupon: Tickets | UnsetType = UNSET
    raffle_code: RaffleCode | UnsetType | None = UNSET
    cancellation_policy: CancellationPolicy | UnsetType = UNSET


class StatusTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a campaign goes. A draft that goes to ACTIVE opens at once, whatever its window says of coupons."""

    status: CampaignStatus


class Opening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a draft opens by itself when its window begins."""

    opens_by_clock: bool


class CampaignSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list."""

    campaign_code: str
    name: str
    status: CampaignStatus
    discount_type: DiscountType
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    time_zone: str
    valid_from: datetime
    valid_until: datetime
    audience: Audience


class Campaign(CampaignSummary, frozen=True, kw_only=True):
    """All of it. `used` and `spent` count what was not given back; `version` is the ETag of a change."""

    description: str | None
    weekdays: tuple[int, ...]
    daily_from: str | None
    daily_until: str | None
    fuel_types: tuple[str, ...]
    stations: tuple[str, ...] | None
    loyal_after_redemptions: int | None
    total_usage_limit: int | None
    per_user_usage_limit: int | None
    per_user_period: Period | None
    per_user_period_limit: int | None
    budget_amount: Decimal | None
    raffle_tickets_per_coupon: int
    raffle_code: str | None
    cancellation_policy: CancellationPolicy
    opens_by_clock: bool
    created_by: UUID | None
    raised_by: UUID | None
    approved_by: UUID | None
    approved_at: datetime | None
    used: int
    spent: Decimal
    version: int
    updated_at: datetime


class CampaignFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None matches all. `text`: a part of the code or the name, without regard to case."""

    status: CampaignStatus | None = None
    station_code: str | None = None
    text: str | None = None
    is_running: bool | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a campaign or its coupons, by whom; of a change the values that changed."""

    id: int
    action: str
    coupon_code: str | None
    reason: str | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str | None
    correlation_id: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class ApprovalLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The largest budgets that one person opens alone, by currency."""

    mxn: Decimal
    crc: Decimal
    usd: Decimal
