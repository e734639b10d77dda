"""Redemptions as the back office looks for them, and the whole story of one. No SQL, no HTTP."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import msgspec

from gasolinera.redemption.models import Fuel, Redemption, RedemptionRow, Status
from gasolinera.redemption.models_fraud import Decision

Order: TypeAlias = Literal["newest", "oldest"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; None: any. `text`: a reference, a coupon's code, a station's or an employee's, whole.

    Days are those of the station's zone, or of the chain's where no station is named; both are included.
    """

    text: str | None = None
    station_code: str | None = None
    status: Status | None = None
    fuel: Fuel | None = None
    first_day: date | None = None
    last_day: date | None = None
    order: Order = "newest"


class FoundRedemption(RedemptionRow, frozen=True, kw_only=True):
    """With the zone of its station. None: nobody told."""

    time_zone: str | None


class StationZone(msgspec.Struct, frozen=True):
    time_zone: str | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    event_type: str
    old_status: Status | None
    new_status: Status | None
    actor: str | None
    created_at: datetime


class EarnedTickets(msgspec.Struct, frozen=True, kw_only=True):
    """`numbers`: the first twenty of `count`."""

    source: str
    status: str
    raffle_code: str | None
    count: int
    numbers: tuple[str, ...]


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    detection_id: UUID
    risk_score: int
    action_taken: Decision
    rule_points: Mapping[str, int]
    details: dict[str, Any]
    created_at: datetime
    has_review: bool


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """`detections`: None for who does not review fraud."""

    redemption: Redemption
    time_zone: str | None
    changes: tuple[Change, ...]
    tickets: tuple[EarnedTickets, ...]
    detections: tuple[Detection, ...] | None
