"""What a coupon or a campaign would give for a purchase, and why not. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec


class Obstacle(StrEnum):
    """Why a coupon would not be taken, in the words of the log of attempts."""

    ALREADY_USED = "ALREADY_USED"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    CANCELLED = "CANCELLED"
    NOT_YET_VALID = "NOT_YET_VALID"
    CAMPAIGN_NOT_ACTIVE = "CAMPAIGN_NOT_ACTIVE"
    USER_NOT_ELIGIBLE = "USER_NOT_ELIGIBLE"
    STATION_NOT_ELIGIBLE = "STATION_NOT_ELIGIBLE"
    FUEL_NOT_ELIGIBLE = "FUEL_NOT_ELIGIBLE"
    TIME_NOT_ELIGIBLE = "TIME_NOT_ELIGIBLE"
    MINIMUM_NOT_MET = "MINIMUM_NOT_MET"
    LIMIT_REACHED = "LIMIT_REACHED"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """What is not known is not judged."""

    at: datetime
    user_id: UUID | None = None
    station_code: str | None = None
    fuel_type: str | None = None
    amount: Decimal | None = None
    currency: str | None = None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """As the database says it."""

    campaign_code: str
    currency: str
    discount_amount: Decimal | None
    final_amount: Decimal | None
    raffle_tickets: int
    raffle_code: str | None
    reasons: tuple[Obstacle, ...]


class Offer(Explained, frozen=True, kw_only=True):
    """`is_usable`: there is no reason why not, of all that was asked. Amounts are those it gives if it is taken."""

    is_usable: bool


class ActiveCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """What runs now, as everybody may know it."""

    campaign_code: str
    name: str
    discount_type: str
    discount_value: Decimal
    maximum_discount: Decimal | None
    minimum_purchase: Decimal
    currency: str
    time_zone: str
    valid_from: datetime
    valid_until: datetime
