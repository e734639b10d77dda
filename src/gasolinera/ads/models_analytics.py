"""Figures of advertisements: what may be asked and what is told. No SQL, no HTTP."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from gasolinera.paging import Position

MAX_DAYS = 366
NO_ADVERTISEMENT = UUID(int=0)


class By(StrEnum):
    """What a line is about, beside its currency."""

    DAY = "day"
    ADVERTISER = "advertiser"
    CAMPAIGN = "campaign"
    ADVERTISEMENT = "ad"


class AdMeasure(StrEnum):
    """By what advertisements are ranked."""

    STARTS = "starts"
    COMPLETIONS = "completions"
    CLICKS = "clicks"
    COST = "cost"
    COMPLETION_PERCENT = "completion_percent"
    CLICK_PERCENT = "click_percent"
    QUALITY = "quality"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Days of UTC, both included. None: of any."""

    first_day: date
    last_day: date
    advertiser_code: str | None = None
    campaign_code: str | None = None
    advertisement: UUID | None = None
    by: frozenset[By] = frozenset({By.DAY})


class AdFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Views that have ended count in the day on which they started, whatever is decided about them later.

    `viewer_days` are unique users a day and advertisement: over days or advertisements a user counts again. `cost` is
    what completed views charged; `rejected_cost`, beside it, what went back when they were refused later. Percents are
    None of nothing.
    """

    impressions: int
    starts: int
    first_quartiles: int
    midpoints: int
    third_quartiles: int
    completions: int
    skips: int
    failures: int
    abandons: int
    rejections: int
    clicks: int
    viewer_days: int
    watched_s: Decimal
    bonus_tickets: int
    cost: Decimal
    rejected_cost: Decimal
    start_percent: Decimal | None
    completion_percent: Decimal | None
    click_percent: Decimal | None
    rejected_percent: Decimal | None
    mean_quality_score: Decimal | None
    mean_fraud_score: Decimal | None


class AdLine(AdFigures, frozen=True, kw_only=True):
    """The keys are None where the report is not by them."""

    day: date | None
    advertiser_code: str | None
    campaign_code: str | None
    advertisement: UUID | None
    title: str | None
    currency: str


class LinePosition(Position, frozen=True):
    day: date
    advertiser_code: str
    campaign_code: str
    advertisement: UUID
    currency: str


class AdReport(msgspec.Struct, frozen=True, kw_only=True):
    """A page. All views that had ended before `as_of` are in; None: the figures were never brought up to date."""

    as_of: datetime | None
    first_day: date
    last_day: date
    items: tuple[AdLine, ...]
    next_cursor: str | None
    time_zone: str = "UTC"


class AdRanking(msgspec.Struct, frozen=True, kw_only=True):
    """The best advertisements first."""

    as_of: datetime | None
    first_day: date
    last_day: date
    measure: AdMeasure
    items: tuple[AdLine, ...]
    time_zone: str = "UTC"


class AdFunnelStep(msgspec.Struct, frozen=True, kw_only=True):
    """A completion needs the advertisement's threshold alone, so there may be more of them than of the step before."""

    name: str
    reached: int
    of_impressions_percent: Decimal | None
    of_step_before_percent: Decimal | None


class AdFunnel(msgspec.Struct, frozen=True, kw_only=True):
    as_of: datetime | None
    first_day: date
    last_day: date
    steps: tuple[AdFunnelStep, ...]
    time_zone: str = "UTC"


class AdBudget(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign's money, exact at this moment; `pace` is AHEAD, ON_TRACK or BEHIND, None where it is not paced.

    `spent_today` is of the daily budget, on the day that it is in the campaign's own zone.
    """

    advertiser_code: str
    campaign_code: str
    name: str
    status: str
    pacing: str
    starts_at: datetime
    ends_at: datetime
    currency: str
    total_budget: Decimal
    spent: Decimal
    remaining: Decimal
    spent_percent: Decimal
    elapsed_percent: Decimal
    is_alerted: bool
    daily_budget: Decimal | None
    spent_today: Decimal
    pace: str | None
    starts: int
    completions: int
    rejections: int


class BudgetPosition(Position, frozen=True):
    advertiser_code: str
    campaign_code: str


class AdFraudLine(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    advertiser_code: str
    campaign_code: str
    currency: str
    starts: int
    completions: int
    rejections: int
    rejected_percent: Decimal | None
    rejected_cost: Decimal
    mean_fraud_score: Decimal | None
    mean_quality_score: Decimal | None


class FraudPosition(Position, frozen=True):
    day: date
    advertiser_code: str
    campaign_code: str
    currency: str


class Advertiser(msgspec.Struct, frozen=True, kw_only=True):
    advertiser_code: str
    name: str


class AdvertiserReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an advertiser is shown. `totals` has a line a currency, `days` one a day and currency, `advertisements` the
    most completed first.
    """

    advertiser: Advertiser
    as_of: datetime | None
    first_day: date
    last_day: date
    totals: tuple[AdLine, ...]
    days: tuple[AdLine, ...]
    advertisements: tuple[AdLine, ...]
    budgets: tuple[AdBudget, ...]


class AdDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures are not what the views say. None: there is no such line.

    `subject` is an advertisement, or, of `spent`, a campaign; that one is of no day where it is the total budget's.
    """

    subject: str
    day: date | None
    measure: str
    told: Decimal | None
    fact: Decimal | None


class AdChecked(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting_count`: changes that were still to be folded, which were counted in on both sides."""

    as_of: datetime | None
    line_count: int
    waiting_count: int
    differences: tuple[AdDifference, ...]
