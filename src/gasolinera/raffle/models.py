"""What a raffle says, and how it is made, changed and shown. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gasolinera.paging import Position

MAX_PAGE = 100
MAX_TERMS_CHARACTERS = 50_000

# Begins and ends with something, and holds no control character and none that turns the direction of writing.
_TURNS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_TEXT = rf"^[^\x00-\x20\x7f-\xa0{_TURNS}]([^\x00-\x1f\x7f-\x9f{_TURNS}]*[^\x00-\x20\x7f-\xa0{_TURNS}])?$(?!\n)"


class RaffleStatus(StrEnum):
    DRAFT = "DRAFT"
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    DRAWING = "DRAWING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"


class RaffleType(StrEnum):
    STANDARD = "STANDARD"
    PREMIUM = "PREMIUM"
    SPECIAL_EVENT = "SPECIAL_EVENT"
    PROMOTIONAL = "PROMOTIONAL"
    CHARITY = "CHARITY"


class Algorithm(StrEnum):
    """RANDOM: one chance a person. WEIGHTED: by source. The others: one a ticket; PROVABLY_FAIR needs evidence."""

    RANDOM = "RANDOM"
    WEIGHTED = "WEIGHTED"
    MERKLE_TREE = "MERKLE_TREE"
    PROVABLY_FAIR = "PROVABLY_FAIR"


class PrizeType(StrEnum):
    CASH = "CASH"
    FUEL_CREDIT = "FUEL_CREDIT"
    MERCHANDISE = "MERCHANDISE"
    DISCOUNT_COUPON = "DISCOUNT_COUPON"
    GIFT_CARD = "GIFT_CARD"
    SERVICE = "SERVICE"
    VEHICLE = "VEHICLE"
    TRAVEL = "TRAVEL"
    EXPERIENCE = "EXPERIENCE"
    OTHER = "OTHER"


Code: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{2,49}$(?!\n)", examples=["MONTHLY-2026-12"])]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200, pattern=_TEXT)]
Description: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2000, pattern=_TEXT)]
Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1000, pattern=_TEXT)]
Permit: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, pattern=_TEXT)]
Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
Zone: TypeAlias = Annotated[
    str,
    Meta(max_length=64, pattern=r"^(UTC|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_-]+){1,2})$(?!\n)", examples=["America/Cancun"]),
]
Tickets: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Age: TypeAlias = Annotated[int, Meta(ge=12, le=99)]
PerDay: TypeAlias = Annotated[int, Meta(ge=0, le=10)]
Alternates: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
Days: TypeAlias = Annotated[int, Meta(ge=1, le=365)]
Url: TypeAlias = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s\x00-\x20\x7f]+$(?!\n)")]
Version: TypeAlias = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)")]
Rank: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000)]
Money: TypeAlias = Annotated[Decimal, Meta(examples=["15000.00"])]
Weight: TypeAlias = Annotated[int, Meta(ge=1, le=1000)]
Source: TypeAlias = Literal["COUPON_REDEMPTION", "AD_ENGAGEMENT", "PROMOTIONAL", "BONUS", "FREE_ENTRY"]
Currency: TypeAlias = Literal["MXN", "CRC", "USD"]
Delivery: TypeAlias = Literal["MANUAL", "AUTOMATIC", "DIGITAL", "PHYSICAL", "CREDIT"]
ExclusionKind: TypeAlias = Literal["FAMILY", "ORGANIZER", "SUPPLIER", "SELF_EXCLUDED", "OTHER"]


class NewRaffle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft. It opens when it has dates, terms and a prize. `source_weights`, of WEIGHTED draws: of all sources."""

    raffle_code: Code
    name: Name
    description: Description | None = None
    raffle_type: RaffleType = RaffleType.STANDARD
    selection_algorithm: Algorithm = Algorithm.MERKLE_TREE
    opens_at: Moment | None = None
    closes_at: Moment | None = None
    draw_at: Moment | None = None
    time_zone: Zone = "America/Mexico_City"
    max_tickets_per_user: Tickets | None = None
    min_tickets_per_user: Tickets | None = None
    allows_multiple_wins: bool = False
    alternate_count: Alternates = 3
    claim_days: Days = 30
    organizer: Name | None = None
    permit_number: Permit | None = None
    terms_url: Url | None = None
    min_age: Age | None = 18
    excludes_employees: bool = True
    requires_active_account: bool = True
    takes_choices: bool = True
    free_entries_per_day: PerDay = 1
    opens_by_itself: bool = False
    source_weights: dict[Source, Weight] | None = None


class RaffleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is; null takes it away. Once it is open only its words change."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    raffle_type: RaffleType | UnsetType = UNSET
    selection_algorithm: Algorithm | UnsetType = UNSET
    opens_at: Moment | UnsetType | None = UNSET
    closes_at: Moment | UnsetType | None = UNSET
    draw_at: Moment | UnsetType | None = UNSET
    time_zone: Zone | UnsetType = UNSET
    max_tickets_per_user: Tickets | UnsetType | None = UNSET
    min_tickets_per_user: Tickets | UnsetType | None = UNSET
    allows_multiple_wins: bool | UnsetType = UNSET
    alternate_count: Alternates | UnsetType = UNSET
    claim_days: Days | UnsetType = UNSET
    organizer: Name | UnsetType | None = UNSET
    permit_number: Permit | UnsetType | None = UNSET
    terms_url: Url | UnsetType | None = UNSET
    min_age: Age | UnsetType | None = UNSET
    excludes_employees: bool | UnsetType = UNSET
    requires_active_account: bool | UnsetType = UNSET
    takes_choices: bool | UnsetType = UNSET
    free_entries_per_day: PerDay | UnsetType = UNSET
    opens_by_itself: bool | UnsetType = UNSET
    source_weights: dict[Source, Weight] | UnsetType | None = UNSET


