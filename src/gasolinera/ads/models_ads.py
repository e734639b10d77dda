"""Advertisements: what is shown, how it is made, changed, reviewed and looked at. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gasolinera.ads.models_campaigns import TEXT, Code, Description, Percent
from gasolinera.ads.models_serving import AdFormat, ContentRating


class AdStatus(StrEnum):
    DRAFT = "DRAFT"
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    ARCHIVED = "ARCHIVED"


class ApprovalStatus(StrEnum):
    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"


# A text of several lines.
_LINES = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+$(?!\n)"
Title: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120, pattern=TEXT, examples=["La playa"])]
BodyText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=4000, pattern=_LINES)]
Address: TypeAlias = Annotated[
    str, Meta(max_length=2048, pattern=r"^https?://[^\s/]+(/\S*)?$(?!\n)", examples=["https://example.com/lime"])
]
Sha256: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
MediaType: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9.+-]{1,60}$(?!\n)", examples=["video/mp4"])]
Language: TypeAlias = Literal["es", "en"]
Languages: TypeAlias = Annotated[frozenset[Language], Meta(min_length=1, max_length=2)]
Seconds: TypeAlias = Annotated[int, Meta(ge=1, le=600)]
SkipAfter: TypeAlias = Annotated[int, Meta(ge=0, le=600)]
Multiplier: TypeAlias = Annotated[int, Meta(ge=1, le=10)]
Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500, pattern=TEXT)]


class Media(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Uploaded ones by their hash alone; those elsewhere by their address, and what is there: hash, type and size."""

    sha256: Sha256
    url: Address | None = None
    media_type: MediaType | None = None
    media_bytes: Annotated[int, Meta(ge=1, le=524_288_000)] | None = None


class NewAd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft. A TEXT has a `body_text`, any other format `media`. Lengths in seconds; `skip_after_s` null: never."""

    campaign_code: Code
    title: Title
    description: Description | None = None
    ad_format: AdFormat
    body_text: BodyText | None = None
    media: Media | None = None
    click_url: Address | None = None
    duration_s: Seconds
    skip_after_s: SkipAfter | None = None
    completion_threshold_percent: Percent = 80
    ticket_multiplier: Multiplier = 2
    content_rating: ContentRating = ContentRating.EVERYONE
    languages: Languages = frozenset(("es",))


class AdChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays. Changed content is a draft again, which nobody has approved."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    ad_format: AdFormat | UnsetType = UNSET
    body_text: BodyText | UnsetType | None = UNSET
    media: Media | UnsetType | None = UNSET
    click_url: Address | UnsetType | None = UNSET
    duration_s: Seconds | UnsetType = UNSET
    skip_after_s: SkipAfter | UnsetType | None = UNSET
    completion_threshold_percent: Percent | UnsetType = UNSET
    ticket_multiplier: Multiplier | UnsetType = UNSET
    content_rating: ContentRating | UnsetType = UNSET
    languages: Languages | UnsetType = UNSET


class AdStatusTo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an advertisement goes: ACTIVE and PAUSED to each other, ARCHIVED for good."""

    status: AdStatus


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a second person says. A rejection has a reason, an approval has none."""

    is_approved: bool
    reason: Reason | None = None


class AdSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One of a list."""

    public_id: UUID
    campaign_code: str
    advertiser_code: str
    title: str
    ad_format: AdFormat
    duration_s: int
    ticket_multiplier: int
    content_rating: ContentRating
    languages: tuple[str, ...]
    status: AdStatus
    approval_status: ApprovalStatus
    submitted_at: datetime | None
    created_at: datetime


class Ad(AdSummary, frozen=True, kw_only=True):
    """All of it. `version` is the ETag of a change and of a review."""

    description: str | None
    body_text: str | None
    media_url: str | None
    media_sha256: str | None
    media_type: str | None
    media_bytes: int | None
    click_url: str | None
    skip_after_s: int | None
    completion_threshold_percent: int
    created_by: UUID | None
    changed_by: UUID | None
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    rejection_reason: str | None
    version: int
    updated_at: datetime


class AdFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None matches all. `is_waiting`: handed in, and nobody has reviewed it. `text`: a part of the title."""

    campaign_code: str | None = None
    advertiser_code: str | None = None
    status: AdStatus | None = None
    approval_status: ApprovalStatus | None = None
    ad_format: AdFormat | None = None
    is_waiting: bool | None = None
    text: str | None = None


class StoredMedia(msgspec.Struct, frozen=True, kw_only=True):
    """What was uploaded, found again by its hash. `url` is where it is served, relative to this server."""

    sha256: str
    media_type: str
    byte_count: int
    url: str
