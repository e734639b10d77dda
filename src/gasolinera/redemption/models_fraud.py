"""What fraud rules, their findings and reviews are. No SQL, no HTTP."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.texts import lines

MAX_RULES: Final = 50
MAX_SIMULATED: Final = 2000
SHOWN_CHANGES: Final = 100


class FraudType(StrEnum):
    DUPLICATE_REDEMPTION = "DUPLICATE_REDEMPTION"
    SUSPICIOUS_PATTERN = "SUSPICIOUS_PATTERN"
    VELOCITY_FRAUD = "VELOCITY_FRAUD"
    LOCATION_ANOMALY = "LOCATION_ANOMALY"
    DEVICE_FRAUD = "DEVICE_FRAUD"


class Decision(StrEnum):
    """What an assessment decides, mildest first. All but BLOCKED go on; all but ALLOWED are reviewed."""

    ALLOWED = "ALLOWED"
    FLAGGED = "FLAGGED"
    ALLOWED_WITH_REVIEW = "ALLOWED_WITH_REVIEW"
    BLOCKED = "BLOCKED"


class RuleKind(StrEnum):
    DUPLICATE_COUPON = "DUPLICATE_COUPON"
    DUPLICATE_PURCHASE = "DUPLICATE_PURCHASE"
    USER_VELOCITY = "USER_VELOCITY"
    DEVICE_VELOCITY = "DEVICE_VELOCITY"
    STATION_VELOCITY = "STATION_VELOCITY"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    USER_AMOUNT = "USER_AMOUNT"
    STATION_AMOUNT = "STATION_AMOUNT"
    DEVICE_SHARING = "DEVICE_SHARING"
    USER_GUESSING = "USER_GUESSING"
    DEVICE_GUESSING = "DEVICE_GUESSING"
    EMPLOYEE_GUESSING = "EMPLOYEE_GUESSING"
    CONFIRMED_BEFORE = "CONFIRMED_BEFORE"


class RefusedAs(StrEnum):
    """Why a code was refused that may have been guessed."""

    INVALID_CODE = "INVALID_CODE"
    INVALID_SIGNATURE = "INVALID_SIGNATURE"


class ReviewStatus(StrEnum):
    OPEN = "OPEN"
    CONFIRMED = "CONFIRMED"
    FALSE_ALARM = "FALSE_ALARM"
    INCONCLUSIVE = "INCONCLUSIVE"


class Resolution(StrEnum):
    """What a reviewer does. RELEASE: no fraud, and its driver is not blocked for some hours."""

    CONFIRM = "CONFIRM"
    DISMISS = "DISMISS"
    INCONCLUSIVE = "INCONCLUSIVE"
    RELEASE = "RELEASE"


STATUS_AFTER: Final[Mapping[Resolution, ReviewStatus]] = {
    Resolution.CONFIRM: ReviewStatus.CONFIRMED,
    Resolution.DISMISS: ReviewStatus.FALSE_ALARM,
    Resolution.INCONCLUSIVE: ReviewStatus.INCONCLUSIVE,
    Resolution.RELEASE: ReviewStatus.FALSE_ALARM,
}

RuleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{2,49}$(?!\n)", examples=["user_hour"])]
_Parameters = Annotated[
    dict[Annotated[str, Meta(pattern=r"^[a-z_]{1,30}$(?!\n)")], Annotated[int, Meta(ge=0, le=1_000_000)]],
    Meta(min_length=1, max_length=10, description="Whole numbers; which ones, and their bounds, the kind says."),
]
_Points = Annotated[int, Meta(ge=1, le=100)]
_Threshold = Annotated[int, Meta(ge=1, le=101, description="101 is never reached.")]
_Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class RefusedCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is none, and who showed it: at least one of employee, user and device is known."""

    code: str
    reason: RefusedAs
    station_code: str | None = None
    employee_number: str | None = None
    user_id: UUID | None = None
    device_id: str | None = None


