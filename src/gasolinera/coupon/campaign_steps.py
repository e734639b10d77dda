"""The steps in which a campaign is put together, and what their fields say. A step is checked alone, the whole again.

Everything typed travels in the form from step to step: nothing is kept before somebody saves it.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from gasolinera.coupon.models_campaigns import (
    MAX_STATIONS,
    Audience,
    Campaign,
    CampaignChange,
    CancellationPolicy,
    Code,
    Currency,
    Description,
    DiscountType,
    Fuels,
    Minute,
    Money,
    Name,
    NewCampaign,
    Period,
    PeriodLimit,
    RaffleCode,
    StationCode,
    Tickets,
    TotalLimit,
    UserLimit,
    Weekdays,
    Zone,
)
from gasolinera.web.forms import Fault, Form

_SEPARATORS: Final = str.maketrans({",": " ", ";": " ", "\n": " ", "\t": " "})
_LOCAL: Final = "%Y-%m-%dT%H:%M"
# What nobody has to fill in begins with what most campaigns have.
BEGINNINGS: Final[Mapping[str, str]] = {
    "discount_type": "PERCENTAGE",
    "currency": "MXN",
    "minimum_purchase": "0",
    "audience": "ALL",
    "cancellation_policy": "RESTORE_IF_VALID",
    "raffle_tickets_per_coupon": "0",
    "time_zone": "America/Mexico_City",
}
LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "fuel_types": ("REGULAR", "PREMIUM", "DIESEL"),
    "weekdays": tuple(map(str, range(1, 8))),
}
_Local = Annotated[datetime, Meta(tz=False)]


class Gives(msgspec.Struct, frozen=True, kw_only=True):
    campaign_code: Code
    name: Name
    description: Description | None = None
    discount_type: DiscountType
    discount_value: Money
    maximum_discount: Money | None = None
    minimum_purchase: Money = Decimal(0)
    currency: Currency


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """`stations` as they were typed, between blanks or commas; none: everywhere."""

    audience: Audience
    loyal_after_redemptions: UserLimit | None = None
    fuel_types: Fuels
    stations: Annotated[str, Meta(max_length=MAX_STATIONS * 22)] | None = None


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    total_usage_limit: TotalLimit | None = None
    budget_amount: Money | None = None
    per_user_usage_limit: UserLimit | None = None
    per_user_period: Period | None = None
    per_user_period_limit: PeriodLimit | None = None
    cancellation_policy: CancellationPolicy


class Raffle(msgspec.Struct, frozen=True, kw_only=True):
    raffle_tickets_per_coupon: Tickets = 0
    raffle_code: RaffleCode | None = None


class When(msgspec.Struct, frozen=True, kw_only=True):
    """Moments as the clocks of the campaign's zone show them."""

    time_zone: Zone
    valid_from: _Local
    valid_until: _Local
    weekdays: Weekdays
    daily_from: Minute | None = None
    daily_until: Minute | None = None


STEPS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "gives": Gives,
    "where": Where,
    "limits": Limits,
    "raffle": Raffle,
    "when": When,
}
ORDER: Final = (*STEPS, "summary")
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {step: kind.__struct_fields__ for step, kind in STEPS.items()}
# Where the error of a constraint or a use case is told.
FIELD_OF: Final[Mapping[str, str]] = {
    "campaign.code_taken": "campaign_code",
    "campaign.name": "name",
    "campaign.description": "description",
    "campaign.discount": "discount_value",
    "campaign.maximum_discount": "maximum_discount",
    "campaign.minimum_purchase": "minimum_purchase",
    "campaign.budget_amount": "budget_amount",
    "campaign.amount": "discount_value",
    "campaign.time_zone": "time_zone",
    "campaign.validity": "valid_until",
    "campaign.moment": "valid_from",
    "campaign.unfit": "valid_from",
    "campaign.hours": "daily_until",
    "campaign.loyal_after_redemptions": "loyal_after_redemptions",
    "campaign.per_user_period": "per_user_period_limit",
    "campaign.limit_below_usage": "total_usage_limit",
    "campaign.period_is_fixed": "per_user_period",
}


