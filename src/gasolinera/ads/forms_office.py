"""What the back office's forms about advertising hold, and how it becomes what the use cases take.

Targets are typed as values with commas between, those that are excluded with a minus before; times of a weekday as
`06:00-10:00, 17:00-20:00`. Moments are typed as the clock on the campaign's wall shows them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from gasolinera.ads.models_ads import (
    Ad,
    AdChange,
    Address,
    BodyText,
    Language,
    Media,
    MediaType,
    Multiplier,
    NewAd,
    Seconds,
    Sha256,
    SkipAfter,
    Title,
)
from gasolinera.ads.models_campaigns import (
    AdCampaign,
    AdCampaignChange,
    Cap,
    Code,
    Currency,
    Description,
    Dimension,
    Email,
    FrequencyPeriod,
    Name,
    NewAdCampaign,
    Pacing,
    Percent,
    Priority,
    Target,
    Tickets,
    Window,
    Zone,
)
from gasolinera.ads.models_serving import AdFormat, ContentRating, Segment
from gasolinera.web.forms import Form

ZONES: Final = ("America/Mexico_City", "America/Cancun", "America/Tijuana", "America/Costa_Rica", "Etc/UTC")
_WINDOW: Final = re.compile(r"(\d{1,2}:\d\d)\s*[-\N{EN DASH}a]+\s*(\d{1,2}:\d\d)")
_Targets = Annotated[str, Meta(max_length=4000)]
_Windows = Annotated[str, Meta(max_length=400)]
Version = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# Dimensions whose values are few and known: ticked, not typed.
TICKED: Final[Mapping[Dimension, Sequence[str]]] = {
    Dimension.FUEL_TYPE: ("REGULAR", "PREMIUM", "DIESEL"),
    Dimension.LANGUAGE: ("es", "en"),
    Dimension.SEGMENT: tuple(map(str, Segment)),
}
CAPITALS: Final = (Dimension.STATION, Dimension.FUEL_TYPE, Dimension.SEGMENT)


class CampaignForm(msgspec.Struct, frozen=True, kw_only=True):
    """Of a change `campaign_code`, `advertiser_code` and `currency` are left out: they stay."""

    campaign_code: Code | None = None
    advertiser_code: Code | None = None
    version: Version = 0
    name: Name
    description: Description | None = None
    starts_at: datetime
    ends_at: datetime
    time_zone: Zone = "America/Mexico_City"
    priority: Priority = 5
    pacing: Pacing = Pacing.EVEN
    total_budget: Decimal
    daily_budget: Decimal | None = None
    cost_per_engagement: Decimal
    currency: Currency = "MXN"
    budget_alert_percent: Percent = 90
    frequency_cap: Cap = 3
    frequency_period: FrequencyPeriod = FrequencyPeriod.DAY
    max_bonus_tickets: Tickets = 100
    target_station: _Targets | None = None
    target_city: _Targets | None = None
    target_state: _Targets | None = None
    target_fuel_type: _Targets | None = None
    target_language: _Targets | None = None
    target_segment: _Targets | None = None
    window_1: _Windows | None = None
    window_2: _Windows | None = None
    window_3: _Windows | None = None
    window_4: _Windows | None = None
    window_5: _Windows | None = None
    window_6: _Windows | None = None
    window_7: _Windows | None = None


class AdForm(msgspec.Struct, frozen=True, kw_only=True):
    """`media_sha256` is of what was uploaded before, or of what lies at `media_url`."""

    campaign_code: Code | None = None
    version: Version = 0
    title: Title
    description: Description | None = None
    ad_format: AdFormat
    body_text: BodyText | None = None
    media_sha256: Sha256 | None = None
    media_url: Address | None = None
    media_type: MediaType | None = None
    media_bytes: Annotated[int, Meta(ge=1, le=524_288_000)] | None = None
    click_url: Address | None = None
    duration_s: Seconds
    skip_after_s: SkipAfter | None = None
    completion_threshold_percent: Percent = 80
    ticket_multiplier: Multiplier = 2
    content_rating: ContentRating = ContentRating.EVERYONE
    languages: Annotated[tuple[Language, ...], Meta(min_length=1, max_length=2)]


class AdvertiserForm(msgspec.Struct, frozen=True, kw_only=True):
    advertiser_code: Code
    name: Name
    contact_name: Name | None = None
    contact_email: Email | None = None


class ReviewForm(msgspec.Struct, frozen=True, kw_only=True):
    version: Version
    reason: Annotated[str, Meta(max_length=500)] | None = None


class ViewerForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a choice is explained for. What is left out is not known."""

    user: UUID
    station: Annotated[str, Meta(pattern=r"^[A-Z0-9]{3,20}$(?!\n)")] | None = None
    city: Annotated[str, Meta(max_length=100)] | None = None
    state: Annotated[str, Meta(max_length=100)] | None = None
    fuel: Annotated[str, Meta(pattern=r"^(REGULAR|PREMIUM|DIESEL)$(?!\n)")] | None = None
    language: Language = "es"
    segment: Segment | None = None


