"""The queue of doubtful views: what a reviewer sees and says. No SQL, no HTTP."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from gasolinera.paging import Position


class ViewReviewStatus(StrEnum):
    """PENDING views are completed and wait for a person; a rule rejects without one."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=r"\S")]


class ViewAcceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Reason | None = None


class ViewRejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    note: Reason


class ViewReview(msgspec.Struct, frozen=True, kw_only=True):
    """`findings` are the points by what was found, of which `fraud_score` is the sum, 100 at most.

    `decided_by` is None of what a rule rejected. `bonus_taken_back` are tickets that a rejection took back; what the
    view had charged it does not pay back.
    """

    view_id: UUID
    status: ViewReviewStatus
    fraud_score: int
    quality_score: int | None
    findings: dict[str, int]
    campaign_code: str
    advertisement: UUID
    title: str
    user_id: UUID
    transaction_reference: str | None
    chain_step: int
    view_status: str
    started_at: datetime
    finished_at: datetime | None
    duration_s: int
    watched_s: Decimal
    bonus_tickets: int
    bonus_taken_back: int
    cost: Decimal
    currency: str
    decided_by: UUID | None
    decided_at: datetime | None
    note: str | None
    created_at: datetime


class QueuedReview(ViewReview, frozen=True, kw_only=True):
    """With the key of its place in the list."""

    engagement_id: int


class ReviewedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What the player told, or what was done. None: it did not tell."""

    event_type: str
    position_s: Decimal
    is_playing: bool | None
    visible_percent: int | None
    is_muted: bool | None
    ahead_s: Decimal | None
    created_at: datetime


class ViewReviewDetail(msgspec.Struct, frozen=True, kw_only=True):
    """`events`: the first three hundred; none of a view whose months are dropped."""

    review: ViewReview
    events: tuple[ReviewedEvent, ...]


class ViewReviewPosition(Position, frozen=True):
    created_at: datetime
    engagement_id: int


class TurnedReviewPosition(ViewReviewPosition, frozen=True):
    """Of a list in the other order than its usual one: a cursor of that is none here."""
