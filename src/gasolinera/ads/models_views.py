"""Views of advertisements: what is handed out, what a player reports, what the viewer is told. No SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from gasolinera.ads.models_serving import AdFormat
from gasolinera.paging import Position
from gasolinera.texts import text

REFERENCE_PATTERN = r"^RDM-[0-9]{8}-[0-9]{6,18}$(?!\n)"
LONGEST_AD_S = 600


class ViewStatus(StrEnum):
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"
    SKIPPED = "SKIPPED"
    ABANDONED = "ABANDONED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class ReportKind(StrEnum):
    """What a player says; quartiles are not said, they follow from the places."""

    HEARTBEAT = "HEARTBEAT"
    PAUSE = "PAUSE"
    RESUME = "RESUME"
    REPLAY = "REPLAY"
    MUTE = "MUTE"
    UNMUTE = "UNMUTE"
    HIDE = "HIDE"
    SHOW = "SHOW"
    CLICK = "CLICK"
    SKIP = "SKIP"
    ABANDON = "ABANDON"
    ERROR = "ERROR"


class FuelType(StrEnum):
    REGULAR = "REGULAR"
    PREMIUM = "PREMIUM"
    DIESEL = "DIESEL"


_Reference = Annotated[
    str, Meta(pattern=REFERENCE_PATTERN, description="The own redemption whose tickets the view multiplies.")
]
_Visible = Annotated[int, Meta(ge=0, le=100, description="Which part of its pixels is in view, in percent.")]
_Place = Annotated[float, Meta(ge=0, le=LONGEST_AD_S, description="Where the player stands, in seconds.")]
_Sequence = Annotated[
    int, Meta(ge=1, le=1_000_000, description="Counts the player's reports: one that is not newer does nothing.")
]


class ServeWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Without a redemption a view earns nothing. Station and fuel are the redemption's where there is one."""

    reference: _Reference | None = None
    station_code: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    fuel_type: FuelType | None = None
    city: Annotated[str, text(100)] | None = None
    state: Annotated[str, text(100)] | None = None
    language: Annotated[str, Meta(pattern=r"^(es|en)$(?!\n)")] = "es"


class ViewStart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)", description="As it came with the advertisement.")]
    visible_percent: _Visible = 100
    is_muted: bool = False


class ViewProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the player stands and what its viewer can perceive from now on; None: as before.

    HIDE holds until SHOW and MUTE until UNMUTE, whatever is said in between.
    """

    sequence: _Sequence
    position_s: _Place
    visible_percent: _Visible | None = None
    is_muted: bool | None = None


class ViewReport(ViewProgress, frozen=True, forbid_unknown_fields=True):
    event: ReportKind = ReportKind.HEARTBEAT


class ShownAd(msgspec.Struct, frozen=True, kw_only=True):
    """What a player needs. `media_url`: None for a text. Media whose bytes do not have the hash are not to be shown."""

    advertisement_id: UUID
    advertiser_name: str
    title: str
    description: str | None
    ad_format: AdFormat
    body_text: str | None
    media_url: str | None
    media_type: str | None
    media_sha256: str | None
    media_bytes: int | None
    click_url: str | None
    duration_s: int
    skip_after_s: int | None


class ServedAd(msgspec.Struct, frozen=True, kw_only=True):
    """An advertisement and the right to start one view of it until `expires_at`.

    `bonus_tickets`: what that view earns when it is completed, beside the redemption's own `base_tickets`.
    """

    token: str
    expires_at: datetime
    reference: str | None
    chain_step: int
    base_tickets: int
    bonus_tickets: int
    needed_percentage: int
    advertisement: ShownAd


class View(msgspec.Struct, frozen=True, kw_only=True):
    """`watched_s` is what counts, by the server's clock; `position_s` where the player said that it stands."""

    view_id: UUID
    advertisement_id: UUID
    title: str
    ad_format: AdFormat
    status: ViewStatus
    transaction_reference: str | None
    chain_step: int
    started_at: datetime
    finished_at: datetime | None
    duration_s: int
    watched_s: float
    completion_percentage: float
    needed_percentage: int
    quartile: int
    position_s: float | None
    is_playing: bool
    is_clicked: bool
    last_sequence: int
    base_tickets: int
    ticket_multiplier: int
    bonus_tickets: int

    @property
    def lacking_s(self) -> float:
        """How much must still be watched before it counts."""
        return max(0.0, self.duration_s * self.needed_percentage / 100 - self.watched_s)


class ViewPosition(Position, frozen=True):
    started_at: datetime
    view_id: UUID


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """An own redemption that views may multiply. `next_step`: None after the tenth."""

    reference: str
    base_tickets: int
    station_code: str
    bonus_until: datetime
    steps_completed: int
    next_step: int | None
    bonus_tickets: int


class ViewRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How views are judged; what each number means stands with its column."""

    bonus_window_hours: Annotated[int, Meta(ge=1, le=720)]
    token_seconds: Annotated[int, Meta(ge=30, le=3600)]
    idle_seconds: Annotated[int, Meta(ge=30, le=3600)]
    longest_silence_s: Annotated[int, Meta(ge=5, le=120)]
    review_score: Annotated[int, Meta(ge=1, le=100)]
    reject_score: Annotated[int, Meta(ge=1, le=100)]
    user_views_per_hour: Annotated[int, Meta(ge=1, le=10_000)]
    address_views_per_hour: Annotated[int, Meta(ge=1, le=1_000_000)]
