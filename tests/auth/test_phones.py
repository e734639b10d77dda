"""What people type as their phone number."""

import re
from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasolinera.auth.phones import country_prefix, normalize_phone, shown_phone, with_country
from gasolinera.errors import InputError

SERVED = frozenset(["+52", "+506", "+502", "+503", "+504", "+505", "+507", "+501", "+1"])
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
BETWEEN = st.sampled_from(["", " ", "-", ".", " - ", "\u00a0", "\u2011"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+52 55 1234 5678", "+525512345678"),
        ("+52 (55) 1234-5678", "+525512345678"),
        (" +506 8888-1111 ", "+50688881111"),
        ("+1 202 555 0123", "+12025550123"),
        ("+502.5555.1234", "+50255551234"),
    ],
)
def test_blanks_and_signs_between_the_digits_do_not_matter(typed: str, stored: str) -> None:
    assert normalize_phone(typed, SERVED) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "phone.malformed"),
        ("5512345678", "phone.malformed"),
        ("0052 55 1234 5678", "phone.malformed"),
        ("+52 55 1234 5678 ext. 3", "phone.malformed"),
        ("+52 55 CALL ME NOW", "phone.malformed"),
        ("+٥٢٥٥١٢٣٤٥٦٧٨", "phone.malformed"),
        ("+" + "5" * 40, "phone.malformed"),
        ("++525512345678", "phone.malformed"),
        ("+999 1234567", "phone.malformed"),
        ("+52 55 1234 567", "phone.impossible"),
        ("+52 1 55 1234 5678", "phone.impossible"),
        ("+506 9001 2345", "phone.impossible"),
        ("+44 20 7946 0000", "phone.country_not_served"),
        ("+1 809 555 1234", "phone.country_not_served"),  # the Dominican Republic shares +1
        ("+1 876 555 1234", "phone.country_not_served"),  # and Jamaica
        ("+1 900 555 1234", "phone.not_mobile"),
        ("+1 800 555 1234", "phone.not_mobile"),
        ("+52 900 123 4567", "phone.not_mobile"),
        ("+506 2222 1111", "phone.not_mobile"),
    ],
)
def test_a_number_that_no_message_should_go_to_is_refused_with_the_reason(typed: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        normalize_phone(typed, SERVED)
    assert refused.value.code == code


def test_a_country_is_served_by_setting_alone() -> None:
    with pytest.raises(InputError) as refused:
        normalize_phone("+525512345678", frozenset({"+506"}))
    assert refused.value.code == "phone.country_not_served"


@given(st.from_regex(r"\+52(55|33|81)[2-8][0-9]{7}", fullmatch=True), st.lists(BETWEEN, min_size=12, max_size=12))
def test_every_way_to_write_a_number_is_the_same_login(number: str, gaps: list[str]) -> None:
    typed = number[0] + "".join(digit + gap for digit, gap in zip(number[1:], gaps, strict=True))
    if len(typed) <= 40:
        assert normalize_phone(typed, SERVED) == normalize_phone(number, SERVED) == number


@given(st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet=printable, max_size=60))
def test_whatever_is_typed_is_strict_or_refused(typed: str) -> None:
    try:
        found = normalize_phone(typed, SERVED)
    except InputError:
        return
    assert E164.fullmatch(found)


@given(st.from_regex(r"\+[0-9]{5,16}", fullmatch=True))
def test_what_was_normalised_stays_as_it_is(typed: str) -> None:
    try:
        found = normalize_phone(typed, SERVED)
    except InputError:
        return
    assert normalize_phone(found, SERVED) == found
    assert country_prefix(found) in SERVED
    assert found.startswith(country_prefix(found))


@pytest.mark.parametrize(
    ("typed", "prefix", "whole"),
    [
        ("55 1234 5678", "+52", "+525512345678"),
        ("(55) 1234-5678", "+52", "+525512345678"),
        ("8888 8888", "+506", "+50688888888"),
        ("0052 55 1234 5678", "+506", "+52 55 1234 5678"),
        ("+1 787 555 0123", "+52", "+1 787 555 0123"),
        ("ana", "+52", "ana"),
        ("1" * 50, "+52", "1" * 50),
    ],
)
def test_a_number_beside_a_choice_of_country_is_written_whole(typed: str, prefix: str, whole: str) -> None:
    assert with_country(typed, prefix) == whole


def test_a_number_is_shown_in_groups() -> None:
    assert shown_phone("+525551000051") == "+52 55 5100 0051"
    assert shown_phone("+50688888888") == "+506 8888 8888"
