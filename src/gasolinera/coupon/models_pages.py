"""What the back office's pages of campaigns and coupons show beside what the API tells. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from gasolinera.coupon.models_campaigns import CampaignStatus, DiscountType
from gasolinera.coupon.models_coupons import Coupon
from gasolinera.coupon.models_offers import Offer


class ListedCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list, with what was used of it."""

    campaign_code: str
    name: str
    status: CampaignStatus
    discount_type: DiscountType
    discount_value: Decimal
    maximum_discount: Decimal | None
    currency: str
    time_zone: str
    valid_from: datetime
    valid_until: datetime
    total_usage_limit: int | None
    budget_amount: Decimal | None
    used: int
    spent: Decimal
    approved_at: datetime | None
    id: int


class Clash(msgspec.Struct, frozen=True, kw_only=True):
    """Another campaign for the same drivers at the same time."""

    campaign_code: str
    name: str
    status: CampaignStatus
    valid_from: datetime
    valid_until: datetime
    time_zone: str


class NeverNamed(msgspec.Struct, frozen=True):
    """Codes of other services that no other campaign names: they may be new, or mistyped."""

    stations: tuple[str, ...] = ()
    raffle: str | None = None


class Caution(StrEnum):
    """What somebody should look at before a campaign opens."""

    NEVER_OPEN = "never-open"
    PAST = "past"
    UNBOUNDED = "unbounded"
    NO_STATION = "no-station"
    UNCAPPED = "uncapped"
    TICKETS_WITHOUT_RAFFLE = "tickets-without-raffle"
    RAFFLE_WITHOUT_TICKETS = "raffle-without-tickets"


class Example(msgspec.Struct, frozen=True):
    """A purchase, and what the rule gives for it."""

    amount: Decimal
    offer: Offer


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A dry run. `tried_at` None: there is no moment at which the rule is open.

    `most_cost`: the most that all discounts can come to; None: nobody knows beforehand. `most_uses`: how often it can
    be used before a limit ends it; with `least_people`: by how many persons at least. `never_named` is asked of what is
    not open yet. `clashes` are the first ones; `more_clash`: there are others.
    """

    tried_at: datetime | None
    examples: tuple[Example, ...]
    most_cost: Decimal | None
    most_uses: int | None
    least_people: int | None
    needs_second_person: bool
    cautions: tuple[Caution, ...]
    never_named: NeverNamed
    clashes: tuple[Clash, ...]
    more_clash: bool


class CouponUse(msgspec.Struct, frozen=True, kw_only=True):
    redemption_reference: str
    station_code: str
    employee_number: str | None
    original_amount: Decimal
    discount_amount: Decimal
    currency: str
    used_at: datetime
    restored_at: datetime | None


class CouponAttempt(msgspec.Struct, frozen=True, kw_only=True):
    result: str
    validation_method: str
    station_code: str | None
    employee_number: str | None
    amount: Decimal | None
    currency: str | None
    created_at: datetime


class CouponAct(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    reason: str | None
    actor: str | None
    created_at: datetime


class CouponPlace(msgspec.Struct, frozen=True):
    time_zone: str
    campaign_name: str


class CouponStory(msgspec.Struct, frozen=True, kw_only=True):
    coupon: Coupon
    place: CouponPlace
    uses: tuple[CouponUse, ...]
    attempts: tuple[CouponAttempt, ...]
    acts: tuple[CouponAct, ...]
