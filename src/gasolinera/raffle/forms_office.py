"""What the back office's forms about raffles hold, and how it becomes what the use cases take. Moments are typed as the
clock on the raffle's wall shows them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from gasolinera.raffle.models import (
    Age,
    Algorithm,
    Alternates,
    Code,
    Days,
    Description,
    ManagedRaffle,
    Name,
    NewPrize,
    NewRaffle,
    PerDay,
    Permit,
    Prize,
    RaffleChange,
    RaffleType,
    Reason,
    Source,
    Tickets,
    Url,
    Weight,
    Zone,
)
from gasolinera.raffle.models_winners import ClaimWish, Delivery, DocumentNumber, DocumentType, IdentityWish

ZONES: Final = (
    "America/Mexico_City",
    "America/Cancun",
    "America/Monterrey",
    "America/Mazatlan",
    "America/Hermosillo",
    "America/Tijuana",
    "America/Costa_Rica",
)
SOURCES: Final[tuple[Source, ...]] = ("COUPON_REDEMPTION", "AD_ENGAGEMENT", "PROMOTIONAL", "BONUS", "FREE_ENTRY")
Version = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class NewForm(msgspec.Struct, frozen=True, kw_only=True):
    raffle_code: Code
    name: Name
    description: Description | None = None
    raffle_type: RaffleType = RaffleType.STANDARD
    selection_algorithm: Algorithm = Algorithm.MERKLE_TREE
    time_zone: Zone = "America/Mexico_City"


class AboutForm(msgspec.Struct, frozen=True, kw_only=True):
    version: Version
    name: Name
    description: Description | None = None
    raffle_type: RaffleType = RaffleType.STANDARD
    organizer: Name | None = None
    permit_number: Permit | None = None
    terms_url: Url | None = None


class WordsForm(msgspec.Struct, frozen=True, kw_only=True):
    """Of an open raffle: its words alone."""

    version: Version
    name: Name
    description: Description | None = None
    organizer: Name | None = None
    terms_url: Url | None = None


class DatesForm(msgspec.Struct, frozen=True, kw_only=True):
    version: Version
    time_zone: Zone
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    draw_at: datetime | None = None
    opens_by_itself: bool = False


class PlayersForm(msgspec.Struct, frozen=True, kw_only=True):
    version: Version
    min_age: Age | None = None
    excludes_employees: bool = False
    requires_active_account: bool = False
    takes_choices: bool = False
    free_entries_per_day: PerDay = 0
    max_tickets_per_user: Tickets | None = None
    min_tickets_per_user: Tickets | None = None


class DrawForm(msgspec.Struct, frozen=True, kw_only=True):
    version: Version
    selection_algorithm: Algorithm
    alternate_count: Alternates = 0
    claim_days: Days = 30
    allows_multiple_wins: bool = False
    weight_coupon_redemption: Weight | None = None
    weight_ad_engagement: Weight | None = None
    weight_promotional: Weight | None = None
    weight_bonus: Weight | None = None
    weight_free_entry: Weight | None = None


class GivingUpForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why a raffle is cancelled, or its draw given up: for everybody to read. `typed` is the raffle's code."""

    reason: Reason
    typed: Annotated[str, Meta(max_length=50)]


class ClaimForm(Delivery, frozen=True, kw_only=True):
    shows_name: bool = False


class IdentityForm(msgspec.Struct, frozen=True, kw_only=True):
    """A tick that is not set counts as no."""

    document_type: DocumentType
    document_number: DocumentNumber
    is_of_age: bool = False
    is_the_holder: bool = False


def new_raffle(form: NewForm) -> NewRaffle:
    return NewRaffle(**msgspec.structs.asdict(form))


def plainly(form: Any) -> RaffleChange:
    """Of a form whose fields are the raffle's own."""
    return RaffleChange(**_without_version(form))


def dates(form: Any) -> RaffleChange:
    found = _without_version(form)
    zone = zone_of(form.time_zone)
    for name in ("opens_at", "closes_at", "draw_at"):
        moment: datetime | None = found[name]
        if moment is not None and moment.tzinfo is None:
            found[name] = moment.replace(tzinfo=zone)
    return RaffleChange(**found)


def rules_of_draw(form: Any) -> RaffleChange:
    """Weights belong to WEIGHTED draws alone: what is left in the fields of another counts for nothing."""
    found = _without_version(form)
    weights: dict[Source, int | None] = {source: found.pop(f"weight_{source.lower()}") for source in SOURCES}
    is_weighted = form.selection_algorithm is Algorithm.WEIGHTED
    given: dict[Source, int] = {source: weight for source, weight in weights.items() if weight is not None}
    return RaffleChange(**found, source_weights=given if is_weighted else None)


def claim_of(form: ClaimForm) -> ClaimWish:
    found = msgspec.structs.asdict(form)
    shows_name = found.pop("shows_name")
    return ClaimWish(delivery=Delivery(**found), shows_name=shows_name)


def identity_of(form: IdentityForm) -> IdentityWish:
    return IdentityWish(**msgspec.structs.asdict(form))


class Section(msgspec.Struct, frozen=True):
    """A part of a draft that is changed at once. `fields`: where to tell what is refused, by its code."""

    form: type[msgspec.Struct]
    change: Callable[[Any], RaffleChange]
    fields: Mapping[str, str] = {}


SECTIONS: Final[Mapping[str, Section]] = {
    "about": Section(
        AboutForm,
        plainly,
        {"raffle.name": "name", "raffle.terms_url": "terms_url", "raffle.no_permit": "permit_number"},
    ),
    "dates": Section(DatesForm, dates, {"raffle.dates": "closes_at", "raffle.time_zone": "time_zone"}),
    "players": Section(PlayersForm, plainly, {"raffle.min_tickets": "min_tickets_per_user"}),
    "rules": Section(DrawForm, rules_of_draw, {"raffle.source_weights": "selection_algorithm"}),
}
WORDS: Final = Section(WordsForm, plainly, {"raffle.name": "name", "raffle.terms_url": "terms_url"})


def filled(raffle: ManagedRaffle) -> dict[str, str]:
    """What the fields of all sections show before somebody types."""
    values = {
        name: typed(getattr(raffle, name), raffle.time_zone)
        for name in ManagedRaffle.__struct_fields__
        if name not in ("prizes", "source_weights")
    }
    weights = raffle.source_weights or {}
    return values | {f"weight_{source.lower()}": typed(weights.get(source), "UTC") for source in SOURCES}


def filled_prize(prize: Prize) -> dict[str, str]:
    return {name: typed(getattr(prize, name), "UTC") for name in NewPrize.__struct_fields__}


def typed(value: object, zone: str) -> str:
    """As it stands in a field."""
    match value:
        case None | False:
            return ""
        case True:
            return "true"
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


def _without_version(form: msgspec.Struct) -> dict[str, Any]:
    found = msgspec.structs.asdict(form)
    found.pop("version")
    return found
