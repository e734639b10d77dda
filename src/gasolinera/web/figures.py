"""How people read numbers, money and times: by the language of the page, and the zone of the place."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal, format_percent

_LOCALES: Final = {"es": "es_MX", "en": "en_US"}
_UNITS: Final = {"CRC": 0}  # the rounding unit of a currency, where it is not the hundredth
_NOTHING: Final = "\N{EN DASH}"
_PERCENT: Final = "#,##0.#\N{NO-BREAK SPACE}%"
_NARROW: Final = "\N{NARROW NO-BREAK SPACE}"


def filters_of(language: str, zone: str) -> Mapping[str, Callable[..., str]]:
    """The filters of a page; `zone` is meant where a template names none."""
    locale = _LOCALES[language]

    def money(amount: Decimal | None, currency: str) -> str:
        """With the currency's code: three currencies of our countries have signs that others have too."""
        if amount is None:
            return _NOTHING
        digits = _UNITS.get(currency, 2)
        shown = format_decimal(round(amount, digits), format=f"#,##0.{'0' * digits}".rstrip("."), locale=locale)
        return f"{currency}\N{NO-BREAK SPACE}{shown}"

    def number(value: Any) -> str:
        return _NOTHING if value is None else _plain(format_decimal(value, locale=locale))

    def percent(share: Any) -> str:
        """Of a share: 0.125 is 12.5 %."""
        return _NOTHING if share is None else _plain(format_percent(share, format=_PERCENT, locale=locale))

    def moment(at: datetime | None, place: str | None = None) -> str:
        if at is None:
            return _NOTHING
        return _plain(format_datetime(at, "d MMM y, HH:mm", ZoneInfo(place or zone), locale))

    def day(at: date | None, place: str | None = None) -> str:
        if isinstance(at, datetime):
            at = at.astimezone(ZoneInfo(place or zone)).date()
        return _NOTHING if at is None else format_date(at, "d MMM y", locale)

    def clock(at: datetime | None, place: str | None = None) -> str:
        return _NOTHING if at is None else _plain(format_time(at, "HH:mm", ZoneInfo(place or zone), locale))

    return {"money": money, "number": number, "percent": percent, "moment": moment, "day": day, "clock": clock}


def sheet_moment(at: datetime, zone: str) -> str:
    """The minute by the clocks of a place, in the way that every spreadsheet sorts."""
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _plain(text: str) -> str:
    """Babel puts narrow blanks into English times, which some fonts of phones draw as boxes."""
    return text.replace(_NARROW, "\N{NO-BREAK SPACE}")