def campaign_parts(form: Form, parsed: CampaignForm, fault: Callable[[str], str]) -> dict[str, Any] | None:
    """The fields of a campaign; None where a target or a time cannot be read, which the form then says."""
    zone = zone_of(parsed.time_zone)
    values = {
        name: value
        for name, value in msgspec.structs.asdict(parsed).items()
        if not name.startswith(("target_", "window_")) and name != "version"
    }
    values["starts_at"] = _in_zone(parsed.starts_at, zone)
    values["ends_at"] = _in_zone(parsed.ends_at, zone)
    values["targets"] = tuple(one for dimension in Dimension for one in _targets(form, dimension))
    windows: list[Window] = []
    for weekday in range(1, 8):
        found = _windows(form.value(f"window_{weekday}"), weekday)
        if found is None:
            form.refuse(fault("window-wrong"), f"window_{weekday}")
        else:
            windows += found
    values["windows"] = tuple(windows)
    return None if form.errors else values


def new_campaign(values: Mapping[str, Any]) -> NewAdCampaign:
    return NewAdCampaign(**values)


def campaign_change(values: Mapping[str, Any]) -> AdCampaignChange:
    stays = ("campaign_code", "advertiser_code", "currency")
    return AdCampaignChange(**{name: value for name, value in values.items() if name not in stays})


def _targets(form: Form, dimension: Dimension) -> list[Target]:
    found: list[Target] = []
    name = f"target_{dimension.lower()}"
    for part in ",".join(form.lists.get(name, (form.value(name),))).replace("\n", ",").split(","):
        is_excluded = part.strip().startswith(("-", "\N{MINUS SIGN}"))
        value = part.strip().lstrip("-\N{MINUS SIGN}").strip()
        if value:
            value = value.upper() if dimension in CAPITALS else value
            found.append(Target(dimension=dimension, value=value, is_excluded=is_excluded))
    return found


def _windows(typed: str, weekday: int) -> list[Window] | None:
    found: list[Window] = []
    for part in filter(None, (one.strip() for one in typed.split(","))):
        read = _WINDOW.fullmatch(part)
        if read is None:
            return None
        window = {"weekday": weekday, "from_time": read[1].zfill(5), "until_time": read[2].zfill(5)}
        try:
            found.append(msgspec.convert(window, Window))
        except msgspec.ValidationError:
            return None
    return found


def filled_campaign(campaign: AdCampaign) -> Form:
    names = [name for name in CampaignForm.__struct_fields__ if hasattr(campaign, name)]
    values = {name: typed(getattr(campaign, name), campaign.time_zone) for name in names}
    lists: dict[str, Sequence[str]] = {}
    for dimension in Dimension:
        of_it = [one for one in campaign.targets if one.dimension is dimension]
        shown = [f"{'-' if one.is_excluded else ''}{one.value}" for one in of_it]
        values[f"target_{dimension.lower()}"] = ", ".join(shown)
        lists[f"target_{dimension.lower()}"] = shown if dimension in TICKED else (", ".join(shown),)
    for weekday in range(1, 8):
        times = [f"{one.from_time}-{one.until_time}" for one in campaign.windows if one.weekday == weekday]
        values[f"window_{weekday}"] = ", ".join(times)
    return Form(values, lists)


def media_of(form: AdForm) -> Media | None:
    if form.media_sha256 is None or form.ad_format is AdFormat.TEXT:
        return None
    if form.media_url is None:
        return Media(sha256=form.media_sha256)
    return Media(sha256=form.media_sha256, url=form.media_url, media_type=form.media_type, media_bytes=form.media_bytes)


def new_ad(form: AdForm) -> NewAd:
    assert form.campaign_code is not None, "the route knows the campaign"
    return NewAd(campaign_code=form.campaign_code, **_ad_fields(form))


def ad_change(form: AdForm) -> AdChange:
    return AdChange(**_ad_fields(form))


def _ad_fields(form: AdForm) -> dict[str, Any]:
    own = ("campaign_code", "version", "media_sha256", "media_url", "media_type", "media_bytes", "languages")
    found = {name: value for name, value in msgspec.structs.asdict(form).items() if name not in own}
    is_text = form.ad_format is AdFormat.TEXT
    found["body_text"] = form.body_text if is_text else None
    return {**found, "media": media_of(form), "languages": frozenset(form.languages)}


def filled_ad(ad: Ad) -> Form:
    names = [name for name in AdForm.__struct_fields__ if hasattr(ad, name) and name != "languages"]
    return Form({name: typed(getattr(ad, name), "UTC") for name in names}, {"languages": ad.languages})


def typed(value: object, zone: str) -> str:
    """As it stands in a field."""
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(zone_of(zone)).strftime("%Y-%m-%dT%H:%M")
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def zone_of(name: str) -> ZoneInfo:
    """UTC for a name that nobody knows, which the use case refuses."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def by_dimension(targets: Sequence[Target], *, is_excluded: bool) -> Mapping[str, list[str]]:
    """What a campaign is for, or is not for, to be told in words."""
    found: dict[str, list[str]] = {}
    for one in targets:
        if one.is_excluded is is_excluded:
            found.setdefault(str(one.dimension), []).append(one.value)
    return found


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
