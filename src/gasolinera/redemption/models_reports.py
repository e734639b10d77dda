"""Reports of redemptions: what may be asked and what is told. No SQL, no HTTP."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from gasolinera.paging import Position

MAX_DAYS = 366


class By(StrEnum):
    """What a line of the report is about, beside its currency."""

    DAY = "day"
    STATION = "station"
    CAMPAIGN = "campaign"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Days of the stations' zones, both included. None: of any."""

    first_day: date
    last_day: date
    station_code: str | None
    campaign_code: str | None
    by: frozenset[By]


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A redemption counts in the day on which it completed, and so does its cancellation, whenever it came.

    `business_day`, `station_code` and `campaign_code` are None where the report is not by them; a campaign is None in
    a report by campaigns too, for what was pumped without a coupon. `completed` counts those cancelled since;
    amounts and litres are without them, and `cancelled_amount` is what they would have paid.
    """

    business_day: date | None
    station_code: str | None
    campaign_code: str | None
    currency: str
    completed: int
    cancelled: int
    original_amount: Decimal
    discount_amount: Decimal
    final_amount: Decimal
    cancelled_amount: Decimal
    fuel_litres: Decimal
    tickets_earned: int
    tickets_taken_back: int


class ReportPosition(Position, frozen=True):
    business_day: date
    station_code: str
    campaign_code: str
    currency: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A page. All that was committed before `as_of` is in; None: the report was never brought up to date.

    `next_cursor` is None on the last page.
    """

    as_of: datetime | None
    first_day: date
    last_day: date
    items: tuple[ReportLine, ...]
    next_cursor: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Where the report is not what the redemptions say. None: there is no such line."""

    business_day: date
    station_code: str
    campaign_code: str
    currency: str
    measure: str
    told: Decimal | None
    fact: Decimal | None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`waiting_count`: changes that were still to be folded, which neither side counts."""

    as_of: datetime | None
    line_count: int
    waiting_count: int
    differences: tuple[Difference, ...]
