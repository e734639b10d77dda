"""What is asked and told about redemptions that terminals took without a connection. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.redemption.models import Currency, Reason

MAX_BATCH: Final = 50  # each is a few statements of two services: a request stays below its time limit

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", description="SHA-256 in hex.")]
_Money = Annotated[Decimal, Meta(description="Up to 99999999.99, as text.")]


class EntryStatus(StrEnum):
    RECEIVED = "RECEIVED"
    SETTLED = "SETTLED"
    CONFLICT = "CONFLICT"


class Resolution(StrEnum):
    """ACCEPT sends the entry to the coupon service although it was outside of its caps; the others end it."""

    ACCEPT = "ACCEPT"
    WRITTEN_OFF = "WRITTEN_OFF"
    CLAIMED = "CLAIMED"
    NOT_GIVEN = "NOT_GIVEN"


class SignedEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As it was put into the queue: its lines, and the device's signature of them, base64url."""

    entry: Annotated[str, Meta(min_length=1, max_length=2000)]
    signature: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{86}$(?!\n)")]


class SyncRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In the order of their numbers. What was sent before may be sent again."""

    entries: Annotated[tuple[SignedEntry, ...], Meta(min_length=1, max_length=MAX_BATCH)]


class LeaseWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last entry of the terminal: its number, 0 before the first, and its hash, then 64 zeros."""

    head_sequence: Annotated[int, Meta(ge=0, le=10**15)]
    head_sha256: Hash


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """What the terminal may take until its next sync. `max_total` is about discounts.

    `campaign_codes` None: of every campaign that is not for listed stations.
    """

    lease_id: UUID
    terminal_code: str
    station_code: str
    first_sequence: int
    issued_at: datetime
    expires_at: datetime
    currency: Currency
    max_amount: Decimal
    max_discount: Decimal
    max_count: int
    max_total: Decimal
    campaign_codes: tuple[str, ...] | None


class EntryState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an entry. RECEIVED: it is kept, and settled soon, whether or not the terminal asks again."""

    sequence: int
    status: EntryStatus
    reason: str | None
    transaction_reference: str | None


class SyncAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`head_sequence`: up to there the platform has everything. `stopped_by` says why it has not taken the rest."""

    head_sequence: int
    head_sha256: Hash
    entries: tuple[EntryState, ...]
    stopped_by: Literal["GAP", "FORK", "SIGNATURE"] | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the terminals of a station may take between two syncs."""

    station_code: str
    is_enabled: bool
    currency: Currency
    max_amount: Decimal
    max_discount: Decimal
    max_count: int
    max_total: Decimal
    max_hours: int
    campaign_codes: tuple[str, ...] | None
    updated_at: datetime


class LimitsWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The largest amount and discount of a redemption; how many, and discounts of how much, and for how many hours."""

    is_enabled: bool
    currency: Currency
    max_amount: _Money
    max_discount: _Money
    max_count: Annotated[int, Meta(ge=1, le=1000)]
    max_total: _Money
    max_hours: Annotated[int, Meta(ge=1, le=72)]
    campaign_codes: (
        Annotated[
            tuple[Annotated[str, Meta(pattern=r"^[A-Z0-9_]{3,50}$(?!\n)")], ...], Meta(min_length=1, max_length=100)
        ]
        | None
    ) = None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal that takes coupons without a connection, and how much of its open lease is used as far as is known."""

    terminal_code: str
    station_code: str
    head_sequence: int
    synced_at: datetime | None
    broken_at: datetime | None
    broken_because: str | None
    lease_expires_at: datetime | None
    used_count: int | None
    used_total: Decimal | None
    conflicts: int


class OfflineRedemption(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as people see it. Money is what the terminal gave; `settled_discount` what the coupon gives."""

    terminal_code: str
    sequence: int
    station_code: str
    employee_number: str
    user_id: UUID | None
    coupon_code: str | None
    campaign_code: str | None
    fuel_type: str
    amount: Decimal
    discount_amount: Decimal
    settled_discount: Decimal | None
    currency: Currency
    used_at: datetime
    received_at: datetime
    status: EntryStatus
    reason: str | None
    transaction_reference: str | None
    accepted_by: UUID | None
    accepted_because: str | None
    resolution: str | None
    resolved_by: UUID | None
    resolved_at: datetime | None
    notes: str | None


class ResolutionWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    resolution: Resolution
    notes: Reason
