"""Phone numbers: what people type becomes strict E.164, or is refused with the reason. Pure."""

from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberType

from gasolinera.errors import InputError

MAX_TYPED = 40
_TYPED: Final = frozenset("+0123456789 ()-.\u00a0\u2010\u2011")
# Numbers that cost whoever sends, or that no text message reaches.
_REFUSED_TYPES: Final = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
        PhoneNumberType.VOIP,
        PhoneNumberType.FIXED_LINE,
    }
)
# +1 is shared with islands whose messages cost many times as much: a favourite of those who earn by messages sent.
_NORTH_AMERICA: Final = 1
_NORTH_AMERICAN_REGIONS: Final = frozenset({"US", "CA", "PR"})


def normalize_phone(typed: str, countries: frozenset[str]) -> str:
    """Strict E.164 of a number with its country code. `countries` are the prefixes served, such as `+52`.

    Raises InputError `phone.malformed`, `phone.impossible`, `phone.country_not_served` or `phone.not_mobile`.
    """
    number = _parse(typed)
    if not phonenumbers.is_possible_number(number):
        raise InputError("phone.impossible", "no phone has this number", "check its digits")
    region = phonenumbers.region_code_for_number(number)
    is_island = number.country_code == _NORTH_AMERICA and region not in _NORTH_AMERICAN_REGIONS
    if f"+{number.country_code}" not in countries or is_island:
        raise InputError("phone.country_not_served", "numbers of this country cannot be used here")
    if not phonenumbers.is_valid_number(number):
        raise InputError("phone.impossible", "no phone has this number", "check its digits")
    if phonenumbers.number_type(number) in _REFUSED_TYPES:
        raise InputError("phone.not_mobile", "this number takes no text messages", "use a mobile phone's number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def with_country(typed: str, prefix: str) -> str:
    """What somebody typed beside a choice of country: `55 1234 5678` of `+52` is written with it; a `+` stays as it is.

    Says nothing about whether it is a phone number: `normalize_phone` does.
    """
    plain = typed.strip()
    if plain.startswith("+") or len(plain) > MAX_TYPED or not set(plain) <= _TYPED:
        return plain
    if plain.startswith("00"):
        return f"+{plain[2:]}"
    region = phonenumbers.region_code_for_country_code(int(prefix.removeprefix("+")))
    try:
        number = phonenumbers.parse(plain, region)
    except NumberParseException:
        return plain
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def shown_phone(phone_number: str) -> str:
    """`+52 55 5100 0051` of a number that normalize_phone gave: in groups, as people read and compare them."""
    return phonenumbers.format_number(
        phonenumbers.parse(phone_number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )


def country_prefix(phone_number: str) -> str:
    """`+52` of a number that normalize_phone gave."""
    return f"+{phonenumbers.parse(phone_number, None).country_code}"


def _parse(typed: str) -> PhoneNumber:
    malformed = InputError(
        "phone.malformed", "this is no phone number", "write it with its country code, such as +52 55 1234 5678"
    )
    # The library also reads letters, extensions and digits of other scripts; two ways to write one login are one
    # too many to explain.
    is_plain = typed.strip().startswith("+") and typed.count("+") == 1 and set(typed) <= _TYPED
    if len(typed) > MAX_TYPED or not is_plain:
        raise malformed
    try:
        return phonenumbers.parse(typed, None)
    except NumberParseException:
        raise malformed from None
