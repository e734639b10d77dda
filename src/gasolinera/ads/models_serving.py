"""Who looks, and what is chosen to be shown."""

from enum import StrEnum
from uuid import UUID

import msgspec


class AdFormat(StrEnum):
    VIDEO = "VIDEO"
    IMAGE = "IMAGE"
    INTERACTIVE = "INTERACTIVE"
    AUDIO = "AUDIO"
    TEXT = "TEXT"


class ContentRating(StrEnum):
    """From the mildest on."""

    EVERYONE = "EVERYONE"
    TEEN = "TEEN"
    ADULT = "ADULT"


class Segment(StrEnum):
    """All segments there are, by a person's redemptions of the last thirty days: none or one, two to seven, more."""

    NEW_CUSTOMER = "NEW_CUSTOMER"
    REGULAR = "REGULAR"
    FREQUENT = "FREQUENT"


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an advertisement is chosen for. What is None is not known: it matches no target and no exclusion.

    `highest_rating`: what may be shown at most. No advertisement that was completed in the chain of
    `transaction_reference` is chosen again, nor one of `not_again` (public ids: skipped ones, the last one seen).
    """

    user_id: UUID
    station_code: str | None = None
    city: str | None = None
    state: str | None = None
    fuel_type: str | None = None
    language: str = "es"
    segments: tuple[str, ...] = ()
    highest_rating: ContentRating = ContentRating.EVERYONE
    transaction_reference: str | None = None
    not_again: tuple[UUID, ...] = ()


class ChosenAd(msgspec.Struct, frozen=True, kw_only=True):
    """An advertisement to show, and what a completed view of it earns. `media_url`: where its media are, our own
    under /api/ads/media/; None for a text.
    """

    advertisement_id: int  # of the table, for tokens and views; never told outside
    campaign_id: int
    public_id: UUID
    campaign_code: str
    advertiser_name: str
    title: str
    description: str | None
    ad_format: AdFormat
    body_text: str | None
    media_url: str | None
    media_type: str | None
    media_sha256: str | None  # in hexadecimal
    media_bytes: int | None
    click_url: str | None
    duration_s: int
    skip_after_s: int | None
    completion_threshold_percent: int
    ticket_multiplier: int
    max_bonus_tickets: int
    content_rating: ContentRating


class JudgedAd(msgspec.Struct, frozen=True, kw_only=True):
    """CHOSEN, or the first reason why not, and of how many advertisements it is the reason.

    In this order: ADVERTISER_, CAMPAIGN_, APPROVAL_ and AD_ with the status that stands in the way, NOT_STARTED, OVER,
    WINDOW, RATING, AD_LANGUAGE, TARGET_ with its dimension, FREQUENCY_CAP, WATCHED, TOTAL_BUDGET, DAILY_BUDGET, PACING,
    LOWER_PRIORITY, NOT_DRAWN.
    """

    public_id: UUID
    title: str
    campaign_code: str
    priority: int
    reason: str
    of_reason: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a viewer would see and why nothing else. `judged` is a part of all: of each reason some."""

    chosen: ChosenAd | None
    counts: dict[str, int]
    judged: tuple[JudgedAd, ...]