class StationPlace(msgspec.Struct, frozen=True):
    """What `station.changed` tells. `time_zone`: for the days of reports; None: not told, and what was told holds."""

    station_code: str
    latitude: float
    longitude: float
    time_zone: str | None = None


class FraudRule(msgspec.Struct, frozen=True, kw_only=True):
    """`version` counts the changes; the log says by which version something was found."""

    rule_name: str
    kind: RuleKind
    fraud_type: FraudType
    parameters: Mapping[str, int]
    points: int
    is_enabled: bool
    version: int
    updated_at: datetime


class RuleParameter(msgspec.Struct, frozen=True):
    kind: RuleKind
    fraud_type: FraudType
    parameter: str
    lowest: int
    highest: int


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """The score from which on an attempt is flagged, allowed with a review, blocked."""

    flagged_from: int
    review_from: int
    blocked_from: int
    version: int
    updated_at: datetime


class RuleBook(msgspec.Struct, frozen=True):
    """All there is to read before rules are changed."""

    rules: tuple[FraudRule, ...]
    thresholds: Thresholds
    parameters: tuple[RuleParameter, ...]


class RuleWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`version`: of which the change is; 0 makes a new rule. The kind of a rule never changes."""

    kind: RuleKind
    parameters: _Parameters
    points: _Points
    is_enabled: bool = True
    version: _Version


class ThresholdsWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    flagged_from: _Threshold
    review_from: _Threshold
    blocked_from: _Threshold
    version: _Version


class SimulatedRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    rule_name: RuleName
    kind: RuleKind
    parameters: _Parameters
    points: _Points
    is_enabled: bool = True


class SimulatedThresholds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    flagged_from: _Threshold
    review_from: _Threshold
    blocked_from: _Threshold


class SimulationWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out is as it is now. Rules replace those of the same name, and others are added."""

    rules: Annotated[tuple[SimulatedRule, ...], Meta(max_length=MAX_RULES)] = ()
    thresholds: SimulatedThresholds | None = None
    station_code: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    newest: Annotated[int, Meta(ge=1, le=MAX_SIMULATED, description="How many of the latest redemptions.")] = 500


class Simulated(msgspec.Struct, frozen=True):
    """One past redemption. `was` None: it was never assessed."""

    transaction_reference: str
    created_at: datetime
    was: Decision | None
    would_be: Decision
    risk_score: int
    rule_points: Mapping[str, int]


class Simulation(msgspec.Struct, frozen=True):
    """How many of each decision there were and would be, and the newest that would have been decided otherwise."""

    assessed: int
    was: Mapping[Decision, int]
    would_be: Mapping[Decision, int]
    changed: int
    changes: tuple[Simulated, ...]


ReviewOrder: TypeAlias = Literal["worst", "mildest", "newest", "oldest"]


class WantedReviews(msgspec.Struct, frozen=True, kw_only=True):
    """Which reviews; None: any. `text`: a reference, a station's or an employee's code, or else that of a coupon."""

    station_code: str | None = None
    text: str | None = None
    coupon_code: str | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A detection that asks for a person. `details`: what each rule saw."""

    id: int
    detection_id: UUID
    detected_at: datetime
    status: ReviewStatus
    risk_score: int
    action_taken: Decision | None
    fraud_type: FraudType | None
    transaction_reference: str | None
    station_code: str | None
    employee_number: str | None
    user_id: UUID | None
    device_id: str | None
    rule_points: Mapping[str, int]
    details: dict[str, Any]
    taken_by: UUID | None
    taken_at: datetime | None
    resolution: Resolution | None
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    notes: str | None


class ResolutionWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    resolution: Resolution
    notes: Annotated[str, lines(4000)]
    release_hours: Annotated[int, Meta(ge=1, le=168, description="Of RELEASE alone.")] = 24


class FraudAuditEntry(msgspec.Struct, frozen=True):
    id: int
    event_type: str
    subject: str
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str | None
    correlation_id: str | None
    created_at: datetime
