"""What campaigns refuse, and what each constraint of their tables means to the one who asked."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, HTTPStatus, InputError


class StaleError(GasolineraError):
    """Somebody else changed it since it was read."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_FAILED


class VersionNeededError(GasolineraError):
    """A change that does not say what it is a change of."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_REQUIRED


def version_needed() -> VersionNeededError:
    hint = "send If-Match: the ETag read"
    return VersionNeededError("campaign.version_needed", "the change does not say which version it is of", hint)


def stale() -> StaleError:
    hint = "read it again, then repeat the change"
    return StaleError("campaign.stale", "somebody changed the campaign since it was read", hint)


def over(status: str) -> ConflictError:
    return ConflictError("campaign.over", f"the campaign is {status}, and what is over does not change")


def wrong_status(before: str, wanted: str) -> ConflictError:
    return ConflictError("campaign.status", f"a campaign that is {before} cannot become {wanted}")


def approval_needed() -> ConflictError:
    hint = "somebody who neither made it nor raised its budget approves it; a running campaign is paused before"
    return ConflictError("campaign.approval_needed", "a budget of this size needs the approval of another person", hint)


def own_approval() -> ForbiddenError:
    return ForbiddenError("campaign.own_approval", "who made a campaign, or raised its budget, does not approve it")


def unbounded() -> ConflictError:
    hint = "give it a budget or a total limit"
    return ConflictError("campaign.unbounded", "what the campaign can cost is not known beforehand", hint)


def no_station() -> ConflictError:
    return ConflictError("campaign.no_station", "the campaign is for listed stations, and lists none")


def is_past() -> ConflictError:
    return ConflictError("campaign.past", "the campaign's time is over", "move valid_until first")


def has_begun() -> ConflictError:
    return ConflictError("campaign.has_begun", "the campaign's time has begun", "open it now, or move valid_from")


def _conflict(code: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: ConflictError(f"campaign.{code}", message)


def _invalid(field: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: InputError(f"campaign.{field}", message)


CAMPAIGN_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "campaigns_campaign_code_key": _conflict("code_taken", "another campaign has this code"),
    "campaigns_status_transition": _conflict("status", "the campaign cannot take this status from its present one"),
    "campaigns_period_is_fixed": _conflict(
        "period_is_fixed", "the period of a limit, and its zone, are fixed since the campaign has opened"
    ),
    "campaigns_limit_below_usage": _conflict("limit_below_usage", "more is used already than this limit or budget"),
    "campaigns_budget_approved_check": approval_needed,
    "campaigns_approval_check": own_approval,
    "campaigns_raised_by_check": own_approval,
    "campaigns_bounded_check": unbounded,
    "campaigns_name_check": _invalid("name", "the name holds nothing that can be seen"),
    "campaigns_description_check": _invalid("description", "the description is not of 1 to 4000 characters"),
    "campaigns_discount_check": _invalid(
        "discount", "a percentage is above 0 and at most 100; an amount is above 0 and has no maximum"
    ),
    "campaigns_maximum_discount_check": _invalid("maximum_discount", "a maximum is greater than zero"),
    "campaigns_minimum_purchase_check": _invalid("minimum_purchase", "a minimum is not below zero"),
    "campaigns_budget_amount_check": _invalid("budget_amount", "a budget is greater than zero"),
    "campaigns_rounding_check": _invalid("amount", "an amount is no multiple of the currency's smallest one"),
    "campaigns_time_zone_check": _invalid("time_zone", "nobody knows this time zone"),
    "campaigns_validity_check": _invalid("validity", "the campaign ends before it begins"),
    "campaigns_code_check": _invalid(
        "unfit", "the codes of coupons say values up to 42,949,672.95 and beginnings up to November 2051"
    ),
    "campaigns_daily_from_check": _invalid("hours", "hours begin before 24:00"),
    "campaigns_daily_hours_check": _invalid("hours", "hours are a beginning and another end, or neither"),
    "campaigns_loyal_after_redemptions_check": _invalid(
        "loyal_after_redemptions", "the audience LOYAL, and no other, says after how many redemptions"
    ),
    "campaigns_per_user_period_check": _invalid("per_user_period", "a period and its limit are given together"),
}
