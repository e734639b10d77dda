"""Points of the legacy programme: what an entry of the ledger is, and what may be asked. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.paging import Position
from gasolinera.texts import text

MAX_POINTS = 1_000_000


class EntryType(StrEnum):
    EARNED = "EARNED"
    REDEEMED = "REDEEMED"
    EXPIRED = "EXPIRED"
    ADJUSTED = "ADJUSTED"
    BONUS = "BONUS"


class Currency(StrEnum):
    MXN = "MXN"
    CRC = "CRC"
    USD = "USD"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`balance_after`: the sum of all points up to this entry."""

    entry_number: int
    entry_type: EntryType
    points: int
    balance_after: int
    reference: str
    description: str | None
    expires_at: datetime | None
    created_at: datetime


class EntryPosition(Position, frozen=True):
    entry_number: int


class ExpiringPoints(msgspec.Struct, frozen=True):
    expires_at: datetime
    points: int


class PointsBalance(msgspec.Struct, frozen=True):
    """`expiring`: what is left of earnings that end soon, the soonest first."""

    user_id: UUID
    balance: int
    expiring: tuple[ExpiringPoints, ...]


_Reference = Annotated[
    str, text(100, description="What it is for: the same again moves nothing."), Meta(examples=["car-wash-4711"])
]


class PointsRedemption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    points: Annotated[int, Meta(ge=1, le=MAX_POINTS)]
    reference: _Reference
    description: Annotated[str, text(500)] | None = None


class Adjustment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`points` below zero takes some away."""

    points: Annotated[int, Meta(ge=-MAX_POINTS, le=MAX_POINTS)]
    reference: _Reference
    reason: Annotated[str, text(500)]


class PointsRule(msgspec.Struct, frozen=True, kw_only=True):
    currency: Currency
    points_per_unit: Decimal
    valid_days: int
    is_enabled: bool


class RuleWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many points a redemption earns for each unit of what was paid, rounded down, and for how long."""

    points_per_unit: Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$(?!\n)", examples=["1.000000"])]
    valid_days: Annotated[int, Meta(ge=1, le=3650)]
    is_enabled: bool = True
