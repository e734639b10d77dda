"""What advertisers, campaigns and advertisements refuse, and what each constraint means to the one who asked."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, HTTPStatus, InputError, UnknownError


class StaleError(GasolineraError):
    """Somebody else changed it since it was read."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_FAILED


class VersionNeededError(GasolineraError):
    """A change that does not say what it is a change of."""

    status: ClassVar[HTTPStatus] = HTTPStatus.PRECONDITION_REQUIRED


class TooLargeError(GasolineraError):
    """More bytes than are taken."""

    status: ClassVar[HTTPStatus] = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def version_needed() -> VersionNeededError:
    hint = "send If-Match: the ETag read"
    return VersionNeededError("ad.version_needed", "the change does not say which version it is of", hint)


def stale() -> StaleError:
    return StaleError("ad.stale", "somebody changed it since it was read", "read it again, then repeat the change")


def unknown_advertiser() -> UnknownError:
    return UnknownError("advertiser.unknown", "there is no advertiser with this code")


def unknown_campaign() -> UnknownError:
    return UnknownError("ad_campaign.unknown", "there is no campaign of advertisements with this code")


def unknown_ad() -> UnknownError:
    return UnknownError("ad.unknown", "there is no advertisement with this id")


def unknown_media() -> UnknownError:
    return UnknownError("ad_media.unknown", "there are no media with this hash")


def no_advertiser() -> ConflictError:
    return ConflictError("ad_campaign.advertiser", "no advertiser that takes campaigns has this code")


def advertiser_inactive(status: str) -> ConflictError:
    return ConflictError("ad_campaign.advertiser", f"the advertiser is {status}, and its campaigns do not run")


def campaign_over(status: str) -> ConflictError:
    return ConflictError("ad_campaign.over", f"the campaign is {status}, and what is over does not change")


def campaign_past() -> ConflictError:
    return ConflictError("ad_campaign.past", "the campaign's time is over", "move ends_at first")


def wrong_campaign_status(before: str, wanted: str) -> ConflictError:
    return ConflictError("ad_campaign.status", f"a campaign that is {before} cannot become {wanted}")


def wrong_ad_status(before: str, wanted: str) -> ConflictError:
    return ConflictError("ad.status", f"an advertisement that is {before} cannot become {wanted}")


def not_approved() -> ConflictError:
    hint = "hand it in; a second person approves it"
    return ConflictError("ad.not_approved", "nobody has approved this advertisement", hint)


def rated() -> ConflictError:
    hint = "nobody's age is known here: only what is for EVERYONE is shown"
    return ConflictError("ad.rating", "an advertisement for TEEN or ADULT cannot be shown", hint)


def not_submitted() -> ConflictError:
    return ConflictError("ad.not_submitted", "the advertisement is not handed in for review")


def already_submitted(status: str) -> ConflictError:
    return ConflictError("ad.submitted", f"the advertisement is {status}, or handed in already")


def own_approval() -> ForbiddenError:
    return ForbiddenError("ad.own_approval", "who made or changed an advertisement does not review it")


def no_media() -> InputError:
    hint = "upload them first, or name a URL with media_sha256, media_type and media_bytes"
    return InputError("ad.media", "there are no uploaded media with this hash", hint)


def _conflict(code: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: ConflictError(code, message)


def _invalid(code: str, message: str) -> Callable[[], GasolineraError]:
    return lambda: InputError(code, message)


AD_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "advertisers_advertiser_code_key": _conflict("advertiser.code_taken", "another advertiser has this code"),
    "advertisers_name_check": _invalid("advertiser.name", "the name holds nothing that can be seen"),
    "advertisers_contact_name_check": _invalid("advertiser.contact_name", "the name holds nothing that can be seen"),
    "advertisers_contact_email_check": _invalid("advertiser.contact_email", "this is no mail address"),
    "ad_campaigns_campaign_code_key": _conflict("ad_campaign.code_taken", "another campaign has this code"),
    "ad_campaigns_status_transition_check": _conflict("ad_campaign.status", "the campaign cannot take this status now"),
    "ad_campaigns_name_check": _invalid("ad_campaign.name", "the name holds nothing that can be seen"),
    "ad_campaigns_description_check": _invalid("ad_campaign.description", "the description holds nothing to be seen"),
    "ad_campaigns_schedule_check": _invalid("ad_campaign.schedule", "the campaign ends before it begins"),
    "ad_campaigns_time_zone_check": _invalid("ad_campaign.time_zone", "nobody knows this time zone"),
    "ad_campaigns_total_budget_check": _invalid("ad_campaign.total_budget", "a budget is greater than zero"),
    "ad_campaigns_daily_budget_check": _invalid(
        "ad_campaign.daily_budget", "a daily budget is greater than zero, and not above the total one"
    ),
    "ad_campaigns_daily_budget_cost_check": _invalid(
        "ad_campaign.daily_budget", "a daily budget holds one view at least"
    ),
    "ad_campaigns_cost_per_engagement_check": _invalid(
        "ad_campaign.cost_per_engagement", "a cost is not below zero, and not above the total budget"
    ),
    "ad_campaigns_rounding_unit_check": _invalid(
        "ad_campaign.amount", "an amount is no multiple of the currency's smallest one"
    ),
    "ad_campaigns_budget_below_spent_check": _conflict(
        "ad_campaign.budget_below_spent", "more is spent already than this budget"
    ),
    "ad_campaign_targets_value_check": _invalid("ad_campaign.target", "a target's value is none of its dimension"),
    "ad_campaign_targets_campaign_id_dimension_value_key": _invalid(
        "ad_campaign.target", "a target is named twice, or both wanted and excluded"
    ),
    "ad_campaign_windows_time_check": _invalid("ad_campaign.window", "a window ends before it begins"),
    "ad_campaign_windows_campaign_id_weekday_from_time_key": _invalid(
        "ad_campaign.window", "two windows begin at the same time"
    ),
    "advertisements_status_transition_check": _conflict("ad.status", "what is archived stays archived"),
    "advertisements_active_is_approved_check": not_approved,
    "advertisements_second_person_check": own_approval,
    "advertisements_changer_check": own_approval,
    "advertisements_title_check": _invalid("ad.title", "the title holds nothing that can be seen"),
    "advertisements_description_check": _invalid("ad.description", "the description holds nothing to be seen"),
    "advertisements_body_text_check": _invalid("ad.body_text", "the text holds nothing that can be seen"),
    "advertisements_content_check": _invalid(
        "ad.content", "a text has its text and no media; any other format has media"
    ),
    "advertisements_media_type_check": _invalid("ad.media_type", "the media are not of the format's kind"),
    "advertisements_media_url_check": _invalid("ad.media_url", "this is no address of media"),
    "advertisements_media_url_https_check": _invalid("ad.media_url", "media come by https alone"),
    "advertisements_media_address_check": _invalid("ad.media", "media at a URL need their hash and their size"),
    "advertisements_click_url_check": _invalid("ad.click_url", "this is no address"),
    "advertisements_click_url_https_check": _invalid("ad.click_url", "a click leads to https alone"),
    "advertisements_skip_after_s_check": _invalid("ad.skip_after_s", "it may be skipped before its end, or never"),
}
