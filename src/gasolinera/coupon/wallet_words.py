"""What a coupon gives, where, when and until when, in the words of its owner's language.

The words of the same terms are the same in hundreds of coupons: they are made once.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from gasolinera.coupon.models_campaigns import Period
from gasolinera.coupon.models_wallet import CouponOnItsPage, OfferToTake, Terms
from gasolinera.web.figures import filters_of
from gasolinera.wording import load_wording

WORDING: Final = load_wording("gasolinera.coupon", "wallet")
_WEEKDAYS: Final = 7
_FUELS: Final = 3
_KEPT: Final = 4096
_SOON_DAYS: Final = 14


class TermsInWords(msgspec.Struct, frozen=True):
    """`gives` is the headline; `limits` and `purchase` are about money, the rest about where and when."""

    gives: str
    limits: str
    purchase: str
    fuels: str
    days: str
    hours: str
    stations: str

    def in_short(self) -> str:
        """Only what narrows it down, in one line."""
        line = " · ".join(part for part in (self.limits, self.purchase) if part)
        return line[:1].upper() + line[1:]


def words_of(terms: Terms, language: str) -> TermsInWords:
    return _words(
        language,
        terms.discount_type,
        terms.discount_value,
        terms.maximum_discount,
        terms.minimum_purchase,
        terms.currency,
        terms.weekdays,
        terms.daily_from,
        terms.daily_until,
        terms.fuel_types,
        None if terms.stations is None else len(terms.stations),
    )


@lru_cache(_KEPT)
def _words(  # noqa: PLR0913, PLR0917  what the words depend on, and nothing else
    language: str,
    discount_type: str,
    value: Decimal,
    maximum: Decimal | None,
    minimum: Decimal,
    currency: str,
    weekdays: tuple[int, ...],
    daily_from: str | None,
    daily_until: str | None,
    fuels: tuple[str, ...],
    stations: int | None,
) -> TermsInWords:
    def say(name: str, **arguments: str | int) -> str:
        return WORDING.text(language, name, arguments)

    figures = filters_of(language, "UTC")
    if discount_type == "PERCENTAGE":
        gives = say("gives-percent", value=figures["percent"](value / 100))
    else:
        gives = say("gives-amount", value=figures["money"](value, currency))
    return TermsInWords(
        gives=gives,
        limits="" if maximum is None else say("at-most", value=figures["money"](maximum, currency)),
        purchase=say("from-purchase", value=figures["money"](minimum, currency)) if minimum else say("any-purchase"),
        fuels=say("fuel-all")
        if len(fuels) == _FUELS
        else say("fuel-only", fuels=_listed(language, _fuels(language, fuels))),
        days=_days(language, sorted(weekdays)),
        hours=say("hours-all")
        if not (daily_from and daily_until)
        else say("hours-range", **{"from": daily_from, "until": daily_until}),
        stations=say("stations-all") if stations is None else say("stations-some", count=stations),
    )


def _fuels(language: str, fuels: Sequence[str]) -> list[str]:
    return [WORDING.text(language, f"fuel-{fuel}") for fuel in ("REGULAR", "PREMIUM", "DIESEL") if fuel in fuels]


def _days(language: str, weekdays: Sequence[int]) -> str:
    if len(weekdays) == _WEEKDAYS:
        return WORDING.text(language, "days-all")
    if weekdays == [6, 7]:
        return WORDING.text(language, "days-weekend")
    names = [WORDING.text(language, f"day-{day}") for day in weekdays]
    if len(names) > 2 and weekdays[-1] - weekdays[0] == len(weekdays) - 1:
        return WORDING.text(language, "days-range", {"first": names[0], "last": names[-1]})
    text = _listed(language, names)
    return text[:1].upper() + text[1:]


def _listed(language: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return WORDING.text(language, "and", {"first": ", ".join(names[:-1]), "last": names[-1]})


# Times -----------------------------------------------------------------------------------------------------------


def until_in_words(valid_until: datetime, zone: str, language: str, now: datetime) -> str:
    """When it ends, as near as it is. What ends at midnight is good on the day before alone."""
    place = _zone(zone)
    last = (valid_until - timedelta(microseconds=1)).astimezone(place)
    if valid_until <= now:
        return _day_text("until-over", language, last.date())
    days = (last.date() - now.astimezone(place).date()).days
    if days == 0:
        clock = f"{valid_until.astimezone(place):%H:%M}"
        return WORDING.text(language, "until-today", {"clock": "24:00" if clock == "00:00" else clock})
    if days <= _SOON_DAYS:
        return _soon(language, days)
    return _day_text("until-day", language, last.date())


def from_in_words(valid_from: datetime, zone: str, language: str) -> str:
    return _day_text("from-day", language, valid_from.astimezone(_zone(zone)).date())


def window_in_words(valid_from: datetime, valid_until: datetime, zone: str, language: str) -> str:
    place = _zone(zone)
    first = valid_from.astimezone(place).date()
    last = (valid_until - timedelta(microseconds=1)).astimezone(place).date()
    return WORDING.text(language, "window", {"first": _day(language, first), "last": _day(language, last)})


@lru_cache(_KEPT)
def _soon(language: str, days: int) -> str:
    return (
        WORDING.text(language, "until-tomorrow") if days == 1 else WORDING.text(language, "until-days", {"count": days})
    )


@lru_cache(_KEPT)
def _day_text(name: str, language: str, day: date) -> str:
    return WORDING.text(language, name, {"day": _day(language, day)})


@lru_cache(_KEPT)
def _day(language: str, day: date) -> str:
    return filters_of(language, "UTC")["day"](day)


@lru_cache(256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


# Limits ----------------------------------------------------------------------------------------------------------


def limits_in_words(of: CouponOnItsPage | OfferToTake, language: str) -> list[str]:
    """How often one person may use the campaign, and how often this one has. Empty: as often as there are coupons."""
    lines: list[str] = []
    if of.per_user_usage_limit is not None:
        used = WORDING.text(language, "limit-used", {"count": of.used_of_campaign})
        lines.append(f"{WORDING.text(language, 'limit-user', {'limit': of.per_user_usage_limit})}: {used}")
    if of.per_user_period is not None and of.per_user_period_limit is not None:
        lines.append(_per_period(language, of.per_user_period, of.per_user_period_limit))
    return lines


def _per_period(language: str, period: Period, limit: int) -> str:
    return WORDING.text(language, f"limit-{period}", {"limit": limit})


def now_utc() -> datetime:
    return datetime.now(UTC)
