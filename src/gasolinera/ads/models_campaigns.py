"""Advertisers and their campaigns: what they say, and how they are made, changed and shown. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

MAX_PAGE = 100
MAX_TARGETS = 1000
MAX_WINDOWS = 70

# Begins and ends with something, and holds no control character and none that turns the direction of writing; that
# anything of it can be seen the constraint asks.
_TURNS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
TEXT = rf"^[^\x00-\x20\x7f-\xa0{_TURNS}]([^\x00-\x1f\x7f-\x9f{_TURNS}]*[^\x00-\x20\x7f-\xa0{_TURNS}])?$(?!\n)"


class AdvertiserStatus(StrEnum):
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"


class AdCampaignStatus(StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class Pacing(StrEnum):
    """EVEN spreads the daily budget, or the total one without a daily, over the time; ASAP spends it as it can."""

    EVEN = "EVEN"
    ASAP = "ASAP"


class FrequencyPeriod(StrEnum):
    """Of the campaign's zone; a week begins on Monday."""

    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    CAMPAIGN = "CAMPAIGN"


class Dimension(StrEnum):
    STATION = "STATION"
    CITY = "CITY"
    STATE = "STATE"
    FUEL_TYPE = "FUEL_TYPE"
    LANGUAGE = "LANGUAGE"
    SEGMENT = "SEGMENT"


Currency: TypeAlias = Literal["MXN", "CRC", "USD"]
Code: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,49}$(?!\n)", examples=["REFRESCO-LUNA"])]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT, examples=["Luna de limón"])]
Description: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2000, pattern=TEXT)]
Email: TypeAlias = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$(?!\n)")]
Money: TypeAlias = Annotated[Decimal, Meta(examples=["1000.00"])]
Zone: TypeAlias = Annotated[
    str,
    Meta(max_length=64, pattern=r"^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$(?!\n)", examples=["Etc/UTC"]),
]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Minute: TypeAlias = Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)", examples=["06:00"])]
Priority: TypeAlias = Annotated[int, Meta(ge=1, le=10)]
Percent: TypeAlias = Annotated[int, Meta(ge=1, le=100)]
Cap: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
Tickets: TypeAlias = Annotated[int, Meta(ge=0, le=10_000)]


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """One value of a dimension, for which a campaign is, or for which it is not. Fuels: REGULAR, PREMIUM, DIESEL;
    languages: es, en.
    """

    dimension: Dimension
    value: Annotated[str, Meta(min_length=1, max_length=100, pattern=TEXT)]
    is_excluded: bool = False


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """When it may be shown, in its zone. ISO weekday: 1 is Monday. The end is exclusive; 24:00 ends the day."""

    weekday: Annotated[int, Meta(ge=1, le=7)]
    from_time: Minute
    until_time: Minute


Targets: TypeAlias = Annotated[tuple[Target, ...], Meta(max_length=MAX_TARGETS)]
Windows: TypeAlias = Annotated[tuple[Window, ...], Meta(max_length=MAX_WINDOWS)]


class NewAdvertiser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    advertiser_code: Code
    name: Name
    contact_name: Name | None = None
    contact_email: Email | None = None


class AdvertiserChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays. No advertisement of one that is not ACTIVE is shown."""

    name: Name | UnsetType = UNSET
    contact_name: Name | UnsetType | None = UNSET
    contact_email: Email | UnsetType | None = UNSET
    status: AdvertiserStatus | UnsetType = UNSET


class Advertiser(msgspec.Struct, frozen=True, kw_only=True):
    """With how many campaigns it has, and how many of them run."""

    advertiser_code: str
    name: str
    contact_name: str | None
    contact_email: str | None
    status: AdvertiserStatus
    campaigns: int
    active_campaigns: int
    created_at: datetime
    updated_at: datetime


class NewAdCampaign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft. `daily_budget` null: the total one alone. No targets: for everybody; no windows: at any time."""

    campaign_code: Code
    advertiser_code: Code
    name: Name
    description: Description | None = None
    starts_at: Moment
    ends_at: Moment
    time_zone: Zone = "America/Mexico_City"
    priority: Priority = 5
    pacing: Pacing = Pacing.EVEN
    total_budget: Money
    daily_budget: Money | None = None
    cost_per_engagement: Money
    currency: Currency = "MXN"
    budget_alert_percent: Percent = 90
    frequency_cap: Cap = 3
    frequency_period: FrequencyPeriod = FrequencyPeriod.DAY
    max_bonus_tickets: Tickets = 100
    targets: Targets = ()
    windows: Windows = ()


class AdCampaignChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is. Targets and windows are given whole."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    starts_at: Moment | UnsetType = UNSET
    ends_at: Moment | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    pacing: Pacing | UnsetType = UNSET
    total_budget: Money | UnsetType = UNSET
    daily_budget: Money | UnsetType | None = UNSET
    cost_per_engagement: Money | UnsetType = UNSET
    budget_alert_percent: Percent | UnsetType = UNSET
    frequency_cap: Cap | UnsetType = UNSET
    frequency_period: FrequencyPeriod | UnsetType = UNSET
    max_bonus_tickets: Tickets | UnsetType = UNSET
    targets: Targets | UnsetType = UNSET
    windows: Windows | UnsetType = UNSET


class AdCampaignStatusTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a campaign goes."""

    status: AdCampaignStatus


class AdCampaignSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list. `spent` is what completed views have charged."""

    campaign_code: str
    advertiser_code: str
    name: str
    status: AdCampaignStatus
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    priority: int
    pacing: Pacing
    total_budget: Decimal
    daily_budget: Decimal | None
    cost_per_engagement: Decimal
    currency: str
    spent: Decimal
    advertisements: int


class AdCampaign(AdCampaignSummary, frozen=True, kw_only=True):
    """All of it. `version` is the ETag of a change; `spent_today` is of today in its zone."""

    advertiser_name: str
    description: str | None
    budget_alert_percent: int
    budget_alerted_at: datetime | None
    frequency_cap: int
    frequency_period: FrequencyPeriod
    max_bonus_tickets: int
    targets: tuple[Target, ...]
    windows: tuple[Window, ...]
    spent_today: Decimal
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class AdCampaignFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None matches all. `text`: a part of the code or the name, without regard to case."""

    status: AdCampaignStatus | None = None
    advertiser_code: str | None = None
    text: str | None = None
    is_running: bool | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a campaign, its targets and windows, by whom; of a change the values that changed."""

    id: int
    action: str
    subject_type: str
    subject_reference: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str | None
    correlation_id: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