class NewPrize(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`prize_value` is of one unit."""

    rank: Rank
    name: Name
    description: Description | None = None
    prize_type: PrizeType
    prize_value: Money
    currency: Currency = "MXN"
    quantity: Quantity = 1
    delivery_method: Delivery = "MANUAL"
    image_url: Url | None = None
    sponsor: Name | None = None


class Prize(msgspec.Struct, frozen=True, kw_only=True):
    rank: int
    name: str
    description: str | None
    prize_type: PrizeType
    prize_value: Decimal
    currency: str
    quantity: int
    quantity_remaining: int
    delivery_method: str
    image_url: str | None
    sponsor: str | None


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a raffle's terms. A version that is written down does not change."""

    version: Version
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TERMS_CHARACTERS)]


class PublishedTerms(msgspec.Struct, frozen=True, kw_only=True):
    """`sha256`: of the text in UTF-8, as the manifest of the draw repeats it."""

    version: str
    sha256: str
    text: str


class Cancellation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class RaffleSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list. `tickets` and `participants` are of this moment."""

    raffle_code: str
    name: str
    raffle_type: RaffleType
    selection_algorithm: Algorithm
    status: RaffleStatus
    opens_at: datetime | None
    closes_at: datetime | None
    draw_at: datetime | None
    time_zone: str
    tickets: int
    participants: int


class Raffle(RaffleSummary, frozen=True, kw_only=True):
    """All that everybody may know."""

    description: str | None
    max_tickets_per_user: int | None
    min_tickets_per_user: int | None
    allows_multiple_wins: bool
    alternate_count: int
    claim_days: int
    organizer: str | None
    permit_number: str | None
    terms_version: str | None
    terms_sha256: str | None
    terms_url: str | None
    min_age: int | None
    excludes_employees: bool
    takes_choices: bool
    free_entries_per_day: int
    cancellation_reason: str | None
    source_weights: dict[str, int] | None
    prizes: tuple[Prize, ...]


class ManagedRaffle(Raffle, frozen=True, kw_only=True):
    """And what only its staff need; `version` is the ETag of a change."""

    requires_active_account: bool
    opens_by_itself: bool
    opened_at: datetime | None
    closed_at: datetime | None
    drawing_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    refused_tickets: int
    version: int


class RaffleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What `raffle.changed` tells of a raffle."""

    code: str
    status: RaffleStatus
    opens_at: datetime | None
    closes_at: datetime | None
    takes_choices: bool
    free_entries_per_day: int
    time_zone: str


class RaffleFilter(msgspec.Struct, frozen=True, kw_only=True):
    statuses: tuple[RaffleStatus, ...] | None = None
    raffle_type: RaffleType | None = None
    text: str | None = None
    with_drafts: bool = False


class RafflePosition(Position, frozen=True):
    created_at: datetime
    id: int


class AuditPosition(Position, frozen=True):
    created_at: datetime
    id: int


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    event_type: str
    subject: str | None
    old_values: dict[str, Any] | None
    new_values: dict[str, Any] | None
    actor: str | None
    correlation_id: str | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """`subject`: whole: a rank, a winner's id, a draw's number."""

    event_type: str | None = None
    subject: str | None = None


class NewExclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is kept out of a raffle, or of all where none is named; the note stays with the staff."""

    raffle_code: Code | None = None
    user_id: UUID
    kind: ExclusionKind
    note: Annotated[str, Meta(min_length=1, max_length=500, pattern=_TEXT)] | None = None


class Exclusion(msgspec.Struct, frozen=True, kw_only=True):
    """`raffle_code` None: of every raffle."""

    public_id: UUID
    raffle_code: str | None
    user_id: UUID
    kind: str
    note: str | None
    created_by: str | None
    created_at: datetime


class ExclusionPosition(Position, frozen=True):
    id: int


class OldestExclusionPosition(ExclusionPosition, frozen=True):
    """Of the list with the oldest first: a cursor of the other order is none there."""


class AgeConfirmation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That the participant is at least so old. Never a date of birth."""

    min_age: Age


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A person in a raffle. `chance`: that the first unit drawn is theirs, as things are now; None where sources weigh
    differently. `missing`: what would leave the entries out at the freeze.
    """

    raffle_code: str
    tickets: int
    max_tickets_per_user: int | None
    entries: int
    chance: str | None
    missing: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Tickets that one person got into a raffle at once. Hashes are hexadecimal."""

    raffle_code: str
    issuance_id: UUID
    source: str
    tickets: int
    entry_hash: str
    entered_at: datetime
    received_at: datetime
    numbers: tuple[str, ...]


class EntryPosition(Position, frozen=True):
    id: int


class RefusedTickets(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: str
    issuance_id: UUID
    reason: str
    ticket_numbers: tuple[str, ...]
    refused_at: datetime
