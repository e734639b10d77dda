"""What a batch and a coupon are, as their owner or an administrator sees them. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

MAX_PAGE = 100
MAX_BATCH = 5_000_000
CHUNK = 10_000  # coupons that are lost and made again when a process dies; a second's work

CampaignCode: TypeAlias = Annotated[str, Meta(pattern="^[A-Z0-9_]{3,50}$")]
Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class CouponStatus(StrEnum):
    ACTIVE = "ACTIVE"
    USED = "USED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    SUSPENDED = "SUSPENDED"


class BatchStatus(StrEnum):
    ISSUING = "ISSUING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class NewBatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Coupons with the campaign's terms of now; the window is the campaign's, or lies in it."""

    campaign_code: CampaignCode
    count: Annotated[int, Meta(ge=1, le=MAX_BATCH)]
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    max_usage: Annotated[int, Meta(ge=1, le=1000)] = 1


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """How far a batch is. COMPLETED: exactly `requested_count` coupons are there."""

    batch_id: UUID
    campaign_code: str
    status: BatchStatus
    requested_count: int
    issued_count: int
    valid_from: datetime
    valid_until: datetime
    max_usage: int
    created_at: datetime
    finished_at: datetime | None


class ListedBatch(Batch, frozen=True, kw_only=True):
    """With the key that lists are in the order of, which nobody is told."""

    id: int

    def shown(self) -> Batch:
        return Batch(**{name: getattr(self, name) for name in Batch.__struct_fields__})


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as an administrator sees it."""

    coupon_code: str
    campaign_code: str
    user_id: UUID | None
    status: CouponStatus
    status_reason: str | None
    discount_type: Literal["PERCENTAGE", "FIXED_AMOUNT"]
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    raffle_tickets: int
    valid_from: datetime
    valid_until: datetime
    max_usage: int
    usage_count: int
    is_signed: bool
    created_at: datetime


class ListedCoupon(Coupon, frozen=True, kw_only=True):
    """With the key that lists are in the order of, which nobody is told."""

    id: int

    def shown(self) -> Coupon:
        return Coupon(**{name: getattr(self, name) for name in Coupon.__struct_fields__})


class WalletCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon as its owner sees it; what its code on the screen holds, `/{code}/qr` says anew each time.

    `is_usable`: active, begun, not over, and its campaign runs; where and when of the day are the campaign's.
    """

    coupon_code: str
    campaign_code: str
    campaign_name: str
    status: CouponStatus
    is_usable: bool
    discount_type: Literal["PERCENTAGE", "FIXED_AMOUNT"]
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    raffle_tickets: int
    valid_from: datetime
    valid_until: datetime
    uses_left: int
    is_signed: bool


class CouponFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a search asks for; None: any. `is_assigned`: whether it names a user."""

    campaign_code: str | None = None
    status: CouponStatus | None = None
    user_id: UUID | None = None
    is_assigned: bool | None = None


class StatusChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, for the log and whoever asks later."""

    reason: Reason


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose the coupon is from now on."""

    user_id: UUID


class WelcomeCampaign(msgspec.Struct, frozen=True):
    """A campaign of which every new user gets a coupon."""

    campaign_code: str
    since: datetime


class ListedWalletCoupon(WalletCoupon, frozen=True, kw_only=True):
    """With the key that lists are in the order of, which nobody is told."""

    id: int

    def shown(self) -> WalletCoupon:
        return WalletCoupon(**{name: getattr(self, name) for name in WalletCoupon.__struct_fields__})


class ExportedCoupon(msgspec.Struct, frozen=True, kw_only=True):
    """A coupon on its way out, to a file or onto paper. `position`: where an export goes on."""

    position: int
    coupon_code: str
    campaign_code: str
    status: CouponStatus
    discount_type: Literal["PERCENTAGE", "FIXED_AMOUNT"]
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    raffle_tickets: int
    valid_from: datetime
    valid_until: datetime
    max_usage: int
    qr_payload: bytes | None
    qr_signature: bytes | None


class PaperCampaign(msgspec.Struct, frozen=True):
    """What a printed coupon says of its campaign."""

    campaign_code: str
    name: str
    time_zone: str
    fuel_types: tuple[str, ...]
    is_for_listed_stations: bool