def beginning() -> Form:
    return Form(BEGINNINGS, LISTS)


def form_of(campaign: Campaign) -> Form:
    """What the wizard shows of a campaign that there is already."""
    values: dict[str, str] = {"version": str(campaign.version)}
    for name in NewCampaign.__struct_fields__:
        value = getattr(campaign, name)
        if value is not None and name not in LISTS:
            values[name] = str(value)
    zone = ZoneInfo(campaign.time_zone)
    for name in ("valid_from", "valid_until"):
        moment: datetime = getattr(campaign, name)
        values[name] = moment.astimezone(zone).strftime(_LOCAL)
    values["stations"] = " ".join(campaign.stations or ())
    for name in ("discount_value", "maximum_discount", "minimum_purchase", "budget_amount"):
        if getattr(campaign, name) is not None:
            values[name] = f"{getattr(campaign, name):f}"
    lists = {"fuel_types": campaign.fuel_types, "weekdays": tuple(map(str, campaign.weekdays))}
    return Form(values, lists)


def check_step(form: Form, step: str) -> dict[str, Any] | None:
    """The values of one step; None with the errors of its fields."""
    read = form.parsed(STEPS[step])
    if read is None:
        return None
    values = msgspec.structs.asdict(read)
    _check_together(form, step, values)
    return None if form.errors else values


def whole(form: Form) -> tuple[str, dict[str, Any]]:
    """The values of all steps, and the first step that does not fit; empty: all do."""
    values: dict[str, Any] = {}
    for step in STEPS:
        found = check_step(form, step)
        if found is None:
            return step, {}
        values |= found
    return "", values


def new_campaign(values: Mapping[str, Any]) -> NewCampaign:
    return NewCampaign(**values)


def change_of(values: Mapping[str, Any]) -> CampaignChange:
    """All that a change may say; code and currency stay."""
    return CampaignChange(**{name: values[name] for name in CampaignChange.__struct_fields__})


def step_of(field: str) -> str:
    """The step that asks for a field."""
    return next((step for step, fields in FIELDS.items() if field in fields), ORDER[0])


def _check_together(form: Form, step: str, values: dict[str, Any]) -> None:
    """What only several fields say together. The database holds the same rules; here they are told at the field."""
    if step == "gives":
        is_share = values["discount_type"] is DiscountType.PERCENTAGE
        if values["discount_value"] <= 0:
            form.errors["discount_value"] = Fault("field-more", {"bound": "0"})
        elif is_share and values["discount_value"] > 100:
            form.errors["discount_value"] = Fault("field-most", {"bound": "100"})
        if not is_share:
            values["maximum_discount"] = None
    if step == "where":
        values["stations"] = _stations(form, values["stations"])
        if values["audience"] is not Audience.LOYAL:
            values["loyal_after_redemptions"] = None
        elif values["loyal_after_redemptions"] is None:
            form.errors["loyal_after_redemptions"] = Fault("field-required")
    if step == "limits" and (values["per_user_period"] is None) != (values["per_user_period_limit"] is None):
        lacking = "per_user_period" if values["per_user_period"] is None else "per_user_period_limit"
        form.errors[lacking] = Fault("field-required")
    if step == "when":
        _check_times(form, values)


def _check_times(form: Form, values: dict[str, Any]) -> None:
    try:
        zone = ZoneInfo(values["time_zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        form.errors["time_zone"] = Fault("field-choice")
        return
    for name in ("valid_from", "valid_until"):
        values[name] = values[name].replace(tzinfo=zone)
        if not 2000 <= values[name].year <= 2051:
            form.errors[name] = Fault("field-date")
    for name, other in (("daily_from", "daily_until"), ("daily_until", "daily_from")):
        if values[name] is None and values[other] is not None:
            form.errors[name] = Fault("field-required")


def _stations(form: Form, typed: str | None) -> frozenset[str] | None:
    codes = frozenset((typed or "").upper().translate(_SEPARATORS).split())
    try:
        return msgspec.convert(codes, frozenset[StationCode]) if codes else None
    except msgspec.ValidationError:
        form.errors["stations"] = Fault("field-shape")
        return None
